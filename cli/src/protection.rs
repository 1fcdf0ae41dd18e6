//! [`Protection`]: options for encryption and Object Lock, named as in the official CLI.

use anyhow::{Result, bail};
use b2kit::sync::{Location, SyncPolicy};
use b2kit::types::{CustomerKey, EncryptionSetting, LegalHold, RetentionMode, Timestamp};
use clap::Args;

use crate::words::one_of;

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

impl Protection {
    /// A policy with these settings, and with the keys. Options that can have no effect are refused.
    pub(crate) fn policy(&self, from: &Location, to: &Location) -> Result<SyncPolicy> {
        let encryption = self.destination_server_side_encryption.as_deref();
        let locks = self.retain_until.is_some() || self.legal_hold.is_some();
        if (encryption.is_some() || locks) && !to.is_remote() {
            bail!("local files can't be encrypted or locked by B2");
        }
        if self.source_server_side_encryption.is_some() && !from.is_remote() {
            bail!("local files have no server-side encryption");
        }
        let (mut policy, key) = (SyncPolicy::new(), CustomerKey::from_env);
        if let Some(mode) = encryption {
            policy = policy.server_side_encryption(match mode {
                "SSE-C" => EncryptionSetting::SseC(key("B2_DESTINATION_SSE_C_KEY_B64")?),
                _ => EncryptionSetting::SseB2,
            });
        }
        if self.source_server_side_encryption.is_some() {
            policy = policy.source_customer_key(key("B2_SOURCE_SSE_C_KEY_B64")?);
        }
        if let (Some(mode), Some(until)) = (&self.file_retention_mode, self.retain_until) {
            policy = policy.file_retention(mode.clone(), Timestamp::from_millis(until));
        }
        if let Some(hold) = &self.legal_hold {
            policy = policy.legal_hold(hold.clone());
        }
        Ok(policy)
    }
}
