//! Tests that need a process of their own: its memory, its environment, and its file descriptors.

use std::env;
use std::fs;
use std::process::Command;
#[cfg(unix)]
use std::time::Duration;

use b2kit_core::{Body, Bytes, HttpErrorKind, Phase, Response};
#[cfg(unix)]
use b2kit_core::{SystemTimer, Timer as _};
use futures::stream;

#[cfg(unix)]
use crate::client::start;
use crate::client::{get, post, start_send};
use crate::limit::Limit;
use crate::server::{Peer, RawServer};
use crate::suite::Suite;

/// The tests of a backend that need a process of their own, for a file in its `tests`. The argument makes the backend.
///
/// A second argument is a list of the library's [limits](Limit), of which
/// [`MisreportsExhaustion`](Limit::MisreportsExhaustion) applies.
///
/// The environment variable `B2KIT_LARGE_MIB` sets the size of the bodies, 1024 by default.
#[macro_export]
macro_rules! isolated_process_tests {
    ($make:expr) => {
        $crate::isolated_process_tests!($make, []);
    };
    ($make:expr, $limits:expr) => {
        #[test]
        #[ignore = "it takes time, and looks at the memory of the process"]
        fn large_bodies_are_not_buffered() {
            let size = std::env::var("B2KIT_LARGE_MIB").ok();
            let mebibytes: u64 = size.map_or(1024, |size| size.parse().expect("a number"));
            $crate::Suite::new($make).large_bodies(mebibytes << 20);
        }

        #[test]
        fn proxies_in_the_environment_are_ignored() {
            $crate::Suite::behind_dead_proxies("a_request_goes_straight_to_its_server");
        }

        #[test]
        #[ignore = "the test above runs it"]
        fn a_request_goes_straight_to_its_server() {
            let suite = $crate::Suite::new($make).only("a_plain_target_arrives");
            suite.run().assert_passed();
        }

        #[cfg(unix)]
        #[test]
        fn a_lack_of_descriptors_is_not_reported_as_an_unreachable_server() {
            $crate::Suite::with_few_descriptors("a_request_without_a_descriptor_is_not_sent");
        }

        #[cfg(unix)]
        #[test]
        #[ignore = "the test above runs it"]
        fn a_request_without_a_descriptor_is_not_sent() {
            let suite = $crate::Suite::new($make).limits($limits);
            suite.without_descriptors();
        }
    };
}

const CHUNK: usize = 64 << 10;

/// The maximum memory that a body of any size may need: for the library's buffers, not the kernel's.
const MAX_GROWTH: u64 = 24 << 20;

impl Suite {
    /// Sends and receives a body of `len` bytes, and asserts that every byte arrives and, on Linux, that the memory of
    /// this process grows by at most 24 MiB.
    ///
    /// # Panics
    /// If a byte is wrong, or the memory grew.
    pub fn large_bodies(&self, len: u64) {
        // A small exchange first, so that threads and pools exist.
        self.upload(1 << 20);
        self.download(1 << 20);
        let before = resident();
        self.upload(len);
        self.download(len);
        if let (Some(before), Some(peak)) = (before, peak()) {
            let grown = peak.saturating_sub(before);
            assert!(
                grown < MAX_GROWTH,
                "{} MiB for {} MiB",
                grown >> 20,
                len >> 20
            );
        }
    }

