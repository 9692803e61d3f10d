import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import suite
from suite.cli import main
from suite.training.data_service import start_dispatcher, start_worker
from suite.training.loop import fit
from suite.training.reproducibility import set_seed
from suite.training.training_run import TrainingRun


def train(**settings):
    set_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).batch(16)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    doubled = batches.map(lambda x, y: (2 * x, y))
    return fit(model, doubled, TrainingRun(**settings), epochs=3)["train_loss"]


def test_batches_of_a_service_train_as_those_of_the_process_do():
    dispatcher = start_dispatcher(0)
    address = dispatcher.target.partition("://")[2]
    worker = start_worker(address, "localhost", 0)
    np.testing.assert_allclose(train(input_service=address), train(), rtol=1e-6)
    del worker, dispatcher


def test_ctrl_c_ends_a_server(heeds_ctrl_c):
    command = [sys.executable, "-m", "suite", "data-service", "dispatcher", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        while "serving" not in server.stdout.readline():
            assert server.poll() is None
        server.send_signal(signal.SIGINT)
        try:
            _, errors = server.communicate(timeout=60)
        finally:
            server.kill()
    assert server.returncode == main.INTERRUPTED and errors.strip() == "error: interrupted"


def test_pictures_of_a_folder_are_not_sent_through_a_service(tmp_path):
    with pytest.raises(ValueError, match="expected no input_service, pictures of a folder are decoded"):
        suite.finetune(tmp_path, input_service="localhost:5050", out=tmp_path / "out")
