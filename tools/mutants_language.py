"""Wrong variants of our rules for language, in the form of `mutants_layers.MUTANTS`."""

from tests.language import checks, decoding_checks, ngram_checks

POSITIVE = "pairs * tf.nn.softplus(-logits)"
NOISE = "tf.reduce_sum(pairs, -1) * tf.reduce_mean(tf.nn.softplus(noise_logits), -1)"
COUNT = "tf.maximum(tf.reduce_sum(pairs), 1.0)"
TOTAL = f"(positive + negatives * noise) / {COUNT}"
KEEP = "np.sqrt(ratio) + ratio"
EMBEDDINGS = [
    ("pairs pushed apart", POSITIVE, "pairs * tf.nn.softplus(logits)"),
    ("noise pulled near", NOISE, NOISE.replace("noise_logits", "-noise_logits")),
    ("words outside the window count", POSITIVE, "tf.nn.softplus(-logits)"),
    ("log sigmoid without its sign", POSITIVE, "pairs * tf.math.log_sigmoid(logits)"),
    ("squared error for cross-entropy", POSITIVE, "pairs * tf.square(1 - tf.sigmoid(logits))"),
    ("noise once a word, not once a pair", NOISE, "tf.reduce_mean(tf.nn.softplus(noise_logits), -1)"),
    ("noise summed, not averaged", NOISE, NOISE.replace("tf.reduce_mean", "tf.reduce_sum")),
    ("scores of the noise left out", NOISE, NOISE.replace("(noise_l", "(0 * noise_l")),
    ("negatives left out", TOTAL, TOTAL.replace("negatives * noise", "noise")),
    ("negatives weigh the pairs", TOTAL, f"(negatives * positive + noise) / {COUNT}"),
    ("sum over the pairs", TOTAL, "positive + negatives * noise"),
    ("mean over all scores", TOTAL, TOTAL.replace("tf.reduce_sum(pairs)", "float(pairs.size)")),
    ("mean also over the noise", TOTAL, f"{TOTAL} / (1 + negatives)"),
    ("the paper's subsampling", KEEP, "np.sqrt(ratio)"),
    ("probability of being dropped", KEEP, "1 - np.sqrt(ratio)"),
    ("counts for shares", "threshold * np.sum(counts) / np.max", "threshold / np.max"),
    ("unigram noise", "power: float = 0.75) -> np.ndarray:", "power: float = 1.0) -> np.ndarray:"),
    ("words that never occur are noise", "np.where(np.asarray(counts) > 0, ", "np.where(True, "),
    ("a word is its own context", "(distance > 0) &", "(distance >= 0) &"),
    ("reach cut by one", "(distance <= reach", "(distance < reach"),
    ("windows reach into the next sentence", "near & (own == sentences[:, None, :]) &", "near &"),
    ("windows of one size", "rng.integers(1, window + 1, (rows", "rng.integers(window, window + 1, (rows"),
    ("contexts on the right alone", "right[before], left[before]", "left[after], right[after]"),
    ("pairs at any distance count the same", "(window + 1 - distance) / window)", "1.0)"),
    ("counts of one direction", "(counts + counts.T).tocsr()", "counts.tocsr()"),
    ("contexts not smoothed", "counts.sum(axis=0), power)", "counts.sum(axis=0), 1)"),
    ("words smoothed for contexts", "(words[rows] * contexts[columns])", "(words[columns] * contexts[rows])"),
    ("not shifted", " - np.log(shift)\n    found", "\n    found"),
    ("negative information kept", "np.maximum(information, 0)", "information"),
    ("singular values, not their roots", "np.sqrt(np.maximum(values[order], 0))", "values[order]"),
]  # fmt: skip

