//! [`Trace`]: follows one request, and puts it into the log once it has ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use tokio::time::Instant;

use super::CallLog;
use super::entry::{Capture, Entry, Headers, Message, Recorded};
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
    recorded: Recorded,
}

impl Trace {
    pub(in crate::drivers) fn begin(log: &Arc<CallLog>, head: &Parts, now: u64) -> Self {
        let target = head.uri.path_and_query();
        Self(Some(Box::new(Open {
            log: Arc::clone(log),
            began: Instant::now(),
            entry: Entry {
                at: now,
                duration: Duration::ZERO,
                method: head.method.clone(),
                path: shortened(head.uri.path()).into(),
                call: None,
                key_id: None,
                file_name: None,
                status: None,
                received: 0,
                sent: 0,
                is_complete: false,
                faults: Vec::new(),
            },
            recorded: Recorded {
                target: target.map_or("", |it| it.as_str()).into(),
                request: Message {
                    headers: Headers::of(&head.headers),
                    is_request: true,
                    ..Message::default()
                },
                response: Message::default(),
            },
        })))
    }

    /// The head of the response is sent now.
    pub(in crate::drivers) fn answered(&mut self, answer: &Response) {
        if let Some(open) = &mut self.0 {
            open.entry.status = Some(answer.status.as_u16());
            let response = &mut open.recorded.response;
            response.headers = Headers::of(&answer.headers);
            response.expect(matches!(answer.payload, Payload::Content(_)));
        }
    }

    /// The next bytes of the response's body are sent now.
    pub(in crate::drivers) fn sent(&mut self, bytes: &Bytes) {
        if let Some(open) = &mut self.0 {
            open.recorded.response.body.push(bytes);
        }
    }

    /// The whole response has been passed on.
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
                recorded,
            } = *open;
            entry.duration = began.elapsed();
            entry.received = recorded.request.body.len();
            entry.sent = recorded.response.body.len();
            log.push(entry, recorded);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.log();
    }
}

impl Message {
    /// Gets ready for the body.
    fn expect(&mut self, is_content: bool) {
        self.is_content = is_content;
        self.body = Capture::up_to(if is_content { MAX_CONTENT } else { JSON_LIMIT });
    }
}

/// An entry stays when its bodies and headers are dropped, so what a client can make long is cut. B2's
/// names have at most 1,024 bytes.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(4 << 10)]
}

impl Observer for Trace {
    fn begun(&mut self, account: &Account, head: &Parts, subject: &Subject) {
        let Some(open) = &mut self.0 else {
            return;
        };
        open.entry.call = subject.call;
        open.entry.file_name = subject.name.as_deref().map(shortened).map(str::to_owned);
        open.entry.key_id = account.state().key_id_of(head);
        let is_content = subject.call.is_some_and(upload::is_upload);
        open.recorded.request.expect(is_content);
    }

    fn hit_by(&mut self, faults: &[Hit]) {
        if let Some(open) = &mut self.0 {
            faults.clone_into(&mut open.entry.faults);
        }
    }

    fn received(&mut self, bytes: &Bytes) {
        if let Some(open) = &mut self.0 {
            open.recorded.request.body.push(bytes);
        }
    }
}
