//! `[tls]`: certificates of the front listener.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use crate::domain::secret::Secret;

/// Settings of TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// `SSL_ENABLED`: false, true or auto.
    pub enabled: TlsMode,
    /// Certificate chain, PEM (`SSL_CERTFILE`).
    pub certfile: PathBuf,
    /// Private key, PEM (`SSL_KEYFILE`).
    pub keyfile: PathBuf,
    /// Password of an encrypted key (`SSL_KEYFILE_PASSWORD`).
    pub keyfile_password: Option<Secret<String>>,
    /// Certificates of our own making (`SSL_DEV`).
    pub dev: bool,
    /// More names for the certificates of our own making.
    pub dev_names: Vec<String>,
}

/// Where the front listener's certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// Nowhere: plain HTTP only.
    Off,
    /// The two files; their absence is an error.
    Files,
    /// The two files if both are there, else of our own making.
    FilesOrDev,
    /// Of our own making.
    Dev,
}

impl TlsConfig {
    /// Where the certificate comes from.
    pub const fn source(&self) -> TlsSource {
        match (self.enabled, self.dev) {
            (TlsMode::Auto, _) => TlsSource::FilesOrDev,
            (TlsMode::Off | TlsMode::Files, true) => TlsSource::Dev,
            (TlsMode::Files, false) => TlsSource::Files,
            (TlsMode::Off, false) => TlsSource::Off,
        }
    }
}

/// Whether the front listener speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain HTTP only.
    Off,
    /// The files; their absence is an error.
    Files,
    /// The files if both are there, else certificates of our own making.
    Auto,
}

impl<'de> Deserialize<'de> for TlsMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = TlsMode;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("true, false or auto")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<TlsMode, E> {
                Ok(if on { TlsMode::Files } else { TlsMode::Off })
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<TlsMode, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<TlsMode, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TlsMode, E> {
                match text.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => Ok(TlsMode::Files),
                    "false" | "0" | "no" | "off" => Ok(TlsMode::Off),
                    "auto" => Ok(TlsMode::Auto),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
