//! What to make of an answer: a pure decision.

use crate::api::{Facts, Token};
use crate::error::{Error, ErrorKind};

/// What comes next after a failed attempt.
#[derive(Debug)]
pub(super) enum Next {
    /// Authorize the account anew, and make the call once more.
    Reauthorize,
    /// Tell the caller.
    GiveUp(Error),
}

/// Judges the failure of a call. `renewed` says that the account was authorized anew for this call before.
pub(super) fn judge(facts: &Facts, failure: Error, renewed: bool) -> Next {
    let Some(b2) = failure.b2() else {
        return Next::GiveUp(failure);
    };
    match (facts.token, b2.status, b2.code.as_str()) {
        // The key itself was refused.
        (Token::ApplicationKey, 401, _) => Next::GiveUp(failure.with_kind(ErrorKind::Credentials)),
        // Without a code: the answer to HEAD has no body to hold one.
        (Token::Account, 401, "expired_auth_token" | "bad_auth_token" | "") if !renewed => {
            Next::Reauthorize
        }
        // An upload URL that is refused is spent; only its owner can get another.
        _ => Next::GiveUp(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AuthorizeAccount, Call as _, ListBuckets, UploadFile};
    use crate::error::B2Error;

    fn failure(status: u16, code: &str) -> Error {
        Error::from_b2(B2Error {
            status,
            code: code.to_owned(),
            message: String::new(),
        })
    }

    #[test]
    fn an_expired_token_is_renewed_once_and_no_other_failure_renews_it() {
        let (api, upload, authorize) = (
            &ListBuckets::FACTS,
            &UploadFile::FACTS,
            &AuthorizeAccount::FACTS,
        );
        for (facts, status, code, renewed, again) in [
            (api, 401, "expired_auth_token", false, true),
            (api, 401, "bad_auth_token", false, true),
            (api, 401, "", false, true),
            (api, 401, "expired_auth_token", true, false),
            (api, 401, "unauthorized", false, false),
            (api, 400, "expired_auth_token", false, false),
            (api, 403, "transaction_cap_exceeded", false, false),
            (upload, 401, "expired_auth_token", false, false),
            (authorize, 401, "bad_auth_token", false, false),
            (authorize, 401, "unauthorized", false, false),
        ] {
            let next = judge(facts, failure(status, code), renewed);
            assert_eq!(
                matches!(next, Next::Reauthorize),
                again,
                "{} {status} {code} {renewed}",
                facts.name
            );
        }
    }

    #[test]
    fn a_refused_key_is_its_own_kind_of_error() {
        let Next::GiveUp(error) = judge(
            &AuthorizeAccount::FACTS,
            failure(401, "unauthorized"),
            false,
        ) else {
            panic!("a refused key is final");
        };
        assert_eq!(error.kind(), ErrorKind::Credentials);
    }
}
