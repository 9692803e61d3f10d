"""Data that are made up, with known answers."""
