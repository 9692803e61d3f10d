import keras
import pytest

from suite import optimizers
from tools import mutants


def slow_if_a_recipe(mutant):
    """A recipe's check is its whole run."""
    return pytest.param(mutant, marks=[pytest.mark.slow] * mutant.module.startswith("recipes."))


@pytest.mark.parametrize(
    "mutant",
    [slow_if_a_recipe(mutant) for mutant in mutants.mutants()],
    ids=lambda mutant: f"{mutant.module}: {mutant.wrong}",
)
def test_every_mutant_is_caught_and_the_right_rule_passes(mutant):
    assert mutants.is_caught(mutant) != mutants.is_control(mutant)


def test_a_harmless_change_survives():
    module = "suite.optimizers.momentum"
    old = "return momentum * velocity + learning_rate * gradient"
    new = "return learning_rate * gradient + momentum * velocity"
    check, _ = mutants.CATALOG[module]
    assert not mutants.is_caught(mutants.Mutant(module, "nothing", old, new, check))


def test_a_mutant_leaves_the_real_classes_registered():
    module = "suite.optimizers.adam"
    check, ((wrong, old, new), *_) = mutants.CATALOG[module]
    assert mutants.is_caught(mutants.Mutant(module, wrong, old, new, check))
    assert keras.saving.get_registered_object("suite>Adam") is optimizers.Adam


@pytest.mark.parametrize(("old", "count"), [("no such line", "0"), ("momentum", "[1-9][0-9]+")])
def test_a_stale_mutant_is_an_error(old, count):
    mutant = mutants.Mutant("suite.optimizers.momentum", "stale", old, "x", lambda module: None)
    message = f"^expected '{old}' once in suite.optimizers.momentum, received {count}; update the mutant$"
    with pytest.raises(ValueError, match=message):
        mutants.is_caught(mutant)


def test_a_broken_mutant_is_not_caught_but_an_error():
    module = "suite.optimizers.momentum"
    check, _ = mutants.CATALOG[module]
    old = "return momentum * velocity + learning_rate * gradient"
    with pytest.raises(NameError):
        mutants.is_caught(mutants.Mutant(module, "broken", old, "return nonsense", check))


def test_a_survivor_fails_the_command(monkeypatch, capsys):
    module = "suite.optimizers.momentum"
    check, rows = mutants.CATALOG[module]
    survivor = ("harmless", "Polyak (1964)", "Polyak, 1964")
    monkeypatch.setattr(mutants, "CATALOG", {module: (check, [survivor])})
    assert mutants.main() == 1
    assert "SURVIVED" in capsys.readouterr().out
    monkeypatch.setattr(mutants, "CATALOG", {module: (check, rows[:1])})
    assert mutants.main() == 0
