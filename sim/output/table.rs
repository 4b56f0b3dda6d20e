//! Parquet files: columns with units, written a row group at a time, the same bytes every time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::UInt16Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, RecordBatch, StringArray, UInt16Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::Error;
use super::folder::Part;

/// A Parquet file that grows by row groups.
pub(super) struct Table {
    schema: Arc<Schema>,
    writer: ArrowWriter<Part>,
}

impl Table {
    /// Starts the file `name` with these columns, and the name of the scenario in its metadata.
    pub fn create(
        scenario: &str,
        folder: &Path,
        name: &str,
        fields: Vec<Field>,
    ) -> Result<Table, Error> {
        let part = Part::create(folder, name)?;
        let path = part.path().to_owned();
        // Values of a row group are spread over the whole range of a double, so a dictionary of
        // them never pays; split into streams of bytes, the signs and exponents compress well.
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("milieu {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(None)
            .set_key_value_metadata(Some(vec![KeyValue::new(
                "scenario".to_owned(),
                scenario.to_owned(),
            )]));
        for field in &fields {
            let column = ColumnPath::from(vec![field.name().clone()]);
            properties = match field.data_type() {
                // One value for a whole row group, or nearly.
                DataType::Float64 if field.name() == "time_min" => properties,
                DataType::Float64 => properties
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT),
                DataType::UInt64 => properties
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
                _ => properties,
            };
        }
        let schema = Arc::new(Schema::new(fields));
        let writer = ArrowWriter::try_new(part, schema.clone(), Some(properties.build()))
            .map_err(|error| Error::because(&path, &error))?;
        Ok(Table { schema, writer })
    }

    /// Adds a row group. No rows make none, since a row group cannot be empty.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), Error> {
        let result = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(parquet::errors::ParquetError::from)
            .and_then(|rows| self.writer.write(&rows))
            .and_then(|()| self.writer.flush());
        result.map_err(|error| Error::because(self.writer.inner().path(), &error))
    }

    /// Writes the end of the file and gives it its name.
    pub fn finish(self) -> Result<String, Error> {
        let path = self.writer.inner().path().to_owned();
        self.writer
            .into_inner()
            .map_err(|error| Error::because(&path, &error))?
            .finish()
    }
}

/// A column of numbers with a unit.
pub(super) fn quantity(name: &str, unit: &str) -> Field {
    Field::new(name, DataType::Float64, false)
        .with_metadata(HashMap::from([("unit".to_owned(), unit.to_owned())]))
}

/// A column of words out of a short list.
pub(super) fn category(name: &str, is_nullable: bool) -> Field {
    let words = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    Field::new(name, words, is_nullable)
}

/// The words of a category's list, shared by all its columns.
pub(super) fn words<'a>(list: impl Iterator<Item = &'a str>) -> Arc<StringArray> {
    Arc::new(list.map(Some).collect::<StringArray>())
}

/// Values of a [`category`], by number in its list.
pub(super) fn categories(
    numbers: impl Iterator<Item = Option<u16>>,
    words: &Arc<StringArray>,
) -> ArrayRef {
    let keys: UInt16Array = numbers.collect();
    // The numbers come from lists that were checked when the scenario was read.
    Arc::new(DictionaryArray::<UInt16Type>::new(keys, words.clone()))
}

/// Values of a [`quantity`].
pub(super) fn quantities(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}
