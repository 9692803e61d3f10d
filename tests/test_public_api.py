"""The verbs: what `import suite` offers, and the example in the docstring of each."""

import doctest
import http.server
import inspect
import subprocess
import sys
import webbrowser

import pytest

import suite
from suite.data.generated.textures import write_textures
from suite.finetuning import check, job
from tests.finetuning.stand_ins import small_backbone

VERBS = (
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
)
PHOTOS = 8  # a class


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `photos/`, some of three classes, and what the example of `finetune` makes of them."""
    root = tmp_path_factory.mktemp("api")
    textures = write_textures(root / "textures")
    for name in ("brick", "grass", "gravel"):
        (root / "photos" / name).mkdir(parents=True)
        for index, path in enumerate(sorted((textures / "train" / name).iterdir())[:PHOTOS]):
            path.rename(root / "photos" / name / f"{index}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for module in (check, job):
            patch.setattr(module, "build_backbone", small_backbone)
        try_example("finetune")
        yield root


def try_example(verb):
    """Runs the example of a verb's docstring; what it says a line gives is what the line has to give."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(getattr(suite, verb)))
    assert examples
    names = {"suite": suite}
    for example in examples:
        if not example.want:
            exec(example.source, names)
            continue
        value = repr(eval(example.source, names)) + "\n"
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.OutputChecker().check_output(example.want, value, flags), value
    return sum(bool(example.want) for example in examples)


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"finetune"}))  # that one made the folder
def test_the_example_is_true(folder, verb, monkeypatch):
    monkeypatch.chdir(folder)
    served = []

    def interrupted(server):
        served.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(http.server.ThreadingHTTPServer, "serve_forever", interrupted)
    monkeypatch.setattr(webbrowser, "open", lambda address: True)
    checked = try_example(verb)
    assert len(served) == (verb == "preview") and (checked or served), "nothing is said of what it gives"


def test_the_verbs_are_all_that_is_public():
    assert set(suite.__all__) == {*VERBS, "__version__"}
    for verb in VERBS:
        signature = inspect.signature(getattr(suite, verb))
        assert all(each.annotation is not each.empty for each in signature.parameters.values()), verb
        assert signature.return_annotation is not signature.empty, verb
    with pytest.raises(AttributeError, match="^module 'suite' has no attribute 'train'; it has benchmark, "):
        suite.train  # noqa: B018


def test_importing_it_is_quick_and_loads_no_tensorflow():
    program = "import sys, suite; print('tensorflow' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
