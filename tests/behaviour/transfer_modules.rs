//! Module dependencies within `transfer`. ARCHITECTURE.md describes the modules.

use std::fs;
use std::path::Path;

use crate::layers::sources;

/// The modules of `src/transfer`, each of which may depend on those before it.
const ORDER: [&str; 15] = [
    "progress",
    "range_set",
    "reserved_names",
    "source_error",
    "local_path",
    "commit",
    "disk",
    "source",
    "large_file",
    "upload",
    "download",
    "copy",
    "create",
    "bulk",
    "fuzzing",
];

#[test]
fn modules_of_transfer_depend_only_on_lower_ones() {
    let mut offences = Vec::new();
    for module in modules() {
        let layer = ORDER.iter().position(|of| *of == module).unwrap();
        for (file, text) in sources(&Path::new("src/transfer").join(&module)) {
            for path in text.split("crate::transfer::").skip(1) {
                let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
                let named = &path[..end.unwrap_or(path.len())];
                // Items re-exported by the parent may come from any module, so no module imports them from there.
                if !ORDER[..=layer].contains(&named) {
                    offences.push(format!("{file} names {named:?}"));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn every_module_of_transfer_is_in_the_ordered_list() {
    for module in modules() {
        assert!(ORDER.contains(&module.as_str()), "{module}");
    }
}

fn modules() -> Vec<String> {
    let entries = fs::read_dir("src/transfer").unwrap();
    let names = entries.map(|of| {
        let path = of.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    names.filter(|name| name != "mod").collect()
}