UNIFORM = "1 / size if self.uniform else maximum_likelihood(levels[0])"
MIXED = "np.where(seen.totals > 0, own + rest * found, found)"
ABSOLUTE = "np.maximum(seen.counts - self.discount, 0) / seen.totals"
FREQUENCIES = "seen.counts / np.maximum(seen.totals, 1)"
WEIGHT = "self.weights[min(n, len(self.weights)) - 1]"
BY_WEIGHT = "weight * maximum_likelihood(seen), 1 - weight"
REST = "seen.types / (seen.types + seen.totals)"
OWN = "(1 - rest) * maximum_likelihood(seen), rest"
LOWER = "self.discount * seen.types / seen.totals"
FINAL = "field(default=True, kw_only=True)\n    continuations: ClassVar[bool] = False"
ENDINGS = "self._add_continuations(rows[is_word][first])"
ENTRIES = "np.array([len(table.keys) for table in self._tables])"
EXP = "np.exp(-np.mean(log_probabilities))"
SEEN = "return rows[stream > 0] <= len(self._tables[order - 1].keys)"
KNOWN = "np.where(known, places + 1, len(self.keys) + 1)"
SMOOTHING = [
    ("add-k adds k once to a context", "self.k * size)", "self.k)"),
    ("add-k counts the word alone", "(levels[-1].counts + self.k)", "(levels[0].counts + self.k)"),
    ("one added for k", "levels[-1].counts + self.k)", "levels[-1].counts + 1)"),
    ("frequencies of all words", FREQUENCIES, "seen.counts / seen.counts.sum()"),
    ("uniform over the words without padding", UNIFORM, UNIFORM.replace("1 / size", "1 / (size - 1)")),
    ("uniform in any case", "if n > 1 or self.uniform:", "if True:"),
    ("unigrams never discounted", "if n > 1 or self.uniform:", "if n > 1:"),
    ("an unseen context forgets the shorter", MIXED, "own + rest * found"),
    ("the rest is lost", MIXED, MIXED.replace(" + rest * found", "")),
    ("the longer context wins", MIXED, MIXED.replace("own +", "(own == 0) *")),
    ("weights of the long contexts first", WEIGHT, "self.weights[-min(n, len(self.weights))]"),
    ("weights exchanged", BY_WEIGHT, "(1 - weight) * maximum_likelihood(seen), weight"),
    ("tokens for types", REST, REST.replace("seen.types /", "seen.counts /")),
    ("Witten-Bell without a share for itself", OWN, "maximum_likelihood(seen), rest"),
    ("discount of nothing", ABSOLUTE, "seen.counts / seen.totals"),
    ("negative probabilities", ABSOLUTE, "(seen.counts - self.discount) / seen.totals"),
    ("discount once a context", LOWER, "self.discount / seen.totals"),
    ("rest without the discount", LOWER, "seen.types / seen.totals"),
    ("Witten-Bell by continuations", FINAL, FINAL.replace("False", "True")),
]  # fmt: skip
NGRAMS = [
    ("occurrences for continuations", "smoothing.continuations and n < len(rows)", "False"),
    ("continuations of the longest n-grams counted", "and n < len(rows)", "and n < self.order"),
    ("continuations weighed by occurrences", ENDINGS, "self._add_continuations(rows[is_word])"),
    ("continuation totals of occurrences", "counts[1:-1], len(table.t", "table.counts[1:-1], len(table.t"),
    ("texts run into each other", "np.insert(words, starts, 0)", "np.insert(words, 0, 0)"),
    ("the word itself is its context", "return np.roll(is_word, -1)", "return is_word"),
    ("an unseen n-gram is a seen one", KNOWN, "np.minimum(places, len(self.keys) - 1) + 1"),
    ("an unseen n-gram is padding", KNOWN, KNOWN.replace("len(self.keys) + 1)", "0)")),
    ("n-grams of a shorter context", "rows[is_word], contexts = places + 1, ", "contexts = "),
    ("the order is not heeded", "for table in self._tables[:order]:", "for table in self._tables:"),
    ("log to base 2", "return np.log(found)", "return np.log2(found)"),
    ("perplexity of the mean probability", EXP, "1 / np.mean(np.exp(log_probabilities))"),
    ("perplexity of the sum", EXP, "np.exp(-np.sum(log_probabilities))"),
    ("perplexity in bits", EXP, "np.exp2(-np.mean(log_probabilities))"),
    ("the share that was seen", SEEN, SEEN.replace("<=", ">")),
    ("padding counts, too", SEEN, SEEN.replace("rows[stream > 0]", "rows")),
    ("tokens for entries", ENTRIES, "np.array([table.counts.sum() for table in self._tables])"),
    ("bytes of the keys alone", "sum(column.nbytes for column in table)", "table.keys.nbytes"),
]  # fmt: skip

