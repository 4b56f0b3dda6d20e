//! Makes `exhaustion.onnx` without PyTorch: a recurrent cell model of the same contract as that of
//! `export_exhaustion.py`.
//!
//! The recurrent weights are set by hand, for gates that count contact on eight scales of time are
//! easily written down. The heads are fitted to the law of `exhaustion.rules` on made-up lives of
//! T cells, by ridge regression behind hidden layers whose weights are drawn.

use std::array::from_fn;

use kernels::{
    portable,
    random::{Draws, Sequence},
};
use prost::Message;
use rules::neural::{
    make::seal,
    proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo},
};
use serde_json::json;

/// Min between two calls of the exhaustion model: the phenotype step.
const STEP: f64 = 6.0;

/// Steps of a life: 3 d.
const STEPS: usize = 720;

/// Numbers in the latent vector.
const LATENT: usize = 8;

/// What heads and score see: two features and the latent vector.
const WIDTH: usize = 2 + LATENT;

/// Members of the ensemble, and the hidden numbers of each.
const HEADS: usize = 5;
const HIDDEN: usize = 24;

/// Lives taught, and lives held out.
const LIVES: u64 = 256;
const HELD_OUT: u64 = 400;

/// Ridge of the regressions, and what is added to every variance, since features that move
/// together would make any rounding strange.
const RIDGE: f64 = 1e-3;

/// The law of `exhaustion.rules`: contact time (min), damage delivered → exhaustion.
pub fn exhaustion_law(touched: f64, delivered: f64) -> f64 {
    let odds = (touched / 1440.0) * (touched / 1440.0) + (delivered / 100.0) * (delivered / 100.0);
    odds / (1.0 + odds)
}

/// A step of a life: tumor cells touched, damage delivered, the state before, the law's answer.
struct Moment {
    signals: [f64; 2],
    state: [f64; LATENT],
    exhaustion: f64,
}

/// A T cell that searches, touches and hits. How long it does each, and how often it hits, differs
/// from cell to cell a hundredfold.
fn life(number: u64) -> Vec<Moment> {
    let mut draws = Sequence::new(
        Draws {
            seed: 1,
            purpose: 0,
        },
        number,
    );
    let mut spread = |lo: f64, hi: f64| lo * portable::pow(hi / lo, draws.uniform());
    let (search, contact, hits) = (
        spread(6.0, 1440.0),
        spread(12.0, 1440.0),
        spread(0.002, 0.2),
    );
    let (mut touching, mut touched, mut delivered) = (0.0, 0.0, 0.0);
    let mut state = [0.0; LATENT];
    let moment = |_| {
        let signals = [touching, delivered];
        let exhaustion = exhaustion_law(touched, delivered);
        let now = Moment {
            signals,
            state,
            exhaustion,
        };
        state = next(signals, state);
        if touching > 0.0 {
            touched += STEP;
            let brake = 1.0 + (exhaustion / 0.5) * (exhaustion / 0.5);
            delivered = f64::min(delivered + hits * STEP / brake, 400.0);
        }
        let mean = if touching > 0.0 { contact } else { search };
        if draws.uniform() < STEP / mean {
            touching = if touching > 0.0 {
                0.0
            } else {
                1.0 + (5.0 * draws.uniform()).floor()
            };
        }
        now
    };
    (0..STEPS).map(moment).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + portable::exp(-x))
}

fn tanh(x: f64) -> f64 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// Whether it touches, and the damage delivered, both in −1 … 1.
fn features([touched, delivered]: [f64; 2]) -> [f64; 2] {
    [
        2.0 * touched.clamp(0.0, 1.0) - 1.0,
        2.0 * delivered / (delivered + 100.0) - 1.0,
    ]
}

/// Bias and weight of the gate that keeps each component, by whether the cell touches. While it
/// does not, everything is kept but 6e-6 a step; while it does, all but one part in 10 to 720, so that
/// component i nears its greatest value with the minutes of contact, on a time scale of its own.
fn gates() -> [[f64; 2]; LATENT] {
    from_fn(|at| {
        let steps = 10.0 * portable::pow(72.0, at as f64 / (LATENT - 1) as f64);
        let (apart, touching) = (12.0, portable::ln(steps - 1.0));
        [0.5 * (touching + apart), 0.5 * (touching - apart)]
    })
}

