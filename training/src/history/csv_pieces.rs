//! CSV as pieces of whole records, so that many can be parsed at once.
//!
//! A piece ends where a record ends. Where there is no quotation mark that is at any line end; otherwise the
//! quoting is followed from the piece's start by the same rules as the `csv` crate's.

use super::csv_records::newlines;
use super::error::HistoryError;
use std::io::Read;
use std::path::PathBuf;

/// The longest record; an open quote would otherwise swallow the file.
pub(super) const MAX_RECORD_BYTES: usize = 8 << 20;

/// Some whole records of a CSV file.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// The line of the file on which it starts, counted from 1.
    pub(super) first_line: u64,
}

/// The pieces of one file.
pub(super) struct Pieces {
    file: PathBuf,
    text: Box<dyn Read + Send>,
    delimiter: u8,
    piece_bytes: usize,
    /// What was read beyond the end of the last piece.
    rest: Vec<u8>,
    line: u64,
    finished: bool,
}

impl Pieces {
    pub(super) fn new(file: PathBuf, text: Box<dyn Read + Send>, delimiter: u8, piece_bytes: usize) -> Self {
        Self { file, text, delimiter, piece_bytes, rest: Vec::new(), line: 1, finished: false }
    }

    pub(super) fn file(&self) -> &PathBuf {
        &self.file
    }

    /// The next piece; `None` at the end of the file.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, HistoryError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut target = self.piece_bytes;
        while !self.finished {
            self.fill(&mut bytes, target)?;
            let (end, inside) = last_record_end(&bytes, self.delimiter);
            if self.finished {
                if inside == Field::Quoted {
                    return Err(self.unending(&bytes[..end]));
                }
                break;
            }
            if end > 0 {
                self.rest = Vec::with_capacity(self.piece_bytes + 4096);
                self.rest.extend_from_slice(&bytes[end..]);
                bytes.truncate(end);
                break;
            }
            if bytes.len() > MAX_RECORD_BYTES {
                return Err(self.unending(&[]));
            }
            target = (bytes.len() * 2).min(MAX_RECORD_BYTES + 1);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.line;
        self.line += newlines(&bytes);
        Ok(Some(Piece { bytes, first_line }))
    }

    fn unending(&self, records_before: &[u8]) -> HistoryError {
        let line = self.line + newlines(records_before);
        HistoryError::UnendingRecord { file: self.file.clone(), line, limit_bytes: MAX_RECORD_BYTES }
    }

    /// Reads until there are `target` bytes or no more.
    fn fill(&mut self, bytes: &mut Vec<u8>, target: usize) -> Result<(), HistoryError> {
        let wanted = target.saturating_sub(bytes.len()).max(1);
        let read = (&mut self.text).take(wanted as u64).read_to_end(bytes);
        let n =
            read.map_err(|source| HistoryError::Read { file: self.file.clone(), line: self.line, source })?;
        self.finished = n < wanted;
        Ok(())
    }
}

/// The position after the last record that is whole (0 if there is none), and where in a field the bytes end;
/// they start where a record starts.
fn last_record_end(bytes: &[u8], delimiter: u8) -> (usize, Field) {
    if !bytes.contains(&b'"') {
        return (bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1), Field::Plain);
    }
    let mut state = Field::Start;
    let mut end = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        state = match (state, byte) {
            (Field::Quoted, b'"') => Field::QuoteInQuoted,
            (Field::Quoted, _) => Field::Quoted,
            (Field::Start | Field::QuoteInQuoted, b'"') => Field::Quoted,
            (_, b'\n') => {
                end = at + 1;
                Field::Start
            }
            (_, b'\r') => Field::Start,
            (_, byte) if byte == delimiter => Field::Start,
            _ => Field::Plain,
        };
    }
    (end, state)
}

/// Where in a field a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Start,
    Plain,
    Quoted,
    QuoteInQuoted,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces_of(text: &str, piece_bytes: usize) -> Result<Vec<Piece>, HistoryError> {
        let bytes = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let mut pieces = Pieces::new("test.csv".into(), bytes, b',', piece_bytes);
        std::iter::from_fn(|| pieces.next_piece().transpose()).collect()
    }

    fn records(bytes: &[u8]) -> Vec<csv::ByteRecord> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        reader.byte_records().map(Result::unwrap).collect()
    }

    proptest! {
        #[test]
        fn pieces_hold_the_same_records_as_the_whole_text(
            mut text in r#"[ab,"\n\r ]{0,80}"#,
            piece_bytes in 1usize..24,
        ) {
            let pieces = pieces_of(&text, piece_bytes).or_else(|_| {
                // A quote was left open; with one more there can be no reason to refuse.
                text.push('"');
                pieces_of(&text, piece_bytes)
            });
            let pieces = pieces.unwrap();
            let together: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.clone()).collect();
            prop_assert_eq!(&together, text.as_bytes());
            let parsed: Vec<_> = pieces.iter().flat_map(|piece| records(&piece.bytes)).collect();
            prop_assert_eq!(parsed, records(text.as_bytes()));
            let mut line = 1;
            for piece in &pieces {
                prop_assert_eq!(piece.first_line, line);
                line += piece.bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            }
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_with_its_line() {
        for rest in [1, MAX_RECORD_BYTES] {
            let text = format!("a,b\n1,2\n\"open,{}", "x,y\n".repeat(rest / 4 + 1));
            for piece_bytes in [3, 1 << 16, 1 << 30] {
                let error = pieces_of(&text, piece_bytes).unwrap_err();
                assert!(matches!(error, HistoryError::UnendingRecord { line: 3, .. }), "{error}");
            }
        }
    }
}
