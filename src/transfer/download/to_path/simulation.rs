//! [`StreamPlan`] and [`StreamController`] together, on virtual time: how long a download takes from
//! a server that limits each connection.

use std::time::{Duration, Instant};

use b2kit_core::time::saturating_add;
use b2kit_core::{ManualTimer, Timer as _};

use super::stream_controller::StreamController;
use super::stream_plan::{RangeSize, StreamPlan};
use crate::transfer::range_set::RangeSet;

const MB: u64 = 1_000_000;

/// What a server gives a connection in a second.
const RATE: u64 = 25 * MB;

/// The time between two observations.
const STEP: Duration = Duration::from_millis(1);

/// A server that limits each connection.
#[derive(Clone, Copy)]
struct Server {
    /// The time from a request to its first byte.
    latency: Duration,
    /// By how many percent the fastest connections differ from the slowest.
    spread: u64,
}

struct Stream {
    at: u64,
    end: u64,
    first_byte: Instant,
    bytes_per_step: u64,
}

impl Server {
    /// What the `number`th connection receives in a step.
    fn bytes_per_step(self, number: u64) -> u64 {
        let percent = 100 - self.spread / 2 + number * 37 % (self.spread + 1);
        RATE / 100 * percent / 1_000
    }

    /// The time of a download of this many bytes, and the number of calls.
    fn download(self, len: u64, concurrency: usize) -> (Duration, u64) {
        let timer = ManualTimer::new();
        timer.advance(self.latency);
        let (began, mut controller) = (timer.now(), StreamController::new(timer.now()));
        let ahead = RangeSet::default().missing(len..len);
        let size = RangeSize::Adaptive(100 * MB);
        let mut plan = StreamPlan::new(size, concurrency, &(0..len), ahead, 0);
        let mut streams = vec![Stream {
            at: 0,
            end: len,
            first_byte: began,
            bytes_per_step: self.bytes_per_step(0),
        }];
        let (mut calls, mut missing) = (1, len);
        while !streams.is_empty() {
            timer.advance(STEP);
            for stream in &mut streams {
                if stream.first_byte < timer.now() {
                    let bytes = stream.bytes_per_step.min(stream.end - stream.at);
                    stream.at += bytes;
                    missing -= bytes;
                    controller.record_bytes(bytes);
                }
            }
            // The first stream stays the first.
            let first_at = streams.first().map_or(len, |first| first.at);
            streams.retain(|stream| stream.at < stream.end);
            while let Some(range) = plan.next_range(streams.len(), missing) {
                streams.push(Stream {
                    at: range.start,
                    end: range.end,
                    first_byte: saturating_add(timer.now(), self.latency),
                    bytes_per_step: self.bytes_per_step(calls),
                });
                calls += 1;
            }
            if plan.may_add(streams.len())
                && controller.wants_more(streams.len(), timer.now())
                && let Some(cut) = plan.add_streams(streams.len(), first_at)
                && let Some(first) = streams.first_mut()
            {
                first.end = cut;
            }
        }
        assert_eq!(missing, 0);
        let time = timer.now().saturating_duration_since(began);
        (time.saturating_add(self.latency), calls)
    }

    /// The rate of a download, as a percentage of what that many connections can receive, and the
    /// number of calls.
    fn percentage(self, len: u64, concurrency: usize) -> (u64, u64) {
        let (time, calls) = self.download(len, concurrency);
        let limit = u128::from(RATE / 1_000) * concurrency as u128 * time.as_millis();
        ((u128::from(len) * 100 / limit) as u64, calls)
    }
}

#[test]
fn a_download_reaches_what_its_connections_are_limited_to() {
    for (latency, wanted) in [(0, [99, 98, 97, 95]), (100, [99, 95, 94, 93])] {
        for (concurrency, wanted) in [1, 2, 4, 8].into_iter().zip(wanted) {
            let latency = Duration::from_millis(latency);
            let server = Server { latency, spread: 0 };
            let (reached, calls) = server.percentage(2 << 30, concurrency);
            let what = format!("{concurrency} with {latency:?}: {reached} % in {calls} calls");
            assert!(reached >= wanted, "{what}");
            assert!(calls <= if concurrency == 1 { 1 } else { 32 }, "{what}");
        }
    }
}

#[test]
fn connections_that_differ_by_a_fifth_end_at_about_the_same_time() {
    for (concurrency, wanted) in [(2, 95), (4, 92), (8, 90)] {
        let latency = Duration::from_millis(20);
        let server = Server {
            latency,
            spread: 20,
        };
        let (reached, calls) = server.percentage(2 << 30, concurrency);
        assert!(
            reached >= wanted,
            "{concurrency}: {reached} % in {calls} calls"
        );
    }
}

#[test]
fn a_download_over_many_connections_makes_a_limited_number_of_calls() {
    let latency = Duration::from_millis(20);
    let (_, calls) = Server {
        latency,
        spread: 20,
    }
    .download(2 << 30, 1_000);
    // Of ranges that are a sixteenth of the recommended part size.
    assert!(calls <= (2_u64 << 30).div_ceil(6_250_000), "{calls}");
}
