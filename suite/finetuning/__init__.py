"""A user's photos to a classifier for a phone."""
