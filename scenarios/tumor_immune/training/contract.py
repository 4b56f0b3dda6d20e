"""From a plain export to a model file: writes SPEC.toml and held-out rows, calls `milieu model attach`.

Not run by itself: the scripts that train use it. The contract is docs/models.md.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def milieu(*arguments):
    """Runs the program that MILIEU names, by default the one on the PATH."""
    program = os.environ.get("MILIEU") or shutil.which("milieu")
    if not program:
        sys.exit("no `milieu` on the PATH; say where it is: MILIEU=target/release/milieu")
    if subprocess.run([program, *map(str, arguments)]).returncode:
        sys.exit(f"milieu {' '.join(map(str, arguments))} failed")


def attach(bare, file, spec, places, train, held_out, rates):
    """Puts the contract on the graph `bare` and writes `file`.

    `places` says where each column of the rows' inputs enters, such as "e.0"; the domain is the box
    of `train`; `held_out`, at most 2,000 rows of it with the `rates` that the training program
    computed, prove order, units and normalization of the graph.
    """
    for entry in spec["inputs"]:
        column = places.index(f"{entry['tensor']}.{entry['col']}")
        seen = np.float64(train.inputs[:, column])
        entry |= {"lo": seen.min(), "hi": seen.max(), "mean": seen.mean(), "std": seen.std()}
        if entry["lo"] == entry["hi"]:
            sys.exit(f"`{entry['name']}` is {entry['lo']} in every row; record with --vary, or leave it out")
    some = np.linspace(0, len(held_out) - 1, min(len(held_out), 2000)).astype(int)
    outputs = [f"{entry['tensor']}.{entry.get('col', 0)}" for entry in spec["outputs"]]
    columns = [*held_out.inputs[some].T, *np.asarray(rates)[some].T]
    file = Path(file)
    beside = file.with_suffix(".held_out.parquet")
    pq.write_table(pa.table(dict(zip([*places, *outputs], columns))), beside)
    order = file.with_suffix(".spec.toml")
    text = [f"{key} = {toml(value)}\n" for key, value in (spec | {"data": beside.name}).items()]
    order.write_text("".join(text), encoding="utf-8")
    milieu("model", "attach", bare, order, "-o", file, "--force")


def toml(value):
    """A value in TOML; tables are written on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + "".join(f"  {toml(item)},\n" for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
