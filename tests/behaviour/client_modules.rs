//! No module of `src` depends on another in a circle, through re-exports or not: each can be read, and tested, before
//! those that are built on it. And the groups of the client depend only on those below them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::layers::sources;

/// The groups of `src` that are held.
const MODULES: [&str; 8] = [
    "error", "types", "webhook", "api", "client", "transfer", "bucket", "sync",
];

#[test]
fn no_file_names_another_in_a_circle() {
    let graph = Graph::of(&MODULES);
    assert!(graph.edges.len() > 100, "{} files", graph.edges.len());
    let circle = graph.circle();
    assert!(circle.is_none(), "{}", circle.unwrap().join(" -> "));
}

#[test]
fn rooms_of_the_client_name_only_those_below_them() {
    // Each group, and what of the client it may name beside itself and what stands alone.
    let graph = Graph::of(&MODULES);
    let made_of_calls = ["admission", "attempt", "call_loop", "exchange", "paginate"];
    for (file, named) in &graph.edges {
        let Some(inside) = file.strip_prefix("client::") else {
            continue;
        };
        let is_group = ["auth::", "limits::", "retry::"]
            .iter()
            .any(|group| inside.starts_with(group));
        for name in named
            .iter()
            .filter_map(|name| name.strip_prefix("client::"))
        {
            let above = is_group && made_of_calls.contains(&name);
            assert!(!above, "{file} names client::{name}");
        }
    }
}

#[test]
fn a_circle_is_found_through_re_exports_groups_and_inline_paths() {
    let files = [
        ("a", "mod b; mod c; pub use b::B;"),
        ("a::b", "use super::{c::{self, C}, d}; struct B;"),
        ("a::c", "struct C; fn f(b: crate::a::B) {}"),
        ("a::d", ""),
    ];
    let files = files.map(|(module, code)| (module.to_owned(), code.to_owned()));
    let circle = Graph::from_files(files.into()).circle().unwrap();
    assert_eq!(BTreeSet::from_iter(circle).len(), 2);
    let files = [("a", "mod b; pub use b::B;"), ("a::b", "struct B;")];
    let files = files.map(|(module, code)| (module.to_owned(), code.to_owned()));
    assert!(Graph::from_files(files.into()).circle().is_none());
}

/// Which file names which, by their modules.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn of(groups: &[&str]) -> Self {
        let mut files = BTreeMap::new();
        for group in groups {
            for (path, code) in sources(&Path::new("src").join(group)) {
                let module = path.trim_start_matches("src/").trim_end_matches(".rs");
                let module = module.trim_end_matches("/mod").replace('/', "::");
                files.insert(module, code);
            }
        }
        Self::from_files(files)
    }

    fn from_files(files: BTreeMap<String, String>) -> Self {
        let mut exports = BTreeMap::new();
        let mut named = BTreeMap::new();
        for (module, code) in &files {
            let (mut public, mut paths) = (Vec::new(), Vec::new());
            for (path, is_export) in paths_in(code) {
                match is_export {
                    true => public.push(path),
                    false => paths.push(path),
                }
            }
            for path in public {
                let path = absolute(module, &path, &files);
                let name = path.last().cloned().unwrap_or_default();
                exports.insert((module.clone(), name), path);
            }
            named.insert(module.clone(), paths);
        }
        let mut edges = BTreeMap::new();
        for (module, paths) in named {
            let paths = paths.iter().map(|path| absolute(&module, path, &files));
            let mut found: BTreeSet<_> = paths
                .filter_map(|path| resolve(&path, &files, &exports))
                .collect();
            found.remove(&module);
            edges.insert(module, found);
        }
        Self { edges }
    }

    /// The files of some circle, if there is one.
    fn circle(&self) -> Option<Vec<String>> {
        let mut done = BTreeSet::new();
        self.edges
            .keys()
            .find_map(|file| self.visit(file, &mut Vec::new(), &mut done))
    }

    fn visit(
        &self,
        file: &str,
        above: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(at) = above.iter().position(|other| other == file) {
            return Some(above[at..].to_vec());
        }
        if !done.insert(file.to_owned()) {
            return None;
        }
        above.push(file.to_owned());
        let named = self.edges.get(file).into_iter().flatten();
        let circle = named
            .into_iter()
            .find_map(|next| self.visit(next, above, done));
        above.pop();
        circle
    }
}

