//! Replicas on one store serve the release that was chosen last, whichever of them was told; and a service that found none
//! when it started takes the first that appears.

use super::{ReleaseError, Releases};
use std::sync::Weak;
use std::time::Duration;

/// How often the choice is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited after a release that could not be served, at first and at most: reading one costs more than looking.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Follows the stored choice until the releases are gone.
pub async fn follow(releases: Weak<Releases>) {
    let mut pause = PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(releases) = releases.upgrade() else { return };
        pause = match releases.take_over().await {
            // Where there is still nothing to serve, readiness says so.
            Ok(()) | Err(ReleaseError::None(_)) => PAUSE,
            Err(ReleaseError::Store(error)) => {
                tracing::warn!(%error, "which release was chosen cannot be read");
                PAUSE
            }
            Err(error) => {
                tracing::warn!(%error, "the chosen release cannot be served here");
                (pause * 2).clamp(PAUSE_AFTER_FAILURE, LONGEST_PAUSE)
            }
        };
    }
}

impl Releases {
    /// Serves what was chosen last, by whatever process, where it is on this disk.
    async fn take_over(&self) -> Result<(), ReleaseError> {
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

    /// The release that was chosen last, where it is on this disk and is not the one that serves.
    async fn chosen_elsewhere(&self) -> Result<Option<String>, ReleaseError> {
        let chosen = self.store.activations(1).await?.into_iter().next().map(|last| last.release_id);
        let serves = |id: &String| self.current().is_some_and(|current| current.manifest.id == *id);
        Ok(chosen.filter(|id| !serves(id) && self.directory.join(id).is_dir()))
    }
}
