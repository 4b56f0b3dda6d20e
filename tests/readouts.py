"""Makes a run's readouts anew from its other files, with the programs people use, and compares.

    python3 tests/readouts.py RESULTS

RESULTS is a run of tests/data/everything with a frame every 0.4 min, so that frames hold all the
samples of tracks; written by a test of readouts.rs, which runs this. K comes from astropy, squared
displacement from trackpy, neighbors from scipy; the rest from numpy by the definitions in
docs/scenario.md. Where squidpy is there, neighborhood enrichment comes from it too.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import trackpy
import zarr
from astropy.stats import RipleysKEstimator
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

SAMPLE = 0.4


def close(found, expected, tolerance=1e-9):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-12)


class Run:
    """The files of a run."""

    def __init__(self, folder):
        self.record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        self.scenario = self.record["scenario"]
        self.types = [it["name"] for it in self.scenario["cell_types"]]
        domain = self.scenario["domain"]
        self.low, self.high = np.array(domain["min"]), np.array(domain["max"])
        self.voxel = np.array(domain["voxel"])
        self.cells = pd.read_parquet(folder / "cells.parquet")
        self.events = pd.read_parquet(folder / "events.parquet", dtype_backend="pyarrow")
        self.fields = zarr.open_group(folder / "fields.ome.zarr", mode="r")
        self.table = pd.read_parquet(folder / "readouts.parquet")
        self.readings = {it["name"]: it for it in self.record["readouts"]}
        self.frames = list(self.cells.groupby("time_min", sort=True))
        self.seen = set()

    def rows(self, name, time=None):
        """What the table says of a readout, at one time."""
        self.seen.add(name)
        rows = self.table[self.table["name"] == name]
        return rows if time is None else rows[rows["time_min"] == time]

    def live(self, frame, *types):
        rows = frame[(frame["state"] == "live") & frame["type"].isin(types)]
        return rows[["x_um", "y_um", "z_um"]].to_numpy(), rows["radius_um"].to_numpy()

    def total(self, name):
        """A number that is told once, at the end."""
        [row] = self.rows(name).itertuples()
        assert row.time_min == self.frames[-1][0], name
        assert self.readings[name]["value"] == (None if np.isnan(row.value) else row.value)
        assert self.readings[name]["unit"] == row.unit
        return row


def check_means(run):
    """What run.json says of readouts of frames: means over the second half."""
    half = run.scenario["duration"] / 2
    for name, rows in run.table.groupby("name", observed=True):
        if len(rows["time_min"].unique()) == 1:
            continue
        late = rows[rows["time_min"] >= half]
        reading = run.readings[name]
        if rows["coordinate"].isna().all():
            mean = late["value"].mean()
            close(np.nan if reading["value"] is None else reading["value"], mean)
        else:
            means = late.groupby("coordinate")["value"].mean()
            [where, values] = zip(*reading["curve"]["points"])
            close(where, means.index)
            close(np.array(values, float), means)


def check_counts(run):
    for time, frame in run.frames:
        for name, kind, state in [("killers", "killer", "live"), ("dying tumor", "tumor", "apoptotic")]:
            count = ((frame["type"] == kind) & (frame["state"] == state)).sum()
            assert list(run.rows(name, time)["value"]) == [count]
    live = [((f["type"] == "killer") & (f["state"] == "live")).sum() for _, f in run.frames]
    cleared = run.total("few killers")
    above = [time for (time, _), count in zip(run.frames, live) if count > 40]
    below = [time for time, _ in run.frames if time > above[-1]]
    # A frame is coarser than a step.
    assert not cleared.censored and above[-1] < cleared.value <= below[0]
    gone = run.total("tumor gone")
    assert gone.censored and np.isnan(gone.value) and run.readings["tumor gone"]["censored"]


def check_kills(run):
    effectors = ["killer", "tired"]
    events = run.events
    kills = events[(events["event"] == "kill") & events["cell_type"].isin(effectors)]
    kills = kills[kills["partner_type"] == "tumor"]
    assert len(kills) > 20
    there = run.cells[run.cells["type"].isin(effectors) & (run.cells["state"] == "live")]["id"]
    come = events[(events["event"] == "arrival") & events["cell_type"].isin(effectors)]["cell"]
    all_ids = set(there) | set(come.astype("uint64")) | set(kills["cell"].astype("uint64"))
    by_cell = kills["cell"].astype("uint64").value_counts()
    counts = np.bincount([by_cell.get(cell, 0) for cell in all_ids])
    close(run.total("serial kills").value, len(kills) / len(all_ids))
    close(run.rows("killers by kills")["coordinate"], range(len(counts)))
    close(run.rows("killers by kills")["value"], counts)
    # Of the killers alone, over the time that they were there.
    by_killers = (kills["cell_type"] == "killer").sum()
    counts = run.rows("killers")
    days = np.trapezoid(counts["value"], counts["time_min"]) / 1440
    # The program sums over steps, and this over frames.
    close(run.total("kills").value, by_killers / days, 0.01)


def check_contacts(run):
    for time, frame in run.frames[::10]:
        killers, killer_radii = run.live(frame, "killer")
        tumor, tumor_radii = run.live(frame, "tumor")
        gaps = cdist(killers, tumor) - killer_radii[:, None] - tumor_radii
        close(run.rows("killers in contact", time)["value"], [(gaps <= 1).any(axis=1).mean()])
        gaps = cdist(tumor, tumor) - tumor_radii[:, None] - tumor_radii
        np.fill_diagonal(gaps, np.inf)
        close(run.rows("tumor in contact", time)["value"], [(gaps <= 0).any(axis=1).mean()])


def exact_score(graph, is_a, is_b):
    """z of edges from a to b, over all ways to deal types out: moments of joins without
    replacement (Cliff and Ord), for a graph whose edges may lead one way."""
    n, a, b = len(is_a), is_a.sum(), is_b.sum()
    edges = graph.sum()
    out, into = graph.sum(axis=1), graph.sum(axis=0)
    fork, join = (out * (out - 1)).sum(), (into * (into - 1)).sum()
    chain, mutual = (out * into).sum(), (graph * graph.T).sum()
    falling = lambda count, times: np.prod([count - i for i in range(times)], dtype=float)
    apart = edges**2 - edges - fork - join - (2 * chain - mutual)
    square = (
        edges * a * b / falling(n, 2)
        + fork * a * falling(b, 2) / falling(n, 3)
        + join * falling(a, 2) * b / falling(n, 3)
        + apart * falling(a, 2) * falling(b, 2) / falling(n, 4)
    )
    mean = edges * a * b / falling(n, 2)
    return (graph[np.ix_(is_a, is_b)].sum() - mean) / np.sqrt(square - mean**2)


def squidpy_score(graph, kinds, a, b, permutations):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import anndata
            import squidpy
            from scipy.sparse import csr_matrix
    except ImportError:
        return None
    table = anndata.AnnData(np.zeros((len(kinds), 1)))
    table.obs["type"] = pd.Categorical(kinds)
    table.obsp["spatial_connectivities"] = csr_matrix(graph.astype(float))
    squidpy.gr.nhood_enrichment(
        table, "type", n_perms=permutations, seed=1, copy=False, show_progress_bar=False
    )
    names = list(table.obs["type"].cat.categories)
    return table.uns["type_nhood_enrichment"]["zscore"][names.index(a), names.index(b)]


def check_enrichment(run):
    permutations, errors, squidpy_was_there = 400, [], False
    for time, frame in run.frames[::20]:
        rows = frame[frame["state"] == "live"]
        points, radii = rows[["x_um", "y_um", "z_um"]].to_numpy(), rows["radius_um"].to_numpy()
        kinds = rows["type"].to_numpy()
        far = cdist(points, points)
        np.fill_diagonal(far, np.inf)
        _, nearest = cKDTree(points).query(points, 7)
        graphs = {
            ("touching enrichment", "killer"): far - radii[:, None] - radii <= 0,
            ("nearest enrichment", "killer"): np.zeros_like(far, dtype=bool),
            ("enrichment within 30", "macrophage"): far <= 30,
        }
        np.put_along_axis(graphs["nearest enrichment", "killer"], nearest[:, 1:], True, axis=1)
        for (name, kind), graph in graphs.items():
            [found] = run.rows(name, time)["value"]
            exact = exact_score(graph.astype(int), kinds == kind, kinds == "tumor")
            error = np.sqrt((1 + exact**2 / 2) / permutations)
            errors.append((found - exact) / error)
            theirs = squidpy_score(graph, kinds, kind, "tumor", permutations)
            if theirs is not None:
                squidpy_was_there = True
                assert abs(found - theirs) < 4 * np.sqrt(2) * error, (name, found, theirs)
    assert np.abs(errors).max() < 4, errors
    # Neither too far off nor suspiciously near.
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) < 1.5, errors
    return "with squidpy" if squidpy_was_there else "without squidpy"


def check_patterns(run):
    sides = (run.high - run.low)[:2]
    area = sides.prod()
    radii = np.array([10.0, 20.0, 40.0, 80.0])
    astropy = RipleysKEstimator(
        area=area, x_min=run.low[0], x_max=run.high[0], y_min=run.low[1], y_max=run.high[1]
    )
    rings = np.diff(np.pi * np.concatenate([[0], radii]) ** 2)
    for time, frame in run.frames[::10]:
        killers, tumor = [run.live(frame, kind)[0][:, :2] for kind in ("killer", "tumor")]
        own = astropy(tumor, radii, mode="translation")
        close(run.rows("tumor K", time)["value"], own)
        close(run.rows("tumor K", time)["coordinate"], radii)
        # astropy knows one type. Pairs of the pooled pattern are those of either type and those
        # across, each of which counts both ways.
        a, b = len(killers), len(tumor)
        pooled = astropy(np.vstack([killers, tumor]), radii, mode="translation")
        cross = (a + b) * (a + b - 1) * pooled - b * (b - 1) * own
        cross -= a * (a - 1) * astropy(killers, radii, mode="translation")
        cross /= 2 * a * b
        close(run.rows("killer tumor K", time)["value"], cross)
        close(run.rows("killer tumor g", time)["value"], np.diff(cross, prepend=0) / rings)
        close(run.rows("tumor g", time)["value"], np.diff(own, prepend=0) / rings)
        close(run.rows("tumor g", time)["coordinate"], [5, 15, 30, 60])


def check_fields(run):
    names = [it["name"] for it in run.fields.attrs["substrates"]]
    channel = names.index("chemokine")
    spread = run.rows("chemokine spread")["value"]
    for number, (time, frame) in list(enumerate(run.frames))[::10]:
        field = run.fields["0"][number, channel]
        y, x = [run.low[d] + (np.arange(field.shape[1 - d]) + 0.5) * run.voxel[d] for d in (1, 0)]
        close(run.rows("chemokine along x", time)["value"], field.mean(axis=0))
        close(run.rows("chemokine along x", time)["coordinate"], x)
        centers = np.stack([*np.meshgrid(x, y), np.zeros_like(field)], axis=-1).reshape(-1, 3)
        sources, _ = run.live(frame, "tumor")
        far, _ = cKDTree(sources).query(centers)
        expected = []
        for low, high in zip([-1, 10, 30, 60], [10, 30, 60, 100]):
            expected.append(field.ravel()[(low < far) & (far <= high)].mean())
        rows = run.rows("chemokine profile", time)
        close(rows["value"], expected)
        assert set(rows["unit"]) == {"pM"} and list(rows["coordinate"]) == [5, 20, 45, 80]
        # By its definition: rings of 5 µm to 150 µm, less what is beyond, while above 1 % of the peak.
        rings = np.minimum((far / 5).astype(int), 30)
        count = np.bincount(rings, minlength=31)
        sums = np.bincount(rings, weights=field.ravel(), minlength=31)
        means = np.divide(sums, count, out=np.zeros(31), where=count > 0)
        there = np.flatnonzero(count[:30])
        profile = means[there] - means[30]
        kept = np.cumprod(profile > 0.01 * profile.max(initial=0)).astype(bool)
        found = spread.iloc[number]
        if kept.sum() < 3 or profile.max() <= 0:
            assert np.isnan(found)
            continue
        slope = np.polyfit((there[kept] + 0.5) * 5, np.log(profile[kept]), 1)[0]
        close(found, -1 / slope if slope < 0 else np.nan, 1e-6)


def check_impedance(run):
    """On a raster of a quarter micrometer: a spot is covered if a disc's center is near enough."""
    x, y = (np.arange(run.low[d], run.high[d], 0.25) + 0.125 for d in (0, 1))
    for time, frame in run.frames[::25]:
        tumor, radii = run.live(frame, "tumor")
        covered = np.zeros((len(y), len(x)), bool)
        for (cx, cy, _), radius in zip(tumor, radii):
            covered |= (x - cx) ** 2 + (y[:, None] - cy) ** 2 < radius**2
        [found] = run.rows("tumor index", time)["value"]
        close(found, 4.5 * covered.mean(), 2e-3)


