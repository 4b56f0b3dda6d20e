"""One picture of a fit: curves with what was measured, profiles, and the ridge of hits and their decay."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

COLORS = ["#444444", "#0072b2", "#009e73", "#d55e00"]


def draw(said, every, file):
    rows = [row for name in ("growth", "killing") for row in said[name]["parameters"]]
    figure = plt.figure(figsize=(10, 7), layout="constrained")
    grid = figure.add_gridspec(3, 4)
    curves = figure.add_subplot(grid[:2, :3 if "ridge" in said["killing"] else 4])
    fitted = [(said[name]["hours"], it) for name in ("growth", "killing") for it in said[name]["wells"]]
    for well, (hours, of_fit), checked, color in zip(every, fitted, said["check"]["index"], COLORS):
        curves.plot(well.hours, well.index, color=color, lw=0.7)
        curves.errorbar(hours, of_fit["measured"], of_fit["sigma"], fmt=".", color=color, ms=4, lw=0.7)
        label = f"{well.carts:.0f} CAR T cells" if well.carts else "control"
        curves.plot(hours, of_fit["index"], color=color, lw=2, label=label)
        curves.plot(said["check"]["hours"], checked, color=color, lw=1, ls="--")
    curves.set(xlabel="hours since plating", ylabel="cell index", title=f"{said['line']}: measured (points), fit (thick), new runs at it (dashed)")
    curves.legend()
    if "ridge" in said["killing"]:
        ridge = figure.add_subplot(grid[:2, 3])
        hits, life = said["killing"]["parameters"][:2]
        axes = [np.geomspace(*it["range"], len(said["killing"]["ridge"]["map"])) for it in (hits, life)]
        levels = [0, 1.92, 1.92 * max(1.0, said["killing"]["reduced_chi_squared"]), 50]
        above = np.array(said["killing"]["ridge"]["map"]).T
        ridge.contourf(*axes, above, levels=sorted(set(levels)), colors=["#0072b2", "#9cc9e6", "#eeeeee"])
        ridge.plot(hits["estimate"], life["estimate"], "k+")
        ridge.set(xscale="log", yscale="log", xlabel="hit rate, 1/min", ylabel="half-life of a hit, min", title="hits and decay")
    small = grid[2, :].subgridspec(1, len(rows))
    for place, row in enumerate(rows):
        axes = figure.add_subplot(small[0, place])
        where, above = np.array(row["profile"]).T
        axes.plot(where, above, color="black", lw=1)
        axes.axhline(1.92, color="#0072b2", lw=0.7)
        axes.axvline(row["estimate"], color="#999999", lw=0.7)
        axes.set(ylim=(0, 20), xscale="log" if row["range"][0] > 0.001 else "linear")
        axes.set_xlabel(f"{row['name'].replace(' of ', chr(10) + 'of ').replace(', ', ',' + chr(10))}\n[{row['unit']}]", fontsize=7)
        axes.tick_params(labelsize=6)
        axes.xaxis.set_minor_formatter(NullFormatter())
        if place:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("−Δ log likelihood", fontsize=7)
    figure.savefig(file, dpi=80)
