"""Code and texts for an app that uses an exported model."""
