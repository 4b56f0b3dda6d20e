"""Rates of competing events from recorded rows, with PyTorch: the network, its likelihood, the fit.

Not run by itself: train_killing.py, train_fates.py and relabel.py use it.
"""

import copy

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

SEED = 1


class Hazards(nn.Module):
    """Rates, 1/min, of K events of a row: constant ones times the exponential of a network."""

    def __init__(self, train, width=24):
        super().__init__()
        inputs, happened, exposure, weight = train.tensors()
        # s/(s + typical) spreads small signals and holds large ones; and is bitwise in any batch.
        typical = inputs.mean(0, keepdim=True).clamp(min=1e-3)
        features = inputs / (inputs + typical)
        self.register_buffer("typical", typical)
        self.register_buffer("mean", features.mean(0, keepdim=True))
        self.register_buffer("deviation", features.std(0, keepdim=True).clamp(min=1e-3))
        self.register_buffer("constant", constant_rates(happened, exposure, weight))
        self.network = nn.Sequential(
            nn.Linear(inputs.shape[1], width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, happened.shape[1]),
        )

    def forward(self, inputs):
        features = (inputs / (inputs + self.typical) - self.mean) / self.deviation
        return self.constant * torch.exp(self.network(features))


def constant_rates(happened, exposure, weight):
    """Events over the time in which they could have happened: the rates of whoever sees nothing."""
    return (weight[:, None] * happened).sum(0, keepdim=True) / (weight * exposure).sum()


def loss(rates, happened, exposure, weight):
    """−log likelihood, nats a row: exp(−ΛΔt) without an event, λₖ/Λ · (1 − exp(−ΛΔt)) with the kth."""
    rates = rates.clamp(min=1e-12)
    total = rates.sum(1)
    of_events = (rates / total[:, None]).log() + torch.log(-torch.expm1(-total * exposure))[:, None]
    of_none = -total * exposure * (1 - happened.sum(1))
    return -(weight * ((happened * of_events).sum(1) + of_none)).sum() / len(rates)


def fit(model, train, validation, epochs=400, patience=20, batch=1024):
    """Adam with early stopping: the weights of the epoch that was best on the validation runs."""
    torch.manual_seed(SEED)
    some = BatchSampler(RandomSampler(train), batch, drop_last=False)
    batches = DataLoader(train, batch_size=None, sampler=some)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    inputs, *followed = validation.tensors()
    best, since, kept = float("inf"), 0, None
    for epoch in range(epochs):
        for rows in batches:         # tensors: the loader converts arrays
            optimizer.zero_grad()
            loss(model(rows[0]), *rows[1:]).backward()
            optimizer.step()
        with torch.no_grad():
            now = loss(model(inputs), *followed).item()
        since += 1
        if now < best:
            best, since, kept = now, 0, copy.deepcopy(model.state_dict())
        if since == patience:
            break
    print(f"{epoch + 1} epochs, validation {best:.6f} nats a row", flush=True)
    model.load_state_dict(kept)
    return model.eval()


def rates(model, rows):
    """What a model says of rows, as an array."""
    with torch.no_grad():
        return model(torch.from_numpy(rows.inputs)).numpy()


def export(model, examples, names, file):
    """Writes a plain ONNX graph: all in one file, any number of rows, an opset of the contract."""
    torch.onnx.export(
        model, tuple(torch.zeros(4, width) for width in examples.values()), file, dynamo=True,
        input_names=list(examples), output_names=names, opset_version=18, external_data=False,
        dynamic_shapes=tuple({0: "n_rows"} for _ in examples), verbose=False,
    )
