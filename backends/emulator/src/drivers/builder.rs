//! [`Builder`]: what an emulator begins with.

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
use crate::model::key::{CAPABILITIES, Key};
use crate::model::state::{Settings, State};
use crate::model::token::Tokens;
use crate::protocol::origins::Origins;
use crate::storage::blobs::memory::MemoryStore;
use crate::storage::blobs::null_store::NullStore;
use crate::storage::blobs::store::BlobStore;
use crate::storage::journal::data_dir::DataDir;

const ACCOUNT_ID: &str = "e0b2e0b2e0b2";

/// What an emulator begins with. Made by [`Emulator::builder`].
#[must_use]
pub struct Builder {
    key: Option<(String, String)>,
    seed: u64,
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
    /// An empty account with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The settings to begin with.
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

    /// The application key that may do everything. Defaults to a pair that says it is for tests.
    ///
    /// A key id with a colon, or an empty one, can't be authorized with, as with B2 itself.
    pub fn key(mut self, id: impl Into<String>, key: impl Into<String>) -> Self {
        self.key = Some((id.into(), key.into()));
        self
    }

    /// What ids and tokens follow from. Defaults to 0. The same seed, clock and requests give the same answers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock. Defaults to the [`SystemClock`]; a [`ManualClock`](crate::ManualClock) turns only by hand.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The URL that answers to in-process requests begin with, without a slash at the end. Defaults to
    /// `http://localhost`. Requests through a server get the server's.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.origin = url.into();
        self
    }

    /// How long every request takes besides its work, by the [`clock`](Self::clock). Defaults to nothing. A
    /// [fault](crate::FaultKind::Delay) that delays comes on top.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency.of_all = Some(latency);
        self
    }

    /// The [`latency`](Self::latency) of this call alone, by B2's name for it.
    ///
    /// # Panics
    /// If B2 has no call of this name.
    pub fn latency_of(mut self, call: impl Into<String>, latency: Duration) -> Self {
        let call = call.into();
        assert!(calls::table::is_call(&call), "B2 has no call {call:?}");
        self.latency.of_calls.insert(call, latency);
        self
    }

    /// The least size of a part, but the last of a file: `absoluteMinimumPartSize`. Defaults to 5 000 000, as at B2.
    pub fn absolute_minimum_part_size(mut self, bytes: u64) -> Self {
        self.absolute_minimum_part_size = bytes;
        self
    }

    /// The size of part that clients are told to use: `recommendedPartSize`. Defaults to 100 000 000, as at B2.
    pub fn recommended_part_size(mut self, bytes: u64) -> Self {
        self.recommended_part_size = bytes;
        self
    }

    /// How many bytes of files it holds at most, beyond which uploads get `storage_cap_exceeded`. Defaults to 1 GiB in
    /// memory, and to no limit on disk.
    pub fn storage_cap(mut self, bytes: u64) -> Self {
        self.storage_cap = Some(bytes);
        self
    }

    /// Which checksums of uploads are computed. Defaults to [`Checksums::All`].
    pub fn checksums(mut self, checksums: Checksums) -> Self {
        self.checksums = checksums;
        self
    }

    /// Forgets the bytes of files: they have their length and their checksums, and a download gives zeros. For measuring
    /// clients, with files larger than memory; [`open`](Self::open) keeps the bytes all the same. Defaults to no.
    pub fn discard_contents(mut self, discard: bool) -> Self {
        self.discards = discard;
        self
    }

    /// Whether [`open`](Self::open)'s files reach the disk itself before anything is answered. Defaults to no: then a crash
    /// of the program loses nothing, but one of the whole computer may lose the last seconds.
    pub fn sync_to_disk(mut self, sync: bool) -> Self {
        self.syncs = sync;
        self
    }

    /// How long account and upload tokens are good for. Defaults to 24 hours.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Whether the account may say when an upload began, as B2's support has to allow. Defaults to no:
    /// `custom_timestamp_not_allowed`.
    pub fn custom_timestamps(mut self, allowed: bool) -> Self {
        self.custom_timestamps = allowed;
        self
    }

    /// Whether new buckets are under the encryption rules from before September 2026, as recordings of that time are: not
    /// encrypted unless that is asked for, `none` is accepted, and names and info of files may have 7,000 bytes. Defaults to
    /// no: new buckets encrypt with SSE-B2, and `none` is refused. For one bucket there is
    /// [`Emulator::set_legacy_encryption`].
    pub fn legacy_encryption(mut self, legacy: bool) -> Self {
        self.legacy_encryption = legacy;
        self
    }

    /// What it does where B2's documents are silent.
    pub fn undocumented(mut self, behavior: UndocumentedBehavior) -> Self {
        self.undocumented = behavior;
        self
    }

    /// The emulator: one empty account, in memory.
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

    /// The emulator with its account in this directory: what was there before is there again, and what comes outlives
    /// this program. The directory is made if it isn't there; one emulator at a time uses it, and it must be the
    /// emulator's alone.
    ///
    /// Buckets, files, keys, account tokens and download authorizations are kept; upload URLs, events that are still to be
    /// told, and [faults](Emulator::faults) are not. The master key and the other settings are those of this builder.
    ///
    /// Before a request is answered, what it did is in the directory's files. [`Emulator::losses`] says what a crash has
    /// destroyed all the same: see [`sync_to_disk`](Self::sync_to_disk).
    ///
    /// # Errors
    /// If the directory can't be used, another emulator uses it, or what is there isn't an emulator's or is damaged. Then
    /// nothing is changed.
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
            ids: Ids::new(self.seed),
            keys: BTreeMap::from([(key_id, Arc::new(master))]),
            keys_created: 0,
            tokens: Tokens::default(),
            buckets: BTreeMap::new(),
            files: std::collections::HashMap::new(),
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
            origins: Origins::one(&self.origin.into()),
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
