"""Opens a run's files with the clients people use, and compares what they see.

    python3 tests/readers.py FLAT DEEP

FLAT and DEEP are folders written by the test `python_reads_what_was_written` in outputs.rs, which
runs this; the frames are those of `three_frames` in support/mod.rs.
"""

import contextlib
import json
import math
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

TYPES = ["tumor", 'CD8+ T cell, "young"', "μακροφάγος ☂", "cost $5"]
STATES = ["live", "apoptotic", "necrotic"]


def expected_cells(dimensions):
    rows = []
    for time, count, first in [(0.0, 8, 0), (150.0, 5, 1 << 40)]:
        for i in range(count):
            x = i / 3 - 7
            rows.append(
                {
                    "time_min": time,
                    "id": first + 3 * i,
                    "type": TYPES[i % 4],
                    "state": STATES[i % 3],
                    "x_um": x,
                    "y_um": -x,
                    "z_um": 0.0 if dimensions == 2 else x / 2,
                    "radius_um": 8.4 + 0.1 * i,
                    "oxygen": math.nan if i == 1 else 38 - i / 7,
                }
            )
    return pd.DataFrame(rows)


def check_populations(folder):
    table = pd.read_csv(folder / "populations.csv")
    assert list(table) == ["time_min", "type", "live", "apoptotic", "necrotic"]
    assert list(table["type"]) == TYPES * 3
    assert list(table["time_min"]) == [0] * 4 + [60] * 4 + [150] * 4
    assert table["live"].dtype == np.int64 and table["live"].sum() == 5
    cells = pd.read_parquet(folder / "cells.parquet")
    counts = cells.groupby(["time_min", "type", "state"], observed=True).size()
    for row in table.itertuples():
        for state in STATES:
            assert getattr(row, state) == counts.get((row.time_min, row.type, state), 0)


def check_cells(folder, dimensions):
    file = folder / "cells.parquet"
    table = pd.read_parquet(file)
    expected = expected_cells(dimensions)
    assert list(table) == list(expected)
    assert table["id"].dtype == np.uint64
    for column in ["time_min", "x_um", "y_um", "z_um", "radius_um", "oxygen"]:
        assert table[column].dtype == np.float64
        np.testing.assert_array_equal(table[column], expected[column])
    for column in ["type", "state"]:
        assert isinstance(table[column].dtype, pd.CategoricalDtype), table[column].dtype
        assert list(table[column]) == list(expected[column])
    assert set(table["type"].cat.categories) == set(TYPES)
    assert list(table["id"]) == list(expected["id"])

    schema = pq.read_schema(file)
    units = {f.name: f.metadata[b"unit"].decode() for f in schema if f.metadata}
    assert units["time_min"] == "min" and units["x_um"] == "µm" and units["oxygen"] == "mmHg"
    assert pa.types.is_dictionary(schema.field("type").type)
    parquet = pq.ParquetFile(file)
    assert parquet.num_row_groups == 2
    assert parquet.metadata.created_by.startswith("milieu ")
    assert parquet.metadata.row_group(0).column(4).compression == "SNAPPY"
    # A reader that wants one frame reads one row group.
    assert parquet.read_row_group(1)["time_min"].to_pylist() == [150.0] * 5
    last = pd.read_parquet(file, filters=[("time_min", "==", 150.0)])
    assert len(last) == 5


def check_events(folder):
    table = pd.read_parquet(folder / "events.parquet")
    assert list(table) == [
        "time_min", "event", "cell", "cell_type", "partner", "partner_type", "cause",
        "x_um", "y_um", "z_um", "value",
    ]  # fmt: skip
    assert list(table["event"]) == ["division", "hit", "death", "removal"]
    assert list(table["time_min"]) == [0.1, 12.3, 60.0, 149.9]
    assert list(table["cell_type"]) == [TYPES[1]] * 4
    assert list(table["partner"].isna()) == [False, False, True, True]
    assert list(table["partner"][:2]) == [40, 41]
    assert list(table["partner_type"].isna()) == [False, False, True, True]
    assert list(table["cause"].dropna()) == ["necrosis"]
    assert list(table["value"]) == [0.0, 0.75, 0.0, 0.0]
    exact = pd.read_parquet(folder / "events.parquet", dtype_backend="pyarrow")
    assert exact["partner"].dtype == pd.ArrowDtype(pa.uint64())


