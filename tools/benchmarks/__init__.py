"""The rows of the benchmark by name, one function each.

It prepares the work, checks that ours and the peers come to the same result, and yields what is measured.
"""

from collections.abc import Callable, Iterable

from tools.benchmarks import classifiers, commands, fitting, growth, networks, pictures, texts, updates
from tools.benchmarks.measuring import Growth, Limit, Work

ROWS: dict[str, Callable[[], Iterable[Work | Limit | Growth]]] = {
    "finetune": classifiers.finetune,
    "features": classifiers.features,
    "fine_tuning_step": classifiers.fine_tuning_step,
    "inference": classifiers.inference,
    "optimizers": updates.optimizer_steps,
    "layers": updates.layer_steps,
    "lstm": networks.lstm,
    "word_vectors": texts.word_vectors,
    "ngrams": texts.ngrams,
    "from_scratch": networks.from_scratch,
    "gan": networks.gan,
    "pictures": pictures.pictures,
    "linear": fitting.linear,
    "commands": commands.commands,
    "growth": growth.growth,
}
