import os
import signal
import threading

import pytest

from suite.training.signals import signal_handler, stop_deferred


def test_signal_handler__takes_signals_inside_and_gives_them_back():
    received, before = [], signal.getsignal(signal.SIGTERM)
    with signal_handler(lambda number, frame: received.append(number), signal.SIGTERM):
        os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM] and signal.getsignal(signal.SIGTERM) is before


def test_signal_handler__leaves_signals_alone_outside_of_the_main_thread():
    inside = []

    def enter():
        with signal_handler(signal.SIG_IGN, signal.SIGTERM), stop_deferred() as stop:
            inside.append((signal.getsignal(signal.SIGTERM), stop()))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [(before, False)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_deferred__interrupts_at_the_end_or_when_asked_twice(number):
    reached = []
    with pytest.raises(KeyboardInterrupt), stop_deferred() as stop:  # noqa: PT012  it comes at the end
        reached.append(stop())
        os.kill(os.getpid(), number)
        reached.append(stop())
    with pytest.raises(KeyboardInterrupt), stop_deferred() as stop:  # noqa: PT012  it comes with the second
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        reached.append("too late")
    assert reached == [False, True]
