"""Decoding against brute force, as a function of the module that holds it."""

import functools
import itertools
import math
import types

import numpy as np

RNG = np.random.default_rng(3)
VOCABULARY, START, END = 4, 0, 3
LOGITS = RNG.normal(0, 1.5, (2, 3, 7))


def decoding(module):
    probabilities(module)
    nucleus(module)
    sampling(module)
    searching(module)
    greedy(module)
    generating(module)


def softmax(logits):
    powers = [math.exp(logit) for logit in logits]
    return np.array(powers) / sum(powers)


def probabilities(module):
    for temperature, top_k, forbidden in itertools.product((0.3, 1.0, 2.5), (None, 1, 3), ((), (0, 5))):
        found = module.next_probabilities(LOGITS, temperature, top_k, forbidden)
        assert found.shape == LOGITS.shape
        for row, logits in zip(found.reshape(-1, 7), LOGITS.reshape(-1, 7), strict=True):
            left = sorted(set(range(7)) - set(forbidden), key=lambda index: -logits[index])[:top_k]
            expected = np.zeros(7)
            expected[left] = softmax(logits[left] / temperature)
            np.testing.assert_allclose(row, expected, rtol=1e-12)
    greedy = module.next_probabilities(LOGITS, 0, forbidden=(1,))
    without = np.where(np.arange(7) == 1, -9, LOGITS)
    np.testing.assert_array_equal(greedy, np.eye(7)[without.argmax(axis=-1)])
    np.testing.assert_array_equal(module.next_probabilities([1, 2, 2, 2], 0), [0, 1, 0, 0])
    np.testing.assert_array_equal(module.next_probabilities([1, 2, 2, 2], 1, 2), [0, 0.5, 0.5, 0])
    far = np.array([1000.0, 0, -1000])
    np.testing.assert_allclose(module.log_softmax(far), [0, -1000, -2000])
    np.testing.assert_allclose(module.log_softmax(LOGITS[0, 0]), np.log(softmax(LOGITS[0, 0])), rtol=1e-12)


def nucleus(module):
    for temperature, top_k, top_p in itertools.product((0.3, 1.0, 2.5), (None, 3), (0.01, 0.4, 0.9, 1.0)):
        found = module.next_probabilities(LOGITS, temperature, top_k, (5,), top_p)
        for row, logits in zip(found.reshape(-1, 7), LOGITS.reshape(-1, 7), strict=True):
            left = sorted(set(range(7)) - {5}, key=lambda index: -logits[index])[:top_k]
            p, kept, together = softmax(logits[left] / temperature), [], 0.0
            for index, probability in zip(left, p, strict=True):
                if together < top_p:
                    kept, together = [*kept, index], together + probability
            expected = np.zeros(7)
            expected[kept] = softmax(logits[kept] / temperature)
            np.testing.assert_allclose(row, expected, rtol=1e-9)
    powers = np.log([0.25, 0.5, 0.25])
    np.testing.assert_allclose(module.next_probabilities(powers, top_p=0.5), [0, 1, 0])
    np.testing.assert_allclose(module.next_probabilities(powers, top_p=0.6), [1 / 3, 2 / 3, 0])


