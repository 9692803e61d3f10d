"""Data: one family per file."""
