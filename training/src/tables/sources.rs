//! Tables as rows of text, whatever the file; a Parquet file also knows the types.

use super::cells::ColumnType;
use super::error::TableError;
use super::{MAX_COLUMNS, TableConfig};
use crate::history::csv_records::Records;
use crate::history::csv_rows::decode;
use crate::history::input::{self, BytesRead, Input};
use crate::history::{HistoryError, quoted};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use csv::StringRecord;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A whole table.
pub(super) struct Table {
    pub(super) file: PathBuf,
    pub(super) names: Vec<String>,
    /// The types that the file itself states.
    pub(super) types: Vec<Option<ColumnType>>,
    pub(super) rows: Vec<TableRow>,
}

/// One row and where it stands.
pub(super) struct TableRow {
    pub(super) line: u64,
    /// The fields, or the text of a row that is outside the encoding.
    pub(super) fields: Result<StringRecord, String>,
}

impl Table {
    pub(super) fn read(config: &TableConfig, file: &Path) -> Result<Self, TableError> {
        input::total_bytes(&[file.to_path_buf()])?;
        let table = match input::open(file, &BytesRead::default())? {
            Input::Csv(text) => Self::from_csv(config, file, text)?,
            Input::Parquet(source) => Self::from_parquet(file, source)?,
        };
        let found = table.names.len();
        if found > MAX_COLUMNS {
            return Err(TableError::TooManyColumns { file: file.into(), found, limit: MAX_COLUMNS });
        }
        Ok(table)
    }

    pub(super) fn position(&self, column: &str) -> Result<usize, TableError> {
        let mut found = self.names.iter().enumerate().filter(|(_, name)| *name == column);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(at),
            _ => Err(TableError::Column {
                file: self.file.clone(),
                column: column.into(),
                found: quoted(&self.names),
            }),
        }
    }

    fn from_csv(
        config: &TableConfig,
        file: &Path,
        mut text: Box<dyn Read + Send>,
    ) -> Result<Self, TableError> {
        let delimiter = u8::try_from(config.delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte))
            .ok_or(TableError::Delimiter(config.delimiter))?;
        let unreadable = |source| HistoryError::Read { file: file.into(), line: 1, source };
        let mut bytes = Vec::new();
        text.read_to_end(&mut bytes).map_err(unreadable)?;
        let bytes = decode(&bytes, config.encoding);
        let mut records = Records::new(&bytes, delimiter, 1);
        let mut rows = Vec::new();
        while let Some(record) =
            records.next_record().map_err(|error| unreadable(std::io::Error::other(error)))?
        {
            let fields = StringRecord::from_byte_record(record.fields.clone());
            let fields = fields.map_err(|_| String::from_utf8_lossy(record.raw).into_owned());
            rows.push(TableRow { line: record.line, fields });
        }
        if rows.is_empty() {
            return Err(HistoryError::Empty { file: file.into() }.into());
        }
        let names: Vec<String> = match rows.remove(0).fields {
            Ok(names) => names.iter().map(|name| name.trim().to_string()).collect(),
            Err(lossy) => lossy.split(config.delimiter).map(|name| name.trim().to_string()).collect(),
        };
        Ok(Self { file: file.into(), types: vec![None; names.len()], names, rows })
    }

    fn from_parquet(file: &Path, source: File) -> Result<Self, TableError> {
        let damaged = |reason: String| TableError::Parquet { file: file.into(), reason };
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(source).map_err(|error| damaged(error.to_string()))?;
        let fields = builder.schema().fields().clone();
        let reader = builder.build().map_err(|error| damaged(error.to_string()))?;
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
            let columns =
                columns.collect::<Result<Vec<_>, _>>().map_err(|error| damaged(error.to_string()))?;
            for row in 0..batch.num_rows() {
                let fields = columns.iter().map(|column| column.value(row).to_string());
                rows.push(TableRow { line: rows.len() as u64 + 1, fields: Ok(fields.collect()) });
            }
        }
        Ok(Self {
            file: file.into(),
            names: fields.iter().map(|field| field.name().clone()).collect(),
            types: fields.iter().map(|field| Some(type_of(field.data_type()))).collect(),
            rows,
        })
    }
}

fn type_of(stored: &DataType) -> ColumnType {
    match stored {
        DataType::Boolean => ColumnType::Flag,
        stored if stored.is_numeric() => ColumnType::Number,
        _ => ColumnType::Text,
    }
}
