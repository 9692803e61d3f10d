"""Exports of models in several parts."""
