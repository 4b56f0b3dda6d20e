//! Pages for a browser that need nothing beside them: text, tables, drawings and pictures in one file.

use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// How a page looks: wide enough for a table, narrow enough to read; dark where the reader's
/// machine is.
const STYLE: &str = "
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2430; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.quiet, td.quiet, small { color: #667085; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #e4e7ec; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: #067647; font-weight: 600; } .bad { color: #b42318; font-weight: 600; }
.open { color: #b54708; font-weight: 600; }
.verdict { font-size: 1.15rem; padding: .7rem 1rem; border-left: 5px solid currentColor; background: #f8f9fb; }
figure { margin: 1rem 0; } figcaption { color: #667085; font-size: 13px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1rem; }
img, svg { max-width: 100%; height: auto; }
code { font-size: 13px; overflow-wrap: anywhere; }
";

/// A whole page.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// A picture in the page itself.
pub fn picture(png: &[u8], caption: &str) -> Markup {
    let data = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    html! { figure { img src=(data) alt=(caption); figcaption { (caption) } } }
}

/// A drawing.
pub fn drawing(svg: &str, caption: &str) -> Markup {
    html! { figure { (PreEscaped(svg)) figcaption { (caption) } } }
}

/// Text of a drawing: its library would read what stands between dollars as a formula.
pub fn escaped(text: &str) -> String {
    text.replace('$', "\\$")
}

/// A number as people read it: four digits that mean something.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".into(),
        0.0 => "0".into(),
        1e5.. => format!("{value:.2e}"),
        1000.0.. => format!("{value:.0}"),
        100.0.. => format!("{value:.1}"),
        10.0.. => format!("{value:.2}"),
        0.01.. => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}
