// How a model answers a picture or a text: one reader a task.

import * as answers from "./answers.js";
import { fixedStates, generate, greedySearch, initialState, speaking, stepOf } from "./decoding.js";
import { valuesOf } from "./pixels.js";
import { cutLike, END, fold, PADDING, spell, START, tokenize, UNKNOWN, Vocabulary } from "./text.js";

const TOP = 5; // classes shown
const FORBIDDEN = [PADDING, UNKNOWN]; // what a language model may not write

const PICTURES = {
  classifier: imageClassifier,
  localizer,
  detector,
  segmenter,
  image_to_image: painter,
  captioner,
};
const TEXTS = {
  text_classifier: textClassifier,
  tagger,
  translator,
  language_model: languageModel,
  decoder_step: decoderStep,
};

/**
 * Makes a reader: {kind: "picture" or "text", what, answer}.
 *
 * A picture's `answer` takes pixels of `shape`, a text's the text; each gives {rows}, {tags}, {said} or
 * {painted}, and perhaps {boxes}, {map}. A row is {name, probability}.
 *
 * @param {Model} model What answers; the encoder where there are two.
 * @param {object} beside {task, settings, labels, text, step, inputs}: what the model is for; settings of the
 *   suite; class names (undefined where a class has none) or null; what reads a file beside the model; the step
 *   of its decoder or null; what result.json says of the inputs.
 * @returns {Promise<object>} The reader; an error says in one line why there is none.
 */
export async function readerOf(model, beside) {
  const [{ shape }] = model.inputs;
  const takesPicture = model.inputs.length === 1 && shape.length === 4 && [1, 3].includes(shape[3]);
  if (beside.task in TEXTS) return TEXTS[beside.task](model, beside);
  if (beside.task in PICTURES && takesPicture) {
    const take = pixelTaker(model.inputs[0], beside);
    return { kind: "picture", shape, ...(await PICTURES[beside.task](model, beside, take)) };
  }
  if (takesPicture) {
    const gives = model.outputs.map(({ name, shape: sides }) => `${name} (${sides})`).join(", ");
    throw new Error(
      `this page does not draw the answer of a model that gives ${gives}; \`suite predict\` may`,
    );
  }
  const takes = model.inputs.map(({ name, dtype, shape: sides }) => `${name} ${dtype} (${sides})`).join(", ");
  throw new Error(
    `this page has no form for a model that takes ${takes}; use \`suite predict\` or \`suite benchmark\``,
  );
}

function imageClassifier(model, beside, take) {
  const [output] = model.outputs;
  const labels = labelsFor(output, beside);
  const answer = async (pixels) => {
    const outputs = await model.run(take(pixels));
    return { rows: answers.bestClasses(outputs[output.name], labels, TOP) };
  };
  return { what: "names what it sees", answer };
}

function localizer(model, beside, take) {
  const labels = labelsFor(
    model.outputs.find(({ name }) => name === "probabilities"),
    beside,
  );
  const answer = async (pixels) => {
    const { probabilities, box } = await model.run(take(pixels));
    const rows = answers.bestClasses(probabilities, labels, TOP);
    return { rows, boxes: [{ ...rows[0], box: [...box] }] };
  };
  return { what: "names and finds one thing", answer };
}

function detector(model, beside, take) {
  const labels = needed(beside.labels);
  const answer = async (pixels) => {
    const rows = answers.detections(await model.run(take(pixels)), labels, beside.settings.min_score);
    return { rows, boxes: rows };
  };
  return { what: "finds things", answer };
}

function segmenter(model, beside, take) {
  const [output] = model.outputs;
  const labels = labelsFor(output, beside);
  const [, height, width, classes] = output.shape;
  const answer = async (pixels) => {
    const map = answers.classMap((await model.run(take(pixels)))[output.name], classes);
    return { rows: answers.shares(map, labels, TOP), map: { labels: map, height, width } };
  };
  return { what: "gives each pixel a class", answer };
}

function painter(model, beside, take) {
  const [output] = model.outputs;
  const [, height, width] = output.shape;
  const answer = async (pixels) => {
    const outputs = await model.run(take(pixels));
    return { painted: { colors: outputs[output.name], height, width } };
  };
  return { what: "repaints it", answer };
}

async function captioner(model, beside, take) {
  const write = await sentenceWriter(model, beside);
  return { what: "says what it sees", answer: (pixels) => write(take(pixels)) };
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

async function sentenceWriter(encoder, { step, text, settings }) {
  if (!step)
    throw new Error("expected the step of a decoder beside the encoder, found none; export the pair");
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
    return { said: words.sentence((await greedySearch(next, state, start, end, settings.max_tokens)).ids) };
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

function decoderStep(model) {
  const fixed = fixedStates(model).join(", ") || "its states";
  throw new Error(`this is the step of a decoder, which takes ${fixed} of an encoder; choose the encoder`);
}

async function languageModel(model, beside) {
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
    tokens: beside.settings.continuation[words.spells ? "character" : "word"],
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
    throw new Error(
      `expected ${count} class names in labels.txt, received ${labels.length}; export it again`,
    );
  }
  return labels;
}