/// What the candidate state of every component is the hyperbolic tangent of.
const CANDIDATE: f64 = 3.0;

/// A step of the recurrent unit.
fn next(signals: [f64; 2], state: [f64; LATENT]) -> [f64; LATENT] {
    let [touching, _] = features(signals);
    let gates = gates();
    from_fn(|at| {
        let keep = sigmoid(gates[at][0] + gates[at][1] * touching);
        keep * state[at] + (1.0 - keep) * tanh(CANDIDATE)
    })
}

fn joined(signals: [f64; 2], state: [f64; LATENT]) -> [f64; WIDTH] {
    let features = features(signals);
    from_fn(|at| if at < 2 { features[at] } else { state[at - 2] })
}

type Matrix = Vec<Vec<f64>>;

/// W, lower triangular, with W A Wᵀ = 1, for a symmetric positive definite A: the inverse of its
/// Cholesky root. Hence A⁻¹ = Wᵀ W.
fn inverse_root(a: &Matrix) -> Matrix {
    let n = a.len();
    let (mut root, mut inverse) = (vec![vec![0.0; n]; n], vec![vec![0.0; n]; n]);
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| root[i][k] * root[j][k]).sum::<f64>();
            root[i][j] = if i == j {
                rest.sqrt()
            } else {
                rest / root[j][j]
            };
        }
        for j in 0..=i {
            let known: f64 = (j..i).map(|k| root[i][k] * inverse[k][j]).sum();
            inverse[i][j] = (f64::from(u8::from(i == j)) - known) / root[i][i];
        }
    }
    inverse
}

/// One member: the weights and biases into its hidden layer, which are drawn, and those out of it, which
/// are fitted to lives drawn with replacement. What differs between members is what the lives do
/// not settle.
struct Head {
    into: [[f64; WIDTH + 1]; HIDDEN],
    out: Vec<f64>,
}

impl Head {
    fn new(number: u64, lives: &[Vec<Moment>]) -> Head {
        let mut draws = Sequence::new(
            Draws {
                seed: 1,
                purpose: 1,
            },
            number,
        );
        let into = from_fn(|_| from_fn(|_| 6.0 * draws.uniform() - 3.0));
        let mut head = Head {
            into,
            out: Vec::new(),
        };
        let mut normal = vec![vec![0.0; HIDDEN + 1]; HIDDEN + 1];
        let mut goals = vec![0.0; HIDDEN + 1];
        for at in 0..=HIDDEN {
            normal[at][at] = RIDGE;
        }
        for _ in lives {
            let life = &lives[(draws.uniform() * lives.len() as f64) as usize];
            for moment in life.iter().step_by(8) {
                let hidden = head.hidden(moment);
                // Errors of the logit weigh as they do after the sigmoid.
                let y = moment.exhaustion.clamp(0.002, 0.998);
                let weight = y * (1.0 - y) * y * (1.0 - y);
                for i in 0..=HIDDEN {
                    goals[i] += weight * hidden[i] * portable::ln(y / (1.0 - y));
                    for j in 0..=HIDDEN {
                        normal[i][j] += weight * hidden[i] * hidden[j];
                    }
                }
            }
        }
        let root = inverse_root(&normal);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let half: Vec<f64> = root.iter().map(|row| dot(row, &goals)).collect();
        head.out = (0..=HIDDEN)
            .map(|at| {
                root.iter()
                    .zip(&half)
                    .map(|(row, half)| row[at] * half)
                    .sum()
            })
            .collect();
        head
    }

    /// The hidden numbers, and a 1 for the bias.
    fn hidden(&self, moment: &Moment) -> [f64; HIDDEN + 1] {
        let row = joined(moment.signals, next(moment.signals, moment.state));
        from_fn(|unit| match self.into.get(unit) {
            Some(weights) => {
                tanh(weights[WIDTH] + (0..WIDTH).map(|at| weights[at] * row[at]).sum::<f64>())
            }
            None => 1.0,
        })
    }

