"""A user's own files, as they come."""
