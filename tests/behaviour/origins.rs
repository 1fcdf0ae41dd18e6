//! Downloads from a custom origin such as a CDN, and with only a download authorization.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit::api::{
    CreateBucket, DownloadFileById, DownloadFileByName, GetDownloadAuthorization, GetFileInfo,
    ListFileNames, UploadFile,
};
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, OffsetClock};
use b2kit::http::Uri;
use b2kit::http::header::{AUTHORIZATION, DATE, RANGE};
use b2kit::transfer::ComposeSource;
use b2kit::types::{
    BucketName, BucketType, ByteRange, CustomerKey, DownloadDuration, FileName, Secret,
};
use b2kit::{
    BucketHandle, Bytes, Client, ClientBuilder, Credentials, ErrorKind, HttpClient as _,
    ManualTimer, OriginToken, Request, Response,
};

use crate::call_of;
use crate::uploading::content;

const CDN: &str = "https://files.example";

/// Each request's host and path, and whether it had a token.
type Seen = Arc<Mutex<Vec<(String, String, bool)>>>;

#[derive(Clone)]
struct Fixture {
    emulator: Emulator,
    clock: OffsetClock,
    timer: ManualTimer,
    seen: Seen,
    /// Edits the host's responses.
    strips: bool,
    /// Responses of the host have the time at which it cached them.
    is_stale: bool,
    /// Edits requests to the host.
    adds: Arc<Mutex<Option<String>>>,
}

impl Fixture {
    fn new() -> Self {
        let clock = OffsetClock::default();
        Self {
            emulator: Emulator::builder().clock(clock.clone()).build(),
            clock,
            timer: ManualTimer::new(),
            seen: Seen::default(),
            strips: false,
            is_stale: false,
            adds: Arc::default(),
        }
    }

    fn builder(&self) -> ClientBuilder {
        let world = self.clone();
        Client::builder()
            .timer(self.timer.clone())
            .rng_seed(7)
            .endpoint(self.emulator.url())
            .backend(move |request: Request| {
                let world = world.clone();
                async move { world.answer(request).await }
            })
    }

    fn with_key(&self) -> ClientBuilder {
        let (id, key) = (self.emulator.key_id(), self.emulator.key());
        self.builder()
            .credentials(Credentials::new(id, key).unwrap())
    }

    async fn answer(&self, mut request: Request) -> Result<Response, b2kit::HttpError> {
        let host = request.uri().host().unwrap().to_owned();
        let has_token = request.headers().contains_key(AUTHORIZATION);
        let call = match call_of(&request) {
            "" => "b2_download_file_by_name",
            call => call,
        };
        let call = call.to_owned();
        self.seen
            .lock()
            .unwrap()
            .push((host.clone(), call, has_token));
        let is_cdn = host == "files.example";
        if is_cdn {
            let path = request.uri().path_and_query().unwrap().as_str();
            *request.uri_mut() = format!("{}{path}", self.emulator.url()).parse().unwrap();
            if let Some(token) = &*self.adds.lock().unwrap() {
                request
                    .headers_mut()
                    .insert(AUTHORIZATION, token.parse().unwrap());
            }
        }
        let mut response = self.emulator.send(request).await?;
        if is_cdn && self.is_stale {
            let date = "Thu, 05 Feb 2026 10:00:00 GMT".parse().unwrap();
            response.headers_mut().insert(DATE, date);
        }
        if is_cdn && self.strips {
            let names: Vec<_> = response.headers().keys().cloned().collect();
            for name in names
                .iter()
                .filter(|name| name.as_str().starts_with("x-bz-"))
            {
                response.headers_mut().remove(name);
            }
        }
        Ok(response)
    }

    /// Clears the recorded requests.
    fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    fn downloads(&self) -> Vec<(String, bool)> {
        let seen = self.seen.lock().unwrap();
        let downloads = seen
            .iter()
            .filter(|(_, call, _)| call.contains("download_file"));
        downloads
            .map(|(host, _, token)| (host.clone(), *token))
            .collect()
    }

    /// A bucket with a file `f`.
    async fn bucket(&self, kind: BucketType, content: &Bytes) -> BucketHandle {
        let b2 = self.with_key().build().unwrap();
        let name = BucketName::new("holiday-photos").unwrap();
        let made = b2
            .call(CreateBucket::new(name.clone(), kind))
            .await
            .unwrap();
        let file = FileName::new("f").unwrap();
        let upload = UploadFile::new(&made.bucket_id, file, content.clone());
        b2.call(upload).await.unwrap();
        BucketHandle::new(b2, made.bucket_id, name)
    }
}

