"""Functional builders, one architecture per file."""
