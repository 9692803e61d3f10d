// Words and their ids, as suite/language/vocabulary.py and tagging.py have them.

export const PADDING = 0;
export const UNKNOWN = 1;
export const SPECIAL = ["<pad>", "<unk>"];
export const START = "<start>";
export const END = "<end>";

// The patterns of suite/language/tokens.py; a test holds them to be equal.
const SCRIPTS =
  "Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese";
const UNSPACED = `${SCRIPTS.replace(/(\w+) ?/g, "\\p{Script=$1}")}\\u30fc\\uff70`;
const MARKS = "[\\p{M}\\u200c\\u200d\\u0e33\\u0eb3\\uff9e\\uff9f]*";
const SPACE = "\\x00-\\x20\\x7f-\\xa0\\u1680\\u2000-\\u200b\\u2028\\u2029\\u202f\\u205f\\u3000";
const CHARACTER = `[${UNSPACED}]${MARKS}`;
const LETTERS = `(?:(?![${UNSPACED}])[\\p{L}\\p{N}_]${MARKS})+`;
const WORD = `${LETTERS}(?:['’]${LETTERS})*`;
const FLAG = "[\\u{1f1e6}-\\u{1f1ff}]{2}";
const JOINED = "(?:[\\p{M}\\u{1f3fb}-\\u{1f3ff}\\u{e0020}-\\u{e007f}]|\\u200d\\p{S}?)*";
const SYMBOL = `[^${SPACE}\\u200c\\u200d]${JOINED}`;
export const PATTERNS = {
  invisible: "[\\u00ad\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufeff]",
  blanks: `[${SPACE}]+`,
  token: `${CHARACTER}|${WORD}|${FLAG}|${SYMBOL}`,
  word: `${CHARACTER}|${WORD}`,
  piece: ` |${CHARACTER}|${LETTERS}|${FLAG}|${SYMBOL}`,
  whole: `(?:${CHARACTER})+|${WORD}|${FLAG}|${SYMBOL}`,
};
const every = (name) => new RegExp(PATTERNS[name], "gu");
const [INVISIBLE, BLANKS, TOKEN, PIECE] = ["invisible", "blanks", "token", "piece"].map(every);
const WHOLE = new RegExp(`^(?:${PATTERNS.whole})$`, "u");
const MOST_PIECES = 16; // of a word, in `cutLike`

/** A text composed, without characters that are not seen and join or part nothing. */
function clean(text) {
  return text.normalize("NFC").replace(INVISIBLE, "");
}

/** A text as vocabularies have it: clean, and in lower case. */
export function fold(text) {
  return clean(text).replaceAll("İ", "i").toLowerCase();
}

/** Cuts a text into words ("don't" is one), punctuation marks and other symbols; in lower case by default. */
export function tokenize(text, { lower = true } = {}) {
  return (lower ? fold(text) : clean(text)).match(TOKEN) ?? [];
}

/** Cuts a text into words such as `known` has, as written; see `cut_like` in suite/language/tokens.py. */
export function cutLike(text, known) {
  const pieces = clean(text).replace(BLANKS, " ").replace(/^ | $/g, "").match(PIECE) ?? [];
  const ways = [[0, 0]]; // cost of what is before each place, and where its last word begins
  for (let end = 1; end <= pieces.length; end += 1) {
    let best = [Infinity, 0];
    for (let start = Math.max(0, end - MOST_PIECES); start < end; start += 1) {
      const word = pieces.slice(start, end).join("");
      let cost = Infinity;
      if (word === " ") cost = 0;
      else if (known.has(fold(word))) cost = 1;
      else if (WHOLE.test(word)) cost = 1 + [...word].length;
      if (ways[start][0] + cost < best[0]) best = [ways[start][0] + cost, start];
    }
    ways.push(best);
  }
  const words = [];
  for (let end = pieces.length; end > 0; end = ways[end][1]) {
    words.unshift(pieces.slice(ways[end][1], end).join(""));
  }
  return words.filter((word) => word !== " ");
}

/** The characters of a word between boundaries, at most `length`: of a longer word the middle is left out. */
export function spell(word, length) {
  const characters = [" ", ...clean(word), " "];
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
