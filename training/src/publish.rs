//! Publishing a release: written aside, synced, renamed. It exists whole or not at all.

use models::release::{Files, MANIFEST, Manifest};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a release could not be published; nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file or directory could not be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said, a full disk for one.
        source: io::Error,
    },
    /// The manifest could not be encoded.
    #[error(transparent)]
    Encode(#[from] models::Error),
}

/// Writes the files and the manifest of a release as `<directory>/<manifest.id>`, and returns that path.
///
/// A release with the same id has the same content, so one that is already there is left as it is.
///
/// # Errors
/// [`PublishError`] naming the path that could not be written; the directory then holds what it held before.
pub fn publish(directory: &Path, manifest: &Manifest, files: &Files) -> Result<PathBuf, PublishError> {
    let target = directory.join(&manifest.id);
    if target.join(MANIFEST).is_file() {
        return Ok(target);
    }
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let aside = directory.join(format!(".{}.{}.tmp", manifest.id, std::process::id()));
    let written = write_aside(&aside, manifest, files).and_then(|()| {
        fs::rename(&aside, &target).map_err(failed(&target))?;
        sync(directory)
    });
    if let Err(error) = written {
        // The first error is the one worth telling; what cannot be removed is hidden by its dot.
        let _ = fs::remove_dir_all(&aside);
        return Err(error);
    }
    Ok(target)
}

fn write_aside(aside: &Path, manifest: &Manifest, files: &Files) -> Result<(), PublishError> {
    let manifest = manifest.to_json()?;
    let all = files.iter().map(|(name, bytes)| (name.as_str(), bytes)).chain([(MANIFEST, &manifest)]);
    let mut folders = vec![aside.to_path_buf()];
    fs::create_dir_all(aside).map_err(failed(aside))?;
    for (name, bytes) in all {
        let path = aside.join(name);
        if let Some(folder) = path.parent().filter(|folder| !folders.iter().any(|known| known == folder)) {
            fs::create_dir_all(folder).map_err(failed(folder))?;
            folders.push(folder.to_path_buf());
        }
        let mut file = File::create_new(&path).map_err(failed(&path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(&path))?;
    }
    folders.iter().rev().try_for_each(|folder| sync(folder))
}

/// Makes the entries of a directory durable.
fn sync(directory: &Path) -> Result<(), PublishError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed(directory))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> PublishError + use<> {
    let path = path.to_path_buf();
    |source| PublishError::Io { path, source }
}
