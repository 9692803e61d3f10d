"""Update rules in NumPy float64, typed from their sources; nothing here imports the suite.

Each takes a start and the gradient of every step and returns the variable after every step.
"""

import numpy as np


def gradient_descent(start, gradients, learning_rate):
    """x' = x - epsilon * grad f(x): Goodfellow, Bengio, Courville (2016), Deep Learning, equation 4.5."""
    x = np.array(start, np.float64)
    path = []
    for gradient in gradients:
        x = x - learning_rate * np.asarray(gradient, np.float64)
        path.append(x)
    return np.stack(path)


def momentum(start, gradients, learning_rate, momentum, *, h=0.0):
    """h_t = alpha h_{t-1} + eta g_t, w_t = w_{t-1} - h_t: Polyak (1964), equation 9."""
    w = np.array(start, np.float64)
    path = []
    for gradient in gradients:
        h = momentum * h + learning_rate * np.asarray(gradient, np.float64)
        w = w - h
        path.append(w)
    return np.stack(path)


def nesterov_momentum(start, gradient_at, steps, learning_rate, momentum, *, h=0.0):
    """Sutskever, Martens, Dahl, Hinton (2013), equations 3 and 4, with v = -h.

    `gradient_at` is a function of (point, step from 0). Given are the path of w, and the points at which the
    gradient after each of its steps is taken.
    """
    w = np.array(start, np.float64)
    path, look_ahead = [], []
    for step in range(steps):
        h = momentum * h + learning_rate * np.asarray(gradient_at(w - momentum * h, step), np.float64)
        w = w - h
        path.append(w)
        look_ahead.append(w - momentum * h)
    return np.stack(path), np.stack(look_ahead)


def adagrad(start, gradients, learning_rate, epsilon, *, initial=0.0):
    """Duchi, Hazan, Singer (2011), section 1.1, diagonal; epsilon inside the root."""
    w = np.array(start, np.float64)
    squares = np.full_like(w, initial)
    path = []
    for gradient in np.asarray(gradients, np.float64):
        squares = squares + gradient * gradient
        w = w - learning_rate / np.sqrt(squares + epsilon) * gradient
        path.append(w)
    return np.stack(path)


def rmsprop(start, gradients, learning_rate, rho, epsilon, *, initial=0.0):
    """Goodfellow, Bengio, Courville (2016), algorithm 8.5 (delta is epsilon, inside the root)."""
    w = np.array(start, np.float64)
    r = np.full_like(w, initial)
    path = []
    for gradient in np.asarray(gradients, np.float64):
        r = rho * r + (1 - rho) * gradient * gradient
        w = w - learning_rate / np.sqrt(epsilon + r) * gradient
        path.append(w)
    return np.stack(path)


def adam(start, gradients, alpha, beta_1, beta_2, epsilon, *, m=0.0, v=0.0, t=0):
    """Kingma, Ba (2015), algorithm 1, line by line; t is the step before the first one taken."""
    theta = np.array(start, np.float64)
    path = []
    for g in np.asarray(gradients, np.float64):
        t = t + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta = theta - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
        path.append(theta)
    return np.stack(path)


def proximal_gradient(start, gradients, learning_rate, l1):
    """Beck, Teboulle (2009), equations 1.4 and 1.5: x' = T_{lambda t}(x - t grad f(x))."""
    x = np.array(start, np.float64)
    path = []
    for gradient in np.asarray(gradients, np.float64):
        z = x - learning_rate * gradient
        x = np.maximum(np.abs(z) - l1 * learning_rate, 0) * np.sign(z)
        path.append(x)
    return np.stack(path)
