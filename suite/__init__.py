"""Every lecture a recipe, every recipe a model you can ship.

The verbs of the command line are functions here, with the same arguments:

    import suite
    bundle = suite.finetune("photos/", out="saved_models/photos")
    suite.evaluate(bundle / "model.tflite", "photos/test")

They are loaded on first use, so `import suite` does not load TensorFlow.
"""

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

_VERBS = {
    "finetune": "suite.finetune",
    "run": "suite.job",
    "evaluate": "suite.inference",
    "predict": "suite.inference",
    "export": "suite.export",
    "verify": "suite.export.verify",
    "benchmark": "suite.export.benchmark",
    "preview": "suite.preview",
}
__all__ = sorted(_VERBS)


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'suite' has no attribute {name!r}; it has {', '.join(__all__)}")
    module = importlib.import_module(_VERBS[name])
    # A verb that shares its name with the module that holds it is that module, made callable below.
    return module if _VERBS[name] == f"suite.{name}" else getattr(module, name)


class _CallableModule(types.ModuleType):
    _verb: Callable

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._verb(*args, **kwargs)


def make_callable(module_name: str, verb: Callable) -> None:
    """Lets `suite.finetune(...)` be called although `suite.finetune` is also a module.

    Args:
        module_name: `__name__` of the calling module.
        verb: The function that a call of the module runs.
    """
    module = sys.modules[module_name]
    module.__class__ = _CallableModule
    # `__wrapped__`, so that help() and inspect.signature() show the verb's arguments
    vars(module).update(_verb=verb, __wrapped__=verb)
