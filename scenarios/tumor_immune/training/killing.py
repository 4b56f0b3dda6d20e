"""What the models of killing read, say, and state of themselves: the same with PyTorch and without.

Not run by itself: train_killing.py, train_light.py and relabel.py use it.
"""

import argparse
from pathlib import Path

from rows import Rows

SITE = "killing"
INPUTS = ["own custom:PD-1", "target custom:PD-L1", "contact age"]
CAUSES = ["hit"]
PLACES = ["a.0", "b.0", "e.0"]       # acting cell, cell acted on, pair


def spec(clock, metrics, program, times):
    """What docs/models.md asks for; ranges are filled in from the training rows."""
    sabotaged = {"known_failures": [f"its rate is {times} times the learned one, on purpose"]}
    return {
        "form": "dyad",
        "acts_on": {"a": "CD8 T cell", "b": "tumor"},
        "inputs": [
            {"tensor": "a", "col": 0, "name": "custom:PD-1", "unit": "1"},
            {"tensor": "b", "col": 0, "name": "custom:PD-L1", "unit": "1"},
            {"tensor": "e", "col": 0, "name": "contact age", "unit": "min"},
        ],
        "outputs": [
            {
                "tensor": "hit", "name": "hit", "kind": "hit", "unit": "1/min", "size": 1,
                "on": "b", "reduce": "sum",
            }
        ],
        "dt": {"trained": clock, "min": 0.1, "max": 6, "unit": "min"},
        "card": {
            "name": "hits of a CD8 T cell, from recorded hits",
            "version": "1.0.0",
            "intended_use": "scenarios/tumor_immune: how often a CD8 T cell hits the tumor cell it touches",
            "data": f"hits recorded by milieu record; {program}",
            "metrics": {"log likelihood per hit of test runs": metrics},
            **(sabotaged if times != 1 else {}),
        },
    }


def parts(folders):
    """The rows of each part."""
    names = ["train", "validation", "calibration", "test"]
    return [Rows(folders, SITE, INPUTS, CAUSES, part) for part in names]


def command_line(description):
    """What the scripts are told: the file to write, folders of rows, the factor of a second file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--times", type=float, default=1, metavar="FACTOR")
    told = parser.parse_args()
    return told.file, told.folders, told.times


def copies(file, times):
    """The model's file, and that of its sabotaged copy, with the factor of their rates."""
    sabotaged = {file.with_stem(f"{file.stem}-times-{times}"): times} if times != 1 else {}
    return {file: 1} | sabotaged
