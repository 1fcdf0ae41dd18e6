//! Which modules of a crate depend on which others, read from its source files.
//!
//! A module depends on the modules that its paths lead to: `crate::a::B`, `super::a::B`, `self::a::B`, and `a::B` where
//! `a` is a child module. A path that goes through another module's `use` leads to the module that declares the item,
//! so a module may use a sibling through their common parent. Neither declaring a module (`mod a;`) nor re-exporting
//! from it (`pub use`, `pub(crate) use`) is a dependency. Unit tests, comments, imports for documentation only
//! (`#[cfg(doc)]`) and `$crate` paths, which macros leave to their callers, don't count. Imports with `*` are not
//! followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// A module's path from the root of its crate, which is empty.
type Module = Vec<String>;

/// What each module imports or re-exports under which name; `None` is something of another crate.
type Imports = BTreeMap<(Module, String), Option<Module>>;

/// The modules of a crate and the dependencies of each. The root is named `crate`, other modules like `a::b`.
pub(super) struct ModuleGraph {
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl ModuleGraph {
    /// Reads the crate whose `lib.rs` or `main.rs` is in this directory.
    pub(super) fn of_crate(directory: &std::path::Path) -> Self {
        let mut files = Vec::new();
        collect_files(directory, &mut files);
        let sources = files.iter().map(|file| {
            let module = module_of(file.strip_prefix(directory).unwrap());
            (module, fs::read_to_string(file).unwrap())
        });
        Self::of_sources(sources.collect())
    }

    fn of_sources(sources: BTreeMap<Module, String>) -> Self {
        let modules: BTreeSet<_> = sources.keys().cloned().collect();
        let (mut imports, mut used) = (Imports::new(), BTreeMap::new());
        for (module, text) in &sources {
            let code = code(text);
            for path in paths(&code) {
                let target = absolute(module, &path.segments, &modules);
                if path.kind != PathKind::Expression {
                    let name = path.alias.or(path.segments.last().copied());
                    let name = name.unwrap_or_default().to_owned();
                    imports.insert((module.clone(), name), target.clone());
                }
                if path.kind != PathKind::Reexport {
                    let used: &mut Vec<_> = used.entry(module.clone()).or_default();
                    used.extend(target);
                }
            }
        }
        let dependencies = sources.keys().map(|module| {
            let targets = used.get(module).into_iter().flatten();
            let targets = targets.filter_map(|path| declaring_module(path, &modules, &imports, 0));
            let others = targets.filter(|target| target != module);
            (name(module), others.map(|of| name(&of)).collect())
        });
        Self {
            dependencies: dependencies.collect(),
        }
    }

    /// All pairs of a module and one that it depends on.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.dependencies
            .iter()
            .flat_map(|(from, all)| all.iter().map(move |to| (from.as_str(), to.as_str())))
    }

