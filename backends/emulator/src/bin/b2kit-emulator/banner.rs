//! The output at start: a shell script with the settings of clients.

use std::fmt::{self, Write as _};

use b2kit_emulator::{Emulator, Server};

use crate::arguments::Bucket;
use crate::options::Options;

pub(crate) fn of(options: &Options, emulator: &Emulator, server: &Server) -> String {
    let mut text = String::new();
    write(&mut text, options, emulator, server).expect("writing to a String never fails");
    text
}

fn write(
    text: &mut String,
    options: &Options,
    emulator: &Emulator,
    server: &Server,
) -> fmt::Result {
    // with an unspecified address, the server can at least be reached from here
    let url = server.url().replace("://0.0.0.0:", "://127.0.0.1:");
    let url = url.replace("://[::]:", "://[::1]:");
    let version = env!("CARGO_PKG_VERSION");
    writeln!(text, "# b2kit-emulator {version} at {url}")?;
    storage(text, options)?;
    buckets(text, options, emulator)?;
    notices(text, options)?;
    clients(text, &url, emulator)?;
    if options.tls {
        certificate(text, options)?;
    }
    writeln!(text, "\n# b2kit, with Credentials::from_env():")?;
    writeln!(
        text,
        "#   Client::builder().credentials(Credentials::from_env()?).endpoint({url:?})"
    )?;
    if let Some(token) = &options.control_token {
        control(text, &url, token)?;
    }
    writeln!(text, "\n# Ctrl-C stops it.")
}

fn storage(text: &mut String, options: &Options) -> fmt::Result {
    match &options.data {
        Some(directory) => writeln!(text, "# Everything is kept in {}.", directory.display()),
        None if options.discard => writeln!(text, "# The bytes of files are discarded."),
        None => {
            let cap = options.cap.unwrap_or(1 << 30);
            writeln!(
                text,
                "# Files are kept in memory until exit, {cap} bytes at most."
            )
        }
    }
}

fn buckets(text: &mut String, options: &Options, emulator: &Emulator) -> fmt::Result {
    for Bucket { name, is_public } in &options.buckets {
        let asked = if *is_public {
            "allPublic"
        } else {
            "allPrivate"
        };
        let there = emulator.bucket_type(name);
        let there = there.as_deref().unwrap_or(asked);
        let kind = match there {
            "allPublic" => "public",
            "allPrivate" => "private",
            other => other,
        };
        let why = if there == asked {
            ""
        } else {
            ", as it was before"
        };
        writeln!(text, "# Bucket {name} ({kind}{why}).")?;
    }
    for name in &options.legacy_buckets {
        writeln!(text, "# Bucket {name} (private, not encrypted by default).")?;
    }
    Ok(())
}

fn notices(text: &mut String, options: &Options) -> fmt::Result {
    if !options.is_local() {
        let address = options.bind;
        writeln!(
            text,
            "# Everyone who can reach {address} can try to guess the key."
        )?;
    }
    if options.separate_origins {
        writeln!(
            text,
            "# Uploads and downloads have ports of their own; others answer 421."
        )?;
    }
    Ok(())
}

fn clients(text: &mut String, url: &str, emulator: &Emulator) -> fmt::Result {
    let (id, key) = (emulator.key_id(), emulator.key());
    writeln!(text, "\n# The b2 CLI and b2sdk:")?;
    export(text, "B2_ENVIRONMENT", url)?;
    export(text, "B2_APPLICATION_KEY_ID", id)?;
    export(text, "B2_APPLICATION_KEY", key)?;
    writeln!(text, "\n# rclone, as the remote emulator:")?;
    export(text, "RCLONE_CONFIG_EMULATOR_TYPE", "b2")?;
    export(text, "RCLONE_CONFIG_EMULATOR_ACCOUNT", id)?;
    export(text, "RCLONE_CONFIG_EMULATOR_KEY", key)?;
    export(text, "RCLONE_CONFIG_EMULATOR_ENDPOINT", url)
}

fn certificate(text: &mut String, options: &Options) -> fmt::Result {
    let path = options.tls_ca.as_ref().unwrap_or(&options.root_cert);
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let path = quoted(&path.display().to_string());
    writeln!(text, "\n# The root certificate to trust:")?;
    writeln!(
        text,
        "export REQUESTS_CA_BUNDLE={path} RCLONE_CA_CERT={path} RESTIC_CACERT={path} \
         CURL_CA_BUNDLE={path}"
    )
}

fn control(text: &mut String, url: &str, token: &str) -> fmt::Result {
    let in_link = percent_encoded(token);
    writeln!(text, "\n# The console, to be opened in a browser:")?;
    writeln!(text, "#   {url}/b2kit-emulator/?token={in_link}")?;
    writeln!(
        text,
        "\n# The control API: faults, the clock, the log of calls, reset:"
    )?;
    let control = format!("{url}/b2kit-emulator/v1");
    export(text, "B2KIT_EMULATOR_CONTROL", &control)?;
    export(text, "B2KIT_EMULATOR_CONTROL_TOKEN", token)?;
    writeln!(
        text,
        "#   curl -H \"Authorization: Bearer $B2KIT_EMULATOR_CONTROL_TOKEN\" \
         $B2KIT_EMULATOR_CONTROL"
    )
}

fn export(text: &mut String, name: &str, value: &str) -> fmt::Result {
    writeln!(text, "export {name}={}", quoted(value))
}

/// Encodes a value in a query.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("writing to a String never fails"),
        }
    }
    encoded
}

/// Quotes a word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
