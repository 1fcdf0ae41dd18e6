//! Formats of ids, tokens and keys, and [`Ids`], which generates them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::model::file_id::{BucketId, CLUSTER, FileId, Pod};
use crate::model::random::SplitMix64;
use crate::protocol::date;
use crate::protocol::hex::{Hex, hex};

/// Length of the secret at the end of a token: 20 bytes in base64.
const TOKEN_SECRET: usize = 28;

/// Length of the public part of a download authorization: `3_`, 14 digits, `_`, 24 hexadecimal
/// digits.
const DOWNLOAD_PUBLIC: usize = 41;

/// Generates ids, tokens and keys from a seed. Reproducible, and whoever knows an id can compute all
/// others; tokens and keys as well, unless there is a secret.
#[derive(Clone)]
pub(crate) struct Ids {
    random: SplitMix64,
    secret: Option<[u8; 32]>,
}

/// The kind of a token: the word in its middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Account,
    UploadFile,
    UploadPart,
}

/// The digit after `_f` in a file id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Normal = 1,
    Large = 2,
    SmallOrHidden = 4,
}

impl Ids {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            random: SplitMix64::new(seed),
            secret: None,
        }
    }

    /// Makes tokens and keys follow from this secret, too.
    pub(crate) const fn with_secret(mut self, secret: Option<[u8; 32]>) -> Self {
        self.secret = secret;
        self
    }

    /// Continues with the numbers that follow from this state.
    pub(crate) const fn resume(&mut self, seed: u64) {
        self.random = SplitMix64::new(seed);
    }

    /// The state from which all further ids follow; the journal keeps it.
    pub(crate) const fn seed(&self) -> u64 {
        self.random.seed()
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.random.next().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }

    /// Bytes for a token or key, at most 32.
    fn secret_bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = self.bytes();
        if let Some(secret) = &self.secret {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("takes keys of any size");
            mac.update(&bytes);
            bytes.copy_from_slice(&mac.finalize().into_bytes()[..N]);
        }
        bytes
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = hex(&self.bytes::<16>());
        text.truncate(digits);
        text
    }

    fn below(&mut self, limit: u32) -> u32 {
        let number = self.random.next() % u64::from(limit);
        u32::try_from(number).unwrap_or(0)
    }

    pub(crate) fn bucket_id(&mut self) -> BucketId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes::<16>()[..12]);
        Hex(id)
    }

    pub(crate) fn pod(&mut self) -> Pod {
        Pod {
            vault: 402_000 + self.below(100),
            tome: self.below(60),
        }
    }

    /// An id with 15 random digits.
    pub(crate) fn file_id(
        &mut self,
        bucket: BucketId,
        kind: FileKind,
        pod: Pod,
        now: u64,
    ) -> FileId {
        let random = u128::from_be_bytes(self.bytes());
        // fifteen digits, after that of the kind
        let unique = (kind as u64) << 60 | (random >> 68) as u64;
        FileId::new(bucket, unique, pod, now)
    }

    pub(crate) fn token(&mut self, word: TokenKind, key_id: &str) -> String {
        let word = match word {
            TokenKind::Account => "acct",
            TokenKind::UploadFile => "upld",
            TokenKind::UploadPart => "uplg",
        };
        let (first, second) = (self.hex(8), self.hex(6));
        let secret = URL_SAFE.encode(self.secret_bytes::<20>());
        format!("4_{key_id}_{first}_{second}_{word}_{secret}")
    }

    /// `3_{made}_{24 hex}_{40 hex}_{cluster}_{expiry}_{4 digits}_dnld`.
    pub(crate) fn download_token(&mut self, now: u64, expires: u64) -> String {
        let (public, secret) = (self.hex(24), hex(&self.secret_bytes::<20>()));
        let number = self.random.next() % 10_000;
        format!(
            "3_{}_{public}_{secret}_{CLUSTER}_{}_{number:04}_dnld",
            date::digits(now),
            date::digits(expires),
        )
    }

    /// 64 hexadecimal digits.
    pub(crate) fn event_id(&mut self) -> String {
        hex(&self.bytes::<32>())
    }

    /// Cluster, account and number: 25 characters.
    pub(crate) fn key_id(account: &str, number: u64) -> String {
        format!("{CLUSTER}{account}{number:010x}")
    }

    /// `K`, the cluster and 27 characters.
    pub(crate) fn key(&mut self) -> String {
        let secret = URL_SAFE.encode(self.secret_bytes::<21>());
        format!("K{CLUSTER}{}", &secret[..27])
    }
}

/// Splits a token into its public part, for lookups, and its secret, for constant-time comparison.
pub(crate) fn split_token(token: &str) -> Option<(&str, &str)> {
    let public = match token.strip_suffix("_dnld") {
        Some(_) => DOWNLOAD_PUBLIC,
        None => token.len().checked_sub(TOKEN_SECRET)?,
    };
    token.split_at_checked(public)
}

