//! A browser: Chromium, driven by its WebDriver.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::raw_connection::RawConnection;

/// How often a condition is checked before it counts as failed, with a pause in between.
const CHECKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// The key of an element's id in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    address: String,
    session: String,
    /// The browser's process.
    process: Option<u64>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts `chromedriver` and a browser with an empty profile, which saves downloads here.
    pub(crate) fn start(downloads: &Path, dark: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = said
            .by_ref()
            .find_map(|line| {
                let line = line.unwrap();
                let (_, port) = line.split_once("started successfully on port ")?;
                Some(port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver says its port");
        // it must not block on a full pipe
        std::thread::spawn(move || said.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let mut this = Self {
            driver,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            process: None,
            _profile: profile,
        };
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--window-size=1360,860".into(),
            "--force-color-profile=srgb".into(),
            format!("--user-data-dir={}", this._profile.path().display()),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".into());
        }
        let session = this.command(
            "POST",
            "",
            &json!({"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "args": arguments,
                    "prefs": {"download.default_directory": downloads,
                        "download.prompt_for_download": false},
                },
            }}}),
        );
        this.session = format!("/{}", session["sessionId"].as_str().unwrap());
        this.process = session["capabilities"]["goog:processID"].as_u64();
        this
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, mut response) = self.exchange(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {response}");
        response["value"].take()
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let target = format!("/session{}{path}", self.session);
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let mut connection = RawConnection::at(&self.address);
        connection.head(
            method,
            &target,
            &[
                ("Host", self.address.as_str()),
                ("Content-Type", "application/json"),
                ("Content-Length", &body.len().to_string()),
            ],
        );
        connection.write(body.as_bytes());
        response(connection)
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({"url": url}));
    }

    /// The value of a JavaScript expression. Runs in the page, but its policy does not apply.
    pub(crate) fn value_of(&self, expression: &str) -> Value {
        let script = format!("return ({expression})");
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub(crate) fn wait_for(&self, expression: &str) {
        for _ in 0..CHECKS {
            if self.value_of(expression) == true {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!(
            "never true: {expression}\n{}",
            self.value_of("document.body.innerText")
        );
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_for(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ));
    }

    /// Waits until the details at the side have a text, which may be longer than their line.
    #[track_caller]
    pub(crate) fn wait_for_detail(&self, text: &str) {
        self.wait_for(&format!(
            "document.getElementById('detail').textContent.includes({})",
            json!(text)
        ));
    }

    /// Clicks a button until the page shows a text.
    #[track_caller]
    pub(crate) fn press_until(&self, label: &str, text: &str) {
        for _ in 0..CHECKS {
            self.press(label);
            let shown = format!("document.body.innerText.includes({})", json!(text));
            if self.value_of(&shown) == true {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!(
            "never shown: {text}\n{}",
            self.value_of("document.body.innerText")
        );
    }

    /// Waits for an element, by its XPath, and returns its id.
    #[track_caller]
    fn find(&self, xpath: &str) -> String {
        let wanted = json!({"using": "xpath", "value": xpath});
        for _ in 0..CHECKS {
            let found = self.command("POST", "/elements", &wanted);
            if let Some(id) = found[0][ELEMENT].as_str() {
                return id.to_owned();
            }
            std::thread::sleep(PAUSE);
        }
        panic!(
            "not found: {xpath}\n{}",
            self.value_of("document.body.innerText")
        );
    }

    /// Does something with an element. Finds it again if the page was redrawn in between.
    #[track_caller]
    fn act(&self, xpath: &str, action: &str, body: &Value) {
        loop {
            let id = self.find(xpath);
            let path = format!("/element/{id}/{action}");
            let (status, response) = self.exchange("POST", &path, body);
            if response["value"]["error"] != "stale element reference" {
                assert_eq!(status, 200, "{xpath}: {response}");
                return;
            }
        }
    }

    #[track_caller]
    pub(crate) fn click(&self, xpath: &str) {
        self.act(xpath, "click", &json!({}));
    }

    /// Clicks the button with this label.
    #[track_caller]
    pub(crate) fn press(&self, label: &str) {
        self.click(&format!("//button[normalize-space()={}]", json!(label)));
    }

    /// Types into an element; into a file input, the path of a file.
    #[track_caller]
    pub(crate) fn type_into(&self, xpath: &str, text: &str) {
        self.act(xpath, "value", &json!({"text": text}));
    }

    /// Presses a key where the focus is.
    pub(crate) fn key(&self, key: &str) {
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        self.command("POST", "/actions", &actions);
    }

    /// Chooses an option of a list by its value.
    pub(crate) fn choose(&self, id: &str, value: &str) {
        self.click(&format!("//select[@id='{id}']/option[@value='{value}']"));
    }

    /// Chooses an option by its label, in whichever list has it.
    pub(crate) fn choose_option(&self, label: &str) {
        self.click(&format!("//option[.='{label}']"));
    }

    /// What the browser complained about since the last time: errors of the script, and what the
    /// content security policy has blocked.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({"type": "browser"}));
        let log = log.as_array().unwrap().iter();
        log.map(|it| format!("{}: {}", it["level"], it["message"]))
            .collect()
    }

    /// Saves a screenshot into the directory in `SCREENSHOTS`, if there is one.
    pub(crate) fn screenshot(&self, name: &str) {
        if let Some(directory) = std::env::var_os("SCREENSHOTS") {
            let png = self.command("GET", "/screenshot", &Value::Null);
            let png = STANDARD.decode(png.as_str().unwrap()).unwrap();
            std::fs::write(Path::new(&directory).join(name), png).unwrap();
        }
    }
}

/// The status and JSON of a response. The driver puts no space after the colon of a header.
fn response(mut connection: RawConnection) -> (u16, Value) {
    let (mut status, mut length) = (0, 0);
    loop {
        let mut text = String::new();
        connection.stream.read_line(&mut text).unwrap();
        let text = text.trim_end().to_ascii_lowercase();
        if let Some(rest) = text.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().unwrap();
        } else if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if text.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.stream.read_exact(&mut body).unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

impl Drop for Browser {
    /// Ends the browser, too, whatever state the test has left it and its driver in.
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.command("DELETE", "", &Value::Null);
        } else if let Some(process) = self.process {
            Command::new("kill").arg(process.to_string()).status().ok();
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}