    /// Runs the ignored test of this name, which should send a plain request, in a process whose environment names
    /// unreachable proxies.
    ///
    /// # Panics
    /// If the test fails there.
    pub fn behind_dead_proxies(test: &str) {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args([test, "--exact", "--ignored"]);
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, "http://127.0.0.1:1");
            command.env(name.to_uppercase(), "http://127.0.0.1:1");
        }
        // libcurl ignores HTTP_PROXY under CGI, where a client can set it.
        let output = command
            .env_remove("REQUEST_METHOD")
            .output()
            .expect("it runs");
        let output_text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && output_text.contains("1 passed"),
            "{output_text}"
        );
    }

    /// Runs the ignored test of this name in a process that is limited to 100 file descriptors.
    ///
    /// # Panics
    /// If the test fails there.
    #[cfg(unix)]
    pub fn with_few_descriptors(test: &str) {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n 100 && exec \"$0\" \"$@\""])
            .arg(env::current_exe().expect("this program"))
            .args([test, "--exact", "--ignored"])
            .output()
            .expect("it runs");
        let output_text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && output_text.contains("1 passed"),
            "{output_text}"
        );
    }

    /// Opens files until no descriptor is left, and asserts that a request then fails as
    /// [`Exhausted`](b2kit_core::HttpErrorKind::Exhausted) without being sent, and succeeds once descriptors are free
    /// again.
    ///
    /// # Panics
    /// If the backend behaves otherwise.
    #[cfg(unix)]
    pub fn without_descriptors(&self) {
        let client = (self.backend.make)();
        let ask = |server: &RawServer| start_send(&client, get(server.uri("/")));
        let answer = |server: &RawServer| {
            let mut peer = server.accept();
            peer.head();
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            peer
        };
        // A first exchange, so that threads and pools exist.
        let server = RawServer::start();
        let sending = ask(&server);
        let mut peer = answer(&server);
        sending.response();
        // A descriptor that the client releases later would be enough for one connection.
        let _ = peer.try_finish();
        peer.drain();
        drop(peer);

        // Another thread may have had one open for a moment, so until there has been none for a second.
        let (mut all, mut rounds) = (Vec::new(), 0);
        while rounds < 100 {
            let before = all.len();
            all.extend(std::iter::from_fn(|| fs::File::open("/dev/null").ok()));
            rounds = if all.len() == before { rounds + 1 } else { 0 };
            start(SystemTimer.sleep(Duration::from_millis(10))).wait();
        }
        let error = ask(&server).error();
        let is_blurred = self.backend.limits.contains(&Limit::MisreportsExhaustion);
        assert_eq!(error.phase(), Phase::NotSent, "{error:?}");
        if !is_blurred {
            assert_eq!(error.kind(), HttpErrorKind::Exhausted, "{error:?}");
        }
        assert_eq!(server.accepted(), 1, "{error:?}");
        drop(all);
        let sending = ask(&server);
        let _peer = answer(&server);
        sending.response();
    }

    fn upload(&self, len: u64) {
        let server = RawServer::start();
        let chunks = (0..len).step_by(CHUNK).map(move |at| Ok(chunk(at, len)));
        let request = post(server.uri("/"), Body::once(len, stream::iter(chunks)));
        let client = (self.backend.make)();
        let sending = start_send(&client, request);
        let mut peer = server.accept();
        assert_eq!(peer.head().values("content-length"), [len.to_string()]);
        take(&mut peer, len);
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        sending.response();
    }

    fn download(&self, len: u64) {
        let server = RawServer::start();
        let client = (self.backend.make)();
        let sending = start_send(&client, get(server.uri("/")));
        let mut peer = server.accept();
        peer.head();
        let serving = std::thread::spawn(move || {
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n"));
            for at in (0..len).step_by(CHUNK) {
                peer.send(chunk(at, len));
            }
            peer
        });
        futures::executor::block_on(check(sending.response(), len));
        drop(serving.join());
    }
}

/// The chunk of a body at this offset.
fn chunk(at: u64, len: u64) -> Bytes {
    let size = usize::try_from(len - at).map_or(CHUNK, |left| left.min(CHUNK));
    Bytes::from(vec![byte_at(at); size])
}

/// A byte that differs between neighbouring chunks.
const fn byte_at(at: u64) -> u8 {
    (at / CHUNK as u64 % 251) as u8
}

fn take(peer: &mut Peer, len: u64) {
    for at in (0..len).step_by(CHUNK) {
        let expected = chunk(at, len);
        assert!(peer.body(expected.len()) == expected, "at {at}");
    }
}

async fn check(response: Response, len: u64) {
    let mut body = response.into_body();
    let mut at = 0;
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.expect("a chunk");
        while !chunk.is_empty() {
            let left = CHUNK - (at % CHUNK as u64) as usize;
            let part = chunk.split_to(left.min(chunk.len()));
            assert!(part == vec![byte_at(at); part.len()], "at {at}");
            at += part.len() as u64;
        }
    }
    assert_eq!(at, len);
}

fn resident() -> Option<u64> {
    status("VmRSS:")
}

fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
