//! [`ModuleGraph`]: which module of a crate names which, read from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules of a crate, each with those that it names.
///
/// A path counts for the deepest module on it: `crate::model::key::Key` names `model::key`. A parent that only declares
/// its children names none of them; one that re-exports from them does.
pub(super) struct ModuleGraph(BTreeMap<String, BTreeSet<String>>);

impl ModuleGraph {
    /// Reads all source files below `root` but those of programs.
    pub(super) fn of_crate(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(root, root, &mut files);
        assert!(!files.is_empty(), "no modules in {}", root.display());
        Self::of_files(&files)
    }

    /// Files by their path below the root: `model/key.rs`.
    fn of_files(files: &BTreeMap<String, String>) -> Self {
        let modules: BTreeSet<String> = files.keys().map(|path| module_of(path)).collect();
        let named = files.iter().map(|(path, text)| {
            let module = module_of(path);
            let is_parent = path.ends_with("mod.rs") || path == "lib.rs";
            let named = names(&code(text), &module, is_parent, &modules);
            (module, named)
        });
        Self(named.collect())
    }

    /// The modules that name themselves through others.
    pub(super) fn circles(&self) -> Vec<&str> {
        let modules = self.0.keys().map(String::as_str);
        modules
            .filter(|module| self.reachable(module).contains(module))
            .collect()
    }

    /// Every `module -> other` that leads from a layer to one above it, where `layers` are the top modules from the
    /// lowest on. A top module that is no layer is reported, too.
    pub(super) fn upward(&self, layers: &[&str]) -> Vec<String> {
        let layer = |module: &str| {
            let top = module.split("::").next();
            layers.iter().position(|layer| Some(*layer) == top)
        };
        let mut found = Vec::new();
        for (module, named) in &self.0 {
            let Some(own) = layer(module) else {
                found.push(format!("{module} belongs to no layer"));
                continue;
            };
            let above = named
                .iter()
                .filter(|other| layer(other).is_some_and(|it| it > own));
            found.extend(above.map(|other| format!("{module} -> {other}")));
        }
        found
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut left: Vec<&str> = vec![from];
        while let Some(module) = left.pop() {
            for other in &self.0[module] {
                if found.insert(other.as_str()) {
                    left.push(other);
                }
            }
        }
        found
    }
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if path.is_dir() && name != "bin" {
            collect(root, &path, files);
        } else if name.ends_with(".rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

fn module_of(path: &str) -> String {
    let path = path.strip_suffix(".rs").unwrap();
    path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
}

/// Without comments and tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn names(
    code: &str,
    module: &str,
    is_parent: bool,
    modules: &BTreeSet<String>,
) -> BTreeSet<String> {
    let imported = imports(code);
    let mut paths = imported.clone();
    for start in ["crate::", "super::"] {
        paths.extend(paths_from(code, start));
    }
    // `use crate::calls;` and then `calls::cors::share` names `calls::cors`
    for path in &imported {
        let path = path.strip_suffix("::self").unwrap_or(path);
        let (_, alias) = path.rsplit_once("::").unwrap_or(("", path));
        let lead = path.strip_suffix(alias).unwrap();
        let inline = paths_from(code, &format!("{alias}::"));
        paths.extend(inline.into_iter().map(|inline| format!("{lead}{inline}")));
    }
    let resolved = paths
        .iter()
        .filter_map(|path| resolve(path, module, is_parent, modules));
    resolved.filter(|other| other != module).collect()
}

/// The deepest module on a path.
fn resolve(
    path: &str,
    module: &str,
    is_parent: bool,
    modules: &BTreeSet<String>,
) -> Option<String> {
    let mut segments: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut base: Vec<&str> = module.split("::").collect();
    match segments[0] {
        "crate" => {
            base.clear();
            segments.remove(0);
        }
        "super" => {
            while segments.first() == Some(&"super") {
                segments.remove(0);
                base.pop();
            }
        }
        _ if module == "lib" => base.clear(),
        // any other path leads out of the crate, but for a parent's to its children
        first if !is_parent || !modules.contains(&format!("{module}::{first}")) => return None,
        _ => {}
    }
    base.extend(segments);
    let candidates = (1..=base.len()).rev().map(|len| base[..len].join("::"));
    candidates
        .into_iter()
        .find(|candidate| modules.contains(candidate))
}

/// All paths that `use` imports, without their groups.
fn imports(code: &str) -> Vec<String> {
    let starts = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    });
    let statements = starts.filter_map(|(at, lead)| code[at + lead.len()..].split(';').next());
    statements.flat_map(expand).collect()
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expand(path: &str) -> Vec<String> {
    let path = path.trim();
    let Some((lead, group)) = path.split_once('{') else {
        let path = path.split(" as ").next().unwrap();
        return vec![path.to_owned()];
    };
    let Some((group, _)) = group.rsplit_once('}') else {
        return Vec::new();
    };
    let mut depth = 0;
    let members = group.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    let members = members.filter(|member| !member.trim().is_empty());
    let paths = members.flat_map(expand);
    paths.map(|path| format!("{}{path}", lead.trim())).collect()
}

/// All paths in the code that begin with `start`.
fn paths_from(code: &str, start: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let starts = code.match_indices(start).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(|before| !is_part(before))
    });
    let paths = starts.map(|(at, _)| code[at..].chars().take_while(|c| is_part(*c)).collect());
    paths.collect()
}

#[test]
fn circles_and_upward_imports_are_found_in_every_form_of_import() {
    let graph = |other: &str| {
        let files = [
            ("lib.rs", "mod low; mod high;\npub use high::top::Top;"),
            ("low/mod.rs", "pub mod base; pub mod helper;"),
            ("low/base.rs", other),
            ("low/helper.rs", "use super::base::Base;"),
            ("high/mod.rs", "pub mod top;"),
            ("high/top.rs", "use crate::low::{base::Base, helper};"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        ModuleGraph::of_files(&files.into())
    };
    let layers = ["low", "high", "lib"];
    let sound = graph(
        "// use crate::high::top::Top;\nuse std::io;\n#[cfg(test)]\nmod tests { use crate::high::top; }",
    );
    assert!(sound.circles().is_empty(), "{:?}", sound.circles());
    assert!(sound.upward(&layers).is_empty());
    for other in [
        "use super::helper;",
        "use super::{helper::{self, A}, other::B};",
        "fn f() { crate::low::helper::g() }",
        "use crate::low;\nfn f() { low::helper::g() }",
        "use crate::low::{self};\nfn f() { low::helper::g() }",
    ] {
        assert_eq!(
            graph(other).circles(),
            ["low::base", "low::helper"],
            "{other}"
        );
    }
    for other in [
        "use crate::high::top as t;",
        "fn f() { crate::high::top::g() }",
    ] {
        assert_eq!(
            graph(other).upward(&layers),
            ["low::base -> high::top"],
            "{other}"
        );
    }
    assert_eq!(
        sound.upward(&["low", "lib"]).len(),
        2,
        "high belongs to no layer"
    );
}