/// The path from the root of the crate.
fn absolute(module: &str, path: &[String], files: &BTreeMap<String, String>) -> Vec<String> {
    let mut here: Vec<_> = module.split("::").map(str::to_owned).collect();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate") => return path[1..].to_vec(),
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while rest.first().is_some_and(|first| first == "super") {
                here.pop();
                rest = &rest[1..];
            }
        }
        // A child, or a crate.
        Some(first) if files.contains_key(&format!("{module}::{first}")) => {}
        _ => return path.to_vec(),
    }
    here.extend_from_slice(rest);
    here
}

/// The file that an item is from: as deep as there are modules, and on where a module re-exports it.
fn resolve(
    path: &[String],
    files: &BTreeMap<String, String>,
    exports: &BTreeMap<(String, String), Vec<String>>,
) -> Option<String> {
    let mut module = path.first()?.clone();
    if !files.contains_key(&module) {
        return None;
    }
    for (at, name) in path.iter().enumerate().skip(1) {
        let child = format!("{module}::{name}");
        if files.contains_key(&child) {
            module = child;
        } else if let Some(target) = exports.get(&(module.clone(), name.clone())) {
            let target: Vec<_> = target.iter().chain(&path[at + 1..]).cloned().collect();
            return resolve(&target, files, exports);
        } else {
            break;
        }
    }
    Some(module)
}

/// All paths in the code, and whether each is re-exported.
fn paths_in(code: &str) -> Vec<(Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive([';', '}']) {
        rest.push_str(statement);
        // A group ends with a brace, and its statement after it.
        let opened = rest.matches('{').count() > rest.matches('}').count();
        let start = rest.rfind("use ").filter(|at| {
            let before = rest[..*at].chars().next_back();
            before.is_none_or(char::is_whitespace)
        });
        let Some(start) = start.filter(|_| statement.ends_with(';')) else {
            if statement.ends_with('}') && rest.contains("use ") && opened {
                continue;
            }
            if statement.ends_with('}') && rest.rfind("use ").is_some() && !rest.contains(';') {
                continue;
            }
            found.extend(inline_paths(&rest).into_iter().map(|path| (path, false)));
            rest.clear();
            continue;
        };
        let before = rest[..start].trim_end();
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let is_export = line.starts_with("pub");
        found.extend(inline_paths(before).into_iter().map(|path| (path, false)));
        let tree = rest[start + 4..].trim().trim_end_matches(';');
        let mut paths = Vec::new();
        expand(&[], tree, &mut paths);
        found.extend(paths.into_iter().map(|path| (path, is_export)));
        rest.clear();
    }
    found
}

/// The paths of a use tree.
fn expand(lead: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let mut lead = lead.to_vec();
        lead.extend(segments(&tree[..open]));
        let (mut depth, mut from) = (0, open + 1);
        for (at, c) in tree.char_indices().skip(open) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 1 && c == ',' || depth == 0 {
                expand(&lead, &tree[from..at], paths);
                from = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
    } else if !tree.is_empty() {
        let mut path = lead.to_vec();
        path.extend(segments(tree.split(" as ").next().unwrap_or_default()));
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        paths.push(path);
    }
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    let parts = path.split("::").map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty())
}

/// The paths from `crate::` or `super::` in other code.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let starts = code
        .match_indices("crate::")
        .chain(code.match_indices("super::"));
    let is_first = |at: usize| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    };
    starts
        .filter(|(at, _)| is_first(*at))
        .map(|(at, _)| {
            let end = code[at..].find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            segments(&code[at..end.map_or(code.len(), |end| at + end)]).collect()
        })
        .collect()
}
