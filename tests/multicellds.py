"""Opens `physicell/` with pcdl, and compares it with the Parquet and Zarr files of the same run.

    python3 tests/multicellds.py FLAT DEEP

FLAT and DEEP are folders of results written by tests/multicellds.rs, which runs this.
"""

import contextlib
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pcdl
import zarr
from scipy.io import loadmat

FRAMES = 4
TUMOR, KILLER = "tumor & co", "killer"
PHASES = ["G0G1_phase", "S_phase", "G2_phase", "M_phase"]

# pcdl's column → ours, which hold the very same numbers.
SAME = {
    "total_volume": "volume",
    "position_x": "x_um",
    "position_y": "y_um",
    "position_z": "z_um",
    "radius": "radius_um",
    "elapsed_time_in_phase": "time in phase",
    "pressure": "pressure",
    "damage": "damage",
    "attack_total_damage_delivered": "damage delivered",
    "total_attack_time": "total attack time",
    "oxygen": "oxygen",
    "CCL_5": "CCL_5",
    "death_rates_0": "apoptosis",
    "death_rates_1": "necrosis",
    "migration_speed": "migration speed",
    "migration_bias": "migration bias",
    "persistence_time": "migration persistence time",
    "CCL_5_chemotactic_sensitivities": "chemotactic response to CCL_5",
    "oxygen_secretion_rates": "oxygen secretion",
    "oxygen_uptake_rates": "oxygen uptake",
    "CCL_5_secretion_rates": "CCL_5 secretion",
    "CCL_5_saturation_densities": "CCL_5 secretion target",
    "CCL_5_net_export_rates": "CCL_5 export",
    "cell_cell_adhesion_strength": "cell-cell adhesion",
    "cell_cell_repulsion_strength": "cell-cell repulsion",
    "relative_maximum_adhesion_distance": "relative maximum adhesion distance",
    f"{TUMOR}_attack_rates": f"attack {TUMOR}",
    "attack_damage_rate": "attack damage rate",
    "attack_duration": "attack duration",
    f"{KILLER}_immunogenicities": f"immunogenicity to {KILLER}",
    f"{TUMOR}_transformation_rates": f"transform to {TUMOR}",
    "apoptotic_phagocytosis_rate": "phagocytose apoptotic cell",
    "damage_rate": "damage rate",
    "damage_repair_rate": "damage repair rate",
    "PD-L1": "custom:PD-L1",
}


def check_cells(step, cells, numbers):
    """pcdl's table of a frame against the rows of cells.parquet, joined by cell_ids.csv."""
    table = step.get_cell_df()
    table.index = numbers.loc[table.index, "id"]
    cells = cells.set_index("id")
    assert sorted(table.index) == sorted(cells.index)
    table = table.loc[cells.index]
    for theirs, ours in SAME.items():
        np.testing.assert_array_equal(table[theirs], cells[ours], err_msg=theirs)
    # Single-valued as they are, they must not all be one and the same.
    assert cells["cycle entry"].nunique() > 1 and cells["migration speed"].nunique() > 1

    assert list(table["cell_type"]) == list(cells["type"])
    dead = cells["state"] != "live"
    assert table["dead"].dtype == bool and list(table["dead"]) == list(dead)
    assert list(table["is_motile"]) == list((cells["type"] == KILLER) & ~dead)
    assert list(table["attack_target"] >= 0) == list(cells["attacking"] == 1)
    for row, cell in cells.iterrows():
        seen = table.loc[row]
        model, phase = seen["cycle_model"], seen["current_phase"]
        if cell["state"] == "apoptotic":
            assert (model, phase) == ("apoptosis_death_model", "apoptotic")
            assert seen["current_cycle_phase_exit_rate"] == 1 / 60
        elif cell["state"] == "necrotic":
            assert model == "necrosis_death_model"
            assert phase in ("necrotic_swelling", "necrotic_lysed")
        elif cell["type"] == KILLER:
            assert (model, phase) == ("live_cells_cycle_model", "live")
        else:
            assert model == "flow_cytometry_separated_cycle_model"
            number = PHASES.index(phase)
            rate = cell["cycle entry" if number == 0 else f"exit from cycle phase {number}"]
            assert seen["current_cycle_phase_exit_rate"] == rate
    volume = table["nuclear_volume"] + table["cytoplasmic_volume"]
    np.testing.assert_allclose(volume, cells["volume"], rtol=1e-15)
    # Of a ball, to the rounding of a cube root.
    area = 4 * np.pi * cells["radius_um"] ** 2
    np.testing.assert_allclose(table["surface_area"], area, rtol=1e-14)
    affinity = np.where(cells["type"] == KILLER, 0.3, 1.0)
    assert list(table[f"{TUMOR}_cell_adhesion_affinities"]) == list(affinity)
    followed = np.where((cells["type"] == KILLER), "CCL_5", "oxygen")
    assert list(table["chemotaxis_index"]) == list(followed)
    assert list(table["chemotaxis_direction"]) == list(np.where(cells["type"] == KILLER, -1, 1))

    # What Milieu has no number for is PhysiCell's default.
    for column, default in [
        ("number_of_nuclei", 1), ("cell_BM_adhesion_strength", 4), ("attachment_rate", 0),
        ("maximum_number_of_attachments", 12), ("oxygen_fraction_transferred_when_ingested", 1),
    ]:  # fmt: skip
        assert (table[column] == default).all(), column
    return table


