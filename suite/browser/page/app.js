// Reads result.json, offers the models and variants of the bundle, and lets the chosen one answer.

import { median } from "./answers.js";
import { Model, ready, RUNTIME } from "./litert.js";
import { keepOffline } from "./offline.js";
import { PersonalModel } from "./personal.js";
import { PictureForm } from "./picture_form.js";
import { readerOf } from "./readers.js";
import { element, showAnswer } from "./show.js";
import { TeachForm } from "./teach.js";
import { TextForm } from "./text_form.js";

const PERSONAL = "personal";
const [ENCODER, STEP] = ["encoder", "decoder_step"];
const RUNS = 20; // of which the latency is the median

const at = Object.fromEntries(
  [
    "title",
    "summary",
    "choice",
    "models",
    "model",
    "variants",
    "status",
    "problem",
    "picture",
    "text",
    "answer",
    "latency",
    "offline",
  ].map((id) => [id, document.getElementById(id)]),
);
let reader = null; // of the chosen variant
let shown = null; // the chosen model of the bundle
let latencies = [];
let about = null; // the task of each file, and settings of the suite
let choices = 0; // made so far: what belongs to an earlier one comes too late

const report = (message) => {
  at.problem.textContent = message;
};
const pictures = new PictureForm({ onPicture: answerPicture, report });
const teaching = new TeachForm({ camera: pictures, report, onChange: showPersonal });
const texts = new TextForm({ onText: answerText });

start().catch((failure) => {
  at.status.textContent = "";
  report(failure.message);
});

async function start() {
  ready().catch(() => {}); // loads while the rest does; a failure shows with the first model
  const [answer, told] = await Promise.all([fetch("bundle/result.json"), fetch("about.json")]);
  if (!answer.ok || !told.ok)
    throw new Error("expected a bundle, found no result.json; start `suite preview` again");
  const result = await answer.json();
  about = await told.json();
  document.title = `${result.name} · suite preview`;
  at.title.textContent = result.name;
  at.summary.textContent = [result.kind, ...metrics(result)].join(" · ");
  const models = modelsOf(result.artifacts);
  at.model.replaceChildren(...models.map(({ name }, index) => element("option", { value: index }, name)));
  at.models.hidden = models.length < 2;
  at.model.addEventListener("change", () => chooseModel(models[Number(at.model.value)]));
  at.choice.hidden = false;
  await chooseModel(models[0]);
  // Where a device has no room, or does not allow it, the page works as it is.
  at.offline.hidden = !(await keepOffline(about, RUNTIME).catch(() => false));
}

function metrics({ metrics: numbers = {} }) {
  const shown = Object.entries(numbers).filter(([name, value]) => name.startsWith("test_") && value !== null);
  return shown.slice(0, 2).map(([name, value]) => `${name} ${value.toFixed(3)}`);
}

/** Models of a bundle: {name, folder, rows}; an encoder and the step of its decoder are one, with `steps`. */
function modelsOf(artifacts) {
  const folders = new Map();
  for (const row of artifacts.filter(({ format, status }) => format === "tflite" && status === "ok")) {
    const folder = row.path.slice(0, row.path.lastIndexOf("/") + 1);
    folders.set(folder, [...(folders.get(folder) ?? []), row]);
  }
  const [encoder, step] = [`${ENCODER}/`, `${STEP}/`];
  const isPair = folders.has(encoder) && folders.has(step);
  return [...folders]
    .filter(([folder]) => !(isPair && folder === step))
    .map(([folder, rows]) => {
      const pair = isPair && folder === encoder;
      return {
        name: pair ? `${ENCODER} with ${STEP}` : folder.slice(0, -1) || "model",
        folder,
        rows,
        steps: pair ? folders.get(step) : null,
      };
    });
}

async function chooseModel(chosen) {
  shown = chosen;
  at.variants.replaceChildren(...chosen.rows.map((row) => variant(chosen, row)));
  const best = chosen.rows.findIndex(({ path }) => about.recommended.includes(path));
  const first = Math.max(best, 0);
  at.variants.querySelectorAll("input")[first].checked = true;
  teaching.use(null);
  await use(chosen, chosen.rows[first]);
  const trainable = chosen.rows.find(({ variant: name }) => name === PERSONAL);
  if (!trainable) return;
  await guarded(async () => {
    const personal = await personalOf(chosen, trainable);
    if (chosen === shown) teaching.use(personal);
  });
}

function variant(chosen, row) {
  const input = element("input", { type: "radio", name: "variant", value: row.variant });
  input.addEventListener("change", () => use(chosen, row));
  const facts = [`${(row.bytes / 1e6).toFixed(row.bytes < 1e5 ? 3 : 1)} MB`];
  if (row.metric?.value != null) facts.push(`${row.metric.name} ${row.metric.value.toFixed(3)}`);
  return element("label", {}, input, row.variant, ...facts.map((fact) => element("small", {}, fact)));
}

