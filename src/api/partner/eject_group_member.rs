//! [`EjectGroupMember`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::{Region, id, metadata, post_to_groups};
use crate::api::{Call, CallKind, CallMetadata, Reply, Target};
use crate::error::Error;
use crate::types::AccountId;

/// Removes an account from a group: `b2_eject_group_member`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-eject-group-member)
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EjectGroupMember {
    group_id: String,
    member_account_id: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// An account that was removed from a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EjectedGroupMember {
    /// The account.
    pub account_id: AccountId,
    /// Its email address.
    pub email: Box<str>,
    /// The group it was in.
    #[serde(deserialize_with = "id")]
    pub group_id: Box<str>,
    /// The group's name.
    pub group_name: Box<str>,
    /// The region of its files.
    pub region: Option<Region>,
}

impl EjectGroupMember {
    /// Removes this account from this group.
    pub fn new(group_id: impl Into<String>, member_account_id: impl Into<AccountId>) -> Self {
        Self {
            group_id: group_id.into(),
            member_account_id: member_account_id.into(),
            email: None,
        }
    }

    /// Sets the account's email address.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }
}

impl Call for EjectGroupMember {
    const METADATA: CallMetadata = metadata("b2_eject_group_member", CallKind::Write);
    type Output = EjectedGroupMember;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_groups(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<EjectedGroupMember, Error> {
        reply
            .json_about(|ejected: &EjectedGroupMember| ejected.account_id == self.member_account_id)
    }
}
