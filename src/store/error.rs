//! Why the store did not do what was asked, split by what the caller can do about it.

/// What kind of trouble the store is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Locked by another process, or more writes wait than may: try again soon.
    Busy,
    /// No space is left: an operator must free some.
    Full,
    /// The file is damaged: an operator must restore it.
    Corrupt,
    /// The file cannot be reached, read or written, or the store is closed.
    Unavailable,
    /// A mistake in this program.
    Bug,
}

/// A failed store operation. Nothing of it was acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store {}: {message}", self.fault.remedy())]
pub struct StoreError {
    /// What kind of trouble.
    pub fault: Fault,
    /// What the database said; for logs, not for clients.
    pub message: String,
}

impl Fault {
    /// The trouble and its remedy in words, to follow "the store".
    pub fn remedy(self) -> &'static str {
        match self {
            Fault::Busy => "is busy or locked by another process; the same request can be repeated soon",
            Fault::Full => "has no space left; free space on its disk and repeat the request",
            Fault::Corrupt => "is damaged; restore its file from a backup",
            Fault::Unavailable => "cannot be reached; check that its file exists and can be read and written",
            Fault::Bug => "refused an operation that should be valid; please report this",
        }
    }
}

impl StoreError {
    /// An error of a kind, with what is known.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let fault = match &error {
            sqlx::Error::Database(e) => {
                e.code().and_then(|code| code.parse().ok()).map_or(Fault::Bug, sqlite_fault)
            }
            sqlx::Error::PoolTimedOut => Fault::Busy,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Fault::Corrupt,
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Fault::Unavailable,
            _ => Fault::Bug,
        };
        Self::new(fault, error.to_string())
    }
}

/// Sorts SQLite's result codes (<https://www.sqlite.org/rescode.html>); the low byte is the primary code.
fn sqlite_fault(extended_code: i32) -> Fault {
    match extended_code & 0xff {
        5 | 6 => Fault::Busy,
        13 => Fault::Full,
        11 | 26 => Fault::Corrupt,
        7 | 8 | 10 | 14 | 15 | 23 => Fault::Unavailable,
        _ => Fault::Bug,
    }
}
