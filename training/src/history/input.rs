//! Bytes of a history file: what it is by its first bytes, decompressed as it is read.

use super::error::HistoryError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file, opened and recognised.
pub(crate) enum Input {
    /// Text, decompressed where needed, without a byte order mark.
    Csv(Box<dyn Read + Send>),
    /// A Parquet file.
    Parquet(File),
}

/// How many bytes of the files have been read, for progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The sizes of the files together, in bytes; every file must be there before any is read.
pub(crate) fn total_bytes(files: &[PathBuf]) -> Result<u64, HistoryError> {
    files.iter().try_fold(0, |total, file| {
        let open_error = |source| HistoryError::Open { file: file.clone(), source };
        let metadata = std::fs::metadata(file).map_err(open_error)?;
        if metadata.is_dir() {
            return Err(open_error(std::io::Error::other("it is a directory; name the files in it")));
        }
        Ok(total + metadata.len())
    })
}

/// Opens a file and recognises it by its first bytes, whatever its name.
pub(crate) fn open(path: &Path, bytes_read: &BytesRead) -> Result<Input, HistoryError> {
    let open_error = |source| HistoryError::Open { file: path.into(), source };
    let mut file = File::open(path).map_err(open_error)?;
    let mut start = Vec::with_capacity(6);
    (&mut file).take(6).read_to_end(&mut start).map_err(open_error)?;
    file.rewind().map_err(open_error)?;
    if start.is_empty() {
        return Err(HistoryError::Empty { file: path.into() });
    }
    if start.starts_with(b"PAR1") {
        return Ok(Input::Parquet(file));
    }
    let counted = Counted { inner: file, bytes_read: bytes_read.clone() };
    let text: Box<dyn Read + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, counted)))
    } else if is_zstd(&start) {
        Box::new(zstd::Decoder::new(counted).map_err(open_error)?)
    } else if let Some((kind, remedy)) = unsupported(&start) {
        return Err(HistoryError::Unsupported { file: path.into(), kind, remedy });
    } else {
        Box::new(counted)
    };
    without_byte_order_mark(text).map(Input::Csv).map_err(open_error)
}

/// A frame, or one of the skippable frames that some tools put first.
fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || matches!(start, [first, 0x2a, 0x4d, 0x18, ..] if (0x50..=0x5f).contains(first))
}

fn unsupported(start: &[u8]) -> Option<(&'static str, &'static str)> {
    const KINDS: [(&[u8], &str, &str); 6] = [
        (b"PK\x03\x04", "a zip archive or a spreadsheet", "CSV, plain or compressed with gzip or zstd"),
        (b"\xfd7zXZ", "an xz file", "gzip or zstd"),
        (b"BZh", "a bzip2 file", "gzip or zstd"),
        (b"ARROW1", "an Arrow IPC file", "Parquet"),
        (b"\xff\xfe", "UTF-16 text", "UTF-8"),
        (b"\xfe\xff", "UTF-16 text", "UTF-8"),
    ];
    KINDS.iter().find(|(magic, _, _)| start.starts_with(magic)).map(|&(_, kind, remedy)| (kind, remedy))
}

fn without_byte_order_mark(mut text: Box<dyn Read + Send>) -> std::io::Result<Box<dyn Read + Send>> {
    let mut start = Vec::with_capacity(3);
    (&mut text).take(3).read_to_end(&mut start)?;
    if start == "\u{feff}".as_bytes() {
        return Ok(text);
    }
    Ok(Box::new(std::io::Cursor::new(start).chain(text)))
}

struct Counted<R> {
    inner: R,
    bytes_read: BytesRead,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes_read.add(n as u64);
        Ok(n)
    }
}
