"""What can go wrong, for everybody: exit statuses, and errors that have a meaning of their own."""

import errno
import os

PASSED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class GateError(RuntimeError):
    """A claim was missed or an export failed; the message says which."""


def disk_is_full(reason: object) -> bool:
    """Whether an error, or its text, says that there is no room, whoever wrote: Python, HDF5, TensorFlow."""
    texts = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
    return any(text in str(reason) for text in texts)
