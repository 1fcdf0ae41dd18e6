//! [`CallMetadata`]: what is true of a call whatever its arguments.

use crate::types::Capability;

/// What is true of a call whatever its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallMetadata {
    /// B2's name for it, such as `b2_list_buckets`.
    pub name: &'static str,
    /// What it does. Retries depend on it.
    pub kind: CallKind,
    /// The capability that the key needs.
    pub capability: Option<Capability>,
    /// Its billing class.
    pub class: BillingClass,
    /// Whether B2 may take minutes before it responds.
    pub long_running: bool,
    /// Whether even the first error has to be [reconciled](super::Call::reconcile): a proxy may have sent
    /// the request twice, so that the second one was refused.
    pub reconcile_on_first_error: bool,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// Turns an application key into a session.
    Authorize,
    /// Reads metadata, and changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Sends bytes to an upload URL.
    Upload,
    /// Reads a file's bytes.
    Download,
}

/// The billing class of a call. A is free; C costs ten times as much as B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillingClass {
    /// Free.
    A,
    /// Reads of files.
    B,
    /// Everything else.
    C,
}

impl CallMetadata {
    /// The metadata of a call that changes nothing.
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

    /// The metadata of a call that changes something.
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

    /// The same, for a call that B2 may take minutes for: the response may take 20 minutes instead
    /// of 30 seconds.
    #[must_use]
    pub const fn long_running(mut self) -> Self {
        self.long_running = true;
        self
    }

    /// The same, for a call of which even the first error is [reconciled](super::Call::reconcile).
    #[must_use]
    pub const fn reconcile_on_first_error(mut self) -> Self {
        self.reconcile_on_first_error = true;
        self
    }
}
