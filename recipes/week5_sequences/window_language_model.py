# %% [markdown]
# # Predict the next word from a window of vectors
#
# A network that reads a few words as vectors treats "the dog sat" like "the cat sat", even if it met only one
# of them. That beats counting where words fall into kinds, loses where a text repeats itself, and ends at the
# window's edge.
#
# *Week 5, "Motivation for recurrent layers". Takes 60 s on one CPU core; tiny_shakespeare 3 min.
# `suite run window_language_model [--data tfds | --data FILE.txt or FOLDER with train, test]`*
#
# ## Why not go on counting?
#
# [ngram_language_model](ngram_language_model.md) knows what it has counted. Of five words in a row most never
# occurred, however large the text: with 2,000 words there are 32,000,000,000,000,000 such rows, and that is
# called the *curse of dimensionality*. To a table "the dog sat" and "the cat sat" are two rows with nothing
# in common. A person who read "a cat was walking in the bedroom" has learned something about dogs in rooms.
# Bengio and others (2003) let a network learn it: a vector for each word, and the next word's probabilities
# from these vectors, both at once.
#
# ## The method
#
# Each word of the window is looked up in a table C, the vectors are laid side by side, and a network of one
# hidden layer scores every word of the vocabulary:
#
#     x = [C(w1), C(w2), ..., C(w4)]            the window's vectors in one row
#     h = tanh(x H + d)
#     p = softmax(h U + b)                      a probability for each word
#
# The table C is a weight like any other, so the loss teaches it as well: the mean of `-log p` of the word
# that really follows. If cats and dogs are followed by the same words, the same vector serves both, and then
# everything that is learned of one holds for the other.
#
# By hand, with vectors of one number, one hidden unit and four words: the vector of *the* is 0, of *cat* and
# *dog* 2, of *sat* -2. H is (0, 1), so only the last word counts, d and b are 0, and U is (0, -1, -1, 2).
# After *the dog*, x = (0, 2), h = tanh(2) = 0.964, the scores are 0, -0.96, -0.96 and 1.93, and p(sat) =
# 0.80. After *the cat* it is the same number, and nobody has to have seen *the cat*.

# %%
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.generated import endings, word_kinds
from suite.data.sets import corpora
from suite.evaluation import plots, word_figures
from suite.evaluation.baselines import unigrams
from suite.evaluation.embeddings import WordVectors
from suite.evaluation.metrics import Metric, cross_entropy
from suite.language.ngrams import NgramCounts, perplexity
from suite.language.smoothing import AddK, KneserNey, Smoothing, WittenBell
from suite.language.streams import windows
from suite.language.vocabulary import SPECIAL, Vocabulary, known_ids, tokenize, unknown_share
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task
from suite.training.loop import epochs_for, lower


