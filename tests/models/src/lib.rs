//! What concurrent calls share, for the model checker: the client's own code in `sound`, and the same with a planted
//! bug in the others. See `build.rs`.

pub mod fakes;

mod locks {
    pub use std::sync::PoisonError;

    pub use shuttle::sync::{Arc, Mutex, MutexGuard};
}

include!(concat!(env!("OUT_DIR"), "/sets.rs"));

macro_rules! copied {
    ($($set:ident),*) => {$(
        impl $set::upload_urls::PooledUrl {
            /// For the planted bug.
            pub fn copied(&self) -> Self {
                Self::new(self.address, fakes::now())
            }
        }
    )*};
}
copied!(url_stays_in_the_pool);
