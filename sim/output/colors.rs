//! Colors of pictures and charts.

/// Red, green, blue; 0–255.
pub type Color = [u8; 3];

/// Text and axes.
pub const INK: Color = [0x22, 0x22, 0x22];
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
    let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (at as usize).min(VIRIDIS.len() - 2);
    let color = mix(VIRIDIS[below], VIRIDIS[below + 1], at - below as f64);
    mix([255, 255, 255], color, PALENESS)
}

/// Share of the map's color in [`field`]; the rest is white.
const PALENESS: f64 = 0.45;

/// Viridis of matplotlib at equal steps (van der Walt & Smith 2015, CC0).
const VIRIDIS: [Color; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x28, 0xae, 0x80],
    [0x5e, 0xc9, 0x62],
    [0xad, 0xdc, 0x30],
    [0xfd, 0xe7, 0x25],
];
