# %% [markdown]
# # Count words, forget their order, and classify
#
# A text becomes a row of numbers by counting its words, and a table of counts is something that every method
# of week 1 can read. That goes far, and not as far as a sentence whose meaning is in its order.
#
# *Week 4, "Natural language processing primer", "Representing text". Takes 39 s on one CPU core.
# `suite run text_primer [--data FILE.csv or FOLDER with train, test]`*
#
# ## A text is no vector
#
# Networks read rows of numbers of one length. A text is a string of any length. Between the two stand three
# decisions: what is a *token* (here: a word, a number, a mark), which tokens are in the *vocabulary* (those
# of the training texts, the most frequent first), and what is kept of the order. This recipe keeps nothing
# of it at first, which is called a *bag of words*. Then a little: pairs of neighbors.
#
# ## The method
#
# **Count.** A row a text, a column a word. **Weigh.** A word that is in every text says nothing of any, so
# multiply by the *inverse document frequency*, `log((1 + n) / (1 + texts with it)) + 1`, and divide a row by
# its length, so that long texts are not larger than short ones: *TF-IDF*. **Classify.** Two ways:
#
# *Naive Bayes* asks how probable each word is in each class, counts that, and pretends that words follow each
# other independently. With one more of each word in each class, so that nothing is impossible:
#
#     text        label                  win  now  hi        P(word given class):
#     win now     spam      spam          2    1    0        (2+1)/6  (1+1)/6  (0+1)/6
#     win         spam      ham           0    1    1        (0+1)/5  (1+1)/5  (1+1)/5
#     hi now      ham
#
# Is "win win now" spam? The classes before any word: 2/3 and 1/3. Times 1/2, 1/2, 1/3 gives 0.056 for spam;
# times 1/5, 1/5, 2/5 gives 0.005 for ham. Spam, at ten to one. In logarithms that is a sum, a weight a word:
# **naive Bayes is a linear model whose weights are counted, not trained.**
#
# *Logistic regression* ([linear_classification](linear_classification.md)) has the same form, and looks for
# the weights that predict best.

# %%
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from suite.data.generated.judgments import KINDS
from suite.data.sets import labeled_texts
from suite.evaluation import plots
from suite.evaluation.baselines import most_frequent_class
from suite.evaluation.classification import classification_tables
from suite.evaluation.metrics import Metric, accuracy, choose
from suite.language import features
from suite.language.features import ngrams
from suite.language.vocabulary import SPECIAL, Vocabulary, tokenize
from suite.layers import TfIdf
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task

Texts = Sequence[list[str]]


def count_words(texts: Texts, words: Sequence[str]) -> np.ndarray:
    """A row a text, a column a word; what is not in the vocabulary is not counted.

    >>> count_words([["win", "now"], ["win", "win"], ["hi", "you"]], ["win", "now", "hi"]).tolist()
    [[1.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return np.array([[text.count(word) for word in words] for text in texts], float)


def tf_idf(counts: np.ndarray) -> np.ndarray:
    idf = np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1
    lengths = np.linalg.norm(counts * idf, axis=1, keepdims=True)
    return counts * idf / np.where(lengths > 0, lengths, 1)


def naive_bayes(counts: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (words, classes) and biases of a linear model: logarithms of what was counted.

    >>> weights, biases = naive_bayes(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]]), np.array([0, 0, 1]), 2)
    >>> np.exp([2, 1, 0] @ weights + biases).round(3).tolist()
    [0.056, 0.005]
    """
    members = np.eye(classes)[labels]
    of_class = counts.T @ members + 1
    return np.log(of_class / of_class.sum(axis=0)), np.log(members.mean(axis=0))


# %% [markdown]
# ## Texts of which one knows what is difficult
#
# Short judgments, made by a rule, each with its opposite. Four kinds: *plain* ("the film was really good"),
# *negated* ("the film was not bad"), *contrasted* ("the film was not bad , it was good", whose opposite has
# **the same words**) and *distant* ("the film was not what i would call bad").
#
# On the last three a bag of words has its difficulties, but not for one reason. So three models get to see
# them, all trained in the same way:
#
# * **words**: a line on the words,
# * **pairs**: a line on words and pairs of neighbors, such as "not bad",
# * **hidden**: a network with a hidden layer on the words alone. It has no idea of the order either, but it
#   can say "*not* and *bad* in one text are good", which no sum of weights can: it is
#   [the problem of the exclusive or](perceptron_circuits.md).
#
# The vocabulary has the words of the training texts; for pairs, the most frequent pairs of them, too.


