//! `proffer key`

use super::ConfigArguments;
use crate::auth::{NewKey, Role};
use crate::metrics::Metrics;
use crate::startup;
use anyhow::{Context, bail};
use chrono::Utc;
use clap::Subcommand;
use comfy_table::Table;
use secrecy::ExposeSecret;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Makes a key and prints it once; it cannot be shown again.
    Create {
        #[command(flatten)]
        config: ConfigArguments,
        /// What the key is for.
        #[arg(long)]
        role: Role,
        /// A note for people: who has it, where it is used.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Lists keys without their secrets.
    List {
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Revokes a key; running services follow within seconds.
    Revoke {
        #[command(flatten)]
        config: ConfigArguments,
        /// The key's id: what stands between the underscores.
        key_id: String,
    },
}

/// Runs `proffer key`.
pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    let config = match &command {
        KeyCommand::Create { config, .. }
        | KeyCommand::List { config }
        | KeyCommand::Revoke { config, .. } => config.load()?,
    };
    let store = startup::open_store(&config, Arc::new(Metrics::new()?)).await?;
    match command {
        KeyCommand::Create { role, label, .. } => {
            let key = NewKey::generate(role, &label).context("the system gives no random numbers")?;
            store.add_key(key.record).await?;
            println!("{}", key.text.expose_secret());
        }
        KeyCommand::List { .. } => {
            let mut table = Table::new();
            table.set_header(["key id", "role", "label", "created", "revoked"]);
            for key in store.keys().await? {
                let revoked = key.revoked_at.map_or_else(String::new, |at| at.to_rfc3339());
                table.add_row([
                    key.key_id,
                    key.role.to_string(),
                    key.label,
                    key.created_at.to_rfc3339(),
                    revoked,
                ]);
            }
            println!("{table}");
        }
        KeyCommand::Revoke { key_id, .. } => {
            if !store.revoke_key(&key_id, Utc::now()).await? {
                bail!("there is no key {key_id:?} to revoke; `proffer key list` shows all");
            }
        }
    }
    store.close().await;
    Ok(())
}
