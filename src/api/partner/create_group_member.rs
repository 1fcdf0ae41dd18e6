//! [`CreateGroupMember`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::{GroupMember, Region, metadata, post_to_groups};
use crate::api::{
    Call, CallExecutor, CallKind, CallMetadata, LostResponse, Reconciliation, Reply, Target,
};
use crate::error::Error;
use crate::types::{ApplicationKeyId, Secret};

/// Creates an account in a group: `b2_create_group_member`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-create-group-member)
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroupMember {
    group_id: String,
    member_email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

/// A newly created account in a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreatedGroupMember {
    /// The account's master key. B2 never returns it again.
    pub application_key: Secret,
    /// The key's id.
    pub application_key_id: ApplicationKeyId,
    /// The account.
    pub group_member: GroupMember,
}

impl CreateGroupMember {
    /// Creates an account in this group for the owner of this email address.
    pub fn new(group_id: impl Into<String>, member_email: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            member_email: member_email.into(),
            region: None,
        }
    }

    /// Sets the region of the account's files.
    #[must_use]
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }
}

impl Call for CreateGroupMember {
    const METADATA: CallMetadata = metadata("b2_create_group_member", CallKind::Write);
    type Output = CreatedGroupMember;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_groups(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<CreatedGroupMember, Error> {
        reply.json_about(|created: &CreatedGroupMember| {
            let member = &created.group_member;
            *member.group_id == *self.group_id
                && member.email.eq_ignore_ascii_case(&self.member_email)
        })
    }

    fn secrets_in_output(created: &CreatedGroupMember) -> Vec<Secret> {
        vec![created.application_key.clone()]
    }

    /// The account's key is only in the response, and a second account would not recover it.
    async fn reconcile(
        &self,
        _: &impl CallExecutor,
        _: &LostResponse,
    ) -> Reconciliation<CreatedGroupMember> {
        Reconciliation::Unknown
    }
}