fn at(client: &Client, bucket: &BucketHandle) -> BucketHandle {
    BucketHandle::new(client.clone(), bucket.id().clone(), bucket.name().clone())
}

fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

#[test]
fn the_date_of_a_cached_download_is_not_taken_for_b2s_time() {
    let mut world = Fixture::new();
    world.is_stale = true;
    let b2 = world
        .with_key()
        .download_origin(CDN, OriginToken::Withhold)
        .build()
        .unwrap();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPublic, &content(100)).await;
        let bucket = at(&b2, &there);
        b2.call(ListFileNames::new(bucket.id())).await.unwrap();
        let before = b2.current_time();
        for _ in 0..2 {
            let download = bucket.download("f").stream().await.unwrap();
            download.collect(100).await.unwrap();
        }
        assert!(b2.current_time() >= before);
    });
}

#[test]
fn only_downloads_go_to_a_custom_origin_and_the_token_only_if_allowed() {
    let content = content(1_000);
    for (kind, token, has_token) in [
        (BucketType::AllPrivate, OriginToken::Send, true),
        (BucketType::AllPublic, OriginToken::Withhold, false),
    ] {
        let world = Fixture::new();
        let b2 = world
            .with_key()
            .download_origin(CDN, token)
            .build()
            .unwrap();
        world.timer.run(async {
            let there = world.bucket(kind, &content).await;
            world.forget();
            let bucket = at(&b2, &there);
            let by_name = bucket
                .download("f")
                .require_verified()
                .stream()
                .await
                .unwrap();
            let file_id = by_name.file().file_id.clone();
            assert_eq!(by_name.collect(1_000).await.unwrap(), content);
            let by_id = b2.download(file_id).stream().await.unwrap();
            assert_eq!(by_id.collect(1_000).await.unwrap(), content);
            b2.call(ListFileNames::new(bucket.id())).await.unwrap();
            let session = b2.session().await.unwrap();
            assert_eq!(session.download_url(), CDN);
            let url = session.public_url(bucket.name(), &name("a b")).unwrap();
            assert_eq!(url, "https://files.example/file/holiday-photos/a%20b");
            assert!(session.public_url(bucket.name(), &name("a/../b")).is_err());
            let hour = DownloadDuration::from_secs(3_600).unwrap();
            let call = GetDownloadAuthorization::new(bucket.id(), "", hour);
            let link = b2.call(call).await.unwrap();
            let link = link.link(&session, bucket.name(), &name("f")).unwrap();
            assert_eq!(link.url(), "https://files.example/file/holiday-photos/f");
            let handle = [
                bucket.public_url("f").await.unwrap(),
                bucket
                    .presigned_url("f", Duration::from_secs(60))
                    .await
                    .unwrap()
                    .url()
                    .to_owned(),
            ];
            assert_eq!(handle, [link.url(), link.url()]);
            // An exported session contains B2's own download URL.
            assert!(!session.export().expose().contains("files.example"));
        });
        assert_eq!(
            world.downloads(),
            vec![("files.example".to_owned(), has_token); 2]
        );
        let seen = world.seen.lock().unwrap();
        let others = seen
            .iter()
            .filter(|(_, call, _)| !call.contains("download_file"));
        assert!(others.clone().count() > 2);
        assert!(others.into_iter().all(|(host, ..)| host != "files.example"));
    }
}

#[test]
fn a_custom_origin_is_kept_when_the_session_is_renewed() {
    let content = content(100);
    let world = Fixture::new();
    let b2 = world
        .with_key()
        .download_origin(CDN, OriginToken::Send)
        .build()
        .unwrap();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content).await;
        let bucket = at(&b2, &there);
        bucket.download("f").stream().await.unwrap();
        world.emulator.expire_account_tokens();
        world.forget();
        let download = bucket.download("f").stream().await.unwrap();
        assert_eq!(download.collect(100).await.unwrap(), content);
    });
    let seen = world.seen.lock().unwrap();
    assert!(
        seen.iter()
            .any(|(_, call, _)| call == "b2_authorize_account")
    );
    drop(seen);
    assert!(
        world
            .downloads()
            .iter()
            .all(|(host, _)| host == "files.example")
    );
}

