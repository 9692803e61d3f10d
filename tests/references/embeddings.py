"""The rules of word embeddings in NumPy float64, pair by pair; nothing here imports the suite."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def negative_sampling_loss(logits, pairs, noise_logits, negatives):
    """Mikolov et al. (2013), equation 4, the expectation over the noise as a mean over K draws."""
    total, count = 0.0, 0
    for index in np.ndindex(np.shape(logits)):
        if pairs[index]:
            noise = [math.log(sigmoid(-float(score))) for score in noise_logits[index[:-1]]]
            total -= math.log(sigmoid(float(logits[index]))) + negatives * sum(noise) / len(noise)
            count += 1
    return total / count


def keep_probability(count, total, threshold):
    """word2vec.c: ran = (sqrt(cn / (sample * train_words)) + 1) * (sample * train_words) / cn."""
    return min(1.0, (math.sqrt(count / (threshold * total)) + 1) * (threshold * total) / count)


def windows(words, sentences, reach):
    """The (word, context) pairs of each position, by the definition of a window."""
    found = []
    for place, word in enumerate(words):
        for other in range(place - reach[place], place + reach[place] + 1):
            if other != place and 0 <= other < len(words) and sentences[other] == sentences[place]:
                found.append((int(word), int(words[other])))
    return found


def ppmi(counts, power, shift):
    """Levy, Goldberg, Dagan (2015), section 3.2: contexts smoothed, then shifted, then cut at 0."""
    total, found = counts.sum(), np.zeros(counts.shape)
    contexts = counts.sum(axis=0) ** power
    for word, context in np.ndindex(counts.shape):
        if counts[word, context]:
            joint = counts[word, context] / total
            apart = counts[word].sum() / total * contexts[context] / contexts.sum()
            found[word, context] = max(0.0, math.log(joint / apart) - math.log(shift))
    return found
