//! A picture one can draw discs, boxes and text on.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use tiny_skia::{
    FillRule, Mask, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke, Transform,
};

use super::colors::{self, Color};

/// Where text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    End,
}

/// Regular or bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// A white picture. Coordinates are pixels from the upper left corner.
pub(super) struct Canvas {
    pub pixmap: Pixmap,
    /// What discs may cover.
    clip: Option<Mask>,
}

impl Canvas {
    /// A white picture; each side has at least one pixel.
    pub fn new(width: f64, height: f64) -> Canvas {
        let side = |length: f64| (length.ceil() as u32).clamp(1, 1 << 14);
        let mut pixmap = Pixmap::new(side(width), side(height))
            .expect("sides between 1 and 2^14 pixels can be allocated");
        pixmap.fill(tiny_skia::Color::WHITE);
        Canvas { pixmap, clip: None }
    }

    /// Keeps discs within a box (x, y, width, height) from now on.
    pub fn clip(&mut self, area: [f64; 4]) {
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())
            .expect("the picture has been allocated at this size");
        if let Some(rect) = rect(area) {
            let path = PathBuilder::from_rect(rect);
            mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
        }
        self.clip = Some(mask);
    }

    /// Fills a circle, of any size and anywhere.
    pub fn disc(&mut self, center: [f64; 2], radius: f64, color: Color) {
        let size = [self.pixmap.width(), self.pixmap.height()].map(f64::from);
        let Some((center, radius)) = drawable(center, radius, size) else {
            return;
        };
        let circle = PathBuilder::from_circle(center[0] as f32, center[1] as f32, radius as f32);
        if let Some(path) = circle {
            let paint = paint(color);
            let clip = self.clip.as_ref();
            self.pixmap.fill_path(
                &path,
                &paint,
                FillRule::Winding,
                Transform::identity(),
                clip,
            );
        }
    }

    /// Fills a circle, with a rim of another color inside its edge.
    pub fn ringed_disc(
        &mut self,
        center: [f64; 2],
        radius: f64,
        rim: f64,
        fill: Color,
        edge: Color,
    ) {
        self.disc(center, radius, edge);
        self.disc(center, radius - rim, fill);
    }

    /// Fills a box (x, y, width, height).
    pub fn fill(&mut self, area: [f64; 4], color: Color) {
        if let Some(rect) = rect(area) {
            self.pixmap
                .fill_rect(rect, &paint(color), Transform::identity(), None);
        }
    }

    /// Draws the outline of a box (x, y, width, height).
    pub fn frame(&mut self, area: [f64; 4], width: f64, color: Color) {
        if let Some(rect) = rect(area) {
            let stroke = Stroke {
                width: width as f32,
                ..Stroke::default()
            };
            let path = PathBuilder::from_rect(rect);
            self.pixmap
                .stroke_path(&path, &paint(color), &stroke, Transform::identity(), None);
        }
    }

    /// Sets one pixel.
    pub fn pixel(&mut self, x: u32, y: u32, color: Color) {
        let width = self.pixmap.width();
        if x < width && y < self.pixmap.height() {
            let [r, g, b] = color;
            self.pixmap.pixels_mut()[(y * width + x) as usize] =
                PremultipliedColorU8::from_rgba(r, g, b, 255)
                    .expect("opaque colors are premultiplied as they are");
        }
    }

    /// Writes a line of text on a baseline.
    pub fn text(
        &mut self,
        text: &str,
        at: [f64; 2],
        size: f64,
        weight: Weight,
        anchor: Anchor,
        color: Color,
    ) {
        let width = width(text, size, weight);
        let x = match anchor {
            Anchor::Start => at[0],
            Anchor::End => at[0] - width,
        };
        let font = font(weight).as_scaled(PxScale::from(size as f32));
        let mut glyphs = Vec::new();
        walk(text, size, weight, |glyph, offset| {
            let position = ab_glyph::point((x + offset) as f32, at[1] as f32);
            glyphs.push(glyph.with_scale_and_position(font.scale(), position));
        });
        for glyph in glyphs {
            let Some(outline) = font.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let (x, y) = (
                    corner.x as i64 + i64::from(dx),
                    corner.y as i64 + i64::from(dy),
                );
                if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                    self.blend(x, y, color, f64::from(coverage));
                }
            });
        }
    }

    fn blend(&mut self, x: u32, y: u32, color: Color, share: f64) {
        if let Some(under) = self.pixmap.pixel(x, y) {
            let under = [under.red(), under.green(), under.blue()];
            self.pixel(x, y, colors::mix(under, color, share.clamp(0.0, 1.0)));
        }
    }
}

