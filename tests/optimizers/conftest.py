"""Two logical CPUs for the tests under MirroredStrategy; TensorFlow makes them before its first operation."""

import contextlib

import pytest
import tensorflow as tf

with contextlib.suppress(RuntimeError):  # the fixture says so
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


@pytest.fixture(scope="session")
def two_cpus():
    """A MirroredStrategy: one for all tests, as the collectives of a second on the same devices collide."""
    if len(tf.config.list_logical_devices("CPU")) < 2:
        pytest.fail("TensorFlow was initialized while tests were collected: run no operation at import time")
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
