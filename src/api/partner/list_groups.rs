//! [`ListGroups`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::list_group_members::MemberStats;
use super::{count, id, id_or_none, metadata, post_to_groups, timestamp};
use crate::api::page_check::{check_count, check_ids, outside};
use crate::api::{Call, CallKind, CallMetadata, Reply, Target};
use crate::error::Error;
use crate::types::{AccountId, Timestamp};

/// Lists the administrator's groups: `b2_list_groups`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-groups)
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListGroups {
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_group_count: Option<u32>,
}

/// A page of the administrator's groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Groups {
    /// The administrator's account.
    pub account_id: AccountId,
    /// The groups.
    pub groups: Vec<Group>,
    /// Where the next page starts; `None` on the last page.
    #[serde(default, deserialize_with = "id_or_none")]
    pub next_group_id: Option<Box<str>>,
}

/// A group of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Group {
    /// Whether the account is in good standing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_standing_details: Option<AccountStandingDetails>,
    /// Storage statistics of its accounts, updated daily, if the group has the storage product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b2_stats: Option<MemberStats>,
    /// Its id.
    #[serde(deserialize_with = "id")]
    pub group_id: Box<str>,
    /// Its name.
    pub group_name: Box<str>,
    /// The group's products, such as `STORAGE`.
    #[serde(default)]
    pub group_products: Vec<String>,
    /// The number of accounts in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_stats: Option<GroupStats>,
}

/// Whether an account is in good standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccountStandingDetails {
    /// The state, such as `B2_GOOD_STANDING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Box<str>>,
}

/// Statistics of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GroupStats {
    /// When the group was created.
    #[serde(
        default,
        deserialize_with = "timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_timestamp: Option<Timestamp>,
    /// When the accounts were counted.
    #[serde(
        default,
        deserialize_with = "timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub group_stats_as_of_timestamp: Option<Timestamp>,
    /// The number of accounts.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub member_count: Option<u64>,
}

impl ListGroups {
    /// Lists all groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only the group with this name.
    #[must_use]
    pub fn group_name(mut self, group_name: impl Into<String>) -> Self {
        self.group_name = Some(group_name.into());
        self
    }

    /// Starts at this group, or the next existing one.
    #[must_use]
    pub fn start_group_id(mut self, start_group_id: impl Into<String>) -> Self {
        self.start_group_id = Some(start_group_id.into());
        self
    }

    /// Sets the maximum number of groups per page: up to 100.
    #[must_use]
    pub const fn max_group_count(mut self, count: u32) -> Self {
        self.max_group_count = Some(count);
        self
    }
}

impl Call for ListGroups {
    const METADATA: CallMetadata = metadata("b2_list_groups", CallKind::Read);
    type Output = Groups;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_groups(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Groups, Error> {
        let page: Groups = reply.json()?;
        check_count(page.groups.len(), self.max_group_count, 100)?;
        for (number, group) in page.groups.iter().enumerate() {
            let asked = self.group_name.as_deref();
            // Whether group names are case-sensitive is not documented.
            if asked.is_some_and(|asked| !asked.eq_ignore_ascii_case(&group.group_name)) {
                return Err(outside(number, &group.group_name, "its name differs"));
            }
        }
        let ids = page.groups.iter().map(|group| &*group.group_id);
        check_ids(
            ids,
            self.start_group_id.as_deref(),
            page.next_group_id.as_deref(),
        )?;
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        4 << 20
    }
}
