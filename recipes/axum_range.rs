//! Serves the files of a bucket through axum, whole or in ranges: 200, 206, 404 and 416.
//!
//! ```text
//! cargo run -p b2kit-recipes --example axum_range
//! ```
//!
//! The bytes are streamed; no file is held in memory. If the client hangs up, axum drops the
//! stream, and with it the download.

mod in_memory;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use b2kit::types::ByteRange;
use b2kit::{BucketHandle, Error, ErrorKind};
use tower::ServiceExt as _;

use in_memory::Failure;

fn app(bucket: BucketHandle) -> Router {
    Router::new()
        .route("/photos/{*name}", get(photo))
        .with_state(bucket)
}

async fn photo(
    State(bucket): State<BucketHandle>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    match respond(&bucket, &name, &headers).await {
        Ok(response) => response,
        Err(error) => error_response(&bucket, &name, &error).await,
    }
}

async fn respond(
    bucket: &BucketHandle,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let mut download = bucket.download(name);
    // Anything but a single byte range is ignored, as HTTP allows; the response is then the whole
    // file.
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    if let Some(range) = range.and_then(|range| range.parse::<ByteRange>().ok()) {
        download = download.range(range);
    }
    let stream = download.stream().await?;

    let file = stream.file();
    let whole = file.content_length;
    let mut response = Response::builder()
        .header(ACCEPT_RANGES, "bytes")
        .header(ETAG, format!("\"{}\"", file.file_id));
    if let Some(content_type) = &file.content_type {
        response = response.header(CONTENT_TYPE, content_type.as_str());
    }
    response = match file.range {
        Some((first, last)) => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {first}-{last}/{whole}"))
            .header(CONTENT_LENGTH, last - first + 1),
        None => response.header(CONTENT_LENGTH, whole),
    };
    let response = response.body(Body::from_stream(stream));
    Ok(response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
}

async fn error_response(bucket: &BucketHandle, name: &str, error: &Error) -> Response {
    match (error.kind(), error.b2().map(|b2| b2.status)) {
        // Invalid: B2 can't have a file of this name.
        (ErrorKind::NotFound | ErrorKind::Invalid, _) => StatusCode::NOT_FOUND.into_response(),
        (_, Some(416)) => match bucket.stat(name).await {
            Ok(Some(file)) => {
                let range = [(CONTENT_RANGE, format!("bytes */{}", file.content_length))];
                (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
            }
            Ok(None) => StatusCode::NOT_FOUND.into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        },
        // The cause is for the server's log, not for the client.
        _ => {
            eprintln!("{name}: {error:#}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (_server, bucket) = in_memory::bucket().await?;
    bucket.upload("2026/cat.txt", "miaow").await?;
    let app = app(bucket);
    // axum::serve(tokio::net::TcpListener::bind("0.0.0.0:8080").await?, app).await?;

    for (name, range, status, content_range, body) in [
        ("2026/cat.txt", None, 200, None, "miaow"),
        (
            "2026/cat.txt",
            Some("bytes=1-3"),
            206,
            Some("bytes 1-3/5"),
            "iao",
        ),
        (
            "2026/cat.txt",
            Some("bytes=-2"),
            206,
            Some("bytes 3-4/5"),
            "ow",
        ),
        ("2026/cat.txt", Some("lines=1-3"), 200, None, "miaow"),
        ("2026/cat.txt", Some("bytes=9-"), 416, Some("bytes */5"), ""),
        ("2026/dog.txt", None, 404, None, ""),
    ] {
        let mut request = Request::get(format!("/photos/{name}"));
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        assert_eq!(response.status(), status, "{name} {range:?}");
        let actual = response.headers().get(CONTENT_RANGE);
        assert_eq!(
            actual.map(|value| value.to_str()).transpose()?,
            content_range
        );
        let bytes = axum::body::to_bytes(response.into_body(), 1_000).await?;
        assert_eq!(bytes, body, "{name} {range:?}");
        println!("{name} {range:?}: {status} {body:?}");
    }
    Ok(())
}
