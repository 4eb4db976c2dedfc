//! House rules that can be read off the text of the repository.
//!
//! Must not know any crate: a rule for one crate belongs to that crate's tests.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> PathBuf {
    // Asked when the test runs, not when it is compiled: work trees may share what they compile.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).parent().unwrap().to_path_buf()
}

/// Every file of the repository that git would commit, by the end of its name.
fn files(ending: &str) -> Vec<(String, String)> {
    let out = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    let names = String::from_utf8(out.stdout).unwrap();
    let mut files = Vec::new();
    for name in names.split('\0').filter(|name| name.ends_with(ending)) {
        // A file deleted in the work tree is still in the index.
        if let Ok(text) = fs::read_to_string(repository().join(name)) {
            files.push((name.to_owned(), text));
        }
    }
    assert!(!files.is_empty(), "no file ends with {ending}");
    files
}

fn check(rule: &str, ending: &str, broken: impl Fn(&str, &str) -> bool) {
    let found: Vec<String> =
        files(ending).into_iter().filter(|(name, text)| broken(name, text)).map(|(name, _)| name).collect();
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_file_says_what_it_owns() {
    check("a Rust file begins with a `//!` comment", ".rs", |_, text| !text.starts_with("//!"));
}

#[test]
fn no_file_is_too_long() {
    check("a Rust file has at most 600 lines", ".rs", |_, text| text.lines().count() > 600);
}

#[test]
fn no_module_is_a_drawer() {
    check("no module is called utils, helpers or common", ".rs", |name, _| {
        let words = ["utils", "util", "helpers", "helper", "common", "misc"];
        Path::new(name).iter().any(|part| words.contains(&part.to_string_lossy().trim_end_matches(".rs")))
    });
}

#[test]
fn nothing_is_left_for_later() {
    // Built from halves, so that this file does not break its own rule.
    let marks = [["to", "do!("], ["unimple", "mented!("], ["db", "g!("], ["TO", "DO"], ["FIX", "ME"], ["#[ig", "nore"]];
    check("no unfinished code, no ignored test", ".rs", |_, text| {
        marks.iter().any(|mark| text.contains(&mark.concat()))
    });
}

#[test]
fn unsafe_code_is_at_home() {
    check("unsafe code is only in runtime/src/sys, and where the generated parser is called", ".rs", |name, text| {
        let marks = [["unsafe", " {"], ["unsafe", " fn"], ["unsafe", " impl"], ["unsafe", " extern"]];
        let at_home = name.starts_with("runtime/src/sys") || name == "language/tree-sitter/rust/lib.rs";
        let marks = marks.map(|mark| mark.concat());
        !at_home && code(text).any(|line| marks.iter().any(|mark| line.contains(mark)))
    });
}

/// The lines of a file that are code, up to its tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    body.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn says(text: &str, marks: &[&str]) -> bool {
    code(text).any(|line| marks.iter().any(|mark| line.contains(mark)))
}

const STARTS: [&str; 2] = ["process::Command", "Command::new("];

#[test]
fn pure_crates_reach_nothing_outside() {
    let pure = ["language/src/", "stdlib/src/", "compiler/src/", "compiler/llb/src/"];
    let reach = [
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "ToSocketAddrs",
        "std::env",
        "thread::sleep",
        "SystemTime::now",
        "Instant::now",
    ];
    check("no file, network, environment, clock or process in a pure crate", ".rs", |name, text| {
        pure.iter().any(|dir| name.starts_with(dir)) && (says(text, &reach) || says(text, &STARTS))
    });
    check("the editor's features start no process", ".rs", |name, text| {
        name.starts_with("lsp/ide/src/") && says(text, &STARTS)
    });
}

#[test]
fn only_the_owners_start_processes() {
    let owners = ["runtime/src/exec/", "runtime/src/exec.rs", "runtime/src/sys/", "runtime/src/ops/git"];
    check("in the runtime only exec, sys and ops/git start processes", ".rs", |name, text| {
        let library = ["runtime/src/", "runtime/store/src/", "runtime/registry/src/"];
        let tests = name.contains("/tests");
        let owned = owners.iter().any(|owner| name.starts_with(owner));
        library.iter().any(|dir| name.starts_with(dir)) && !owned && !tests && says(text, &STARTS)
    });
}

#[test]
fn only_sys_mounts() {
    check("only runtime/src/sys mounts", ".rs", |name, text| {
        !name.starts_with("runtime/src/sys") && !name.contains("/tests") && says(text, &["rustix::mount"])
    });
}

#[test]
fn every_test_that_the_map_names_exists() {
    let map = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let table = map.split("## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    let sources = files(".rs");
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        for test in tests.split('`').skip(1).step_by(2) {
            let start = format!("fn {test}(");
            assert!(sources.iter().any(|(_, text)| text.contains(&start)), "ARCHITECTURE.md names no test: {test}");
            named += 1;
        }
    }
    assert!(named >= 12, "only {named} tests are named in the table of invariants");
}

#[test]
fn shell_scripts_stay_short() {
    for (name, text) in files("") {
        if text.starts_with("#!/") && text.lines().next().is_some_and(|line| line.ends_with("sh")) {
            assert!(text.lines().count() <= 50, "{name}: a script of over 50 lines belongs into xtask");
        }
    }
}

#[test]
fn the_map_is_short_enough_to_read() {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= 250, "ARCHITECTURE.md has {} lines", text.lines().count());
}

#[test]
fn every_example_has_a_program_and_a_page() {
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let dir = entry.unwrap().path();
        for file in ["build.hlb", "README.md"] {
            assert!(dir.join(file).is_file(), "{} has no {file}", dir.display());
        }
        seen += 1;
    }
    assert!(seen >= 2, "{seen} examples");
}

/// The links in our Markdown files that point into the repository lead somewhere.
#[test]
fn links_lead_somewhere() {
    for (name, text) in files(".md") {
        let dir = repository().join(&name).parent().unwrap().to_path_buf();
        // What stands between fences is code.
        let prose: String = text.split("\n```").step_by(2).collect();
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            assert!(dir.join(path).exists(), "{name} links to {path}, which is not there");
        }
    }
}
