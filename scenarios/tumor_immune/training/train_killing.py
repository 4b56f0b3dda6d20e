"""How often a T cell hits the tumor cell it touches, learned from recorded hits: rows to killing.onnx.

    pip install torch onnx onnxscript pyarrow numpy
    milieu record scenarios/tumor_immune_small --rule killing --runs 10 --keep 0.2 --out rows \\
        --vary 'cell_types."CD8 T cell".custom.PD-1=1|0.5|0.1'
    python train_killing.py killing.onnx rows ... [--times 1.3]

The model sees which rows ended in a hit, and not the rate that the recorded rule said; that rate is
only the yardstick: nobody predicts the hits of the test runs better than the law they were drawn by.
`--times` writes a second model beside the first, whose rate is so many times the learned one: what
`milieu compare` has to catch.
"""

import torch
from torch import nn

import hazards
from contract import attach
from killing import PLACES, SITE, command_line, copies, parts, spec
from rows import manifests, scores


class Killing(nn.Module):
    """The hazard with its inputs as the contract hands them over."""

    def __init__(self, train):
        super().__init__()
        self.hazards = hazards.Hazards(train)

    def forward(self, a, b, e):
        return self.hazards(torch.cat([a, b, e], dim=1))


def teach(folders, file, times=1):
    """Rows to a model file, and one more with the rate so many times; the trained hazards."""
    train, validation, held_out, test = parts(folders)
    print(f"{len(train)} rows of training, {train.happened.sum():.0f} hits", flush=True)
    torch.manual_seed(hazards.SEED)
    torch.set_num_threads(1)             # the same weights on every run
    killing = Killing(train)
    model = hazards.fit(killing.hazards, train, validation)
    constant = model.constant.clone()
    clock = manifests(folders)[0][1]["sites"][SITE]["clock_min"]
    for file, factor in copies(file, times).items():
        model.constant.copy_(factor * constant)
        metrics = scores(test, hazards.rates(model, test), constant.numpy())
        print(f"log likelihood per hit of test runs: {metrics}", flush=True)
        bare = file.with_suffix(".bare.onnx")
        hazards.export(killing.eval(), {"a": 1, "b": 1, "e": 1}, ["hit"], bare)
        order = spec(clock, metrics, f"PyTorch {torch.__version__}", factor)
        attach(bare, file, order, PLACES, train, held_out, hazards.rates(model, held_out))
    return model


if __name__ == "__main__":
    file, folders, times = command_line(__doc__)
    teach(folders, file, times)
