//! Exit statuses of commands.

use std::process::ExitCode;

/// The exit status of a command that came to its end.
pub(crate) const fn status(is_complete: bool) -> ExitCode {
    match is_complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
