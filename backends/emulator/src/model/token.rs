//! [`Tokens`]: account tokens, upload tokens and download authorizations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use crate::behavior;
use crate::model::ids::split_token;
use crate::protocol::api_error::ApiError;

/// All tokens, by their public part. The secret part is compared in constant time.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    pub(crate) account: HashMap<String, Issued<AccountToken>>,
    upload: HashMap<String, Issued<UploadToken>>,
    pub(crate) download: HashMap<String, Issued<DownloadToken>>,
    /// The public parts of account tokens and download authorizations that have changed; `None` if
    /// nothing is persisted. Upload tokens are not persisted: clients request new ones.
    changed: Option<BTreeSet<String>>,
    /// Number of tokens at which expired ones are removed.
    cleanup_at: usize,
}

/// How a fault makes a token stop working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// It has expired.
    Expire,
    /// It is unknown.
    Forget,
}

/// Below this number of tokens, expired ones are not removed.
const MIN_CLEANUP: usize = 1024;

/// The permissions of an account token.
#[derive(Clone)]
pub(crate) struct AccountToken {
    pub(crate) key_id: String,
    pub(crate) expires: u64,
    /// Number of calls that are left, if limited.
    pub(crate) uses_left: Option<u64>,
}

/// An upload token: for one URL, and one upload at a time.
#[derive(Clone)]
pub(crate) struct UploadToken {
    pub(crate) key_id: String,
    pub(crate) expires: u64,
    /// The path of its upload URL, after the version.
    pub(crate) path: String,
    /// Whether an upload with it is in progress.
    pub(crate) in_use: bool,
}

/// The permissions of a download authorization.
#[derive(Clone)]
pub(crate) struct DownloadToken {
    pub(crate) key_id: String,
    pub(crate) bucket_id: String,
    pub(crate) prefix: String,
    /// Query parameters that downloads must repeat, with their values.
    pub(crate) overrides: Arc<BTreeMap<&'static str, String>>,
    pub(crate) expires: u64,
}

/// A token with its secret part.
#[derive(Clone)]
pub(crate) struct Issued<T> {
    pub(crate) secret: String,
    pub(crate) token: T,
}

impl Tokens {
    pub(crate) fn issue_account(&mut self, token: &str, what: AccountToken) {
        issue(&mut self.account, token, what);
        track(&mut self.changed, token);
    }

    pub(crate) fn issue_upload(&mut self, token: &str, what: UploadToken) {
        issue(&mut self.upload, token, what);
    }

    pub(crate) fn issue_download(&mut self, token: &str, what: DownloadToken) {
        issue(&mut self.download, token, what);
        track(&mut self.changed, token);
    }

    /// Takes the public parts of the tokens that have changed.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<String> {
        self.changed
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Starts to track changes.
    pub(crate) fn track_changes(&mut self) {
        self.changed.get_or_insert_default();
    }

    /// Revokes upload tokens in use: their uploads are unknown after a restore.
    pub(crate) fn revoke_uploads_in_progress(&mut self) {
        self.upload.retain(|_, it| !it.token.in_use);
    }

    /// Removes tokens that expired at least a day ago, if there are many. Such a token is then
    /// unknown instead of expired.
    pub(crate) fn remove_expired(&mut self, now: u64) {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let count = self.account.len() + self.upload.len() + self.download.len();
        if count < self.cleanup_at.max(MIN_CLEANUP) {
            return;
        }
        let changed = &mut self.changed;
        let mut keep = |public: &String, expires: u64| {
            let is_kept = expires.saturating_add(DAY) > now;
            if !is_kept && let Some(changed) = changed {
                changed.insert(public.clone());
            }
            is_kept
        };
        self.account
            .retain(|public, it| keep(public, it.token.expires));
        self.download
            .retain(|public, it| keep(public, it.token.expires));
        self.upload
            .retain(|_, it| it.token.expires.saturating_add(DAY) > now);
        self.cleanup_at = 2 * (self.account.len() + self.upload.len() + self.download.len());
    }

    /// The download authorization; `None` if the token is none.
    pub(crate) fn download(
        &self,
        token: &str,
        now: u64,
    ) -> Option<Result<&DownloadToken, ApiError>> {
        let (public, secret) = split_token(token)?;
        let found = self.download.get(public)?.verified(secret)?;
        Some(if found.expires > now {
            Ok(found)
        } else {
            Err(ApiError::expired_auth_token())
        })
    }