def check_readouts(folder, dimensions):
    table = pd.read_parquet(folder / "readouts.parquet")
    assert list(table) == [
        "time_min", "name", "coordinate", "coordinate_unit", "value", "unit", "censored",
    ]  # fmt: skip
    assert list(table["name"]) == ["tumor, alive", "K", "K"] * 3 + ["cleared"]
    assert list(table["time_min"]) == [0.0] * 3 + [60.0] * 3 + [150.0] * 4
    extent = "µm²" if dimensions == 2 else "µm³"
    assert list(table["unit"]) == ["cells", extent, extent] * 3 + ["min"]
    counts = table[table["name"] == "tumor, alive"]
    assert list(counts["value"]) == [8, 0, 5] and counts["coordinate_unit"].isna().all()
    curve = table[table["name"] == "K"].pivot(index="coordinate", columns="time_min", values="value")
    assert list(curve.loc[5.0]) == [8 / 3, 0, 5 / 3] and curve.loc[10.0].isna().all()
    assert list(table["censored"]) == [False] * 9 + [True] and np.isnan(table["value"].iloc[-1])


def check_fields(folder, dimensions):
    path = folder / "fields.ome.zarr"
    shape = (3, 2, 4, 5) if dimensions == 2 else (3, 2, 3, 4, 5)
    group = zarr.open_group(path, mode="r")
    array = group["0"]
    assert array.shape == shape and array.dtype == np.float64
    assert array.chunks == (1, 1) + shape[2:]
    voxels = int(np.prod(shape[1:]))
    expected = np.arange(voxels) / 3.0 + 1000.0 * np.arange(3)[:, None]
    np.testing.assert_array_equal(array[:], expected.reshape(shape))
    assert group.attrs["time_min"] == [0.0, 60.0, 150.0]
    assert group.attrs["substrates"][1] == {"name": "TNF-α", "unit": "µM"}
    names = tuple("tcyx" if dimensions == 2 else "tczyx")
    assert array.metadata.dimension_names == names

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        location = parse_url(path)
        assert location is not None, "ome-zarr does not know the format"
        [image, *_] = list(Reader(location)())
    assert location.fmt.version == "0.5", location.fmt
    np.testing.assert_array_equal(np.asarray(image.data[0]), expected.reshape(shape))
    axes = image.metadata["axes"]
    assert "".join(axis["name"] for axis in axes) == "".join(names)
    assert {axis.get("unit") for axis in axes} == {"minute", None, "micrometer"}
    [[scale, translation]] = image.metadata["coordinateTransformations"]
    extra = [20.0] * (dimensions - 2)
    assert scale["scale"] == [60.0, 1.0] + extra + [20.0, 20.0]
    corner = [-20.0] * (dimensions - 2) + [-30.0, -40.0]
    assert translation["translation"] == [0.0, 0.0] + corner
    channels = image.metadata.get("channel_names") or image.metadata.get("name")
    assert channels == ["oxygen", "TNF-α"], image.metadata


def check_documentation(folder):
    """Runs the Python of docs/outputs.md as a reader would: in the folder, from top to bottom."""
    text = (Path(__file__).parent.parent / "docs" / "outputs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = [block for block in blocks if "pcdl" not in block]  # multicellds.py runs that one
    assert len(blocks) == 8, len(blocks)
    names = {}
    with contextlib.chdir(folder):
        for block in blocks:
            exec(block, names)
    assert names["live"].shape == (3, len(TYPES))
    assert len(names["last"]) == len(names["frame"]) == 5
    assert names["units"]["oxygen"] == "mmHg"
    assert dict(names["deaths"]) == {(TYPES[1], "necrosis"): 1}
    np.testing.assert_array_equal(names["oxygen"].ravel(), np.arange(20) / 3 + 2000)
    assert names["alive"].tolist() == [8, 0, 5]
    assert names["run"]["files"] == ["cells.parquet"]


def main(flat, deep):
    check_documentation(Path(flat))
    for folder, dimensions in [(Path(flat), 2), (Path(deep), 3)]:
        check_populations(folder)
        check_cells(folder, dimensions)
        check_events(folder)
        check_readouts(folder, dimensions)
        check_fields(folder, dimensions)
        for attributes in folder.glob("fields.ome.zarr/**/zarr.json"):
            json.loads(attributes.read_text(encoding="utf-8"))
    versions = [f"{m.__name__} {m.__version__}" for m in (pd, pa, zarr)]
    print("read everything with", ", ".join(versions))


if __name__ == "__main__":
    main(*sys.argv[1:])
