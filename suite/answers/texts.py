"""An exported model of language on texts: classes, tags, translations, continuations, nearest words.

What a model does shows in the names of its inputs; its words stand in the `vocabulary.txt` beside it.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from suite.answers.sentences import sentence_writer
from suite.deploy.labels import class_labels
from suite.deploy.runtime import Artifact
from suite.language.decoding import CONTINUATION, NEW, TEMPERATURE, StepModel, generate
from suite.language.tagging import CHARACTERS_FILE, TaggerVocabulary
from suite.language.tokens import cut_like, fold, tokenize
from suite.language.vocabulary import PADDING, SPECIAL, UNKNOWN, VOCABULARY_FILE, Vocabulary


def text_reader(model: Artifact) -> Callable[[str, int], dict] | None:
    """How a model answers a text, `(text, top) -> row` of `suite.predict`; None where it takes no text.

    Raises:
        ValueError: Its words or labels are missing, or it is a step that needs an encoder.
    """
    inputs = {tensor.name for tensor in model.signature.inputs}
    if inputs == {"word"}:
        return _word_reader(model)
    if inputs == {"tokens"}:
        return functools.partial(_classify, model, class_labels(model), _vocabulary(model))
    if inputs == {"source"} and (write := sentence_writer(model)):
        return functools.partial(_translate, write, _vocabulary(model), model.signature.inputs[0].shape[0])
    if inputs in ({"words"}, {"words", "characters"}):
        return functools.partial(_tag, model, class_labels(model), _tagger_vocabulary(model))
    return _continuation_reader(model) if "token" in inputs else None


def best_classes(labels: list[str], outputs: dict[str, np.ndarray], top: int) -> dict:
    """The `top` best classes of one example, best first, as `suite.predict` gives them.

    Args:
        labels: Names of the C classes.
        outputs: One array `(C,)`, by its name: probabilities, or scores of which the largest is the best.
        top: Classes at most.
    """
    (scores,) = outputs.values()
    best = np.argsort(-scores, kind="stable")[:top]
    number = "probability" if are_probabilities(scores) else "score"
    return {"classes": [{"class": labels[i], number: float(scores[i])} for i in best]}


def are_probabilities(scores: np.ndarray) -> bool:
    """Whether numbers `(C,)` are in [0, 1] and sum to 1, but for the rounding of quantized models."""
    rounding = max(0.01, len(scores) / 512)  # half a step of 1/256 each
    return bool(np.all(scores >= 0) and np.all(scores <= 1.01) and abs(np.sum(scores) - 1) <= rounding)


def _vocabulary(model: Artifact, name: str = VOCABULARY_FILE, what: str = "words") -> Vocabulary:
    return Vocabulary.from_text(model.beside(name, what))


def _tokens(text: str, known: Vocabulary | None = None) -> list[str]:
    """Tokens in lower case, or words as a tagger knows them."""
    tokens = tokenize(text) if known is None else cut_like(text, known)
    if not tokens:
        raise ValueError(f"expected a text with at least one word, received {text!r}; give one")
    return tokens


def _classify(model: Artifact, labels: list[str], known: Vocabulary, text: str, top: int) -> dict:
    tokens = _tokens(text)
    length = model.signature.inputs[0].shape[0] or len(tokens)
    (probabilities,) = model.predict({"tokens": known.ids(tokens, length)[None]}).values()
    return {"text": text, **best_classes(labels, {"probabilities": probabilities[0]}, top)}


def _translate(write: Callable, known: Vocabulary, length: int | None, text: str, top: int) -> dict:
    if known.spells:  # a capital that the model never saw is read as a small letter
        tokens = [letter if letter in known else letter.lower() for letter in text]
    else:
        tokens = _tokens(text)
    if not tokens or (length and len(tokens) > length):
        limit = f"1 to {length}" if length else "at least 1"
        raise ValueError(f"expected a text of {limit} tokens, received {len(tokens)}: {text!r}")
    return {"text": text, "translations": write({"source": known.ids(tokens, length)[None]}, top)}


def _tagger_vocabulary(model: Artifact) -> TaggerVocabulary:
    words = _vocabulary(model)
    spells = any(tensor.name == "characters" for tensor in model.signature.inputs)
    return TaggerVocabulary(words, _vocabulary(model, CHARACTERS_FILE, "characters") if spells else words)


def _tag(model: Artifact, labels: list[str], known: TaggerVocabulary, text: str, top: int) -> dict:
    shapes = {tensor.name: tensor.shape for tensor in model.signature.inputs}
    words, letters = _tokens(text, known.words), shapes.get("characters", (0, 0))[1]
    length = shapes["words"][0] or len(words)
    tags = []
    for start in range(0, len(words), length):  # a model of fixed length reads a long text in pieces
        piece = words[start : start + length]
        inputs = known.encode([piece], length, letters)
        (found,) = model.predict({name: inputs[name] for name in shapes}).values()
        tags += [
            {"word": word, "tag": labels[int(p.argmax())], "probability": float(p.max())}
            for word, p in zip(piece, found[0], strict=False)
        ]
    return {"text": text, "tags": tags}


def _continuation_reader(model: Artifact) -> Callable[[str, int], dict]:
    step, outputs = StepModel(model), {tensor.name for tensor in model.signature.outputs}
    fixed = [name for name in step.initial_state() if NEW + name not in outputs]
    if fixed:
        raise ValueError(
            f"expected the step of a language model, {model.path} also takes {', '.join(fixed)}, which an "
            "encoder gives"
        )
    return functools.partial(_continue, step, _vocabulary(model))


def _continue(step: StepModel, known: Vocabulary, text: str, top: int) -> dict:
    """What a language model adds to a text: `top` draws with a fixed seed."""
    kind = "character" if known.spells else "word"
    tokens = list(text) if kind == "character" else tokenize(text)
    if not tokens:
        raise ValueError(f"expected a text with at least one {kind}, received {text!r}; give one")
    beginning = ["\n"] if "\n" in known else []  # a text begins after a break
    prompt, rng = known.ids([*beginning, *tokens]), np.random.default_rng(0)
    settings = {"temperature": TEMPERATURE, "forbidden": (PADDING, UNKNOWN)}
    drawn = [
        generate(step, step.initial_state(), prompt, CONTINUATION[kind], rng, **settings) for _ in range(top)
    ]
    return {"text": text, "continuations": [known.sentence(ids) for ids in drawn]}


def _word_reader(model: Artifact) -> Callable[[str, int], dict]:
    from suite.evaluation.embeddings import WordVectors  # scikit-learn takes its time

    known = _vocabulary(model)
    (vectors,) = model.predict({"word": np.arange(len(known), dtype=np.int32)}).values()
    return functools.partial(_nearest, WordVectors(known.words[len(SPECIAL) :], vectors[len(SPECIAL) :]))


def _nearest(vectors: Any, word: str, top: int) -> dict:
    found = vectors.nearest(fold(word), top)
    return {"word": word, "neighbors": [{"name": near, "distance": 1 - cosine} for near, cosine in found]}