    fn answer(&self, moment: &Moment) -> f64 {
        let hidden = self.hidden(moment);
        sigmoid(hidden.iter().zip(&self.out).map(|(a, b)| a * b).sum())
    }
}

/// Mean, and the matrix that makes rows uncorrelated and of variance 1, after it is subtracted.
fn whitening(rows: &[[f64; WIDTH]]) -> ([f64; WIDTH], Matrix) {
    let n = rows.len() as f64;
    let mean = from_fn(|at| rows.iter().map(|row| row[at]).sum::<f64>() / n);
    let mut covariance = vec![vec![0.0; WIDTH]; WIDTH];
    for i in 0..WIDTH {
        for j in 0..WIDTH {
            let sum: f64 = rows
                .iter()
                .map(|row| (row[i] - mean[i]) * (row[j] - mean[j]))
                .sum();
            covariance[i][j] = sum / n + if i == j { RIDGE } else { 0.0 };
        }
    }
    (mean, inverse_root(&covariance))
}

/// The model's file, as bytes.
pub fn exhaustion() -> Vec<u8> {
    let taught: Vec<Vec<Moment>> = (0..LIVES).map(life).collect();
    let held_out: Vec<Vec<Moment>> = (LIVES..LIVES + HELD_OUT).map(life).collect();
    let heads: Vec<Head> = (0..HEADS as u64)
        .map(|number| Head::new(number, &taught))
        .collect();
    let row = |moment: &Moment| joined(moment.signals, moment.state);
    let (mean, white) = whitening(&taught.iter().flatten().map(row).collect::<Vec<_>>());
    // One row of each life, for rows of one life are not independent.
    let mut draws = Sequence::new(
        Draws {
            seed: 1,
            purpose: 2,
        },
        0,
    );
    let sample: Vec<&Moment> = held_out
        .iter()
        .map(|life| &life[(draws.uniform() * STEPS as f64) as usize])
        .collect();
    let strangeness = |moment: &&Moment| -> f64 {
        let row = row(moment);
        let along = |axis: &Vec<f64>| (0..WIDTH).map(|at| axis[at] * (row[at] - mean[at])).sum();
        white
            .iter()
            .map(along)
            .map(|along: f64| along * along)
            .sum()
    };
    let mut calibration: Vec<f64> = sample.iter().map(strangeness).collect();
    calibration.sort_by(f64::total_cmp);
    let calibration: Vec<f64> = calibration
        .iter()
        .map(|it| (it * 1e3).round() / 1e3)
        .collect();
    let error = |moment: &Moment| {
        let sum: f64 = heads.iter().map(|head| head.answer(moment)).sum();
        (sum / HEADS as f64 - moment.exhaustion).abs()
    };
    let errors: Vec<f64> = held_out.iter().flatten().map(error).collect();
    let squares: f64 = errors.iter().map(|error| error * error).sum();

    let space = format!("cd8-exhaustion-v1/{LATENT}");
    let spec = json!({
        "form": "cell",
        "acts_on": "CD8 T cell",
        "inputs": [
            {"tensor": "x", "col": 0, "name": "contact with live tumor", "unit": "1", "lo": 0, "hi": 8},
            {"tensor": "x", "col": 1, "name": "damage delivered", "unit": "1", "lo": 0, "hi": 400},
        ],
        "outputs": [
            {"tensor": "exhaustion", "name": "custom:exhaustion", "kind": "parameter", "unit": "1",
             "uncertainty": {"ens": "exhaustion", "k": HEADS, "spread_max": 0.2}},
            {"tensor": "latent_next", "kind": "latent_next", "space": space},
        ],
        "latents": [{"space": space, "tensor": "z", "lo": -1, "hi": 1}],
        "dt": {"trained": STEP, "min": STEP, "max": STEP, "unit": "min"},
        "ood": {
            "margin": 0.05,
            "score": {"tensor": "strangeness", "calibration": calibration, "alpha": 0.01},
        },
    });
    let card = json!({
        "name": "exhaustion of a CD8 T cell",
        "version": "1.0.0",
        "authors": "Milieu",
        "license": "MIT",
        "intended_use": "scenarios/exhaustion: how exhausted a CD8 T cell is",
        "data": format!(
            "none: fitted to the law of exhaustion.rules on {LIVES} made-up lives by make_exhaustion.rs; \
             the recurrent weights are set by hand"
        ),
        "splits": format!("scored on {HELD_OUT} further lives"),
        "metrics": {
            "root mean square error": (squares / errors.len() as f64).sqrt(),
            "greatest error": errors.iter().fold(0.0, |most: f64, error| most.max(*error)),
        },
        "known_failures": "lives longer than 3 d; contact with several tumor cells counts as with one",
    });
    let mut model = Model {
        ir_version: Some(10),
        producer_name: Some("milieu".to_owned()),
        graph: Some(graph(&heads, mean, &white)),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(18),
        }],
        ..Model::default()
    };
    model.set_metadata("milieu.contract", "1".to_owned());
    model.set_metadata("milieu.spec", spec.to_string());
    model.set_metadata("milieu.card", card.to_string());
    // Corners of the ranges for a cell that has just entered, then moments of lives.
    let corner = |at: usize| [8.0 * (at & 1) as f64, 400.0 * (at >> 1) as f64];
    let corners = (0..4).map(|at| (corner(at), [0.0; LATENT]));
    let golden = corners.chain(sample.iter().take(92).map(|it| (it.signals, it.state)));
    let golden: Vec<Vec<f32>> = golden
        .map(|(signals, state)| signals.iter().chain(&state).map(|&it| it as f32).collect())
        .collect();
    seal(&mut model, &golden).expect("graph and spec fit");
    model.encode_to_vec()
}

