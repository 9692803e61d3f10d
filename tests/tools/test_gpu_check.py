import numpy as np
import pytest
import tensorflow as tf

from tools import gpu_check

GPUS = tf.config.list_physical_devices("GPU")


def test_every_way_takes_the_same_step():
    rng = np.random.default_rng(0)
    batch = rng.random((4, *gpu_check.SHAPE), np.float32), rng.integers(gpu_check.CLASSES, size=4)
    start = gpu_check.build_model("float32").get_weights()
    losses = {}
    for name, policy, wrap in (
        ("plain", "float32", lambda step: step),
        ("graph", "float32", tf.function),
        ("XLA", "float32", lambda step: tf.function(step, jit_compile=True)),
        ("mixed", "mixed_float16", tf.function),
    ):
        model = gpu_check.build_model(policy)
        model.set_weights(start)
        step = gpu_check.training_step(model, wrap)
        losses[name] = [float(step(*batch)) for _ in range(3)]
        assert losses[name][2] < losses[name][0]
    np.testing.assert_allclose(losses["graph"], losses["plain"], rtol=1e-4)
    np.testing.assert_allclose(losses["XLA"], losses["plain"], rtol=1e-2)
    np.testing.assert_allclose(losses["mixed"], losses["plain"], rtol=5e-2)


def test_speed_is_that_of_the_steps_taken():
    taken = []
    speed = gpu_check.steps_per_second(lambda: taken.append(1) or tf.constant(0.0), (), seconds=0.05)
    assert speed > 0 and len(taken) > 3


@pytest.mark.gpu
@pytest.mark.skipif(not GPUS, reason="needs a GPU")
def test_a_graph_is_faster_than_python_on_a_gpu():
    speeds = dict(gpu_check.measure(batch_size=32, seconds=2.0))
    assert speeds["tf.function"] > speeds["step by step"]


@pytest.mark.gpu
@pytest.mark.skipif(not GPUS, reason="needs a GPU")
def test_variables_lie_on_the_gpu():
    assert "GPU" in gpu_check.build_model("float32").trainable_variables[0].value.device