def check_motion(table, cells):
    crawl = table[["motility_vector_x", "motility_vector_y", "motility_vector_z"]].to_numpy()
    speed = np.linalg.norm(crawl, axis=1)
    moving = speed > 0
    assert list(cells["type"][moving.tolist()].unique()) in ([], [KILLER])
    np.testing.assert_allclose(speed[moving], table["migration_speed"][moving], rtol=1e-12)
    bias = ["migration_bias_direction_x", "migration_bias_direction_y", "migration_bias_direction_z"]
    lengths = np.linalg.norm(table[bias].to_numpy(), axis=1)
    killers = (table["cell_type"] == KILLER).to_numpy()
    assert (lengths[~killers] == 0).all()
    np.testing.assert_allclose(lengths[killers][lengths[killers] > 0], 1, rtol=1e-12)


def check_graphs(step, cells, numbers):
    """Neighbors by brute force; springs between attackers and targets."""
    small = dict(zip(numbers["id"], numbers.index))
    number = np.array([small[it] for it in cells["id"]])
    place = cells[["x_um", "y_um", "z_um"]].to_numpy()
    reach = (cells["relative maximum adhesion distance"] * cells["radius_um"]).to_numpy()
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    touches = apart < reach[:, None] + reach[None]
    np.fill_diagonal(touches, False)
    neighbors = {number[i]: set(number[touches[i]]) for i in range(len(number))}
    assert step.get_neighbor_graph_dict() == neighbors
    table = step.get_cell_df()
    springs = {it: set() for it in table.index}
    for attacker, target in table["attack_target"].items():
        if target >= 0:
            springs[attacker].add(int(target))
            springs[int(target)].add(attacker)
    assert step.get_spring_graph_dict() == springs
    assert not any(step.get_attached_graph_dict().values())
    return sum(map(len, neighbors.values())), sum(map(len, springs.values()))


def check_fields(step, fields, dimensions):
    table = step.get_conc_df().sort_values(["voxel_k", "voxel_j", "voxel_i"])
    for number, name in enumerate(["oxygen", "CCL_5"]):
        np.testing.assert_array_equal(table[name], fields[number].ravel())
    # Voxels of a plane are as thick as they are wide.
    assert step.get_voxel_volume() == 8000
    assert step.get_substrate_list() == ["oxygen", "CCL_5"]
    centers = step.get_mesh_mnp_axis()
    assert [len(it) for it in centers] == ([8, 10, 1] if dimensions == 2 else [6, 5, 4])
    assert step.get_xyz_range()[0] == ((-80, 80) if dimensions == 2 else (-60, 60))
    decay = step.get_substrate_df()["decay_rate"]
    assert dict(decay) == {"oxygen": 0.1, "CCL_5": 0.05}


