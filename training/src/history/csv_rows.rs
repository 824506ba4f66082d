//! The rows of a piece of CSV.

use super::columns::{ColumnMap, Columns};
use super::config::Encoding;
use super::csv_pieces::{Piece, Pieces};
use super::csv_records::{Records, newlines};
use super::error::HistoryError;
use super::parsed::{Parsed, Parser, Raws};
use super::rows::{RawNumber, RawRow, RawTime, Reason, Rejection, Rules};
use csv::ByteRecord;
use std::borrow::Cow;
use std::path::Path;

/// Reads the header off the first piece of a file; what remains of the piece comes back with it.
pub(super) fn read_header(
    pieces: &mut Pieces,
    columns: &Columns,
    rules: &Rules,
) -> Result<(ColumnMap, Piece), HistoryError> {
    let file = pieces.file().clone();
    let empty = || HistoryError::Empty { file: file.clone() };
    let mut piece = pieces.next_piece()?.ok_or_else(empty)?;
    let mut records = Records::new(&piece.bytes, rules.delimiter, piece.first_line);
    let Some(header) = records.next_record().map_err(|error| unreadable(&file, &piece, error))? else {
        return Err(empty());
    };
    let names = header.fields.iter().map(|name| {
        let text = decode(name, rules.encoding);
        String::from_utf8_lossy(&text).trim().to_string()
    });
    let names = names.collect();
    let after_header = records.position();
    piece.first_line += newlines(&piece.bytes[..after_header]);
    piece.bytes.drain(..after_header);
    Ok((columns.locate(names, &file)?, piece))
}

/// Parses all rows of a piece.
pub(super) fn parse(
    file: &Path,
    map: &ColumnMap,
    piece: &Piece,
    rules: &Rules,
    raws: Raws,
) -> Result<Parsed, HistoryError> {
    let bytes = decode(&piece.bytes, rules.encoding);
    let mut records = Records::new(&bytes, rules.delimiter, piece.first_line);
    let mut parser = Parser::new(rules, raws);
    while let Some(record) = records.next_record().map_err(|error| unreadable(file, piece, error))? {
        let row = match header_in(record.fields, map) {
            Header::None => raw_row(record.fields, map, rules),
            Header::Same => Err(Rejection::new(Reason::RepeatedHeader, "")),
            Header::Other => {
                let found = super::report::shown(&String::from_utf8_lossy(record.raw));
                return Err(HistoryError::HeaderChanged { file: file.into(), line: record.line, found });
            }
        };
        parser.take(record.line, row, || String::from_utf8_lossy(record.raw).into_owned())?;
    }
    Ok(parser.finish())
}

/// What a record has of a header.
enum Header {
    None,
    Same,
    Other,
}

/// A header names at least two columns of the file, and no time.
fn header_in(record: &ByteRecord, map: &ColumnMap) -> Header {
    let time = map.timestamp.and_then(|at| record.get(at)).and_then(|cell| cell.first());
    let may_be = time.is_none_or(|byte| !byte.is_ascii_digit()) || record.len() != map.names.len();
    if !may_be {
        return Header::None;
    }
    let is_name = |cell: &[u8], name: &String| cell.trim_ascii() == name.as_bytes() && !name.is_empty();
    if record.len() == map.names.len()
        && record.iter().zip(&map.names).all(|(cell, name)| is_name(cell, name))
    {
        return Header::Same;
    }
    let named = record.iter().filter(|cell| map.names.iter().any(|name| is_name(cell, name))).count();
    if named >= 2 { Header::Other } else { Header::None }
}

fn raw_row<'r>(record: &'r ByteRecord, map: &ColumnMap, rules: &Rules) -> Result<RawRow<'r>, Rejection<'r>> {
    if record.len() != map.names.len() {
        let found = format!("{} fields instead of {}", record.len(), map.names.len());
        return Err(Rejection::new(Reason::Ragged, found));
    }
    let text = |at: usize| -> Result<Option<&'r str>, Rejection<'r>> {
        match std::str::from_utf8(&record[at]) {
            Ok(text) => Ok(rules.present(text)),
            Err(_) => Err(Rejection::new(Reason::BadEncoding, String::from_utf8_lossy(&record[at]))),
        }
    };
    let number = |at: Option<usize>| -> Result<RawNumber<'r>, Rejection<'r>> {
        Ok(at.map(text).transpose()?.flatten().map_or(RawNumber::Missing, RawNumber::Text))
    };
    Ok(RawRow {
        customer: text(map.customer)?,
        item: text(map.item)?,
        at: match map.timestamp {
            Some(at) => text(at)?.map_or(RawTime::Missing, RawTime::Text),
            None => RawTime::Untimed,
        },
        quantity: number(map.quantity)?,
        price: number(map.price.map(|(_, at)| at))?,
        price_kind: map.price.map(|(kind, _)| kind),
        order: map.order.map(text).transpose()?.flatten(),
        kind: map.kind.map(text).transpose()?,
        discount: number(map.discount)?,
        channel: map.channel.map(text).transpose()?.flatten(),
    })
}

/// The bytes as UTF-8, as far as the stated encoding allows; UTF-8 itself is judged field by field.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Utf8 => Cow::Borrowed(bytes),
        Encoding::Windows1252 => match encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

fn unreadable(file: &Path, piece: &Piece, error: csv::Error) -> HistoryError {
    HistoryError::Read { file: file.into(), line: piece.first_line, source: std::io::Error::other(error) }
}
