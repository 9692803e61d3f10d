"""The data sets of the recipes."""