SOFTENED = "log_softmax(logits / (temperature or 1.0))"
ALIVE = "np.where(ends, -np.inf, totals)"
DRAWN = "np.argmax(cumulative > draws"
SCORE = "total, total / length**length_power)"
ENDS = "np.full(totals.shape, length == max_length)"
GREEDY = "state = step(tokens, state)\n        tokens"
DECODING = [
    ("multiplied by the temperature", SOFTENED, "log_softmax(logits * (temperature or 1.0))"),
    ("temperature without effect", SOFTENED, "log_softmax(logits)"),
    ("temperature after the softmax", SOFTENED, "(log_softmax(logits) / (temperature or 1.0))"),
    ("not shifted: overflows", "shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits"),
    ("normalized over all rows", "np.exp(shifted).sum(axis=-1, keepdims=True)", "np.exp(shifted).sum()"),
    ("top k before what is forbidden", "logits[..., list(forbidden)] = -np.inf\n", "\n"),
    ("the last of equals", "np.argsort(-logits, axis=-1, kind=\"stable\")", "np.argsort(logits)[..., ::-1]"),
    ("one token too many", "[..., kept:]", "[..., kept + 1 :]"),
    ("temperature 0 draws", "kept = 1 if temperature == 0 else top_k", "kept = top_k"),
    ("a token too many in the nucleus", "before < top_p", "before <= top_p"),
    ("a token too few in the nucleus", "before < top_p", "before + ranked <= top_p"),
    ("a nucleus that is not scaled up", "return found / found.sum(axis=-1, keepdims=True)", "return found"),
    ("the most probable always", DRAWN, "np.argmax(np.diff(cumulative, prepend=0) + 0 * draws"),
    ("one draw for all rows", "rng.random(cumulative.shape[:-1])", "rng.random(1)"),
    ("a token of probability 0", "cumulative > draws", "cumulative >= draws"),
    ("the least probable", "log_probabilities.argmax(axis=-1)", "log_probabilities.argmin(axis=-1)"),
    ("greedy without a state", GREEDY, GREEDY.replace("state = step", "_ = step")),
    ("greedy from the starts", GREEDY, GREEDY.replace("(tokens", "(starts")),
    ("the sum of all tokens forgotten", "totals = totals[:, None] + np.asarray", "totals = np.asarray"),
    ("states of other sequences", "_take(state, rows)\n    return", "_take(state, 0 * rows)\n    return"),
    ("states not reordered", "_take(state, rows)\n    return", "_take(state, np.sort(rows))\n    return"),
    ("tokens of other sequences", "last = np.array([token for", "last = np.array([alive[0][1] for"),
    ("the end token goes on", ALIVE, "totals"),
    ("finished at any token", "            if ends[row, token]\n", ""),
    ("finished below the best", "_best(totals, width)", "_best(np.where(ends, totals, -np.inf), width)"),
    ("not finished at the largest length", ENDS, "np.full(totals.shape, False)"),
    ("length without effect", SCORE, "total, total)"),
    ("length without the end token", SCORE, "total, total / max(1, length - 1) ** length_power)"),
    ("score for the log-probability", SCORE, "total / length**length_power, total)"),
    ("worst first", "key=lambda found: -found.score", "key=lambda found: found.score"),
    ("stops at the first finished", "len(finished) >= width", "finished"),
    ("goes on when enough are finished", "not alive or len(finished) >= width", "not alive"),
    ("one sequence in the beam", f"_best({ALIVE}, width)", f"_best({ALIVE}, 1)"),
    ("the prompt's last token alone", "for token in prompt:", "for token in prompt[-1:]:"),
    ("the last token again", "drawn[place - 1 : place]", "drawn[:1]"),
    ("the state stays at the prompt", ", state = step(drawn[", ", _ = step(drawn["),
    ("settings without effect", "log_probabilities, rng, **settings)", "log_probabilities, rng)"),
    ("each token given itself", "ids[place]", "ids[place + 1]"),
    ("log-probability for surprisal", "= -log_probabilities[0, token]", "= log_probabilities[0, token]"),
]  # fmt: skip

TAGGING = [
    ("no boundaries", "[BOUNDARY, *clean(word), BOUNDARY]", "[*word]"),
    ("spelled in lower case", "*clean(word), B", "*fold(word), B"),
    ("spelled without composing", "*clean(word), B", "*word, B"),
    ("beginnings alone", "    ending = (length + 1) // 2", "    ending = 0"),
    ("endings alone", "    ending = (length + 1) // 2", "    ending = length"),
    ("more of the beginning", "    ending = (length + 1) // 2", "    ending = length // 2"),
    ("cut too late", "len(characters) <= length", "len(characters) <= length + 1"),
    ("words as written", "self.words.ids(map(fold, sentence), length)", "self.words.ids(sentence, length)"),
    ("characters of the first word alone", "characters[row, place] = ", "characters[row, 0] = "),
]  # fmt: skip

TOKENS = [
    ("case kept", '.replace("İ", "i").lower()', ""),
    ("a stray dot", '.replace("İ", "i")', ""),
    ("not composed", 'unicodedata.normalize("NFC", text)', "text"),
    ("invisible marks kept", "return _INVISIBLE.sub", "return (lambda _, text: text)"),
    ("marks apart", r'_MARKS = r"[\p{M}', r'_MARKS = r"['),
    ("no scripts without blanks", r'rf"\p{{Script={name}}}"', 'r"\\p{Script=Lao}"'),
    ("skin tones apart", r"\U0001f3fb-\U0001f3ff", r"\U0001f3fb"),
    ("known words cost as others do", "[0] + 1, start)", "[0] + 1 + len(word), start)"),
    ("the longest known word first", "ways.append(min(found))", "ways.append(found[0])"),
    ("blanks kept", 'return [word for word in reversed(words) if word != " "]', "return words[::-1]"),
    ("known as written", "elif fold(word) in known", "elif word in known"),
]  # fmt: skip

MUTANTS = {
    "suite.language.decoding": (decoding_checks.decoding, DECODING),
    "suite.language.embeddings": (checks.embeddings, EMBEDDINGS),
    "suite.language.ngrams": (ngram_checks.ngrams, NGRAMS),
    "suite.language.smoothing": (ngram_checks.smoothing, SMOOTHING),
    "suite.language.tagging": (checks.tagging, TAGGING),
    "suite.language.tokens": (checks.tokens, TOKENS),
}
