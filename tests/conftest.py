"""A real browser, for the pages that the suite writes and serves; Ctrl+C for what it stops."""

import gc
import os
import shutil
import signal

import pytest

from suite import console

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NARROW = {"width": 390, "height": 844}  # of a phone
# Fixtures that take seconds: tests that share one stay in one process (`--dist=loadgroup`), made once.
OF_SESSION = {"exported_images", "exported_sequences"}
OF_MODULE = {"bundle", "case", "exported", "folder", "personal", "trained"}
PHONE = "computer.test"  # what a phone calls this machine: no secure origin


def pytest_itemcollected(item):  # before xdist looks for groups
    shared = sorted(OF_SESSION & {*item.fixturenames}) or [
        f"{item.path.name}:{name}" for name in sorted(OF_MODULE & {*item.fixturenames})
    ]
    if shared:
        item.add_marker(pytest.mark.xdist_group(shared[0]))


@pytest.fixture(autouse=True, scope="module")
def few_objects_to_collect():
    """Graphs that outlive a module are not looked through again: that took a third of the time."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def loud_again():
    """The `--quiet` of a command that a test runs is not that of the next test."""
    yield
    console.set_quiet(False)


@pytest.fixture
def heeds_ctrl_c():
    """Processes in which pytest runs tests side by side ignore it, and so do those that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser among {', '.join(BROWSERS)}")
    flags = ["--use-fake-device-for-media-stream", f"--host-resolver-rules=MAP {PHONE} 127.0.0.1"]
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=flags, env=dict(os.environ))
