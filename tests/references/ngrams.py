"""N-gram models in plain Python, by dictionaries and by the definitions; nothing here imports the suite."""

from collections import Counter


def counted(texts, order):
    """Occurrences of the n-grams of each n, as tuples; 0 before the first word of a text."""
    tables = [Counter() for _ in range(order)]
    for text in texts:
        padded = [0] * (order - 1) + [int(word) for word in text]
        for end in range(order, len(padded) + 1):
            for n in range(1, order + 1):
                tables[n - 1][tuple(padded[end - n : end])] += 1
    return tables


def after(table, context):
    """The counts of the words after a context."""
    return {gram[-1]: count for gram, count in table.items() if gram[:-1] == context}


def interpolated(texts, context, word, size, terms, continuations=False):
    """The recursion from short to long contexts that begins at 1 / size; `terms(count, total, types, n)`."""
    order = len(context) + 1
    tables = counted(texts, order)
    found = 1 / size
    for n in range(1, order + 1):
        table = tables[n - 1]
        if continuations and n < order:
            table = Counter(gram[1:] for gram in tables[n])  # different words before each
        following = after(table, tuple(context[order - n :]))
        total = sum(following.values())
        if total:
            own, rest = terms(following.get(word, 0), total, len(following), n)
            found = own + rest * found
    return found
