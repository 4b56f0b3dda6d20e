"""Makes the scores of `milieu evaluate` anew with the programs people use, and compares.

    python3 tests/scores.py NUMBERS.json

NUMBERS.json holds numbers and what Rust made of them; written by scores.rs, which runs this.
R², errors, areas under curves and ridge regression come from scikit-learn, distances and tests of
distributions from scipy, scores of what is said to be likely from scoringrules.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scoringrules
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance, kstest, pearsonr
from sklearn import metrics
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-12)


def check_errors(of, found):
    truth, said, weight = of["truth"], of["said"], of["weight"]
    close(found["r_squared"]["value"], metrics.r2_score(truth, said, sample_weight=weight))
    expected = metrics.mean_absolute_error(truth, said, sample_weight=weight)
    close(found["absolute"]["value"], expected)
    expected = metrics.root_mean_squared_error(truth, said, sample_weight=weight)
    close(found["root_mean_square"]["value"], expected)


def check_ridge(of, found):
    scaler = StandardScaler().fit(np.transpose(of["inputs"]), sample_weight=of["weight"])
    inputs = scaler.transform(np.transpose(of["inputs"]))
    ridge = Ridge(alpha=1e-6 * np.sum(of["weight"]))
    ridge.fit(inputs, of["truth"], sample_weight=of["weight"])
    close(found, ridge.predict(inputs), 1e-8)


def energy(x, y, paired):
    """By its definition, means over different members."""
    n, m = len(x), len(y)
    across = cdist(x, y)
    mean = (across.sum() - np.trace(across)) / n / (n - 1) if paired else across.mean()
    return 2 * mean - cdist(x, x).sum() / n / (n - 1) - cdist(y, y).sum() / m / (m - 1)


def check_energy(of, found):
    x, y = np.array(of["truth"])[:, None], np.array(of["said"])[:, None]
    # scipy's takes members with themselves, and the root.
    with_own = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    close(energy_distance(of["truth"], of["said"]) ** 2, with_own, 1e-7)
    close(found["one"], energy(x, y, False))
    cloud = np.transpose(of["inputs"])
    close(found["clouds"], energy(cloud[::2], cloud[1::2], False))
    close(found["paired"], energy(cloud[::2], cloud[1::2], True))


def check_proper(of, found):
    truth, mean, deviation = (np.array(of[key]) for key in ("truth", "said", "deviation"))
    close(found["crps_normal"], scoringrules.crps_normal(truth, mean, deviation), 1e-7)
    members = np.transpose(of["inputs"])
    expected = scoringrules.crps_ensemble(truth, members, estimator="nrg")
    close(found["crps_ensemble"], expected)
    low, high = mean - deviation, mean + deviation
    close(found["winkler"], scoringrules.interval_score(truth, low, high, 0.2))
    close(np.mean(found["pinball"]), metrics.mean_pinball_loss(truth, mean, alpha=0.05))


def check_chances(of, found):
    chance, came, weight = of["chance"], of["came"], of["weight"]
    close(found["far"], kstest(chance, "uniform").statistic)
    close(found["brier"], metrics.brier_score_loss(came, chance, sample_weight=weight))
    close(found["auc"], metrics.roc_auc_score(came, chance, sample_weight=weight))
    parts = found["reliability"]
    close(parts["brier"], metrics.brier_score_loss(came, chance, sample_weight=weight))
    # Tenths of the weight, by the weight that lies before a row.
    order = np.argsort(chance, kind="stable")
    chance, came, weight = (np.array(it, float)[order] for it in (chance, came, weight))
    bins = ((np.cumsum(weight) - weight) / weight.sum() * 10).astype(int)
    sums = [np.bincount(bins, weights=weight * it, minlength=10) for it in (1, chance, came)]
    total, own, share = sums[0], sums[1] / sums[0], sums[2] / sums[0]
    all_of_them = np.average(came, weights=weight)
    close(parts["reliability"], np.average((own - share) ** 2, weights=total))
    close(parts["resolution"], np.average((share - all_of_them) ** 2, weights=total))
    close(parts["uncertainty"], all_of_them * (1 - all_of_them))


def main(path):
    file = json.loads(Path(path).read_text(encoding="utf-8"))
    of, found = file["of"], file["found"]
    check_errors(of, found["errors"])
    check_ridge(of, found["ridge"])
    check_energy(of, found["energy"])
    close(found["pearson"], pearsonr(of["truth"], of["said"]).statistic)
    check_proper(of, found["proper"])
    check_chances(of, found["chances"])
    print("the same of everything")


if __name__ == "__main__":
    main(*sys.argv[1:])