def check_units(step):
    units = step.get_unit_dict()
    expected = {
        "time": "min", "runtime": "sec", "spatial_unit": "micron", "oxygen": "mmHg", "CCL_5": "pM",
        "oxygen_diffusion_coefficient": "micron^2/min", "position_x": "microns",
        "total_volume": "cubic microns", "elapsed_time_in_phase": "min", "velocity_x": "micron/min",
        "death_rates_0": "1/min", "radius": "microns", "surface_area": "square microns",
        "oxygen_saturation_densities": "stuff/cubic micron", "CCL_5_net_export_rates": "stuff/min",
        f"{TUMOR}_attack_rates": "1/min", "attack_duration": "min", "PD-L1": "dimensionless",
    }  # fmt: skip
    for column, unit in expected.items():
        assert units[column] == unit, (column, units[column])


def check_anndata(series, cells):
    frames = series.get_anndata(values=1, scale=None, collapse=False)
    assert len(frames) == FRAMES
    for data, (_, rows) in zip(frames, cells.groupby("time_min")):
        assert data.n_obs == len(rows)
        counts = rows["type"].value_counts()
        assert dict(data.obs["cell_type"].value_counts()) == dict(counts[counts > 0])
        volumes = sorted(data.to_df()["total_volume"])
        np.testing.assert_array_equal(volumes, sorted(rows["volume"]))
        assert data.obsm["spatial"].shape[0] == len(rows)


def check_matrices(folder):
    """Names and shapes, by scipy's own reader; `initial` and `final` are first and last frames."""
    for first, second in [("initial", "output00000000"), ("final", f"output{FRAMES - 1:08}")]:
        for ending, name in [("cells", "cells"), ("microenvironment0", "multiscale_microenvironment")]:
            files = [loadmat(folder / f"{it}_{ending}.mat") for it in (first, second)]
            np.testing.assert_array_equal(files[0][name], files[1][name])
        graphs = [folder / f"{it}_cell_neighbor_graph.txt" for it in (first, second)]
        assert graphs[0].read_text() == graphs[1].read_text()
        step = pcdl.TimeStep(f"{first}.xml", output_path=str(folder), verbose=False)
        assert step.get_time() == (0 if first == "initial" else 150)
    assert loadmat(folder / "initial_mesh0.mat")["mesh"].shape[0] == 4


def check_documentation(folder):
    """Runs the Python of docs/outputs.md that reads `physicell/`, in the folder of the run."""
    text = (Path(__file__).parent.parent / "docs" / "outputs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    [block] = [block for block in blocks if "pcdl" in block]
    names = {}
    with contextlib.chdir(folder):
        exec(block, names)
    cells = pd.read_parquet(folder / "cells.parquet")
    joined = names["joined"]
    assert len(joined) == (cells["time_min"] == 150).sum()
    np.testing.assert_array_equal(joined["total_volume"], joined["volume"])


def check(folder, dimensions):
    cells = pd.read_parquet(folder / "cells.parquet")
    fields = zarr.open_group(folder / "fields.ome.zarr", mode="r")["0"]
    numbers = pd.read_csv(folder / "physicell" / "cell_ids.csv", index_col="number", dtype="uint64")
    assert numbers["id"].is_unique and list(numbers.index) == list(range(len(numbers)))
    series = pcdl.TimeSeries(str(folder / "physicell"), verbose=False)
    steps = series.get_mcds_list()
    assert [step.get_time() for step in steps] == [0, 50, 100, 150]
    ties = np.zeros(2)
    seen = set()
    for number, step in enumerate(steps):
        rows = cells[cells["time_min"] == step.get_time()]
        table = check_cells(step, rows, numbers)
        check_motion(table, rows.set_index("id"))
        ties += check_graphs(step, rows, numbers)
        check_fields(step, fields[number], dimensions)
        check_units(step)
        seen |= set(table["current_phase"])
    # The run is of use only if everything is in it.
    assert (ties > 0).all(), ties
    wanted = {*PHASES, "live", "apoptotic", "necrotic_swelling"}
    assert wanted <= seen, wanted - seen
    check_anndata(series, cells)
    check_matrices(folder / "physicell")


def main(flat, deep):
    warnings.filterwarnings("ignore", category=FutureWarning)
    check(Path(flat), 2)
    check(Path(deep), 3)
    check_documentation(Path(flat))
    print("read everything with pcdl", pcdl.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
