//! [`Subject`]: the properties of a request that rules match.

use http::request::Parts;
use http::{HeaderName, Method};

use super::test_mode::TestMode;
use crate::calls;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::percent;

static TEST_MODE: HeaderName = HeaderName::from_static("x-bz-test-mode");

/// The properties of a request that rules match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// The call, if B2 has it.
    pub(crate) call: Option<&'static str>,
    /// The id of the bucket.
    pub(crate) bucket: Option<String>,
    /// The id of the file, or of the source of a copy.
    pub(crate) file: Option<String>,
    /// The file name.
    pub(crate) name: Option<String>,
    pub(crate) part: Option<u64>,
    /// The value of `X-Bz-Test-Mode`.
    pub(crate) test_mode: Option<TestMode>,
    /// Whether the response contains an account token.
    pub(crate) gives_tokens: bool,
    /// Whether the body has nothing to add.
    pub(crate) is_complete: bool,
}

impl Subject {
    /// From the head of a request. `bucket_id` finds buckets by name.
    pub(crate) fn of_head(head: &Parts, bucket_id: impl FnOnce(&str) -> Option<String>) -> Self {
        let mut subject = Self {
            test_mode: text_of(head, &TEST_MODE).and_then(TestMode::parse),
            is_complete: true,
            ..Self::default()
        };
        let path = head.uri.path();
        if let Some(path) = path.strip_prefix("/file/") {
            subject.call = Some(calls::download::BY_NAME);
            let (bucket, name) = path.split_once('/').unwrap_or((path, ""));
            subject.name = percent::decode(name.as_bytes());
            let bucket = percent::decode(bucket.as_bytes());
            subject.bucket = bucket.and_then(|name| bucket_id(&name));
            return subject;
        }
        let rest = path.strip_prefix("/b2api/");
        let rest = rest.and_then(|rest| rest.split_once('/'));
        let Some((_, rest)) = rest else {
            return subject;
        };
        if let Some(call) = calls::upload::name_of(rest) {
            subject.call = Some(call);
            subject.of_upload(head, call, rest);
            return subject;
        }
        let call = calls::table::find(rest);
        subject.call = call.map(|call| call.name);
        subject.gives_tokens =
            call.is_some_and(|call| matches!(call.auth, calls::table::Auth::Basic));
        if let Ok(query) = Args::of_query(head.uri.query().unwrap_or("")) {
            subject.read(&query);
        }
        subject.is_complete = subject.call.is_none() || head.method != Method::POST;
        subject
    }

    fn of_upload(&mut self, head: &Parts, call: &str, path: &str) {
        let id = path.split('/').nth(1).map(str::to_owned);
        if call == calls::upload::UPLOAD_PART {
            self.bucket = id.as_deref().and_then(bucket_of_file);
            self.file = id;
        } else {
            self.bucket = id;
        }
        self.part = text_of(head, "x-bz-part-number").and_then(|number| number.parse().ok());
        let name = text_of(head, "x-bz-file-name");
        self.name = name.and_then(|name| percent::decode(name.as_bytes()));
    }

    /// Whether it asks for a token that expires early.
    pub(crate) const fn may_limit_token(&self) -> bool {
        self.gives_tokens && matches!(self.test_mode, Some(TestMode::ExpireSomeTokens))
    }

    /// Adds the fields of the body.
    pub(crate) fn read(&mut self, args: &Args) {
        let field = |names: &[&str]| {
            let mut found = names
                .iter()
                .filter_map(|name| args.string(name).ok().flatten());
            found.next().map(str::to_owned)
        };
        self.file = self.file.take().or_else(|| {
            let names = ["fileId", "largeFileId", "sourceFileId"];
            field(&names)
        });
        self.bucket = self.bucket.take().or_else(|| field(&["bucketId"]));
        if self.bucket.is_none() {
            self.bucket = self.file.as_deref().and_then(bucket_of_file);
        }
        self.name = self.name.take().or_else(|| field(&["fileName"]));
        let part = args.integer("partNumber").ok().flatten();
        self.part = self.part.or_else(|| part?.try_into().ok());
    }
}

/// The bucket id in a file id.
fn bucket_of_file(id: &str) -> Option<String> {
    let (bucket, _) = id.strip_prefix("4_z")?.split_once('_')?;
    Some(bucket.to_owned())
}
