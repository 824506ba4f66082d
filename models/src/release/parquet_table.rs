//! Tables as Parquet bytes, by column: what a data scientist opens with any tool.

use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// Rows decoded at a time; bounds the memory beside the result.
const BATCH_ROWS: usize = 64 * 1024;

/// One column of a table.
pub(super) enum Column {
    Text(StringArray),
    Index(UInt32Array),
    Real(Float32Array),
    Integer(Int64Array),
}

impl Column {
    fn into_array(self) -> ArrayRef {
        match self {
            Column::Text(array) => Arc::new(array),
            Column::Index(array) => Arc::new(array),
            Column::Real(array) => Arc::new(array),
            Column::Integer(array) => Arc::new(array),
        }
    }
}

/// Encodes columns of equal length.
pub(super) fn encode(part: &str, columns: Vec<(&str, Column)>) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Unreadable { part: part.into(), reason };
    let columns = columns.into_iter().map(|(name, column)| (name, column.into_array()));
    let batch = RecordBatch::try_from_iter(columns).map_err(|e| failed(e.to_string()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // The writer's own version would change the bytes with every upgrade of a dependency.
        .set_created_by("proffer".into())
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))
        .map_err(|e| failed(e.to_string()))?;
    writer.write(&batch).map_err(|e| failed(e.to_string()))?;
    writer.close().map_err(|e| failed(e.to_string()))?;
    Ok(bytes)
}

/// A Parquet table of a release, decoded batch by batch.
pub(super) struct Table<'a> {
    part: &'a str,
    batches: Vec<RecordBatch>,
}

impl<'a> Table<'a> {
    /// Decodes all rows of a table.
    pub(super) fn decode(part: &'a str, bytes: &[u8]) -> Result<Self> {
        let failed = |reason: String| Error::Unreadable { part: part.into(), reason };
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))
            .map_err(|e| failed(e.to_string()))?
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let batches = reader.collect::<std::result::Result<_, _>>().map_err(|e| failed(e.to_string()))?;
        Ok(Self { part, batches })
    }

    /// Number of rows.
    pub(super) fn n_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The text of a column, row after row.
    pub(super) fn texts(&self, name: &str) -> Result<impl Iterator<Item = &str>> {
        Ok(self.column::<StringArray>(name)?.into_iter().flat_map(|array| array.iter().flatten()))
    }

    /// The indexes of a column, row after row.
    pub(super) fn indexes(&self, name: &str) -> Result<impl Iterator<Item = u32>> {
        Ok(self.column::<UInt32Array>(name)?.into_iter().flat_map(|array| array.values().iter().copied()))
    }

    /// The numbers of a column, row after row.
    pub(super) fn reals(&self, name: &str) -> Result<impl Iterator<Item = f32>> {
        Ok(self.column::<Float32Array>(name)?.into_iter().flat_map(|array| array.values().iter().copied()))
    }

    /// The whole numbers of a column, row after row.
    pub(super) fn integers(&self, name: &str) -> Result<impl Iterator<Item = i64>> {
        Ok(self.column::<Int64Array>(name)?.into_iter().flat_map(|array| array.values().iter().copied()))
    }

    fn column<A: Array + 'static>(&self, name: &str) -> Result<Vec<&A>> {
        self.batches
            .iter()
            .map(|batch| {
                let array = batch.column_by_name(name).and_then(|array| array.as_any().downcast_ref::<A>());
                array.filter(|array| array.null_count() == 0).ok_or_else(|| Error::Unreadable {
                    part: self.part.into(),
                    reason: format!("it has no column {name:?} of the right type without nulls"),
                })
            })
            .collect()
    }
}
