//! Multilayer perceptrons: forward, and training that gives the same weights on every machine.
//!
//! Sums run in a fixed order on one thread, and `exp` and `tanh` come from `libm`, so the bits do
//! not depend on the platform's library or the number of cores.
//! Training: Adam (Kingma and Ba 2015, arXiv:1412.6980) with a cosine decay of the step.

/// What a hidden layer does to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(0, z).
    Relu,
    /// tanh z.
    Tanh,
}

/// What the last layer does to its sum, before the gain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Nothing.
    Identity,
    /// exp z: positive, for rates; the same bits in any batch.
    Exp,
    /// 1/(1 + exp −z): between 0 and 1, for probabilities and bounded rates.
    Sigmoid,
}

/// Weights of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Numbers in.
    pub inputs: usize,
    /// Numbers out.
    pub outputs: usize,
    /// `[input][output]`, flat.
    pub weights: Vec<f32>,
    /// `[output]`.
    pub bias: Vec<f32>,
}

/// `gain · link(W_n … act(W_1 hold((x − shift) · scale) + b_1) … + b_n)`, where `hold` keeps each
/// number within −1 to 1: outside the ranges it was made for, the network answers as at their edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    /// Subtracted from each input.
    pub shift: Vec<f32>,
    /// Multiplied after that.
    pub scale: Vec<f32>,
    /// At least one.
    pub layers: Vec<Layer>,
    /// Of every layer but the last.
    pub activation: Activation,
    /// Of each output.
    pub links: Vec<Link>,
    /// Multiplied with each output at the end.
    pub gain: Vec<f32>,
}

/// How closely a network follows its teacher, on rows it was not trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// Rows of the comparison.
    pub rows: usize,
    /// Mean over rows and outputs of |network − teacher| / max(|teacher|, [`FLOOR`] · greatest |teacher|).
    pub mean_relative_error: f64,
    /// The greatest of the same.
    pub max_relative_error: f64,
    /// Greatest |network − teacher|.
    pub max_absolute_error: f64,
}

/// Teachers below this part of their greatest value count as that much in relative errors.
pub const FLOOR: f64 = 0.01;

/// Rows trained on.
const TRAINING: usize = 8192;

/// Rows of one step of the optimizer.
const STEP: usize = 128;

/// Rows of the comparison at the end.
const HELD_OUT: usize = 4096;

/// A number in [0, 1) that is a function of its place alone (SplitMix64, Steele et al. 2014,
/// doi:10.1145/2660193.2660195).
pub fn uniform(seed: u64, place: u64) -> f64 {
    let mut z = seed
        .wrapping_mul(0xD1B5_4A32_D192_ED03)
        .wrapping_add(place.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

impl Mlp {
    /// An untrained network for inputs within `ranges`: widths are the hidden layers'.
    pub fn new(
        ranges: &[(f64, f64)],
        hidden: &[usize],
        activation: Activation,
        links: &[Link],
        seed: u64,
    ) -> Mlp {
        let widths: Vec<usize> = [ranges.len()]
            .iter()
            .chain(hidden)
            .copied()
            .chain([links.len()])
            .collect();
        let layer = |(at, pair): (usize, &[usize])| {
            let (inputs, outputs) = (pair[0], pair[1]);
            // Glorot's bound, Glorot and Bengio 2010.
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            let weight = |place: usize| {
                let place = ((at as u64) << 32) | place as u64;
                (bound * (2.0 * uniform(seed, place) - 1.0)) as f32
            };
            Layer {
                inputs,
                outputs,
                weights: (0..inputs * outputs).map(weight).collect(),
                bias: vec![0.0; outputs],
            }
        };
        let middle = |&(lo, hi): &(f64, f64)| (0.5 * (lo + hi)) as f32;
        let slope = |&(lo, hi): &(f64, f64)| {
            if hi > lo {
                (2.0 / (hi - lo)) as f32
            } else {
                1.0
            }
        };
        Mlp {
            shift: ranges.iter().map(middle).collect(),
            scale: ranges.iter().map(slope).collect(),
            layers: widths.windows(2).enumerate().map(layer).collect(),
            activation,
            links: links.to_vec(),
            gain: vec![1.0; links.len()],
        }
    }

    /// The outputs for one row.
    ///
    /// # Panics
    /// If `x` is not as long as there are inputs.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut values = self.normal(x);
        for (at, layer) in self.layers.iter().enumerate() {
            values = layer.sums(&values);
            if at + 1 < self.layers.len() {
                for value in &mut values {
                    *value = self.activation.of(*value);
                }
            }
        }
        let outputs = values.iter().zip(&self.links).zip(&self.gain);
        outputs
            .map(|((&z, link), gain)| gain * link.of(z))
            .collect()
    }

    fn normal(&self, x: &[f32]) -> Vec<f32> {
        assert_eq!(x.len(), self.shift.len(), "one number an input");
        let columns = x.iter().zip(&self.shift).zip(&self.scale);
        columns
            .map(|((x, shift), scale)| ((x - shift) * scale).clamp(-1.0, 1.0))
            .collect()
    }
}

impl Layer {
    fn sums(&self, x: &[f32]) -> Vec<f32> {
        let mut sums = self.bias.clone();
        for (x, weights) in x.iter().zip(self.weights.chunks_exact(self.outputs)) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight;
            }
        }
        sums
    }
}

