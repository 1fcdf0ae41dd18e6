//! Reads the queries of the control API.

use super::context::{ControlError, bad};
use crate::drivers::call_log::MAX_CALLS;
use crate::drivers::call_log::filter::Filter;
use crate::protocol::percent;

/// The maximum number of seconds that a request waits for calls.
const MAX_WAIT: u64 = 60;

/// The query for calls of the log.
#[derive(Debug, Default)]
pub(super) struct CallQuery {
    pub(super) after: u64,
    pub(super) limit: usize,
    pub(super) wait_seconds: u64,
    pub(super) filter: Filter,
}

impl CallQuery {
    /// From the query of a request for calls.
    pub(super) fn of(query: &str) -> Result<Self, ControlError> {
        let mut this = Self {
            limit: 1000,
            ..Self::default()
        };
        for (name, value) in pairs(query)? {
            match name.as_str() {
                "after" => this.after = number(&name, &value, u64::MAX)?,
                "limit" => {
                    let most = number(&name, &value, MAX_CALLS as u64)?;
                    this.limit = usize::try_from(most).unwrap_or(MAX_CALLS);
                }
                "waitSeconds" => this.wait_seconds = number(&name, &value, MAX_WAIT)?,
                _ if this.filter.set(&name, &value).map_err(bad)? => {}
                _ => return Err(unknown(&name)),
            }
        }
        Ok(this)
    }
}

/// A filter, from the query of a request for a recording.
pub(super) fn filter(query: &str) -> Result<Filter, ControlError> {
    let mut filter = Filter::default();
    for (name, value) in pairs(query)? {
        if !filter.set(&name, &value).map_err(bad)? {
            return Err(unknown(&name));
        }
    }
    Ok(filter)
}

/// The only parameter of a query, which must be this one.
pub(super) fn only(query: &str, name: &str) -> Result<String, ControlError> {
    match &mut pairs(query)?[..] {
        [(given, value)] if given == name => Ok(std::mem::take(value)),
        _ => Err(bad(format!("the query must be {name}=…"))),
    }
}

/// Requires that there is no query.
pub(super) fn none(query: &str) -> Result<(), ControlError> {
    match pairs(query)?.first() {
        None => Ok(()),
        Some((name, _)) => Err(unknown(name)),
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, ControlError> {
    percent::query_pairs(query).ok_or_else(|| bad("the query is not encoded properly"))
}

fn unknown(name: &str) -> ControlError {
    bad(format!("unknown parameter {name}"))
}

fn number(name: &str, value: &str, most: u64) -> Result<u64, ControlError> {
    let number = value.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| bad(format!("{name} must be a number from 0 to {most}")))
}
