//! Text of clients that would be a script if the page let it.

use std::io::Read as _;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::raw_connection::RawConnection;
use crate::{BUCKET, HOSTILE, HOSTILE_NAME, Scene};

/// Sends a request to the control API.
fn control(scene: &Scene, method: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let length = body.len().to_string();
    let mut connection = RawConnection::to(&scene.server);
    let headers = [
        ("Host", "localhost"),
        ("Authorization", "Bearer open-sesame"),
        ("Content-Length", &length),
    ];
    connection.head(method, &format!("/b2kit-emulator/v1{path}"), &headers);
    connection.write(body.as_bytes());
    let answer = connection.response();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Puts it wherever a client may put a text.
fn fill(scene: &Scene) {
    let (client, bucket) = (&scene.client, &scene.bucket);
    scene.upload(&format!("{HOSTILE_NAME}/inside"), HOSTILE);
    let lifecycle = json!({"fileNamePrefix": HOSTILE, "daysFromUploadingToHiding": 7,
        "daysFromHidingToDeleting": null});
    client
        .update_bucket(bucket, &json!({"lifecycleRules": [lifecycle]}))
        .ok();
    let key = json!({"accountId": client.emulator.account_id(), "keyName": "a-key",
        "capabilities": ["readFiles"], "bucketIds": [bucket], "namePrefix": HOSTILE});
    client.post("b2_create_key", &key).ok();
    control(scene, "PUT", &format!("/states/{HOSTILE_NAME}"), &json!({}));
    let hides = json!({"fault": {"kind": "error", "status": 418, "code": HOSTILE,
        "message": HOSTILE},
        "on": {"call": "b2_hide_file", "fileName": format!("{HOSTILE}/inside")}});
    control(scene, "POST", "/faults", &hides);
    let header = json!({"fault": {"kind": "set_header", "name": "x-hostile", "value": HOSTILE},
        "on": {"call": "b2_list_file_names"}});
    control(scene, "POST", "/faults", &header);
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn hostile_text_is_shown_as_text_in_every_view() {
    let scene = Scene::new(false);
    fill(&scene);
    let browser = &scene.browser;
    browser.click(BUCKET);
    browser.press("Settings");
    browser.wait_for_detail(&format!("\"fileNamePrefix\": \"{HOSTILE}\""));
    browser.click("//td[contains(@class, 'folder') and contains(., '<img')]");
    browser.wait_for(&format!(
        "files.path.innerText.includes({})",
        json!(HOSTILE)
    ));
    browser.click("//td[.='inside']");
    browser.wait_for_detail(&format!("{HOSTILE}/inside"));
    let shown = "[...document.querySelectorAll('#detail dd')].map((it) => it.textContent)";
    let shown = browser.value_of(shown);
    let times = shown.as_array().unwrap().iter();
    // the content type and the file info
    assert_eq!(times.filter(|it| **it == HOSTILE).count(), 2, "{shown}");
    // the error of a fault
    browser.press("Hide");
    browser.wait_for(&format!(
        "document.getElementById('toasts').innerText.includes({})",
        json!(format!("418 {HOSTILE}: {HOSTILE}"))
    ));

    let headers = [
        ("Authorization", scene.client.token.as_str()),
        ("User-Agent", HOSTILE),
    ];
    let target = format!("/b2api/v4/b2_list_file_names?x={HOSTILE_NAME}");
    let body = json!({"bucketId": scene.bucket, "prefix": HOSTILE}).to_string();
    RawConnection::to(&scene.server).send("POST", &target, &headers, body.as_bytes());
    let target = format!("/file/none/{HOSTILE_NAME}/nothing");
    RawConnection::to(&scene.server).send("GET", &target, &headers, b"");
    browser.press("Calls");
    browser.wait_for_text(&format!("{HOSTILE}/nothing"));
    // the code of the fault's error
    browser.wait_for(&format!(
        "[...document.querySelectorAll('main .chip')].some((it) => it.textContent === {})",
        json!(HOSTILE)
    ));
    browser.click("//td[contains(., 'list_file_names')]");
    browser.wait_for_detail(&format!("\"prefix\":\"{HOSTILE}\""));
    let shown = browser.value_of(
        "[...document.querySelectorAll('#detail dt')].filter((it) => it.nextSibling.textContent \
        === \"<img src=x onerror=document.title='run'>\").map((it) => it.textContent).sort()",
    );
    assert_eq!(shown, json!(["user-agent", "x-hostile"]));
    browser.press("Usage");
    browser.wait_for_text("Class C");

    browser.press("Faults");
    browser.wait_for_text(&format!("fileName {HOSTILE}/inside"));

    browser.press("Account");
    browser.wait_for_text(HOSTILE);
    let prefix = format!(
        "[...account.keys.querySelectorAll('td')].some((it) => it.innerText === {})",
        json!(HOSTILE)
    );
    browser.wait_for(&prefix);
    assert_eq!(
        control(&scene, "GET", "/states", &Value::Null),
        json!({"states": [HOSTILE]})
    );
    browser.press("Restore");
    browser.wait_for_text("The state was restored.");
    browser.press("Delete");
    browser.wait_for("!account.states.innerText.includes('<img')");
    scene.check();
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn the_policy_of_the_page_stops_scripts_markup_and_requests_elsewhere() {
    let scene = Scene::new(false);
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    let tried = scene.browser.value_of(&format!(
        "(async () => {{
            const tried = {{}};
            const attempt = async (name, action) => {{
                try {{ await action(); tried[name] = 'allowed'; }}
                catch (error) {{ tried[name] = 'stopped'; }}
            }};
            const made = (tag, set) => {{
                const node = document.createElement(tag);
                Object.assign(node, set);
                document.body.append(node);
                return node;
            }};
            const loaded = (tag, set) => new Promise((done, failed) =>
                made(tag, {{ onload: done, onerror: failed, ...set }}));
            await attempt('markup', () => {{ document.body.innerHTML += {hostile}; }});
            await attempt('script', () => made('script', {{ textContent: 'document.title = 1' }}));
            await attempt('script elsewhere', () => loaded('script', {{ src: '{url}' }}));
            await attempt('fetch', () => fetch('{url}'));
            await attempt('image', () => loaded('img', {{ src: '{url}' }}));
            await attempt('style', () => loaded('link', {{ rel: 'stylesheet', href: '{url}' }}));
            const form = made('form', {{ action: '{url}', method: 'post' }});
            form.submit();
            made('iframe', {{ src: '{url}' }});
            await new Promise((done) => setTimeout(done, 200));
            return tried;
        }})()",
        hostile = json!(HOSTILE)
    ));
    for (what, outcome) in tried.as_object().unwrap() {
        assert_eq!(outcome, "stopped", "{what}");
    }
    assert_eq!(tried.as_object().unwrap().len(), 6);
    assert_eq!(
        scene
            .browser
            .value_of("[document.title, location.pathname]"),
        json!(["b2kit-emulator", "/b2kit-emulator/"])
    );
    let complaints = scene.browser.complaints().join("\n");
    for directive in [
        "connect-src",
        "img-src",
        "style-src",
        "form-action",
        "TrustedScript",
    ] {
        assert!(complaints.contains(directive), "{directive}: {complaints}");
    }
    drop(scene);
    // the browser may have connected in advance, but it has sent nothing
    while let Ok((mut connection, _)) = elsewhere.accept() {
        let mut sent = Vec::new();
        connection.read_to_end(&mut sent).unwrap();
        assert!(sent.is_empty(), "{}", String::from_utf8_lossy(&sent));
    }
}
