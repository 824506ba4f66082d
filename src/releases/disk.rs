//! Releases as directories: listing them and reading one back.

use models::release::{Files, MANIFEST, Manifest, Release, is_loaded_to_serve};
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

/// Why a release cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// There is no release with this id.
    #[error("there is no release {id:?} in {directory}; `GET /v1/releases` lists those that are there")]
    Unknown {
        /// The id asked for.
        id: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The directory holds no release at all.
    #[error("there is no release in {0}; make one with `proffer train --models`")]
    None(PathBuf),
    /// A file cannot be read from disk.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not that of a sound release.
    #[error("release {id:?} is damaged: {source}")]
    Damaged {
        /// Which release.
        id: String,
        /// What is wrong with which file.
        source: models::Error,
    },
    /// The index of the release does not come up.
    #[error("the vector index of release {id:?} does not come up: {reason}")]
    Index {
        /// Which release.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no earlier release to go back to.
    #[error("there is no earlier release to roll back to")]
    NothingToRollBackTo,
    /// The choice of release could not be stored.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// A directory in the models directory, and what its manifest says or what is wrong with it.
pub type Listed = (String, Result<Manifest, ReleaseError>);

/// All releases of a directory, the latest training first; a damaged manifest is listed with its error.
///
/// # Errors
/// [`ReleaseError::Io`] when the directory cannot be listed; one that does not exist is empty.
pub fn list(directory: &Path) -> Result<Vec<Listed>, ReleaseError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ReleaseError::Io { path: directory.into(), source }),
    };
    let mut releases = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| ReleaseError::Io { path: directory.into(), source })?;
        let Ok(id) = entry.file_name().into_string() else { continue };
        // A dot hides what is being written.
        if !id.starts_with('.') && entry.path().join(MANIFEST).is_file() {
            let manifest = manifest(directory, &id);
            releases.push((id, manifest));
        }
    }
    let created = |listed: &Listed| listed.1.as_ref().ok().map(|m| m.created_at.clone());
    releases.sort_by(|a, b| created(b).cmp(&created(a)).then_with(|| b.0.cmp(&a.0)));
    Ok(releases)
}

/// Reads, verifies and decodes one release, with the files of its index.
///
/// # Errors
/// [`ReleaseError`] saying which file of it is missing, unreadable or damaged.
pub fn load(directory: &Path, id: &str) -> Result<(Manifest, Release, Files), ReleaseError> {
    let manifest = manifest(directory, id)?;
    let names: Vec<&String> = manifest.files.keys().filter(|name| is_loaded_to_serve(name)).collect();
    let files: Files = names
        .into_par_iter()
        .map(|name| Ok((name.clone(), read(&directory.join(id).join(name))?)))
        .collect::<Result<_, ReleaseError>>()?;
    let release = Release::decode(&manifest, &files)
        .map_err(|source| ReleaseError::Damaged { id: id.into(), source })?;
    Ok((manifest, release, files))
}

fn manifest(directory: &Path, id: &str) -> Result<Manifest, ReleaseError> {
    // An id comes from a URL: it names an entry of the directory, never a path.
    let is_name = !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\\', '\0']);
    let path = directory.join(id).join(MANIFEST);
    if !is_name || !path.is_file() {
        return Err(ReleaseError::Unknown { id: id.into(), directory: directory.into() });
    }
    let damaged = |source| ReleaseError::Damaged { id: id.into(), source };
    let manifest = Manifest::parse(&read(&path)?).map_err(damaged)?;
    if manifest.id != id {
        return Err(damaged(models::Error::Unreadable {
            part: MANIFEST.into(),
            reason: format!(
                "it is that of release {:?}; directories of releases keep their names",
                manifest.id
            ),
        }));
    }
    Ok(manifest)
}

fn read(path: &Path) -> Result<Vec<u8>, ReleaseError> {
    std::fs::read(path).map_err(|source| ReleaseError::Io { path: path.into(), source })
}