# %%
def fit_vocabulary(texts: Texts, words: Vocabulary, largest: int, most: int) -> Vocabulary:
    names = list(words.words[len(SPECIAL) :])
    pairs = [ngrams(text, 2, 2) for text in texts] if largest == 2 else []
    known = [[pair for pair in text if all(word in words for word in pair.split(" "))] for text in pairs]
    if any(known):
        names += Vocabulary.fit(known, most + len(SPECIAL)).words[len(SPECIAL) :]
    return Vocabulary(names)


def batches(matrix: scipy.sparse.csr_array, labels: np.ndarray, size: int, seed: int) -> tf.data.Dataset:
    cells = matrix.tocoo()
    rows = tf.SparseTensor(np.stack(cells.coords, axis=1), cells.data.astype(np.float32), cells.shape)
    examples = tf.data.Dataset.from_tensor_slices((tf.sparse.reorder(rows), labels))
    drawn = examples.shuffle(len(labels), seed=seed).repeat().batch(size)
    return drawn.map(lambda rows, labels: (tf.sparse.to_dense(rows), labels)).prefetch(2)


def train(
    matrix: scipy.sparse.csr_array, labels: np.ndarray, units: int, config: "Config", context: Context
) -> keras.Model:
    """Probabilities from features, without units logistic regression; a penalty on the last kernel."""
    x = inputs = keras.Input((matrix.shape[1],))
    x = layers.Dense(units, "relu")(x) if units else x
    penalty = keras.regularizers.L2(1e-4)
    outputs = layers.Dense(int(max(labels)) + 1, "softmax", kernel_regularizer=penalty)(x)
    model = keras.Model(inputs, outputs, name="probabilities")
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    context.fit(model, batches(matrix, labels, config.batch_size, context.seed), steps_per_epoch=config.steps)
    return model


# %% [markdown]
# ## On a phone
#
# A phone gets the ids of the words of a text; counting and weighing are the first layer of the model,
# `suite.layers.TfIdf`.


# %%
def build_model(
    words: Vocabulary, head: keras.Model, vocabulary: Vocabulary, idf: np.ndarray, length: int
) -> keras.Model:
    pairs = [name.split(" ") for name in vocabulary.words[len(words) :]]
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    counted = TfIdf(len(words), len(pairs), name="tf_idf")
    answer = keras.Model(head.input, head.output, name="probabilities")  # without its optimizer
    model = keras.Model(tokens, answer(counted(tokens)))
    counted.adapt(np.reshape([words.ids(pair) for pair in pairs], (-1, 2)), idf)
    return model


# %% [markdown]
# ## Is it right?
#
# Our counts, weights and naive Bayes against scikit-learn and against the sparse ones of
# `suite.language.features`, which the training takes: a table with a column for each of ten thousand words is
# nearly all zeros.


