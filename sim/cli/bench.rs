//! `milieu bench`: what this machine takes for each kernel, and how near that is to its limit.

use clap::{Args, builder::PossibleValuesParser};
use serde_json::json;
use sim::bench::{Extent, Figure, LIST};

use super::{Stop, print, print_json};

/// Arguments of `milieu bench`.
#[derive(Args)]
pub struct Arguments {
    /// Measure this kernel only. May be repeated.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(LIST.map(|(name, _)| name)))]
    only: Vec<String>,
    /// Threads to compute on [default: all].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// A million cells, too: some 4 GB of memory and a minute more.
    #[arg(long, conflicts_with = "quick")]
    large: bool,
    /// Small sizes, in seconds: whether all of it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Measures the standard set.
pub fn bench(arguments: &Arguments) -> Result<(), Stop> {
    let threads = super::threads(arguments.threads)?;
    // Models run on rayon's global threads, kernels on the simulation's own.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(Stop::run)?;
    let extent = Extent {
        threads,
        quick: arguments.quick,
        large: arguments.large,
    };
    let mut figures: Vec<Figure> = Vec::new();
    if !arguments.json {
        print(&head(threads))?;
    }
    let is_wanted = |name: &str| {
        let mut only = arguments.only.iter();
        arguments.only.is_empty() || only.any(|wanted| wanted == name)
    };
    for (name, measure) in LIST {
        if !is_wanted(name) {
            continue;
        }
        let mut tell = |figure: Figure| {
            if !arguments.json {
                print(&line(&figure)).map_err(|stop| stop.message)?;
            }
            figures.push(figure);
            Ok(())
        };
        measure(extent, &mut tell).map_err(|message| Stop::run(format!("{name}: {message}")))?;
    }
    if !arguments.json {
        return Ok(());
    }
    print_json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "threads": threads,
        "quick": arguments.quick,
        "figures": figures,
    }))
}

fn head(threads: usize) -> String {
    let threads = match threads {
        1 => "1 thread".to_owned(),
        many => format!("{many} threads"),
    };
    format!(
        "{threads}; medians; the limit is what moving the bytes takes in a copy of that size\n\
         {:<10} {:<36} {:>8} {:>8} {:>8}  unit\n",
        "kernel", "size", "figure", "limit", "reached"
    )
}

fn line(figure: &Figure) -> String {
    let limit = figure.limit.map(short).unwrap_or_default();
    let reached = figure
        .reached
        .map(|share| format!("{:.0} %", 100.0 * share));
    format!(
        "{:<10} {:<36} {:>8} {limit:>8} {:>8}  {}\n",
        figure.name,
        figure.size,
        short(figure.figure),
        reached.unwrap_or_default(),
        figure.unit
    )
}

/// Three digits or so.
fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
