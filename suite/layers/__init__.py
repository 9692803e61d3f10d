"""Keras layers of our own; importing the package lets `.keras` files that hold them be loaded."""

from suite.layers.attention import Attention
from suite.layers.batch_normalization import BatchNormalization
from suite.layers.boxes_from_distances import BoxesFromDistances
from suite.layers.dropout import Dropout
from suite.layers.gradient_reversal import GradientReversal
from suite.layers.instance_normalization import InstanceNormalization
from suite.layers.local_response_normalization import LocalResponseNormalization
from suite.layers.max_unpooling import MaxUnpooling2D
from suite.layers.non_maximum_suppression import NonMaximumSuppression
from suite.layers.penalized_dense import PenalizedDense
from suite.layers.recurrent import Recurrent
from suite.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from suite.layers.sampling import Sampling
from suite.layers.tf_idf import TfIdf

__all__ = [
    "Attention",
    "BatchNormalization",
    "BoxesFromDistances",
    "Dropout",
    "GRUCell",
    "GradientReversal",
    "InstanceNormalization",
    "LSTMCell",
    "LocalResponseNormalization",
    "MaxUnpooling2D",
    "NonMaximumSuppression",
    "PenalizedDense",
    "Recurrent",
    "Sampling",
    "SimpleRNNCell",
    "TfIdf",
]
