//! The rows of Parquet files: typed columns, read batch by batch.

use super::columns::{ColumnMap, Columns};
use super::error::HistoryError;
use super::input::BytesRead;
use super::parsed::{Parsed, Parser, Raws};
use super::rows::{RawNumber, RawRow, RawTime, Rules};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BATCH_ROWS: usize = 1 << 15;

/// Some consecutive rows of a Parquet file, with its mapped columns only.
#[derive(Debug)]
pub(super) struct Batch {
    columns: RecordBatch,
    first_row: u64,
}

/// The batches of one file.
pub(super) struct Batches {
    file: PathBuf,
    reader: ParquetRecordBatchReader,
    next_row: u64,
    /// The file's size, shared among its rows: what progress counts.
    bytes_per_row: f64,
    bytes_read: BytesRead,
}

impl Batches {
    /// Opens a file and finds its columns; the map refers to the columns of the batches.
    pub(super) fn open(
        file: PathBuf,
        source: File,
        columns: &Columns,
        bytes_read: BytesRead,
    ) -> Result<(Self, ColumnMap), HistoryError> {
        let damaged = |error: parquet::errors::ParquetError| HistoryError::Parquet {
            file: file.clone(),
            reason: error.to_string(),
        };
        let file_bytes = source.metadata().map_or(0, |metadata| metadata.len());
        let builder = ParquetRecordBatchReaderBuilder::try_new(source).map_err(damaged)?;
        let bytes_per_row = file_bytes as f64 / builder.metadata().file_metadata().num_rows().max(1) as f64;
        let names = |schema: &arrow::datatypes::Schema| {
            schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        let wanted = columns.locate(names(builder.schema()), &file)?.mapped();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(damaged)?;
        let map = columns.locate(names(&arrow::array::RecordBatchReader::schema(&reader)), &file)?;
        Ok((Self { file, reader, next_row: 1, bytes_per_row, bytes_read }, map))
    }

    /// The next batch; `None` at the end of the file.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, HistoryError> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let columns = batch.map_err(|error| HistoryError::Parquet {
            file: self.file.clone(),
            reason: format!("{error} (after row {})", self.next_row - 1),
        })?;
        let first_row = self.next_row;
        self.next_row += columns.num_rows() as u64;
        self.bytes_read.add((columns.num_rows() as f64 * self.bytes_per_row) as u64);
        Ok(Some(Batch { columns, first_row }))
    }
}

/// Parses all rows of a batch; their lines are row numbers, counted from 1.
pub(super) fn parse(
    file: &Path,
    map: &ColumnMap,
    batch: &Batch,
    rules: &Rules,
    raws: Raws,
) -> Result<Parsed, HistoryError> {
    let column = |at: usize| Column { array: batch.columns.column(at), name: &map.names[at], file };
    let customer = column(map.customer).ids()?;
    let item = column(map.item).ids()?;
    let times = map.timestamp.map(|at| column(at).times()).transpose()?;
    let quantity = map.quantity.map(|at| column(at).numbers()).transpose()?;
    let price = map.price.map(|(_, at)| column(at).numbers()).transpose()?;
    let order = map.order.map(|at| column(at).ids()).transpose()?;
    let kind = map.kind.map(|at| column(at).ids()).transpose()?;
    let discount = map.discount.map(|at| column(at).numbers()).transpose()?;
    let channel = map.channel.map(|at| column(at).ids()).transpose()?;
    let mut parser = Parser::new(rules, raws);
    for row in 0..batch.columns.num_rows() {
        let raw_row = RawRow {
            customer: present(&customer, row, rules),
            item: present(&item, row, rules),
            at: times.as_ref().map_or(RawTime::Untimed, |times| times.at(row, rules)),
            quantity: number(quantity.as_ref(), row, rules),
            price: number(price.as_ref(), row, rules),
            price_kind: map.price.map(|(kind, _)| kind),
            order: order.as_ref().and_then(|ids| present(ids, row, rules)),
            kind: kind.as_ref().map(|kinds| present(kinds, row, rules)),
            discount: number(discount.as_ref(), row, rules),
            channel: channel.as_ref().and_then(|names| present(names, row, rules)),
        };
        parser.take(batch.first_row + row as u64, Ok(raw_row), || raw_text(&batch.columns, row))?;
    }
    Ok(parser.finish())
}

fn present<'a>(ids: &'a StringArray, row: usize, rules: &Rules) -> Option<&'a str> {
    if ids.is_null(row) { None } else { rules.present(ids.value(row)) }
}

fn number<'a>(numbers: Option<&'a Numbers>, row: usize, rules: &Rules) -> RawNumber<'a> {
    numbers.map_or(RawNumber::Missing, |numbers| numbers.at(row, rules))
}

