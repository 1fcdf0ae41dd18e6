//! [`DeleteComputer`].

use b2kit_core::Request;
use serde::Serialize;

use super::{Computer, metadata, post_to_computers};
use crate::api::{Call, CallKind, CallMetadata, Reply, Target};
use crate::error::Error;
use crate::types::AccountId;

/// Deletes a computer with its backup: `bz_delete_computer`.
///
/// [B2's page](https://www.backblaze.com/apidocs/bz-delete-computer)
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteComputer {
    account_id: AccountId,
    computer_id: String,
}

impl DeleteComputer {
    /// Deletes this computer of this account.
    pub fn new(account_id: impl Into<AccountId>, computer_id: impl Into<String>) -> Self {
        Self {
            account_id: account_id.into(),
            computer_id: computer_id.into(),
        }
    }
}

impl Call for DeleteComputer {
    const METADATA: CallMetadata = metadata("bz_delete_computer", CallKind::Write);
    type Output = Computer;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        post_to_computers(target, &Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Computer, Error> {
        reply.json_about(|computer: &Computer| *computer.computer_id == *self.computer_id)
    }
}
