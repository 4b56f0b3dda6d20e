//! Colors of pictures and charts.

/// Red, green, blue; 0–255.
pub type Color = [u8; 3];

/// Text and axes.
pub const INK: Color = [0x22, 0x22, 0x22];
/// Text of less weight.
pub const FAINT: Color = [0x60, 0x60, 0x60];
/// Frames and ticks.
pub const LINE: Color = [0x80, 0x80, 0x80];
/// Necrotic cells of every type.
pub const NECROTIC: Color = [0x2e, 0x1f, 0x17];
/// What apoptotic cells of every type fade to.
pub const APOPTOTIC: Color = [0x8a, 0x8a, 0x8a];

/// Reads `#rrggbb`; anything else is gray.
pub fn parse(text: &str) -> Color {
    let digits = text.strip_prefix('#').filter(|it| it.len() == 6);
    let number = digits.and_then(|it| u32::from_str_radix(it, 16).ok());
    number.map_or(LINE, |it| [(it >> 16) as u8, (it >> 8) as u8, it as u8])
}

/// The color a share of the way (0–1) from `a` to `b`.
pub fn mix(a: Color, b: Color, share: f64) -> Color {
    std::array::from_fn(|i| {
        (f64::from(a[i]) + share * (f64::from(b[i]) - f64::from(a[i]))).round() as u8
    })
}

/// A darker shade, for membranes.
pub fn dark(color: Color) -> Color {
    mix(color, [0, 0, 0], 0.42)
}

/// Color of a substrate at a share (0–1) of its range, so pale that cells stand out on it.
pub fn field(share: f64) -> Color {
    let at = share.clamp(0.0, 1.0) * (MAP.len() - 1) as f64;
    let below = (at as usize).min(MAP.len() - 2);
    let color = mix(MAP[below], MAP[below + 1], at - below as f64);
    mix([255, 255, 255], color, PALENESS)
}

/// Share of the map's color in [`field`]; the rest is white.
const PALENESS: f64 = 0.45;

/// Light to dark at equal steps: GnBu of ColorBrewer 2.0 (Brewer, Apache-2.0) without its
/// two darkest. Its shades can be told apart without seeing colors, and none is as strong as a cell's.
const MAP: [Color; 7] = [
    [0xf7, 0xfc, 0xf0],
    [0xe0, 0xf3, 0xdb],
    [0xcc, 0xeb, 0xc5],
    [0xa8, 0xdd, 0xb5],
    [0x7b, 0xcc, 0xc4],
    [0x4e, 0xb3, 0xd3],
    [0x2b, 0x8c, 0xbe],
];