    /// The groups of modules that depend on each other, directly or through others. There are none in a tidy crate.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reachable: BTreeMap<&str, BTreeSet<&str>> = (self.dependencies.keys())
            .map(|module| (module.as_str(), self.reachable_from(module)))
            .collect();
        let mut circles = BTreeSet::new();
        for (module, below) in &reachable {
            let back = |other: &&&str| reachable[**other].contains(module);
            let circle: BTreeSet<&str> = below.iter().filter(back).copied().collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reachable_from(&self, start: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut pending = vec![start];
        while let Some(module) = pending.pop() {
            for next in &self.dependencies[module] {
                if found.insert(next.as_str()) {
                    pending.push(next);
                }
            }
        }
        found
    }
}

fn collect_files(directory: &std::path::Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // A separate program, which uses the library from outside.
            if !path.ends_with("src/bin") {
                collect_files(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_of(file: &std::path::Path) -> Vec<String> {
    let without_extension = file.with_extension("");
    let segments = without_extension.iter();
    let mut module: Vec<_> = segments.map(|of| of.to_str().unwrap().to_owned()).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

fn name(module: &[String]) -> String {
    if module.is_empty() {
        return "crate".to_owned();
    }
    module.join("::")
}

/// The text without unit tests, which come last in a file, and without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| line.split(" // ").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut parts = code.split("#[cfg(doc)]");
    let first = parts.next().unwrap_or_default().to_owned();
    // The statement after the attribute is left out.
    parts.fold(first, |code, part| {
        code + part.split_once(';').map_or("", |(_, behind)| behind)
    })
}

/// The path from the root of the crate; `None` if it leads to another crate.
fn absolute(module: &[String], path: &[&str], modules: &BTreeSet<Module>) -> Option<Module> {
    let mut rest = path;
    let mut target = match path.first()? {
        &"crate" => Vec::new(),
        &("self" | "super") => module.to_vec(),
        first => {
            let child = [module, &[(*first).to_owned()]].concat();
            let is_child = modules.contains(&child);
            return is_child.then(|| [module, &owned(path)].concat());
        }
    };
    if path[0] != "super" {
        rest = &rest[1..];
    }
    while rest.first() == Some(&"super") {
        target.pop();
        rest = &rest[1..];
    }
    target.extend(owned(rest));
    Some(target)
}

fn owned(path: &[&str]) -> Module {
    path.iter().map(|segment| (*segment).to_owned()).collect()
}

/// The module that declares the item: as deep as there are modules, and on from there where it is imported or
/// re-exported. `None` if it is of another crate.
fn declaring_module(
    path: &[String],
    modules: &BTreeSet<Module>,
    imports: &Imports,
    followed: usize,
) -> Option<Module> {
    let mut module = Module::new();
    for (at, segment) in path.iter().enumerate() {
        let child = [&module[..], std::slice::from_ref(segment)].concat();
        if modules.contains(&child) {
            module = child;
            continue;
        }
        let import = imports.get(&(module.clone(), segment.clone()));
        return match import.filter(|_| followed < 10) {
            Some(Some(target)) => {
                let path = [&target[..], &path[at + 1..]].concat();
                declaring_module(&path, modules, imports, followed + 1)
            }
            Some(None) => None,
            None => Some(module),
        };
    }
    Some(module)
}

/// Where a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathKind {
    Expression,
    Import,
    Reexport,
}

/// A path in the code.
#[derive(Debug, PartialEq, Eq)]
struct Path<'a> {
    segments: Vec<&'a str>,
    /// Its new name in `as name`.
    alias: Option<&'a str>,
    kind: PathKind,
}

/// Every path of two segments or more, those in groups one by one.
fn paths(code: &str) -> Vec<Path<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut before = ' ';
    let (mut is_visible, mut kind) = (false, PathKind::Expression);
    while let Some(c) = rest.chars().next() {
        let word = leading_word(rest);
        if word.is_empty() {
            if c == ';' {
                kind = PathKind::Expression;
            }
            before = c;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let starts = before != ':' && before != '$' && before != '\'';
        before = ' ';
        if starts && rest[word.len()..].starts_with("::") {
            let first = found.len();
            let length = read_tree(rest, &mut Vec::new(), &mut found);
            for path in &mut found[first..] {
                path.kind = kind;
            }
            rest = &rest[length..];
            continue;
        }
        rest = &rest[word.len()..];
        if word == "use" {
            kind = match is_visible {
                true => PathKind::Reexport,
                false => PathKind::Import,
            };
        }
        is_visible = word == "pub";
        if is_visible && rest.starts_with('(') {
            // The path in `pub(in crate::a)` is not a dependency.
            rest = rest.split_once(')').map_or("", |(_, behind)| behind);
        }
    }
    found
}

/// Reads one tree of a `use`, or a path in an expression, and returns its length.
fn read_tree<'a>(text: &'a str, prefix: &mut Vec<&'a str>, found: &mut Vec<Path<'a>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let word = leading_word(&text[at..]);
        if !word.is_empty() {
            prefix.push(word);
            at += word.len();
            if text[at..].starts_with("::") {
                at += 2;
                continue;
            }
        } else if text[at..].starts_with('{') {
            at += 1;
            at += read_group(&text[at..], prefix, found);
            break;
        }
        let alias = alias(&text[at..]);
        let is_module = prefix.len() > 1 && prefix.last() == Some(&"self");
        found.push(Path {
            segments: prefix[..prefix.len() - usize::from(is_module)].to_vec(),
            alias: alias.map(|(name, _)| name),
            kind: PathKind::Expression,
        });
        at += alias.map_or(0, |(_, length)| length);
        break;
    }
    prefix.truncate(depth);
    at
}

