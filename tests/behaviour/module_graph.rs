//! Which modules of a crate name which others, read from its source files.
//!
//! A module depends on what its paths lead to: `crate::a::B`, `super::a::B`, `self::a::B`, and `a::B` where `a` is a
//! module of its own. Declaring a module (`mod a;`) is no dependency; re-exporting from it is. Unit tests, comments and
//! `$crate` paths, which macros leave to their callers, don't count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of one crate and what each depends on. The name of the root is `crate`, others are like `a::b`.
pub(super) struct ModuleGraph {
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl ModuleGraph {
    /// Reads the crate whose `lib.rs` or `main.rs` is in this directory.
    pub(super) fn of_crate(directory: &Path) -> Self {
        let mut files = Vec::new();
        collect_files(directory, &mut files);
        let sources = files.iter().map(|file| {
            let module = module_of(file.strip_prefix(directory).unwrap());
            (module, fs::read_to_string(file).unwrap())
        });
        Self::of_sources(sources.collect())
    }

    fn of_sources(sources: BTreeMap<Vec<String>, String>) -> Self {
        let modules: BTreeSet<_> = sources.keys().cloned().collect();
        let mut dependencies = BTreeMap::new();
        for (module, text) in &sources {
            let targets = targets_of(module, &code(text), &modules);
            let names = targets.iter().map(|of| name(of)).collect();
            dependencies.insert(name(module), names);
        }
        Self { dependencies }
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

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // A program of its own, which sees the library from outside.
            if !path.ends_with("src/bin") {
                collect_files(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_of(file: &Path) -> Vec<String> {
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
    lines.collect::<Vec<_>>().join("\n")
}

fn targets_of(
    module: &[String],
    code: &str,
    modules: &BTreeSet<Vec<String>>,
) -> BTreeSet<Vec<String>> {
    let mut targets = BTreeSet::new();
    for path in paths(code) {
        if let Some(target) = resolve(module, &path, modules)
            && target != module
        {
            targets.insert(target);
        }
    }
    targets
}

/// The module that a path leads to, if it is one of this crate's.
fn resolve(
    module: &[String],
    path: &[&str],
    modules: &BTreeSet<Vec<String>>,
) -> Option<Vec<String>> {
    let mut segments = path.iter().peekable();
    let mut target = match segments.peek()? {
        &&"crate" => {
            segments.next();
            Vec::new()
        }
        &&"self" => {
            segments.next();
            module.to_vec()
        }
        &&"super" => module.to_vec(),
        first => {
            let child = [module, &[(**first).to_owned()]].concat();
            return modules
                .contains(&child)
                .then(|| descend(child, &path[1..], modules));
        }
    };
    while segments.next_if(|of| **of == "super").is_some() {
        target.pop();
    }
    let rest: Vec<_> = segments.copied().collect();
    Some(descend(target, &rest, modules))
}

fn descend(mut module: Vec<String>, path: &[&str], modules: &BTreeSet<Vec<String>>) -> Vec<String> {
    for segment in path {
        let below = [&module[..], &[(*segment).to_owned()]].concat();
        if !modules.contains(&below) {
            break;
        }
        module = below;
    }
    module
}

/// Every path of two segments or more, those in groups one by one.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let word = leading_word(rest);
        if word.is_empty() {
            before = c;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let starts = before != ':' && before != '$' && before != '\'';
        if starts && rest[word.len()..].starts_with("::") {
            let length = read_tree(rest, &mut Vec::new(), &mut found);
            rest = &rest[length..];
        } else {
            rest = &rest[word.len()..];
        }
        before = ' ';
    }
    found
}

/// Reads one tree of a `use`, or a path in an expression, and says how long it is.
fn read_tree<'a>(text: &'a str, prefix: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) -> usize {
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
        found.push(prefix.clone());
        break;
    }
    prefix.truncate(depth);
    at
}

/// Reads what is behind an opening brace, and the closing one.
fn read_group<'a>(
    text: &'a str,
    prefix: &mut Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '}' {
            return at + 1;
        }
        let length = match leading_word(&text[at..]) {
            "" => c.len_utf8(),
            "as" => alias_length(&text[at..]),
            _ => read_tree(&text[at..], prefix, found),
        };
        at += length;
    }
    at
}

/// How long `as name` is.
fn alias_length(text: &str) -> usize {
    let behind = text[2..].trim_start();
    text.len() - behind.len() + leading_word(behind).len()
}

fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn paths_are_found_in_imports_groups_and_expressions() {
    let code = "use crate::{a::{B, c::D}, e as f};\npub use g::*;\n\
        let x = super::h::i(&'a j::K::<L>::m());";
    let expected: [&[&str]; 6] = [
        &["crate", "a", "B"],
        &["crate", "a", "c", "D"],
        &["crate", "e"],
        &["g"],
        &["super", "h", "i"],
        &["j", "K"],
    ];
    assert_eq!(paths(code), expected);
}

#[test]
fn modules_that_depend_on_each_other_are_a_circle() {
    let sources = [
        ("", "mod a; mod b; mod c;\npub use c::C;"),
        ("a", "use crate::b::B;"),
        ("b", "mod inner;\nuse inner::I;"),
        ("b::inner", "use super::super::a;"),
        (
            "c",
            "use crate::a::A;\n// use crate::C;\n#[cfg(test)]\nmod tests {\n    use crate::C;\n}",
        ),
    ];
    let sources = sources.map(|(module, text)| {
        let module = module.split("::").filter(|of| !of.is_empty());
        (module.map(str::to_owned).collect(), text.to_owned())
    });
    let graph = ModuleGraph::of_sources(BTreeMap::from(sources));
    let pairs: Vec<_> = graph.dependencies().collect();
    let expected = [
        ("a", "b"),
        ("b", "b::inner"),
        ("b::inner", "a"),
        ("c", "a"),
        ("crate", "c"),
    ];
    assert_eq!(pairs, expected);
    assert_eq!(graph.circles(), [BTreeSet::from(["a", "b", "b::inner"])]);
}

#[test]
fn a_module_that_takes_what_its_parent_re_exports_is_in_a_circle() {
    let sources = [
        (vec![], "mod a;\npub use a::A;".to_owned()),
        (vec!["a".to_owned()], "fn f(_: crate::B) {}".to_owned()),
    ];
    let graph = ModuleGraph::of_sources(BTreeMap::from(sources));
    assert_eq!(graph.circles(), [BTreeSet::from(["a", "crate"])]);
}
