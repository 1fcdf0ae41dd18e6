//! Dependencies between modules and packages, as ARCHITECTURE.md describes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::module_graph::ModuleGraph;

/// The modules of `src`, each of which may depend on those before it.
const ORDER: [&str; 8] = [
    "error", "types", "webhook", "api", "client", "transfer", "bucket", "sync",
];

#[test]
fn modules_depend_only_on_lower_layers() {
    let mut offences = Vec::new();
    for (layer, module) in ORDER.iter().enumerate() {
        for (file, text) in sources(&Path::new("src").join(module)) {
            for name in named_in_the_crate(&text) {
                let above = ORDER[layer + 1..].contains(&name.as_str());
                // Items re-exported at the crate's root may come from any layer, so no module imports them from there.
                let from_the_root = name.starts_with(char::is_uppercase);
                if above || from_the_root {
                    offences.push(format!("{file} names crate::{name}"));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn no_crate_has_circular_module_dependencies() {
    let mut dependencies = 0;
    for source in [
        "src",
        "cli/src",
        "object-store/src",
        "backends/core/src",
        "backends/cassette/src",
        "backends/conformance/src",
        "backends/emulator/src",
        "backends/hyper/src",
        "backends/isahc/src",
        "backends/reqwest/src",
        "backends/surf/src",
    ] {
        let graph = ModuleGraph::of_crate(Path::new(source));
        let circles = graph.circles();
        assert!(circles.is_empty(), "{source}: {circles:#?}");
        dependencies += graph.dependencies().count();
    }
    assert!(dependencies > 1_500, "{dependencies}");
}

#[test]
fn names_in_crate_paths_are_found_in_every_form() {
    let text = "use crate::api::Call; use crate::{client::Client, error::{Error, ErrorKind}, \
                types}; crate::Client::new(); super::super::client::Client";
    let names = named_in_the_crate(text);
    assert_eq!(
        names,
        ["api", "client", "error", "types", "Client", "client"]
    );
}

/// The first names after `crate::`, alone and in groups, and after `super::super::`, which leads to the root from
/// the second level.
fn named_in_the_crate(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let starts = text
        .match_indices("crate::")
        .chain(text.match_indices("super::super::"));
    let mut starts: Vec<_> = starts.map(|(at, lead)| at + lead.len()).collect();
    starts.sort_unstable();
    for start in starts {
        let rest = &text[start..];
        let Some(group) = rest.strip_prefix('{') else {
            names.extend(first_name(rest));
            continue;
        };
        let mut depth = 0;
        let mut expects_name = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expects_name = true,
                c if expects_name && c.is_alphabetic() => {
                    names.extend(first_name(&group[at..]));
                    expects_name = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn nothing_in_src_names_a_runtime_an_http_library_or_tls() {
    let foreign = [
        "tokio::",
        "hyper::",
        "isahc::",
        "surf::",
        "reqwest::",
        "rustls::",
        "async_std::",
        "smol::",
    ];
    let mut offences = Vec::new();
    for (file, text) in sources(Path::new("src")) {
        for name in foreign {
            // The default backend is imported from its module, `crate::backend::hyper`.
            let text = text.replace("crate::backend::hyper::", "");
            if text.contains(name) {
                offences.push(format!("{file} names {name}"));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn without_features_there_is_no_runtime_no_http_library_and_no_tls() {
    let packages = packages(&["-p", "b2kit", "--no-default-features"]);
    assert!(
        packages.contains("b2kit-core") && packages.contains("http"),
        "{packages:?}"
    );
    let foreign = [
        "tokio",
        "hyper",
        "hyper-util",
        "isahc",
        "curl",
        "surf",
        "http-types",
        "reqwest",
        "rustls",
        "native-tls",
        "openssl-sys",
        "aws-lc-sys",
        "ring",
    ];
    for name in foreign {
        assert!(
            !packages.contains(name),
            "{name} is in the tree: {packages:?}"
        );
    }
}

#[test]
fn backends_depend_only_on_core_and_core_on_no_other_package() {
    let packages = manifests();
    let backends = fs::canonicalize("backends").unwrap();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        if !manifest.starts_with(&backends) {
            continue;
        }
        let all = package["dependencies"].as_array().unwrap();
        let normal = all.iter().filter(|of| of["kind"].is_null());
        let names = normal.map(|of| of["name"].as_str().unwrap());
        let ours: Vec<_> = names.filter(|of| of.starts_with("b2kit")).collect();
        if name == "b2kit-core" {
            assert!(ours.is_empty(), "{ours:?}");
        } else {
            assert_eq!(ours, ["b2kit-core"], "what {name} depends on");
        }
    }
    let names: BTreeSet<_> = packages.iter().map(|of| of["name"].as_str()).collect();
    for backend in [
        "b2kit-core",
        "b2kit-hyper",
        "b2kit-isahc",
        "b2kit-reqwest",
        "b2kit-surf",
        "b2kit-cassette",
        "b2kit-emulator",
        "b2kit-conformance",
    ] {
        assert!(names.contains(&Some(backend)), "{backend}: {names:?}");
    }
}

/// Users of other libraries search the documentation for these terms.
#[test]
fn terms_of_other_storage_libraries_are_documentation_aliases() {
    let sources = sources(Path::new("src"));
    for word in [
        "presigned_url",
        "multipart",
        "put_object",
        "get_object",
        "head_object",
        "list_objects",
        "metadata",
        "backoff",
    ] {
        let alias = format!("#[doc(alias = \"{word}\")]");
        let found = sources.iter().any(|(_, text)| text.contains(&alias));
        assert!(found, "{word}");
    }
}

/// Other programs depend on these packages, and docs.rs documents them.
#[test]
fn published_packages_have_complete_metadata_and_document_all_features() {
    let packages = manifests();
    let mut published = BTreeSet::new();
    for package in &packages {
        if !package["publish"].is_null() {
            continue;
        }
        let name = package["name"].as_str().unwrap();
        published.insert(name);
        for field in ["description", "license", "rust_version"] {
            assert!(package[field].is_string(), "{name} has no {field}");
        }
        for field in ["keywords", "categories"] {
            let said = package[field].as_array().unwrap();
            assert!((1..=5).contains(&said.len()), "{name}: {field}");
        }
        let targets = package["targets"].as_array().unwrap();
        if targets.iter().any(|of| of["kind"][0] == "lib") {
            let docs = &package["metadata"]["docs"]["rs"];
            assert_eq!(docs["all-features"], true, "{name} on docs.rs");
            let args = docs["rustdoc-args"].to_string();
            assert!(args.contains("docsrs"), "{name} on docs.rs: {args}");
        }
    }
    let expected = [
        "b2kit",
        "b2kit-cassette",
        "b2kit-cli",
        "b2kit-conformance",
        "b2kit-core",
        "b2kit-emulator",
        "b2kit-hyper",
        "b2kit-isahc",
        "b2kit-object-store",
        "b2kit-reqwest",
        "b2kit-surf",
    ];
    assert_eq!(published, BTreeSet::from(expected));
}

/// Cargo unifies the features of the default members, so a backend that one of them needs is built for every example.
#[test]
fn no_default_member_depends_on_a_backend_with_a_c_library() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let (_, list) = manifest.split_once("default-members = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let packages = manifests();
    for member in list.split(',').map(|of| of.trim().trim_matches('"')) {
        if member.is_empty() {
            continue;
        }
        let folder = fs::canonicalize(member).unwrap();
        let at = |of: &&serde_json::Value| {
            let manifest = Path::new(of["manifest_path"].as_str().unwrap());
            manifest.parent().and_then(|of| of.canonicalize().ok()) == Some(folder.clone())
        };
        let package = packages.iter().find(at).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let optional = dependency["optional"] == true;
            let features = dependency["features"].to_string();
            for backend in ["isahc", "reqwest", "surf"] {
                let asks = !optional && name.contains(backend) || features.contains(backend);
                assert!(!asks, "{member} asks {name} for {backend}");
            }
        }
    }
}

/// The manifests of the workspace, read without network access.
fn manifests() -> Vec<serde_json::Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn backend_packages_contain_nothing_specific_to_b2() {
    for backend in ["core", "hyper", "isahc", "reqwest", "surf"] {
        for (file, text) in sources(&Path::new("backends").join(backend).join("src")) {
            for word in ["b2_", "backblaze", "X-Bz", "x-bz"] {
                assert!(!text.contains(word), "{file} names {word}");
            }
        }
    }
}

/// The packages in a normal build of `of`. They must all be needed by the tests too, since others may not have been
/// downloaded.
fn packages(of: &[&str]) -> BTreeSet<String> {
    let tree = [
        "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}",
    ];
    let text = cargo(&[&tree, of].concat());
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .output()
        .unwrap();
    assert!(
        cargo.status.success(),
        "{}",
        String::from_utf8_lossy(&cargo.stderr)
    );
    String::from_utf8(cargo.stdout).unwrap()
}

/// The source files of a module, without comments and unit tests.
pub(super) fn sources(module: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let file = module.with_extension("rs");
    if file.is_file() {
        found.push(read(&file));
    }
    if module.is_dir() {
        for entry in fs::read_dir(module).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&path));
            }
        }
    }
    assert!(!found.is_empty(), "there is no module {}", module.display());
    found
}

fn read(path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<_> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    (path.display().to_string(), code.join("\n"))
}

/// The layers of the emulator, each of which may depend on itself and those before it.
const EMULATOR_LAYERS: [&str; 9] = [
    "behavior", "content", "protocol", "model", "storage", "calls", "machine", "faults", "drivers",
];

#[test]
fn modules_of_the_emulator_depend_only_on_lower_layers() {
    let graph = ModuleGraph::of_crate(Path::new("backends/emulator/src"));
    let layer = |module: &str| {
        let top = module.split("::").next();
        EMULATOR_LAYERS.iter().position(|layer| Some(*layer) == top)
    };
    let mut checked = 0;
    for (module, other) in graph.dependencies() {
        // the root and the binary may depend on every layer
        if let Some(own) = layer(module) {
            let below = layer(other).is_some_and(|other| other <= own);
            assert!(below, "{module} depends on {other}");
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}
