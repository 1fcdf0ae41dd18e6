//! Module dependencies within `client`. ARCHITECTURE.md describes the modules.

use std::path::Path;

use crate::module_graph::ModuleGraph;

/// The modules that make requests, from the retry loop to the operations built on calls.
const ABOVE_THE_GROUPS: [&str; 5] = ["admission", "attempt", "call_loop", "exchange", "paginate"];

#[test]
fn auth_limits_and_retry_do_not_depend_on_the_modules_that_make_requests() {
    let graph = ModuleGraph::of_crate(Path::new("src"));
    let groups = ["auth", "limits", "retry"];
    let mut checked = 0;
    for (module, other) in graph.dependencies() {
        let inside = |of| module.starts_with(&format!("client::{of}"));
        if !groups.iter().any(inside) {
            continue;
        }
        let other = other.strip_prefix("client::").unwrap_or_default();
        assert!(
            !ABOVE_THE_GROUPS.contains(&other),
            "{module} depends on client::{other}"
        );
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}