/// Reads what follows an opening brace, up to and including the closing one.
fn read_group<'a>(text: &'a str, prefix: &mut Vec<&'a str>, found: &mut Vec<Path<'a>>) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '}' {
            return at + 1;
        }
        at += match leading_word(&text[at..]) {
            "" => c.len_utf8(),
            _ => read_tree(&text[at..], prefix, found),
        };
    }
    at
}

/// The name in ` as name`, and the length of the whole.
fn alias(text: &str) -> Option<(&str, usize)> {
    let behind = text.trim_start().strip_prefix("as ")?.trim_start();
    let name = leading_word(behind);
    Some((name, text.len() - behind.len() + name.len()))
}

fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn paths_are_found_in_imports_groups_and_expressions() {
    let code = "use crate::{a::{self, B, c::D}, e as f};\n\
        pub(in crate::x) use g::*;\npub use g::{y as z};\n\
        let x = super::h::i(&'a j::K::<L>::m());";
    let found = paths(code);
    let segments: Vec<_> = found.iter().map(|path| &path.segments[..]).collect();
    let expected: [&[&str]; 8] = [
        &["crate", "a"],
        &["crate", "a", "B"],
        &["crate", "a", "c", "D"],
        &["crate", "e"],
        &["g"],
        &["g", "y"],
        &["super", "h", "i"],
        &["j", "K"],
    ];
    assert_eq!(segments, expected);
    let aliases: Vec<_> = found.iter().filter_map(|path| path.alias).collect();
    assert_eq!(aliases, ["f", "z"]);
    let kinds: Vec<_> = found.iter().map(|path| path.kind).collect();
    let expected = [
        (PathKind::Import, 4),
        (PathKind::Reexport, 2),
        (PathKind::Expression, 2),
    ];
    let expected = expected.map(|(kind, times)| vec![kind; times]).concat();
    assert_eq!(kinds, expected);
}

fn graph<const N: usize>(sources: [(&str, &str); N]) -> ModuleGraph {
    let sources = sources.map(|(module, text)| {
        let module = module.split("::").filter(|of| !of.is_empty());
        (module.map(str::to_owned).collect(), text.to_owned())
    });
    ModuleGraph::of_sources(BTreeMap::from(sources))
}

#[test]
fn modules_that_depend_on_each_other_are_reported_as_a_circle() {
    let graph = graph([
        ("", "mod a; mod b; mod c;\npub use c::C;"),
        ("a", "use crate::b::B;"),
        ("b", "mod inner;\nuse inner::I;"),
        ("b::inner", "use super::super::a;"),
        (
            "c",
            "use crate::a::A;\n// use crate::C;\n#[cfg(doc)]\nuse crate::d::D;\n\
             #[cfg(test)]\nmod tests \
             {\n    use crate::C;\n}",
        ),
        ("d", "use crate::C as Renamed;"),
    ]);
    let pairs: Vec<_> = graph.dependencies().collect();
    let expected = [
        ("a", "b"),
        ("b", "b::inner"),
        ("b::inner", "a"),
        ("c", "a"),
        ("d", "c"),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(graph.circles(), [BTreeSet::from(["a", "b", "b::inner"])]);
}

#[test]
fn a_path_through_re_exports_leads_to_the_module_that_declares_the_item() {
    let graph = graph([
        ("", "mod a; mod b;\npub use a::B as Public;"),
        (
            "a",
            "mod b; mod c;\npub(crate) use self::b::{B, B as Other};",
        ),
        ("a::b", "struct B;"),
        ("a::c", "use super::{B, Other};"),
        ("b", "fn f(_: crate::Public, _: crate::a::Other) {}"),
    ]);
    let pairs: Vec<_> = graph.dependencies().collect();
    assert_eq!(pairs, [("a::c", "a::b"), ("b", "a::b")]);
    assert!(graph.circles().is_empty());
}

#[test]
fn a_module_and_its_parent_that_use_each_others_items_are_reported_as_a_circle() {
    let graph = graph([
        ("", "mod a;\npub use a::A;\nfn f(_: a::A) {}"),
        ("a", "fn f(_: crate::B) {}"),
    ]);
    assert_eq!(graph.circles(), [BTreeSet::from(["a", "crate"])]);
}
