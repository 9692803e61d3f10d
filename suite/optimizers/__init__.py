"""The lecture's optimizers: one update rule per file, each a `keras.optimizers.Optimizer`.

Any Keras model takes them, with schedules, clipping and weight decay:

    from suite.optimizers import Adam

    model.compile(Adam(learning_rate=1e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=5)
"""

from suite.optimizers.adagrad import AdaGrad
from suite.optimizers.adam import Adam
from suite.optimizers.gradient_descent import GradientDescent
from suite.optimizers.momentum import Momentum
from suite.optimizers.nesterov_momentum import NesterovMomentum
from suite.optimizers.proximal_gradient import ProximalGradient
from suite.optimizers.rmsprop import RMSprop

__all__ = [
    "AdaGrad",
    "Adam",
    "GradientDescent",
    "Momentum",
    "NesterovMomentum",
    "ProximalGradient",
    "RMSprop",
]
