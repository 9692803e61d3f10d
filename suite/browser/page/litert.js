// LiteRT in the browser: plain arrays by name in, plain arrays by name out.

import { loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";

const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
const WASM = new URL("litert/core/wasm/", document.baseURI).href;

let loading;

// Threads need shared memory, which a page has only on https or localhost.
async function load() {
  const threads =
    self.crossOriginIsolated && (await supportsFeature("relaxedSimd")) && (await supportsFeature("threads"));
  await loadLiteRt(WASM, { threads });
  return threads;
}

/** Loads the runtime, once. */
export function ready() {
  loading ??= load();
  return loading;
}

/** A .tflite file, ready to run. */
export class Model {
  constructor(compiled) {
    this.compiled = compiled;
    this.runners = compiled.signatures;
    const names = Object.keys(this.runners);
    this.signature = ["serving_default", "infer"].find((name) => names.includes(name)) ?? names[0];
    this.inputs = details(this.runners[this.signature].getInputDetails());
    this.outputs = details(this.runners[this.signature].getOutputDetails());
    this.last = Promise.resolve();
  }

  /** Fetches and compiles a file; it runs on the processor, as on most phones. */
  static async load(url) {
    const [answer] = await Promise.all([fetch(url), ready()]);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    return new Model(
      await loadAndCompile(new Uint8Array(await answer.arrayBuffer()), { accelerator: "wasm" }),
    );
  }

  /** Runs a signature once, after all that were asked for before. */
  run(inputs, signature = this.signature) {
    const outputs = this.last.then(() => this.runNow(inputs, signature));
    this.last = outputs.catch(() => {});
    return outputs;
  }

  async runNow(inputs, signature) {
    const runner = this.runners[signature];
    const tensors = Object.fromEntries(
      details(runner.getInputDetails()).map(({ name, dtype, shape }) => [
        name,
        new Tensor(asArray(inputs[name], ARRAYS[dtype]), shape),
      ]),
    );
    try {
      const outputs = await runner.run(tensors);
      const arrays = Object.entries(outputs).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]);
      Object.values(outputs).forEach((tensor) => tensor.delete());
      return Object.fromEntries(arrays);
    } finally {
      Object.values(tensors).forEach((tensor) => tensor.delete());
    }
  }

  delete() {
    this.last = this.last.then(() => this.compiled.delete());
  }
}

function asArray(values, Type) {
  return values instanceof Type ? values : Type.from(values);
}

function details(tensors) {
  return tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] }));
}
