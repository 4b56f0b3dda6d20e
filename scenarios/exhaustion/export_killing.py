"""Makes killing.onnx with PyTorch: a model of pairs that hits, from teaching to the finished file.

    pip install torch onnx onnxscript onnxruntime numpy
    python export_killing.py [FILE]

From the exhaustion of a T cell, the age of its contact with a tumor cell and the hits it has given
it, a small network says how often it hits. Its teacher is the law of killing.rules, not data.
"""

import base64, io, itertools, json, sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

FILE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("killing.onnx")
SEED = 1
FREE_RATE = 0.2              # 1/min
LOWEST, HIGHEST = [0.0, 0.0, 0.0], [1.0, 120.0, 24.0]      # exhaustion, contact age in min, hits
EPOCHS = 2000


def law(exhaustion, age, hits):
    """killing.rules: age (half-max 5 min, power 2) and hits (1, 1) raise, exhaustion (0.5, 2) lowers."""
    ripe = (age / 5) ** 2 + hits
    return FREE_RATE * ripe / (1 + ripe) / (1 + (exhaustion / 0.5) ** 2)


class Killing(nn.Module):
    def __init__(self):
        super().__init__()
        # Age and hits matter most when they are small: they enter as s/(s + half).
        self.register_buffer("half_effect", torch.tensor([[5.0, 2.0]]))
        self.network = nn.Sequential(
            nn.Linear(3, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
        )

    def forward(self, a, e):
        features = 2 * torch.cat([a, e / (e + self.half_effect)], dim=1) - 1
        return FREE_RATE * torch.exp(self.network(features))     # positive, as a rate has to be


def rows(count):
    """Rows that fill the ranges, half of them near the start of a contact."""
    part = torch.rand(count, 3)
    part[: count // 2, 1:] **= 3
    return torch.tensor(LOWEST) + (torch.tensor(HIGHEST) - torch.tensor(LOWEST)) * part


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)     # the same weights on every run; and no faster with more
    model = Killing()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        x = rows(512)
        error = torch.log((model(x[:, :1], x[:, 1:])[:, 0] + 0.002) / (law(*x.T) + 0.002))
        loss = (error**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if epoch % 1000 == 0 or epoch == EPOCHS - 1:
            print(f"epoch {epoch}: relative error {loss.item() ** 0.5:.4f}", flush=True)
    model.eval()
    with torch.no_grad():
        x = rows(4096)
        error = (model(x[:, :1], x[:, 1:])[:, 0] - law(*x.T)).abs()
    metrics = {"mean error, 1/min": error.mean().item(), "greatest error, 1/min": error.max().item()}
    print(metrics)

    # Export: one file without a side file, symbolic rows, an opset and an IR version of the contract.
    pairs = torch.export.Dim("n_pairs")
    torch.onnx.export(
        model, (torch.zeros(4, 1), torch.zeros(4, 2)), FILE, dynamo=True, external_data=False,
        opset_version=18, input_names=["a", "e"], output_names=["hit"],
        dynamic_shapes={"a": {0: pairs}, "e": {0: pairs}}, verbose=False,
    )
    bare = onnx.load(FILE)
    bare.ir_version = 10
    for part in [bare, *bare.graph.node]:
        del part.metadata_props[:]         # where on this machine each line of the module stands

    def column(tensor, col, name, unit, at):
        return {"tensor": tensor, "col": col, "name": name, "unit": unit, "lo": LOWEST[at], "hi": HIGHEST[at]}

    spec = {
        "form": "dyad",
        "acts_on": {"a": "CD8 T cell", "b": "tumor"},
        "inputs": [
            column("a", 0, "custom:exhaustion", "1", 0),
            column("e", 0, "contact age", "min", 1),
            column("e", 1, "hits", "1", 2),
        ],
        "outputs": [
            {"tensor": "hit", "name": "hit", "on": "b", "kind": "hit", "unit": "1/min", "size": 1, "reduce": "sum"}
        ],
        "dt": {"trained": 0.2, "min": 0.1, "max": 6, "unit": "min"},
    }
    card = {
        "name": "hits of a tiring CD8 T cell", "version": "1.0.0", "authors": "Milieu", "license": "MIT",
        "intended_use": "scenarios/exhaustion: how often a CD8 T cell hits the tumor cell it touches",
        "data": f"none: taught by the law of killing.rules; PyTorch {torch.__version__}",
        "metrics": metrics,
    }

    # Golden rows: the corners of the ranges, then rows inside.
    corners = np.array(list(itertools.product(*zip(LOWEST, HIGHEST))), np.float32)
    x = np.vstack([corners, rows(88).numpy()])
    fed = {"a": x[:, :1], "e": x[:, 1:]}
    (hit,) = onnxruntime.InferenceSession(bare.SerializeToString()).run(None, fed)
    archive = io.BytesIO()
    np.savez(archive, **fed, hit=hit, atol=np.float32(1e-6), rtol=np.float32(1e-5))

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
