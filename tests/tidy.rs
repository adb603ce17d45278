//! Holds the project's own rules: which floor knows what, where unsafe code lives, and how long things may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file without a reason, in lines.
const FILE_LINES: usize = 500;

/// Longest function, in lines.
const FUNCTION_LINES: usize = 70;

/// What the top level holds, besides files that start with a dot and what is built.
const TOP_LEVEL: [&str; 13] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "actors",
    "benches",
    "examples",
    "runtime",
    "tests",
    "transport",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace").to_owned()
}

/// All Rust files below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the entry can be read").path();
            let is_built = path.file_name().is_some_and(|name| name == "target");
            if path.is_dir() && !is_built {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file can be read");
                found.push((path, text));
            }
        }
    }
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    ["transport", "runtime", "actors", "tests", "benches", "examples"].into_iter().flat_map(sources).collect()
}

/// The code of a file, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

#[test]
fn the_top_level_is_what_it_should_be() {
    let mut names: Vec<String> = fs::read_dir(root())
        .expect("the root is there")
        .map(|entry| entry.expect("the entry can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target" && name != "rustfmt.toml" && name != "clippy.toml")
        .collect();
    names.sort();
    assert_eq!(names, TOP_LEVEL);
}

#[test]
fn arrows_point_down() {
    let forbidden: [(&str, &[&str]); 2] = [
        ("transport", &["procession_runtime", "use procession::", "rkyv", "postcard"]),
        ("runtime", &["use procession::", "rkyv", "mio::"]),
    ];
    for (folder, names) in forbidden {
        for (path, text) in sources(folder) {
            if path.components().any(|part| part.as_os_str() == "fuzz") {
                continue;
            }
            for (number, line) in code(&text) {
                for name in names {
                    assert!(!line.contains(name), "{}:{number} knows {name}", path.display());
                }
            }
        }
    }
    for (path, text) in sources("actors/src") {
        for (number, line) in code(&text) {
            for name in ["procession_transport", "mio::", "nix::", "RawFd"] {
                assert!(!line.contains(name), "{}:{number} knows {name}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_lives_in_the_sys_files() {
    for (path, text) in all_sources() {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if file == "sys.rs" || file == "tidy.rs" {
            continue;
        }
        for (number, line) in code(&text) {
            let is_unsafe =
                ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| line.contains(word));
            assert!(!is_unsafe, "{}:{number} holds unsafe code", path.display());
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in all_sources() {
        let count = text.lines().count();
        if count > FILE_LINES {
            long.push(format!("{} has {count} lines", path.display()));
        }
        for (name, count) in functions(&text) {
            if count > FUNCTION_LINES {
                long.push(format!("{}: `{name}` has {count} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The functions of a formatted file, with their length: a body ends with a brace at the indentation of its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let indentation = line.len() - line.trim_start().len();
        match &open {
            Some((name, start, at)) if line.trim_end() == format!("{}}}", " ".repeat(*at)) => {
                found.push((name.clone(), index - start + 1));
                open = None;
            }
            Some(_) => {}
            None => {
                let words = line.trim_start();
                let is_function = words.starts_with("fn ") || words.starts_with("pub") && words.contains(" fn ");
                if is_function && !words.ends_with(';') && !words.ends_with('}') {
                    let name = words.split("fn ").nth(1).unwrap_or_default();
                    let name = name.split(['(', '<']).next().unwrap_or_default();
                    open = Some((name.to_owned(), index, indentation));
                }
            }
        }
    }
    found
}

#[test]
fn every_file_is_on_its_crates_map() {
    for folder in ["transport/src", "runtime/src"] {
        let map = fs::read_to_string(root().join(folder).join("lib.rs")).expect("the crate has a root");
        for entry in fs::read_dir(root().join(folder)).expect("the folder is there") {
            let name = entry.expect("the entry can be read").file_name().to_string_lossy().into_owned();
            let name = if name.ends_with(".rs") { name } else { format!("{name}/") };
            assert!(name == "lib.rs" || map.contains(&format!("`{name}`")), "{folder}/{name} is not on the map");
        }
    }
}
