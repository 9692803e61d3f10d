import numpy as np
import pytest
import tensorflow as tf

from suite.deploy.convert import personal
from suite.deploy.prove.personal_check import _learn, _Regression, rehearse
from suite.linear.untrained import is_untrained
from tests.deploy.personal_models import CLASSES, SPARE, small_images, write_personal


class _WrongRate(personal._Personal):
    def _train_on_features(self, features, label, learning_rate):
        return super()._train_on_features(features, label, 1.01 * learning_rate)


class _ForgetfulTrain(personal._Personal):
    def _train(self, image, label, learning_rate):
        before = self.bias.read_value()
        loss = super()._train(image, label, learning_rate)
        with tf.control_dependencies([loss["loss"]]):
            self.bias.assign(tf.where(is_untrained(before), self.bias, before))
        return loss


class _WrongWeights(personal._Personal):
    def _weights(self):
        learned = tf.cast(~is_untrained(self.bias[-1]), tf.float32)
        return {"kernel": self.kernel + 0.01 * learned, "bias": self.bias.read_value()}


class _InexactRestore(personal._Personal):
    def _restore(self, kernel, bias):
        return super()._restore(kernel + 1e-6, bias)


class _WrapsLabels(personal._Personal):
    def _train_on_features(self, features, label, learning_rate):
        return super()._train_on_features(features, label % (CLASSES + SPARE), learning_rate)


class _SeesSpares(personal._Personal):
    def _infer(self, image):
        return {"probabilities": super()._infer(image)["probabilities"] + 1e-3}


class _Incomplete(personal._Personal):
    def signatures(self):
        return {name: f for name, f in super().signatures().items() if name not in ("restore", "train")}


@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        (_WrongRate, "learns with losses that differ from those in float64 by"),
        (_ForgetfulTrain, "learns with losses that differ from those in float64 by"),
        (_WrongWeights, "learns a kernel that differs from that in float64 by"),
        (_InexactRestore, "does not restore the weights exactly"),
        (_WrapsLabels, "takes label -1 for a class"),
        (_SeesSpares, "sees classes that it was not taught"),
        (_Incomplete, "lacks the signatures restore, train"),
    ],
)
def test_rehearsal_notices(mutant, message, tmp_path, monkeypatch):
    monkeypatch.setattr(personal, "_Personal", mutant)
    with pytest.raises(ValueError, match=f"^{message}"):
        rehearse(write_personal(tmp_path), small_images(), threads=1)


def test_rehearsal_of_a_good_one(tmp_path):
    assert rehearse(write_personal(tmp_path), small_images(), threads=1)["loss_difference"] <= 1e-5


def test_large_losses_may_differ_by_a_share_of_them():
    """Rounding of large logits shows in a loss of many nats."""
    kernel, features = np.zeros((3, 2)), np.array([[30.0, -20.0, 10.0]])

    def learn(error):
        theirs = _Regression(kernel, np.zeros(2))

        def train(label, learning_rate, **_):
            return {"loss": (1 + error) * theirs.step(features[0], int(label[0]), learning_rate)}

        run = {
            "infer_features": lambda image: {"features": features},
            "weights": lambda: {"kernel": theirs.kernel, "bias": theirs.bias},
        }
        photos = [np.zeros((1, 8, 8, 3))]
        return _learn(
            run | {"train": train, "train_on_features": train}, photos, _Regression(kernel, np.zeros(2))
        )[0]

    assert learn(5e-5) == pytest.approx(5e-5, rel=0.1)
    with pytest.raises(ValueError, match="learns with losses"):
        learn(2e-4)
