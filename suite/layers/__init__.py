"""Keras layers of our own; importing the package lets `.keras` files that hold them be loaded."""

from suite.layers.batch_normalization import BatchNormalization
from suite.layers.dropout import Dropout

__all__ = ["BatchNormalization", "Dropout"]