def check_depth(run):
    shape = np.round((run.high - run.low) / run.voxel).astype(int)
    for time, frame in run.frames[::10]:
        mass = np.zeros(shape, bool)
        place = lambda points: np.minimum(((points - run.low) / run.voxel).astype(int), shape - 1)
        tumor, _ = run.live(frame, "tumor")
        mass[tuple(place(tumor).T)] = True
        near = mass.copy()
        for i, j, k in np.argwhere(mass):
            near[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2, max(k - 1, 0) : k + 2] = True
        outside = run.low + (np.argwhere(~near) + 0.5) * run.voxel
        killers, _ = run.live(frame, "killer")
        inside = killers[near[tuple(place(killers).T)]]
        depths = np.sort(cKDTree(outside).query(inside)[0])
        expected = depths[len(depths) // 2] if len(depths) else np.nan
        close(run.rows("depth", time)["value"], [expected])


def check_tracks(run):
    """Windows end where a lag has passed since the one before; in them a cell is free throughout."""
    cells = run.cells.copy()
    cells["sample"] = np.round(cells["time_min"] / SAMPLE).astype(int)
    last = cells["sample"].max()

    def windows(kind, lag):
        """(first sample, id, positions at all samples), for all windows."""
        free = cells[(cells["type"] == kind) & (cells["state"] == "live") & (cells["pressure"] == 0)]
        at = {
            sample: dict(zip(rows["id"], rows[["x_um", "y_um", "z_um"]].to_numpy()))
            for sample, rows in free.groupby("sample")
        }
        # The first window begins with the first lag over.
        for first in range(lag, last - lag + 1, lag):
            for cell in at.get(first, {}):
                path = [at.get(sample, {}).get(cell) for sample in range(first, first + lag + 1)]
                if all(place is not None for place in path):
                    yield first, cell, np.array(path)

    def displacement(kind, lag):
        """trackpy's ensemble mean at its first lag time, over stretches of windows end to end."""
        rows, stretch = [], {}
        for first, cell, path in windows(kind, lag):
            before, number = stretch.get(cell, (None, 0))
            number += before != first
            stretch[cell] = (first + lag, number)
            for sample, place in [(first, path[0]), (first + lag, path[-1])]:
                rows.append((sample // lag, f"{cell} {number}", *place))
        table = pd.DataFrame(rows, columns=["frame", "particle", "x", "y", "z"]).drop_duplicates()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mean = trackpy.emsd(table, mpp=1, fps=1, max_lagtime=1, pos_columns=["x", "y", "z"])
        return mean.iloc[0]

    lags = [1, 2, 5, 10]
    expected = [displacement("killer", lag) for lag in lags]
    rows = run.rows("displacement")
    close(rows["value"], expected)
    close(rows["coordinate"], np.array(lags) * SAMPLE)
    exponent = np.polyfit(np.log(np.array(lags[:3]) * SAMPLE), np.log(expected[:3]), 1)[0]
    close(run.total("exponent").value, exponent)
    assert 1 < exponent < 2, exponent
    close(run.total("motility").value, displacement("macrophage", 5) / (2 * 2 * 2.0))
    speeds = [
        np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / 8.0
        for _, _, path in windows("killer", 20)
    ]
    close(run.total("speed").value, np.mean(speeds))
    steps = {(first, cell): path[-1] - path[0] for first, cell, path in windows("killer", 2)}
    cosines = [
        step @ steps[first + 2, cell] / np.linalg.norm(step) / np.linalg.norm(steps[first + 2, cell])
        for (first, cell), step in steps.items()
        if (first + 2, cell) in steps
    ]
    close(run.total("turning").value, np.mean(cosines))


def main(folder):
    run = Run(Path(folder))
    assert len(run.frames) == 1 + round(run.scenario["duration"] / SAMPLE)
    check_means(run)
    check_counts(run)
    check_kills(run)
    check_contacts(run)
    squidpy = check_enrichment(run)
    check_patterns(run)
    check_fields(run)
    check_impedance(run)
    check_depth(run)
    check_tracks(run)
    left = set(run.readings) - run.seen
    assert not left, left
    print(f"the same of everything, {squidpy}")


if __name__ == "__main__":
    main(*sys.argv[1:])
