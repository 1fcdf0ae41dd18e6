//! The console in a browser. `tests/console/run` installs one and runs this.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]
#![allow(
    clippy::disallowed_methods,
    reason = "a browser has a clock of its own"
)]

#[path = "console/browser.rs"]
mod browser;
#[path = "console/dropped.rs"]
mod dropped;
#[path = "console/hostile.rs"]
mod hostile;
#[path = "console/many.rs"]
mod many;
mod raw_client;
mod raw_connection;
mod receiver;
#[path = "console/webhooks.rs"]
mod webhooks;

use std::fs;
use std::path::Path;

use b2kit_cassette::Player;
use b2kit_core::{Body, HttpClient as _, http};
use b2kit_emulator::{Emulator, OffsetClock, Server};
use browser::Browser;
use raw_client::RawClient;
use raw_connection::RawConnection;
use serde_json::{Value, json};

const HOSTILE: &str = "<img src=x onerror=document.title='run'>";

/// The same as part of a file name in a header or URL.
const HOSTILE_NAME: &str = "%3Cimg%20src=x%20onerror=document.title='run'%3E";

/// The bucket in the list.
const BUCKET: &str = "//button[starts-with(normalize-space(), 'holiday-photos')]";

/// An emulator with files, and a browser that shows it.
struct Scene {
    client: RawClient,
    server: Server,
    bucket: String,
    browser: Browser,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new(dark: bool) -> Self {
        let emulator = Emulator::builder().clock(OffsetClock::default()).build();
        let client = RawClient::with(emulator, b2kit_emulator::ManualClock::default());
        let server = Server::builder().control("open-sesame").webhooks(true);
        let server = server.start(&client.emulator).unwrap();
        let bucket = fill(&client);
        let directory = tempfile::tempdir().unwrap();
        let browser = Browser::start(directory.path(), dark);
        browser.open(&format!(
            "{}/b2kit-emulator/?token=open-sesame",
            server.url()
        ));
        browser.wait_for_text("connected");
        Self {
            client,
            server,
            bucket,
            browser,
            directory,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Uploads a file over the socket: the server looks for events after each request.
    fn upload(&self, name: &str, content_type: &str) {
        let (url, token) = self.client.upload_url(&self.bucket);
        let headers = [
            ("Authorization", token.as_str()),
            ("X-Bz-File-Name", name),
            ("Content-Type", content_type),
            ("X-Bz-Info-It", HOSTILE_NAME),
            ("X-Bz-Content-Sha1", "do_not_verify"),
        ];
        let answer = RawConnection::to(&self.server).send(
            "POST",
            raw_connection::path(&url),
            &headers,
            b"content",
        );
        assert_eq!(answer.status, 200);
    }

    /// A listing, over the socket.
    fn list(&self) -> raw_connection::Response {
        let headers = [("Authorization", self.client.token.as_str())];
        RawConnection::to(&self.server).send("GET", &self.listing(), &headers, b"")
    }

    fn listing(&self) -> String {
        format!("/b2api/v4/b2_list_file_names?bucketId={}", self.bucket)
    }

    /// No script that came with a file has run, and the browser has nothing to complain about. It
    /// reports every status of an error; these are the faults' of the tests.
    fn check(&self) {
        self.check_all_but(&["status of 503", "status of 418"]);
    }

    fn check_all_but(&self, expected: &[&str]) {
        assert_eq!(self.browser.value_of("document.title"), "b2kit-emulator");
        assert_eq!(
            self.browser
                .value_of("document.querySelectorAll('img[src=x]').length"),
            0
        );
        let elsewhere = "performance.getEntriesByType('resource').map((it) => it.name)\
            .filter((it) => !it.replace('blob:', '').startsWith(location.origin + '/'))";
        assert_eq!(self.browser.value_of(elsewhere), json!([]));
        let mut complaints = self.browser.complaints();
        complaints.retain(|it| !expected.iter().any(|expected| it.contains(expected)));
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Buckets, folders, versions, a hide marker and an unfinished large file.
fn fill(client: &RawClient) -> String {
    let rule = json!({"fileNamePrefix": "logs/", "daysFromUploadingToHiding": 7,
        "daysFromHidingToDeleting": 1});
    let rules = json!({"lifecycleRules": [rule], "bucketInfo": {"team": HOSTILE}});
    let bucket = client.create_bucket_with("holiday-photos", &rules);
    client.create_bucket("backups", "allPrivate");
    client.create_bucket("website", "allPublic");
    for name in ["2026/cat.txt", "2026/dog.txt", "logs/monday.txt"] {
        client.upload(&bucket, name, b"meow\nmeow\n");
    }
    client.upload(&bucket, "notes.txt", b"first");
    client
        .upload_with(
            &bucket,
            "notes.txt",
            b"second",
            &[("x-bz-info-author", "me")],
        )
        .ok();
    let info = [("x-bz-info-note", "%3Cimg%20src=x%20onerror=alert(1)%3E")];
    let page = b"<img src=x onerror=document.title='run'><script>document.title='run'</script>";
    client.upload_with(&bucket, HOSTILE_NAME, page, &info).ok();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='320' height='180' \
        onload='document.title=1'><rect width='320' height='180' fill='#7ab'/>\
        <circle cx='160' cy='90' r='60' fill='#fc6'/></svg>";
    client
        .upload_with(
            &bucket,
            "sun.svg",
            svg,
            &[("content-type", "image/svg+xml")],
        )
        .ok();
    client.upload(&bucket, "old.txt", b"old");
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "old.txt"}),
        )
        .ok();
    let large = client.start(&bucket, "video.mp4");
    client.upload_part(&large, 1, b"part");
    bucket
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn files_are_shown_uploaded_and_deleted_and_none_of_their_scripts_runs() {
    let scene = Scene::new(false);
    let browser = &scene.browser;
    browser.click(BUCKET);
    browser.wait_for_text("notes.txt");
    browser.wait_for_text(HOSTILE);
    for shown in ["hide marker", "unfinished", "older version", "2026/"] {
        browser.wait_for_text(shown);
    }
    browser.click("//td[contains(., '<img')]");
    browser.wait_for_text("<script>document.title='run'</script>");
    browser.wait_for_text("<img src=x onerror=alert(1)>");
    browser.click("//td[.='video.mp4']");
    browser.wait_for_text("Parts: 1");
    browser.click("//td[.='sun.svg']");
    browser.wait_for("document.querySelector('img.preview')?.naturalWidth === 320");
    browser.screenshot("files.png");
    browser.press("Settings");
    browser.wait_for_text("daysFromUploadingToHiding");
    browser.screenshot("bucket.png");

    browser.click("//td[contains(., '2026/')]");
    browser.wait_for_text("cat.txt");
    let local = scene.path().join(format!("{HOSTILE}.txt"));
    fs::write(&local, "from the browser").unwrap();
    browser.type_into("//input[@id='choose']", local.to_str().unwrap());
    let uploaded = format!("2026/{HOSTILE}.txt");
    browser.wait_for_text("Uploaded <img");
    browser.click("//td[contains(., '.txt') and contains(., '<img')]");
    browser.wait_for_text("from the browser");
    let bytes = scene
        .client
        .download(&format!("holiday-photos/2026/{HOSTILE_NAME}.txt"), &[]);
    assert_eq!(
        (bytes.status.as_u16(), &bytes.body[..]),
        (200, &b"from the browser"[..])
    );
    browser.press("Download");
    // without the characters that a file system may not have
    wait_for_file(
        scene.path(),
        |name| name.ends_with("_.txt"),
        b"from the browser",
    );
    browser.press("Delete version");
    browser.wait_for("!document.querySelector('main').innerText.includes('<img')");
    assert_eq!(uploaded.len(), 49);
    scene.check();
}

/// Waits until a download of such a name has this content.
fn wait_for_file(directory: &Path, is_it: impl Fn(&str) -> bool, content: &[u8]) -> Vec<u8> {
    for _ in 0..600 {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let found = fs::read(&path).unwrap_or_default();
            if is_it(&name) && found.starts_with(content) {
                return found;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    panic!("not downloaded: {names:?}");
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn a_call_appears_a_fault_hits_it_and_the_exported_cassette_replays_it() {
    let scene = Scene::new(false);
    let browser = &scene.browser;
    browser.press("Calls");
    browser.wait_for_text("No calls yet");
    let first = scene.list();
    browser.wait_for_text("list_file_names");
    browser.click("//td[contains(., 'list_file_names')]");
    browser.wait_for_text("hidden-authorization-token");
    browser.wait_for_text("onerror=document.title");

    browser.press("Faults");
    browser.choose("kind", "service_unavailable");
    browser.type_into("//input[@id='field-retryAfter']", "7");
    browser.choose("on-call", "b2_upload_file");
    browser.choose("mode", "nth");
    browser.press("Add fault");
    browser.wait_for_text("retryAfter 7");
    browser.screenshot("faults.png");

    browser.press("Files");
    browser.click(BUCKET);
    let local = scene.path().join("new.txt");
    fs::write(&local, "new").unwrap();
    browser.type_into("//input[@id='choose']", local.to_str().unwrap());
    browser.wait_for_text("503 service_unavailable");
    browser.type_into("//input[@id='choose']", local.to_str().unwrap());
    browser.wait_for_text("Uploaded new.txt");

    for target in [
        "/file/holiday-photos/2026/cat.txt",
        "/file/holiday-photos/2026/bird.txt",
    ] {
        let headers = [
            ("Authorization", scene.client.token.as_str()),
            ("Range", "bytes=0-3"),
        ];
        RawConnection::to(&scene.server).send("GET", target, &headers, b"");
    }
    browser.press("Calls");
    browser.wait_for("!!document.querySelector('main .chip.hit')");
    browser.click("//tr[.//span[contains(@class, 'hit')]]");
    browser.wait_for_text("service_unavailable (fault 0)");
    browser.value_of("document.getElementById('toasts').replaceChildren()");
    browser.screenshot("calls.png");
    browser.press("Faults");
    browser.wait_for(
        "[...document.querySelectorAll('main tbody td')].map((it) => it.innerText)\
        .join().startsWith('0,service_unavailable')",
    );
    let hits = "document.querySelector('main tbody tr').innerText.split(/\\s+/).slice(-3)";
    assert_eq!(browser.value_of(hits), json!(["2", "1", "Remove"]));

    browser.press("Calls");
    browser.press("Export cassette");
    let cassette = wait_for_file(
        scene.path(),
        |name| name == "calls.yaml",
        b"b2kit-cassette: 1\n",
    );
    let player = Player::parse(&cassette).unwrap();
    let replayed = replayed(&player, &scene.listing());
    assert_eq!(replayed, first.json());
    let text = String::from_utf8(cassette).unwrap();
    assert!(!text.contains(&scene.client.token));
    assert_eq!(text.matches("- Request:").count(), 5);
    scene.check();
}

/// The JSON of a listing that the player answers.
fn replayed(player: &Player, target: &str) -> Value {
    let url = format!("http://elsewhere.example{target}");
    let request = http::Request::get(url)
        .header("authorization", "another")
        .body(Body::empty())
        .unwrap();
    let body = futures::executor::block_on(async {
        let response = player.send(request).await.unwrap();
        response.into_body().collect(usize::MAX).await.unwrap()
    });
    serde_json::from_slice(&body).unwrap()
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn the_clock_states_and_usage_work_by_keyboard_and_in_the_dark() {
    let scene = Scene::new(true);
    let browser = &scene.browser;
    let background = "getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.value_of(background), "rgb(17, 21, 28)");
    browser.click(BUCKET);
    browser.wait_for_text("notes.txt");
    browser.key("j");
    browser.key("j");
    browser.key("j");
    browser.key("j");
    browser.key("\u{e007}"); // Enter
    browser.wait_for("!document.getElementById('detail').hidden");
    browser.screenshot("dark.png");
    browser.key("\u{e00c}"); // Escape
    browser.wait_for("document.getElementById('detail').hidden");
    browser.key("6");
    browser.wait_for_text("Saved states");
    browser.type_into("//input[@placeholder='name']", "before");
    browser.press("Save");
    browser.wait_for_text("before");
    browser.choose_option("days");
    browser.type_into("//input[@aria-label='How far']", "0"); // 10
    browser.press("Advance");
    browser.wait_for_text("The clock was advanced.");
    browser.press("Apply lifecycle rules now");
    browser.wait_for_text("Lifecycle rules were applied.");
    let hidden = scene.client.emulator.snapshot().versions;
    browser.press("Restore");
    browser.wait_for_text("The state was restored.");
    assert_eq!(scene.client.emulator.snapshot().versions + 1, hidden);
    browser.screenshot("account.png");
    scene.list();
    browser.press("Usage");
    browser.wait_for_text("Class C");
    browser.wait_for_text("b2_list_file_names");
    browser.screenshot("usage.png");
    browser.key("5");
    browser.wait_for_text("No webhooks.");
    browser.key("?");
    browser.wait_for("document.getElementById('help').open");
    scene.check();
}
