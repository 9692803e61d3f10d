"""The recipes, in lecture order."""

RECIPES = (
    "week1_optimization/linear_regression",
    "week3_images/transfer_learning",
)