/** The trainable model of a folder, loaded once: it keeps what it learned while others are chosen. */
function personalOf(chosen, row) {
  const make = async () => new PersonalModel(await load(row.path), (await labelsOf(chosen.folder)) ?? []);
  chosen.personal ??= make();
  return chosen.personal;
}

/** Loads a variant and lets it answer what is on the page. */
async function use(chosen, row) {
  const choice = ++choices;
  reader?.forget?.();
  reader = null;
  latencies = [];
  at.answer.replaceChildren();
  at.latency.textContent = "";
  at.status.textContent = `Loading ${row.path} …`;
  report("");
  await guarded(async () => {
    const made = await makeReader(chosen, row);
    if (choice !== choices) return made.forget?.();
    reader = made;
    at.picture.hidden = reader.kind !== "picture";
    at.text.hidden = reader.kind !== "text";
    if (reader.kind === "text") {
      pictures.stop();
      texts.use(reader);
    }
    at.status.textContent = `${row.path} is ready: it ${reader.what}.`;
    if (reader.kind === "picture" && pictures.source) await answerPicture();
  });
  if (choice === choices && !reader) at.status.textContent = "";
}

async function makeReader(chosen, row) {
  const text = (name) => textOf(chosen.folder + name);
  const asked = { task: about.tasks[row.path], settings: about, text };
  if (row.variant === PERSONAL) {
    const personal = await personalOf(chosen, row);
    return readerOf(personal.model, { ...asked, labels: personal.names, step: null });
  }
  const models = [await load(row.path)];
  if (chosen.steps) {
    // The step of the same variant; where that was not to be had, in float32, the first.
    const same = chosen.steps.find(({ variant: name }) => name === row.variant);
    models.push(await load((same ?? chosen.steps[0]).path));
  }
  const made = await readerOf(models[0], {
    ...asked,
    labels: await labelsOf(chosen.folder),
    step: models[1] ?? null,
    inputs: row.inputs,
  });
  const [{ place }] = models;
  return { ...made, place, forget: () => models.forEach((model) => model.delete()) };
}

async function load(path) {
  try {
    return await Model.load(`bundle/${path}`, about.quantized?.[path]);
  } catch (failure) {
    throw new Error(`expected a readable .tflite file, ${path} cannot be loaded: ${failure.message}`, {
      cause: failure,
    });
  }
}

async function labelsOf(folder) {
  const answer = await fetch(`bundle/${folder}labels.txt`);
  return answer.ok ? (await answer.text()).split("\n").slice(0, -1) : null;
}

async function textOf(path) {
  const answer = await fetch(`bundle/${path}`);
  if (!answer.ok) throw new Error(`expected ${path} in the bundle, found no such file; put it there`);
  return answer.text();
}

async function answerPicture() {
  if (reader?.kind !== "picture") return;
  at.answer.ariaLive = pictures.filming ? "off" : "polite";
  if (!pictures.filming) report("");
  await guarded(async () => {
    const pixels = pictures.pixels(reader.shape);
    const answer = await ask(() => reader.answer(pixels));
    if (answer) pictures.draw(answer);
  });
}

async function answerText(text, settings) {
  if (!reader) return;
  report("");
  const asked = reader;
  const onText = (said) => {
    if (asked === reader) showAnswer(at.answer, { said });
    return asked === reader; // goes on only while it is asked
  };
  await ask(() => asked.answer(text, { ...settings, onText }));
}

/** Shows an answer and how long it took; one that comes when another variant was chosen is dropped. */
async function ask(question) {
  const asked = reader;
  const began = performance.now();
  try {
    const answer = await question();
    if (asked !== reader) return null;
    latencies = [...latencies, performance.now() - began].slice(-RUNS);
    showLatency();
    showAnswer(at.answer, answer);
    return answer;
  } catch (failure) {
    if (asked === reader) fail(failure);
    return null;
  }
}

function showLatency() {
  const runs = latencies.length === 1 ? "1 run" : `median of the last ${latencies.length} runs`;
  at.latency.textContent = `${median(latencies).toFixed(1)} ms, ${[runs, reader.place].filter(Boolean).join(", ")}`;
}

async function guarded(action) {
  try {
    await action();
  } catch (failure) {
    fail(failure);
  }
}

function fail({ message }) {
  at.answer.replaceChildren();
  report(message);
}

/** After training: the personal variant answers. */
async function showPersonal() {
  const input = [...at.variants.querySelectorAll("input")].find(({ value }) => value === PERSONAL);
  input.checked = true;
  input.dispatchEvent(new Event("change"));
}
