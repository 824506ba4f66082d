//! The manifest: what a release is, where it comes from, and the checksum of each of its files.

use crate::events::Timestamp;
use crate::interactions::KindWeights;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// The file that makes a directory a release.
pub const MANIFEST: &str = "manifest.json";

/// The version of the format that this code writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 4;

/// Bytes of a file that are read at a time.
const PIECE: usize = 1 << 20;

/// What a release says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Derived from the data cut-off and the checksums: the same content has the same id.
    pub id: String,
    /// When it was trained, RFC 3339.
    pub created_at: String,
    /// The release knows the events before this moment; live events from it on are added at request time.
    pub data_cutoff: Timestamp,
    /// The unit of every time in the release's tables.
    pub time_unit: TimeUnit,
    /// The seed of everything random in training.
    pub seed: u64,
    /// How much an event of each kind says about taste; live events are weighed alike.
    pub event_weights: KindWeights,
    /// Number of things in each table.
    pub counts: Counts,
    /// The parameters of training, as configured or found by search.
    pub parameters: serde_json::Value,
    /// The measured quality: the table that training printed.
    pub quality: serde_json::Value,
    /// Every file by its name inside the release.
    pub files: BTreeMap<String, FileEntry>,
}

/// A unit of time, carried so that a mismatch is refused rather than served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds since 1970-01-01 00:00 UTC.
    UnixSeconds,
}

/// Sizes of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Customers in the history.
    pub customers: usize,
    /// Items in the catalogue.
    pub items: usize,
    /// Customer-item pairs.
    pub interactions: usize,
    /// Dimensions of the vectors that an index holds.
    pub factors: usize,
}

/// Size and checksum of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 in lower-case hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

impl FileEntry {
    /// The entry of a file with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::hashed(bytes.len() as u64, Sha256::new_with_prefix(bytes))
    }

    /// The entry of a file that is read to its end, a piece at a time.
    ///
    /// # Errors
    /// Those of reading.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let (mut hasher, mut size_bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
        loop {
            let read = match reader.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Ok(Self::hashed(size_bytes, hasher));
            }
            hasher.update(&piece[..read]);
            size_bytes += read as u64;
        }
    }

    fn hashed(size_bytes: u64, hasher: Sha256) -> Self {
        let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { size_bytes, sha256 }
    }

    /// Refuses a file that is not the one that was published.
    ///
    /// # Errors
    /// [`Error::Unreadable`] naming the file and whether its size or its checksum differs.
    pub fn verify(&self, name: &str, found: &Self) -> Result<()> {
        let unreadable = |reason: String| Error::Unreadable { part: name.into(), reason };
        if found.size_bytes != self.size_bytes {
            return Err(unreadable(format!(
                "it has {} bytes where the manifest says {}; it was truncated or replaced",
                found.size_bytes, self.size_bytes
            )));
        }
        if found.sha256 != self.sha256 {
            return Err(unreadable(format!(
                "its SHA-256 is {} where the manifest says {}; it was altered",
                found.sha256, self.sha256
            )));
        }
        Ok(())
    }
}

impl Manifest {
    /// Reads a manifest and refuses one that this code does not understand.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it is not JSON, of another format version, or names a file outside the release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let unreadable = |reason: String| Error::Unreadable { part: MANIFEST.into(), reason };
        /// Read first, so that a newer format is named as such rather than as an unknown field.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|e| unreadable(e.to_string()))?;
        if version.format_version != FORMAT_VERSION {
            return Err(unreadable(format!(
                "its format version is {}, but this program reads version {FORMAT_VERSION}; train again with this program",
                version.format_version
            )));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| unreadable(e.to_string()))?;
        match manifest.files.keys().find(|name| !is_inside(name)) {
            Some(name) => {
                Err(unreadable(format!("it names the file {name:?}, which is outside the release")))
            }
            None => Ok(manifest),
        }
    }

    /// The manifest as it is written.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when a measured figure has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
            .map_err(|e| Error::Unreadable { part: MANIFEST.into(), reason: e.to_string() })
    }
}

/// The id of a release with this content: the date of its data and a digest of its files.
pub fn release_id(data_cutoff: Timestamp, files: &BTreeMap<String, FileEntry>) -> String {
    let mut digest = Sha256::new();
    for (name, entry) in files {
        digest.update(format!("{name}\0{}\n", entry.sha256));
    }
    let digest: String = digest.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let (year, month, day) = civil_date(data_cutoff.day());
    format!("{year:04}{month:02}{day:02}-{digest}")
}

/// The Gregorian date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible date algorithms").
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether a name is a plain relative path without `..`: a manifest may not point outside its directory.
fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_release_ids_are_those_of_the_calendar() {
        for (day, expected) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (17_532, (2018, 1, 1)), (-1, (1969, 12, 31))]
        {
            assert_eq!(civil_date(day), expected, "day {day}");
        }
    }

    #[test]
    fn a_manifest_that_points_outside_its_directory_is_refused() {
        for name in ["../x", "/etc/passwd", "a//b", "index/../../x", "c:\\x", ""] {
            assert!(!is_inside(name), "{name:?}");
        }
        assert!(is_inside("index/graph.bin"));
    }

    #[test]
    fn another_format_version_is_named() {
        let error = Manifest::parse(br#"{"format_version": 99, "new_field": 1}"#).unwrap_err().to_string();
        assert!(error.contains("version is 99"), "{error}");
    }
}
