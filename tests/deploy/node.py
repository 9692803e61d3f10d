"""Runs generated JavaScript in node, with LiteRT in Python behind a stand-in for `@litertjs/core`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

STUB = """
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
const server = spawn(process.env.PYTHON, [process.env.SERVER]);
server.stderr.pipe(process.stderr);
const replies = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
export class Tensor {
  constructor(values, shape) { Object.assign(this, { values, shape }); }
  async data() { return this.values; }
  delete() { this.values = null; }
}
let loaded;
export const getGlobalLiteRtPromise = () => loaded;
export const loadLiteRt = (path) => {
  if (loaded) throw new Error('LiteRT is already loading / loaded.');
  return (loaded = Promise.resolve(path));
};
export const loadAndCompile = async (path) => ({
  async run(signature, inputs) {
    const sent = Object.fromEntries(Object.entries(inputs).map(([name, { values, shape }]) =>
      [name, [values.constructor.name.slice(0, -5).toLowerCase(), shape, [...values]]]));
    server.stdin.write(JSON.stringify([path, signature, sent]) + '\\n');
    const outputs = JSON.parse((await replies.next()).value);
    return Object.fromEntries(Object.entries(outputs).map(([name, [dtype, values]]) =>
      [name, new Tensor((dtype === 'int32' ? Int32Array : Float32Array).from(values))]));
  },
});
export const stop = () => server.kill();
"""
SERVER = """
import functools, json, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

@functools.cache
def interpreter(path):
    return Interpreter(path)

@functools.cache
def runner(path, signature):
    return interpreter(path).get_signature_runner(signature)

for line in sys.stdin:
    path, signature, inputs = json.loads(line)
    run = runner(path, signature)
    wanted = run.get_input_details()
    arrays = {}
    for name, (dtype, shape, values) in inputs.items():
        assert (shape, dtype) == (wanted[name]["shape"].tolist(), np.dtype(wanted[name]["dtype"]).name), name
        arrays[name] = np.array(values, dtype).reshape(shape)
    outputs = {name: (str(x.dtype), x.ravel().tolist()) for name, x in run(**arrays).items()}
    print(json.dumps(outputs), flush=True)
"""
MAIN = """
import { readFileSync } from 'node:fs';
import { stop } from '@litertjs/core';
import * as code from './model.mjs';
globalThis.fetch = async (path) => ({ text: async () => readFileSync(path, 'utf8') });
globalThis.OffscreenCanvas = class {
  getContext() { return { drawImage() {}, getImageData: () => ({ data: picture }) }; }
};
const { folder, argument, rgba } = JSON.parse(readFileSync('task.json', 'utf8'));
const picture = Uint8ClampedArray.from(rgba);
"""


def run_in_node(code: Path, assets: Path, folder: Path, argument, rgba: list[int], script: str):
    """Gives the last line that a script prints, which is JSON.

    Args:
        code: The file `model.js`.
        assets: Folder with the files that it loads.
        folder: An empty one to run in.
        argument: What the script finds as `argument`.
        rgba: What it finds as pixels of any picture.
        script: Runs with the exports of `model.js` in `code`.
    """
    package = folder / "node_modules/@litertjs/core"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "main": "index.js"}')
    (package / "index.js").write_text(STUB)
    (folder / "server.py").write_text(SERVER)
    (folder / "task.json").write_text(
        json.dumps({"folder": str(assets), "argument": argument, "rgba": rgba}), encoding="utf-8"
    )
    (folder / "main.mjs").write_text(MAIN + script, encoding="utf-8")
    shutil.copy(code, folder / "model.mjs")
    done = subprocess.run(
        ["node", "main.mjs"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHON": sys.executable, "SERVER": "server.py"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
