//! Layers of configuration, lowest first: defaults, file, environment, command line.

use super::Config;
use config::{ConfigBuilder, File, FileFormat, Value, ValueKind, builder::DefaultState};
use std::path::PathBuf;

/// The defaults, which are also their documentation.
const DEFAULTS: &str = include_str!("../../proffer.example.toml");

/// Environment variables with this prefix are settings; sections and keys are joined by two underscores.
const ENVIRONMENT_PREFIX: &str = "PROFFER__";

/// A variable that ends with this names a file that holds the value, as secrets are handed to containers.
const FILE_SUFFIX: &str = "_FILE";

/// Where settings come from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The user's TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables, such as [`std::env::vars`]; those without the prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// `key=value` from the command line, with dots between section and key.
    pub overrides: Vec<String>,
}

/// Why the service cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {reason}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The file that an environment variable names does not give a value.
    #[error("the environment variable {name} names {path}, {reason}")]
    ValueFile {
        /// Which variable.
        name: String,
        /// Which file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A value and a file with the value were both given.
    #[error("the environment has both {0} and {0}_FILE; remove one of them")]
    Twice(String),
    /// An override is no `key=value`.
    #[error("--set {0:?} is not of the form section.key=value")]
    Override(String),
    /// A key is unknown or a value has the wrong type.
    #[error("configuration key {key}: {reason}; `proffer config print` shows every key")]
    Key {
        /// The key path.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Values are out of range.
    #[error("the configuration is not valid:\n  {}", .0.join("\n  "))]
    Range(Vec<String>),
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be shown as TOML: {0}")]
    Unprintable(String),
}

impl Sources {
    /// Merges all layers and checks the result.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file or the key, and what would be right.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = &self.file {
            let error = |reason: String| ConfigError::File { path: path.display().to_string(), reason };
            let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
            // Parsed here first: this parser says the line and the column.
            toml::from_str::<toml::Table>(&text).map_err(|e| error(e.to_string()))?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        for (name, value) in &self.environment {
            let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let (key, value) = match key.strip_suffix(FILE_SUFFIX) {
                Some(key) => (key, &self.value_in_file(name, value)?),
                None => (key, value),
            };
            let key = key.to_lowercase().replace("__", ".");
            builder = set(builder, &key, name, value)?;
        }
        for line in &self.overrides {
            let (key, value) = line.split_once('=').ok_or_else(|| ConfigError::Override(line.clone()))?;
            builder = set(builder, key.trim(), "--set", value.trim())?;
        }
        let merged = builder.build().map_err(|e| key_error("?".into(), &e))?;
        let config: Config = serde_path_to_error::deserialize(merged)
            .map_err(|e| key_error(e.path().to_string(), e.inner()))?;
        match config.faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(ConfigError::Range(faults)),
        }
    }

    /// What stands in the file that a variable names instead of holding the value of a setting itself.
    fn value_in_file(&self, name: &str, path: &str) -> Result<String, ConfigError> {
        let plain = name.strip_suffix(FILE_SUFFIX).unwrap_or(name);
        if self.environment.iter().any(|(other, _)| other == plain) {
            return Err(ConfigError::Twice(plain.to_owned()));
        }
        let error = |reason| ConfigError::ValueFile { name: name.to_owned(), path: path.to_owned(), reason };
        text_of(path).map_err(error)
    }
}

/// The text of a file without the end of its last line.
fn text_of(path: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("which cannot be read: {error}"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("which is empty".into()),
        text => Ok(text.to_owned()),
    }
}

/// Sets one key from text. Lists are read as TOML; anything else stays text, which the reader converts.
fn set(
    builder: ConfigBuilder<DefaultState>,
    key: &str,
    origin: &str,
    text: &str,
) -> Result<ConfigBuilder<DefaultState>, ConfigError> {
    let value = if text.starts_with('[') { list(key, text)? } else { ValueKind::String(text.to_owned()) };
    builder
        .set_override(key, Value::new(Some(&origin.to_owned()), value))
        .map_err(|e| key_error(key.to_owned(), &e))
}

fn list(key: &str, text: &str) -> Result<ValueKind, ConfigError> {
    let error = |reason: String| ConfigError::Key { key: key.to_owned(), reason };
    let table: toml::Table = toml::from_str(&format!("list = {text}")).map_err(|e| error(e.to_string()))?;
    let words = table.get("list").and_then(toml::Value::as_array).into_iter().flatten();
    let words: Option<Vec<Value>> =
        words.map(|word| Some(Value::new(None, ValueKind::String(word.as_str()?.to_owned())))).collect();
    words.map(ValueKind::Array).ok_or_else(|| error(format!("{text} must be a list of texts")))
}

fn key_error(key: String, error: &config::ConfigError) -> ConfigError {
    ConfigError::Key { key, reason: error.to_string() }
}
