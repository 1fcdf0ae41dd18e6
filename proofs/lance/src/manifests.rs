//! Checks that each version of a dataset was committed by put-if-absent, and once.

use std::collections::{BTreeMap, BTreeSet};

use b2kit::types::Action;
use b2kit::{Client, Credentials};
use futures::TryStreamExt as _;

use crate::Outcome;
use crate::location::Location;

/// The number of manifests in the bucket. B2 keeps all versions of a file, and all versions of a manifest must be
/// copies of one stage, which writers that complete the same create may each make.
pub async fn count(at: &Location) -> Outcome<usize> {
    let option = |key: &str| at.options.get(key).cloned().ok_or("an option is missing");
    let key = Credentials::new(
        option("b2_application_key_id")?,
        option("b2_application_key")?,
    )?;
    let client = Client::builder().credentials(key);
    let client = client.endpoint(option("b2_endpoint")?).build()?;
    let mut versions = client.bucket("lakehouse").await?.versions("datasets/");
    let mut stages = BTreeMap::<String, BTreeSet<String>>::new();
    while let Some(version) = versions.try_next().await? {
        let name = version.file_name.as_str();
        let is_content = matches!(version.action, Action::Upload | Action::Copy);
        if name.contains("/_versions/") && name.ends_with(".manifest") && is_content {
            let nonce = version.file_info.get("b2kit-create-nonce");
            let nonce = nonce.ok_or_else(|| format!("{name} was not created"))?;
            let stages = stages.entry(name.to_owned()).or_default();
            stages.insert(nonce.to_owned());
        }
    }
    assert!(
        stages.values().all(|stages| stages.len() == 1),
        "{stages:?}"
    );
    Ok(stages.len())
}
