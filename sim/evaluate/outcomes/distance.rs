//! How far vectors, and clouds of them, are from each other.

/// The distance of two vectors.
pub fn euclidean(a: &[f64], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// Σ|a − b|.
pub fn taxicab(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

/// Vectors that differ by less than this, in standard deviations, do not.
const NOTHING: f64 = 1e-6;

/// Pearson's correlation; 0 with a vector whose numbers do not differ, which tells no direction.
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let centered = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let (a, b) = (centered(a), centered(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = [dot(&a, &a).sqrt(), dot(&b, &b).sqrt()];
    match norms.iter().any(|norm| *norm < NOTHING) {
        true => 0.0,
        false => dot(&a, &b) / norms[0] / norms[1],
    }
}

/// The energy distance 2E‖X−Y‖ − E‖X−X'‖ − E‖Y−Y'‖ of two clouds, each mean over different
/// members (Székely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018, as a U-statistic: 0 on average
/// where both are of one law, and so sometimes below). Of `paired` clouds, where the number-th members belong
/// together, these are not set against each other.
pub fn energy(x: &[Vec<f64>], y: &[Vec<f64>], paired: bool) -> f64 {
    let mean = |a: &[Vec<f64>], b: &[Vec<f64>], without_same: bool| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (i, a) in a.iter().enumerate() {
            for (j, b) in b.iter().enumerate() {
                if !(without_same && i == j) {
                    sum += euclidean(a, b);
                    count += 1.0;
                }
            }
        }
        sum / count
    };
    2.0 * mean(x, y, paired) - mean(x, x, true) - mean(y, y, true)
}