impl Activation {
    fn of(self, z: f32) -> f32 {
        match self {
            Activation::Relu => z.max(0.0),
            Activation::Tanh => libm::tanhf(z),
        }
    }

    /// The slope, from the value.
    fn slope(self, value: f32) -> f32 {
        match self {
            Activation::Relu => f32::from(u8::from(value > 0.0)),
            Activation::Tanh => 1.0 - value * value,
        }
    }
}

impl Link {
    fn of(self, z: f32) -> f32 {
        match self {
            Link::Identity => z,
            Link::Exp => libm::expf(z),
            Link::Sigmoid => 1.0 / (1.0 + libm::expf(-z)),
        }
    }

    /// The slope, from the value.
    fn slope(self, value: f32) -> f32 {
        match self {
            Link::Identity => 1.0,
            Link::Exp => value,
            Link::Sigmoid => value * (1.0 - value),
        }
    }
}

/// Teaches a network a function over a box: `epochs` times through the same rows in the same
/// order. Outputs that are never negative get the link [`Link::Exp`] and are fitted by relative
/// error (its logarithm), others stay linear and are fitted by absolute error.
pub fn distill(
    teacher: impl Fn(&[f64]) -> Vec<f64>,
    ranges: &[(f64, f64)],
    hidden: &[usize],
    epochs: usize,
    seed: u64,
) -> (Mlp, FitReport) {
    let rows = rows(ranges, TRAINING, seed);
    let wanted: Vec<Vec<f64>> = rows.iter().map(|row| teacher(row)).collect();
    let outputs = wanted.first().map_or(0, Vec::len);
    let column = |at: usize| wanted.iter().map(move |row| row[at]);
    let links: Vec<Link> = (0..outputs)
        .map(|at| {
            if column(at).all(|y| y >= 0.0) {
                Link::Exp
            } else {
                Link::Identity
            }
        })
        .collect();
    let greatest: Vec<f64> = (0..outputs)
        .map(|at| column(at).fold(f64::MIN_POSITIVE, |most, y| most.max(y.abs())))
        .collect();
    let mut mlp = Mlp::new(ranges, hidden, Activation::Tanh, &links, seed);
    mlp.gain = greatest.iter().map(|&most| most as f32).collect();

    let inputs: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| mlp.normal(&row.iter().map(|&x| x as f32).collect::<Vec<_>>()))
        .collect();
    let part = |(y, most): (&f64, &f64)| (y / most) as f32;
    let goals: Vec<Vec<f32>> = wanted
        .iter()
        .map(|row| row.iter().zip(&greatest).map(part).collect())
        .collect();
    train(&mut mlp, &inputs, &goals, epochs);
    let report = compare(&mlp, &teacher, ranges, &greatest, seed);
    (mlp, report)
}

/// The slope of half the squared error, both numbers as parts of the gain. What is never negative
/// is compared by its logarithm, softened at [`FLOOR`], so that small rates count as much as large.
fn pull(link: Link, value: f32, goal: f32) -> f32 {
    match link {
        Link::Identity => value - goal,
        Link::Exp | Link::Sigmoid => {
            let soft = FLOOR as f32;
            libm::logf((value + soft) / (goal + soft)) / (value + soft)
        }
    }
}

/// Rows that fill the box evenly, each coordinate of one in eight set on one of its edges.
fn rows(ranges: &[(f64, f64)], count: usize, seed: u64) -> Vec<Vec<f64>> {
    let width = ranges.len() as u64;
    let row = |row: u64| {
        let coordinate = |(column, (lo, hi)): (usize, &(f64, f64))| {
            let place = (row * width + column as u64) * 2;
            let part = match uniform(seed ^ 0xED6E, place) {
                edge if edge < 0.0625 => 0.0,
                edge if edge < 0.125 => 1.0,
                _ => uniform(seed ^ 0x0B0C, place + 1),
            };
            lo + (hi - lo) * part
        };
        ranges.iter().enumerate().map(coordinate).collect()
    };
    (0..count as u64).map(row).collect()
}

