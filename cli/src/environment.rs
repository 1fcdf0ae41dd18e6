//! The B2 to use: `--endpoint`, or `B2_ENVIRONMENT` as B2's official tools read it.

use anyhow::{Error, Result};
use b2kit::{Client, Credentials};

pub(crate) fn client(environment: Option<&str>) -> Result<Client> {
    let mut client = Client::builder()
        .credentials(Credentials::from_env()?)
        .user_agent(concat!("b2kit-cli/", env!("CARGO_PKG_VERSION")));
    if let Some(origin) = origin(environment.unwrap_or_default()).map_err(Error::msg)? {
        client = client.endpoint(origin);
    }
    Ok(client.build()?)
}

/// Checks an argument of [`client`].
pub(crate) fn parse(text: &str) -> Result<String, String> {
    origin(text).map(|_| text.to_owned())
}

/// The URL for `b2_authorize_account`; `None` for the default.
fn origin(environment: &str) -> Result<Option<&str>, String> {
    match environment {
        "" | "production" => Ok(None),
        "staging" => Ok(Some("https://api.backblaze.net")),
        url if url.contains("://") => Ok(Some(url)),
        other => Err(format!(
            "{other:?} is neither a URL nor production or staging \
             (the environment variable B2_ENVIRONMENT sets it, too)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_a_url_or_one_of_the_official_names() {
        assert_eq!(origin(""), Ok(None));
        assert_eq!(origin("production"), Ok(None));
        assert_eq!(origin("staging"), Ok(Some("https://api.backblaze.net")));
        let url = "http://127.0.0.1:4242";
        assert_eq!(origin(url), Ok(Some(url)));
        assert!(origin("prod").unwrap_err().contains("\"prod\""));
    }
}