#[test]
fn a_401_from_an_origin_without_the_token_is_explained_without_a_new_authorization() {
    let world = Fixture::new();
    let b2 = world
        .with_key()
        .download_origin(CDN, OriginToken::Withhold)
        .build()
        .unwrap();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content(10)).await;
        b2.session().await.unwrap();
        world.forget();
        let error = at(&b2, &there).download("f").stream().await.unwrap_err();
        assert_eq!(error.b2().unwrap().status, 401);
        assert!(error.to_string().contains("no token was sent"), "{error}");
        // An origin that adds the authorization itself serves the file.
        let token = there.client().session().await.unwrap();
        let token = token.authorization_token().expose().to_owned();
        *world.adds.lock().unwrap() = Some(token);
        at(&b2, &there).download("f").stream().await.unwrap();
    });
    assert_eq!(world.seen.lock().unwrap().len(), 2);
}

#[test]
fn a_customer_key_is_not_sent_to_an_origin_that_does_not_get_the_token() {
    let world = Fixture::new();
    let b2 = world
        .with_key()
        .download_origin(CDN, OriginToken::Withhold)
        .build()
        .unwrap();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPublic, &content(10)).await;
        b2.session().await.unwrap();
        world.forget();
        let key = CustomerKey::new([7; 32]);
        let download = at(&b2, &there).download("f").customer_key(key);
        assert_eq!(
            download.stream().await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    });
    assert!(world.seen.lock().unwrap().is_empty());
}

#[test]
fn compositions_download_from_b2_if_the_origin_does_not_get_the_token() {
    for (token, from) in [
        (OriginToken::Send, "files.example"),
        (OriginToken::Withhold, "localhost"),
    ] {
        let content = content(1_000);
        let world = Fixture::new();
        let b2 = world
            .with_key()
            .download_origin(CDN, token)
            .build()
            .unwrap();
        world.timer.run(async {
            let there = world.bucket(BucketType::AllPrivate, &content).await;
            let bucket = at(&b2, &there);
            let listed = b2.call(ListFileNames::new(bucket.id())).await.unwrap();
            let file = listed.files[0].version().unwrap();
            // The token has expired when it is needed; a 401 from B2 itself leads to its renewal.
            world.clock.advance(Duration::from_secs(25 * 3_600));
            world.forget();
            // Both sources are below the minimum part size, so they are downloaded and uploaded again.
            let sources = [ComposeSource::file(file), ComposeSource::local("and more")];
            let composed = bucket.compose("g", sources).await.unwrap();
            assert_eq!(composed.file.content_length, 1_008);
            let downloads = world.downloads();
            assert!(!downloads.is_empty());
            for (host, has_token) in downloads {
                assert_eq!((&*host, has_token), (from, true), "{token:?}");
            }
            let whole = there.download("g").stream().await.unwrap();
            let whole = whole.collect(2_000).await.unwrap();
            assert_eq!(whole, [&content[..], b"and more"].concat());
        });
    }
}

#[test]
fn a_download_sends_the_authorized_headers_also_when_it_resumes() {
    let content = content(1_000);
    let world = Fixture::new();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content).await;
        let hour = DownloadDuration::from_secs(3_600).unwrap();
        let call = GetDownloadAuthorization::new(there.id(), "f", hour)
            .b2_content_disposition("attachment; filename=\"cat.jpg\"");
        let given = there.client().call(call).await.unwrap();
        let session = there.client().session().await.unwrap();
        let friend = world
            .builder()
            .download_authorization(session.download_url(), given.authorization_token)
            .build()
            .unwrap();
        let download = friend.download_by_name(there.name().clone(), "f");
        let refused = download.clone().stream().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unauthorized, "{refused:?}");

        let cut = Fault::new(FaultKind::CutResponse { after: 300 });
        let cut = cut.on("b2_download_file_by_name").times(1);
        world.emulator.faults().add(cut);
        world.forget();
        let download = download.b2_content_disposition("attachment; filename=\"cat.jpg\"");
        let stream = download.clone().stream().await.unwrap();
        assert_eq!(
            stream.file().headers["content-disposition"],
            "attachment; filename=\"cat.jpg\""
        );
        assert_eq!(stream.collect(1_000).await.unwrap(), content);
        assert_eq!(world.downloads().len(), 2);

        let broken = download.b2_content_disposition("inline;");
        world.forget();
        let refused = broken.stream().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(world.downloads().is_empty());
    });
}

