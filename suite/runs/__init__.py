"""From a recipe, or another job, to its bundle."""
