//! [`Lock`]: Object Lock of a file version.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Retention and legal hold of a version, independent of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    pub(crate) retention: Option<Retention>,
    /// `None` if it was never set.
    pub(crate) legal_hold: Option<bool>,
}

/// Prevents deletion until some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    pub(crate) mode: RetentionMode,
    /// In milliseconds.
    pub(crate) until: u64,
}

/// Whether a retention can be ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RetentionMode {
    /// By a key with `bypassGovernance` that asks for it.
    Governance,
    /// Never.
    Compliance,
}

/// The retention of new versions in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultRetention {
    pub(crate) mode: RetentionMode,
    pub(crate) duration: u64,
    pub(crate) unit: Unit,
}

/// The unit of a retention period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Unit {
    Days,
    /// 365 days each.
    Years,
}

impl Lock {
    /// Whether the version can't be deleted. `bypass` is set if the caller may and wants to bypass
    /// governance.
    pub(crate) fn prevents_deletion(&self, now: u64, bypass: bool) -> bool {
        let retained = self.retention.is_some_and(|retention| {
            retention.is_active(now) && !(bypass && retention.mode == RetentionMode::Governance)
        });
        retained || self.legal_hold == Some(true)
    }

    pub(crate) fn legal_hold_json(&self) -> Option<&'static str> {
        self.legal_hold.map(|on| if on { "on" } else { "off" })
    }
}

impl Retention {
    pub(crate) const fn is_active(self, now: u64) -> bool {
        self.until > now
    }
}

/// A retention in the JSON of responses: null without one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetentionJson {
    mode: Option<&'static str>,
    retain_until_timestamp: Option<u64>,
}

impl RetentionJson {
    pub(crate) fn of(retention: Option<Retention>) -> Self {
        Self {
            mode: retention.map(|retention| retention.mode.as_str()),
            retain_until_timestamp: retention.map(|retention| retention.until),
        }
    }
}

impl RetentionMode {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "governance" => Some(Self::Governance),
            "compliance" => Some(Self::Compliance),
            _ => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

impl DefaultRetention {
    /// The retention of a version with this timestamp.
    pub(crate) const fn from(self, uploaded: u64) -> Retention {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let days = match self.unit {
            Unit::Days => self.duration,
            Unit::Years => self.duration.saturating_mul(365),
        };
        Retention {
            mode: self.mode,
            until: uploaded.saturating_add(days.saturating_mul(DAY)),
        }
    }

    /// In the JSON of responses: null without one.
    pub(crate) fn json(this: Option<Self>) -> Value {
        let period = this.map(|this| {
            let unit = match this.unit {
                Unit::Days => "days",
                Unit::Years => "years",
            };
            json!({"duration": this.duration, "unit": unit})
        });
        json!({"mode": this.map(|this| this.mode.as_str()), "period": period})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_governance_can_be_bypassed() {
        let lock = |mode, legal_hold| Lock {
            retention: Some(Retention { mode, until: 10 }),
            legal_hold,
        };
        let governance = lock(RetentionMode::Governance, Some(false));
        assert!(governance.prevents_deletion(9, false) && !governance.prevents_deletion(9, true));
        assert!(!governance.prevents_deletion(10, false), "over");
        assert!(lock(RetentionMode::Governance, Some(true)).prevents_deletion(9, true));
        let compliance = lock(RetentionMode::Compliance, None);
        assert!(compliance.prevents_deletion(9, true) && !compliance.prevents_deletion(10, false));
        assert!(!Lock::default().prevents_deletion(0, false));
    }
}
