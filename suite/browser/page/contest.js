// Whether another way to run a model is as right and faster.

const TOLERANCE = 0.01; // of the largest number of an output: a GPU computes in float16
const RUNS = 3;
const MARGIN = 0.9; // of the time: less is no gain

/**
 * Gives the faster of two models that answer alike, and deletes the other.
 *
 * @param {Model} model What is right.
 * @param {() => Promise<Model>} makeOther Makes what may be faster; where it fails, there is none.
 */
export async function fasterOf(model, makeOther) {
  let other = null;
  try {
    other = await makeOther();
    const inputs = noise(model.inputs);
    const [slow, fast] = [await trial(model, inputs), await trial(other, inputs)];
    const wins = alike(slow.outputs, fast.outputs) && fast.ms < MARGIN * slow.ms;
    (wins ? model : other).delete();
    return wins ? other : model;
  } catch {
    other?.delete();
    return model;
  }
}

/** Whether two answers, arrays by name, are the same to within `TOLERANCE`. */
export function alike(outputs, others) {
  return Object.entries(outputs).every(([name, values]) => {
    const size = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
    return values.every((value, i) => Math.abs(value - others[name][i]) <= TOLERANCE * size);
  });
}

async function trial(model, inputs) {
  const outputs = await model.run(inputs); // the first takes longer
  const times = [];
  for (let run = 0; run < RUNS; run += 1) {
    const began = performance.now();
    await model.run(inputs);
    times.push(performance.now() - began);
  }
  return { outputs, ms: Math.min(...times) };
}

// Pictures of random values, black to white where these are pixels.
function noise(inputs) {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const white = dtype === "uint8" ? 255 : 1;
      return [name, Float32Array.from({ length: size }, () => white * Math.random())];
    }),
  );
}
