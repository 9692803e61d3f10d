// MlpKeras in a browser: npm install @litertjs/core@2.5.3; serve its wasm/ folder and, in one folder,
// model_dynamic.tflite, labels.txt, model_personal.tflite.

import { getGlobalLiteRtPromise, loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

/** Takes image: uint8 (1, 8, 8, 1); gives probabilities: float32 (1, 10). */
export async function load(folder = '.', wasm = '/wasm/') {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(wasm));  // it cannot be loaded twice
  const compile = (name) => loadAndCompile(`${folder}/${name}`, { accelerator: 'wasm' });
  const model = await compile('model_dynamic.tflite');
  const labels = await lines(`${folder}/labels.txt`);
  const run = (inputs) => call(model, 'serving_default', inputs);
  const best = (probabilities) =>
    labels.map((label, index) => ({ class: label, probability: probabilities[index] }))
      .sort((a, b) => b.probability - a.probability).slice(0, 3);

  /** The three most probable classes of a picture: an image, a canvas or a video. */
  return async (picture) => ({ classes: best((await run({ image: [pixels(picture), [1, 8, 8, 1]] })).probabilities) });
}

/** Learns its owner's classes; 10 and above are spare ones. Keep the two arrays in IndexedDB. */
export async function loadPersonal(folder = '.', wasm = '/wasm/') {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(wasm));  // it cannot be loaded twice
  const model = await loadAndCompile(`${folder}/model_personal.tflite`, { accelerator: 'wasm' });
  return {
    infer: async (picture) => (await call(model, 'infer', { image: [pixels(picture), [1, 8, 8, 1]] })).probabilities,
    /** One step on one picture; gives the loss before it. A few rounds over some ten pictures a class are enough. */
    train: async (picture, label, learningRate = 0.1) => (await call(model, 'train', {
      image: [pixels(picture), [1, 8, 8, 1]],
      label: [Int32Array.of(label), [1]],
      learning_rate: [Float32Array.of(learningRate), []],
    })).loss[0],
    weights: () => call(model, 'weights', {}),
    restore: ({ kernel, bias }) => call(model, 'restore', {
      bias: [bias, [14]],
      kernel: [kernel, [96, 14]],
    }),
  };
}

/** Runs a signature on `name: [values, shape]`; tensors live outside of JavaScript and are freed by hand. */
async function call(model, signature, inputs) {
  const tensors = {}, values = {};
  for (const [name, [array, shape]] of Object.entries(inputs)) tensors[name] = new Tensor(array, shape);
  const outputs = await model.run(signature, tensors);
  for (const [name, tensor] of Object.entries(outputs)) values[name] = (await tensor.data()).slice();
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return values;
}

/** uint8 (1, 8, 8, 1) in [0, 255]: the whole picture, stretched; the model normalizes. */
function pixels(picture) {
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, 8, 8);
  const { data } = context.getImageData(0, 0, 8, 8);  // RGBA
  const gray = (place) => 0.299 * data[4 * place] + 0.587 * data[4 * place + 1] + 0.114 * data[4 * place + 2];
  return Uint8Array.from({ length: data.length / 4 }, (_, place) => gray(place));
}

async function lines(url) {
  return (await (await fetch(url)).text()).split('\n').slice(0, -1);
}