/// The circle that looks the same in a picture of this size and is small enough to be drawn, or
/// none where the circle does not touch the picture.
fn drawable(center: [f64; 2], radius: f64, size: [f64; 2]) -> Option<([f64; 2], f64)> {
    // Beyond this an edge is straight to less than a pixel over a picture 1600 pixels wide.
    const LARGEST: f64 = 1e6;
    let near = [0, 1].map(|axis| center[axis].clamp(0.0, size[axis]) - center[axis]);
    let is_seen = near[0].hypot(near[1]) < radius;
    if !is_seen || !radius.is_finite() {
        return None;
    }
    if radius <= LARGEST {
        return Some((center, radius));
    }
    let way = [0, 1].map(|axis| size[axis] / 2.0 - center[axis]);
    let distance = way[0].hypot(way[1]);
    if distance == 0.0 {
        return Some((center, LARGEST));
    }
    // A smaller circle whose edge is as far from the middle of the picture, on the same side; where
    // that is far outside, so is the smaller circle's.
    let beyond = (radius - distance).min(LARGEST);
    let moved = [0, 1].map(|axis| size[axis] / 2.0 - way[axis] / distance * (LARGEST - beyond));
    Some((moved, LARGEST))
}

/// Pixels a line of text takes.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    walk(text, size, weight, |_, _| {})
}

/// The text, or as much of it as fits, with an ellipsis.
pub(super) fn fitted(text: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let with_ellipsis = format!("{}…", short.trim_end());
        if width(&with_ellipsis, size, weight) <= room {
            return with_ellipsis;
        }
    }
    String::new()
}

/// Gives each glyph with its distance from the start, and returns the distance after the last.
fn walk(
    text: &str,
    size: f64,
    weight: Weight,
    mut visit: impl FnMut(ab_glyph::GlyphId, f64),
) -> f64 {
    let font = font(weight).as_scaled(PxScale::from(size as f32));
    let mut offset = 0.0;
    let mut before = None;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        if let Some(before) = before {
            offset += f64::from(font.kern(before, glyph));
        }
        visit(glyph, offset);
        offset += f64::from(font.h_advance(glyph));
        before = Some(glyph);
    }
    offset
}

fn font(weight: Weight) -> &'static FontRef<'static> {
    static REGULAR: OnceLock<FontRef> = OnceLock::new();
    static BOLD: OnceLock<FontRef> = OnceLock::new();
    let (cell, bytes) = match weight {
        Weight::Regular => (&REGULAR, dejavu::sans::regular()),
        Weight::Bold => (&BOLD, dejavu::sans::bold()),
    };
    cell.get_or_init(|| FontRef::try_from_slice(bytes).expect("the font is part of the program"))
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    let [r, g, b] = color;
    paint.set_color_rgba8(r, g, b, 255);
    paint
}

fn rect([x, y, width, height]: [f64; 4]) -> Option<Rect> {
    Rect::from_xywh(x as f32, y as f32, width as f32, height as f32)
}

#[cfg(test)]
mod tests {
    use super::{Canvas, Color};

    const RED: Color = [255, 0, 0];

    fn is_red(canvas: &Canvas, x: u32, y: u32) -> bool {
        canvas.pixmap.pixel(x, y).is_some_and(|it| it.green() == 0)
    }

    #[test]
    fn discs_of_any_size_are_clipped_to_the_picture() {
        for radius in [1e2, 1e4, 1e5, 1e6, 1e8, 1e12] {
            for clip in [None, Some([0.0, 0.0, 100.0, 60.0])] {
                let draw = |center: [f64; 2]| {
                    let mut canvas = Canvas::new(100.0, 60.0);
                    if let Some(area) = clip {
                        canvas.clip(area);
                    }
                    canvas.disc(center, radius, RED);
                    canvas
                };
                let within = draw([50.0, 30.0]);
                assert!(is_red(&within, 0, 0) && is_red(&within, 99, 59), "{radius}");
                // The edge passes through x = 40.
                let beside = draw([40.0 - radius, 30.0]);
                assert!(
                    is_red(&beside, 37, 30) && !is_red(&beside, 42, 30),
                    "{radius}"
                );
                let outside = draw([30.0, -2.0 - radius]);
                assert!(!is_red(&outside, 30, 0), "{radius}");
            }
        }
        let mut canvas = Canvas::new(100.0, 60.0);
        for [place, radius] in [[f64::NAN, 10.0], [1e300, 10.0], [50.0, f64::INFINITY]] {
            canvas.disc([place, 30.0], radius, RED);
        }
        assert!(!is_red(&canvas, 50, 30));
    }
}
