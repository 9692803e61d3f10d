"""Wrong variants of our rules for word embeddings, in the form of `mutants_layers.MUTANTS`."""

from tests.language import checks

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

MUTANTS = {"suite.language.embeddings": (checks.embeddings, EMBEDDINGS)}
