//! Replicas on one store serve the release that was chosen last, whichever of them was told; and a service that found none
//! when it started takes the first that appears.

use super::{ReleaseError, Releases};
use crate::store::StoreError;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the choice is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited after a release that could not be served, at first and at most: reading one costs more than looking.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A choice that could not be served, and when it is tried again. Another choice is followed at once.
struct Failed {
    chosen: Option<String>,
    pause: Duration,
    until: Instant,
}

/// Follows the stored choice until the releases are gone.
pub async fn follow(releases: Weak<Releases>) {
    let mut failed: Option<Failed> = None;
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(releases) = releases.upgrade() else { return };
        let chosen = match releases.chosen().await {
            Ok(chosen) => chosen,
            Err(error) => {
                tracing::warn!(%error, "which release was chosen cannot be read");
                continue;
            }
        };
        let before = failed.take_if(|failed| failed.chosen != chosen || failed.until <= Instant::now());
        if failed.is_some() {
            continue;
        }
        match releases.take_over().await {
            // Where there is still nothing to serve, readiness says so.
            Ok(()) | Err(ReleaseError::None(_)) => {}
            Err(error) => {
                tracing::warn!(%error, "the chosen release cannot be served here");
                let again = before.filter(|before| before.chosen == chosen);
                let pause = again.map_or(PAUSE_AFTER_FAILURE, |before| LONGEST_PAUSE.min(before.pause * 2));
                failed = Some(Failed { chosen, pause, until: Instant::now() + pause });
            }
        }
    }
}

impl Releases {
    /// Serves what was chosen last, by whatever process, where it is on this disk.
    async fn take_over(self: &Arc<Self>) -> Result<(), ReleaseError> {
        if self.current().is_none() {
            return self.activate_last().await.map(|_| ());
        }
        if self.chosen_elsewhere().await?.is_none() {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        // Another choice may have been made while this waited.
        if let Some(chosen) = self.chosen_elsewhere().await? {
            let serving = self.prepare(&chosen).await?;
            self.publish(serving);
        }
        Ok(())
    }

    /// The release that was chosen last.
    async fn chosen(&self) -> Result<Option<String>, StoreError> {
        Ok(self.store.activations(1).await?.into_iter().next().map(|last| last.release_id))
    }

    /// The release that was chosen last, where it is on this disk and is not the one that serves.
    async fn chosen_elsewhere(&self) -> Result<Option<String>, ReleaseError> {
        let chosen = self.chosen().await?;
        let serves = |id: &String| self.current().is_some_and(|current| current.manifest.id == *id);
        Ok(chosen.filter(|id| !serves(id) && self.directory.join(id).is_dir()))
    }
}
