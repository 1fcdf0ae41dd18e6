//! Authorization: the session that all calls share, what its key may do, and where its token may be
//! sent.

pub(super) mod authorization;
pub(super) mod endpoint_policy;
pub(super) mod permissions;
pub(super) mod server_clock;
pub(super) mod session;
