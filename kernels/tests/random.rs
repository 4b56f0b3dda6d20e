//! Frozen vectors: a change here changes every published run.

use kernels::random::{Draws, Sequence, child_id, pair_id, philox};
use rand_core::Rng;

#[test]
fn philox_gives_the_known_answers_of_random123() {
    // kat_vectors of Random123 1.14, philox4x32 10.
    let ones = u32::MAX;
    for (counter, key, expected) in [
        (
            [0; 4],
            [0; 2],
            [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
        ),
        (
            [ones; 4],
            [ones; 2],
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
        ),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ] {
        assert_eq!(philox(counter, key), expected);
    }
}

#[test]
fn layout_of_key_and_counter_is_frozen() {
    // Computed by an independent Philox in Python, from the layout as it is written down.
    let draws = Draws {
        seed: 0x1122_3344_5566_7788,
        purpose: 0x5a,
    };
    assert_eq!(
        draws.block(0x0123_4567_89ab_cdef, 0xa1b2_c3d4_e5f6, 7),
        [0x1e8e3154, 0xc51336eb, 0xd165e023, 0x37826a61]
    );
}

#[test]
fn ids_of_pairs_and_children_are_frozen() {
    // Computed in Python; the inner function gives SplitMix64's known first output for seed 0.
    const A: u64 = 0x0123_4567_89ab_cdef;
    const B: u64 = 0xfedc_ba98_7654_3210;
    assert_eq!(pair_id(0, 0), 0xa706_dd2f_4d19_7e6f);
    assert_eq!(pair_id(1, 2), 0xbcd9_dbb4_9673_066b);
    assert_eq!(pair_id(2, 1), 0xe06d_d043_328b_d285);
    assert_eq!(pair_id(A, B), 0xf981_48bd_d1ae_1817);
    assert_eq!(child_id(0, 0), 0x2b9d_917d_cb66_21be);
    assert_eq!(child_id(0, 1), 0x6f22_2136_36b6_b4c6);
    assert_eq!(child_id(1, 0), 0xcd94_8496_29dd_f862);
    assert_eq!(child_id(A, 4_000_000_000), 0x4d37_6173_db67_61fb);
}

#[test]
fn each_part_of_the_counter_matters() {
    let draws = Draws {
        seed: 1,
        purpose: 1,
    };
    let reference = draws.block(1, 1, 1);
    let other_seed = Draws { seed: 2, ..draws };
    let high_seed = Draws {
        seed: 1 | 1 << 32,
        ..draws
    };
    let other_purpose = Draws {
        purpose: 2,
        ..draws
    };
    for other in [
        draws.block(2, 1, 1),
        draws.block(1 | 1 << 32, 1, 1),
        draws.block(1, 2, 1),
        draws.block(1, 1 | 1 << 32, 1),
        draws.block(1, 1, 2),
        other_seed.block(1, 1, 1),
        high_seed.block(1, 1, 1),
        other_purpose.block(1, 1, 1),
    ] {
        assert_ne!(other, reference);
    }
}

#[test]
fn uniforms_and_normals_have_their_moments() {
    let draws = Draws {
        seed: 5,
        purpose: 9,
    };
    let n = 200_000;
    let (mut uniform, mut normal) = ([0.0; 2], [0.0; 4]);
    for id in 0..n {
        let u = draws.uniform(id, 0, 0);
        assert!(0.0 < u && u < 1.0);
        for (power, sum) in uniform.iter_mut().enumerate() {
            *sum += u.powi(power as i32 + 1) / n as f64;
        }
        let z = draws.normal(id, 0, 1);
        for (power, sum) in normal.iter_mut().enumerate() {
            *sum += z.powi(power as i32 + 1) / n as f64;
        }
    }
    // Four standard errors each: the variance of u² is 4/45, of z⁴ 96, of z³ 15.
    let error = |variance: f64| 4.0 * (variance / n as f64).sqrt();
    assert!((uniform[0] - 0.5).abs() < error(1.0 / 12.0));
    assert!((uniform[1] - 1.0 / 3.0).abs() < error(4.0 / 45.0));
    assert!(normal[0].abs() < error(1.0));
    assert!((normal[1] - 1.0).abs() < error(2.0));
    assert!(normal[2].abs() < error(15.0));
    assert!((normal[3] - 3.0).abs() < error(96.0));
}

#[test]
fn sequence_reads_the_blocks_in_order() {
    let draws = Draws {
        seed: 5,
        purpose: 9,
    };
    let mut sequence = Sequence::new(draws, 77);
    for block in 0..600u64 {
        let words: [u32; 4] = core::array::from_fn(|_| sequence.next_u32());
        assert_eq!(words, draws.block(77, block / 256, (block % 256) as u8));
    }
    let mut bytes = [0; 6];
    Sequence::new(draws, 77).fill_bytes(&mut bytes);
    let words = draws.block(77, 0, 0);
    assert_eq!(bytes[..4], words[0].to_le_bytes());
    assert_eq!(bytes[4..], words[1].to_le_bytes()[..2]);
    assert_eq!(
        Sequence::new(draws, 77).uniform(),
        draws.uniform(77, 0, 0),
        "a sequence begins with the draw of its first block"
    );
}
