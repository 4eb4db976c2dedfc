//! The lists beside the cases: nothing is missing and nothing is stale. Needs no engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_conformance::cases::{self, Case};
use hlb_conformance::{coverage, fields, foreign, program};

/// Programs, and graphs made by hand.
fn everything() -> Vec<Case> {
    let foreign = foreign::all().into_iter().map(|foreign| foreign.case);
    cases::all().into_iter().chain(foreign).collect()
}

fn names() -> BTreeSet<String> {
    let all = everything();
    let names: BTreeSet<String> = all.iter().map(|case| case.name.clone()).collect();
    assert_eq!(names.len(), all.len(), "two cases have one name");
    names
}

fn differences() -> Vec<String> {
    cases::differences().into_iter().map(|(case, _)| case).collect()
}

/// The names of not-covered.txt: those of builtins, which have a type in front, or those of fields.
fn excused(builtins: bool) -> BTreeSet<String> {
    let rows = cases::rows("not-covered.txt", 2).into_iter().filter_map(|row| row.into_iter().next());
    rows.filter(|name| name.contains(' ') == builtins).collect()
}

/// Every field of every op is in the graph of a case, which fields.txt names, or it is said why not.
#[test]
fn every_field_of_an_op_is_in_a_case() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fields");
    let _ = std::fs::remove_dir_all(&directory);
    let graphs = program::graphs(&directory);
    let used = fields::used(graphs.iter().map(|(case, definition)| (case.as_str(), definition.clone())));
    let (all, excused) = (fields::all(), excused(false));
    let unknown: Vec<_> = used.keys().filter(|name| !all.contains(*name)).collect();
    assert!(unknown.is_empty(), "fields.rs does not know these: {unknown:#?}");
    let missing: Vec<_> = all.iter().filter(|name| !used.contains_key(*name) && !excused.contains(*name)).collect();
    assert!(missing.is_empty(), "no case has these, and not-covered.txt does not say why: {missing:#?}");
    let stale: Vec<_> = excused.iter().filter(|name| used.contains_key(*name) || !all.contains(*name)).collect();
    assert!(stale.is_empty(), "not-covered.txt excuses what is covered or gone: {stale:#?}");

    let mut table =
        "# Every field of ops with a case that has it, as `cargo xtask conformance --write` finds it.\n".to_owned();
    used.iter().for_each(|(field, case)| table.push_str(&format!("{field} | {case}\n")));
    let path = cases::directory().join("fields.txt");
    if std::env::var_os("HLB_CONFORMANCE_WRITE").is_some() {
        assert!(std::fs::write(&path, &table).is_ok(), "fields.txt cannot be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == table, "fields.txt is not up to date: `cargo xtask conformance --write every_field`");
}

/// Every builtin and every option is used by a case, or it is said why not.
#[test]
fn every_builtin_is_in_a_case() {
    let world = MemoryWorld::new();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases::all() {
        let checked = hlb_compiler::check_text(&world, Utf8Path::new("case.hlb"), case.text);
        let errors: Vec<_> = checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", case.name);
        for (name, count) in coverage::used(&checked) {
            *used.entry(name).or_default() += count;
        }
    }
    let declared = coverage::declared(&world);
    let excused = excused(true);
    let missing: Vec<_> =
        declared.iter().filter(|name| !used.contains_key(*name) && !excused.contains(*name)).collect();
    assert!(missing.is_empty(), "no case uses these, and not-covered.txt does not say why: {missing:#?}");
    let stale: Vec<_> = excused.iter().filter(|name| used.contains_key(*name) || !declared.contains(*name)).collect();
    assert!(stale.is_empty(), "not-covered.txt excuses what is covered or gone: {stale:#?}");
}

#[test]
fn every_list_and_every_tree_belongs_to_a_case() {
    let names = names();
    let lacks = cases::lacks().into_iter().map(|lack| lack.case);
    let listed = lacks.chain(cases::embedded_lacks().into_iter().map(|(case, _)| case)).chain(differences());
    for name in listed {
        assert!(names.contains(&name), "a list names `{name}`, which is no case");
    }
    let differences = differences();
    for (name, _) in cases::files(".tree") {
        let case = name.strip_suffix(".buildkit").unwrap_or(&name);
        assert!(names.contains(case), "{name}.tree belongs to no case");
        assert!(
            case == name || differences.iter().any(|other| other == case),
            "{name}.tree: the engines do not differ"
        );
    }
}

/// What is expected is written down, so that both engines cannot be wrong in the same way.
#[test]
fn every_case_expects_something() {
    let trees: BTreeSet<String> = cases::files(".tree").into_iter().map(|(name, _)| name).collect();
    let differences = differences();
    for case in everything() {
        let fails = case.fails_here.is_some() && !differences.contains(&case.name);
        assert_eq!(fails, !trees.contains(&case.name), "{}: it has a tree, or fails", case.name);
    }
}
