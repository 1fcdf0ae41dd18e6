//! Paths and queries arrive unchanged, or are refused before anything is sent: another path is another object.

use b2kit_core::{HttpErrorKind, Phase};

use crate::case::{Subject, cases};
use crate::client::{get, start_send};
use crate::limit::Limit;
use crate::server::RawServer;

cases![
    a_plain_target_arrives_unchanged,
    a_name_of_1024_bytes_arrives_unchanged,
    percent_encoded_names_arrive_unchanged,
    the_case_of_percent_encoding_is_kept_or_refused,
    empty_segments_arrive_unchanged,
    other_valid_characters_of_paths_arrive_unchanged,
    queries_arrive_unchanged,
    dot_segments_arrive_unchanged_or_are_refused,
    encoded_dot_segments_arrive_unchanged_or_are_refused,
    an_encoded_nul_arrives_unchanged_or_is_refused,
    bytes_that_are_not_ascii_arrive_unchanged_or_are_refused,
    characters_that_some_libraries_encode_arrive_unchanged_or_are_refused,
];

/// Asserts that each arrives unchanged.
fn arrive(s: &Subject<'_>, targets: &[&str]) {
    for target in targets {
        assert!(arrives(s, target), "{target} is refused");
    }
}

/// Asserts that each arrives unchanged or is refused.
fn arrive_or_are_refused(s: &Subject<'_>, targets: &[&str]) {
    let refused: Vec<_> = targets
        .iter()
        .filter(|target| !arrives(s, target))
        .collect();
    assert!(
        refused.is_empty() || s.is_limited(Limit::RefusesTargets),
        "{refused:?} are refused"
    );
}

/// Whether the target arrives unchanged; otherwise it must be refused with nothing sent.
fn arrives(s: &Subject<'_>, target: &str) -> bool {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri(target)));
    let Some(mut peer) = sending.peer_or_end(&server) else {
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Invalid, "{target}: {error:?}");
        assert_eq!(error.phase(), Phase::NotSent, "{target}");
        assert_eq!(server.accepted(), 0, "{target}");
        return false;
    };
    assert_eq!(peer.head().line, format!("GET {target} HTTP/1.1"));
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
    true
}

fn a_plain_target_arrives_unchanged(s: &Subject<'_>) {
    arrive(
        s,
        &["/", "/a/b.txt", "/trailing/", "/b2api/v4/b2_list_buckets"],
    );
}

fn a_name_of_1024_bytes_arrives_unchanged(s: &Subject<'_>) {
    let encoded = "%E2%82%AC".repeat(341);
    arrive(
        s,
        &[
            &format!("/file/bucket/{}", "n".repeat(1024)),
            &format!("/file/bucket/{encoded}"),
        ],
    );
}

fn percent_encoded_names_arrive_unchanged(s: &Subject<'_>) {
    arrive(
        s,
        &[
            "/a%2Fb",
            "/a+b%20c",
            "/a%2Bb",
            "/%E2%82%AC",
            "/%25",
            "/%7Ea~",
            "/%3F%23",
        ],
    );
}

fn the_case_of_percent_encoding_is_kept_or_refused(s: &Subject<'_>) {
    arrive_or_are_refused(s, &["/a%2fb%2Fc", "/%e2%82%ac"]);
}

fn empty_segments_arrive_unchanged(s: &Subject<'_>) {
    arrive(s, &["/a//b", "//a", "///", "/a///b/"]);
}

fn other_valid_characters_of_paths_arrive_unchanged(s: &Subject<'_>) {
    arrive(
        s,
        &["/a;b=c,d:e@f!$&()*~-_.'", "/a..b", "/..a", "/...", "/a./.b"],
    );
}

fn queries_arrive_unchanged(s: &Subject<'_>) {
    arrive(s, &["/?a=b&c=%2F+d%20e", "/?a=b?c/../d", "/a?", "/?a=&&=b"]);
}

fn dot_segments_arrive_unchanged_or_are_refused(s: &Subject<'_>) {
    arrive_or_are_refused(
        s,
        &[
            "/file/b/a/../b",
            "/file/b/a/./b",
            "/file/b/..",
            "/file/b/.",
            "/.",
            "/..",
            "/../a",
        ],
    );
}

fn encoded_dot_segments_arrive_unchanged_or_are_refused(s: &Subject<'_>) {
    arrive_or_are_refused(s, &["/a/%2e%2e/b", "/a/%2E/b", "/a/.%2e/b", "/%2e%2E"]);
}

fn an_encoded_nul_arrives_unchanged_or_is_refused(s: &Subject<'_>) {
    arrive_or_are_refused(s, &["/a%00b", "/%00", "/%0D%0Aa", "/%7F"]);
}

fn bytes_that_are_not_ascii_arrive_unchanged_or_are_refused(s: &Subject<'_>) {
    // On the wire each byte is a char.
    let target = "/\u{20ac}";
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri(target)));
    let Some(mut peer) = sending.peer_or_end(&server) else {
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Invalid, "{error:?}");
        assert_eq!(error.phase(), Phase::NotSent);
        assert!(s.is_limited(Limit::RefusesTargets), "it is refused");
        return;
    };
    assert_eq!(peer.head().target(), "/\u{e2}\u{82}\u{ac}");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}

fn characters_that_some_libraries_encode_arrive_unchanged_or_are_refused(s: &Subject<'_>) {
    for odd in ["\"", "{", "}", "|", "\\", "^", "[", "]", "'", "<", "`"] {
        for target in [format!("/a{odd}b"), format!("/?a{odd}b")] {
            // URIs that the crate `http` refuses never reach a backend.
            if format!("http://h{target}").parse::<http::Uri>().is_ok() {
                arrive_or_are_refused(s, &[&target]);
            }
        }
    }
}
