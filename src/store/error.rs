//! Why the store did not do what was asked, split by what the caller can do about it.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

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
            Fault::Corrupt => "is damaged; restore it from a backup",
            Fault::Unavailable => {
                "cannot be reached; check that its file or its server is there and can be read and written"
            }
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
            sqlx::Error::Database(e) => database_fault(e.as_ref()),
            sqlx::Error::PoolTimedOut => Fault::Busy,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Fault::Corrupt,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Configuration(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Fault::Unavailable,
            _ => Fault::Bug,
        };
        Self::new(fault, error.to_string())
    }
}

/// Tables that cannot be brought up to date are an operator's matter, unless the database itself failed.
pub(super) fn migration_error(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => StoreError::new(
            Fault::Unavailable,
            format!("its tables cannot be brought up to date, was it written by a newer version? {other}"),
        ),
    }
}

/// Both databases name their errors by codes, which look alike: `57014` is one of PostgreSQL's, `14` one of SQLite's.
fn database_fault(error: &dyn DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return postgres_fault(&code);
    }
    code.parse().map_or(Fault::Bug, sqlite_fault)
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

/// Sorts PostgreSQL's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>); the first two characters
/// are the class.
fn postgres_fault(code: &str) -> Fault {
    match code {
        // Serialisation, deadlock, lock timeout, statement timeout, too many connections, out of memory for locks.
        "40001" | "40P01" | "55P03" | "57014" | "53300" | "53200" => Fault::Busy,
        "53100" => Fault::Full,
        "XX001" | "XX002" => Fault::Corrupt,
        // A role that may not, a database that is not there, a server that only reads or is going down.
        "42501" | "3D000" | "3F000" | "25006" | "57P01" | "57P02" | "57P03" => Fault::Unavailable,
        _ if ["08", "28", "53", "58"].iter().any(|class| code.starts_with(class)) => Fault::Unavailable,
        _ => Fault::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_postgresql_say_what_can_be_done() {
        let cases = [
            ("40P01", Fault::Busy, "a deadlock"),
            ("57014", Fault::Busy, "a timeout, which looks like a number"),
            ("53100", Fault::Full, "a full disk"),
            ("08006", Fault::Unavailable, "a lost connection"),
            ("28P01", Fault::Unavailable, "a wrong password"),
            ("57P01", Fault::Unavailable, "a server that stops"),
            ("25006", Fault::Unavailable, "a replica"),
            ("XX001", Fault::Corrupt, "a damaged page"),
            ("23505", Fault::Bug, "a row that is there already"),
        ];
        for (code, fault, what) in cases {
            assert_eq!(postgres_fault(code), fault, "{what}");
        }
    }
}
