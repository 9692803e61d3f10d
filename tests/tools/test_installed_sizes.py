from tools.installed_sizes import SUITE, closure, megabytes


def test_the_suite_needs_what_it_declares_and_what_that_needs():
    base = closure([SUITE])
    assert {"keras-course-suite", "tensorflow", "keras", "absl-py"} <= set(base)
    assert not {"pytest", "mypy", "mediapipe"} & set(base)
    assert {"pytest", "mypy", "pluggy"} <= set(closure([SUITE], "test"))  # pluggy is what pytest needs
    assert megabytes(base["tensorflow"]) > 100 * megabytes(base["click"]) > 0
