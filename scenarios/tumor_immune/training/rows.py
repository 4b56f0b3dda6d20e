"""Rows that `milieu record` wrote, as arrays, and as a PyTorch Dataset where PyTorch is there.

    pip install pyarrow numpy
    python rows.py FOLDER ...          # what there is to train on

Several folders of one site make one data set. What the columns are stands in docs/training.md.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

try:
    from torch.utils.data import Dataset
except ImportError:          # the arrays do without
    Dataset = object

PARTS = ["train", "validation", "calibration", "test"]


class Rows(Dataset):
    """The rows of one site and one part: inputs by name, and which of `causes` happened.

    rows[i], of one row or an array of them, is (inputs [F], happened [K], exposure, weight). What is
    not among `causes` counts as nothing: the row is censored. Where a teacher was asked, the events
    are those of the rule that acted, not the teacher's; `happened` then holds the chance with which
    each would have followed under the teacher, so that one likelihood serves both.
    """

    def __init__(self, folders, site, inputs, causes, part):
        columns = [f"input:{name}" for name in inputs]
        rates = [f"behavior:{name}" for name in causes]
        parts = []
        for folder, manifest in manifests(folders):
            record = manifest["sites"].get(site)
            known = [column["name"] for column in record["columns"]] if record else []
            if missing := [name for name in columns + rates if name not in known]:
                sys.exit(f"{folder}: no {missing} at `{site}`; there are {known or list(manifest['sites'])}")
            for run in manifest["runs"]:
                if run["split"] == part:
                    file = Path(folder) / run["shards"][site]["file"]
                    parts.append(shard(file, columns, rates, causes, record["teacher"]))
        if not parts:
            sys.exit(f"{folders}: no run for {part}; record more runs, or with another --split")
        self.inputs, self.said, self.event, self.happened, self.exposure, self.weight = map(
            np.concatenate, zip(*parts)
        )

    def __len__(self):
        return len(self.event)

    def __getitem__(self, at):
        return tuple(
            values[at] for values in (self.inputs, self.happened, self.exposure, self.weight)
        )

    def tensors(self):
        """All of it at once, for models that are trained on whole data sets."""
        import torch

        return tuple(torch.from_numpy(values) for values in self[:])


def manifests(folders):
    """The folders with what their record.json says, once no run is in two parts of the data."""
    found, part_of = [], {}
    for folder in folders:
        manifest = json.loads((Path(folder) / "record.json").read_text(encoding="utf-8"))
        found.append((folder, manifest))
        for run in manifest["runs"]:
            # The seed alone: under another rule it still has the same tissue to begin with.
            if part_of.setdefault(run["seed"], run["split"]) != run["split"]:
                sys.exit(f"{folder}: seed {run['seed']} is in two parts; record with another --seed")
    return found


def shard(file, columns, rates, causes, is_taught):
    """Arrays of one file, float32, the event as a number: 0 for none, k for the kth cause."""
    table = pq.read_table(file, columns=[*columns, *rates, "event", "exposure_min", "weight"])

    def numbers(names):
        return np.stack([table[name].to_numpy() for name in names], 1).astype(np.float32)

    event = pc.index_in(table["event"].cast("string"), value_set=pa.array(causes))
    event = event.fill_null(-1).to_numpy().astype(np.int64) + 1
    said, (exposure, weight) = numbers(rates), numbers(["exposure_min", "weight"]).T
    happened = np.eye(len(causes) + 1, dtype=np.float32)[event, 1:]
    if is_taught:
        happened = chances(said, exposure)
    return numbers(columns), said, event, happened, exposure.copy(), weight.copy()


def chances(rates, exposure):
    """With which each event follows within the exposure: one draw of all together."""
    total = rates.sum(1, keepdims=True)
    any_event = -np.expm1(-total * exposure[:, None])
    return rates / np.maximum(total, 1e-30) * any_event


def log_likelihood(rates, happened, exposure, weight):
    """Nats, of events drawn with 1 − exp(−ΛΔt) once a step and then λₖ/Λ; `rates` is [n, K]."""
    rates = np.maximum(np.float64(rates), 1e-12)
    total = rates.sum(1)
    of_events = np.log(rates / total[:, None]) + np.log(-np.expm1(-total * exposure))[:, None]
    of_none = -total * exposure * (1 - happened.sum(1))
    return float(weight @ ((happened * of_events).sum(1) + of_none))


def scores(rows, model, constant):
    """Log likelihood per event of `rows`: of a model's rates, the recorded rule's, constant ones."""
    events = float(rows.weight @ rows.happened.sum(1))
    rated = {
        "model": model,
        "recorded rule": rows.said,
        "constant rates": np.broadcast_to(constant, rows.said.shape),
    }
    fed = rows[:][1:]
    return {name: round(log_likelihood(rates, *fed) / events, 4) for name, rates in rated.items()}


if __name__ == "__main__":
    for folder, manifest in manifests(sys.argv[1:]):
        for site, record in manifest["sites"].items():
            whose = record.get("types") or [record["a"], record["b"]]
            columns = [column["name"] for column in record["columns"]]
            print(f"{folder}: {site} of {', '.join(whose)}: {columns}")
            for part in PARTS:
                shards = [run["shards"][site] for run in manifest["runs"] if run["split"] == part]
                events = sum(sum(shard["events"].values()) for shard in shards)
                count = sum(shard["rows"] for shard in shards)
                print(f"  {part}: {len(shards)} runs, {count} rows, {events} events")
