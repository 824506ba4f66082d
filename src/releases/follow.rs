//! Replicas on one store serve the release that was chosen last, whichever of them was told; and a service that found none
//! when it started takes the first that appears.

use super::{ReleaseError, Releases};
use std::sync::Weak;
use std::time::Duration;

/// How often the choice is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited after a release that could not be served: reading one costs more than looking.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Follows the stored choice until the releases are gone.
pub async fn follow(releases: Weak<Releases>) {
    let mut pause = PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(releases) = releases.upgrade() else { return };
        pause = match releases.take_over().await {
            Ok(()) => PAUSE,
            // Where there is still nothing to serve, readiness says so.
            Err(ReleaseError::None(_)) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "the chosen release cannot be served here; the running one goes on");
                PAUSE_AFTER_FAILURE
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
        let stored = self.store.activations(1).await?.into_iter().next().map(|last| last.release_id);
        let Some(chosen) = stored.filter(|id| !self.serves(id) && self.directory.join(id).is_dir()) else {
            return Ok(());
        };
        let _changing = self.changing.lock().await;
        if !self.serves(&chosen) {
            let serving = self.prepare(&chosen).await?;
            self.publish(serving);
        }
        Ok(())
    }

    fn serves(&self, id: &str) -> bool {
        self.current().is_some_and(|current| current.manifest.id == id)
    }
}
