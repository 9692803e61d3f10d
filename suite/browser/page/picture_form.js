// Pictures in: dropped, chosen, or from the camera.

import { closeCamera, decode, openCamera, pixelsOf, sizeOf } from "./picture.js";
import { showPicture } from "./show.js";

const PAUSE = 250; // ms between two answers on what the camera sees

/** The form for pictures; `onPicture(source)` is called with each new one, `report` with errors. */
export class PictureForm {
  constructor({ onPicture, report }) {
    this.onPicture = onPicture;
    this.report = report;
    this.source = null; // the picture on the page, or the video while the camera runs
    const by = (id) => document.getElementById(id);
    [this.stage, this.hint, this.shown, this.video, this.camera] = [
      "stage",
      "hint",
      "shown",
      "video",
      "camera",
    ].map(by);
    const file = by("file");
    file.addEventListener("change", () => {
      this.open(file.files[0]);
      file.value = ""; // so that the same file can be chosen again
    });
    this.camera.addEventListener("click", () => (this.filming ? this.stop() : this.film()));
    this.listenForDrops();
  }

  get filming() {
    return this.source === this.video;
  }

  listenForDrops() {
    // Anywhere on the page: a picture dropped beside the frame must not replace the page.
    const over = (is) => (event) => {
      event.preventDefault();
      this.stage.classList.toggle("over", is);
    };
    document.addEventListener("dragover", over(true));
    document.addEventListener("dragleave", over(false));
    document.addEventListener("drop", (event) => {
      over(false)(event);
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }

  async open(file) {
    if (!file) return;
    try {
      const source = await decode(file);
      this.stop();
      this.source = source;
      this.draw({});
      await this.onPicture(source);
    } catch (failure) {
      this.report(failure.message);
    }
  }

  /** Starts the camera and answers on what it sees, again and again. */
  async film() {
    try {
      await openCamera(this.video);
    } catch (failure) {
      this.report(failure.message);
      return false;
    }
    this.source = this.video;
    this.pressed(true);
    this.follow();
    return true;
  }

  async follow() {
    while (this.filming) {
      await this.onPicture(this.video);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /** Stops the camera; what it saw last stays as a picture. */
  stop() {
    if (!this.filming) return;
    this.source = this.still();
    closeCamera(this.video);
    this.pressed(false);
    this.draw({});
    this.onPicture(this.source);
  }

  /** What is on the page now, as a picture of its own. */
  still() {
    const { width, height } = sizeOf(this.source);
    const copy = new OffscreenCanvas(width, height);
    copy.getContext("2d").drawImage(this.source, 0, 0);
    return copy;
  }

  pressed(is) {
    this.camera.ariaPressed = String(is);
    this.camera.textContent = is ? "Stop the camera" : "Use the camera";
    document.body.classList.toggle("filming", is);
  }

  /** Shows the picture with what an answer has to draw. */
  draw(answer) {
    if (!this.source) return;
    const drawn = !this.filming || answer.boxes || answer.map || answer.painted;
    if (drawn) showPicture(this.shown, this.source, sizeOf(this.source), answer);
    this.shown.hidden = !drawn;
    this.video.hidden = Boolean(drawn);
    this.hint.hidden = true;
    this.stage.classList.add("full");
  }

  /** The pixels of the picture on the page for a model, or null where there is none. */
  pixels(shape) {
    return this.source && pixelsOf(this.source, shape);
  }
}
