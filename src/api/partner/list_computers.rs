//! [`ListComputers`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::{metadata, post_to_computers, timestamp};
use crate::api::page_check::{check_count, check_ids};
use crate::api::{Call, CallKind, CallMetadata, Reply, Target};
use crate::error::Error;
use crate::types::{AccountId, Timestamp};

/// Lists the computers of an account that are backed up: `bz_list_computers`.
///
/// [B2's page](https://www.backblaze.com/apidocs/bz-list-computers)
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListComputers {
    account_id: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_computer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_computer_count: Option<u32>,
}

/// A page of an account's computers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Computers {
    /// The computers.
    pub computers: Vec<Computer>,
    /// Where the next page starts; `None` on the last page.
    pub next_computer_id: Option<Box<str>>,
}

/// A computer that is backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Computer {
    /// Its id.
    pub computer_id: Box<str>,
    /// Its name.
    pub computer_name: Box<str>,
    /// When its last file was uploaded.
    #[serde(
        default,
        deserialize_with = "timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_file_uploaded_timestamp: Option<Timestamp>,
}

impl ListComputers {
    /// Lists this account's computers.
    pub fn new(account_id: impl Into<AccountId>) -> Self {
        Self {
            account_id: account_id.into(),
            start_computer_id: None,
            max_computer_count: None,
        }
    }

    /// Starts at this computer, or the next existing one.
    #[must_use]
    pub fn start_computer_id(mut self, start_computer_id: impl Into<String>) -> Self {
        self.start_computer_id = Some(start_computer_id.into());
        self
    }

    /// Sets the maximum number of computers per page: up to 500.
    #[must_use]
    pub const fn max_computer_count(mut self, count: u32) -> Self {
        self.max_computer_count = Some(count);
        self
    }
}

impl Call for ListComputers {
    const METADATA: CallMetadata = metadata("bz_list_computers", CallKind::Read);
    type Output = Computers;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_computers(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Computers, Error> {
        let page: Computers = reply.json()?;
        check_count(page.computers.len(), self.max_computer_count, 500)?;
        let ids = page.computers.iter().map(|computer| &*computer.computer_id);
        let start = self.start_computer_id.as_deref();
        check_ids(ids, start, page.next_computer_id.as_deref())?;
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        4 << 20
    }
}
