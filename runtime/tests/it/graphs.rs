//! Graphs with ops that are about other ops: graphs in files, and ops that hand their inputs on.

use std::collections::BTreeMap;

use hlb_llb::encode_definition;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, FileStep, Local, LocalOwner, diff, file, local, merge};
use hlb_llb::pb;
use hlb_runtime::{Entitlement, ErrorKind};

use crate::support::{Bench, mkfile, on_top, read, shell};

const INPUT: &str = "buildkit.llb.definition";

fn build_op(file_name: Option<&str>) -> pb::OpKind {
    let attrs = file_name.map(|name| ("llbbuild.filename".to_owned(), name.to_owned()));
    pb::OpKind::Build(pb::BuildOp {
        builder: -1,
        inputs: BTreeMap::from([(INPUT.to_owned(), pb::BuildInput { input: 0 })]),
        def: None,
        attrs: attrs.into_iter().collect(),
    })
}

pub(crate) fn src() -> Output {
    local(Local::new("src", LocalOwner::Unique("t".to_owned())), Annotations::default())
}

/// Builds what the graph in a file of `src` says.
fn build(file_name: Option<&str>) -> pb::Definition {
    on_top(marshal(Some(&src()), Vec::new()), build_op(file_name), 0)
}

fn put(bench: &Bench, name: &str, graph: &pb::Definition) {
    std::fs::write(bench.src().join(name), encode_definition(graph)).unwrap();
}

#[test]
fn privileged_a_graph_in_a_file_is_built() {
    let bench = Bench::new();
    put(&bench, "graph", &marshal(Some(&mkfile(None, "/made", "by a graph")), Vec::new()));
    let seen = bench.solve_definition(build(Some("graph"))).unwrap();
    assert_eq!(seen.ran, ["build", "local://src", "mkfile /made"]);
    assert_eq!(read(&bench.out(), "made"), "by a graph");
    // Its steps are found by those who build the same in another way.
    assert!(bench.solve(Some(&mkfile(None, "/made", "by a graph"))).unwrap().ran.is_empty());
    put(&bench, INPUT, &marshal(None, Vec::new()));
    assert_eq!(bench.solve_definition(build(None)).unwrap().ran, ["build", "local://src"]);
}

#[test]
fn privileged_a_graph_that_a_step_made_is_built_again_only_if_it_changes() {
    let bench = Bench::new();
    put(&bench, "graph", &marshal(Some(&mkfile(None, "/made", "x")), Vec::new()));
    let copy = Copy::new(Some(src()), "/graph", format!("/{INPUT}"));
    let copied = file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap();
    let graph = on_top(marshal(Some(&copied), Vec::new()), build_op(None), 0);
    assert!(bench.solve_definition(graph.clone()).unwrap().ran.contains(&"build".to_owned()));
    // A file written a moment ago may still change without its times showing it, so it would be read again.
    std::thread::sleep(std::time::Duration::from_millis(80));
    bench.solve_definition(graph.clone()).unwrap();
    assert!(!bench.solve_definition(graph.clone()).unwrap().ran.contains(&"build".to_owned()));
    put(&bench, "graph", &marshal(Some(&mkfile(None, "/other", "x")), Vec::new()));
    bench.solve_definition(graph).unwrap();
    assert_eq!(read(&bench.out(), "other"), "x");
}

#[test]
fn privileged_a_graph_that_leads_to_itself_is_refused() {
    let bench = Bench::new();
    put(&bench, "graph", &build(Some("graph")));
    let error = bench.solve_definition(build(Some("graph"))).unwrap_err();
    assert_eq!(error.to_string(), "graphs that make graphs are nested more than 16 deep: does one lead to itself?");
    // Nor by a detour.
    put(&bench, "graph", &build(Some("other")));
    put(&bench, "other", &build(Some("graph")));
    assert_eq!(bench.solve_definition(build(Some("graph"))).unwrap_err().kind(), ErrorKind::Definition);
}

#[test]
fn privileged_a_graph_in_a_file_has_no_more_rights() {
    let bench = Bench::new();
    let mut step = shell(src(), "true");
    step.security = pb::SecurityMode::Insecure;
    let step = step.build(Annotations::default()).root.unwrap();
    put(&bench, "graph", &marshal(Some(&step), Vec::new()));
    let error = bench.solve_definition(build(Some("graph"))).unwrap_err();
    assert_eq!(error.entitlement(), Some(Entitlement::SecurityInsecure));
}

#[test]
fn privileged_what_is_no_graph_is_named() {
    let bench = Bench::new();
    let error = |name: &str| bench.solve_definition(build(Some(name))).unwrap_err().to_string();
    assert_eq!(
        error("none"),
        "cannot read a graph from the file `none` of a build: No such file or directory (os error 2)"
    );
    bench.write("text", "no graph");
    assert!(error("text").starts_with("the definition is no protobuf message of LLB"), "{}", error("text"));
    std::os::unix::fs::symlink("/etc/passwd", bench.src().join("link")).unwrap();
    assert!(error("link").contains("No such file or directory"), "{}", error("link"));
    std::fs::create_dir(bench.src().join("dir")).unwrap();
    assert!(error("dir").contains("it is not a regular file"), "{}", error("dir"));
}

#[test]
fn privileged_links_are_made() {
    let bench = Bench::new();
    let link = pb::FileActionSymlink {
        oldpath: "../target".into(),
        newpath: "/link".into(),
        owner: None,
        timestamp: 5_000_000_000,
    };
    let action =
        pb::FileAction { input: 0, secondary_input: -1, output: 0, action: Some(pb::FileActionKind::Symlink(link)) };
    let kind = pb::OpKind::File(pb::FileOp { actions: vec![action] });
    let graph = on_top(marshal(Some(&mkfile(None, "/a", "1")), Vec::new()), kind, 0);
    assert_eq!(bench.solve_definition(graph.clone()).unwrap().ran, ["mkfile /a", "symlink /link -> ../target"]);
    assert_eq!(std::fs::read_link(bench.out().join("link")).unwrap(), std::path::Path::new("../target"));
    assert!(bench.solve_definition(graph).unwrap().ran.is_empty());
}

#[test]
fn privileged_trees_that_have_nothing_to_do_with_each_other_are_compared() {
    let bench = Bench::new();
    let one = mkfile(Some(mkfile(None, "/both", "same")), "/one", "1");
    let other = mkfile(Some(mkfile(None, "/two", "2")), "/both", "other");
    let difference = diff(Some(one.clone()), Some(other), Annotations::default()).unwrap();
    bench.solve(merge(vec![one, difference], Annotations::default()).as_ref()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(bench.out()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["both", "two"]);
    assert_eq!(read(&bench.out(), "both"), "other");
}

#[test]
fn privileged_inputs_are_handed_on() {
    let bench = Bench::new();
    let pass = pb::OpKind::Passthrough(pb::PassthroughOp { id: "group".into(), outputs: vec![0, 0] });
    let graph = |output| on_top(marshal(Some(&mkfile(None, "/a", "1")), Vec::new()), pass.clone(), output);
    assert_eq!(bench.solve_definition(graph(1)).unwrap().ran, ["mkfile /a", "passthrough group"]);
    assert_eq!(read(&bench.out(), "a"), "1");
    assert!(bench.solve_definition(graph(1)).unwrap().ran.is_empty());
}
