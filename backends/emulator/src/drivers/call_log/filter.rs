//! [`Filter`]: which calls of the log are wanted.

use super::call::Call;
use crate::calls::table;

/// Which calls are wanted; by default all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::drivers) struct Filter {
    call: Option<String>,
    key_id: Option<String>,
    status: Option<Status>,
    /// Whether a fault must have hit it.
    faults: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Status {
    /// No response was sent.
    None,
    One(u16),
    /// All with this first digit.
    Class(u16),
}

impl Filter {
    /// Takes a parameter of a query. False if there is no such parameter.
    pub(in crate::drivers) fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "call" if table::is_call(value) => self.call = Some(value.to_owned()),
            "call" => return Err(format!("there is no call {value}")),
            "keyId" => self.key_id = Some(value.to_owned()),
            "status" => self.status = Some(Status::parse(value)?),
            "faults" => match value {
                "true" => self.faults = true,
                "false" => self.faults = false,
                _ => return Err("faults must be true or false".into()),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn matches(&self, call: &Call<'_>) -> bool {
        let entry = call.entry;
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| Some(wanted.as_str()) == found)
        };
        is(&self.call, entry.call)
            && is(&self.key_id, call.key_id)
            && self
                .status
                .as_ref()
                .is_none_or(|status| status.matches(entry.status))
            && !(self.faults && entry.faults.is_empty())
    }
}

impl Status {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("a status must be like 503, 5xx or none, not {text}");
        if text == "none" {
            return Ok(Self::None);
        }
        if let Some(digit) = text.strip_suffix("xx") {
            return digit
                .parse()
                .map(Self::Class)
                .ok()
                .filter(|it| matches!(it, Self::Class(1..=9)))
                .ok_or_else(wrong);
        }
        text.parse().map(Self::One).map_err(|_| wrong())
    }

    fn matches(&self, status: Option<u16>) -> bool {
        match self {
            Self::None => status.is_none(),
            Self::One(wanted) => status == Some(*wanted),
            Self::Class(digit) => status.is_some_and(|status| status / 100 == *digit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_a_class_or_none() {
        let matches = |text: &str, status| Status::parse(text).unwrap().matches(status);
        assert!(matches("503", Some(503)) && !matches("503", Some(500)));
        assert!(matches("5xx", Some(500)) && !matches("5xx", Some(403)) && !matches("5xx", None));
        assert!(matches("none", None) && !matches("none", Some(200)));
        for wrong in ["", "xx", "5x", "0xx", "all", "70000"] {
            assert!(Status::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_parameters_and_calls_are_distinguished() {
        let mut filter = Filter::default();
        assert_eq!(filter.set("limit", "1"), Ok(false));
        assert_eq!(filter.set("call", "b2_upload_file"), Ok(true));
        assert!(filter.set("call", "b2_uploadfile").is_err());
        assert!(filter.set("faults", "yes").is_err());
    }
}
