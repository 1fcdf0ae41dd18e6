//! More calls than the page keeps.

use std::thread;

use serde_json::json;

use crate::Scene;
use crate::raw_connection::RawConnection;

const LINES: u64 = 4;
const CALLS: u64 = 12_000;

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn the_page_counts_all_calls_and_says_how_many_it_no_longer_has() {
    let scene = Scene::new(false);
    let browser = &scene.browser;
    browser.press("Calls");
    browser.wait_for_text("No calls yet");
    thread::scope(|scope| {
        for _ in 0..LINES {
            scope.spawn(|| {
                let mut connection = RawConnection::to(&scene.server);
                for _ in 0..CALLS / LINES {
                    let target = "/b2api/v4/b2_list_buckets";
                    assert_eq!(connection.send("GET", target, &[], b"").status, 401);
                }
            });
        }
    });
    browser.wait_for("calls.total === 12000 && calls.last === 12000");
    browser.wait_for_text("10,000 calls, the last 300 listed, 2,000 earlier ones no longer kept");
    // in order, none missing, none twice
    let ids = "calls.all.every((it, at) => it.id === 2001 + at)";
    assert_eq!(browser.value_of(ids), json!(true));
    assert_eq!(
        browser.value_of("document.querySelectorAll('main tbody tr').length"),
        300
    );
    let seen = browser.value_of("calls.missed").as_u64().unwrap();
    let said = browser.value_of("calls.count.textContent");
    assert_eq!(said.as_str().unwrap().contains("never seen here"), seen > 0);
    // what would be said if this browser had been too slow
    browser.value_of("(calls.missed = 1234, calls.draw())");
    browser.wait_for_text("of which 1,234 were never seen here");
    browser.press("Clear");
    browser.wait_for_text("No calls yet");
    scene.check_all_but(&["status of 401"]);
}