/// A row as one line of text, for the file of rejected rows.
fn raw_text(columns: &RecordBatch, row: usize) -> String {
    let value =
        |array: &ArrayRef| arrow::util::display::array_value_to_string(array, row).unwrap_or_default();
    columns.columns().iter().map(value).collect::<Vec<_>>().join(",")
}

/// One mapped column and its names for messages.
struct Column<'a> {
    array: &'a ArrayRef,
    name: &'a str,
    file: &'a Path,
}

/// Times of a batch.
enum Times {
    Utc(Int64Array),
    Local(Int64Array),
    Text(StringArray),
}

/// Numbers of a batch.
enum Numbers {
    Values(Float64Array),
    Text(StringArray),
}

impl Column<'_> {
    /// Text, or whole numbers as text; floats that are whole too, as tables with gaps hold them.
    fn ids(&self) -> Result<StringArray, HistoryError> {
        const EXPECTED: &str = "text or whole numbers";
        let text = match self.array.data_type() {
            DataType::Float32 | DataType::Float64 => {
                let floats = self.cast(&DataType::Float64, EXPECTED)?;
                let whole = floats.as_primitive::<Float64Type>();
                if whole.iter().flatten().any(|id| id.fract() != 0.0 || id.abs() > 9e15) {
                    return Err(self.wrong_type(EXPECTED));
                }
                let whole: ArrayRef = Arc::new(whole.unary::<_, Int64Type>(|id| id as i64));
                cast(&whole, &DataType::Utf8).map_err(|_| self.wrong_type(EXPECTED))?
            }
            kind if is_text(kind) || kind.is_integer() => self.cast(&DataType::Utf8, EXPECTED)?,
            DataType::Dictionary(_, values) if is_text(values) || values.is_integer() => {
                self.cast(&DataType::Utf8, EXPECTED)?
            }
            _ => return Err(self.wrong_type(EXPECTED)),
        };
        Ok(text.as_string::<i32>().clone())
    }

    fn times(&self) -> Result<Times, HistoryError> {
        const EXPECTED: &str = "a timestamp, a date, or text or whole numbers in a stated format";
        let (zone, local) = match self.array.data_type() {
            DataType::Timestamp(_, Some(zone)) => (Some(Arc::clone(zone)), false),
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => (None, true),
            DataType::Float32 | DataType::Float64 => return Err(self.wrong_type(EXPECTED)),
            _ => {
                return self.ids().map(Times::Text).map_err(|_| self.wrong_type(EXPECTED));
            }
        };
        let millis = self.cast(&DataType::Timestamp(TimeUnit::Millisecond, zone), EXPECTED)?;
        let millis = cast(&millis, &DataType::Int64).map_err(|_| self.wrong_type(EXPECTED))?;
        let millis = millis.as_primitive::<Int64Type>().clone();
        Ok(if local { Times::Local(millis) } else { Times::Utc(millis) })
    }

    fn numbers(&self) -> Result<Numbers, HistoryError> {
        const EXPECTED: &str = "a number";
        match self.array.data_type() {
            kind if is_text(kind) => {
                Ok(Numbers::Text(self.cast(&DataType::Utf8, EXPECTED)?.as_string::<i32>().clone()))
            }
            kind if kind.is_numeric() => {
                let values = self.cast(&DataType::Float64, EXPECTED)?;
                Ok(Numbers::Values(values.as_primitive::<Float64Type>().clone()))
            }
            _ => Err(self.wrong_type(EXPECTED)),
        }
    }

    fn cast(&self, to: &DataType, expected: &'static str) -> Result<ArrayRef, HistoryError> {
        cast(self.array, to).map_err(|_| self.wrong_type(expected))
    }

    fn wrong_type(&self, expected: &'static str) -> HistoryError {
        HistoryError::ColumnType {
            file: self.file.into(),
            column: self.name.into(),
            found: self.array.data_type().to_string(),
            expected,
        }
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

impl Times {
    fn at(&self, row: usize, rules: &Rules) -> RawTime<'_> {
        match self {
            Self::Utc(millis) if millis.is_valid(row) => RawTime::UtcMillis(millis.value(row)),
            Self::Local(millis) if millis.is_valid(row) => {
                RawTime::UtcMillis(rules.time.local_to_utc(millis.value(row)))
            }
            Self::Text(text) => present(text, row, rules).map_or(RawTime::Missing, RawTime::Text),
            _ => RawTime::Missing,
        }
    }
}

impl Numbers {
    fn at(&self, row: usize, rules: &Rules) -> RawNumber<'_> {
        match self {
            Self::Values(values) if values.is_valid(row) => RawNumber::Value(values.value(row)),
            Self::Text(text) => present(text, row, rules).map_or(RawNumber::Missing, RawNumber::Text),
            Self::Values(_) => RawNumber::Missing,
        }
    }
}
