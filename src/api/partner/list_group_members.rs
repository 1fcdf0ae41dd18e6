//! [`ListGroupMembers`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::{Region, count, id, metadata, post_to_groups, timestamp};
use crate::api::page_check::{check_count, check_ids, outside};
use crate::api::{Call, CallKind, CallMetadata, Reply, Target};
use crate::error::Error;
use crate::types::{AccountId, Timestamp};

/// Lists the accounts of a group, sorted by email address: `b2_list_group_members`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-group-members)
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListGroupMembers {
    group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_member_count: Option<u32>,
}

/// A page of a group's accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GroupMembers {
    /// The group.
    #[serde(deserialize_with = "id")]
    pub group_id: Box<str>,
    /// Its name.
    pub group_name: Box<str>,
    /// The accounts, sorted by email address.
    pub group_members: Vec<GroupMember>,
    /// Where the next page starts; `None` on the last page.
    pub next_email: Option<Box<str>>,
}

/// An account in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GroupMember {
    /// The account.
    pub account_id: AccountId,
    /// Its storage statistics, if available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b2_stats: Option<MemberStats>,
    /// The number of the B2 cluster that holds its files.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub cluster_num: Option<u64>,
    /// Its email address.
    pub email: Box<str>,
    /// The group.
    #[serde(deserialize_with = "id")]
    pub group_id: Box<str>,
    /// The group's name.
    pub group_name: Box<str>,
    /// The region of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Its endpoint for the S3-compatible API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_endpoint: Option<Box<str>>,
}

/// Storage statistics of an account or group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MemberStats {
    /// The number of stored bytes.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub b2_bytes_stored_count: Option<u64>,
    /// The number of stored files.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub b2_files_stored_count: Option<u64>,
    /// When the statistics were collected.
    #[serde(
        default,
        deserialize_with = "timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub b2_stats_as_of_timestamp: Option<Timestamp>,
    /// The number of buckets.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub bucket_count: Option<u64>,
}

impl ListGroupMembers {
    /// Lists the accounts of this group, from the first.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            start_email: None,
            max_member_count: None,
        }
    }

    /// Starts at this email address, or the next existing one.
    #[must_use]
    pub fn start_email(mut self, start_email: impl Into<String>) -> Self {
        self.start_email = Some(start_email.into());
        self
    }

    /// Sets the maximum number of accounts per page: up to 1,000.
    #[must_use]
    pub const fn max_member_count(mut self, count: u32) -> Self {
        self.max_member_count = Some(count);
        self
    }
}

impl Call for ListGroupMembers {
    const METADATA: CallMetadata = metadata("b2_list_group_members", CallKind::Read);
    type Output = GroupMembers;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_groups(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<GroupMembers, Error> {
        let page = reply.json_about(|page: &GroupMembers| *page.group_id == *self.group_id)?;
        check_count(page.group_members.len(), self.max_member_count, 1_000)?;
        for (number, member) in page.group_members.iter().enumerate() {
            if *member.group_id != *self.group_id {
                return Err(outside(number, &member.email, "it is in a different group"));
            }
        }
        let emails = page.group_members.iter().map(|member| &*member.email);
        check_ids(
            emails,
            self.start_email.as_deref(),
            page.next_email.as_deref(),
        )?;
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        4 << 20
    }
}
