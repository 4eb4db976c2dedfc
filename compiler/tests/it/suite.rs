//! The language by example: the pages of `compiler/tests/suite`, each case of which is a test.
//!
//! Owns which pages there are. [The first of them](../suite/README.md) says how a case is written.

mod page;
mod run;
mod world;

use std::fmt::Write;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite");

macro_rules! pages {
    ($($page:ident)*) => {
        const PAGES: &[&str] = &[$(stringify!($page)),*];

        $(#[test] fn $page() { check(stringify!($page)); })*
    };
}

pages! {
    arguments
    closures
    comprehensions
    conditionals
    contextual
    effects
    enums
    evaluation
    filesystems
    functions
    generics
    heredocs
    imports
    lets
    lints
    lists
    loops
    maps
    matching
    methods
    numbers
    operators
    optionals
    options
    own_options
    pipelines
    reading
    records
    recursion
    results
    slips
    statements
    strings
    targets
    tests
    words
}

#[test]
fn each_file_is_told_the_same_near_and_far() {
    let (mut compared, mut found) = (0, Vec::new());
    for page in PAGES {
        for case in page::parse(&read(page)).unwrap() {
            let what = format!("{page}.md: {}", case.title);
            let (files, differences) = crate::near::differences(&what, &world::world(&case).unwrap());
            compared += files;
            found.extend(differences);
        }
    }
    assert!(compared > 500, "only {compared} files");
    assert_eq!(found.join("\n"), "", "{} of {compared} files differ", found.len());
}

fn read(page: &str) -> String {
    let path = format!("{FOLDER}/{page}.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares each case of a page with what the compiler says of it; writes that into the page if `UPDATE_SUITE` is set.
#[track_caller]
fn check(page: &str) {
    let text = read(page);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let cases = page::parse(&text).unwrap_or_else(|error| panic!("{page}.md: {error}"));
    let mut report = String::new();
    let mut failed = 0;
    // From the end, so that the lines of what comes before stay where they are.
    for case in cases.iter().rev() {
        let (mut answers, mut beside) = run::run(case).unwrap_or_else(|error| (Vec::new(), vec![error]));
        answers.sort_by_key(|answer| std::cmp::Reverse(answer.at.start));
        for answer in answers {
            let asked: Vec<String> = lines[answer.at.clone()].to_vec();
            let found: Vec<String> = answer.text.lines().map(str::to_owned).collect();
            if asked != found {
                beside.push(difference(&asked, &found));
                lines.splice(answer.at, found);
            }
        }
        if !beside.is_empty() {
            failed += 1;
            report = format!("### {}\n\n{}\n{report}", case.title, beside.join("\n"));
        }
    }
    if failed > 0 && std::env::var_os("UPDATE_SUITE").is_some() {
        std::fs::write(format!("{FOLDER}/{page}.md"), lines.join("\n") + "\n").unwrap();
    }
    let all = cases.len();
    assert!(
        failed == 0,
        "{failed} of {all} cases of {page}.md differ (- as written, + as found); UPDATE_SUITE=1 writes what is found\n\n{report}"
    );
}

/// Both texts by lines: what only one has is marked.
fn difference(asked: &[String], found: &[String]) -> String {
    let (rows, columns) = (asked.len(), found.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if asked[row] == found[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let mut out = String::new();
    let (mut row, mut column) = (0, 0);
    while row < rows || column < columns {
        if row < rows && column < columns && asked[row] == found[column] {
            writeln!(out, "  {}", asked[row]).unwrap();
            (row, column) = (row + 1, column + 1);
        } else if row < rows && (column == columns || common[row + 1][column] >= common[row][column + 1]) {
            writeln!(out, "- {}", asked[row]).unwrap();
            row += 1;
        } else {
            writeln!(out, "+ {}", found[column]).unwrap();
            column += 1;
        }
    }
    out
}

#[test]
fn every_page_is_a_test() {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "README.md").collect();
    names.sort();
    let mut pages: Vec<String> = PAGES.iter().map(|page| format!("{page}.md")).collect();
    pages.sort();
    assert_eq!(names, pages, "the list in compiler/tests/it/suite.rs names each page of compiler/tests/suite");
}

#[test]
fn there_are_cases_enough() {
    let counts = PAGES.iter().map(|page| page::parse(&read(page)).map_or(0, |cases| cases.len()));
    let count: usize = counts.sum();
    assert!(count >= 500, "{count} cases");
}

#[test]
fn a_mark_is_read_as_it_is_written() {
    let page = "### a\n\n```hlb\nfs default() { x }\n               ^ error[E0101] `x` is\n```\n";
    let cases = page::parse(page).unwrap();
    let file = &cases[0].files[0];
    assert_eq!(file.text, "fs default() { x }\n");
    assert_eq!((file.marks[0].from, file.marks[0].to), (15, 16));
    assert_eq!(format!("### a\n\n```hlb\n{}```\n", file.with_marks(&file.marks)), page);
    for (wrong, error) in [
        ("```hlb\n```\n", "line 1: a block without a heading `###`"),
        ("### a\n", "a: there is no program"),
        ("### a\n```hlb\nx\n^ oops\n```\n", "a: `^ oops` is no mark"),
        ("### a\n```hlb\n", "line 2: the block is never closed"),
    ] {
        assert_eq!(page::parse(wrong).err().as_deref(), Some(error));
    }
}