    /// The account token, if it is valid.
    pub(crate) fn account(&mut self, token: &str, now: u64) -> Result<&AccountToken, ApiError> {
        let found = find(&mut self.account, token).ok_or_else(ApiError::bad_auth_token)?;
        if found.expires <= now || found.uses_left == Some(0) {
            return Err(ApiError::expired_auth_token());
        }
        if let Some(left) = &mut found.uses_left {
            *left -= 1;
            track(&mut self.changed, token);
        }
        Ok(found)
    }

    /// The id of the key that a token was made for, valid or expired.
    #[cfg(feature = "server")]
    pub(crate) fn key_id(&self, token: &str) -> Option<&str> {
        let (public, secret) = split_token(token)?;
        let account = self.account.get(public).and_then(|it| it.verified(secret));
        let upload = self.upload.get(public).and_then(|it| it.verified(secret));
        let download = self.download.get(public).and_then(|it| it.verified(secret));
        account
            .map(|it| &it.key_id)
            .or_else(|| upload.map(|it| &it.key_id))
            .or_else(|| download.map(|it| &it.key_id))
            .map(String::as_str)
    }

    /// The upload token, if it is valid. The caller checks whether it is in use.
    pub(crate) fn upload(&mut self, token: &str, now: u64) -> Result<&mut UploadToken, ApiError> {
        let found = find(&mut self.upload, token).ok_or_else(ApiError::bad_auth_token)?;
        if found.expires <= now {
            return Err(ApiError::expired_auth_token());
        }
        Ok(found)
    }

    /// Frees the token after a successful upload.
    pub(crate) fn release(&mut self, token: &str) {
        if let Some(found) = find(&mut self.upload, token) {
            found.in_use = false;
        }
    }

    /// Revokes the token after a failed upload.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some((public, _)) = split_token(token) {
            self.upload.remove(public);
        }
    }

    /// Makes an account or upload token stop working, if its secret is right.
    pub(crate) fn apply_fault(&mut self, token: &str, fault: TokenFault) {
        let Some((public, _)) = split_token(token) else {
            return;
        };
        if let Some(found) = find(&mut self.account, token) {
            found.expires = 0;
            track(&mut self.changed, token);
            if fault == TokenFault::Forget {
                self.account.remove(public);
            }
        }
        if let Some(found) = find(&mut self.upload, token) {
            found.expires = 0;
            if fault == TokenFault::Forget {
                self.upload.remove(public);
            }
        }
    }

    /// Limits an account token to a few more calls.
    pub(crate) fn limit_uses(&mut self, token: &str) {
        if let Some(found) = find(&mut self.account, token) {
            found.uses_left = Some(behavior::USES_OF_LIMITED_TOKEN);
            track(&mut self.changed, token);
        }
    }

    pub(crate) fn expire_account(&mut self) {
        for (public, secret) in &mut self.account {
            secret.token.expires = 0;
            if let Some(changed) = &mut self.changed {
                changed.insert(public.clone());
            }
        }
    }

    pub(crate) fn expire_upload(&mut self) {
        for secret in self.upload.values_mut() {
            secret.token.expires = 0;
        }
    }
}

fn track(changed: &mut Option<BTreeSet<String>>, token: &str) {
    if let (Some(changed), Some((public, _))) = (changed, split_token(token)) {
        changed.insert(public.to_owned());
    }
}

fn issue<T>(tokens: &mut HashMap<String, Issued<T>>, token: &str, what: T) {
    let (public, secret) = split_token(token).expect("Ids makes tokens that split");
    let secret = Issued {
        secret: secret.to_owned(),
        token: what,
    };
    tokens.insert(public.to_owned(), secret);
}

fn find<'a, T>(tokens: &'a mut HashMap<String, Issued<T>>, token: &str) -> Option<&'a mut T> {
    let (public, secret) = split_token(token)?;
    let found = tokens.get_mut(public)?;
    found.verified(secret)?;
    Some(&mut found.token)
}

impl<T> Issued<T> {
    /// The token, if this is its secret; compared in constant time.
    fn verified(&self, secret: &str) -> Option<&T> {
        let same: bool = self.secret.as_bytes().ct_eq(secret.as_bytes()).into();
        same.then_some(&self.token)
    }
}
