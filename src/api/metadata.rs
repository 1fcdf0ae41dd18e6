//! [`CallMetadata`]: the properties of a call that don't depend on its arguments.

use crate::types::Capability;

/// The properties of a call that don't depend on its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallMetadata {
    /// The name of the API call, such as `b2_list_buckets`.
    pub name: &'static str,
    /// The kind of call, which determines how it is retried.
    pub kind: CallKind,
    /// The capability that the key needs.
    pub capability: Option<Capability>,
    /// The billing class.
    pub class: BillingClass,
    /// Whether B2 may take minutes before it responds.
    pub long_running: bool,
    /// Whether even the first error has to be [reconciled](super::Call::reconcile): a proxy may
    /// have sent the request twice, and the error is B2's response to the second one.
    pub reconcile_on_first_error: bool,
}

/// The kind of a call, which determines how it is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// Authorizes the account.
    Authorize,
    /// Reads metadata, without side effects.
    Read,
    /// Modifies data.
    Write,
    /// Uploads content to an upload URL.
    Upload,
    /// Downloads a file.
    Download,
}

/// The billing class of a call. A is free; C costs ten times as much as B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillingClass {
    /// Free.
    A,
    /// Downloads and file metadata.
    B,
    /// Everything else.
    C,
}

impl CallMetadata {
    /// The metadata of a call without side effects.
    #[must_use]
    pub const fn read(name: &'static str, capability: Capability, class: BillingClass) -> Self {
        Self {
            name,
            kind: CallKind::Read,
            capability: Some(capability),
            class,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The metadata of a call that modifies data.
    #[must_use]
    pub const fn write(name: &'static str, capability: Capability, class: BillingClass) -> Self {
        let mut metadata = Self::read(name, capability, class);
        metadata.kind = CallKind::Write;
        metadata
    }

    /// The metadata of an upload.
    pub(crate) const fn upload(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Upload,
            capability: Some(Capability::WriteFiles),
            class: BillingClass::A,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The metadata of a download.
    pub(crate) const fn download(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Download,
            capability: Some(Capability::ReadFiles),
            class: BillingClass::B,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The metadata of `b2_authorize_account`.
    pub(crate) const fn authorization(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Authorize,
            capability: None,
            class: BillingClass::C,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// Marks a call for which B2 may take minutes: the response timeout is 20 minutes instead of 30
    /// seconds.
    #[must_use]
    pub const fn long_running(mut self) -> Self {
        self.long_running = true;
        self
    }

    /// Marks a call for which even the first error is [reconciled](super::Call::reconcile).
    #[must_use]
    pub const fn reconcile_on_first_error(mut self) -> Self {
        self.reconcile_on_first_error = true;
        self
    }
}
