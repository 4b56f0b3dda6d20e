//! Contact of a ball (3D) or disk (2D) of cells at the spacing of a grown tissue, jittered: 11 to
//! 14 neighbors in 3D. Every cell crawls at 1 µm/min, to and fro. One iteration is one mechanics
//! step: whatever is kept of who is near whom is kept up, cells push each other, and move.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::Pool;
use kernels::contact::{Columns, Contact, Contacts, Response};
use kernels::motion::Domain;
use kernels::random::{Draws, Sequence};

const RADIUS: f64 = 8.412_7;
/// Edge of a cube per cell, in radii: face-centered packing at 0.9 of two radii.
const SPACING: f64 = 1.8;
/// µm/min.
const SPEED: f64 = 1.0;
/// Steps after which crawling cells turn back.
const TURN: u64 = 100;

/// Cells on a face-centered lattice in 3D or a hexagonal one in 2D, jittered by 5 %, sorted
/// by voxels of 20 µm as a tissue keeps them; and the direction in which each crawls.
fn scene(cells: usize, dimensions: usize) -> (Vec<[f64; 3]>, Vec<[f64; 3]>) {
    let near = SPACING * RADIUS;
    let draws = Draws {
        seed: 1,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
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
    points.sort_by_key(|p| [2, 1, 0].map(|axis| (p[axis] / 20.0).floor() as i64));
    let directions = (0..cells as u64).map(|id| match dimensions {
        2 => draws.direction_2d(id, 0, 0),
        _ => draws.direction_3d(id, 0, 0),
    });
    (points, directions.collect())
}

fn contact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contact/cpu");
    let is_test = std::env::args().any(|argument| argument == "--test");
    for (name, cells, dimensions, listed, threads) in [
        ("1500 2D", 1_500, 2, false, 1),
        ("1500 2D listed", 1_500, 2, true, 1),
        ("100000 2D", 100_000, 2, false, 1),
        ("100000", 100_000, 3, false, 1),
        ("100000 listed", 100_000, 3, true, 1),
        ("100000, 2 threads", 100_000, 3, false, 2),
        ("1000000", 1_000_000, 3, false, 1),
        ("1000000, 2 threads", 1_000_000, 3, false, 2),
    ] {
        if is_test && cells > 100_000 {
            continue;
        }
        group.throughput(Throughput::Elements(cells as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let (mut position, direction) = scene(cells, dimensions);
            let reach = 1.25 * RADIUS;
            let most = position
                .iter()
                .flatten()
                .fold(0.0f64, |a, x| a.max(x.abs()))
                + 20.0;
            let domain = Domain {
                min: [-most; 3],
                max: [most; 3],
                dimensions,
            };
            let mut law = Contact::new(vec![1.0], vec![1], 1, domain).unwrap();
            let mut velocity = vec![[0.0; 3]; cells];
            let mut previous = vec![[0.0; 3]; cells];
            let mut moved = vec![false; cells];
            let mut pressure = vec![0.0; cells];
            let mut counts = vec![0; cells];
            let mut contacts = Contacts::default();
            let everybody = vec![true; cells];
            let id: Vec<u64> = (0..cells as u64).collect();
            let (radius, reach) = (vec![RADIUS; cells], vec![reach; cells]);
            let (repulsion, adhesion) = (vec![10.0; cells], vec![0.4; cells]);
            let groups = vec![0; cells];
            let columns = Columns {
                radius: &radius,
                reach: &reach,
                repulsion: &repulsion,
                adhesion: &adhesion,
                group: &groups,
            };
            let pool = Pool::new(threads).unwrap();
            let mut tick = 0u64;
            bencher.iter(|| {
                let there = (tick / TURN).is_multiple_of(2);
                let speed = if there { SPEED } else { -SPEED };
                for (velocity, direction) in velocity.iter_mut().zip(&direction) {
                    *velocity = direction.map(|part| speed * part);
                }
                // As after a phenotype step, every 6 min.
                if tick.is_multiple_of(60) {
                    law.set(&columns).unwrap();
                }
                let response = Response {
                    velocity: &mut velocity,
                    pressure: &mut pressure,
                    counts: &mut counts,
                    contacts: listed.then_some(&mut contacts),
                    listed: &everybody,
                };
                law.step(&id, &position, response, &pool).unwrap();
                domain
                    .advance(0.1, &velocity, &mut position, &mut previous, &mut moved)
                    .unwrap();
                tick += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, contact);
criterion_main!(benches);
