"""Logistic regression with a penalty on the squares of its weights, by Newton's method."""

from __future__ import annotations

import numpy as np

STEPS, TOLERANCE = 100, 1e-8
HALVINGS = 30


def fit_logistic(rows: np.ndarray, labels: np.ndarray, strength: float = 1.0) -> tuple[np.ndarray, float]:
    """Weights float64 [d] and bias of the sigmoid that tells labels (bool [n], both there) by rows [n, d].

    They minimise sum_i log(1 + exp(-y_i (w x_i + b))) + strength / 2 |w|^2, y = +-1; the bias goes free. It is what
    scikit-learn's LogisticRegression(C=1 / strength) minimises; strictly convex, so there is one answer.
    """
    design = np.concatenate([rows.astype(np.float64), np.ones((len(rows), 1))], axis=1)
    penalty = np.full(design.shape[1], float(strength))
    penalty[-1] = 0.0
    signs = np.where(labels, 1.0, -1.0)
    weights = np.zeros(design.shape[1])

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (design @ weights)).sum() + 0.5 * (penalty * weights**2).sum())

    for _ in range(STEPS):
        chances = _sigmoid(design @ weights)
        slope = design.T @ (chances - labels) + penalty * weights
        if np.abs(slope).max() <= TOLERANCE * len(rows):
            break
        curvature = (design * (chances * (1.0 - chances))[:, None]).T @ design + np.diag(penalty)
        curvature[-1, -1] += 1e-12  # where all chances are 0 or 1
        step, size, before = np.linalg.solve(curvature, slope), 1.0, loss(weights)
        for _ in range(HALVINGS):  # Newton's steps from afar may be too long
            if loss(weights - size * step) <= before:
                break
            size /= 2
        weights = weights - size * step
    return weights[:-1], float(weights[-1])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -x))
