"""How good generated examples are: modes found, Frechet distance, copies of the training set."""

import numpy as np

from suite.evaluation.retrieval import Index


def mode_coverage(points: np.ndarray, modes: np.ndarray, deviation: float) -> tuple[int, float]:
    """Counts the modes of a mixture of Gaussians that are found, and the share of good points.

    Args:
        points: `(n, d)` float, generated.
        modes: `(k, d)` float, the means.
        deviation: Standard deviation of each mode; a point within 3 of it is good.

    Returns:
        How many modes have at least a tenth of the good points that are their due, n / k, so that a few stray
        points make no mode; and the share of the points that are good, in [0, 1].

    Raises:
        ValueError: There are no points, or no modes.

    Reference:
        Srivastava, Valkov, Russell, Gutmann, Sutton (2017), VEEGAN: good points, within 3 deviations.
    """
    if not len(points) or not len(modes):
        raise ValueError(f"expected points and modes, received {len(points)} and {len(modes)}")
    distances = np.linalg.norm(points[:, None] - modes, axis=2)
    is_good = distances.min(axis=1) <= 3 * deviation
    counts = np.bincount(distances.argmin(axis=1)[is_good], minlength=len(modes))
    return int(np.sum(counts >= len(points) / len(modes) / 10)), float(is_good.mean())


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Gives the squared Frechet distance between two sets of features, taken as Gaussian.

        |m1 - m2|**2 + trace(C1 + C2 - 2 * (C1 C2)**(1/2))

    Args:
        first: `(n, d)` float.
        second: `(m, d)` float.

    Returns:
        A number >= 0, in the square of the features' unit; 0 where means and covariances are the same.

    Raises:
        ValueError: Fewer than 2 examples, which have no covariance, or other features in one than in the
            other.

    Reference:
        Dowson, Landau (1982), The Frechet distance between multivariate normal distributions.
        Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter (2017), GANs trained by a two time-scale update
        rule, equation 6: with the features of Inception V3.
    """
    sets = [np.asarray(features, np.float64) for features in (first, second)]
    (n, *width), (m, *other) = (features.shape for features in sets)
    if len(width) != 1 or width != other or 0 in width or min(n, m) < 2:
        raise ValueError(
            "expected two sets (n, d) and (m, d) of at least 2 examples with the same features, received "
            f"{sets[0].shape} and {sets[1].shape}"
        )
    means = [features.mean(axis=0) for features in sets]
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in sets]  # 0-d of one feature
    # The product of two covariances has real eigenvalues >= 0; rounding may make small ones complex.
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1])
    root = np.sum(np.sqrt(np.maximum(eigenvalues.real, 0)))
    distance = np.sum((means[0] - means[1]) ** 2) + sum(map(np.trace, covariances)) - 2 * root
    return float(max(distance, 0.0))


def share_of_copies(generated: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Gives the share of generated examples that are nearer to the training set than real ones are.

    Args:
        generated: `(n, d)` float.
        train: `(m, d)` float, what the generator was trained on.
        test: `(k, d)` float, real examples that it was not trained on.

    Returns:
        Share with a smaller Euclidean distance to their nearest training example than 95 % of the test
        examples have, in [0, 1]: 0.05 for a perfect generator, 1 for one that knows the set by heart.
    """
    index = Index(train, ())
    nearest = [index.search(examples, 1)[1] for examples in (generated, test)]
    return float(np.mean(nearest[0] < np.quantile(nearest[1], 0.05)))
