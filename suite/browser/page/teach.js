// The form to teach a personal model.

import { decode, pixelsOf } from "./picture.js";
import { element } from "./show.js";

const THUMBNAIL = 80; // pixels

/** `camera` is the picture form; `onChange` is called when the model answers anew. */
export class TeachForm {
  constructor({ camera, report, onChange }) {
    Object.assign(this, { camera, report, onChange, personal: null });
    const ids = [
      "teach",
      "teach-help",
      "class-name",
      "known-classes",
      "classes",
      "train",
      "rounds",
      "rate",
      "progress",
    ];
    this.at = Object.fromEntries(
      [...ids, "lesson", "save", "load", "new-class"].map((id) => [id, document.getElementById(id)]),
    );
    this.at["new-class"].addEventListener("submit", (event) => {
      event.preventDefault();
      this.guarded(() => this.addClass(this.at["class-name"].value.trim()));
    });
    this.at.train.addEventListener("click", () => this.guarded(() => this.train()));
    this.at.save.addEventListener("click", () => this.guarded(() => this.save()));
    this.at.load.addEventListener("change", () => this.guarded(() => this.load()));
  }

  /** Takes a personal model, or null where there is none. */
  use(personal) {
    this.personal = personal;
    this.at.teach.hidden = personal === null;
    this.at.classes.replaceChildren();
    if (!personal) return;
    for (const slot of personal.pictures.keys()) this.showClass(slot);
    this.refresh();
  }

  async guarded(action) {
    this.report("");
    try {
      await action();
    } catch (failure) {
      this.report(failure.message);
    }
  }

  refresh() {
    const { names, known, spare, pictures } = this.personal;
    const counts = [...pictures.values()].map(({ length }) => length);
    this.at["teach-help"].textContent =
      "Name a class, new or known, and give it about ten pictures; " +
      `${spare} new ${spare === 1 ? "class" : "classes"} left. ` +
      "Pictures of known classes keep it from forgetting them.";
    this.at["known-classes"].replaceChildren(
      ...names.slice(0, known).map((value) => element("option", { value })),
    );
    this.at.train.disabled = !counts.some(Boolean);
    this.at.save.disabled = !this.personal.isTaught;
  }

  addClass(name) {
    if (!name) throw new Error("expected a name of the class, received none; write one");
    const slot = this.personal.add(name);
    this.at["class-name"].value = "";
    const items = [...this.at.classes.children];
    if (!items.some(({ dataset }) => dataset.slot === String(slot))) this.showClass(slot);
    this.refresh();
  }

  showClass(slot) {
    const name = this.personal.names[slot];
    const pictures = this.personal.pictures.get(slot);
    const count = element("span", { className: "quiet" });
    const thumbnails = element("div", { className: "thumbnails" });
    const add = (source) => {
      pictures.push(pixelsOf(source, this.personal.shape));
      thumbnails.append(thumbnail(source, `${name}, picture ${pictures.length}`));
      countAgain();
      this.refresh();
    };
    const countAgain = () => {
      count.textContent = ` ${pictures.length} picture${pictures.length === 1 ? "" : "s"}`;
    };
    countAgain();
    const files = element("input", {
      type: "file",
      accept: "image/*",
      multiple: true,
      ariaLabel: `Pictures of ${name}`,
    });
    files.addEventListener("change", () =>
      this.guarded(async () => {
        const chosen = [...files.files];
        files.value = "";
        for (const file of chosen) add(await decode(file));
      }),
    );
    const shoot = element("button", { type: "button" }, "From the camera");
    shoot.addEventListener("click", () =>
      this.guarded(async () => {
        if (this.camera.filming || (await this.camera.film())) add(this.camera.still());
      }),
    );
    const buttons = element(
      "div",
      { className: "buttons" },
      element("label", { className: "button" }, "Add pictures", files),
      shoot,
    );
    const item = element("li", {}, element("strong", {}, name), count, thumbnails, buttons);
    item.dataset.slot = slot;
    this.at.classes.append(item);
  }

  async train() {
    const { rounds, rate, progress, lesson, train } = this.at;
    const [times, step] = [Number(rounds.value), Number(rate.value)];
    if (!(Number.isInteger(times) && times >= 1))
      throw new Error(`expected at least 1 round, received ${rounds.value || "none"}; change it`);
    if (!(step > 0))
      throw new Error(`expected a learning rate above 0, received ${rate.value || "none"}; change it`);
    train.disabled = true;
    progress.hidden = false;
    lesson.textContent = "Training …";
    try {
      let last;
      await this.personal.train(times, step, (round, loss) => {
        progress.value = round / times;
        last = loss;
      });
      lesson.textContent =
        `Trained ${times} rounds; loss ${last.toFixed(3)}. ` +
        "The variant “personal” answers with what it learned.";
      this.personal.isTaught = true;
      await this.onChange();
    } catch (failure) {
      lesson.textContent = "";
      throw failure;
    } finally {
      progress.hidden = true;
      this.refresh();
    }
  }

  async save() {
    const content = JSON.stringify(await this.personal.weights());
    const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    element("a", { href: url, download: "personal_weights.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async load() {
    const [file] = this.at.load.files;
    if (!file) return;
    let content;
    try {
      content = JSON.parse(await file.text());
    } catch {
      throw new Error(
        `expected the weights as JSON, received ${file.name}; choose a file that was saved here`,
      );
    } finally {
      this.at.load.value = "";
    }
    await this.personal.restore(content ?? {});
    this.personal.isTaught = true;
    this.at.lesson.textContent = `Loaded ${file.name}.`;
    this.refresh();
    await this.onChange();
  }
}

function thumbnail(source, label) {
  const canvas = element("canvas", { width: THUMBNAIL, height: THUMBNAIL, role: "img", ariaLabel: label });
  canvas.getContext("2d").drawImage(source, 0, 0, THUMBNAIL, THUMBNAIL);
  return canvas;
}
