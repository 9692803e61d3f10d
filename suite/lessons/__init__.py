"""The recipes as files: by name, and in cells. Nothing here imports TensorFlow."""
