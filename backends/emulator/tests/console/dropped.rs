//! Drag and drop.

use serde_json::json;

use crate::{HOSTILE, HOSTILE_NAME, Scene};

/// Drops two files on an element. The value is whether the page has taken each event, and whether the
/// list was highlighted in between.
fn drop_on(node: &str) -> String {
    format!(
        "(() => {{
            const data = new DataTransfer();
            data.items.add(new File(['first'], {}));
            data.items.add(new File(['second'], 'second.txt', {{ type: 'text/plain' }}));
            const fire = (type) => !{node}.dispatchEvent(new DragEvent(type,
                {{ dataTransfer: data, bubbles: true, cancelable: true }}));
            const over = fire('dragover');
            const shown = document.querySelectorAll('.drop').length;
            return [over, shown, fire('drop'), document.querySelectorAll('.drop').length];
        }})()",
        json!(HOSTILE)
    )
}

#[test]
#[ignore = "needs Chromium: tests/console/run"]
fn files_that_are_dropped_on_the_list_are_uploaded_and_elsewhere_they_are_not() {
    let scene = Scene::new(false);
    let browser = &scene.browser;
    browser.click("//button[starts-with(normalize-space(), 'holiday-photos')]");
    browser.click("//td[contains(., '2026/')]");
    browser.wait_for_text("cat.txt");

    let uploads = || scene.client.emulator.snapshot().calls["b2_upload_file"];
    let before = uploads();
    // the browser would show the file instead of the page
    let elsewhere = browser.value_of(&drop_on("document.querySelector('header')"));
    assert_eq!(elsewhere, json!([true, 0, true, 0]));
    let list = browser.value_of(&drop_on("files.table"));
    assert_eq!(list, json!([true, 1, true, 0]));
    browser.wait_for_text("Uploaded second.txt");
    browser.wait_for_text(&format!("Uploaded {HOSTILE}"));
    browser.click("//td[.='second.txt']");
    browser.wait_for_detail("text/plain");
    for (name, content) in [(HOSTILE_NAME, &b"first"[..]), ("second.txt", b"second")] {
        let found = scene
            .client
            .download(&format!("holiday-photos/2026/{name}"), &[]);
        assert_eq!((found.status.as_u16(), &found.body[..]), (200, content));
    }
    assert_eq!(uploads(), before + 2);
    scene.check();
}
