"""Functional builders, one architecture per file, and what can be said of any functional model."""

from suite.models.layer_summary import summary

__all__ = ["summary"]
