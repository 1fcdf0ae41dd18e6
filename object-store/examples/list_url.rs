//! Lists the objects below a `b2://` URL, with the key in the environment variables of B2's own tools.
//!
//! ```sh
//! B2_APPLICATION_KEY_ID=… B2_APPLICATION_KEY=… \
//!     cargo run -p b2kit-object-store --example list_url -- b2://lakehouse/tables/sales
//! ```

use b2kit_object_store::v0_14::object_store::ObjectMeta;
use b2kit_object_store::v0_14::parse_url_opts;
use futures::TryStreamExt as _;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[allow(dead_code, reason = "a test calls `list`")]
fn main() -> Outcome<()> {
    let url = std::env::args().nth(1);
    let url = url.ok_or("usage: list_url b2://BUCKET/PREFIX")?;
    for object in futures::executor::block_on(list(&url, std::env::vars()))? {
        println!("{:>12} {}", object.size, object.location);
    }
    Ok(())
}

pub(crate) async fn list(
    url: &str,
    options: impl IntoIterator<Item = (String, String)>,
) -> Outcome<Vec<ObjectMeta>> {
    let (store, path) = parse_url_opts(&url.parse()?, options)?;
    Ok(store.list(Some(&path)).try_collect().await?)
}
