//! [`Builder`]: the settings of an emulator.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::behavior::UndocumentedBehavior;
use crate::calls;
use crate::drivers::account::{Account, Latency};
use crate::drivers::clock::{Clock, SystemClock, millis};
use crate::drivers::in_process::Emulator;
use crate::faults::rules::Rules;
use crate::model::changes::Changes;
use crate::model::checksums::Checksums;
use crate::model::ids::Ids;
use crate::model::interner::Interner;
use crate::model::key::{CAPABILITIES, Key};
use crate::model::state::{Settings, State};
use crate::model::token::Tokens;
use crate::protocol::origins::Origins;
use crate::storage::blobs::memory::MemoryStore;
use crate::storage::blobs::null_store::NullStore;
use crate::storage::blobs::store::BlobStore;
use crate::storage::journal::data_dir::DataDir;

const ACCOUNT_ID: &str = "e0b2e0b2e0b2";

/// The settings of an emulator. Created by [`Emulator::builder`].
#[must_use]
pub struct Builder {
    key: Option<(String, String)>,
    seed: u64,
    token_secret: Option<[u8; 32]>,
    clock: Box<dyn Clock>,
    origin: String,
    latency: Latency,
    absolute_minimum_part_size: u64,
    recommended_part_size: u64,
    storage_cap: Option<u64>,
    checksums: Checksums,
    syncs: bool,
    discards: bool,
    token_lifetime: Duration,
    custom_timestamps: bool,
    legacy_encryption: bool,
    undocumented: UndocumentedBehavior,
}