#[test]
fn an_origin_that_strips_b2s_headers_is_reported_as_such() {
    let world = Fixture {
        strips: true,
        ..Fixture::new()
    };
    let b2 = world
        .with_key()
        .download_origin(CDN, OriginToken::Send)
        .build()
        .unwrap();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content(10)).await;
        let error = at(&b2, &there).download("f").stream().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let message = error.to_string();
        assert!(
            message.contains("no x-bz- headers") && message.contains("CDN"),
            "{message}"
        );
    });
}

#[test]
fn an_invalid_custom_origin_is_refused_when_the_client_is_built() {
    let world = Fixture::new();
    for bad in [
        "",
        "files.example",
        "https://files.example/path",
        "http://files.example",
    ] {
        let built = world
            .with_key()
            .download_origin(bad, OriginToken::Send)
            .build();
        assert!(built.is_err(), "{bad}");
    }
}

#[test]
fn a_download_by_name_from_a_custom_origin_resumes_by_name_and_only_with_the_same_version() {
    let content = content(1_000);
    for replaced in [false, true] {
        let world = Fixture::new();
        let b2 = world
            .with_key()
            .download_origin(CDN, OriginToken::Send)
            .build()
            .unwrap();
        world.timer.run(async {
            let there = world.bucket(BucketType::AllPrivate, &content).await;
            let cut = Fault::new(FaultKind::CutResponse { after: 300 });
            let cut = cut.on("b2_download_file_by_name").times(1);
            world.emulator.faults().add(cut);
            let mut download = at(&b2, &there).download("f").stream().await.unwrap();
            let mut bytes = download.next().await.unwrap().unwrap().to_vec();
            if replaced {
                let upload = UploadFile::new(there.id(), name("f"), vec![7; 1_000]);
                there.client().call(upload).await.unwrap();
            }
            loop {
                match download.next().await {
                    Some(Ok(more)) => bytes.extend_from_slice(&more),
                    Some(Err(error)) => {
                        assert!(replaced, "{error:?}");
                        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
                        assert!(error.to_string().contains("a different version"), "{error}");
                        break;
                    }
                    None => {
                        assert!(!replaced && bytes == content);
                        break;
                    }
                }
            }
        });
        let seen = world.seen.lock().unwrap();
        assert!(
            seen.iter()
                .all(|(_, call, _)| call != "b2_download_file_by_id")
        );
    }
}

// Clients with only a download authorization.

/// A download authorization for names with this prefix, made by the owner of the account.
async fn download_authorization(bucket: &BucketHandle, prefix: &str) -> (String, Secret) {
    let hour = DownloadDuration::from_secs(3_600).unwrap();
    let call = GetDownloadAuthorization::new(bucket.id(), prefix, hour);
    let given = bucket.client().call(call).await.unwrap();
    let session = bucket.client().session().await.unwrap();
    (session.download_url().to_owned(), given.authorization_token)
}

#[test]
fn a_download_authorization_suffices_for_downloads_and_for_no_other_call() {
    let content = content(1_000);
    let world = Fixture::new();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content).await;
        let (url, token) = download_authorization(&there, "f").await;
        let friend = world
            .builder()
            .download_authorization(&*url, token)
            .build()
            .unwrap();
        world.forget();
        let bucket = there.name().clone();
        let cut = Fault::new(FaultKind::CutResponse { after: 300 });
        let cut = cut.on("b2_download_file_by_name").times(1);
        world.emulator.faults().add(cut);
        let download = friend
            .download_by_name(bucket.clone(), "f")
            .require_verified();
        let download = download.stream().await.unwrap();
        assert_eq!(download.collect(1_000).await.unwrap(), content);
        let range = ByteRange::inclusive(5, 9).unwrap();
        let part = DownloadFileByName::new(bucket.clone(), name("f")).range(range);
        let part = friend.call(part).await.unwrap();
        assert_eq!(part.body.collect(5).await.unwrap(), content[5..10]);
        // The client doesn't authorize the account or make any call that would be refused.
        let calls: Vec<_> = world
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.1.clone())
            .collect();
        assert_eq!(calls, vec!["b2_download_file_by_name"; 3]);

        let list = friend.call(ListFileNames::new(there.id())).await;
        let info = friend.call(GetFileInfo::new("4_z1")).await.map(drop);
        let upload = at(&friend, &there).upload("f", "x").await.map(drop);
        for error in [list.map(drop), info, upload].map(Result::unwrap_err) {
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            assert!(
                error.to_string().contains("download authorization"),
                "{error}"
            );
        }
        assert_eq!(world.seen.lock().unwrap().len(), 3);

        let other = friend
            .download_by_name(bucket.clone(), "other")
            .stream()
            .await;
        let error = other.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        assert!(error.to_string().contains("a different prefix"), "{error}");
        let by_id = friend.call(DownloadFileById::new("4_z1")).await;
        assert!(by_id.is_err());
        // B2 doesn't say why it refuses a HEAD, and the authorization is still valid.
        let head = DownloadFileByName::new(bucket.clone(), name("other")).head();
        let refused = friend.call(head).await;
        assert!(refused.is_err(), "{refused:?}");
        let again = DownloadFileByName::new(bucket.clone(), name("f"));
        let again = friend.call(again).await;
        assert!(again.is_ok(), "{again:?}");

        world.clock.advance(Duration::from_secs(3_601));
        let late = friend.download_by_name(bucket, "f").stream().await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Credentials);
    });
}

