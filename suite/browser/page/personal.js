// A personal model: new classes in its spare slots, learned from a few pictures, in the page.

/**
 * A model with the signatures `infer`, `train`, `weights` and `restore`, and perhaps `features` and
 * `train_features`, which run the frozen part of the model once a picture instead of once a step.
 *
 * `names` has the K + S classes: those of labels.txt, then what the user called the spare ones, undefined
 * before.
 */
export class PersonalModel {
  constructor(model, labels) {
    this.model = model;
    this.known = labels.length;
    this.names = [...labels, ...Array(model.outputs[0].shape[1] - labels.length).fill(undefined)];
    this.shape = model.inputs[0].shape;
    this.pictures = new Map(); // slot -> pixels of each picture
    this.isTaught = false;
  }

  get spare() {
    return this.names.filter((name) => name === undefined).length;
  }

  /** The slot of a class, a new one for a new name. */
  add(name) {
    const found = this.names.indexOf(name);
    const slot = found < 0 ? this.names.indexOf(undefined) : found;
    if (slot < 0)
      throw new Error(
        `expected at most ${this.names.length - this.known} new classes; teach it more of one of these`,
      );
    this.names[slot] = name;
    if (!this.pictures.has(slot)) this.pictures.set(slot, []);
    return slot;
  }

  /** Goes through all pictures `rounds` times in random order; gives the mean loss of each round, in nats. */
  async train(rounds, rate, onRound) {
    const lessons = [];
    for (const [slot, pictures] of this.pictures) {
      for (const image of pictures) lessons.push({ slot, example: await this.exampleOf(image) });
    }
    for (let round = 1; round <= rounds; round += 1) {
      let sum = 0;
      for (const { slot, example } of shuffled(lessons)) sum += await this.learn(example, slot, rate);
      onRound(round, sum / lessons.length);
      await new Promise((resolve) => setTimeout(resolve)); // lets the page show it
      if (!Number.isFinite(sum))
        throw new Error("the loss is no longer a number; load the page again and lower the learning rate");
    }
  }

  exampleOf(image) {
    return "train_features" in this.model.runners ? this.model.run({ image }, "features") : { image };
  }

  async learn(example, slot, rate) {
    const signature = "features" in example ? "train_features" : "train";
    const { loss } = await this.model.run({ ...example, label: [slot], learning_rate: [rate] }, signature);
    return loss[0];
  }

  /** What has been learned, as an app keeps it: {classes, kernel: rows, bias}. */
  async weights() {
    const { kernel, bias } = await this.model.run({}, "weights");
    const units = bias.length;
    const digits = [...kernel].map(short);
    const rows = Array.from({ length: kernel.length / units }, (_, row) =>
      digits.slice(row * units, (row + 1) * units),
    );
    return { classes: this.names.map((name) => name ?? null), kernel: rows, bias: [...bias].map(short) };
  }

  async restore({ classes, kernel, bias }) {
    const { bias: now, kernel: before } = await this.model.run({}, "weights");
    const flat = Float32Array.from(kernel?.flat?.() ?? []);
    const fits =
      flat.length === before.length && bias?.length === now.length && classes?.length === now.length;
    if (!fits || ![...flat, ...bias].every(Number.isFinite)) {
      const features = before.length / now.length;
      throw new Error(
        `expected weights of ${features} features and ${now.length} classes, received others; ` +
          "choose a file that was saved here",
      );
    }
    const strange = classes.slice(0, this.known).findIndex((name, slot) => name !== this.names[slot]);
    if (strange >= 0)
      throw new Error(
        `expected weights of a model whose class ${strange + 1} is ${this.names[strange]}, ` +
          `received ${classes[strange]}; choose another file`,
      );
    await this.model.run({ kernel: flat, bias: Float32Array.from(bias) }, "restore");
    classes.forEach((name, slot) => {
      this.names[slot] = name ?? undefined;
    });
  }
}

// Nine digits tell every float32 from its neighbors.
function short(value) {
  return Number(value.toPrecision(9));
}

function shuffled(items) {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