# %%
def reference_gap(texts: Texts, labels: np.ndarray, vocabulary: Vocabulary) -> float:
    """Of words and pairs, on at most 100 texts."""
    texts = [ngrams(text, 1, 2) for text in texts[:100]]
    labels = np.unique(labels[:100], return_inverse=True)[1]
    known = vocabulary.words[len(SPECIAL) :]
    counts, sparse = count_words(texts, known), features.bag_of_words(texts, vocabulary)
    theirs = TfidfVectorizer(analyzer=list, vocabulary=known).fit_transform(texts)
    fast = features.tf_idf(sparse, features.inverse_document_frequency(sparse))
    weights, biases = naive_bayes(counts, labels, max(labels) + 1)
    bayes = MultinomialNB().fit(counts, labels)
    gaps = [counts - sparse, tf_idf(counts) - theirs.toarray(), tf_idf(counts) - fast.toarray()]
    gaps += [weights.T - bayes.feature_log_prob_, biases - bayes.class_log_prior_]
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% The figures
def draw_weights(models: dict[str, tuple], last: str) -> Figure:
    figure, panels = plots.new_figure("What speaks for and against the last label", 9, 5, 1, 2)
    for axes, name in zip(panels, ("words", "pairs"), strict=True):
        head, vocabulary, _ = models[name]
        kernel = head.layers[-1].kernel.numpy()
        weights = kernel[:, -1] - kernel.mean(axis=1)
        shown = max(1, min(12, len(weights) // 2))
        order = np.argsort(weights)[np.r_[:shown, -shown:0]]
        names = [vocabulary.words[row + len(SPECIAL)] for row in order]
        axes.barh(range(len(order)), weights[order], color=[plots.COLORS[int(w < 0)] for w in weights[order]])
        axes.set_yticks(range(len(order)), names, fontsize=8, parse_math=False)
        axes.set_xlabel(f"{name}: weight for {last!r}", parse_math=False)
    return figure


def draw_kinds(by_kind: dict[tuple[str, str], float]) -> Figure:
    figure, axes = plots.new_figure("Four kinds of judgments", 8, 3.4)
    for place, name in enumerate(dict.fromkeys(name for name, _ in by_kind)):
        axes.bar(np.arange(4) + 0.2 * place, [by_kind[name, kind] for kind in KINDS], 0.18, label=name)
    axes.axhline(0.5, color=plots.MUTED, linestyle="--", label="chance")
    axes.set(ylabel="test accuracy", ylim=(0, 1.05), xticks=np.arange(4) + 0.3, xticklabels=KINDS)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


# %% [markdown]
# ## Run it
#
# With `--data FILE.csv` the texts are yours: a column of texts, one of labels, which are found (or named, by
# `--text_column` and `--label_column`). Of the three trained models the one that is best on validation texts
# is exported. Generated texts are plenty, so we train on 400 of them only, as if somebody had to label each.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    words: Annotated[int, "in the vocabulary at most, and as many pairs of neighbors"] = 5000
    length: Annotated[int, "tokens of a text at most; 0: of the longest in training, at most 256"] = 0
    units: Annotated[int, "of the hidden layer"] = 32
    steps: Annotated[int, "of each training"] = 1500
    batch_size: Annotated[int, "texts a step"] = 64
    learning_rate: Annotated[float, "at first; falls to 0 along a cosine"] = 0.02
    examples: Annotated[int, "generated texts to train on; of your own all are taken"] = 400
    text_column: Annotated[str | None, "of your own file: its name, or its number from 1"] = None
    label_column: Annotated[str | None, "likewise"] = None


SMOKE = Config(words=100, units=4, steps=20)
DATA = ("embedded", "path")


def run(config: Config, context: Context) -> Result:
    data = labeled_texts.load(context.source, context.seed, config.text_column, config.label_column)
    texts = {part: [tokenize(text) for text in each] for part, each in data.texts.items()}
    most = config.examples if context.source.is_embedded else None
    texts["train"], labels = texts["train"][:most], {**data.labels, "train": data.labels["train"][:most]}
    length = config.length or min(256, max(2, *map(len, texts["train"])))
    texts = {part: [text[:length] for text in each] for part, each in texts.items()}
    words = Vocabulary.fit(texts["train"], config.words + len(SPECIAL))
    models, probabilities, scores = {}, {}, {}
    for name, largest, units in (("words", 1, 0), ("pairs", 2, 0), ("hidden", 1, config.units)):
        vocabulary = fit_vocabulary(texts["train"], words, largest, config.words)
        grams = {part: [ngrams(text, 1, largest) for text in each] for part, each in texts.items()}
        counts = {part: features.bag_of_words(each, vocabulary) for part, each in grams.items()}
        idf = features.inverse_document_frequency(counts["train"])
        rows = {part: features.tf_idf(each, idf) for part, each in counts.items()}
        head = train(rows["train"], labels["train"], units, config, context)
        models[name] = head, vocabulary, idf
        scores[name] = accuracy(head(rows["validation"].toarray()), labels["validation"])
        probabilities[name] = np.asarray(head(rows["test"].toarray()))
        if name == "pairs":
            weights, biases = naive_bayes(counts["train"], labels["train"], len(data.classes))
            probabilities["naive_bayes"] = np.asarray(tf.nn.softmax(counts["test"] @ weights + biases))
    best, truth = choose(scores, "accuracy"), labels["test"]
    ids = {part: np.stack([words.ids(text, length) for text in each]) for part, each in texts.items()}
    model = build_model(words, *models[best], length)
    answers = model.predict(ids["test"], verbose=0)
    by_kind = {
        (name, kind): accuracy(p[rows], truth[rows])
        for name, p in probabilities.items()
        for kind, rows in ((kind, data.kinds["test"] == kind) for kind in KINDS if data.kinds)
    }
    metric = Metric("test_accuracy", lambda outputs, labels: accuracy(outputs["probabilities"], labels))
    export = Export(
        model, ids["test"], ids["train"][:300], truth, metric, data.classes,
        files=words.to_files(), task=Task.TEXT_CLASSIFIER,
    )  # fmt: skip
    return Result(
        metrics={
            "test_accuracy": accuracy(answers, truth),
            "graph_gap": np.max(np.abs(answers - probabilities[best])),
            **{f"test_accuracy_{name}": accuracy(p, truth) for name, p in probabilities.items()},
            **{f"test_accuracy_{name}_{kind}": each for (name, kind), each in by_kind.items()},
            "reference_gap": reference_gap(texts["train"], labels["train"], models["pairs"][1]),
        },
        figures={"weights": draw_weights(models, data.classes[-1])}
        | ({"accuracy_by_kind": draw_kinds(by_kind)} if by_kind else {}),
        exports=[export],
        data=data.describe() | {"exported": best},
        baselines=[most_frequent_class(labels["train"], truth, data.classes)],
        tables=classification_tables(answers, truth, data.classes),
    )


# %% [markdown]
# ## What was measured
#
# ![Words and pairs with the largest weights of two linear models](figures/weights.png)
#
# Each word has one weight, whatever stands beside it. With pairs, "not bad" has one of its own.
#
# ![Accuracy of four models by the kind of the judgment](figures/accuracy_by_kind.png)
#
# Three kinds, three reasons:
#
# * **Negated.** The line on words fails, for "bad" has one weight, with or without "not". That is not because
#   the order is lost: the hidden layer reads the same counts, and is right far more often. It is because a
#   line cannot say "both".
# * **Contrasted.** A sentence and its opposite have the same counts. Whatever is computed from them, one of
#   the two gets the wrong label: half is the most that any bag of words can have, with as many layers as you
#   like. *This* is what order-free features miss. Pairs see the difference.
# * **Distant.** Now pairs fail: between "not" and "bad" stand four to six words. The hidden layer on words is
#   better, though it has seen few of these. Longer n-grams would see it, too, if one had texts enough to have
#   met each of them.
#
# Naive Bayes, on words and pairs, beside them: a line like the first two, for one pass of counting.

# %%
CLAIMS = (
    Claim(
        "test_accuracy_words_negated",
        at_most=0.75,
        data="embedded",
        says="A line on words gets a quarter of the negated judgments wrong, or more,",
    ),
    Claim(
        "test_accuracy_hidden_negated",
        at_least=0.75,
        data="embedded",
        says="a hidden layer on the same words, without their order, less than that.",
    ),
    Claim(
        "test_accuracy_pairs_contrasted",
        at_least=0.95,
        data="embedded",
        says="Where opposites have the same words, a line on pairs of neighbors is right;",
    ),
    Claim(
        "test_accuracy_pairs_distant",
        at_most=0.7,
        data="embedded",
        says="not where the negation stands far away.",
    ),
    Claim(
        "reference_gap",
        at_most=1e-12,
        says="scikit-learn counts and weighs alike, and its naive Bayes has the same weights.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run text_primer --examples 4000` trains on ten times as many texts, nearly all there are.
# Which model learns what from them, and what does none learn?
#
# <details><summary>Answer</summary>
#
# The hidden layer gets every negated and every distant judgment right, and half of the contrasted ones, as it
# must. Pairs get all but the distant ones, of which they guess as before. The line on words gets *every*
# negated judgment wrong: it has now learned for sure what "bad" weighs. More data do not mend a model that
# cannot say it.
#
# </details>
#
# **2.** On paper: one text with the word "good", one with "not good", one with "bad", one with "not bad"; 1
# for praise. Why is there no weight for "not", "good" and "bad" and a bias that get all four right?
#
# <details><summary>Answer</summary>
#
# Let the weights be n, g, b and the bias c. Praise is `g + c > 0` and `n + b + c > 0`, added up
# `n + g + b + 2 c > 0`. Blame is `b + c < 0` and `n + g + c < 0`, added up `n + g + b + 2 c < 0`. Both cannot
# be.
#
# </details>
#
# **3.** `suite run text_primer --data FILE.csv` with texts of yours, for instance messages that are spam or
# not. Which of the four models is best?
#
# <details><summary>Answer</summary>
#
# On the SMS Spam Collection (5,574 messages, a seventh of them spam) naive Bayes was right in 99 of 100, the
# three trained ones in 97 or 98, and pairs about as often as words. Where single words give a message away,
# little is missed without their order.
#
# </details>
#
# ## To take away
#
# - Counts make a table of texts, and naive Bayes a classifier of it without any training: begin there.
# - "It forgets the order" is one fault, "it is linear" is another. Ask which one you see before you mend it.
# - Fit the vocabulary and the document frequencies on training texts alone.
#
# *Before: [image_morphing](image_morphing.md). Next: [word_embeddings](word_embeddings.md), where words that
# are used alike get numbers that are alike.*
