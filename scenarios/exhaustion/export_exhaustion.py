"""Makes exhaustion.onnx with PyTorch: a recurrent cell model, from teaching to the finished file.

    pip install torch onnx onnxscript onnxruntime numpy
    python export_exhaustion.py [FILE]

A GRU reads every 6 min how many tumor cells a T cell touches and how much damage it has delivered.
It has to remember by itself how long the cell has touched: that is its latent state, which Milieu
keeps with the cell. Five heads, each taught on its own share of the cells, say how exhausted the
cell is; where they disagree the model does not know. A Mahalanobis distance says how strange a row is.

Its teacher is the law of exhaustion.rules on made-up lives of T cells, not data.
"""

import base64, io, itertools, json, math, sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

FILE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("exhaustion.onnx")
SEED = 1
STEP = 6.0                   # min, the phenotype step
STEPS = 720                  # 3 d
LATENT, HEADS = 8, 5
MOST_TOUCHED, MOST_DELIVERED = 8.0, 400.0    # the ranges taught
EPOCHS = 200


def law(touched, delivered):
    """exhaustion.rules: two Hill responses of power 2, half-max 1 d and 100, both towards 1."""
    odds = (touched / 1440) ** 2 + (delivered / 100) ** 2
    return odds / (1 + odds)


def lives(cells, rng):
    """[step, cell, 2] signals and [step, cell] exhaustion of T cells that search, touch and hit.
    How long they do each, and how often they hit, differs from cell to cell a hundredfold."""
    spread = lambda lo, hi: np.exp(rng.uniform(np.log(lo), np.log(hi), cells))
    begin, end = STEP / spread(6, 1440), STEP / spread(12, 1440)
    hits = STEP * spread(0.002, 0.2)
    contact, touched, delivered = np.zeros(cells), np.zeros(cells), np.zeros(cells)
    x, y = np.zeros((STEPS, cells, 2)), np.zeros((STEPS, cells))
    for step in range(STEPS):
        x[step] = np.stack([contact, delivered], axis=1)
        y[step] = law(touched, delivered)
        touching = contact > 0
        touched += STEP * touching
        rate = hits * touching / (1 + (y[step] / 0.5) ** 2)
        delivered = np.minimum(delivered + rng.poisson(rate), MOST_DELIVERED)
        change = rng.random(cells) < np.where(touching, end, begin)
        contact = np.where(change, np.where(touching, 0, rng.integers(1, 6, cells)), contact)
    return x.astype(np.float32), y.astype(np.float32)


class Exhaustion(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(2, LATENT)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(LATENT + 2, 24), nn.Tanh(), nn.Linear(24, 1)) for _ in range(HEADS)
        )
        # Filled in once the network is taught: mean and whitening matrix of (features, latent).
        self.register_buffer("center", torch.zeros(1, LATENT + 2))
        self.register_buffer("whiten", torch.zeros(LATENT + 2, LATENT + 2))
        # Memories of hours to days from the start: gates that keep 1 − 1/k of the state for k steps.
        with torch.no_grad():
            keep = torch.log(torch.logspace(math.log10(10), math.log10(STEPS), LATENT) - 1)
            self.cell.bias_ih[LATENT : 2 * LATENT] = keep
            self.cell.bias_hh[LATENT : 2 * LATENT] = 0

    def features(self, x):
        """Whether it touches, and the damage delivered with its resolution where it matters, both in
        −1 … 1. A logarithm would do, but its bits may depend on the batch."""
        touching = torch.clamp(x[:, 0:1], 0, 1)
        delivered = x[:, 1:2] / (x[:, 1:2] + 100)
        return 2 * torch.cat([touching, delivered], dim=1) - 1

    def members(self, features, state):
        joined = torch.cat([features, state], dim=1)
        return torch.sigmoid(torch.cat([head(joined) for head in self.heads], dim=1))

    def forward(self, x, z):
        features = self.features(x)
        latent_next = self.cell(features, z)
        white = torch.matmul(torch.cat([features, z], dim=1) - self.center, self.whiten)
        # A product with ones, not a sum: the bits then do not depend on the batch.
        strangeness = torch.matmul(white * white, torch.ones(LATENT + 2, 1))
        return self.members(features, latent_next), latent_next, strangeness

    def unroll(self, x):
        """States before each step, and the members' answers after it: [step, cell, …]."""
        features = self.features(x.reshape(-1, 2)).reshape(*x.shape)
        gru = nn.GRU(2, LATENT)            # the same arithmetic, faster over many steps
        parameters = {f"{name}_l0": p for name, p in self.cell.named_parameters()}
        after, _ = torch.func.functional_call(gru, parameters, (features,))
        before = torch.cat([torch.zeros_like(after[:1]), after[:-1]])
        flat = lambda t: t.reshape(-1, t.shape[-1])
        y = self.members(flat(features), flat(after)).reshape(*x.shape[:2], HEADS)
        return features, before, y


