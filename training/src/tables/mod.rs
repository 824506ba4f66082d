//! Attributes of items and customers, from one CSV or Parquet file each to payloads.
//!
//! The type of a column is stated, or taken from the Parquet schema, or inferred from *all* its cells: numbers if
//! all are numbers, flags if all are `true` or `false`, else text; never cell by cell. An empty cell is an absent
//! attribute. When an id comes twice the last row wins, and the report says so.

mod cells;
mod error;
mod sources;

pub use cells::ColumnType;
pub use error::TableError;

use crate::history::{DroppedRows, Encoding, Example, Reason};
use models::payload::{Payload, name_fault};
use serde::{Deserialize, Serialize};
use sources::{Table, TableRow};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

/// The most columns of a table.
const MAX_COLUMNS: usize = 256;
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;
/// The longest text of one attribute, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// How to read a file of attributes: the `[items]` or `[customers]` section of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// The column of the ids. Default: `item_id` or `customer_id`.
    pub id_column: Option<String>,
    /// The types of columns by name: `text`, `number`, `flag`, or `texts` (several words in one cell). Default:
    /// the Parquet type; in CSV files inferred from the whole column, where numbers that start with a zero
    /// (`007`) are text.
    pub types: BTreeMap<String, ColumnType>,
    /// Columns to leave out. Default: none.
    pub ignore: Vec<String>,
    /// What separates the words of a cell of type `texts`. Default: `|`.
    pub list_separator: char,
    /// What separates the fields of a CSV file; one ASCII character. Default: `,`.
    pub delimiter: char,
    /// The encoding of a CSV file. Default: `utf-8`.
    pub encoding: Encoding,
    /// Texts that mean "nothing here", besides the empty one. Default: none.
    pub null_values: Vec<String>,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            id_column: None,
            types: BTreeMap::new(),
            ignore: Vec::new(),
            list_separator: '|',
            delimiter: ',',
            encoding: Encoding::Utf8,
            null_values: Vec::new(),
        }
    }
}

/// Whose attributes a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// The catalogue.
    Items,
    /// The people.
    Customers,
}

impl TableKind {
    fn id_column(self) -> &'static str {
        match self {
            Self::Items => "item_id",
            Self::Customers => "customer_id",
        }
    }

    fn missing(self) -> Reason {
        match self {
            Self::Items => Reason::MissingItem,
            Self::Customers => Reason::MissingCustomer,
        }
    }
}

/// What was read from a file of attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableReport {
    /// Rows read, the header not counted.
    pub rows_read: u64,
    /// Different ids.
    pub ids: usize,
    /// Rows dropped, by reason; a `duplicate` is a row that a later one replaced.
    pub rows_dropped: BTreeMap<Reason, DroppedRows>,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnReport>,
}

/// One column of attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// Its type, stated or inferred.
    pub kind: ColumnType,
    /// Rows in which it has a value.
    pub filled: u64,
    /// Cells left out because they are not of the type or too long, and the first of them.
    pub refused: Option<DroppedRows>,
}

/// Reads the attributes of items or customers, in the order in which their ids first appear.
///
/// # Errors
/// [`TableError`] when the file cannot be read, has no column of ids, or the configuration names columns that are
/// not there.
pub fn read(
    kind: TableKind,
    config: &TableConfig,
    file: &Path,
) -> Result<(Vec<(String, Payload)>, TableReport), TableError> {
    let table = Table::read(config, file)?;
    let id_name = config.id_column.as_deref().unwrap_or(kind.id_column());
    let id_at = table.position(id_name)?;
    for name in config.types.keys().chain(&config.ignore) {
        table.position(name)?;
    }
    let attributes = attributes(&table, config, id_at);
    let mut reading = Reading::new(kind, file, attributes);
    for row in &table.rows {
        reading.take(row, table.names.len(), id_at, config);
    }
    let filled =
        reading.attributes.iter().map(|attribute| &attribute.report).filter(|report| report.filled > 0);
    let faults = filled.filter_map(|report| Some((report.name.clone(), name_fault(&report.name)?)));
    if let Some((column, fault)) = faults.take(1).next() {
        return Err(TableError::Name { file: file.to_owned(), column, fault });
    }
    Ok(reading.finish())
}

/// A column that becomes an attribute.
struct Attribute {
    at: usize,
    report: ColumnReport,
}

