"""What libraries write to file descriptor 2 is seen after a crash, and only then."""

import subprocess
import sys

import pytest

SILENCED = "import os, sys; from suite.cli.chatter import silence_libraries; silence_libraries(); "


def run(code):
    done = subprocess.run([sys.executable, "-c", SILENCED + code], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("end", ["", "sys.exit(1)", "raise ValueError"])
def test_an_exit_shows_our_own_messages_alone(end):
    _, stderr = run(f"os.write(2, b'chatter\\n'); print('ours', file=sys.stderr); {end or 'pass'}")
    assert stderr.startswith("ours\n") and "chatter" not in stderr


@pytest.mark.parametrize(("end", "status"), [("os.abort()", -6), ("os.kill(os.getpid(), 11)", -11)])
def test_a_crash_shows_the_last_lines_of_a_library(end, status):
    lines = "".join(f"os.write(2, b'line {i}\\n'); " for i in range(30))
    code, stderr = run(f"{lines}os.write(2, b'F check failed'); {end}")
    assert code == status
    assert stderr.splitlines() == [*(f"line {i}" for i in range(11, 30)), "F check failed"]


def test_a_crash_does_not_show_remarks():
    remarks = (
        r"b'I0000 00:00 port.cc:153] oneDNN is on\nW0000 00:00 x.cc:1] Ignored\nF0000 y.cc:2] Check failed\n'"
    )
    assert run(f"os.write(2, {remarks}); os.abort()") == (-6, "F0000 y.cc:2] Check failed\n")


def test_a_crash_of_a_silent_process_shows_nothing():
    assert run("os.abort()") == (-6, "")
