// From the step of an exported decoder to sequences, as suite/language/decoding.py does it.

export const TOKEN = "token"; // the input of a step model that is no state
const NEW = "new_"; // before the name of a state, the name of the output that replaces it

/** The states that a step takes and does not replace: an encoder must give them. */
export function fixedStates({ inputs, outputs }) {
  const given = new Set(outputs.map(({ name }) => name));
  return inputs.map(({ name }) => name).filter((name) => name !== TOKEN && !given.has(NEW + name));
}

/** States before the first token: zeros. */
export function initialState({ inputs }) {
  const states = inputs.filter(({ name }) => name !== TOKEN);
  return Object.fromEntries(
    states.map(({ name, shape, dtype }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return [name, dtype === "int32" ? new Int32Array(size) : new Float32Array(size)];
    }),
  );
}

/**
 * Makes a step of a model: (token, state) to {logProbabilities, state}; (V,) in nats, of the next token.
 *
 * @param {(inputs: object) => Promise<object>} run Runs the model, arrays by name in and out.
 */
export function stepOf(run) {
  return async (token, state) => {
    const outputs = await run({ [TOKEN]: Int32Array.of(token), ...state });
    const renewed = Object.keys(state).map((name) => [name, outputs[NEW + name] ?? state[name]]);
    const scores = outputs.logits ?? outputs.probabilities.map((p) => Math.log(Math.max(p, 2 ** -126)));
    return { logProbabilities: logSoftmax(scores), state: Object.fromEntries(renewed) };
  };
}

/** Log-probabilities in nats. */
export function logSoftmax(logits) {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(sum));
}

/** The first of the largest. */
export function argmax(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

/** A step that gives sentences of at least one token, without the forbidden ones and the start token. */
export function speaking(step, start, end, forbidden) {
  return async (token, state) => {
    const next = await step(token, state);
    const never = [...forbidden, start, ...(token === start ? [end] : [])];
    const logProbabilities = next.logProbabilities.map((nats, id) => (never.includes(id) ? -Infinity : nats));
    return { ...next, logProbabilities };
  };
}

/** The most probable token after each other until the end token, at most `length`: {ids, logProbability}. */
export async function greedySearch(step, state, start, end, length) {
  const ids = [];
  let [token, nats] = [start, 0];
  while (ids.length < length && token !== end) {
    const next = await step(token, state);
    state = next.state;
    token = argmax(next.logProbabilities);
    nats += next.logProbabilities[token];
    ids.push(token);
  }
  return { ids, logProbability: nats };
}

/**
 * Draws a token from softmax(log-probabilities / temperature), of those that are not forbidden.
 *
 * @param {Float64Array} logProbabilities (V,).
 * @param {number} temperature At least 0; 0 takes the most probable.
 * @param {number[]} forbidden Ids.
 * @param {() => number} random Draws from [0, 1).
 */
export function sample(logProbabilities, temperature, forbidden, random) {
  const allowed = logProbabilities.map((value, id) => (forbidden.includes(id) ? -Infinity : value));
  if (temperature === 0) return argmax(allowed);
  const probabilities = logSoftmax(allowed.map((value) => value / temperature)).map(Math.exp);
  let left = random() * probabilities.reduce((sum, p) => sum + p, 0);
  const drawn = probabilities.findIndex((p) => (left -= p) < 0);
  return drawn < 0 ? argmax(allowed) : drawn; // rounding may leave a little
}

/** Draws `length` tokens after a prompt of at least one; calls `onToken` with each. */
export async function generate(step, state, prompt, length, { temperature, forbidden, random, onToken }) {
  let next = { state };
  for (const token of prompt) next = await step(token, next.state);
  for (let drawn = 0; drawn < length; drawn += 1) {
    const token = sample(next.logProbabilities, temperature, forbidden, random);
    if (onToken(token) === false) return;
    if (drawn + 1 < length) next = await step(token, next.state);
  }
}