impl Emulator {
    /// An empty account in memory with default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts with default settings.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            key: None,
            seed: 0,
            token_secret: None,
            clock: Box::new(SystemClock),
            origin: "http://localhost".to_owned(),
            latency: Latency::default(),
            absolute_minimum_part_size: 5_000_000,
            recommended_part_size: 100_000_000,
            storage_cap: None,
            checksums: Checksums::All,
            syncs: false,
            discards: false,
            token_lifetime: Duration::from_secs(24 * 60 * 60),
            custom_timestamps: false,
            legacy_encryption: false,
            undocumented: UndocumentedBehavior::default(),
        }
    }

    /// The master application key, which has all capabilities. Defaults to a fixed pair for tests.
    ///
    /// As with B2 itself, an empty key id, or one with a colon, can't be used to authorize.
    pub fn key(mut self, id: impl Into<String>, key: impl Into<String>) -> Self {
        self.key = Some((id.into(), key.into()));
        self
    }

    /// The seed of ids and tokens. Defaults to 0. The same seed, clock and requests give the same
    /// responses.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A secret that tokens and application keys follow from besides the [`seed`](Self::seed), for a
    /// server that others can reach: without it, they can be computed from any id in a response.
    /// Defaults to none.
    pub fn token_secret(mut self, secret: [u8; 32]) -> Self {
        self.token_secret = Some(secret);
        self
    }

    /// The clock. Defaults to the [`SystemClock`]; a [`ManualClock`](crate::ManualClock) is
    /// advanced manually.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The URL that responses to in-process requests point to, without a slash at the end. Defaults
    /// to `http://localhost`. A server has its own URL.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.origin = url.into();
        self
    }

    /// The latency of every request, by the [`clock`](Self::clock). Defaults to none. A
    /// [delay](crate::FaultKind::Delay) is added to it.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency.default = Some(latency);
        self
    }

    /// The [`latency`](Self::latency) of one call, by B2's name.
    ///
    /// # Panics
    /// If B2 has no such call.
    pub fn latency_of(mut self, call: impl Into<String>, latency: Duration) -> Self {
        let call = call.into();
        assert!(calls::table::is_call(&call), "B2 has no call {call:?}");
        self.latency.per_call.insert(call, latency);
        self
    }

    /// `absoluteMinimumPartSize`: the minimum size of all parts of a file but the last. Defaults to
    /// 5,000,000 bytes, like B2.
    pub fn absolute_minimum_part_size(mut self, bytes: u64) -> Self {
        self.absolute_minimum_part_size = bytes;
        self
    }

    /// `recommendedPartSize`. Defaults to 100,000,000 bytes, like B2.
    pub fn recommended_part_size(mut self, bytes: u64) -> Self {
        self.recommended_part_size = bytes;
        self
    }

    /// The storage cap in bytes of files, beyond which uploads get `storage_cap_exceeded`. Defaults
    /// to 1 GiB in memory, and to none on disk.
    pub fn storage_cap(mut self, bytes: u64) -> Self {
        self.storage_cap = Some(bytes);
        self
    }

    /// Which checksums are computed. Defaults to [`Checksums::All`].
    pub fn checksums(mut self, checksums: Checksums) -> Self {
        self.checksums = checksums;
        self
    }

    /// Discards the bytes of files and keeps only their length and checksums; downloads return
    /// zeros. For client benchmarks with files larger than memory. No effect with
    /// [`open`](Self::open). Defaults to false.
    pub fn discard_contents(mut self, discard: bool) -> Self {
        self.discards = discard;
        self
    }

    /// Whether the files of [`open`](Self::open) are synced before each response. Defaults to
    /// false: then a crash of the process loses nothing, but a crash of the machine may lose the
    /// last seconds.
    pub fn sync_to_disk(mut self, sync: bool) -> Self {
        self.syncs = sync;
        self
    }

    /// The lifetime of account and upload tokens. Defaults to 24 hours.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Whether uploads may have a custom timestamp, which B2's support has to enable for an
    /// account. Defaults to false: `custom_timestamp_not_allowed`.
    pub fn custom_timestamps(mut self, allowed: bool) -> Self {
        self.custom_timestamps = allowed;
        self
    }

    /// Whether new buckets have the encryption rules from before September 2026: no encryption by
    /// default, `none` is accepted, and name and info of a file may have 7,000 bytes. Recordings of
    /// that time need it. Defaults to false: SSE-B2 by default, and `none` is refused. For a single
    /// bucket there is [`Emulator::set_legacy_encryption`].
    pub fn legacy_encryption(mut self, legacy: bool) -> Self {
        self.legacy_encryption = legacy;
        self
    }

    /// The behavior that B2's documentation leaves open.
    pub fn undocumented(mut self, behavior: UndocumentedBehavior) -> Self {
        self.undocumented = behavior;
        self
    }

    /// Builds an emulator with an empty account in memory.
    #[must_use]
    pub fn build(self) -> Emulator {
        let store: Box<dyn BlobStore> = if self.discards {
            Box::new(NullStore::new())
        } else {
            Box::new(MemoryStore::new(self.storage_cap.unwrap_or(1 << 30)))
        };
        let state = self.state();
        self.of_parts(state, store, None, Vec::new())
    }

    /// Builds an emulator with its account in a directory, which survives the process. The
    /// directory is created if it is missing; it must be the emulator's alone, and one emulator at
    /// a time can use it.
    ///
    /// Buckets, files, keys, account tokens and download authorizations are kept; upload URLs,
    /// pending events and [faults](Emulator::faults) are not. The master key and all other settings
    /// are those of this builder.
    ///
    /// Changes are in the directory's files before a request is answered.
    /// [`Emulator::recovery_warnings`] reports what a crash of the machine has destroyed anyway:
    /// see [`sync_to_disk`](Self::sync_to_disk).
    ///
    /// # Errors
    /// If the directory can't be used, is in use by another emulator, has foreign files, or is
    /// damaged. Nothing is changed then.
    pub fn open(self, directory: impl AsRef<Path>) -> io::Result<Emulator> {
        let mut state = self.state();
        let cap = self.storage_cap.unwrap_or(u64::MAX);
        let (data, recovery_warnings) =
            DataDir::open(directory.as_ref(), &mut state, cap, self.syncs)?;
        let store = Box::new(data.store());
        Ok(self.of_parts(state, store, Some(data), recovery_warnings))
    }

    fn master(&self) -> (String, String) {
        self.key.clone().unwrap_or_else(|| {
            let id = Ids::key_id(ACCOUNT_ID, 0);
            (id, "K004EmulatorTestKeyNotASecret00".to_owned())
        })
    }

    fn state(&self) -> State {
        let (key_id, key) = self.master();
        let master = Key {
            id: key_id.clone(),
            secret: key,
            name: "master".to_owned(),
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            buckets: None,
            needs_v4: false,
            name_prefix: None,
            expires: None,
            is_master: true,
        };
        State {
            settings: Settings {
                absolute_minimum_part_size: self.absolute_minimum_part_size,
                recommended_part_size: self.recommended_part_size,
                token_lifetime_millis: millis(self.token_lifetime),
                custom_timestamps: self.custom_timestamps,
                legacy_encryption: self.legacy_encryption,
                undocumented: self.undocumented.clone(),
            },
            account_id: ACCOUNT_ID.to_owned(),
            ids: Ids::new(self.seed).with_secret(self.token_secret),
            keys: BTreeMap::from([(key_id, Arc::new(master))]),
            keys_created: 0,
            tokens: Tokens::default(),
            buckets: BTreeMap::new(),
            content_types: Interner::default(),
            versions_made: 0,
            events: std::collections::VecDeque::new(),
            last_day: None,
            calls: BTreeMap::new(),
            changes: Changes::default(),
        }
    }

    fn of_parts(
        self,
        state: State,
        store: Box<dyn BlobStore>,
        data: Option<DataDir>,
        recovery_warnings: Vec<String>,
    ) -> Emulator {
        let (key_id, key) = self.master();
        Emulator::of_account(Account {
            state: Mutex::new(state),
            rules: Mutex::new(Rules::new(self.seed)),
            store,
            data,
            recovery_warnings,
            checksums: self.checksums,
            clock: self.clock,
            origins: Origins::same(&self.origin.into()),
            latency: self.latency,
            key_id,
            key,
            account_id: ACCOUNT_ID.to_owned(),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("key_id", &self.key.as_ref().map(|(id, _)| id))
            .field("seed", &self.seed)
            .field("url", &self.origin)
            .finish_non_exhaustive()
    }
}
