//! Endpoints for the account as a whole: its clock, tokens, webhooks and saved states.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{Control, ControlError, bad, io_error, parse};
use crate::drivers::webhook_sender::Delivery;

/// The version of the control API.
pub(super) const VERSION: &str = "v1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AdvanceClock {
    advance_seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expiry {
    #[serde(default)]
    account: bool,
    #[serde(default)]
    upload: bool,
}

impl Control {
    pub(super) fn status(&self) -> Value {
        let snapshot = self.emulator.snapshot();
        json!({
            "accountId": self.emulator.account_id(),
            "emulator": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "controlVersion": VERSION,
            "url": &*self.url,
            "now": self.emulator.account().now(),
            "calls": snapshot.calls,
            "buckets": snapshot.buckets,
            "versions": snapshot.versions,
            "unfinishedLargeFiles": snapshot.unfinished_large_files,
            "storedBytes": snapshot.stored_bytes,
        })
    }

    pub(super) fn clock(&self) -> Value {
        json!({"now": self.emulator.account().now()})
    }

    pub(super) fn reset_clock(&self) -> Result<Value, ControlError> {
        if self.emulator.account().reset_clock() {
            return Ok(self.clock());
        }
        let message = "the emulator's clock can't be reset";
        Err(ControlError(StatusCode::CONFLICT, message.to_owned()))
    }

    pub(super) fn advance_clock(&self, body: &[u8]) -> Result<(), ControlError> {
        let advance: AdvanceClock = parse(body)?;
        let by = Duration::try_from_secs_f64(advance.advance_seconds)
            .map_err(|_| bad("advanceSeconds must be 0 or more"))?;
        if self.emulator.account().advance_clock(by) {
            return Ok(());
        }
        let message = "the emulator's clock can't be advanced";
        Err(ControlError(StatusCode::CONFLICT, message.to_owned()))
    }

    pub(super) fn expire(&self, body: &[u8]) -> Result<Value, ControlError> {
        let expiry: Expiry = parse(body)?;
        if !(expiry.account || expiry.upload) {
            return Err(bad("account or upload must be true"));
        }
        if expiry.account {
            self.emulator.expire_account_tokens();
        }
        if expiry.upload {
            self.emulator.expire_upload_tokens();
        }
        self.persist()
    }

    pub(super) fn webhooks(&self, clear: bool) -> Value {
        let deliveries = match &self.sender {
            Some(sender) => {
                let log = sender.log();
                if clear {
                    sender.clear_log();
                }
                log
            }
            None => {
                let taken = self.emulator.drain_webhooks().into_iter();
                taken.map(Delivery::not_sent).collect()
            }
        };
        let json: Vec<Value> = deliveries.iter().map(Delivery::json).collect();
        json!({"webhooks": json})
    }

    pub(super) fn reset(&self) -> Result<Value, ControlError> {
        self.clear_faults();
        if let Some(sender) = &self.sender {
            sender.clear_log();
        }
        let restored = self.emulator.restore(&self.state().initial);
        restored.map_err(io_error)?;
        Ok(json!({}))
    }

    pub(super) fn states(&self) -> Value {
        let state = self.state();
        let names: Vec<&String> = state.states.keys().collect();
        json!({"states": names})
    }

    pub(super) fn save(&self, name: &str) -> Value {
        let saved = self.emulator.save();
        self.state().states.insert(name.to_owned(), saved);
        json!({})
    }

    pub(super) fn remove_state(&self, name: &str) -> Result<Value, ControlError> {
        let removed = self.state().states.remove(name);
        removed.map(|_| json!({})).ok_or_else(|| no_state(name))
    }

    pub(super) fn restore(&self, name: &str) -> Result<Value, ControlError> {
        let state = self.state();
        let saved = state.states.get(name).ok_or_else(|| no_state(name))?;
        self.emulator.restore(saved).map_err(io_error)?;
        Ok(json!({}))
    }
}

fn no_state(name: &str) -> ControlError {
    ControlError::not_found(format!("there is no saved state {name}"))
}
