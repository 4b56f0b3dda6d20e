"""Fits growth, hits and their decay to measured killing curves, and says what the curves do not tell.

    python3 fit.py wells CURVES.csv TABLE.csv --line PBT1 --out RESULTS
    python3 fit.py plant 'hit rate=0.03' ... --out RESULTS

CURVES and TABLE are told of in wells.py; `plant` writes such files from runs with known numbers. Runs the scenario
beside this file with the program that MILIEU names, some thousand times, and writes RESULTS/fit.json and
RESULTS/fit.png. Needs numpy, scipy, pandas, pyarrow and matplotlib. The method is told in docs/cart_killing.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import chi2, qmc

import wells
from emulator import Emulator

HERE = Path(__file__).parent
GLIOMA, CART = "cell_types.glioma", 'cell_types."CAR T cell"'
FIRST_HOUR = 24.0  # of the instrument, at minute 0 of the scenario
ADDED = 25.0  # when CAR T cells came
# Patch of the scenario, 0.24 mm², over the bottom of a well, 20 mm².
PATCH = 0.24 / 20.0
HALF_THRESHOLD = chi2.ppf(0.95, 1) / 2  # 1.92


@dataclass
class Parameter:
    """What is fitted, over what range, and how a run is told."""

    name: str
    unit: str
    low: float
    high: float
    is_log: bool

    def value(self, share):
        if self.is_log:
            return self.low * (self.high / self.low) ** share
        return self.low + share * (self.high - self.low)


GROWTH = [
    Parameter("division rate", "1/h", 0.01, 0.1, True),
    Parameter("cells at hour 24", "cells", 30, 120, True),
    Parameter("gain", "1", 2, 10, True),
]
KILLING = [
    Parameter("hit rate", "1/min", 0.003, 0.3, True),
    Parameter("half-life of a hit", "min", 5, 5000, True),
    Parameter("net growth of CAR T cells", "1/d", -0.6, 0.6, False),
    Parameter("lag of CAR T cells", "h", 0, 40, False),
    Parameter("cells at hour 24, over control", "1", 0.7, 1.8, True),
]


def settings(values):
    """What to set in the scenario for values by name."""
    cells = values["cells at hour 24"] * values.get("cells at hour 24, over control", 1)
    told = {f"{GLIOMA}.cycle.rates.Live": values["division rate"] / 60, "cells.plated.count": round(cells)}
    if "hit rate" in values:
        net = values["net growth of CAR T cells"] / 1440
        told |= {
            f'{CART}.custom."hit rate"': values["hit rate"],
            f"{GLIOMA}.damage.repair_rate": np.log(2) / values["half-life of a hit"],
            f"{CART}.cycle.rates.Live": max(net, 0),
            f"{CART}.apoptosis.rate": max(-net, 0),
            "interventions.transfer.start": 60 * (ADDED - FIRST_HOUR + values["lag of CAR T cells"]),
        }
    return told


def cover(told, carts, seed, hours):
    """Cover and number of CAR T cells in one run, at hours of the instrument."""
    program = os.environ.get("MILIEU") or shutil.which("milieu")
    if not program:
        sys.exit("no `milieu` on the PATH; say where it is: MILIEU=target/release/milieu")
    told = told | {
        "seed": seed,
        "interventions.transfer.dose": round(PATCH * carts),
        "readouts.index.gain": 1,
        "duration": 60 * (hours[-1] - FIRST_HOUR),
        "outputs.write": '["readouts"]',
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", HERE, "--quiet", "--threads", "1", "--out", f"{folder}/o"]
        for key, value in told.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        table = pd.read_parquet(f"{folder}/o/readouts.parquet")
    table = table.pivot(index="time_min", columns="name", values="value")
    times = FIRST_HOUR + table.index / 60
    return [np.interp(hours, times, table[name]) for name in ("index", "live CAR T cells")]


def runs(design, carts, hours, first_seed):
    """Curves of cover for each point of a design and each well: [point, well · hour]; and CAR T cells at the end.

    Seeds differ from run to run of a wave, so that chance averages out between points, and are those of every fit.
    """
    jobs = [(point, well) for point in range(len(design)) for well in range(len(carts))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = lambda job: cover(design[job[0]], carts[job[1]], first_seed + job[0] * len(carts) + job[1], hours)
        found = np.array(list(pool.map(work, jobs)))
    found = found.reshape(len(design), len(carts), 2, len(hours))
    return found[:, :, 0].reshape(len(design), -1), found[:, :, 1, -1]


class Stage:
    """Parameters that are fitted together, runs of their design, and what was measured.

    A point lies in the unit cube, one coordinate a parameter. All but a gain, the last, are told to the simulator.
    """

    def __init__(self, parameters, held, data, sigma):
        self.parameters, self.held, self.data, self.sigma = parameters, held, data, sigma
        self.told = len([it for it in parameters if it.name != "gain"])
        self.points = np.empty((0, self.told))

    def values(self, point):
        """Of all parameters by name."""
        return self.held | {it.name: it.value(share) for it, share in zip(self.parameters, point)}

    def design(self, count, waves, run, rounds=0):
        """Runs a design over the whole cube, others where the likelihood is within sight of its best, and then, round
        by round, those that look best along the first two coordinates: where the emulator is too hopeful, it is told.
        """
        for wave in range(waves + rounds):
            if wave == 0:
                new = qmc.Sobol(self.told, seed=1).random(count)
            elif wave < waves:
                new = self.plausible(count)
            else:
                new = np.array([self.best({k: at})[0][: self.told] for k in (0, 1) for at in np.linspace(0, 1, 6)])
            curves, _ = run([settings(self.values(point)) for point in new], 1 + len(self.points))
            self.points = np.vstack([self.points, new])
            self.curves = np.vstack([self.curves, curves]) if wave else curves
            # The root of cover has nearly the same noise everywhere.
            self.emulator = Emulator(self.points, np.sqrt(self.curves), count)

    def plausible(self, count):
        """Points spread over where −log likelihood, stretched, is within 6 of its least."""
        some = qmc.Sobol(len(self.parameters), seed=2).random(2**13)
        surprise, squares = self.surprise(some)
        least = surprise.argmin()
        within = some[surprise < surprise[least] + 6 * max(1, squares[least] / len(self.data)), : self.told]
        chosen = [some[least, : self.told]]
        for _ in range(count - 1):
            far = np.min([np.sum((within - it) ** 2, axis=1) for it in chosen], axis=0)
            chosen.append(within[far.argmax()])
        return np.array(chosen)

    def index(self, points):
        """Expected index at points, and the covariance of that expectation, [points, m, m]."""
        points = np.atleast_2d(points)
        root, share = self.emulator(points[:, : self.told])
        root = np.maximum(root, 0)
        gain = self.held.get("gain") or self.parameters[-1].value(points[:, -1:])
        slope = 2 * gain * root
        return gain * root**2, share[:, None, None] * slope[:, :, None] * slope[:, None, :] * self.emulator.covariance

    def surprise(self, points):
        """−log likelihood, and χ², of normal errors: those of reading and those of emulation."""
        index, covariance = self.index(points)
        off = (index - self.data) / self.sigma
        covariance = covariance / np.outer(self.sigma, self.sigma) + np.eye(len(self.data))
        squares = np.sum(off * np.linalg.solve(covariance, off[:, :, None])[:, :, 0], axis=1)
        return (squares + np.linalg.slogdet(covariance)[1]) / 2, squares

    def best(self, held=None, near=()):
        """The likeliest point with some coordinates held, and its −log likelihood."""
        held = held or {}
        free = [k for k in range(len(self.parameters)) if k not in held]

        def whole(parts):
            points = np.empty((len(parts), len(self.parameters)))
            points[:, free] = parts
            for k, value in held.items():
                points[:, k] = value
            return points

        if not free:
            return whole(np.empty((1, 0)))[0], self.surprise(whole(np.empty((1, 0))))[0][0]
        some = qmc.Sobol(len(free), seed=1).random(512)
        order = np.argsort(self.surprise(whole(some))[0])[:3]
        starts = [*some[order[: 3 if not near else 1]], *[it[free] for it in near]]
        target = lambda part: self.surprise(whole(part[None]))[0][0]
        bounds = [(0, 1)] * len(free)
        found = [minimize(target, start, method="L-BFGS-B", bounds=bounds) for start in starts]
        least = min(found, key=lambda it: it.fun)
        return whole(least.x[None])[0], least.fun

    def profile(self, k, grid=25):
        """−log likelihood over one coordinate, the others at their best for each."""
        shares, rows, near = np.linspace(0, 1, grid), [], [self.found]
        for share in shares:
            point, surprise = self.best({k: share}, near)
            near = [self.found, point]
            rows.append(surprise)
        return shares, np.array(rows)

    def fit(self):
        """The likeliest point, a profile of each parameter and their intervals."""
        self.found, least = self.best()
        squares = self.surprise(self.found)[1][0]
        self.reduced = squares / (len(self.data) - len(self.parameters))
        said = {"readings": len(self.data), "chi_squared": squares, "reduced_chi_squared": self.reduced}
        said["parameters"] = []
        for k, parameter in enumerate(self.parameters):
            shares, surprise = self.profile(k)
            above = surprise - min(least, surprise.min())
            stretch = max(1.0, self.reduced)
            said["parameters"].append({
                "name": parameter.name,
                "unit": parameter.unit,
                "range": [parameter.low, parameter.high],
                "estimate": parameter.value(self.found[k]),
                "interval": interval(parameter, shares, above, self.found[k], HALF_THRESHOLD),
                "stretched": interval(parameter, shares, above, self.found[k], HALF_THRESHOLD * stretch),
                "profile": [[parameter.value(share), float(it)] for share, it in zip(shares, above)],
            })
        return said


def interval(parameter, shares, above, found, threshold):
    """Where a profile is below a threshold: [from, to], null for an end that the range does not hold."""
    ends = []
    for side in (-1, 1):
        k = int(np.abs(shares - found).argmin())
        while 0 <= k + side < len(shares) and above[k + side] < threshold:
            k += side
        if not 0 <= k + side < len(shares):
            ends.append(None)
            continue
        a, b = above[k], above[k + side]
        along = 1.0 if a >= threshold else (threshold - a) / (b - a)
        ends.append(parameter.value(shares[k] + along * (shares[k + side] - shares[k]) if a < threshold else found))
    return ends


def ridge(stage, grid=17):
    """−log likelihood over hit rate and half-life, and which power product of the two is known how well."""
    shares, near = np.linspace(0, 1, grid), [stage.found]
    above = np.empty((grid, grid))
    for i, a in enumerate(shares):
        for j, b in enumerate(shares):
            point, above[i, j] = stage.best({0: a, 1: b}, near)
            near = [stage.found, point]
    above -= above.min()
    logs = [np.log([stage.parameters[k].value(share) for share in shares]) for k in (0, 1)]
    weight = np.exp(-above / max(1.0, stage.reduced))
    weight /= weight.sum()
    places = np.stack(np.meshgrid(*logs, indexing="ij"), axis=-1).reshape(-1, 2)
    covariance = np.cov(places.T, aweights=weight.ravel(), ddof=0)
    spreads, ways = np.linalg.eigh(covariance)
    way = ways[:, 0] / ways[np.abs(ways[:, 0]).argmax(), 0]
    names = ["hit rate", "half-life of a hit"]
    return {
        "map": above.tolist(),
        "powers": dict(zip(names, way)),
        "sd_of_logarithm": float(np.sqrt(way @ covariance @ way)),
        "sd_of_logarithm_across": float(np.sqrt(spreads[1])),
        "correlation": float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
    }


def fit(arguments):
    held = {name: float(value) for name, value in (it.rsplit("=", 1) for it in arguments.hold)}
    unknown = set(held) - {it.name for it in GROWTH + KILLING}
    if unknown:
        sys.exit(f"no parameter is called {', '.join(unknown)}; there are {', '.join(it.name for it in GROWTH + KILLING)}")
    every = wells.read(arguments.curves, arguments.table, arguments.line)
    said = {"line": arguments.line}
    stages = []
    # Growth of the control first; what comes out is held while killing is fitted to the other wells.
    for name, parameters, chosen, waves in [("growth", GROWTH, every[:1], 1), ("killing", KILLING, every[1:], arguments.waves)]:
        # The control until it is full.
        last = arguments.until if name == "killing" else max(arguments.show, arguments.until)
        hours = np.arange(arguments.since, last + 1e-9, arguments.step)
        data, sigma = (np.concatenate(it) for it in zip(*[wells.at(well, hours) for well in chosen]))
        free = [it for it in parameters if it.name not in held]
        if not free:
            continue
        stage = Stage(free, dict(held), data, sigma)
        carts = [well.carts for well in chosen]
        run = lambda design, seed, carts=carts, hours=hours: runs(design, carts, hours, seed)
        stage.design(arguments.points, waves, run, arguments.rounds if name == "killing" else 0)
        said[name] = stage.fit()
        held |= stage.values(stage.found)
        index, covariance = stage.index(stage.found)
        said[name]["hours"] = hours.tolist()
        said[name]["wells"] = [
            {"column": well.column, "carts": well.carts, "index": a.tolist(), "sd": b.tolist(), "measured": c.tolist(), "sigma": d.tolist()}
            for well, a, b, c, d in zip(chosen, *(np.split(it, len(chosen)) for it in (index[0], np.sqrt(np.diag(covariance[0])), data, sigma)))
        ]
        stages.append(stage)
    if stages and [it.name for it in stages[-1].parameters[:2]] == ["hit rate", "half-life of a hit"]:
        said["killing"]["ridge"] = ridge(stages[-1])
    hours = np.arange(arguments.since, max(arguments.show, arguments.until) + 1e-9, arguments.step)
    # Runs at the best point, with other seeds: what the emulator foretold, and CAR T cells nobody fitted.
    carts = [well.carts for well in every]
    alike = {name: value for name, value in held.items() if name != "cells at hour 24, over control"}
    parts = [
        runs([settings(values)] * arguments.repeats, some, hours, seed)
        for values, some, seed in [(alike, carts[:1], 10**6), (held, carts[1:], 2 * 10**6)]
    ]
    curves, left = (np.concatenate(it, axis=1) for it in zip(*parts))
    said["check"] = {
        "hours": hours.tolist(),
        "columns": [well.column for well in every],
        "index": (held["gain"] * curves.mean(axis=0)).reshape(len(every), -1).tolist(),
        "sd_of_mean": (held["gain"] * curves.std(axis=0, ddof=1) / np.sqrt(len(curves))).reshape(len(every), -1).tolist(),
        "measured": [wells.at(well, hours)[0].tolist() for well in every],
        "CAR_T_cells_in_a_well_at_the_end": (left.mean(axis=0) / PATCH).tolist(),
    }
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "fit.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    if not arguments.no_picture:
        import picture

        picture.draw(said, every, out / "fit.png")
    for name in [name for name in ("growth", "killing") if name in said]:
        print(f"{name}: {said[name]['readings']} readings, reduced chi-squared {said[name]['reduced_chi_squared']:.2f}")
        for row in said[name]["parameters"]:
            ends = ["open" if end is None else f"{end:.3g}" for end in row["stretched"]]
            print(f"  {row['name']}: {row['estimate']:.3g} {row['unit']} ({ends[0]} to {ends[1]})")
    if "ridge" in said.get("killing", {}):
        print(json.dumps({key: value for key, value in said["killing"]["ridge"].items() if key != "map"}))


def plant(arguments):
    """Writes CURVES.csv and TABLE.csv of a line whose numbers are known: means of pairs of runs, with their spread."""
    values = {name: float(value) for name, value in (it.rsplit("=", 1) for it in arguments.value)}
    hours = np.arange(FIRST_HOUR, arguments.until + 1e-9, 2.0)
    random = np.random.default_rng(1)
    curves, table = {"Time (Hour)": hours}, []
    for row, carts in zip("ABCD", (0, 2500, 1250, 500)):
        few = arguments.repeats
        found, _ = runs([settings(values)] * few, [carts], hours, 10**7 + carts * few)
        mean = values["gain"] * found.mean(axis=0)
        two = mean + 0.05 * (1 + mean) * random.standard_normal((2, len(hours)))
        curves |= {f"Y({row}1,{row}2)": two.mean(axis=0), f"SD({row}1,{row}2)": two.std(axis=0, ddof=1)}
        table.append(["planted", f"Y({row}1,{row}2)", 0, len(hours), 0, carts / 1e4])
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(curves).to_csv(out / "CURVES.csv", index=False)
    columns = [wells.LINE, wells.COLUMN, wells.START, wells.END, wells.DOSE, wells.CARTS]
    pd.DataFrame(table, columns=columns).to_csv(out / "TABLE.csv", index=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("wells", help="fit the wells of a line")
    one.set_defaults(do=fit)
    one.add_argument("curves")
    one.add_argument("table")
    one.add_argument("--line", default="PBT1")
    one.add_argument("--since", type=float, default=34, help="first hour that is fitted")
    one.add_argument("--until", type=float, default=82, help="last hour that is fitted")
    one.add_argument("--show", type=float, default=118, help="hour to which the fit is foretold")
    one.add_argument("--step", type=float, default=6, help="hours between readings that are fitted")
    one.add_argument("--points", type=int, default=32, help="runs a well and wave; a power of 2")
    one.add_argument("--waves", type=int, default=3)
    one.add_argument("--rounds", type=int, default=3, help="times that the best so far is run")
    one.add_argument("--repeats", type=int, default=8, help="runs at the best point")
    one.add_argument("--hold", action="append", default=[], metavar="NAME=VALUE", help="hold a parameter")
    one.add_argument("--no-picture", action="store_true")
    two = commands.add_parser("plant", help="write curves of known numbers")
    two.set_defaults(do=plant)
    two.add_argument("value", nargs="+", metavar="NAME=VALUE")
    two.add_argument("--until", type=float, default=118)
    two.add_argument("--repeats", type=int, default=8)
    for parser_of_one in (one, two):
        parser_of_one.add_argument("--out", required=True)
    arguments = parser.parse_args()
    arguments.do(arguments)


if __name__ == "__main__":
    main()
