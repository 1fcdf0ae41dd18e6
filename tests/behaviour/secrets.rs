//! No output shows keys or tokens: errors, debug output, panics.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use b2kit::api::partner::CreateGroupMember;
use b2kit::api::{
    AuthorizeAccount, Call, CopyFile, CopyPart, CreateKey, DownloadFileById, DownloadFileByName,
    GetBucketNotificationRules, GetDownloadAuthorization, GetUploadPartUrl, GetUploadUrl,
    ListBuckets, Reply, SetBucketNotificationRules, StartLargeFile, Target, UploadFile, UploadPart,
};
use b2kit::http::header::AUTHORIZATION;
use b2kit::transfer::ComposeSource;
use b2kit::types::{
    BucketName, Capability, CustomerKey, DownloadDuration, EncryptionSetting,
    EventNotificationRule, EventNotificationRules, EventType, FileId, FileName, KeyName,
    PartNumber, Secret, TargetConfiguration,
};
use b2kit::{
    ApiVersion, BucketHandle, Client, Credentials, Error, HttpClient as _, ManualTimer, Request,
    Response, Session,
};
use serde_json::json;

use crate::{call_of, client, client_over};

const CANARY: &str = "canary7f3a";
const ORIGIN: &str = "https://api002.backblazeb2.com";

/// A secret that contains the canary, also in base64 and hexadecimal.
fn secret() -> String {
    format!("{CANARY}{CANARY}{CANARY}")
}

fn key() -> CustomerKey {
    CustomerKey::new(*b"canary7f3acanary7f3acanary7f3a!!")
}

fn assert_hidden(shown: &str) {
    let lower = shown.to_ascii_lowercase();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    // The three alignments of the canary in base64, without the ends that depend on neighbouring bytes.
    let base64 = ["Y2FuYXJ5N2Yz", "hbmFyeTdmM2", "5hcnk3ZjNh"];
    assert!(!lower.contains(CANARY) && !lower.contains(&hex), "{shown}");
    assert!(!base64.iter().any(|piece| shown.contains(piece)), "{shown}");
}

fn chain(error: &Error) -> String {
    let mut message = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        message.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    message
}

fn reply(text: String) -> Reply {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    Reply::whole(head, text.into())
}

