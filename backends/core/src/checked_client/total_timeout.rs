//! The deadline of a whole exchange.

use std::task::Context;

use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::timer::Sleep;

/// The error if the deadline of the whole exchange has passed; otherwise registers the task to be woken when it does.
pub(super) fn check_total_timeout(
    total: &mut Option<Sleep>,
    phase: Phase,
    cx: &mut Context<'_>,
) -> Option<HttpError> {
    let over = total
        .as_mut()
        .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
    over.then(|| too_late(phase))
}

pub(super) fn too_late(phase: Phase) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, phase)
        .with_source("the exchange as a whole took too long")
}