fn compare(
    mlp: &Mlp,
    teacher: &impl Fn(&[f64]) -> Vec<f64>,
    ranges: &[(f64, f64)],
    greatest: &[f64],
    seed: u64,
) -> FitReport {
    let (mut sum, mut relative, mut absolute, mut count) = (0.0, 0.0f64, 0.0f64, 0.0);
    for row in rows(ranges, HELD_OUT, seed ^ 0x7E57) {
        let made = mlp.forward(&row.iter().map(|&x| x as f32).collect::<Vec<_>>());
        for ((made, wanted), most) in made.iter().zip(teacher(&row)).zip(greatest) {
            let error = (f64::from(*made) - wanted).abs();
            let part = error / wanted.abs().max(FLOOR * most);
            sum += part;
            count += 1.0;
            relative = relative.max(part);
            absolute = absolute.max(error);
        }
    }
    FitReport {
        rows: HELD_OUT,
        mean_relative_error: sum / count,
        max_relative_error: relative,
        max_absolute_error: absolute,
    }
}

/// First and second moments of one column of parameters.
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    fn of(length: usize) -> Moments {
        Moments {
            first: vec![0.0; length],
            second: vec![0.0; length],
        }
    }

    /// One step of Adam; `rate` holds the correction of the moments' start at zero.
    fn step(&mut self, parameters: &mut [f32], gradient: &[f32], rate: f32) {
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            parameters.iter_mut().zip(gradient).zip(moments)
        {
            *first = 0.9 * *first + 0.1 * gradient;
            *second = 0.999 * *second + 0.001 * gradient * gradient;
            *parameter -= rate * *first / (second.sqrt() + 1e-8);
        }
    }
}

fn train(mlp: &mut Mlp, inputs: &[Vec<f32>], goals: &[Vec<f32>], epochs: usize) {
    let zeros = |layer: &Layer| {
        (
            vec![0.0f32; layer.weights.len()],
            vec![0.0f32; layer.outputs],
        )
    };
    let mut gradients: Vec<(Vec<f32>, Vec<f32>)> = mlp.layers.iter().map(zeros).collect();
    let mut moments: Vec<(Moments, Moments)> = mlp
        .layers
        .iter()
        .map(|layer| (Moments::of(layer.weights.len()), Moments::of(layer.outputs)))
        .collect();
    let steps = epochs * inputs.len().div_ceil(STEP);
    let mut step = 0;
    for _ in 0..epochs {
        for (inputs, goals) in inputs.chunks(STEP).zip(goals.chunks(STEP)) {
            for (weights, bias) in &mut gradients {
                weights.fill(0.0);
                bias.fill(0.0);
            }
            let transposed: Vec<Vec<f32>> = mlp.layers.iter().map(transposed).collect();
            for (input, goal) in inputs.iter().zip(goals) {
                backward(mlp, &transposed, input, goal, inputs.len(), &mut gradients);
            }
            step += 1;
            let cosine = libm::cos(std::f64::consts::PI * step as f64 / steps as f64);
            let start =
                (1.0 - libm::pow(0.999, step as f64)).sqrt() / (1.0 - libm::pow(0.9, step as f64));
            let rate = (5e-3 * (0.5 * (1.0 + cosine)).max(1e-3) * start) as f32;
            for ((layer, (weights, bias)), moments) in
                mlp.layers.iter_mut().zip(&gradients).zip(&mut moments)
            {
                moments.0.step(&mut layer.weights, weights, rate);
                moments.1.step(&mut layer.bias, bias, rate);
            }
        }
    }
}

/// The weights as [output][input], so that both passes add along rows.
fn transposed(layer: &Layer) -> Vec<f32> {
    let mut turned = vec![0.0; layer.weights.len()];
    for input in 0..layer.inputs {
        for output in 0..layer.outputs {
            turned[output * layer.inputs + input] = layer.weights[input * layer.outputs + output];
        }
    }
    turned
}