def teach(model, rng):
    x, y = (torch.from_numpy(part) for part in lives(256, rng))
    # Each head sees a sample of the cells, drawn with replacement: what differs between heads is
    # what the lives do not settle.
    weight = torch.from_numpy(
        np.stack([np.bincount(rng.integers(0, 256, 256), minlength=256) for _ in range(HEADS)], 1)
    ).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        some = torch.from_numpy(rng.choice(256, 64, replace=False))
        _, _, made = model.unroll(x[:, some])
        loss = (weight[some] * (made - y[:, some, None]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if epoch % 50 == 0 or epoch == EPOCHS - 1:
            print(f"epoch {epoch}: root mean square error {loss.item() ** 0.5:.4f}", flush=True)


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)     # the same weights on every run; and no faster with more
    rng = np.random.default_rng(SEED)
    model = Exhaustion()
    teach(model, rng)
    model.eval()
    with torch.no_grad():
        features, before, _ = model.unroll(torch.from_numpy(lives(512, rng)[0]))
        rows = torch.cat([features, before], dim=2).reshape(-1, LATENT + 2).double()
        # A little is added to every variance, since features that move together would make any
        # rounding strange.
        covariance = torch.cov(rows.T) + 1e-3 * torch.eye(LATENT + 2)
        model.center.copy_(rows.mean(0, keepdim=True))
        model.whiten.copy_(torch.linalg.cholesky(torch.linalg.inv(covariance)))
        # Held out: cells not seen before, one row of each, for rows of one cell are not independent.
        x, y = lives(1000, rng)
        _, before, made = model.unroll(torch.from_numpy(x))
        error = made.mean(2).numpy() - y
        when = rng.integers(0, STEPS, 1000)
        x, z = torch.from_numpy(x[when, range(1000)]), before[when, range(1000)]
        calibration = model(x, z)[2][:, 0].numpy()
    error = {"root mean square error": float(np.sqrt((error**2).mean())), "greatest error": float(abs(error).max())}
    print(error)

    # Export: one file without a side file, symbolic rows, an opset and an IR version of the contract.
    rows = torch.export.Dim("n_cells")
    torch.onnx.export(
        model, (x[:4], z[:4]), FILE, dynamo=True, external_data=False, opset_version=18,
        input_names=["x", "z"], output_names=["exhaustion", "latent_next", "strangeness"],
        dynamic_shapes={"x": {0: rows}, "z": {0: rows}}, verbose=False,
    )
    bare = onnx.load(FILE)
    bare.ir_version = 10
    for part in [bare, *bare.graph.node]:
        del part.metadata_props[:]         # where on this machine each line of the module stands

    touched = {"tensor": "x", "col": 0, "name": "contact with live tumor", "unit": "1", "lo": 0, "hi": MOST_TOUCHED}
    delivered = {"tensor": "x", "col": 1, "name": "damage delivered", "unit": "1", "lo": 0, "hi": MOST_DELIVERED}
    space = f"cd8-exhaustion-v1/{LATENT}"
    spec = {
        "form": "cell",
        "acts_on": "CD8 T cell",
        "inputs": [touched, delivered],
        "outputs": [
            {"tensor": "exhaustion", "name": "custom:exhaustion", "kind": "parameter", "unit": "1",
             "uncertainty": {"ens": "exhaustion", "k": HEADS, "spread_max": 0.2}},
            {"tensor": "latent_next", "kind": "latent_next", "space": space},
        ],
        "latents": [{"space": space, "tensor": "z", "lo": -1, "hi": 1}],
        "dt": {"trained": STEP, "min": STEP, "max": STEP, "unit": "min"},
        "ood": {"margin": 0.05, "score": {"tensor": "strangeness", "alpha": 0.01,
                "calibration": sorted(round(float(score), 3) for score in calibration)}},
    }
    card = {
        "name": "exhaustion of a CD8 T cell", "version": "1.0.0", "authors": "Milieu", "license": "MIT",
        "intended_use": "scenarios/exhaustion: how exhausted a CD8 T cell is",
        "data": f"none: taught by the law of exhaustion.rules on 256 made-up lives; PyTorch {torch.__version__}",
        "splits": "scored on 1000 lives not taught",
        "metrics": error,
        "known_failures": "lives longer than 3 d; contact with several tumor cells counts as with one",
    }

    # Golden rows: corners of the ranges from the initial state, then rows of lives.
    corners = np.array(list(itertools.product([0, MOST_TOUCHED], [0, MOST_DELIVERED])), np.float32)
    fed = {
        "x": np.vstack([corners, x[:92].numpy()]),
        "z": np.vstack([np.zeros((4, LATENT), np.float32), z[:92].numpy()]),
    }
    session = onnxruntime.InferenceSession(bare.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    made = dict(zip(names, session.run(None, fed)))
    archive = io.BytesIO()
    np.savez(archive, **fed, **made, atol=np.float32(1e-5), rtol=np.float32(1e-5))

    onnx.helper.set_model_props(bare, {
        "milieu.contract": "1",
        "milieu.spec": json.dumps(spec, ensure_ascii=False),
        "milieu.golden": base64.b64encode(archive.getvalue()).decode(),
        "milieu.card": json.dumps(card),
    })
    onnx.checker.check_model(bare, full_check=True)
    onnx.save(bare, FILE)
    print(FILE, FILE.stat().st_size, "bytes")


main()
