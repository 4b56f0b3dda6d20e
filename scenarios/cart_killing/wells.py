"""Measured curves of cell index: which wells there are, what was put in, and how sure each reading is.

Not run by itself: fit.py uses it. CURVES has a column `Time (Hour)` and, for each pair of wells, the mean
`Y(..)` and standard deviation `SD(..)` of its index. TABLE says of each such column the tumor line, the dose of
dexamethasone, and how many CAR T cells were put in, in units of 10,000. Its `t_start` and `t_end` are numbers of
rows of CURVES, not hours.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

LINE, COLUMN, START, END, DOSE, CARTS = "tumor_line", "data_column", "t_start_.hr.", "t_end_.hr.", "dex_.ug.ml.", "t_cell_start.ci."


@dataclass
class Well:
    """Two wells of one condition, as their mean."""

    column: str
    carts: float  # CAR T cells put into one
    hours: np.ndarray
    index: np.ndarray
    sd: np.ndarray  # of the two
    sigma: np.ndarray = None  # of a reading, see `spread`


def read(curves, table, line):
    """The wells of a tumor line without dexamethasone, controls without T cells first."""
    curves, table = pd.read_csv(curves, encoding="utf-8-sig"), pd.read_csv(table, encoding="utf-8-sig")
    rows = table[(table[LINE] == line) & (table[DOSE] == 0)].sort_values(CARTS)
    hours = curves["Time (Hour)"].to_numpy()
    wells = []
    for column, carts in zip(rows[COLUMN], rows[CARTS]):
        index, sd = (curves[name].to_numpy() for name in (column, column.replace("Y", "SD")))
        wells.append(Well(column, 1e4 * carts, hours, index, sd))
    if not wells or wells[0].carts > 0:
        raise SystemExit(f"{line} has no wells without T cells and dexamethasone in the table")
    spread(wells)
    return wells


def spread(wells):
    """Sets `sigma`: √(a² + (b·index)²), a and b those that make all the standard deviations likeliest.

    One of two readings says little by itself: it is off by a factor of 3 one time in four.
    """
    index = np.concatenate([well.index for well in wells])
    sd = np.maximum(np.concatenate([well.sd for well in wells]), 1e-4)

    def surprise(logs):
        variance = np.exp(2 * logs[0]) + (np.exp(logs[1]) * index) ** 2
        return np.sum(np.log(variance) + sd**2 / variance)

    a, b = np.exp(minimize(surprise, np.log([0.05, 0.05]), method="Nelder-Mead").x)
    for well in wells:
        well.sigma = np.hypot(a, b * well.index)


def at(well, hours):
    """The readings nearest to some hours, and their sigma."""
    rows = np.abs(well.hours[:, None] - hours).argmin(axis=0)
    return well.index[rows], well.sigma[rows]
