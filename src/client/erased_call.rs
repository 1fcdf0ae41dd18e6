//! [`ErasedCall`]: a call without its types, so the call loop is compiled once instead of once per
//! kind of call.

use std::sync::{Mutex, PoisonError};

use b2kit_core::Request;
use futures_util::future::BoxFuture;

use super::handle::Client;
use crate::api::{
    Call, CallMetadata, LostResponse, Reconciliation, Reply, Subject, Target, UploadTarget,
};
use crate::error::Error;
use crate::types::{Capability, Secret};

/// The part of a [`Call`] that the loop needs. The implementation keeps the output.
pub(super) trait ErasedCall: Send + Sync {
    fn metadata(&self) -> &'static CallMetadata;

    fn check(&self) -> Result<(), Error>;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error>;

    fn reply_limit(&self) -> usize;

    fn extra_capabilities(&self) -> Vec<Capability>;

    fn upload_target(&self) -> Option<UploadTarget>;

    fn secrets(&self) -> Vec<Secret>;

    fn is_body_consumed(&self) -> bool;

    /// Parses the response and keeps the output. Returns the secrets in it.
    fn read(&mut self, reply: Reply) -> Result<Vec<Secret>, Error>;

    fn mark_possible_duplicate(&mut self);

    /// Asks B2 whether the call took effect, and keeps the output if it did.
    fn reconcile<'a>(
        &'a mut self,
        client: &'a Client,
        lost: &'a LostResponse,
    ) -> BoxFuture<'a, Reconciliation<()>>;
}

/// A call, and its output once there is one.
pub(super) struct CallWithOutput<'a, C: Call> {
    call: &'a C,
    /// The mutex is never locked. It makes this type `Sync` even if the output isn't.
    output: Mutex<Option<C::Output>>,
}

impl<'a, C: Call> CallWithOutput<'a, C> {
    pub(super) const fn new(call: &'a C) -> Self {
        let output = Mutex::new(None);
        Self { call, output }
    }

    /// What the call is about. Outlives the borrow of this value.
    pub(super) fn subject(&self) -> Subject<'a> {
        self.call.subject()
    }

    /// The output, if the call has succeeded.
    pub(super) fn into_output(self) -> Option<C::Output> {
        self.output
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn output(&mut self) -> &mut Option<C::Output> {
        self.output
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Call> ErasedCall for CallWithOutput<'_, C> {
    fn metadata(&self) -> &'static CallMetadata {
        const { &C::METADATA }
    }

    fn check(&self) -> Result<(), Error> {
        self.call.check()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        self.call.request(target)
    }

    fn reply_limit(&self) -> usize {
        self.call.reply_limit()
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        self.call.extra_capabilities()
    }

    fn upload_target(&self) -> Option<UploadTarget> {
        self.call.upload_target()
    }

    fn secrets(&self) -> Vec<Secret> {
        self.call.secrets()
    }

    fn is_body_consumed(&self) -> bool {
        self.call.is_body_consumed()
    }

    fn read(&mut self, reply: Reply) -> Result<Vec<Secret>, Error> {
        let output = self.call.read(reply)?;
        Ok(C::secrets_in_output(self.output().insert(output)))
    }

    fn mark_possible_duplicate(&mut self) {
        if let Some(output) = self.output() {
            C::mark_possible_duplicate(output);
        }
    }

    fn reconcile<'a>(
        &'a mut self,
        client: &'a Client,
        lost: &'a LostResponse,
    ) -> BoxFuture<'a, Reconciliation<()>> {
        Box::pin(async move {
            match self.call.reconcile(client, lost).await {
                Reconciliation::Done(output) => {
                    *self.output() = Some(output);
                    Reconciliation::Done(())
                }
                Reconciliation::NotDone => Reconciliation::NotDone,
                Reconciliation::Unclear => Reconciliation::Unclear,
                Reconciliation::Unknown => Reconciliation::Unknown,
            }
        })
    }
}
