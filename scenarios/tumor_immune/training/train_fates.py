"""Of what a tumor cell dies, and when, learned from recorded deaths: rows to fates.onnx.

    pip install torch onnx onnxscript pyarrow numpy
    milieu record scenarios/tumor_immune_small --rule behavior --runs 10 --keep 0.2 --out rows \\
        --vary 'substrates.oxygen.boundary.all=38|4'
    python train_fates.py fates.onnx rows ...

Apoptosis and necrosis compete: one network gives both rates, and the likelihood of a row is that of
what came first. Where there is no lack of oxygen nobody sees necrosis, so that some runs are without.
The two sentences of behavior.rules that say the same have to go where the model comes.
"""

import sys
from pathlib import Path

import torch

import hazards
from contract import attach
from rows import Rows, manifests, scores

SITE = "behavior-1"                  # the rules of tumor cells: `python rows.py rows` lists all
INPUTS = ["oxygen", "damage"]
CAUSES = ["apoptosis", "necrosis"]
PLACES = ["x.0", "x.1"]


def spec(clock, metrics, program):
    """What docs/models.md asks for; ranges are filled in from the training rows."""
    return {
        "form": "cell",
        "acts_on": "tumor",
        "inputs": [
            {"tensor": "x", "col": 0, "name": "oxygen", "unit": "mmHg"},
            {"tensor": "x", "col": 1, "name": "damage", "unit": "1"},
        ],
        "outputs": [
            {"tensor": "rates", "col": k, "name": cause, "kind": "rate", "unit": "1/min"}
            for k, cause in enumerate(CAUSES)
        ],
        "dt": {"trained": clock, "min": 0.1, "max": 60, "unit": "min"},
        "card": {
            "name": "deaths of a tumor cell, from recorded deaths",
            "version": "1.0.0",
            "intended_use": "scenarios/tumor_immune: apoptosis and necrosis of tumor cells",
            "data": f"deaths recorded by milieu record; {program}",
            "metrics": {"log likelihood per death of test runs": metrics},
        },
    }


def main(file, folders):
    parts = ["train", "validation", "calibration", "test"]
    train, validation, held_out, test = [Rows(folders, SITE, INPUTS, CAUSES, part) for part in parts]
    deaths = {cause: int((train.event == k + 1).sum()) for k, cause in enumerate(CAUSES)}
    print(f"{len(train)} rows of training, {deaths}", flush=True)
    torch.manual_seed(hazards.SEED)
    torch.set_num_threads(1)             # the same weights on every run
    model = hazards.fit(hazards.Hazards(train), train, validation)
    metrics = scores(test, hazards.rates(model, test), model.constant.numpy())
    print(f"log likelihood per death of test runs: {metrics}", flush=True)
    bare = Path(file).with_suffix(".bare.onnx")
    hazards.export(model, {"x": len(INPUTS)}, ["rates"], bare)
    clock = manifests(folders)[0][1]["sites"][SITE]["clock_min"]
    order = spec(clock, metrics, f"PyTorch {torch.__version__}")
    attach(bare, file, order, PLACES, train, held_out, hazards.rates(model, held_out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
