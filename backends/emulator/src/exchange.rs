//! One exchange: drives the heart for one request, whatever shell it came through.
//!
//! This is the one place that every request passes before and after the heart, so it is where injected faults belong.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use b2kit_core::BodyStream;
use bytes::{Bytes, BytesMut};
use http::request::Parts;

use crate::calls::copy::CopyTicket;
use crate::calls::upload::UploadTicket;
use crate::emulator::Emulator;
use crate::guesses;
use crate::heart::{JSON_LIMIT, JsonTicket, Step};
use crate::pause::pause;
use crate::receive::{Receiver, rehash};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// Answers a request. `origin` is the URL of the door it came through. `body` is read only as far as the answer needs
/// it.
///
/// # Errors
/// If the body can't be read: then there is nobody to answer.
pub(crate) async fn exchange(
    emulator: &Emulator,
    origin: &Arc<str>,
    head: &Parts,
    body: &mut BodyStream,
) -> io::Result<Reply> {
    pause().await;
    let now = emulator.now();
    let step = emulator.state().begin(head, origin, now);
    let reply = match step {
        Step::Reply(reply) => reply,
        Step::ReadJson(ticket) => read_json(emulator, ticket, body).await?,
        Step::Receive(ticket) => receive(emulator, ticket, body).await?,
        Step::Rehash(ticket) => copy(emulator, ticket).await?,
    };
    pause().await;
    Ok(reply)
}

async fn read_json(
    emulator: &Emulator,
    ticket: JsonTicket,
    body: &mut BodyStream,
) -> io::Result<Reply> {
    let mut json = BytesMut::new();
    while let Some(chunk) = next(body).await {
        let chunk = chunk?;
        if json.len() + chunk.len() > JSON_LIMIT {
            return Ok(Reply::refusal(&guesses::body_too_large()).dated(emulator.now()));
        }
        json.extend_from_slice(&chunk);
    }
    let now = emulator.now();
    let step = emulator.state().finish_json(ticket, &json, now);
    match step {
        Step::Reply(reply) => Ok(reply),
        Step::Rehash(ticket) => copy(emulator, ticket).await,
        Step::ReadJson(_) | Step::Receive(_) => {
            Err(io::Error::other("a call asked for a second body"))
        }
    }
}

async fn copy(emulator: &Emulator, ticket: Box<CopyTicket>) -> io::Result<Reply> {
    let received = rehash(ticket.content()).await?;
    let now = emulator.now();
    Ok(emulator.state().complete_copy(ticket, received, now))
}

async fn receive(
    emulator: &Emulator,
    ticket: UploadTicket,
    body: &mut BodyStream,
) -> io::Result<Reply> {
    let data_len = ticket.data_len();
    let digits_at_end = ticket.has_digits_at_end();
    let mut upload = Upload {
        emulator,
        ticket: Some(ticket),
    };
    let Ok(mut receiver) = Receiver::new(emulator.store(), data_len, digits_at_end) else {
        let ticket = upload.take();
        let refusal = Refusal::storage_cap_exceeded();
        let now = emulator.now();
        return Ok(emulator.state().reject_upload(&ticket, &refusal, now));
    };
    while let Some(chunk) = next(body).await {
        receiver.push(&chunk?)?;
        pause().await;
    }
    let received = receiver.finish()?;
    let ticket = upload.take();
    let now = emulator.now();
    Ok(emulator.state().complete_upload(ticket, received, now))
}

/// An upload under way. If it is dropped with its ticket, by an error or because nobody waits any more, it is abandoned.
struct Upload<'a> {
    emulator: &'a Emulator,
    ticket: Option<UploadTicket>,
}

impl Upload<'_> {
    fn take(&mut self) -> UploadTicket {
        self.ticket.take().expect("taken once, at the end")
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.emulator.state().abandon_upload(&ticket);
        }
    }
}

async fn next(body: &mut BodyStream) -> Option<io::Result<Bytes>> {
    std::future::poll_fn(|cx| Pin::as_mut(body).poll_next(cx)).await
}