#[test]
fn debug_output_of_types_with_secrets_hides_them() {
    let credentials = Credentials::new("id", secret()).unwrap();
    let session = Session::new(ApiVersion::V4, "a", Secret::new(secret()), ORIGIN, ORIGIN);
    let upload_url_fields = format!(
        r#""authorizationToken":"{0}","uploadUrl":"https://pod.backblaze.com/{0}""#,
        secret()
    );
    let url = GetUploadUrl::new("b")
        .read(reply(format!(r#"{{"bucketId":"b",{upload_url_fields}}}"#)))
        .unwrap();
    let part_url = GetUploadPartUrl::new("f")
        .read(reply(format!(r#"{{"fileId":"f",{upload_url_fields}}}"#)))
        .unwrap();
    let name = || FileName::new("n").unwrap();
    let upload =
        UploadFile::new("b", name(), "x").server_side_encryption(EncryptionSetting::SseC(key()));
    let part = UploadPart::new("f", PartNumber::FIRST, "x").customer_key(key());
    let builder = Client::builder()
        .credentials(credentials.clone())
        .session(session.clone());
    assert_hidden(&format!(
        "{credentials:?} {session:?} {url:?} {part_url:?} {:?}",
        key()
    ));
    assert_hidden(&format!(
        "{builder:?} {:?}",
        AuthorizeAccount::new(credentials.clone())
    ));
    let client = builder
        .backend(|_: Request| async { panic!("nothing is sent") })
        .build()
        .unwrap();
    assert_hidden(&format!("{client:?}"));

    let target = Target::session(&session);
    assert_hidden(&format!("{target:?}"));
    let upload_url = format!("https://pod.backblaze.com/{}", secret());
    let token = Secret::new(secret());
    let upload_target = Target::upload(&session, &upload_url, &token);
    assert_hidden(&format!("{upload_target:?}"));
    let realm = Target::realm(ORIGIN, ApiVersion::V4);
    let copy = CopyPart::new("s", "f", PartNumber::FIRST).source_customer_key(key());
    let start =
        StartLargeFile::new("b", name()).server_side_encryption(EncryptionSetting::SseC(key()));
    assert_hidden(&format!("{copy:?} {start:?}"));
    for request in [
        AuthorizeAccount::new(credentials).request(&realm).unwrap(),
        ListBuckets::new().request(&target).unwrap(),
        copy.request(&target).unwrap(),
        start.request(&target).unwrap(),
        DownloadFileById::new("f")
            .customer_key(key())
            .request(&target)
            .unwrap(),
        part.request(&upload_target).unwrap(),
        upload.request(&upload_target).unwrap(),
    ] {
        let (head, body) = request.into_parts();
        assert_hidden(&format!("{:?} {body:?}", head.headers));
        if !head.uri.path().contains(CANARY) {
            assert_hidden(&format!("{head:?}"));
        }
    }
}

#[test]
fn no_error_shows_a_token_that_the_server_echoes() {
    let timer = ManualTimer::new();
    let session = Session::new(ApiVersion::V4, "a", Secret::new(secret()), ORIGIN, ORIGIN);
    for answer in [
        format!(
            r#"{{"status":400,"code":"auth_token_limit",
            "message":"more than one upload using auth token {}"}}"#,
            secret()
        ),
        format!(r#"{{"status":400,"code":"{}","message":""}}"#, secret()),
        secret(),
    ] {
        for status in [200, 400, 401, 500] {
            let text = answer.clone();
            let backend = move |_: Request| {
                let response: Response = b2kit::http::Response::builder()
                    .status(status)
                    .body(text.clone().into())
                    .unwrap();
                async { Ok(response) }
            };
            let builder = Client::builder()
                .session(session.clone())
                .timer(timer.clone());
            let b2 = builder.backend(backend).build().unwrap();
            let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
            assert_hidden(&chain(&error));
        }
    }
}

#[test]
fn a_decode_error_at_a_token_does_not_show_it() {
    let document = format!(
        r#"{{"bucketId":7,"uploadUrl":"u","authorizationToken":"{}"}}"#,
        secret()
    );
    assert_hidden(&chain(
        &GetUploadUrl::new("b").read(reply(document)).unwrap_err(),
    ));
    let document = format!(r#"{{"files":"{}"}}"#, secret());
    let list = b2kit::api::ListFileNames::new("b");
    assert_hidden(&chain(&list.read(reply(document)).unwrap_err()));
}

/// A value of every public type that contains a secret.
fn values_with_secrets() -> Vec<(&'static str, Box<dyn std::fmt::Debug>)> {
    let read = |document: serde_json::Value| reply(document.to_string());
    let credentials = Credentials::new("id", secret()).unwrap();
    let session = Session::new(ApiVersion::V4, "a", Secret::new(secret()), ORIGIN, ORIGIN);
    let sse_c = || EncryptionSetting::SseC(key());
    let name = || FileName::new("n").unwrap();
    let token = Secret::new(secret());
    // `Target` borrows, so its debug output is rendered here.
    let url = format!("https://pod.backblaze.com/{}", secret());
    let target = format!("{:?}", Target::upload(&session, &url, &token));
    let document = json!({
        "bucketId": "b", "fileId": "f", "authorizationToken": secret(), "uploadUrl": url,
    });
    let upload_url = GetUploadUrl::new("b").read(read(document.clone())).unwrap();
    let part_url = GetUploadPartUrl::new("f").read(read(document)).unwrap();

    let share = DownloadDuration::from_secs(60).unwrap();
    let share = GetDownloadAuthorization::new("b", "", share);
    let authorization =
        json!({"bucketId": "b", "fileNamePrefix": "", "authorizationToken": secret()});
    let authorization = share.read(read(authorization)).unwrap();
    let photos = || BucketName::new("holiday-photos").unwrap();
    let link = authorization.link(&session, &photos(), &name()).unwrap();

    let created = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
    let created = created
        .read(read(json!({
            "accountId": "a", "applicationKey": secret(), "applicationKeyId": "k",
            "capabilities": ["listFiles"],
            "expirationTimestamp": null, "keyName": "k", "namePrefix": null, "options": [],
        })))
        .unwrap();
    let member = CreateGroupMember::new("g", "a@b.example")
        .read(read(json!({
            "applicationKey": secret(), "applicationKeyId": "k",
            "groupMember": {"accountId": "a", "email": "a@b.example", "groupId": "g",
            "groupName": "G"},
        })))
        .unwrap();

    let hooked = TargetConfiguration::webhook("https://example.com/")
        .hmac_sha256_signing_secret(Secret::new(format!("{CANARY}{CANARY}{CANARY}xx")))
        .custom_header("Authorization", Secret::new(secret()));
    let rule = EventNotificationRule::new("my-rule", [EventType::ObjectCreatedAll], hooked.clone());
    let header = hooked.custom_headers[0].clone();
    let rules = EventNotificationRules::new([rule.clone()]).unwrap();
    let set = SetBucketNotificationRules::new("b", rules.clone());
    let listed = json!({"bucketId": "b", "eventNotificationRules": [{
        "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true, "isSuspended": false,
        "name": "my-rule",
        "objectNamePrefix": "", "suspensionReason": "",
        "targetConfiguration": {
            "targetType": "webhook", "url": "https://example.com/",
            "hmacSha256SigningSecret": secret(), "customHeaders": [{"name": "x",
            "value": secret()}],
        },
    }]});
    let listed = GetBucketNotificationRules::new("b")
        .read(read(listed))
        .unwrap();
    let session_text = session.export();
    let builder = Client::builder()
        .credentials(credentials.clone())
        .session(session.clone());
    let client = Client::builder()
        .credentials(credentials.clone())
        .session(session.clone())
        .backend(|_: Request| async { panic!("nothing is sent") })
        .build()
        .unwrap();
    let bucket = BucketHandle::new(client.clone(), "b".into(), photos());
    vec![
        ("Secret", Box::new((token, session_text))),
        ("Reply", Box::new(reply(secret()))),
        ("Credentials", Box::new(credentials.clone())),
        (
            "AuthorizeAccount",
            Box::new(AuthorizeAccount::new(credentials)),
        ),
        ("Session", Box::new(session)),
        ("Target", Box::new(target)),
        ("Client", Box::new(client)),
        ("ClientBuilder", Box::new(builder)),
        ("UploadUrl", Box::new(upload_url)),
        ("UploadPartUrl", Box::new(part_url)),
        ("DownloadAuthorization", Box::new(authorization)),
        ("DownloadLink", Box::new(link)),
        ("CreatedKey", Box::new(created)),
        ("CreatedGroupMember", Box::new(member)),
        ("CustomerKey", Box::new(key())),
        ("EncryptionSetting", Box::new(sse_c())),
        ("CustomHeader", Box::new(header)),
        ("TargetConfiguration", Box::new(hooked)),
        ("EventNotificationRule", Box::new(rule)),
        ("EventNotificationRules", Box::new(rules)),
        ("SetBucketNotificationRules", Box::new(set)),
        ("BucketNotificationRules", Box::new(listed)),
        (
            "UploadFile",
            Box::new(UploadFile::new("b", name(), secret()).server_side_encryption(sse_c())),
        ),
        (
            "UploadPart",
            Box::new(UploadPart::new("f", PartNumber::FIRST, secret()).customer_key(key())),
        ),
        (
            "StartLargeFile",
            Box::new(StartLargeFile::new("b", name()).server_side_encryption(sse_c())),
        ),
        (
            "CopyFile",
            Box::new(
                CopyFile::new("s", name())
                    .source_server_side_encryption(sse_c())
                    .destination_server_side_encryption(sse_c()),
            ),
        ),
        (
            "CopyPart",
            Box::new(
                CopyPart::new("s", "f", PartNumber::FIRST)
                    .source_customer_key(key())
                    .destination_customer_key(key()),
            ),
        ),
        (
            "DownloadFileById",
            Box::new(DownloadFileById::new("f").customer_key(key())),
        ),
        (
            "DownloadFileByName",
            Box::new(DownloadFileByName::new(photos(), name()).customer_key(key())),
        ),
        (
            "transfer::FileDownload",
            Box::new(bucket.download("f").customer_key(key())),
        ),
        (
            "transfer::FileCopy",
            Box::new(
                bucket
                    .copy(FileId::from("f"), "g")
                    .source_customer_key(key())
                    .server_side_encryption(sse_c()),
            ),
        ),
        (
            "transfer::Upload",
            Box::new(bucket.upload("f", secret()).server_side_encryption(sse_c())),
        ),
        (
            "transfer::Compose",
            Box::new(bucket.compose("f", [ComposeSource::copy("g", 0..1).customer_key(key())])),
        ),
    ]
}

fn expect_refusal(outcome: Result<&dyn std::fmt::Debug, ()>) {
    outcome.unwrap_err();
}

#[test]
fn no_public_type_shows_its_secret_in_debug_output_or_panics() {
    for (name, holder) in values_with_secrets() {
        assert_hidden(&format!("{name} {holder:?} {holder:#?}"));
        // The panic message of `unwrap_err` on a success.
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            expect_refusal(Ok(&*holder));
        }));
        let payload = payload.unwrap_err();
        assert_hidden(payload.downcast_ref::<String>().unwrap());
    }
}

/// The public types with a field that is or contains a secret.
#[test]
fn every_public_type_with_a_secret_is_tested() {
    let holders = values_with_secrets();
    let known = |name: &str| holders.iter().any(|(holder, _)| *holder == name);
    // `Client` has its own debug output, so types that contain one need no row.
    let holds = |name: &str| name != "Client" && known(name);
    let mut missing = Vec::new();
    // The fields of transfers have these types and their debug output.
    let modules = ["src/types", "src/webhook", "src/api", "src/client"];
    let sources = modules.map(|module| crate::layers::sources(std::path::Path::new(module)));
    for (file, text) in sources.into_iter().flatten() {
        let items = text
            .match_indices("\npub struct ")
            .chain(text.match_indices("\npub enum "));
        for (at, lead) in items {
            let item = &text[at + lead.len()..];
            let words = |text: &str| -> Vec<String> {
                let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.map(str::to_owned).collect()
            };
            let name = words(item).swap_remove(0);
            let end = item.find("\n}").unwrap_or(item.len());
            let end = item.find(';').map_or(end, |short| end.min(short));
            let fields: String = item[name.len()..end]
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let is_error = name == "ErrorKind";
            if !is_error && words(&fields).iter().any(|word| holds(word)) && !known(&name) {
                missing.push(format!("{name} in {file}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Panic messages are not masked, so they must not contain values.
#[test]
fn every_panic_message_of_the_crate_is_a_fixed_text() {
    let mut offences = Vec::new();
    for (file, text) in crate::layers::sources(std::path::Path::new("src")) {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for lead in ["panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
            for (at, _) in text.match_indices(lead) {
                let said = text[at + lead.len()..].trim_start().strip_prefix('"');
                let said = said.and_then(|said| said.split('"').next());
                if said.is_none_or(|said| said.contains('{')) {
                    offences.push(format!("{file}: {lead}{said:?}"));
                }
            }
        }
        if text.contains("expect(&format!") {
            offences.push(file);
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

/// A text in the encodings in which a server may echo it.
fn encodings(text: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    let percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    vec![
        text.to_owned(),
        percent.clone(),
        percent.replace('%', "%25"),
        hex,
        BASE64_STANDARD.encode(text),
        BASE64_STANDARD.encode(format!("x{text}")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("xy{text}")),
    ]
}

/// The application key, old and new account tokens, and upload tokens, echoed in the reply to any call.
#[test]
fn no_error_of_any_call_shows_a_secret_of_another_call_in_any_form() {
    use std::sync::{Arc, Mutex};

    let emulator = b2kit::backend::emulator::Emulator::new();
    let timer = ManualTimer::new();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let said: Arc<Mutex<Option<String>>> = Arc::default();
    let (spy, speaker) = (Arc::clone(&seen), Arc::clone(&said));
    let b2 = crate::wired(&emulator, &timer, move |request| {
        let token = request.headers()["authorization"].to_str().unwrap();
        let token = token.strip_prefix("Basic ").unwrap_or(token);
        spy.lock().unwrap().push(token.to_owned());
        let said = speaker.lock().unwrap().clone()?;
        (crate::call_of(request) == "b2_list_buckets").then(|| {
            let document = json!({"status": 400, "code": "bad_request",
            "message": format!("not {said}, please")});
            Ok(crate::http_answer(400, &document))
        })
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        let bucket = crate::uploading::bucket(&b2).await;
        bucket.upload("f", "hello").await.unwrap();
        emulator.expire_account_tokens();
        bucket.upload("g", "hello").await.unwrap();
        b2.call(ListBuckets::new()).await.unwrap();
        let mut secrets = seen.lock().unwrap().clone();
        secrets.push(emulator.key().to_owned());
        secrets.sort();
        secrets.dedup();
        // The authorization header, two account tokens, at least one upload token, and the key.
        assert!(secrets.len() >= 5, "{}", secrets.len());
        for secret in secrets {
            for form in encodings(&secret) {
                *said.lock().unwrap() = Some(form.clone());
                let error = b2.call(ListBuckets::new()).await.unwrap_err();
                let message = chain(&error);
                assert!(message.contains("[redacted]"), "{message}");
                assert!(
                    !message.contains(&form) && !message.contains(&secret),
                    "{message}"
                );
                assert_eq!(error.b2().unwrap().code, "bad_request");
            }
        }
    });
}

/// A secret may equal an error code. If it were masked before classification, an expired token would not be renewed.
#[test]
fn a_secret_that_occurs_in_b2s_error_codes_does_not_mask_them() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let emulator = b2kit::backend::emulator::Emulator::new();
    let timer = ManualTimer::new();
    let sets = AtomicUsize::new(0);
    let b2 = crate::wired(&emulator, &timer, move |request| {
        let first = crate::call_of(request) == "b2_set_bucket_notification_rules"
            && sets.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| Ok(crate::http_refusal(401, "expired_auth_token")))
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        let bucket = crate::uploading::bucket(&b2).await;
        let mut target = TargetConfiguration::webhook("https://example.com/");
        for (name, word) in [("a", "auth"), ("b", "expired_auth_token"), ("c", "token")] {
            target = target.custom_header(name, Secret::new(word));
        }
        let rule = EventNotificationRule::new("my-rule", [EventType::ObjectCreatedAll], target);
        let rules = EventNotificationRules::new([rule]).unwrap();
        b2.call(SetBucketNotificationRules::new(bucket.id(), rules))
            .await
            .unwrap();
    });
}

/// Users choose the keys of maps.
#[test]
fn a_decode_error_in_a_map_does_not_show_the_key() {
    let document = json!({
        "action": "upload", "bucketId": "b", "fileId": "f", "fileName": "n", "uploadTimestamp": 1,
        "fileInfo": {secret(): 7},
    });
    let info = b2kit::api::GetFileInfo::new("f");
    let error = info.read(reply(document.to_string())).unwrap_err();
    assert_hidden(&chain(&error));
    assert!(error.to_string().contains("fileInfo"), "{error}");
}

#[test]
fn no_transfer_shows_a_token_that_the_server_returns_as_a_file_name() {
    let (_, emulator, timer) = client();
    let b2 = emulator.clone();
    let seen = Arc::new(Mutex::new(String::new()));
    let token = Arc::clone(&seen);
    let backend = move |request: Request| {
        let (b2, token) = (b2.clone(), Arc::clone(&token));
        async move {
            let is_download = call_of(&request) == "b2_download_file_by_id";
            let its = request.headers().get(AUTHORIZATION).cloned();
            let mut response = b2.send(request).await?;
            if let Some(its) = its.filter(|_| is_download) {
                *token.lock().unwrap() = its.to_str().unwrap().to_owned();
                response.headers_mut().insert("x-bz-file-name", its);
            }
            Ok(response)
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(async {
        let bucket = crate::uploading::bucket(&b2).await;
        let file = bucket.upload("f", "meow").await.unwrap().file;
        let range = b2kit::types::ByteRange::inclusive(0, 1).unwrap();
        let part = b2.download(file.file_id).range(range);
        let error = part.require_verified().stream().await.unwrap_err();
        let token = seen.lock().unwrap().clone();
        assert!(token.len() > 20, "{token}");
        let shown = format!("{} {:?}", chain(&error), error.file());
        assert!(!shown.contains(&token), "{shown}");
        assert!(shown.contains("[redacted]"), "{shown}");
    });
}

#[test]
fn an_error_about_the_buckets_of_a_key_hides_secrets_and_is_truncated() {
    for padding in ["", "x"] {
        let (_, emulator, timer) = client();
        let b2 = emulator.clone();
        let token = Arc::new(Mutex::new(String::new()));
        let spy = Arc::clone(&token);
        let backend = move |request: Request| {
            let (b2, spy) = (b2.clone(), Arc::clone(&spy));
            async move {
                let is_login = call_of(&request) == "b2_authorize_account";
                let response = b2.send(request).await?;
                if !is_login {
                    return Ok(response);
                }
                let (head, body) = response.into_parts();
                let body = body.collect(1 << 20).await?;
                let mut document: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let token = document["authorizationToken"].as_str().unwrap().to_owned();
                let name = format!("{token}{}", padding.repeat(20_000));
                let storage = &mut document["apiInfo"]["storageApi"];
                storage["allowed"]["buckets"] = json!([{"id": "b", "name": name}]);
                *spy.lock().unwrap() = token;
                let mut response = crate::http_answer(200, &document);
                *response.status_mut() = head.status;
                Ok(response)
            }
        };
        let b2 = client_over(&emulator, &timer, backend);
        let error = timer.run(b2.bucket("my-bucket")).unwrap_err();
        assert_eq!(error.kind(), b2kit::ErrorKind::Unauthorized, "{error}");
        let (told, token) = (chain(&error), token.lock().unwrap().clone());
        assert!(token.len() > 20 && !told.contains(&token), "{told}");
        assert!(told.contains("[redacted]"), "{told}");
        assert!(error.to_string().len() < 2_000);
    }
}
