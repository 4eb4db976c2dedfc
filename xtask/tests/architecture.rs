//! The invariants of ARCHITECTURE.md that can be read off the dependency graph and the source files.
//!
//! Must not build or run anything but `cargo metadata`: these tests cost nothing, so they are run always.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> PathBuf {
    // Asked when the test runs, not when it is compiled: work trees may share what they compile.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).parent().unwrap().to_path_buf()
}

/// The packages of the lock file on this machine's platform, with edges for normal dependencies only.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Graph {
        let version = output("rustc", &["-vV"]);
        let triple = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let text = output("cargo", &["metadata", "--format-version=1", "--locked", "--filter-platform", triple]);
        let metadata: Value = serde_json::from_str(&text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let packages = metadata["packages"].as_array().unwrap();
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        let normal = |node: &Value| {
            let deps = node["deps"].as_array().unwrap().iter();
            let deps =
                deps.filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()));
            deps.map(|dep| text(&dep["pkg"])).collect()
        };
        Graph {
            names: packages.iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect(),
            edges: nodes.iter().map(|node| (text(&node["id"]), normal(node))).collect(),
            members: metadata["workspace_members"].as_array().unwrap().iter().map(text).collect(),
        }
    }

    fn id(&self, name: &str) -> &str {
        let found = self.members.iter().find(|id| self.names[*id] == name);
        found.unwrap_or_else(|| panic!("no package {name} in the workspace"))
    }

    /// For each package that `name` links, the chain of packages that brings it in.
    fn closure(&self, name: &str) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::from([(self.id(name).to_owned(), name.to_owned())]);
        let mut open = vec![self.id(name).to_owned()];
        while let Some(id) = open.pop() {
            let chain = seen[&id].clone();
            for next in &self.edges[&id] {
                if !seen.contains_key(next) {
                    seen.insert(next.clone(), format!("{chain} -> {}", self.names[next]));
                    open.push(next.clone());
                }
            }
        }
        seen.into_iter().map(|(id, chain)| (self.names[&id].clone(), chain)).collect()
    }

    fn member_names(&self) -> BTreeSet<&str> {
        self.members.iter().map(|id| self.names[id].as_str()).collect()
    }

    /// The members of the workspace that `name` names itself.
    fn ours(&self, name: &str) -> BTreeSet<&str> {
        let direct = self.edges[self.id(name)].iter();
        direct.filter(|id| self.members.contains(*id)).map(|id| self.names[id].as_str()).collect()
    }
}

fn output(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).current_dir(repository()).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn forbid(package: &str, forbidden: &[&str]) {
    let closure = Graph::read().closure(package);
    for name in forbidden {
        if let Some(chain) = closure.get(*name) {
            panic!("{package} must not link {name}: {chain}");
        }
    }
}

#[test]
fn arrows_between_our_crates_are_the_drawn_ones() {
    let allowed: &[(&str, &[&str])] = &[
        ("hlb-stdlib", &[]),
        ("hlb-language", &[]),
        ("hlb-tree-sitter", &[]),
        ("hlb-llb", &[]),
        ("hlb-store", &["hlb-llb"]),
        ("hlb-registry", &["hlb-llb"]),
        ("hlb-compiler", &["hlb-language", "hlb-llb", "hlb-patterns", "hlb-stdlib"]),
        ("hlb-modules", &["hlb-compiler", "hlb-llb"]),
        ("hlb-ide", &["hlb-compiler", "hlb-language", "hlb-modules", "hlb-stdlib"]),
        ("hlb-lsp", &["hlb-ide", "hlb-language"]),
        ("hlb-agent", &[]),
        ("hlb-patterns", &[]),
        ("hlb-runtime", &["hlb-agent", "hlb-llb", "hlb-patterns", "hlb-registry", "hlb-store"]),
        ("hlb-buildkit", &["hlb-agent", "hlb-llb", "hlb-patterns"]),
        ("hlb-gateway", &["hlb-agent", "hlb-llb", "hlb-patterns", "hlb-registry", "hlb-runtime"]),
        (
            "hlbc",
            &[
                "hlb-agent",
                "hlb-compiler",
                "hlb-gateway",
                "hlb-language",
                "hlb-llb",
                "hlb-modules",
                "hlb-patterns",
                "hlb-registry",
                "hlb-runtime",
            ],
        ),
        ("hlb-conformance", &["hlb-agent", "hlb-buildkit", "hlb-compiler", "hlb-llb", "hlb-registry", "hlb-runtime"]),
        ("hlb-bench", &["hlb-compiler", "hlb-language", "hlb-llb", "hlb-registry", "hlb-runtime", "hlb-store"]),
        ("xtask", &[]),
    ];
    let graph = Graph::read();
    let listed: BTreeSet<&str> = allowed.iter().map(|(name, _)| *name).collect();
    assert_eq!(graph.member_names(), listed, "a crate of the workspace is missing in this table, or gone");
    for (name, may) in allowed {
        for used in graph.ours(name) {
            assert!(may.contains(&used), "{name} -> {used} is not an arrow of ARCHITECTURE.md");
        }
    }
}

#[test]
fn the_language_knows_no_wire_and_no_serialisation() {
    forbid("hlb-language", &["prost", "serde", "tokio", "rustix"]);
}

#[test]
fn the_standard_library_is_text_alone() {
    assert_eq!(Graph::read().closure("hlb-stdlib").len(), 1);
}

#[test]
fn the_compiler_has_no_runtime_beneath_it() {
    forbid("hlb-compiler", &["tokio", "rustix", "tonic", "hyper", "reqwest", "rusqlite", "hlb-runtime"]);
}

#[test]
fn llb_is_types_and_digests() {
    forbid("hlb-llb", &["tokio", "rustix", "reqwest", "hyper", "rusqlite"]);
}

#[test]
fn the_editor_never_links_what_executes() {
    let forbidden =
        ["hlb-runtime", "hlb-store", "hlb-registry", "hlb-buildkit", "rusqlite", "tonic", "reqwest", "hyper"];
    forbid("hlb-lsp", &forbidden);
    forbid("hlb-ide", &forbidden);
    forbid("hlb-ide", &["tokio", "tower-lsp-server", "ls-types"]);
}

#[test]
fn the_runtime_has_never_heard_of_hlb() {
    forbid("hlb-runtime", &["hlb-language", "hlb-compiler", "hlb-stdlib"]);
}

#[test]
fn nobody_links_what_the_policy_forbids() {
    let forbidden = [
        "openssl-sys",
        "native-tls",
        "aws-lc-sys",
        "aws-lc-rs",
        "tokio-tar",
        "async-std",
        "lazy_static",
        "atty",
        "bincode",
        "serde_yaml",
        "serde_yml",
        "chrono",
        "nix",
    ];
    let graph = Graph::read();
    for member in graph.member_names() {
        let closure = graph.closure(member);
        for name in forbidden {
            assert!(!closure.contains_key(name), "{member} must not link {name}: {}", closure[name]);
        }
    }
}

#[test]
fn the_task_runner_builds_in_seconds() {
    let links = Graph::read().closure("xtask").len();
    assert!(links <= 12, "xtask links {links} crates; everybody waits for them before the first command");
}
