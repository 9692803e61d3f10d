"""The recipes, in lecture order."""

RECIPES = (
    "week1_optimization/linear_regression",
    "week1_optimization/linear_classification",
    "week1_optimization/gradient_descent",
    "week1_optimization/overfitting_and_validation",
    "week1_optimization/regularization",
    "week1_optimization/stochastic_gradient_descent",
    "week1_optimization/optimizer_comparison",
    "week3_images/transfer_learning",
)
