// How a model answers a picture or a text, by the names and shapes of its inputs and outputs.

import * as answers from "./answers.js";
import { fixedStates, generate, greedySearch, initialState, isStep, speaking, stepOf } from "./decoding.js";
import { valuesOf } from "./pixels.js";
import { cutLike, END, fold, PADDING, spell, START, tokenize, UNKNOWN, Vocabulary } from "./text.js";

const TOP = 5; // classes shown
const SURE = 0.3; // score from which a detection is shown
const LONGEST = 60; // tokens of a sentence
const FORBIDDEN = [PADDING, UNKNOWN]; // what a language model may not write

/**
 * Makes a reader: {kind: "picture" or "text", what, answer}.
 *
 * A picture's `answer` takes pixels of `shape`, a text's the text; each gives {rows}, {tags}, {said} or
 * {painted}, and perhaps {boxes}, {map}. A row is {name, probability}.
 *
 * @param {Model} model What answers; the encoder where there are two.
 * @param {object} beside {labels, text, step, inputs}: class names (undefined where a class has none) or null;
 *   what reads a file beside the model; the step of its decoder or null; what result.json says of the inputs.
 * @returns {Promise<object>} The reader; an error says in one line why there is none.
 */
export async function readerOf(model, beside) {
  const names = model.inputs
    .map(({ name }) => name)
    .sort()
    .join(" ");
  const { shape } = model.inputs[0];
  if (model.inputs.length === 1 && shape.length === 4 && [1, 3].includes(shape[3]))
    return pictureReader(model, beside);
  if (names === "source" && beside.step) return translator(model, beside);
  if (names === "tokens") return textClassifier(model, beside);
  if (names === "words" || names === "characters words") return tagger(model, beside);
  if (isStep(model)) return writer(model, beside);
  const takes = model.inputs.map(({ name, dtype, shape: sides }) => `${name} ${dtype} (${sides})`).join(", ");
  throw new Error(
    `this page has no form for a model that takes ${takes}; use \`suite predict\` or \`suite benchmark\``,
  );
}

async function pictureReader(model, beside) {
  const [input] = model.inputs;
  const take = pixelTaker(input, beside);
  const run = (pixels) => model.run(take(pixels));
  const reader = (what, answer) => ({ kind: "picture", what, shape: input.shape, answer });
  if (beside.step) {
    const write = await sentenceWriter(model, beside);
    return reader("says what it sees", (pixels) => write(take(pixels)));
  }
  const kind = answers.imageKind(model.outputs);
  if (kind === null) {
    const gives = model.outputs.map(({ name, shape }) => `${name} (${shape})`).join(", ");
    throw new Error(
      `this page does not draw the answer of a model that gives ${gives}; \`suite predict\` may`,
    );
  }
  if (kind === "detector") {
    const labels = needed(beside.labels);
    return reader("finds things", async (pixels) => {
      const rows = answers.detections(await run(pixels), labels, SURE);
      return { rows, boxes: rows };
    });
  }
  if (kind === "painter") {
    const [, height, width] = model.outputs[0].shape;
    return reader("repaints it", async (pixels) => ({ painted: { ...(await run(pixels)), height, width } }));
  }
  const output = model.outputs.find(({ name }) => model.outputs.length === 1 || name === "probabilities");
  const labels = labelsFor(output, beside);
  if (kind === "segmenter") {
    const [, height, width, classes] = output.shape;
    return reader("gives each pixel a class", async (pixels) => {
      const map = answers.classMap((await run(pixels))[output.name], classes);
      return { rows: answers.shares(map, labels, TOP), map: { labels: map, height, width } };
    });
  }
  return reader(kind === "localizer" ? "names and finds one thing" : "names what it sees", async (pixels) => {
    const outputs = await run(pixels);
    const rows = answers.bestClasses(outputs[output.name], labels, TOP);
    return outputs.box ? { rows, boxes: [{ ...rows[0], box: [...outputs.box] }] } : { rows };
  });
}

// From pixels to an input: as they are, or in the range of floats that the bundle records.
function pixelTaker({ name, dtype }, { inputs }) {
  if (dtype === "uint8") return (pixels) => ({ [name]: pixels });
  const range = inputs?.[name]?.range;
  if (!range)
    throw new Error(
      `it is not known which values of ${name} are black and white; ` +
        "export the model again with --scale, such as --scale 0..1",
    );
  return (pixels) => ({ [name]: valuesOf(pixels, range) });
}

