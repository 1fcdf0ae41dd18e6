//! [`Trace`]: follows one request, and puts it into the log once it has ended.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use tokio::time::Instant;

use super::CallLog;
use super::buffers::Buffers;
use super::call::Headers;
use super::entry::{Entry, Lengths};
use crate::calls::upload;
use crate::drivers::account::Account;
use crate::drivers::observer::Observer;
use crate::faults::plan::Hit;
use crate::faults::subject::Subject;
use crate::machine::state_machine::JSON_LIMIT;
use crate::protocol::response::{Payload, Response};

/// Up to this many bytes of a file are recorded.
const MAX_CONTENT: usize = 64 * 1024;

/// A request in progress. It is logged when its response has been passed on, or when this is
/// dropped, since then the client is gone or a fault ended the connection.
pub(in crate::drivers) struct Trace(Option<Box<Open>>);

struct Open {
    log: Arc<CallLog>,
    began: Instant,
    entry: Entry,
    buffers: Buffers,
}

impl Trace {
    pub(in crate::drivers) fn begin(log: &Arc<CallLog>, head: &Parts, now: u64) -> Self {
        let mut buffers = log.spares.take();
        let mut entry = Entry::begin(now, head.method.clone());
        entry.texts.path = add(&mut buffers.text, head.uri.path());
        let target = head.uri.path_and_query().map_or("", |it| it.as_str());
        buffers.recorded.extend_from_slice(target.as_bytes());
        entry.messages.target = target.len();
        entry.messages.request.headers = Headers::record(&head.headers, &mut buffers.recorded);
        Self(Some(Box::new(Open {
            log: Arc::clone(log),
            began: Instant::now(),
            entry,
            buffers,
        })))
    }

    /// Records that the head of the response is sent.
    pub(in crate::drivers) fn answered(&mut self, answer: &Response) {
        if let Some(open) = &mut self.0 {
            open.entry.status = Some(answer.status.as_u16());
            let response = &mut open.entry.messages.response;
            response.headers = Headers::record(&answer.headers, &mut open.buffers.recorded);
            response.expect(matches!(answer.payload, Payload::Content(_)));
        }
    }

    /// Records that the next bytes of the response's body are sent.
    pub(in crate::drivers) fn sent(&mut self, bytes: &Bytes) {
        if let Some(open) = &mut self.0 {
            let response = &mut open.entry.messages.response;
            response.push_body(&mut open.buffers.recorded, bytes);
        }
    }

    /// Records that the whole response has been passed on.
    pub(in crate::drivers) fn complete(&mut self) {
        if let Some(open) = &mut self.0 {
            open.entry.is_complete = true;
        }
        self.log();
    }

    fn log(&mut self) {
        if let Some(open) = self.0.take() {
            let Open {
                log,
                began,
                mut entry,
                buffers,
            } = *open;
            entry.duration = began.elapsed();
            log.push(entry, buffers);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.log();
    }
}

impl Lengths {
    /// Gets ready for the body.
    const fn expect(&mut self, is_content: bool) {
        self.is_content = is_content;
        self.limit = if is_content { MAX_CONTENT } else { JSON_LIMIT };
    }
}

/// Adds a text, and returns its length. Texts that a client can make long are cut, so that a few
/// calls can't push all others out of the log; B2's names have at most 1,024 bytes.
fn add(texts: &mut String, text: &str) -> usize {
    let text = &text[..text.floor_char_boundary(4 << 10)];
    texts.push_str(text);
    text.len()
}

impl Observer for Trace {
    fn begun(&mut self, account: &Account, head: &Parts, subject: &Subject) {
        let Some(open) = &mut self.0 else {
            return;
        };
        let Entry {
            call,
            texts,
            messages,
            ..
        } = &mut open.entry;
        let text = &mut open.buffers.text;
        *call = subject.call;
        texts.key_id = account.state().key_id_of(head).map(|id| add(text, id));
        texts.file_name = subject.name.as_deref().map(|name| add(text, name));
        messages.request.expect(call.is_some_and(upload::is_upload));
    }

    fn hit_by(&mut self, faults: &[Hit]) {
        if let Some(open) = &mut self.0 {
            faults.clone_into(&mut open.entry.faults);
        }
    }

    fn received(&mut self, bytes: &Bytes) {
        if let Some(open) = &mut self.0 {
            let request = &mut open.entry.messages.request;
            request.push_body(&mut open.buffers.recorded, bytes);
        }
    }
}
