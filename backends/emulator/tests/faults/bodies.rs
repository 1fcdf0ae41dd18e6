//! Faults within the bodies of requests and responses.

use super::*;

#[test]
fn a_response_is_cut_stalled_or_corrupted() {
    let (client, bucket) = with_bucket();
    let content: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    client.upload(&bucket, "f", &content);
    let path = "the-bucket/f";
    let once = |kind| Fault::new(kind).on("b2_download_file_by_name").times(1);

    add(&client, once(FaultKind::CutResponse { after: 200_000 }));
    let response = send(&client, get(&client, path)).unwrap();
    assert_eq!(response.headers()["content-length"], "300000");
    let (bytes, error) = read(response);
    assert_eq!(
        (bytes == content[..200_000], error),
        (true, Some(HttpErrorKind::Closed))
    );

    add(&client, once(FaultKind::CutResponse { after: 300_000 }));
    assert_eq!(
        read(send(&client, get(&client, path)).unwrap()),
        (content.clone(), None)
    );

    add(&client, once(FaultKind::ResetResponse { after: 200_000 }));
    let (bytes, error) = read(send(&client, get(&client, path)).unwrap());
    assert_eq!(
        (bytes == content[..200_000], error),
        (true, Some(HttpErrorKind::Reset))
    );

    add(&client, once(FaultKind::StallResponse { after: 1 }));
    let mut body = send(&client, get(&client, path)).unwrap().into_body();
    let first = block_on(futures::StreamExt::next(&mut body))
        .unwrap()
        .unwrap();
    assert_eq!(first, content[..1]);
    assert!(futures::StreamExt::next(&mut body).now_or_never().is_none());

    add(&client, once(FaultKind::CorruptResponse { at: 131_072 }));
    let (bytes, error) = read(send(&client, get(&client, path)).unwrap());
    let wrong: Vec<usize> = (0..300_000)
        .filter(|&at| bytes[at] != content[at])
        .collect();
    assert_eq!((wrong, error), (vec![131_072], None));
}

#[test]
fn an_upload_that_is_cut_reset_or_stalled_stores_nothing() {
    let (client, bucket) = with_bucket();
    let chunks = |url: &(String, String)| {
        let request = upload_request(url, "f", b"abcdef", &[]);
        let chunks = ["ab", "cd", "ef"].map(|chunk| Ok(bytes::Bytes::from(chunk)));
        request.map(|_| Body::once(6, futures::stream::iter(chunks)))
    };
    let url = client.upload_url(&bucket);
    add(
        &client,
        Fault::new(FaultKind::ResetUpload { after: 3 }).times(1),
    );
    let error = send(&client, chunks(&url)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Reset, Phase::MaybeReceived)
    );
    client.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = client.upload_url(&bucket);
    add(
        &client,
        Fault::new(FaultKind::CutUpload { after: 3 }).times(1),
    );
    let error = send(&client, chunks(&url)).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    client.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = client.upload_url(&bucket);
    add(
        &client,
        Fault::new(FaultKind::StallUpload { after: 3 }).times(1),
    );
    let mut stuck = client.emulator.send(chunks(&url));
    assert!((0..20).all(|_| (&mut stuck).now_or_never().is_none()));
    client.send(chunks(&url)).has_code(400, "auth_token_limit");
    drop(stuck);
    client.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = client.upload_url(&bucket);
    add(
        &client,
        Fault::new(FaultKind::StallUpload { after: 3 }).times(1),
    );
    let mut stuck = client.emulator.send(chunks(&url));
    assert!((0..20).all(|_| (&mut stuck).now_or_never().is_none()));
    client.clock.advance(Duration::from_secs(3600));
    let error = block_on(stuck).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    let snapshot = client.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
}

#[test]
fn a_corrupted_upload_does_not_match_its_sha1() {
    let (client, bucket) = with_bucket();
    add(
        &client,
        Fault::new(FaultKind::CorruptUpload { at: 4 })
            .on("b2_upload_file")
            .times(1),
    );
    let url = client.upload_url(&bucket);
    let request = || upload_request(&url, "f", b"abcdef", &[]);
    let chunks = ["ab", "cd", "ef"].map(|chunk| Ok(bytes::Bytes::from(chunk)));
    let chunked = request().map(|_| Body::once(6, futures::stream::iter(chunks)));
    client
        .send(chunked)
        .is_error(400, "bad_request", "Sha1 did not match data received");
    add(
        &client,
        Fault::new(FaultKind::CorruptUpload { at: 6 })
            .on("b2_upload_file")
            .times(1),
    );
    client.upload(&bucket, "f", b"abcdef");
    assert_eq!(client.download("the-bucket/f", &[]).body, "abcdef");
}

#[test]
fn a_response_has_the_falsified_sha1_length_or_headers() {
    let (client, bucket) = with_bucket();
    add(
        &client,
        Fault::new(FaultKind::WrongSha1)
            .on("b2_upload_file")
            .times(1),
    );
    let file = client.upload(&bucket, "f", b"x");
    assert_eq!(file["contentSha1"], "0".repeat(40));
    let info = client
        .post("b2_get_file_info", &json!({"fileId": file["fileId"]}))
        .ok();
    assert_eq!(info["contentSha1"], sha1(b"x"), "what is stored is right");
    let large = client.start(&bucket, "l");
    add(
        &client,
        Fault::new(FaultKind::WrongLength)
            .on("b2_upload_part")
            .times(1),
    );
    assert_eq!(
        client.upload_part(&large, 1, b"four").ok()["contentLength"],
        5
    );
    let range = HeaderValue::from_static("bytes 1-2/9");
    let name = HeaderName::from_static("content-range");
    let download = || client.download("the-bucket/f", &[("range", "bytes=0-0")]);
    add(
        &client,
        Fault::new(FaultKind::SetHeader(name.clone(), range)).times(1),
    );
    assert_eq!(download().header("content-range"), "bytes 1-2/9");
    add(&client, Fault::new(FaultKind::RemoveHeader(name)).times(1));
    let response = download();
    assert_eq!(
        (response.status.as_u16(), response.header("content-range")),
        (206, "")
    );
    add(&client, Fault::new(FaultKind::WrongSha1).times(1));
    assert_eq!(download().header("x-bz-content-sha1"), "0".repeat(40));
}

#[test]
fn a_replaced_response_has_its_own_content_type() {
    let (client, _) = with_bucket();
    add(
        &client,
        Fault::new(FaultKind::html(StatusCode::BAD_GATEWAY)).times(1),
    );
    let response = client.post("b2_list_buckets", &list_buckets(&client));
    assert_eq!(
        (response.status.as_u16(), response.header("content-type")),
        (502, "text/html")
    );
    assert!(response.body.starts_with(b"<html>"));
    add(&client, Fault::new(FaultKind::truncated_json()).times(1));
    let response = client.post("b2_list_buckets", &list_buckets(&client));
    assert_eq!(response.status, 200);
    assert!(serde_json::from_slice::<Value>(&response.body).is_err());
}
