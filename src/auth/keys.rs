//! API keys: `pf_<key id>_<secret>`, 256 random bits of secret, kept as SHA-256.
//!
//! A random key needs no slow hash: nobody can guess it, and a slow one would cost more than the answer.

use super::Role;
use crate::metrics::Lookups;
use crate::store::{KeyRecord, Result, Store};
use chrono::Utc;
use moka::sync::Cache;
use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a key that was read stays believed: a revocation holds everywhere within this time.
const BELIEVED: Duration = Duration::from_secs(2);

/// The keys that callers present.
pub struct Keys {
    store: Arc<dyn Store>,
    known: Cache<String, KeyRecord>,
    lookups: Lookups,
}

/// A key that was just made. Its text is shown once and kept nowhere.
pub struct NewKey {
    /// What to keep.
    pub record: KeyRecord,
    /// What to give to its owner.
    pub text: SecretString,
}

impl NewKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// [`SysError`] when the system has none to give.
    pub fn generate(role: Role, label: &str) -> std::result::Result<Self, SysError> {
        let (mut id, mut secret) = ([0u8; 8], [0u8; 32]);
        SysRng.try_fill_bytes(&mut id)?;
        SysRng.try_fill_bytes(&mut secret)?;
        let (key_id, secret) = (hex(&id), hex(&secret));
        let text = format!("pf_{key_id}_{secret}").into();
        let record = KeyRecord {
            key_id,
            role,
            label: label.to_owned(),
            secret_sha256: Sha256::digest(secret).into(),
            created_at: Utc::now(),
            revoked_at: None,
        };
        Ok(Self { record, text })
    }
}

impl Keys {
    /// The keys in a store.
    pub fn new(store: Arc<dyn Store>, lookups: Lookups) -> Self {
        let known = Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build();
        Self { store, known, lookups }
    }

    /// The key that a text proves to hold; `None` when it proves nothing.
    ///
    /// # Errors
    /// [`crate::store::StoreError`] when the store cannot be asked.
    pub async fn verify(&self, text: &SecretString) -> Result<Option<KeyRecord>> {
        let Some((key_id, secret)) = parts(text.expose_secret()) else { return Ok(None) };
        let record = match self.lookups.counted(self.known.get(key_id)) {
            Some(record) => record,
            None => match self.store.key(key_id).await? {
                Some(record) => {
                    self.known.insert(key_id.to_owned(), record.clone());
                    record
                }
                None => return Ok(None),
            },
        };
        let presented = Sha256::digest(secret);
        let matches: bool = presented.as_slice().ct_eq(&record.secret_sha256).into();
        Ok((matches && record.revoked_at.is_none()).then_some(record))
    }
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (key_id, secret) = text.strip_prefix("pf_")?.split_once('_')?;
    (key_id.len() == 16 && secret.len() == 64).then_some((key_id, secret))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_splits_into_its_id_and_a_secret_of_256_bits_whose_digest_is_kept() {
        let key = NewKey::generate(Role::Site, "shop").unwrap();
        let (id, secret) = parts(key.text.expose_secret()).unwrap();
        assert_eq!(id, key.record.key_id);
        assert_eq!(secret.len(), 64);
        assert_eq!(key.record.secret_sha256, <[u8; 32]>::from(Sha256::digest(secret)));
        let other = NewKey::generate(Role::Site, "shop").unwrap();
        assert_ne!(other.text.expose_secret(), key.text.expose_secret());
    }
}
