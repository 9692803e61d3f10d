"""The recipes, in lecture order."""

RECIPES = (
    "week1_optimization/linear_regression",
    "week1_optimization/linear_classification",
    "week1_optimization/gradient_descent",
    "week1_optimization/overfitting_and_validation",
    "week1_optimization/regularization",
    "week1_optimization/stochastic_gradient_descent",
    "week1_optimization/optimizer_comparison",
    "week2_neural_networks/perceptron_circuits",
    "week2_neural_networks/sigmoid_neurons",
    "week2_neural_networks/backpropagation",
    "week2_neural_networks/mlp_from_scratch",
    "week2_neural_networks/mlp_keras",
    "week2_neural_networks/matrix_derivatives",
    "week3_images/cnn_backpropagation",
    "week3_images/transfer_learning",
)