#[test]
fn a_download_authorization_suffices_to_write_a_file_to_disk_in_ranges() {
    let content = content(100_000);
    let world = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let (there, url, token) = world.timer.run(async {
        let there = world.bucket(BucketType::AllPrivate, &content).await;
        let (url, token) = download_authorization(&there, "f").await;
        (there, url, token)
    });
    let emulator = world.emulator.clone();
    let friend = Client::builder()
        .download_authorization(url, token)
        .backend(emulator)
        .build()
        .unwrap();
    let path = directory.path().join("f");
    futures::executor::block_on(async {
        let download = friend.download_by_name(there.name().clone(), "f");
        let download = download.require_verified().range_size(30_000);
        download.to_path(&path).await.unwrap();
    });
    assert_eq!(std::fs::read(path).unwrap(), content);
}

#[test]
fn a_download_authorization_needs_a_named_https_origin_and_excludes_other_credentials() {
    let world = Fixture::new();
    let token = || Secret::new("3_canary");
    let both = world
        .with_key()
        .download_authorization(world.emulator.url(), token());
    assert_eq!(both.build().unwrap_err().kind(), ErrorKind::Invalid);
    let builder = || Client::builder().backend(world.emulator.clone());
    for (url, good) in [
        ("https://f002.backblazeb2.com", true),
        (CDN, true),
        ("http://f002.backblazeb2.com", false),
        ("f002.backblazeb2.com", false),
    ] {
        let built = builder().download_authorization(url, token()).build();
        assert_eq!(built.is_ok(), good, "{url}");
        assert!(!format!("{built:?}").contains("canary"));
    }
}

/// B2 responds to `bytes=0-` with 200 and the whole file, without a `Content-Range`.
#[test]
fn a_200_response_to_a_range_of_the_whole_file_is_accepted() {
    for len in [0, 1, 1_000] {
        let content = content(len);
        let world = Fixture::new();
        let emulator = world.emulator.clone();
        let backend = move |mut request: Request| {
            let emulator = emulator.clone();
            async move {
                let range = request.headers().get(RANGE).cloned();
                if range.is_some_and(|range| range == "bytes=0-") {
                    request.headers_mut().remove(RANGE);
                }
                emulator.send(request).await
            }
        };
        let b2 = world.with_key().backend(backend).build().unwrap();
        world.timer.run(async {
            let there = world.bucket(BucketType::AllPrivate, &content).await;
            let bucket = at(&b2, &there);
            let all = ByteRange::from_offset(0);
            let download = bucket.download("f").range(all).require_verified();
            let download = download.stream().await.unwrap();
            assert_eq!(download.collect(1_000).await.unwrap(), content, "{len}");
            let call = DownloadFileByName::new(bucket.name().clone(), name("f")).range(all);
            let download = b2.call(call).await.unwrap();
            assert_eq!(download.file.range, None);
            assert_eq!(
                download.body.collect(1_000).await.unwrap(),
                content,
                "{len}"
            );
        });
    }
}

#[test]
fn the_url_of_a_public_file_is_what_the_emulator_serves() {
    let content = content(10);
    let world = Fixture::new();
    world.timer.run(async {
        let there = world.bucket(BucketType::AllPublic, &content).await;
        let session = there.client().session().await.unwrap();
        let url = session.public_url(there.name(), &name("f")).unwrap();
        let mut request = Request::new(b2kit::Body::empty());
        *request.uri_mut() = url.parse::<Uri>().unwrap();
        let response = world.emulator.send(request).await.unwrap();
        assert_eq!(response.status(), 200);
    });
}
