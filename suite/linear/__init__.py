"""Linear models in NumPy."""
