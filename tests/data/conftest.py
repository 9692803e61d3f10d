import pytest

from suite import console


@pytest.fixture
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)
