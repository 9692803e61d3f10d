// Texts in.

/** The form for texts; `onText(text, settings)` is called with each. */
export class TextForm {
  constructor({ onText }) {
    const by = (id) => document.getElementById(id);
    [this.form, this.words, this.sampling, this.verb] = ["text", "words", "sampling", "read"].map(by);
    this.numbers = { temperature: by("temperature"), tokens: by("tokens") };
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.verb.disabled = true;
      await onText(this.words.value, this.settings());
      this.verb.disabled = false;
    });
  }

  settings() {
    return { temperature: Number(this.numbers.temperature.value), tokens: Number(this.numbers.tokens.value) };
  }

  /** Shows what a reader of texts needs. */
  use({ verb, samples = false, tokens }) {
    this.verb.textContent = verb;
    this.sampling.hidden = !samples;
    if (samples) this.numbers.tokens.value = tokens;
  }
}
