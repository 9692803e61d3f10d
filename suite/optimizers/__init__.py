"""The lecture's optimizers: one update rule per file, each a `keras.optimizers.Optimizer`."""

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