def sampling(module):
    logits = np.log([0.1, 0.4, 0.0001, 0.3, 0.1999])
    many = np.tile(logits, (40_000, 1))
    for temperature in (0.5, 1.0):
        drawn = module.sample(many, np.random.default_rng(0), temperature=temperature, forbidden=(4,))
        assert drawn.dtype == np.int32 and drawn.shape == (40_000,)
        expected = module.next_probabilities(logits, temperature, forbidden=(4,))
        # Standard deviation at most 0.0025.
        np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 40_000, expected, atol=0.01)
    again = [module.sample(LOGITS, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(again[0], again[1])
    assert again[0].shape == (2, 3) and np.any(again[0] != again[2])
    for draw, expected in ((0.0, 1), (0.999999, 3)):  # never one of probability 0, before or after
        rng = types.SimpleNamespace(random=lambda shape, draw=draw: np.full(shape, draw))
        assert module.sample(np.zeros(5), rng, forbidden=(0, 4)) == expected


class Recurrence:
    """A random recurrent model: each step depends on all tokens so far."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.embedding = rng.normal(0, 1, (VOCABULARY, 5))
        self.recurrent, self.out = rng.normal(0, 0.8, (5, 5)), rng.normal(0, 0.8, (5, VOCABULARY))

    def __call__(self, tokens, state):
        assert tokens.dtype == np.int32 and len(tokens) == len(state["deep"][0]) == len(state["steps"])
        hidden = np.tanh(state["deep"][0] @ self.recurrent + self.embedding[tokens])
        logits = hidden @ self.out
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return log_probabilities, {"deep": (hidden,), "steps": state["steps"] + 1}

    def initial_state(self):
        return {"deep": (np.zeros((1, 5)),), "steps": np.zeros((1, 1))}

    def log_probability(self, tokens):
        return self._read(tuple(tokens))[2]

    @functools.cache  # noqa: B019  a model lives as long as its check
    def _read(self, tokens):
        """After these tokens: log-probabilities of the next, the state, and their own log-probability."""
        if not tokens:
            return *self(np.int32([START]), self.initial_state()), 0.0
        log_probabilities, state, total = self._read(tokens[:-1])
        last = tokens[-1]
        return *self(np.int32([last]), state), total + log_probabilities[0, last]


def greedy(module):
    for seed in range(3):
        model, starts = Recurrence(seed), np.int32([START, 1, 2])
        state = {"deep": (np.zeros((3, 5)),), "steps": np.zeros((3, 1))}
        found = module.greedy_search(model, state, starts, 6)
        assert found.dtype == np.int32 and found.shape == (3, 6)
        for tokens, last in zip(found, starts, strict=True):
            state = model.initial_state()
            for token in tokens:
                log_probabilities, state = model(np.int32([last]), state)
                last = np.argmax(log_probabilities[0])
                assert token == last


def every_sequence(max_length):
    for length in range(1, max_length + 1):
        for tokens in itertools.product(range(VOCABULARY), repeat=length):
            if END not in tokens[:-1] and (tokens[-1] == END or length == max_length):
                yield tokens


def searching(module):
    for seed, (max_length, power) in enumerate(itertools.product((1, 2, 4), (0.0, 0.6, 1.0))):
        model = Recurrence(seed)
        totals = {tokens: model.log_probability(tokens) for tokens in every_sequence(max_length)}
        ranked = sorted(totals, key=lambda tokens: -totals[tokens] / len(tokens) ** power)
        width = len(totals)
        found = module.beam_search(model, model.initial_state(), START, END, width, max_length, power)
        assert [hypothesis.tokens for hypothesis in found] == ranked
        for hypothesis in found:
            length = len(hypothesis.tokens)
            np.testing.assert_allclose(hypothesis.log_probability, totals[hypothesis.tokens], rtol=1e-12)
            np.testing.assert_allclose(
                hypothesis.score, totals[hypothesis.tokens] / length**power, rtol=1e-12
            )
    narrow_beams(module)


def narrow_beams(module):
    """A narrow beam keeps the best unfinished ones, step by step, as written down here in plain loops.

    A width of 1 is the greedy search up to the end.
    """
    missed = 0
    for seed, width, power in itertools.product(range(12), (1, 2, 3), (0.0, 1.0)):
        model = Recurrence(100 + seed)
        beam, finished = [()], []
        for length in range(1, 6):
            longer = [(*tokens, token) for tokens in beam for token in range(VOCABULARY)]
            longer.sort(key=lambda tokens: -model.log_probability(tokens))
            finished += [tokens for tokens in longer[:width] if tokens[-1] == END or length == 5]
            beam = [tokens for tokens in longer if tokens[-1] != END and length < 5][:width]
            if len(finished) >= width:
                break
        finished.sort(key=lambda tokens: -model.log_probability(tokens) / len(tokens) ** power)
        found = module.beam_search(model, model.initial_state(), START, END, width, 5, power)
        assert [hypothesis.tokens for hypothesis in found] == finished[:width]
        best = max(every_sequence(5), key=lambda tokens: model.log_probability(tokens) / len(tokens) ** power)
        missed += found[0].tokens != best
        if width == 1:
            (tokens,) = module.greedy_search(model, model.initial_state(), np.int32([START]), 5).tolist()
            tokens = tokens[: tokens.index(END) + 1] if END in tokens else tokens
            assert found[0].tokens == tuple(tokens)
    assert missed  # otherwise nothing tells a beam from a search through all


class Counting:
    """Probability 0.7 for the token after the sum of all tokens so far, modulo 10; counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, tokens, state):
        assert tokens.shape == (1,) and tokens.dtype == np.int32
        self.calls += 1
        state = state + tokens[:, None]
        probabilities = np.full(10, 0.3 / 9)
        probabilities[(int(state[0, 0]) + 1) % 10] = 0.7
        return np.log(probabilities)[None], state


def generating(module):
    step = Counting()
    drawn = module.generate(step, np.zeros((1, 1), int), [3, 4], 6, np.random.default_rng(0), temperature=0)
    expected, total = [], 7
    for _ in range(6):
        expected.append((total + 1) % 10)
        total += expected[-1]
    assert drawn.tolist() == expected and drawn.dtype == np.int32
    assert step.calls == 2 + 5
    seeded = [
        module.generate(step, np.zeros((1, 1), int), [3], 30, np.random.default_rng(seed), top_k=4).tolist()
        for seed in (0, 0, 1)
    ]
    assert seeded[0] == seeded[1] != seeded[2]
    assert module.generate(step, np.zeros((1, 1), int), [3], 0, np.random.default_rng(0)).shape == (0,)
    text = [3, 4, 8, 6, 1]  # the second and third as expected, then one that is not
    nats = module.surprisals(step, np.zeros((1, 1), int), text)
    np.testing.assert_allclose(np.exp(-nats), [0.7, 0.7, 0.7 if 15 % 10 + 1 == 6 else 0, 0.3 / 9], rtol=1e-12)
