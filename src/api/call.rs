//! [`Call`]: the one shape of all calls.

use b2kit_core::Request;

use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::Capability;

/// One of B2's calls, as a value: what it asks for, and how its reply is read.
///
/// Both methods are pure. [`request`](Self::request) may be asked several times, once for each attempt, and every time
/// gives the whole request; only where its body is a one-shot stream can the second one not be sent.
pub trait Call: Send + Sync {
    /// What is true of the call whatever its arguments.
    const FACTS: Facts;

    /// What a success gives.
    type Output: Send;

    /// The request, for where `target` points.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the arguments break a rule, and nothing should be sent.
    fn request(&self, target: &Target<'_>) -> Result<Request, Error>;

    /// What a successful reply says.
    ///
    /// # Errors
    /// If it is not an answer to this call.
    fn read(&self, reply: Reply) -> Result<Self::Output, Error>;

    /// The most bytes of reply that are held in memory; more is an error.
    fn reply_limit(&self) -> usize {
        1 << 20
    }
}

/// What is true of a call whatever its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// B2's name for it, as `b2_list_buckets`.
    pub name: &'static str,
    /// In whose name it is made.
    pub token: Token,
    /// The capability that the key needs.
    pub capability: Option<Capability>,
    /// What B2 charges for it.
    pub class: BillingClass,
    /// Whether the reply is a file, to be read as it comes, and not a small document.
    pub streams: bool,
    /// Whether B2 may work on it for minutes before it answers.
    pub patient: bool,
}

/// In whose name a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Token {
    /// With the application key itself: only to get the account's token.
    ApplicationKey,
    /// With the account's token.
    Account,
    /// With the token that came with an upload URL.
    Upload,
}

/// What B2 charges for a call: A is free, C costs ten times what B does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillingClass {
    /// Free.
    A,
    /// Reading files.
    B,
    /// The rest.
    C,
}

impl Facts {
    /// The facts of a call that is made with the account's token and answered with a document.
    pub(crate) const fn api(
        name: &'static str,
        capability: Capability,
        class: BillingClass,
    ) -> Self {
        Self {
            name,
            token: Token::Account,
            capability: Some(capability),
            class,
            streams: false,
            patient: false,
        }
    }

    /// The facts of an upload.
    pub(crate) const fn upload(name: &'static str) -> Self {
        Self {
            name,
            token: Token::Upload,
            capability: None,
            class: BillingClass::A,
            streams: false,
            patient: false,
        }
    }

    /// The facts of a download.
    pub(crate) const fn download(name: &'static str) -> Self {
        Self {
            name,
            token: Token::Account,
            capability: Some(Capability::ReadFiles),
            class: BillingClass::B,
            streams: true,
            patient: false,
        }
    }

    /// The same, for a call on which B2 may work for minutes.
    pub(crate) const fn patient(mut self) -> Self {
        self.patient = true;
        self
    }
}
