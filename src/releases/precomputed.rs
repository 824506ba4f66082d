//! The recommendations that training made for every customer, read where they lie: a row is a few hundred bytes of a file
//! that the system keeps in memory as far as customers come.

use super::ReleaseError;
use models::ids::CustomerIx;
use models::measures::Repeats;
use models::ranking::Scored;
use models::release::precomputed::{Layout, PREFIX, file_name};
use models::release::{FileEntry, Manifest};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The lists of one release; a treatment of repeats that training did not rank for has none.
#[derive(Debug, Default)]
pub struct Precomputed {
    kept: Option<Lists>,
    removed: Option<Lists>,
}

#[derive(Debug)]
struct Lists {
    file: File,
    layout: Layout,
}

impl Precomputed {
    /// Opens and verifies the files that the manifest of a release names.
    ///
    /// # Errors
    /// [`ReleaseError`] naming the file that cannot be read or is damaged.
    pub(super) fn open(release: &Path, manifest: &Manifest) -> Result<Self, ReleaseError> {
        let open = |repeats| {
            let name = file_name(repeats);
            let entry = manifest.files.get(name);
            entry.map(|entry| Lists::open(release, entry, (repeats, manifest))).transpose()
        };
        Ok(Self { kept: open(Repeats::Kept)?, removed: open(Repeats::Removed)? })
    }

    /// The best of the catalogue for a customer, best first; `None` where training did not rank for them.
    ///
    /// # Errors
    /// Those of reading.
    pub fn of(&self, customer: CustomerIx, repeats: Repeats) -> io::Result<Option<Vec<Scored>>> {
        let lists = match repeats {
            Repeats::Kept => &self.kept,
            Repeats::Removed => &self.removed,
        };
        let row = lists.as_ref().and_then(|lists| Some((lists, lists.layout.row(customer)?)));
        row.map(|(lists, [items, scores])| Ok(Layout::list(&lists.read(items)?, &lists.read(scores)?)))
            .transpose()
    }
}

impl Lists {
    fn open(
        release: &Path,
        entry: &FileEntry,
        (repeats, manifest): (Repeats, &Manifest),
    ) -> Result<Self, ReleaseError> {
        let name = file_name(repeats);
        let path = release.join(name);
        let failed = |source| ReleaseError::Io { path: path.clone(), source };
        let damaged = |source| ReleaseError::Damaged { id: manifest.id.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let found = FileEntry::of_reader(&file).map_err(failed)?;
        entry.verify(name, &found).map_err(damaged)?;
        file.rewind().map_err(failed)?;
        let mut prefix = [0; PREFIX];
        file.read_exact(&mut prefix).map_err(failed)?;
        let mut header = vec![0; Layout::header_length(repeats, prefix).map_err(damaged)?];
        file.read_exact(&mut header).map_err(failed)?;
        let layout =
            Layout::of(repeats, &header, entry.size_bytes, manifest.counts.customers).map_err(damaged)?;
        Ok(Self { file, layout })
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}
