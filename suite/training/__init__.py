"""Training loops, checkpoints and reproducibility."""