async function sentenceWriter(encoder, { step, text }) {
  const words = new Vocabulary(await text("../decoder_step/vocabulary.txt"));
  const [start, end] = words.encode([START, END]);
  const run = stepOf((inputs) => step.run(inputs));
  const next = speaking(run, start, end, FORBIDDEN);
  return async (inputs) => {
    const encoded = { ...inputs, ...(await encoder.run(inputs)) };
    const names = Object.keys(initialState(step));
    const missing = names.filter((name) => !(name in encoded));
    if (missing.length)
      throw new Error(`expected an encoder that gives ${missing.join(", ")}; export the pair again`);
    const state = Object.fromEntries(names.map((name) => [name, encoded[name]]));
    return { said: words.sentence((await greedySearch(next, state, start, end, LONGEST)).ids) };
  };
}

async function translator(model, beside) {
  const [source] = model.inputs;
  const words = new Vocabulary(await beside.text("vocabulary.txt"));
  const write = await sentenceWriter(model, beside);
  return textReader("translates", "Translate", async (text) => {
    const tokens = words.spells ? [...text] : tokensOf(text);
    const most = source.shape[1];
    if (!tokens.length || tokens.length > most) {
      throw new Error(`expected a text of 1 to ${most} tokens, received ${tokens.length}; change it`);
    }
    return write({ [source.name]: words.encode(tokens, most) });
  });
}

async function textClassifier(model, beside) {
  const [input] = model.inputs;
  const [output] = model.outputs;
  const labels = labelsFor(output, beside);
  const words = new Vocabulary(await beside.text("vocabulary.txt"));
  return textReader("classifies a text", "Classify", async (text) => {
    const outputs = await model.run({ [input.name]: words.encode(tokensOf(text), input.shape[1]) });
    return { rows: answers.bestClasses(outputs[output.name], labels, TOP) };
  });
}

async function tagger(model, beside) {
  const [output] = model.outputs;
  const labels = labelsFor(output, beside);
  const shapes = Object.fromEntries(model.inputs.map(({ name, shape }) => [name, shape]));
  const length = shapes.words[1];
  const known = new Vocabulary(await beside.text("vocabulary.txt"));
  const spelled = shapes.characters && new Vocabulary(await beside.text("characters.txt"));
  const encode = (piece) => {
    const inputs = { words: known.encode(piece.map(fold), length) };
    if (!spelled) return inputs;
    const letters = shapes.characters[2];
    inputs.characters = new Int32Array(length * letters);
    piece.forEach((word, row) =>
      inputs.characters.set(spelled.encode(spell(word, letters), letters), row * letters),
    );
    return inputs;
  };
  return textReader("tags each word", "Tag", async (text) => {
    const words = some(cutLike(text, known.ids));
    const tags = [];
    for (let at = 0; at < words.length; at += length) {
      const piece = words.slice(at, at + length);
      const probabilities = (await model.run(encode(piece)))[output.name];
      piece.forEach((word, row) => {
        const each = probabilities.subarray(row * labels.length, (row + 1) * labels.length);
        const [{ name, probability }] = answers.bestClasses(each, labels, 1);
        tags.push({ word, tag: name, probability });
      });
    }
    return { tags };
  });
}

async function writer(model, beside) {
  const fixed = fixedStates(model);
  if (fixed.length)
    throw new Error(
      `this is the step of a decoder, which takes ${fixed.join(", ")} of an encoder; choose the encoder`,
    );
  const words = new Vocabulary(await beside.text("vocabulary.txt"));
  const step = stepOf((inputs) => model.run(inputs));
  const answer = async (text, { temperature, tokens, onText }) => {
    const read = words.spells ? [...text] : tokensOf(text);
    const beginning = words.ids.has("\n") ? ["\n"] : []; // a text begins after a break
    const ids = [];
    const onToken = (token) => {
      ids.push(token);
      return onText(words.sentence(ids));
    };
    const settings = { temperature, forbidden: FORBIDDEN, random: Math.random, onToken };
    await generate(step, initialState(model), words.encode([...beginning, ...read]), tokens, settings);
    return { said: words.sentence(ids) };
  };
  return {
    ...textReader("goes on with a text", "Go on", answer),
    samples: true,
    tokens: words.spells ? 120 : 30,
  };
}

function textReader(what, verb, answer) {
  return { kind: "text", what, verb, answer };
}

function tokensOf(text) {
  return some(tokenize(text));
}

function some(tokens) {
  if (!tokens.length) throw new Error("expected a text with at least one word, received none; write one");
  return tokens;
}

function needed(labels) {
  if (!labels)
    throw new Error("expected the class names in labels.txt, found no such file; put it beside the model");
  return labels;
}

function labelsFor(output, { labels }) {
  const count = output.shape.at(-1);
  if (needed(labels).length !== count) {
    throw new Error(`expected ${count} class names in labels.txt, received ${labels.length}; export it again`);
  }
  return labels;
}
