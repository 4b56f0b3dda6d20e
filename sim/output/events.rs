//! `events.parquet`: what happened to cells, in order; a row group ends where a frame does.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{StringArray, UInt64Array};
use arrow_schema::{DataType, Field};

use super::table::{self, Table};
use super::{Error, Event, EventKind, Frame, Output};
use crate::scenario::Scenario;

struct Events {
    table: Table,
    kinds: Arc<StringArray>,
    types: Arc<StringArray>,
}

/// Starts `events.parquet`.
///
/// # Errors
/// When the file cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    let fields = vec![
        table::quantity("time_min", "min"),
        table::category("event", false),
        Field::new("cell", DataType::UInt64, false),
        table::category("cell_type", false),
        Field::new("partner", DataType::UInt64, true),
        table::category("partner_type", true),
        table::category("cause", true),
        table::quantity("x_um", "µm"),
        table::quantity("y_um", "µm"),
        table::quantity("z_um", "µm"),
        table::quantity("value", "1"),
    ];
    Ok(Box::new(Events {
        table: Table::create(&scenario.name, folder, "events.parquet", fields)?,
        kinds: table::words(EventKind::ALL.iter().map(|kind| kind.name())),
        types: table::words(scenario.cell_types.iter().map(|it| it.name.as_str())),
    }))
}

impl Output for Events {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let events = frame.events;
        let quantities = |value: fn(&Event) -> f64| table::quantities(events.iter().map(value));
        let mut causes: Vec<&str> = events.iter().filter_map(|event| event.cause).collect();
        causes.sort_unstable();
        causes.dedup();
        let cause = |event: &Event| {
            let cause = event.cause?;
            // There are a handful of causes in the program, and each is in the list.
            causes.binary_search(&cause).ok().map(|it| it as u16)
        };
        let columns = vec![
            quantities(|event| event.time),
            table::categories(events.iter().map(|it| Some(it.kind as u16)), &self.kinds),
            Arc::new(UInt64Array::from_iter_values(
                events.iter().map(|event| event.cell),
            )),
            table::categories(events.iter().map(|it| Some(it.cell_type)), &self.types),
            Arc::new(events.iter().map(|it| it.partner).collect::<UInt64Array>()),
            table::categories(events.iter().map(|it| it.partner_type), &self.types),
            table::categories(
                events.iter().map(cause),
                &table::words(causes.iter().copied()),
            ),
            quantities(|event| event.position[0]),
            quantities(|event| event.position[1]),
            quantities(|event| event.position[2]),
            quantities(|event| event.value),
        ];
        self.table.write(columns)
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        Ok(vec![self.table.finish()?])
    }
}
