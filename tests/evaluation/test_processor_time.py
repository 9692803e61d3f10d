"""What computations cost, beside each other."""

from suite.evaluation.processor_time import processor_seconds


def test_the_dearer_of_two_takes_longer_and_they_take_turns():
    calls = []

    def way(name, size):
        def call():
            calls.append(name)
            return sum(range(size))

        return call

    found = processor_seconds({"little": way("little", 10_000), "much": way("much", 1_000_000)}, 5)
    assert calls == ["little", "much"] * 6
    assert found["much"] > 5 * found["little"] > 0
