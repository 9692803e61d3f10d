// Words and their ids, as suite/language/vocabulary.py and tagging.py have them.

export const PADDING = 0;
export const UNKNOWN = 1;
export const SPECIAL = ["<pad>", "<unk>"];
export const START = "<start>";
export const END = "<end>";

// Python's \w and \s, which are not JavaScript's.
const WORD = "[\\p{L}\\p{N}_]";
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const TOKEN = new RegExp(`${WORD}+(?:['’]${WORD}+)*|[^\\p{L}\\p{N}_${SPACE}]`, "gu");

/** Cuts a text into words ("don't" is one) and single punctuation marks; in lower case by default. */
export function tokenize(text, { lower = true } = {}) {
  const composed = text.normalize("NFC");
  return (lower ? composed.toLowerCase() : composed).match(TOKEN) ?? [];
}

/** A word as the vocabulary of a tagger has it. */
export function fold(word) {
  return word.normalize("NFC").toLowerCase();
}

/** The characters of a word between boundaries, at most `length`: of a longer word the middle is left out. */
export function spell(word, length) {
  const characters = [" ", ...word.normalize("NFC"), " "];
  if (characters.length <= length) return characters;
  const ending = Math.floor((length + 1) / 2);
  return [...characters.slice(0, length - ending), ...characters.slice(characters.length - ending)];
}

/** The words that a model knows, by id; `text` is its vocabulary.txt or characters.txt. */
export class Vocabulary {
  constructor(text) {
    this.words = text.split("\n").slice(0, -1).map(unescape);
    if (this.words[PADDING] !== SPECIAL[PADDING] || this.words[UNKNOWN] !== SPECIAL[UNKNOWN]) {
      throw new Error(
        `expected ${SPECIAL.join(" and ")} in the first two lines of a vocabulary; export it again`,
      );
    }
    this.ids = new Map(this.words.map((word, id) => [word, id]));
    const marks = [...SPECIAL, START, END];
    this.spells = this.words.every((word) => marks.includes(word) || [...word].length === 1);
  }

  /** Ids of tokens; cut off or filled up with padding to `length`, where one is given. */
  encode(tokens, length = tokens.length) {
    const ids = new Int32Array(length);
    tokens.slice(0, length).forEach((token, place) => {
      ids[place] = this.ids.get(token) ?? UNKNOWN;
    });
    return ids;
  }

  /** What a decoder wrote: the tokens before the end, blanks between them unless they are characters. */
  sentence(ids) {
    const end = ids.indexOf(this.ids.get(END));
    const words = [...(end < 0 ? ids : ids.slice(0, end))].filter((id) => id !== PADDING);
    return words.map((id) => this.words[id]).join(this.spells ? "" : " ");
  }
}

function unescape(line) {
  return line.replace(/\\(.)/gs, (_, letter) => ({ n: "\n", r: "\r" })[letter] ?? letter);
}
