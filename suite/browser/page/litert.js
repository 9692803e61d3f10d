// LiteRT in the browser: plain arrays by name in, plain arrays by name out.

import { loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";

import { fasterOf } from "./contest.js";

const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
export const RUNTIME = new URL("litert/core/wasm/", document.baseURI).href;

let loading;

// Threads need shared memory, which a page has only on https or localhost, of a host that isolates it.
async function load() {
  const simd = await supportsFeature("relaxedSimd");
  const threads = self.crossOriginIsolated && simd && (await supportsFeature("threads"));
  const gpu = await hasGpu();
  // What a GPU leaves to the processor goes there and back, which takes a program that can wait.
  const jspi = gpu && !threads && simd && (await supportsFeature("jspi"));
  await loadLiteRt(RUNTIME, { threads, jspi });
  return { threads, gpu, jspi };
}

async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info.isFallbackAdapter; // that one is the processor
}

/** Loads the runtime, once. */
export function ready() {
  loading ??= load();
  return loading;
}

/** A .tflite file, ready to run. */
export class Model {
  /**
   * @param {CompiledModel} compiled
   * @param {object} [quantized] {name: [scale, zero point]} of inputs and outputs that are integers and stand for
   *   real numbers: they are float32 here.
   */
  constructor(compiled, quantized = {}) {
    this.compiled = compiled;
    this.quantized = quantized;
    this.place = ""; // where it runs, unless that is the processor
    this.runners = compiled.signatures;
    const names = Object.keys(this.runners);
    this.signature = ["serving_default", "infer"].find((name) => names.includes(name)) ?? names[0];
    this.inputs = this.real(details(this.runners[this.signature].getInputDetails()));
    this.outputs = this.real(details(this.runners[this.signature].getOutputDetails()));
    this.last = Promise.resolve();
  }

  /** Fetches and compiles a file; what answers a picture runs on the GPU where that is as right, and faster. */
  static async load(url, quantized) {
    const [answer, { gpu }] = await Promise.all([fetch(url), ready()]);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const content = new Uint8Array(await answer.arrayBuffer());
    const model = new Model(await loadAndCompile(content, { accelerator: "wasm" }), quantized);
    const takesPicture = Object.keys(model.runners).length === 1 && model.inputs[0]?.shape.length === 4;
    return gpu && takesPicture ? fasterOf(model, () => Model.onGpu(content, quantized)) : model;
  }

  static async onGpu(content, quantized) {
    const compiled = await loadAndCompile(content, { accelerator: "webgpu" });
    const [{ jspi }, whole] = [await ready(), compiled.isFullyAccelerated];
    if (!whole && !jspi) {
      compiled.delete();
      throw new Error("all of it runs on the processor");
    }
    const model = new Model(compiled, quantized);
    model.place = whole ? "on the GPU" : "partly on the GPU";
    return model;
  }

  real(tensors) {
    return tensors.map((each) => (each.name in this.quantized ? { ...each, dtype: "float32" } : each));
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
        new Tensor(asArray(this.integers(name, inputs[name]), ARRAYS[dtype]), shape),
      ]),
    );
    try {
      const outputs = await runner.run(tensors);
      const arrays = [];
      for (const [name, tensor] of Object.entries(outputs)) {
        arrays.push([name, this.numbers(name, await tensor.data())]);
        tensor.delete();
      }
      return Object.fromEntries(arrays);
    } finally {
      Object.values(tensors).forEach((tensor) => tensor.delete());
    }
  }

  integers(name, values) {
    if (!(name in this.quantized)) return values;
    const [scale, zero] = this.quantized[name];
    return Uint8Array.from(values, (value) => Math.min(Math.max(Math.round(value / scale + zero), 0), 255));
  }

  numbers(name, values) {
    if (!(name in this.quantized)) return values;
    const [scale, zero] = this.quantized[name];
    return Float32Array.from(values, (value) => (value - zero) * scale);
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
