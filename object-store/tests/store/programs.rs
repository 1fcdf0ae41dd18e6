//! The programs that the documentation shows.

use b2kit_object_store::v0_14::object_store::ObjectStoreExt as _;
use b2kit_object_store::v0_14::object_store::path::Path;

use crate::fixture::{Fixture, Transport, run};

#[path = "../../examples/commit_log.rs"]
mod commit_log;
#[path = "../../examples/list_url.rs"]
mod list_url;

#[test]
fn the_example_commit_log_runs() {
    commit_log::main().unwrap();
}

#[test]
fn the_example_list_url_lists_what_is_below_the_url() {
    run(async {
        let fixture = Fixture::new(Transport::Http).await;
        let store = fixture.uncoordinated();
        for path in ["tables/sales/1", "tables/sales/2", "tables/salesmen/1"] {
            store.put(&Path::from(path), "x".into()).await.unwrap();
        }
        let options = fixture.options();
        let listed = list_url::list("b2://lakehouse/tables/sales", options).await;
        let listed = listed.unwrap().into_iter().map(|meta| meta.location);
        let expected = ["tables/sales/1", "tables/sales/2"].map(Path::from);
        assert!(listed.eq(expected));
    });
}

/// `proofs/datafusion` builds and runs the program. CI does not, since DataFusion is hundreds of packages.
#[test]
fn the_program_in_the_readme_is_the_one_that_the_datafusion_proof_runs() {
    let readme = include_str!("../../README.md");
    let (_, program) = readme.split_once("```rust,ignore\n").unwrap();
    let (program, _) = program.split_once("```\n").unwrap();
    let proof = include_str!("../../../proofs/datafusion/examples/outgrowing.rs");
    assert_eq!(program, proof);
}