fn backward(
    mlp: &Mlp,
    transposed: &[Vec<f32>],
    input: &[f32],
    goal: &[f32],
    rows: usize,
    gradients: &mut [(Vec<f32>, Vec<f32>)],
) {
    let mut values: Vec<Vec<f32>> = Vec::with_capacity(mlp.layers.len() + 1);
    values.push(input.to_vec());
    for (at, layer) in mlp.layers.iter().enumerate() {
        let mut sums = layer.sums(&values[at]);
        if at + 1 < mlp.layers.len() {
            for sum in &mut sums {
                *sum = mlp.activation.of(*sum);
            }
        }
        values.push(sums);
    }
    let last = values.last().expect("the input at least");
    let mut slopes: Vec<f32> = last
        .iter()
        .zip(&mlp.links)
        .zip(goal)
        .map(|((&z, &link), &goal)| {
            let value = link.of(z);
            pull(link, value, goal) * link.slope(value) / rows as f32
        })
        .collect();
    for at in (0..mlp.layers.len()).rev() {
        let layer = &mlp.layers[at];
        let (weights, bias) = &mut gradients[at];
        for (sum, slope) in bias.iter_mut().zip(&slopes) {
            *sum += slope;
        }
        for (x, sums) in values[at]
            .iter()
            .zip(weights.chunks_exact_mut(layer.outputs))
        {
            for (sum, slope) in sums.iter_mut().zip(&slopes) {
                *sum += x * slope;
            }
        }
        if at == 0 {
            break;
        }
        let mut below = vec![0.0f32; layer.inputs];
        for (slope, weights) in slopes.iter().zip(transposed[at].chunks_exact(layer.inputs)) {
            for (sum, weight) in below.iter_mut().zip(weights) {
                *sum += slope * weight;
            }
        }
        for (slope, &value) in below.iter_mut().zip(&values[at]) {
            *slope *= mlp.activation.slope(value);
        }
        slopes = below;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_follows_the_formula() {
        let mlp = Mlp {
            shift: vec![1.0],
            scale: vec![2.0],
            layers: vec![
                Layer {
                    inputs: 1,
                    outputs: 2,
                    weights: vec![1.0, -1.0],
                    bias: vec![0.5, 0.25],
                },
                Layer {
                    inputs: 2,
                    outputs: 1,
                    weights: vec![3.0, 4.0],
                    bias: vec![-1.0],
                },
            ],
            activation: Activation::Relu,
            links: vec![Link::Exp],
            gain: vec![10.0],
        };
        let near =
            |x: f32, wanted: f64| (f64::from(mlp.forward(&[x])[0]) / wanted - 1.0).abs() < 1e-6;
        // (1.25 − 1)·2 = 0.5; relu(1) = 1, relu(−0.25) = 0; 3·1 − 1 = 2.
        assert!(near(1.25, 10.0 * 2f64.exp()));
        // (4 − 1)·2 = 6 is held at 1; relu(1.5) = 1.5, relu(−0.75) = 0; 3·1.5 − 1 = 3.5.
        assert!(near(4.0, 10.0 * 3.5f64.exp()));
    }

    #[test]
    fn slopes_agree_with_differences() {
        let mut mlp = Mlp::new(
            &[(0.0, 1.0), (-1.0, 1.0)],
            &[5, 4],
            Activation::Tanh,
            &[Link::Sigmoid],
            3,
        );
        let input = [0.3f32, -0.7];
        let goal = [0.2f32];
        let turned: Vec<Vec<f32>> = mlp.layers.iter().map(transposed).collect();
        let zeros = |layer: &Layer| {
            (
                vec![0.0f32; layer.weights.len()],
                vec![0.0f32; layer.outputs],
            )
        };
        let mut gradients: Vec<_> = mlp.layers.iter().map(zeros).collect();
        backward(&mlp, &turned, &input, &goal, 1, &mut gradients);
        mlp.shift = vec![0.0; 2];
        mlp.scale = vec![1.0; 2];
        let loss = |mlp: &Mlp| {
            let error = ((f64::from(mlp.forward(&input)[0]) + FLOOR) / (0.2 + FLOOR)).ln();
            0.5 * error * error
        };
        for layer in 0..3 {
            for at in 0..mlp.layers[layer].weights.len() {
                let (mut up, mut down) = (mlp.clone(), mlp.clone());
                up.layers[layer].weights[at] += 1e-2;
                down.layers[layer].weights[at] -= 1e-2;
                let slope = (loss(&up) - loss(&down)) / 2e-2;
                assert!((slope - f64::from(gradients[layer].0[at])).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_weights() {
        let teacher = |x: &[f64]| vec![x[0] * x[0], x[1] - 0.5];
        let fit = |seed| distill(teacher, &[(0.0, 1.0), (0.0, 1.0)], &[8], 2, seed).0;
        assert_eq!(fit(7), fit(7));
        assert_ne!(fit(7), fit(8));
        assert_eq!(fit(7).links, [Link::Exp, Link::Identity]);
    }
}