/// The graph: what [`features`], [`next`], [`Head::answer`] and the strangeness say, in `f32`.
fn graph(heads: &[Head], mean: [f64; WIDTH], white: &Matrix) -> Graph {
    let mut graph = Graph {
        name: Some("exhaustion".to_owned()),
        input: vec![
            ValueInfo::floats("x", &[None, Some(2)], "n_cells"),
            ValueInfo::floats("z", &[None, Some(LATENT)], "n_cells"),
        ],
        output: vec![
            ValueInfo::floats("exhaustion", &[None, Some(HEADS)], "n_cells"),
            ValueInfo::floats("latent_next", &[None, Some(LATENT)], "n_cells"),
            ValueInfo::floats("strangeness", &[None, Some(1)], "n_cells"),
        ],
        ..Graph::default()
    };
    let mut constant = |name: &str, dims: &[usize], value: &dyn Fn(usize, usize) -> f64| {
        let columns = dims.last().copied().unwrap_or(1);
        let count: usize = dims.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|at| value(at / columns, at % columns) as f32)
            .collect();
        graph.initializer.push(Tensor::floats(name, dims, &values));
    };
    let gates = gates();
    let block = |at: usize| (at / LATENT, at % LATENT); // reset, keep, candidate
    constant("zero", &[], &|_, _| 0.0);
    constant("one", &[], &|_, _| 1.0);
    constant("two", &[], &|_, _| 2.0);
    constant("half_effect", &[], &|_, _| 100.0);
    constant(
        "weight_ih",
        &[2, 3 * LATENT],
        &|from, to| match (from, block(to)) {
            (0, (1, at)) => gates[at][1],
            _ => 0.0,
        },
    );
    constant("bias_ih", &[3 * LATENT], &|_, to| match block(to) {
        (1, at) => gates[at][0],
        (2, _) => CANDIDATE,
        _ => 0.0,
    });
    constant("weight_hh", &[LATENT, 3 * LATENT], &|_, _| 0.0);
    constant("bias_hh", &[3 * LATENT], &|_, _| 0.0);
    let unit = |at: usize| &heads[at / HIDDEN].into[at % HIDDEN];
    constant("into", &[WIDTH, HEADS * HIDDEN], &|from, to| unit(to)[from]);
    constant("into_bias", &[HEADS * HIDDEN], &|_, to| unit(to)[WIDTH]);
    constant("out", &[HEADS * HIDDEN, HEADS], &|from, to| {
        if from / HIDDEN == to {
            heads[to].out[from % HIDDEN]
        } else {
            0.0
        }
    });
    constant("out_bias", &[HEADS], &|_, to| heads[to].out[HIDDEN]);
    constant("mean", &[1, WIDTH], &|_, to| mean[to]);
    constant("whiten", &[WIDTH, WIDTH], &|from, to| white[to][from]);
    constant("ones", &[WIDTH, 1], &|_, _| 1.0);
    for (name, values) in [("first", [0, 1]), ("second", [1, 2])] {
        for (end, value) in ["begin", "end"].iter().zip(values) {
            graph
                .initializer
                .push(Tensor::ints(&format!("{name}_{end}"), &[value]));
        }
    }
    graph.initializer.push(Tensor::ints("columns", &[1]));

    let split = |of: &str, into: [&str; 3]| {
        let mut node = Node::new("Split", &[of], into[0])
            .with("axis", 1)
            .with("num_outputs", 3);
        node.output = into.map(str::to_owned).to_vec();
        node
    };
    graph.node = vec![
        Node::new(
            "Slice",
            &["x", "first_begin", "first_end", "columns"],
            "contact",
        ),
        Node::new("Clip", &["contact", "zero", "one"], "touching"),
        Node::new(
            "Slice",
            &["x", "second_begin", "second_end", "columns"],
            "delivered",
        ),
        Node::new("Add", &["delivered", "half_effect"], "offset"),
        Node::new("Div", &["delivered", "offset"], "effect"),
        Node::new("Concat", &["touching", "effect"], "parts").with("axis", 1),
        Node::new("Mul", &["parts", "two"], "doubled"),
        Node::new("Sub", &["doubled", "one"], "features"),
        // The recurrent unit.
        Node::new("Gemm", &["features", "weight_ih", "bias_ih"], "of_features"),
        split("of_features", ["reset_x", "keep_x", "new_x"]),
        Node::new("Gemm", &["z", "weight_hh", "bias_hh"], "of_state"),
        split("of_state", ["reset_z", "keep_z", "new_z"]),
        Node::new("Add", &["reset_x", "reset_z"], "reset_sum"),
        Node::new("Sigmoid", &["reset_sum"], "reset"),
        Node::new("Add", &["keep_x", "keep_z"], "keep_sum"),
        Node::new("Sigmoid", &["keep_sum"], "keep"),
        Node::new("Mul", &["reset", "new_z"], "recalled"),
        Node::new("Add", &["new_x", "recalled"], "new_sum"),
        Node::new("Tanh", &["new_sum"], "new"),
        Node::new("Sub", &["z", "new"], "gone"),
        Node::new("Mul", &["keep", "gone"], "kept"),
        Node::new("Add", &["kept", "new"], "latent_next"),
        // The members, side by side.
        Node::new("Concat", &["features", "latent_next"], "seen").with("axis", 1),
        Node::new("Gemm", &["seen", "into", "into_bias"], "hidden_sum"),
        Node::new("Tanh", &["hidden_sum"], "hidden"),
        Node::new("Gemm", &["hidden", "out", "out_bias"], "logit"),
        Node::new("Sigmoid", &["logit"], "exhaustion"),
        // The distance from what is usual. A product with ones, not a sum: the same bits in any batch.
        Node::new("Concat", &["features", "z"], "row").with("axis", 1),
        Node::new("Sub", &["row", "mean"], "centered"),
        Node::new("MatMul", &["centered", "whiten"], "white"),
        Node::new("Mul", &["white", "white"], "squares"),
        Node::new("MatMul", &["squares", "ones"], "strangeness"),
    ];
    graph
}
