//! Dependencies of the modules of `client`, and that no modules of the crate depend on each other in a circle.

use std::path::Path;

use crate::module_graph::ModuleGraph;

/// What is made of the rooms: it may name them, and they may not name it.
const ABOVE_THE_ROOMS: [&str; 5] = ["admission", "attempt", "call_loop", "exchange", "paginate"];

#[test]
fn no_modules_of_the_crate_depend_on_each_other_in_a_circle() {
    let graph = ModuleGraph::of_crate(Path::new("src"));
    assert!(graph.dependencies().count() > 300);
    let circles = graph.circles();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn rooms_of_the_client_depend_only_on_those_below_them() {
    let graph = ModuleGraph::of_crate(Path::new("src"));
    let rooms = ["client::auth::", "client::limits::", "client::retry::"];
    for (from, to) in graph.dependencies() {
        let is_room = rooms.iter().any(|room| from.starts_with(room));
        let above = to
            .strip_prefix("client::")
            .is_some_and(|name| ABOVE_THE_ROOMS.contains(&name));
        assert!(!(is_room && above), "{from} depends on {to}");
    }
}
