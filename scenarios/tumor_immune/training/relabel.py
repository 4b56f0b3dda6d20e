"""Rounds of training on the states that the learned model itself visits, with the law as teacher.

    pip install torch onnx onnxscript pyarrow numpy
    python relabel.py SCENARIO LAW OUT [ROUNDS] [further arguments of milieu record ...]

    python relabel.py ../../tumor_immune_small ../killing.rules relabeled 3 --until '1 d' --keep 0.2

A learned law steers the tissue into states that the teacher's never saw, and there it is worst.
Round 0 records the law and learns from its hits. Each further round records the tissue under the
model, asks the law what it would have said there, adds these rows, and trains again: on the hits of
round 0, and on the law's chances elsewhere. Printed: how far the model of the round before is from
the law on the states that it has led to, and on how many rows that was.
"""

import sys
from pathlib import Path

import numpy as np

import hazards
from contract import milieu
from killing import CAUSES, INPUTS, SITE
from rows import PARTS, Rows
from train_killing import teach

RUNS = 5                             # of each round
SEED = 1                             # of the first; the seeds of rounds do not overlap


def record(scenario, law, folder, number, model, further):
    """Runs of one round: of the law itself, or of the model with the law as teacher."""
    acting = ["--set", f"rules.{SITE}.file={model.resolve() if model else law}"]
    taught = ["--teacher", f"{SITE}={law}"] if model else []
    split = ["--runs", RUNS, "--split", "40/20/20/20", "--seed", SEED + number * 1000]
    told = ["--rule", SITE, "--out", folder, "--force", *split, *acting, *taught, *further]
    milieu("record", scenario, *told)


def error(model, folder):
    """Root mean square of the model's error and of the law, 1/min, over all rows of a round."""
    every = [Rows([folder], SITE, INPUTS, CAUSES, part) for part in PARTS]
    wrong = np.concatenate([hazards.rates(model, rows) - rows.said for rows in every])[:, 0]
    said = np.concatenate([rows.said for rows in every])[:, 0]
    weight = np.concatenate([rows.weight for rows in every])
    return [np.sqrt(np.average(values**2, weights=weight)) for values in (wrong, said)], len(weight)


def main(scenario, law, out, rounds=3, *further):
    law, out = Path(law).resolve(), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    folders, model, file = [], None, None
    for number in range(int(rounds) + 1):
        folder = out / f"rows-{number}"
        record(scenario, law, folder, number, file, further)
        if model:
            (wrong, said), count = error(model, folder)
            found = f"off by {wrong:.5f}/min (law {said:.5f}/min)"
            print(f"round {number}: {found} on {count} visited rows", flush=True)
        folders.append(folder)
        file = out / f"killing-{number}.onnx"
        model = teach(folders, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
