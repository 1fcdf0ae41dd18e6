//! The B2 to use: `--endpoint`, or `B2_ENVIRONMENT` as B2's official tools read it.

use anyhow::Result;
use b2kit::{Client, Credentials};

pub(crate) fn client(endpoint: Option<&str>) -> Result<Client> {
    let mut client = Client::builder()
        .credentials(Credentials::from_env()?)
        .user_agent(concat!("b2kit-cli/", env!("CARGO_PKG_VERSION")));
    // An empty variable is one that is not set.
    if let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) {
        client = client.endpoint(endpoint);
    }
    Ok(client.build()?)
}

/// The URL for `b2_authorize_account`; empty for the default.
pub(crate) fn endpoint(environment: &str) -> Result<String, String> {
    let url = match environment {
        "" | "production" => "",
        "staging" => "https://api.backblaze.net",
        url if url.contains("://") => url,
        other => {
            return Err(format!(
                "{other:?} is neither a URL nor production or staging \
                 (the environment variable B2_ENVIRONMENT sets it, too)"
            ));
        }
    };
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_a_url_or_one_of_the_official_names() {
        let url = "http://127.0.0.1:4242";
        for (environment, expected) in [
            ("", ""),
            ("production", ""),
            ("staging", "https://api.backblaze.net"),
            (url, url),
        ] {
            assert_eq!(endpoint(environment).as_deref(), Ok(expected));
        }
        assert!(endpoint("prod").unwrap_err().contains("\"prod\""));
    }
}
