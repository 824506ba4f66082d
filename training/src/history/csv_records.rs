//! The records of some CSV, each with its line and its text.

use csv::ByteRecord;

/// Walks over records without copying their text.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    record: ByteRecord,
    line: u64,
    /// Up to where lines are counted.
    counted: usize,
}

/// One record.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) fields: &'r ByteRecord,
    /// The line on which it starts.
    pub(crate) line: u64,
    /// Its text without the line end.
    pub(crate) raw: &'r [u8],
}

impl<'a> Records<'a> {
    /// The records of `bytes`, whose first line is `first_line`.
    pub(crate) fn new(bytes: &'a [u8], delimiter: u8, first_line: u64) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(1 << 16)
            .from_reader(bytes);
        Self { bytes, reader, record: ByteRecord::new(), line: first_line, counted: 0 }
    }

    /// The next record; `None` at the end.
    pub(crate) fn next_record(&mut self) -> csv::Result<Option<Record<'_>>> {
        let before = self.reader.position().byte() as usize;
        if !self.reader.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        // The reader leaves line ends, and blank lines, to the record that follows.
        let is_line_end = |byte: &&u8| b"\r\n".contains(*byte);
        let start = before + self.bytes[before..].iter().take_while(is_line_end).count();
        let after = self.position();
        let text = &self.bytes[start..after.max(start)];
        let raw = &text[..text.len() - text.iter().rev().take_while(is_line_end).count()];
        self.line += newlines(&self.bytes[self.counted..start]);
        self.counted = start;
        Ok(Some(Record { fields: &self.record, line: self.line, raw }))
    }

    /// How many bytes have been walked over.
    pub(crate) fn position(&self) -> usize {
        self.reader.position().byte() as usize
    }
}

/// Lines are counted by line feeds, as editors do.
pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}
