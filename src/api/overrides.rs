//! [`Overrides`]: response headers of a download that replace the file's own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Error;
use crate::types::{broken_header, percent_encode};

/// Response headers of a download that replace the file's own, by the names of B2's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Overrides(BTreeMap<&'static str, String>);

impl Overrides {
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.0.insert(name, value);
    }

    /// The query parameters, with `lead` before the first and `&` before the others.
    pub(super) fn query(&self, mut lead: char) -> String {
        let mut query = String::new();
        for (name, value) in &self.0 {
            query.push(lead);
            query.push_str(name);
            query.push('=');
            query.push_str(&percent_encode(value));
            lead = '&';
        }
        query
    }

    /// Rejects values that could inject another header or violate the header's grammar.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (name, value) in &self.0 {
            let key = match *name {
                "b2ContentDisposition" => "b2-content-disposition",
                "b2ContentLanguage" => "b2-content-language",
                "b2Expires" => "b2-expires",
                other => other,
            };
            if let Some(control) = value.chars().find(|c| c.is_ascii_control() && *c != '\t') {
                return Err(Error::invalid(format!(
                    "{name} contains the control character {control:?}, which a header can't"
                )));
            }
            if let Some(rule) = broken_header(key, value) {
                return Err(Error::invalid(format!("{name} {rule}")));
            }
        }
        Ok(())
    }
}

/// The setters of the overrides in `$field`.
macro_rules! overrides {
    ($name:ident, $($field:ident).+) => {
        impl $name {
            /// Makes B2 respond with this `Content-Disposition`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_content_disposition(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2ContentDisposition", value.into());
                self
            }

            /// Makes B2 respond with this `Content-Language`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_content_language(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2ContentLanguage", value.into());
                self
            }

            /// Makes B2 respond with this `Expires`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_expires(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2Expires", value.into());
                self
            }

            /// Makes B2 respond with this `Cache-Control`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_cache_control(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2CacheControl", value.into());
                self
            }

            /// Makes B2 respond with this `Content-Encoding`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_content_encoding(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2ContentEncoding", value.into());
                self
            }

            /// Makes B2 respond with this `Content-Type`.
            #[must_use = "the override is set on the returned value only"]
            pub fn b2_content_type(mut self, value: impl Into<String>) -> Self {
                self.$($field).+.set("b2ContentType", value.into());
                self
            }
        }
    };
}

pub(crate) use overrides;
