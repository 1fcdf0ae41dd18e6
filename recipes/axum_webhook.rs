//! Receives B2's event notifications with axum, and verifies their signature.
//!
//! ```text
//! cargo run -p b2kit-recipes --example axum_webhook
//! ```

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use b2kit::types::Secret;
use b2kit::webhook::{self, MAX_BODY, SIGNATURE_HEADER};
use tower::ServiceExt as _;

fn app(secret: Secret) -> Router {
    Router::new()
        .route("/b2-events", post(events))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(secret)
}

/// The signature is that of the raw body, so the body is verified before its JSON is parsed.
async fn events(State(secret): State<Secret>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers
        .get(SIGNATURE_HEADER)
        .and_then(|signature| signature.to_str().ok());
    match webhook::verify(&body, signature, &[secret]) {
        Ok(notification) => {
            for event in notification.events {
                // B2 repeats an event until it gets a response, so store the ids of those you have
                // handled. The response has to come within three seconds, so hand longer work to
                // another task.
                println!(
                    "{}: {} {:?}",
                    event.event_id, event.event_type, event.object_name
                );
            }
            StatusCode::OK
        }
        Err(error) => {
            eprintln!("rejected: {error}");
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app(Secret::new("3XDfkdQte2OgA78qCtSD17LAzpj6ay9H"));
    // axum::serve(tokio::net::TcpListener::bind("0.0.0.0:8080").await?, app).await?;

    let signature = "v1=c8a2772124a93762fec96147690e81237c5af4fae95ede2255e2b73eb8c62218";
    for (body, signed) in [(r#"{"events":[]}"#, true), (r#"{"events":[ ]}"#, false)] {
        let request = Request::post("/b2-events").header(SIGNATURE_HEADER, signature);
        let request = request.body(Body::from(body))?;
        let status = app.clone().oneshot(request).await?.status();
        assert_eq!(status == StatusCode::OK, signed, "{status}");
        println!("{body}: {status}");
    }
    Ok(())
}
