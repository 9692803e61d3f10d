"""Every lecture a recipe, every recipe a model you can ship.

The verbs of the command line are functions here, with the same arguments:

    import suite
    bundle = suite.finetune("photos/", out="saved_models/photos")
    suite.evaluate(bundle / "model.tflite", "photos/test")

They are loaded on first use, so `import suite` does not load TensorFlow.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.answers.api import evaluate, predict
    from suite.browser.server import preview
    from suite.deploy.prove.benchmarking import benchmark
    from suite.deploy.prove.verification import verify
    from suite.finetuning.check import check
    from suite.finetuning.job import finetune
    from suite.runs.export_file import export_file as export
    from suite.runs.job import run
    from suite.runs.notebook_file import notebook

__version__ = "0.2.0"

# Verb -> where it is.
_VERBS = {
    "benchmark": "suite.deploy.prove.benchmarking:benchmark",
    "check": "suite.finetuning.check:check",
    "evaluate": "suite.answers.api:evaluate",
    "export": "suite.runs.export_file:export_file",
    "finetune": "suite.finetuning.job:finetune",
    "notebook": "suite.runs.notebook_file:notebook",
    "predict": "suite.answers.api:predict",
    "preview": "suite.browser.server:preview",
    "run": "suite.runs.job:run",
    "verify": "suite.deploy.prove.verification:verify",
}
__all__ = [
    "__version__",
    "benchmark",
    "check",
    "evaluate",
    "export",
    "finetune",
    "notebook",
    "predict",
    "preview",
    "run",
    "verify",
]


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in _VERBS:
        raise AttributeError(f"module 'suite' has no attribute {name!r}; it has {', '.join(_VERBS)}")
    module, function = _VERBS[name].split(":")
    return getattr(importlib.import_module(module), function)
