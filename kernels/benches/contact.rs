//! Contact of a ball (3D) or disk (2D) of cells at the spacing of a grown tissue, jittered: 11 to
//! 14 neighbors in 3D. One iteration is one mechanics step on one thread, bins included.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::Pool;
use kernels::contact::{Bodies, Columns, Contact, Contacts, Response};
use kernels::neighbors::Bins;
use kernels::random::{Draws, Sequence};

const RADIUS: f64 = 8.412_7;
/// Edge of a cube per cell, in radii: face-centered packing at 0.9 of two radii.
const SPACING: f64 = 1.8;

/// Cells on a face-centered lattice in 3D or a hexagonal one in 2D, jittered by 5 %, sorted
/// by bins as a tissue keeps them.
fn scene(cells: usize, dimensions: usize) -> Vec<[f64; 3]> {
    let near = SPACING * RADIUS;
    let mut random = Sequence::new(
        Draws {
            seed: 1,
            purpose: 0,
        },
        0,
    );
    let half = if dimensions == 2 {
        (cells as f64).sqrt()
    } else {
        (cells as f64).cbrt()
    } as i64;
    let mut points = Vec::new();
    for i in -half..=half {
        for j in -half..=half {
            let layers = if dimensions == 2 { 0..=0 } else { -half..=half };
            for k in layers {
                let [x, y, z] = if dimensions == 2 {
                    [i as f64 + 0.5 * j as f64, 0.75f64.sqrt() * j as f64, 0.0]
                } else {
                    let h = 0.5f64.sqrt();
                    [h * (i + j) as f64, h * (i + k) as f64, h * (j + k) as f64]
                };
                points.push([x, y, z].map(|x| x * near));
            }
        }
    }
    points.sort_by(|a, b| {
        let square = |p: &[f64; 3]| p.iter().map(|x| x * x).sum::<f64>();
        square(a).total_cmp(&square(b))
    });
    points.truncate(cells);
    for point in &mut points {
        for axis in 0..dimensions {
            point[axis] += 0.05 * near * (2.0 * random.uniform() - 1.0);
        }
    }
    points
}

fn contact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contact/cpu");
    for (name, cells, dimensions, listed) in [
        ("1000 2D", 1_000, 2, false),
        ("100000 2D", 100_000, 2, false),
        ("100000", 100_000, 3, false),
        ("100000 listed", 100_000, 3, true),
    ] {
        let mut positions = scene(cells, dimensions);
        let reach = 1.25 * RADIUS;
        let most = positions
            .iter()
            .flatten()
            .fold(0.0f64, |a, x| a.max(x.abs()))
            + 20.0;
        let mut bins = Bins::new([-most; 3], [most; 3], 2.0 * reach, dimensions).unwrap();
        bins.rebuild(&positions);
        positions = bins
            .order()
            .iter()
            .map(|&row| positions[row as usize])
            .collect();
        let columns = Columns {
            id: &(0..cells as u64).collect::<Vec<_>>(),
            position: &positions,
            radius: &vec![RADIUS; cells],
            reach: &vec![reach; cells],
            repulsion: &vec![10.0; cells],
            adhesion: &vec![0.4; cells],
            group: &vec![0; cells],
        };
        let bodies = Bodies::new(columns, 1).unwrap();
        let mut law = Contact::new(vec![1.0], vec![1], 1).unwrap();
        let mut velocity = vec![[0.0; 3]; cells];
        let mut pressure = vec![0.0; cells];
        let mut counts = vec![0; cells];
        let mut contacts = Contacts::default();
        let everybody = vec![true; cells];
        let pool = Pool::serial();
        group.throughput(Throughput::Elements(cells as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                bins.rebuild(&positions);
                let response = Response {
                    velocity: &mut velocity,
                    pressure: &mut pressure,
                    counts: &mut counts,
                    contacts: listed.then_some(&mut contacts),
                    listed: &everybody,
                };
                law.step(&bodies, &bins, response, &pool).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, contact);
criterion_main!(benches);
