//! [`Protection`]: options for encryption and Object Lock, named as in the official CLI.

use std::env;

use anyhow::{Context as _, Result, bail};
use b2kit::sync::SyncPolicy;
use b2kit::transfer::{FileDownload, Upload};
use b2kit::types::{CustomerKey, EncryptionSetting, LegalHold, RetentionMode, Timestamp};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::location::Location;

/// Keys come from the environment, since other users of the machine can read arguments.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Encryption and Object Lock")]
pub(crate) struct Protection {
    /// Encrypt new files, SSE-C with the key in B2_DESTINATION_SSE_C_KEY_B64; by default as the bucket does
    #[arg(long, value_name = "MODE", value_parser = ["SSE-B2", "SSE-C"])]
    destination_server_side_encryption: Option<String>,

    /// Read files that are encrypted with the key in B2_SOURCE_SSE_C_KEY_B64
    #[arg(long, value_name = "MODE", value_parser = ["SSE-C"])]
    source_server_side_encryption: Option<String>,

    /// Retain new files; in compliance mode nobody can delete them before the time has come
    #[arg(long, value_name = "MODE", requires = "retain_until")]
    #[arg(value_parser = one_of::<RetentionMode>(&["governance", "compliance"]))]
    file_retention_mode: Option<RetentionMode>,

    /// Until when, in milliseconds since 1970
    #[arg(long, value_name = "TIMESTAMP", requires = "file_retention_mode")]
    retain_until: Option<i64>,

    /// Place new files under legal hold, or not
    #[arg(long, value_parser = one_of::<LegalHold>(&["on", "off"]))]
    legal_hold: Option<LegalHold>,
}

/// Parses B2's words.
fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: for<'a> From<&'a str> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).map(|word| T::from(&*word))
}

/// The values of the options, with the keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protected {
    encryption: Option<EncryptionSetting>,
    source_key: Option<CustomerKey>,
    retention: Option<(RetentionMode, Timestamp)>,
    legal_hold: Option<LegalHold>,
}

impl Protection {
    /// Reads the keys. Options that can have no effect are refused.
    pub(crate) fn read(&self, from: &Location, to: &Location) -> Result<Protected> {
        let protected = Protected {
            encryption: match self.destination_server_side_encryption.as_deref() {
                Some("SSE-C") => Some(EncryptionSetting::SseC(key("DESTINATION")?)),
                mode => mode.map(|_| EncryptionSetting::SseB2),
            },
            source_key: match &self.source_server_side_encryption {
                Some(_) => Some(key("SOURCE")?),
                None => None,
            },
            retention: (self.file_retention_mode.clone())
                .zip(self.retain_until.map(Timestamp::from_millis)),
            legal_hold: self.legal_hold.clone(),
        };
        let (encrypts, locks) = (
            protected.encryption.is_some(),
            protected.retention.is_some() || protected.legal_hold.is_some(),
        );
        match (from, to) {
            (_, to) if (encrypts || locks) && !matches!(to, Location::Remote(_)) => {
                bail!("local files can't be encrypted or locked by B2")
            }
            (from, _) if protected.source_key.is_some() && !matches!(from, Location::Remote(_)) => {
                bail!("local files have no server-side encryption")
            }
            _ => Ok(protected),
        }
    }
}

fn key(side: &str) -> Result<CustomerKey> {
    let variable = format!("B2_{side}_SSE_C_KEY_B64");
    let text = match env::var(&variable) {
        Ok(text) => text,
        Err(env::VarError::NotPresent) => bail!("{variable} is not set"),
        // The value may be the key itself, so it is not shown.
        Err(env::VarError::NotUnicode(_)) => bail!("{variable} is not base64"),
    };
    CustomerKey::from_base64(&text).context(variable)
}

impl Protected {
    pub(crate) fn policy(self, mut policy: SyncPolicy) -> SyncPolicy {
        if let Some(encryption) = self.encryption {
            policy = policy.server_side_encryption(encryption);
        }
        if let Some(key) = self.source_key {
            policy = policy.source_customer_key(key);
        }
        if let Some((mode, until)) = self.retention {
            policy = policy.file_retention(mode, until);
        }
        if let Some(hold) = self.legal_hold {
            policy = policy.legal_hold(hold);
        }
        policy
    }

    pub(crate) fn upload(self, mut upload: Upload) -> Upload {
        if let Some(encryption) = self.encryption {
            upload = upload.server_side_encryption(encryption);
        }
        if let Some((mode, until)) = self.retention {
            upload = upload.file_retention(mode, until);
        }
        if let Some(hold) = self.legal_hold {
            upload = upload.legal_hold(hold);
        }
        upload
    }

    pub(crate) fn download(self, download: FileDownload) -> FileDownload {
        match self.source_key {
            Some(key) => download.customer_key(key),
            None => download,
        }
    }
}