/// Whether this has the format of a bucket id.
pub(crate) fn is_bucket_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The timestamp in a file id, in milliseconds; `None` if this does not have the format of a file
/// id.
pub(crate) fn file_id_time(id: &str) -> Option<u64> {
    let (bucket, rest) = id.strip_prefix("4_z")?.split_at_checked(24)?;
    let rest = rest.strip_prefix("_f")?;
    if !is_bucket_id(bucket) || id.len() > 200 {
        return None;
    }
    let mut fields = rest.as_bytes().split(|byte| *byte == b'_');
    let unique = fields.next()?;
    if unique.len() != 16 || !unique.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let date = fields.next()?.strip_prefix(b"d");
    let date = date.filter(|date| date.len() == 8 && number(date).is_some())?;
    let time = fields.next()?.strip_prefix(b"m");
    let time = time.filter(|time| time.len() == 6 && number(time).is_some())?;
    for letter in [b"c", b"v", b"t"] {
        number(fields.next()?.strip_prefix(letter)?)?;
    }
    match fields.next() {
        Some(millis) => {
            let millis = number(millis.strip_prefix(b"u")?)?;
            fields.next().is_none().then_some(millis)
        }
        None => {
            let digits = [date, time].concat();
            date::of_digits(std::str::from_utf8(&digits).ok()?)
        }
    }
}

/// A number made of digits only.
fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| {
        let digit = char::from(*digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    };
    digits.first()?;
    digits.iter().try_fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = "4_zc1657f7923d53c0f94cd0c1b_f405618dbe9f1f691_\
        d20260205_m234012_c004_v0402033_t0052_u01770334812998";

    #[test]
    fn a_file_id_has_the_length_and_the_fields_of_a_real_one() {
        let mut ids = Ids::new(1);
        let pod = ids.pod();
        let bucket = ids.bucket_id();
        let id = ids.file_id(bucket, FileKind::SmallOrHidden, pod, 1_770_334_812_998);
        let id = id.to_string();
        assert_eq!(id.len(), DOCUMENTED.len());
        assert_eq!(file_id_time(&id), Some(1_770_334_812_998));
        assert_eq!(file_id_time(DOCUMENTED), Some(1_770_334_812_998));
        assert!(id.contains("_d20260205_m234012_c004_v0402"));
    }

    #[test]
    fn an_old_id_without_milliseconds_has_the_time_of_its_second() {
        let id =
            "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_d20211112_m211109_c002_v0001114_t0054";
        assert_eq!(file_id_time(id), Some(1_636_751_469_000));
    }

    #[test]
    fn malformed_file_ids_have_no_time() {
        for id in [
            "",
            "bad-id",
            "4_z",
            "4_z8d625eb63be2775577c70e1a",
            "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_d2021111é_m211109_c002_v0001114_t0054",
            "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_\
             d20211112_m211109_c002_v0001114_t0054_u1_x",
            "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_d20211112_m211109_c002_v0001114",
        ] {
            assert_eq!(file_id_time(id), None, "{id}");
        }
    }

    #[test]
    fn tokens_and_keys_follow_from_the_seed_unless_there_is_a_secret() {
        let made = |secret| {
            let mut ids = Ids::new(7).with_secret(secret);
            let token = ids.token(TokenKind::Account, "00415f935cf4dcb00000006ae");
            let download = ids.download_token(0, 0);
            let secret = |token: &str| split_token(token).unwrap().1.to_owned();
            let secrets = [secret(&token), secret(&download), ids.key()];
            (ids.bucket_id(), secrets)
        };
        let (bucket, known) = made(None);
        assert_eq!(made(None), (bucket, known.clone()));
        let (same, one) = made(Some([1; 32]));
        let (_, other) = made(Some([2; 32]));
        assert_eq!(same, bucket, "ids stay the same");
        for at in 0..3 {
            assert_eq!(one[at].len(), known[at].len());
            assert!(one[at] != known[at] && other[at] != known[at] && one[at] != other[at]);
        }
    }

    #[test]
    fn keys_and_tokens_have_the_lengths_of_real_ones() {
        let mut ids = Ids::new(7);
        assert_eq!(
            Ids::key_id("15f935cf4dcb", 0x6ae),
            "00415f935cf4dcb00000006ae"
        );
        assert_eq!(ids.key().len(), 31);
        let token = ids.token(TokenKind::Account, "00415f935cf4dcb00000006ae");
        let real = "4_00415f935cf4dcb00000006ae_01c23dcc_f57902_acct_Vl-OZdLppNjLalHFmfuaIHFgR1Q=";
        assert_eq!(token.len(), real.len());
        let (public, secret) = split_token(&token).unwrap();
        assert!(public.ends_with("_acct_"));
        assert!(secret.ends_with('='));
    }
}
