"""train_killing.py without PyTorch: a network in numpy, fitted by scipy. Seconds, and small to install.

    pip install numpy scipy onnx pyarrow
    python train_light.py killing.onnx rows ... [--times 1.3]

Rows are recorded as for train_killing.py. `--times` writes a second model beside the first, whose
rate is so many times the learned one: what `milieu compare` has to catch.
"""

import numpy as np
import onnx
import scipy
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize

from contract import attach
from killing import CAUSES, INPUTS, PLACES, SITE, command_line, copies, parts, spec
from rows import log_likelihood, manifests, scores

SEED = 1
WIDTHS = [len(INPUTS), 12, 12, len(CAUSES)]
ITERATIONS = 300
PATIENCE = 30                        # iterations without a better validation


class Network:
    """Rates = constant · exp(layers of tanh); parameters are one vector, as scipy wants them."""

    def __init__(self, train):
        inputs = np.float64(train.inputs)
        # s/(s + typical) spreads small signals and holds large ones; and is bitwise in any batch.
        self.typical = np.maximum(inputs.mean(0, keepdims=True), 1e-3)
        features = inputs / (inputs + self.typical)
        self.mean = features.mean(0, keepdims=True)
        self.deviation = np.maximum(features.std(0, keepdims=True), 1e-3)
        events = train.weight @ train.happened
        self.constant = (events / (train.weight @ train.exposure)).reshape(1, -1)
        draw = np.random.default_rng(SEED)
        shapes = [(above, below) for above, below in zip(WIDTHS, WIDTHS[1:])]
        layers = [[draw.normal(0, above**-0.5, above * below), np.zeros(below)] for above, below in shapes]
        self.parameters = np.concatenate(sum(layers, []))

    def layers(self, parameters):
        at, layers = 0, []
        for above, below in zip(WIDTHS, WIDTHS[1:]):
            weights = parameters[at : at + above * below].reshape(above, below)
            at += above * below
            layers.append((weights, parameters[at : at + below].reshape(1, below)))
            at += below
        return layers

    def features(self, inputs):
        return (inputs / (inputs + self.typical) - self.mean) / self.deviation

    def rates(self, inputs, parameters=None):
        layers = self.layers(self.parameters if parameters is None else parameters)
        values = self.features(np.float64(inputs))
        for weights, bias in layers[:-1]:
            values = np.tanh(values @ weights + bias)
        return self.constant * np.exp(values @ layers[-1][0] + layers[-1][1])

    def loss(self, parameters, features, happened, exposure, weight):
        """−log likelihood, nats a row, of one cause: hits with 1 − exp(−λΔt); and its gradient."""
        layers, values = self.layers(parameters), [features]
        for weights, bias in layers[:-1]:
            values.append(np.tanh(values[-1] @ weights + bias))
        expected = self.constant * np.exp(values[-1] @ layers[-1][0] + layers[-1][1]) * exposure
        expected = np.maximum(expected, 1e-12)
        scale = 1 / len(features)
        log_chance = np.log(-np.expm1(-expected))
        loss = -scale * np.sum(weight * (happened * log_chance - (1 - happened) * expected))
        # d/dz with λ = constant · exp(z), then back through the layers.
        slope = -scale * weight * (happened * expected / np.expm1(expected) - (1 - happened) * expected)
        gradient = []
        for value, (weights, _) in zip(reversed(values), reversed(layers)):
            gradient += [slope.sum(0), (value.T @ slope).ravel()]
            slope = (slope @ weights.T) * (1 - value**2)
        return loss, np.concatenate(gradient[::-1])

    def fit(self, train, validation):
        """L-BFGS with early stopping: the parameters that were best on the validation runs."""
        followed = (train.happened, train.exposure, train.weight)
        followed = [np.float64(values).reshape(len(train), -1) for values in followed]
        fed = self.features(np.float64(train.inputs)), *followed
        best, since, kept = -np.inf, 0, self.parameters

        def look(intermediate_result):
            nonlocal best, since, kept
            rates = self.rates(validation.inputs, intermediate_result.x)
            now = log_likelihood(rates, *validation[:][1:])
            since += 1
            if now > best:
                best, since, kept = now, 0, intermediate_result.x.copy()
            if since == PATIENCE:
                raise StopIteration

        done = minimize(
            self.loss, self.parameters, fed, "L-BFGS-B", jac=True, callback=look,
            options={"maxiter": ITERATIONS, "maxcor": 30},
        )
        self.parameters = kept
        print(f"{done.nit} iterations, validation {-best / len(validation):.6f} nats a row", flush=True)

    def graph(self, times=1):
        """The network as a plain ONNX graph with inputs a, b, e and the output hit."""
        layers = self.layers(self.parameters)
        constants = {
            "typical": self.typical, "mean": self.mean, "deviation": self.deviation,
            "constant": times * self.constant,
        }
        nodes = [
            helper.make_node("Concat", ["a", "b", "e"], ["s"], axis=1),
            helper.make_node("Add", ["s", "typical"], ["s_typical"]),
            helper.make_node("Div", ["s", "s_typical"], ["saturated"]),
            helper.make_node("Sub", ["saturated", "mean"], ["centered"]),
            helper.make_node("Div", ["centered", "deviation"], ["h0"]),
        ]
        for number, (weights, bias) in enumerate(layers):
            constants |= {f"w{number}": weights, f"b{number}": bias}
            into, link = [f"h{number}", f"w{number}", f"b{number}"], "Tanh" if layers[number + 1 :] else "Exp"
            nodes.append(helper.make_node("Gemm", into, [f"z{number}"]))
            nodes.append(helper.make_node(link, [f"z{number}"], [f"h{number + 1}"]))
        nodes.append(helper.make_node("Mul", [f"h{len(layers)}", "constant"], ["hit"]))
        weights = [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()]
        *inputs, output = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n_pairs", 1])
            for name in ["a", "b", "e", "hit"]
        ]
        graph = helper.make_graph(nodes, "killing", inputs, [output], weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def main(file, folders, times):
    train, validation, held_out, test = parts(folders)
    print(f"{len(train)} rows of training, {train.happened.sum():.0f} hits", flush=True)
    network = Network(train)
    network.fit(train, validation)
    clock = manifests(folders)[0][1]["sites"][SITE]["clock_min"]
    for file, factor in copies(file, times).items():
        metrics = scores(test, factor * network.rates(test.inputs), network.constant)
        print(f"log likelihood per hit of test runs: {metrics}", flush=True)
        bare = file.with_suffix(".bare.onnx")
        onnx.save(network.graph(factor), bare)
        order = spec(clock, metrics, f"numpy {np.__version__}, scipy {scipy.__version__}", factor)
        attach(bare, file, order, PLACES, train, held_out, factor * network.rates(held_out.inputs))


if __name__ == "__main__":
    main(*command_line(__doc__))
