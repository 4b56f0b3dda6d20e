"""What the simulator would say between the points at which it was run: Gaussian processes.

Not run by itself: fit.py uses it. All outputs share one kernel; its length scales and the share of noise are those
with which each point is best foretold by all others.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize


class Emulator:
    """`points` [n, k] lie in the unit cube; `values` [n, m] come of runs there.

    How far off it is, it learns from the last `recent` points: noise is not the same everywhere, and these are the
    ones where it matters.
    """

    def __init__(self, points, values, recent):
        self.points, self.mean = points, values.mean(axis=0)
        self.values = values - self.mean
        k = points.shape[1]
        start = np.log([1.0] * k + [0.1])
        bounds = [(np.log(0.2), np.log(20.0))] * k + [(np.log(1e-4), np.log(10.0))]
        self.logs = minimize(self.miss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}).x
        self.inverse = self.inverse_of(self.logs)
        self.weights = self.inverse @ self.values
        # What a unit of the kernel's variance is worth: outputs err together.
        missed = self.left_out() * np.sqrt(np.diag(self.inverse))[:, None]
        self.covariance = missed[-recent:].T @ missed[-recent:] / recent

    def kernel(self, a, b, logs):
        far = (a[:, None, :] - b[None, :, :]) / np.exp(logs[:-1])
        return np.exp(-0.5 * np.sum(far**2, axis=2))

    def inverse_of(self, logs):
        noisy = self.kernel(self.points, self.points, logs) + np.exp(logs[-1]) * np.eye(len(self.points))
        return cho_solve(cho_factor(noisy), np.eye(len(self.points)))

    def left_out(self, inverse=None):
        """By how much each point differs from what all the others foretell of it."""
        inverse = self.inverse if inverse is None else inverse
        return (inverse @ self.values) / np.diag(inverse)[:, None]

    def miss(self, logs):
        return np.log(np.mean(self.left_out(self.inverse_of(logs)) ** 2))

    def __call__(self, points):
        """Expected outputs at `points`, [points, m], and the share of `covariance` that this expectation has."""
        near = self.kernel(np.atleast_2d(points), self.points, self.logs)
        share = np.maximum(1 - np.sum((near @ self.inverse) * near, axis=1), 0)
        return self.mean + near @ self.weights, share