fn attributes(table: &Table, config: &TableConfig, id_at: usize) -> Vec<Attribute> {
    let columns = table.names.iter().enumerate();
    let wanted = columns.filter(|(at, name)| *at != id_at && !config.ignore.contains(name));
    wanted
        .map(|(at, name)| {
            let stated = config.types.get(name).copied().or(table.types[at]);
            let kind = stated.unwrap_or_else(|| {
                let good = table.rows.iter().filter_map(|row| row.fields.as_ref().ok());
                cells::infer(good.filter_map(|fields| fields.get(at)).filter(|cell| is_present(cell, config)))
            });
            Attribute { at, report: ColumnReport { name: name.clone(), kind, filled: 0, refused: None } }
        })
        .collect()
}

fn is_present(cell: &str, config: &TableConfig) -> bool {
    !cell.trim_ascii().is_empty() && !config.null_values.iter().any(|null| null == cell)
}

/// Payloads in the making.
struct Reading<'a> {
    kind: TableKind,
    file: &'a Path,
    attributes: Vec<Attribute>,
    payloads: Vec<(String, Payload)>,
    position: HashMap<String, usize>,
    rows_read: u64,
    rows_dropped: BTreeMap<Reason, DroppedRows>,
}

impl<'a> Reading<'a> {
    fn new(kind: TableKind, file: &'a Path, attributes: Vec<Attribute>) -> Self {
        let (payloads, position, rows_dropped) = (Vec::new(), HashMap::new(), BTreeMap::new());
        Self { kind, file, attributes, payloads, position, rows_read: 0, rows_dropped }
    }

    fn take(&mut self, row: &TableRow, n_columns: usize, id_at: usize, config: &TableConfig) {
        self.rows_read += 1;
        let fields = match &row.fields {
            Ok(fields) if fields.len() == n_columns => fields,
            Ok(fields) => {
                let found = format!("{} fields instead of {n_columns}", fields.len());
                return self.drop_row(Reason::Ragged, row.line, &found);
            }
            Err(raw) => return self.drop_row(Reason::BadEncoding, row.line, raw),
        };
        let id = &fields[id_at];
        if !is_present(id, config) {
            return self.drop_row(self.kind.missing(), row.line, "");
        }
        if id.len() > MAX_ID_BYTES {
            return self.drop_row(Reason::IdTooLong, row.line, id);
        }
        let payload = self.payload(fields, row.line, config);
        match self.position.get(id) {
            Some(&at) => {
                self.payloads[at].1 = payload;
                self.drop_row(Reason::Duplicate, row.line, id);
            }
            None => {
                self.position.insert(id.into(), self.payloads.len());
                self.payloads.push((id.into(), payload));
            }
        }
    }

    fn payload(&mut self, fields: &csv::StringRecord, line: u64, config: &TableConfig) -> Payload {
        let mut payload = Payload::new();
        for attribute in &mut self.attributes {
            let cell = &fields[attribute.at];
            if !is_present(cell, config) {
                continue;
            }
            match attribute.report.kind.value(cell, config.list_separator) {
                Some(value) if cell.len() <= MAX_TEXT_BYTES => {
                    attribute.report.filled += 1;
                    payload.insert(attribute.report.name.clone(), value);
                }
                _ => {
                    let first = example(self.file, line, cell);
                    let refused = &mut attribute.report.refused;
                    refused.get_or_insert(DroppedRows { rows: 0, first }).rows += 1;
                }
            }
        }
        payload
    }

    fn drop_row(&mut self, reason: Reason, line: u64, value: &str) {
        let first = || DroppedRows { rows: 0, first: example(self.file, line, value) };
        self.rows_dropped.entry(reason).or_insert_with(first).rows += 1;
    }

    fn finish(self) -> (Vec<(String, Payload)>, TableReport) {
        let report = TableReport {
            rows_read: self.rows_read,
            ids: self.payloads.len(),
            rows_dropped: self.rows_dropped,
            columns: self.attributes.into_iter().map(|attribute| attribute.report).collect(),
        };
        (self.payloads, report)
    }
}

fn example(file: &Path, line: u64, value: &str) -> Example {
    Example { file: file.into(), line, value: crate::history::shown(value) }
}

impl fmt::Display for TableReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} ids", self.rows_read, self.ids)?;
        for (reason, dropped) in &self.rows_dropped {
            write!(f, "\ndropped, {:<20}{:>9}   first: {}", reason.code(), dropped.rows, dropped.first)?;
        }
        for column in &self.columns {
            write!(f, "\n{:<24}{:<8}in {} rows", column.name, column.kind.to_string(), column.filled)?;
            if let Some(refused) = &column.refused {
                write!(f, ", {} refused, first: {}", refused.rows, refused.first)?;
            }
        }
        Ok(())
    }
}