def next_word(
    words: np.ndarray, C: np.ndarray, H: np.ndarray, d: np.ndarray, U: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Probabilities `(n, V)` of what follows windows of words `(n, window)`.

    >>> C, H, U = np.array([[0.0], [2], [2], [-2]]), np.array([[0.0], [1]]), np.array([[0.0, -1, -1, 2]])
    >>> p = next_word(np.array([[0, 1], [0, 2]]), C, H, np.zeros(1), U, np.zeros(4))
    >>> p[:, 3].round(2).tolist()
    [0.8, 0.8]
    """
    x = C[words].reshape(len(words), -1)
    scores = np.exp(np.tanh(x @ H + d) @ U + b)
    return scores / scores.sum(axis=1, keepdims=True)


def build_model(size: int, config: "Config") -> keras.Model:
    """The same with dropout; without the direct connections from words to outputs that the paper tries."""
    words = keras.Input((config.order - 1,), dtype="int32", name="context")
    x = layers.Flatten()(layers.Embedding(size, config.size, name="embedding")(words))
    h = layers.Dense(config.units, "tanh")(layers.Dropout(config.dropout)(x))
    p = layers.Dense(size, "softmax", name="probabilities")(layers.Dropout(config.dropout)(h))
    return keras.Model(words, p)


# %% [markdown]
# ## Training
#
# Each word of the training text is an example: the window before it, padded where the text begins, and the
# word. The weights of the epoch that is best on validation text are kept. Words beyond the 2,000 most
# frequent are one *unknown* word.

# %%
Ids = Mapping[str, Sequence[np.ndarray]]  # of each text, by part


def train(ids: Ids, size: int, config: "Config", context: Context) -> keras.Model:
    batches = shuffled(windows(ids["train"], config.order), config.batch_size, context.seed)
    held_out = tf.data.Dataset.from_tensor_slices(windows(ids["validation"], config.order)).batch(1000)
    model, epochs = build_model(size, config), epochs_for(len(batches), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    context.fit(model, batches, epochs=epochs, validation=held_out, better=lower("validation_loss"))
    return model


def log_of(model: keras.Model, before: np.ndarray, words: np.ndarray) -> np.ndarray:
    p = model.predict(before, batch_size=1000, verbose=0)
    return np.log(np.maximum(p[np.arange(len(words)), words], 1e-7))


# %% [markdown]
# ## Against counting
#
# N-grams of the same length get the smoothing, of twenty-three, that is best on validation text. We also
# *mix* both, a share of one and the rest of the other, chosen there too: if a mixture is better than either,
# each knows something that the other does not.
#
# Two texts. A real one: the documentation of Python, which repeats set phrases, or Shakespeare
# (`--data tfds`). And a drawn one whose truth we know: a thousand sentences such as "the hungry cat was
# sleeping near a barn", in which animals, people and vehicles have names, manners, actions and places of
# their own. What is said of one animal is said of all, and nobody says so.

# %%
WAYS: tuple[Smoothing, ...] = WittenBell(), *map(AddK, np.logspace(-4.5, 0, 10))
WAYS += tuple(map(KneserNey, np.arange(8, 20) / 20))


def compare(model: keras.Model, ids: Ids) -> tuple[dict[str, float], float]:
    """Perplexities of the test text by each; and what the network takes in memory, by what n-grams do."""
    order, size = model.input_shape[1] + 1, model.output_shape[1]
    counts, logs = NgramCounts(ids["train"], order, size), dict[str, tuple[np.ndarray, np.ndarray]]()
    way = counts.best(WAYS, ids["validation"])
    for part in ("validation", "test"):
        network = log_of(model, *windows(ids[part], order))
        logs[part] = network, counts.log_probabilities(ids[part], way)

    def mixed(part: str, share: float) -> float:
        return perplexity(np.logaddexp(*(logs[part] + np.log([[share], [1 - share]]))))

    share = min(np.arange(1, 20) / 20, key=lambda share: mixed("validation", share))
    found = dict(zip(("window", "ngram"), map(perplexity, logs["test"]), strict=True))
    return found | {"mixed": mixed("test", share)}, 4 * model.count_params() / counts.bytes().sum()


# %% [markdown]
# ## What the vectors know
#
# For each drawn word we look for the nearest one by angle. Is it from the same list, an animal's name beside
# an animal's name? And on the real test text we disturb each window and read the perplexity again: the last
# word replaced by its *neighbor*, the nearest by angle; by a *stranger*, the last word of another window; or
# all words kept and their order *shuffled*.

# %%
LISTS = {f"{kind}: {sort}": words for kind, of in word_kinds.KINDS.items() for sort, words in of.items()}


def nearest(model: keras.Model) -> np.ndarray:
    """The id of the word with the nearest vector, for each word; padding and the unknown stay."""
    unit = WordVectors((), model.get_weights()[0][len(SPECIAL) :]).unit()
    likeness = unit @ unit.T - 2 * np.eye(len(unit))
    return np.concatenate([np.arange(len(SPECIAL)), likeness.argmax(axis=1) + len(SPECIAL)])


def same_list(near: np.ndarray, vocabulary: Vocabulary, rng: np.random.Generator) -> dict[str, float]:
    """Share of the drawn words whose nearest one is from their list, and with the words' lists shuffled."""
    of = {word: number for number, words in enumerate(LISTS.values()) for word in words}
    right = np.array([of.get(word, -1) for word in vocabulary.words])
    rows, mixed = np.flatnonzero(right >= 0), right.copy()
    mixed[rows] = rng.permutation(right[rows])
    found = [float(np.mean(each[near[rows]] == each[rows])) for each in (right, mixed)]
    return dict(zip(("nearest_same_list", "nearest_same_list_shuffled"), found, strict=True))


def disturbed(model: keras.Model, texts: Sequence[np.ndarray], rng: np.random.Generator) -> dict[str, float]:
    """How many times as perplexing a text is with its windows disturbed."""
    plain, words = windows(texts, model.input_shape[1] + 1)
    last = {"neighbor": nearest(model)[plain[:, -1]], "stranger": rng.permutation(plain[:, -1])}
    before = {name: np.concatenate([plain[:, :-1], each[:, None]], axis=1) for name, each in last.items()}
    before |= {"shuffled": rng.permuted(plain, axis=1), "plain": plain}
    found = {name: perplexity(log_of(model, each, words)) for name, each in before.items()}
    return {f"{name}_over_plain": found[name] / found["plain"] for name in before if name != "plain"}


# %% [markdown]
# ## A window that is too short
#
# "As the proctor started the clock, the students opened their ..." *exam*; with a teacher, *books*. We draw
# such sentences, with four places in between that have twenty words each, so that hardly any sentence comes
# twice, and ask which of the two endings is the likelier one. A window of four ends before the hint. One of
# eleven reaches it, and so do n-grams of twelve words. In a second set of new sentences there is one word
# more or less in between: the hint stands at *another place* of the same window.


# %%
def right_endings(logs: Callable, vocabulary: Vocabulary, texts: Sequence[list[str]]) -> float:
    """Share of sentences whose right ending is likelier than the other one."""
    ways, last = (texts, map(endings.with_other_ending, texts)), np.cumsum([*map(len, texts)]) - 1
    right, other = (logs([vocabulary.ids(text) for text in way])[last] for way in ways)
    return float(np.mean(right > other))


def of_endings(config: "Config", context: Context) -> dict[str, float]:
    rng, models = np.random.default_rng(context.seed), dict[str, Callable]()
    sizes = {"train": config.drawn_sentences, "validation": 300, "test": 1000}
    texts = {part: endings.generate_endings(size, [4], rng) for part, size in sizes.items()}
    vocabulary = Vocabulary.fit(texts["train"])
    ids = {part: [vocabulary.ids(text) for text in each] for part, each in texts.items()}
    for name, order in (("short", 5), ("long", 12)):  # with the word that follows
        model = train(ids, len(vocabulary), dataclasses.replace(config, order=order), context)
        models[name] = lambda each, model=model, order=order: log_of(model, *windows(each, order))
    counts = NgramCounts(ids["train"], 12, len(vocabulary))
    way = counts.best(WAYS, ids["validation"])
    models["ngram"] = lambda each: counts.log_probabilities(each, way)
    found = {name: right_endings(each, vocabulary, texts["test"]) for name, each in models.items()}
    found["moved"] = right_endings(models["long"], vocabulary, endings.generate_endings(1000, [3, 5], rng))
    return {f"right_endings_{name}": share for name, share in found.items()}


# %% The figures
def draw(metrics: Mapping[str, float]) -> Figure:
    figure, panels = plots.new_figure(width=11, height=3, columns=2)
    titles = {"right_endings_": "exam or books: share that is right", "_over_plain": "times as perplexing"}
    for axes, (part, title) in zip(panels, titles.items(), strict=True):
        bars = {name.replace(part, ""): value for name, value in metrics.items() if part in name}
        axes.barh([*bars], [*bars.values()], color=plots.COLORS[0])
        axes.set(title=title)
    return figure


# %% [markdown]
# ## Run it
#
# Four networks: of the drawn sentences, of the endings with a short and with a long window, and of the real
# text, which is exported. The trivial predictor says each word as often as it occurred, whatever stands
# before.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    order: Annotated[int, "the word that is predicted, and those of the window before it"] = 5
    words: Annotated[int, "in the vocabulary at most; the rarer ones are one unknown word"] = 2000
    size: Annotated[int, "numbers a word"] = 64
    units: Annotated[int, "of the hidden layer"] = 128
    dropout: Annotated[float, "share of the numbers that are left out in training"] = 0.3
    epochs: Annotated[int, "passes over the text"] = 8
    least_steps: Annotated[int, "of all epochs: small data is passed over more often"] = 1500
    batch_size: Annotated[int, "windows a step"] = 256
    learning_rate: Annotated[float, "at first; falls to 0 along a cosine"] = 3e-3
    drawn_sentences: Annotated[int, "to train on, of those that the recipe draws itself"] = 1000
    drawn_epochs: Annotated[int, "passes over these"] = 12


SMOKE = Config(3, 100, 4, 8, epochs=1, least_steps=0, batch_size=4000, drawn_sentences=40, drawn_epochs=1)
DATA = ("embedded", "tfds", "path")


def of_drawn(config: Config, context: Context) -> tuple[dict[str, float], Figure]:
    n = config.drawn_sentences
    drawn = word_kinds.generate_kinds(context.seed, n + 1300)
    tokens = {"train": drawn.texts[:n], "validation": drawn.texts[n:-1000], "test": drawn.texts[-1000:]}
    vocabulary = Vocabulary.fit(tokens["train"])
    ids = {part: [vocabulary.ids(text) for text in texts] for part, texts in tokens.items()}
    model = train(ids, len(vocabulary), config, context)
    found, _ = compare(model, ids)
    found["true"] = np.exp(-drawn.log_probabilities[-1000:].sum() / sum(map(len, ids["test"])))
    metrics = {f"drawn_perplexity_{name}": value for name, value in found.items()}
    metrics |= {f"drawn_window_over_{name}": found["window"] / found[name] for name in ("ngram", "true")}
    metrics |= same_list(nearest(model), vocabulary, np.random.default_rng(context.seed))
    vectors = WordVectors(vocabulary.words, model.get_weights()[0])
    kinds = {kind: [word for words in of.values() for word in words] for kind, of in word_kinds.KINDS.items()}
    return metrics, word_figures.lists(vectors, kinds, "Vectors of the drawn words")


def run(config: Config, context: Context) -> Result:
    corpus = corpora.load(context.source, context.seed)
    tokens = {part: [tokenize(text) for text in texts] for part, texts in corpus.texts.items()}
    vocabulary = Vocabulary.fit(tokens["train"], config.words)
    ids = known_ids(vocabulary, tokens, context.source)
    model = train(ids, len(vocabulary), config, context)
    small = {"size": min(config.size, 32), "units": min(config.units, 64), "batch_size": 64}
    small_config = dataclasses.replace(config, **small, epochs=config.drawn_epochs, least_steps=0)
    metrics, drawn_vectors = of_drawn(small_config, context)
    metrics |= of_endings(small_config, context)
    found, metrics["bytes_over_ngram"] = compare(model, ids)
    metrics |= {f"{name}_over_ngram": found[name] / found["ngram"] for name in ("window", "mixed")}
    metrics |= {"test_perplexity": found["window"], "test_perplexity_ngram": found["ngram"]}
    metrics |= {"test_unknown_share": unknown_share(ids["test"]), "test_perplexity_mixed": found["mixed"]}
    metrics |= disturbed(model, ids["test"], np.random.default_rng(context.seed))
    (before, words), (training, known) = (windows(ids[part], config.order) for part in ("test", "train"))
    by_hand = next_word(before[:100], *(weight.astype(float) for weight in model.get_weights()))
    metrics["reference_gap"] = np.abs(model.predict(before[:100], verbose=0) / by_hand - 1).max()
    metric = Metric("test_perplexity", lambda p, y: np.exp(cross_entropy(p["probabilities"], y)), 1.0, False)
    files, task = vocabulary.to_files(), Task.TENSORS
    vectors = WordVectors(vocabulary.words[len(SPECIAL) :], model.get_weights()[0][len(SPECIAL) :])
    return Result(
        metrics=metrics,
        figures={"vectors": drawn_vectors, "windows": draw(metrics)},
        exports=[Export(model, before, training[:300], words, metric, files=files, task=task)],
        data=corpus.describe() | {"words": len(known), "vocabulary": len(vocabulary)},
        baselines=[unigrams(known, words)],
        tables=[word_figures.nearest_words({"network": vectors})],
    )


# %% [markdown]
# ## What was measured
#
# ![The drawn words by their vectors, in two principal components](figures/vectors.png)
#
# Nobody told the network what an animal is. Names, actions and manners of each kind lie together, since they
# are followed by the same words. *Places* do not: they end every sentence, nothing ever had to be predicted
# from one, and their vectors are where chance put them. A vector knows what it was asked, no more. With these
# vectors the network reads new sentences nearly as well as who knows the truth, with little more than half of
# the n-grams' perplexity. That is the case for which the notes praise it: many words, few kinds, few
# sentences.
#
# **On real text it loses.** The documentation of Python says the same things in the same words, a table that
# has them is hard to beat, and 60,000 words are few to learn two thousand vectors from. Mixed with the
# n-grams the network still helps: it knows something that they do not. On Shakespeare, three times as
# long and without set phrases, it wins alone. And everywhere it is smaller than the tables.
#
# ![Exam or books by model; perplexity with disturbed windows](figures/windows.png)
#
# Left: **the window of four** ends before the proctor, and guesses. N-grams of twelve words reach him and
# guess, too: no new sentence has the words in between that a counted one had. The network with a window of
# eleven is right nearly always; it has learned that ten words back there is something to look at, and that
# the words between do not matter. But *ten words back* is what it has learned. Each place of the window has
# weights of its own, the hidden layer's matrix grows with the window, and with the hint one place further it
# guesses again. A network that uses the same weights for every word is the next lesson.
#
# Right: a *neighbor* in place of the last word disturbs less than a stranger does, and the same words in
# another order disturb as well: the window is no bag of words.

# %%
CLAIMS = (
    Claim("reference_gap", at_most=1e-4, says="The function above gives the probabilities of the model."),
    Claim(
        "drawn_window_over_ngram",
        at_most=0.65,
        says="Where words fall into kinds, the network has at most 0.65 times the perplexity of n-grams,",
        lecture="learns a distributed representation of words",
    ),
    Claim("drawn_window_over_true", at_most=1.12, says="and at most 1.12 times that of the truth."),
    Claim(
        "nearest_same_list",
        at_least=0.65,
        says="Two drawn words in three and more are nearest to one of their own list,",
    ),
    Claim("nearest_same_list_shuffled", at_most=0.2, says="which by chance one in twelve would be."),
    Claim(
        "window_over_ngram",
        at_least=1.1,
        at_most=1.5,
        data="embedded",
        says="On a real text that repeats itself it loses, by a tenth and more;",
    ),
    Claim(
        "mixed_over_ngram",
        at_most=0.95,
        data="embedded",
        says="mixed with n-grams it is better than they are,",
    ),
    Claim("bytes_over_ngram", at_most=0.5, data="embedded", says="and takes at most half of their memory."),
    Claim(
        "window_over_ngram",
        at_most=0.95,
        data="tfds",
        says="On Shakespeare it is better than n-grams,",
        lecture="the curse of dimensionality above was first tackled by Bengio",
    ),
    Claim("mixed_over_ngram", at_most=0.95, data="tfds", says="and better still when mixed with them."),
    Claim(
        "neighbor_over_plain",
        at_most=2.2,
        data="embedded",
        says="With the last word's neighbor in its place, a real text is at most 2.2 times as perplexing,",
    ),
    Claim(
        "stranger_over_plain", at_least=3.5, data="embedded", says="with any other word 3.5 times and more,"
    ),
    Claim(
        "shuffled_over_plain",
        at_least=2.5,
        data="embedded",
        says="shuffled, 2.5 times and more.",
    ),
    Claim(
        "right_endings_short",
        at_least=0.4,
        at_most=0.6,
        says="With a window that is too short, exam or books is a coin flip;",
        lecture="the window of past consecutive n words may not be sufficient",
    ),
    Claim("right_endings_ngram", at_most=0.65, says="with n-grams that are long enough, too;"),
    Claim("right_endings_long", at_least=0.95, says="the network with a long window is right,"),
    Claim("right_endings_moved", at_most=0.65, says="unless the hint stands at another place of it."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run window_language_model --drawn_sentences 100`: a tenth of the drawn sentences, about
# animals as about exams. Which claims fall, and does counting suffer less?
#
# <details><summary>Answer</summary>
#
# `drawn_window_over_true` (more than twice as perplexed as the truth) and `nearest_same_list` (a third of the
# words; by chance one in twelve). A hundred sentences meet most words a few times, too few to tell their
# kind. But counting suffers more: `drawn_window_over_ngram` is even a little lower. And the long window still
# finds every hint: two words and one place are learned from a hundred sentences.
#
# </details>
#
# **2.** On paper: how many weights has the hidden layer with vectors of 64 numbers, 128 units and a window of
# 4? Of 11? And how many rows could a table of 12-grams have with 2,000 words?
#
# <details><summary>Answer</summary>
#
# 4 * 64 * 128 + 128 = 32,896, and 11 * 64 * 128 + 128 = 90,240: in proportion to the window. The table could
# have 2,000^12, a number of forty digits; it has as many as the text has words, for hardly any comes twice.
# That is why it knows nothing about a new sentence.
#
# </details>
#
# **3.** With the hint at another place the long window guesses. What would help, without another kind of
# network?
#
# <details><summary>Answer</summary>
#
# Sentences with the hint at every place: then each place learns it, from its own share of the text. With
# eight places that takes eight times as many sentences. The network shares what it knows among words, not
# among places.
#
# </details>
#
# ## To take away
#
# - A vector for each word lets what is learned of one serve others; the vectors come from the task itself.
# - Where a text repeats itself, counting wins. Try the cheap thing first, and mix.
# - A window ends somewhere. A longer one has more weights, and each of its places learns by itself.
#
# *Before: [ngram_language_model](ngram_language_model.md). Next: [rnn_language_model](rnn_language_model.md),
# which has the same weights at every word.*
