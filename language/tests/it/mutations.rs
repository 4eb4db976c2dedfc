//! What is left of a file after one slip: each token deleted, tokens inserted, the line or the file cut behind it.
//!
//! The floors are those that the experiment with this way of recovery reached.

use std::collections::HashSet;
use std::fmt::Write as _;

use hlb_language::ast::{Decl, Expr, Module, Stmt};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::show::parsed;
use crate::walk;

/// A program of the old language, and one of the whole.
const SAMPLE: &str = include_str!("../corpus/sample.hlb");
const WHOLE: &str = include_str!("../corpus/whole.hlb");
const INSERTED: [&str; 9] = ["{ ", "} ", "( ", ") ", "\"", "with ", "x ", "fs ", ", "];
const INSERTED_IN_WHOLE: [&str; 12] =
    ["[ ", "] ", "= ", "if ", "else ", "for ", "match ", "let ", ": ", "=> ", "- ", "none "];

/// How many texts are put before one token.
const MAX_INSERTED: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Delete,
    Insert,
    CutLine,
    CutFile,
}

struct Mutant {
    at: usize,
    text: String,
}

/// Tokens with strings as one, without terminators.
fn tokens(sample: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open = 0;
    for token in lex(SourceId(0), sample, Care::Strict).tokens {
        if open > 0 {
            let last = spans.last_mut().unwrap();
            *last = last.to(token.span);
        } else if !token.kind.ends_statement() {
            spans.push(token.span);
        }
        open += i32::from(token.kind.opens_string()) - i32::from(token.kind.closes_string());
    }
    spans
}

fn line_end(sample: &str, at: usize) -> usize {
    sample[at..].find('\n').map_or(sample.len(), |len| at + len)
}

fn mutants(sample: &str, kind: Kind, inserted: &[&str]) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (at, token) in tokens(sample).into_iter().enumerate() {
        let (start, end) = (token.start as usize, token.end as usize);
        let mut add = |at, text| mutants.push(Mutant { at, text });
        match kind {
            Kind::Delete => add(start, format!("{}{}", &sample[..start], &sample[end..])),
            Kind::Insert => {
                // Each of them is put before some of the tokens of a long program.
                let step = inserted.len().div_ceil(MAX_INSERTED);
                for (_, inserted) in inserted.iter().enumerate().filter(|(index, _)| (at + index) % step == 0) {
                    add(start, format!("{}{inserted}{}", &sample[..start], &sample[start..]));
                }
            }
            Kind::CutLine => add(end, format!("{}{}", &sample[..end], &sample[line_end(sample, end)..])),
            Kind::CutFile => add(end, sample[..end].to_owned()),
        }
    }
    mutants
}

/// The functions of a tree, and its statements by their path and the rest of their line.
#[derive(Default)]
struct Found {
    functions: HashSet<String>,
    statements: HashSet<String>,
    callees: HashSet<usize>,
}

impl Found {
    fn new(text: &str, module: &Module) -> Self {
        let mut found = Self::default();
        for decl in &module.decls {
            let (name, body) = match decl {
                Decl::Func(func) => (func.name.text.to_string(), func.body.as_ref()),
                Decl::Test(test) => ("test".to_owned(), Some(&test.body)),
                _ => continue,
            };
            found.stmts(text, body.into_iter().flat_map(|body| &body.stmts), &name);
            if matches!(decl, Decl::Func(_)) {
                found.functions.insert(name);
            }
        }
        found
    }

    fn stmts<'s>(&mut self, text: &str, stmts: impl IntoIterator<Item = &'s Stmt>, path: &str) {
        for stmt in stmts {
            let name = match stmt {
                Stmt::Call(call) => Some((call.callee.span, call.callee.head.text.as_str())),
                Stmt::Error(error) => error.callee.as_ref().map(|callee| (callee.span, callee.head.text.as_str())),
                Stmt::Let(binding) => Some((binding.span, "let")),
                Stmt::For(each) => Some((each.span, "for")),
                Stmt::Assert(assert) => Some((assert.span, "assert")),
                Stmt::Expr(stmt) => match &stmt.expr {
                    Expr::If(choice) => Some((choice.span, "if")),
                    Expr::Match(choice) => Some((choice.span, "match")),
                    Expr::Func(func) => Some((func.span, func.kind.text.as_str())),
                    _ => None,
                },
            };
            let path = match name {
                Some((span, name)) => {
                    let start = span.start as usize;
                    let line = text[start..].lines().next().unwrap_or("").trim();
                    self.statements.insert(format!("{path}/{name}:{line}"));
                    self.callees.insert(start);
                    format!("{path}/{name}")
                }
                None => path.to_owned(),
            };
            self.parts(text, walk::stmt(stmt), &path);
        }
    }

    fn parts(&mut self, text: &str, parts: walk::Parts<'_>, path: &str) {
        for block in parts.blocks {
            self.stmts(text, &block.stmts, path);
        }
        for expr in parts.exprs {
            self.parts(text, walk::expr(expr), path);
        }
    }
}

#[derive(Default)]
struct Share {
    kept: usize,
    all: usize,
}

impl Share {
    fn percent(&self) -> f64 {
        100.0 * self.kept as f64 / self.all.max(1) as f64
    }
}

#[derive(Default)]
struct Measured {
    functions: Share,
    statements: Share,
    cursor: Share,
    errors: usize,
    broken: usize,
    worst: usize,
}

fn measure(sample: &str, kind: Kind, inserted: &[&str]) -> Measured {
    let whole = Found::new(sample, &parsed(sample).module);
    let mut measured = Measured::default();
    for Mutant { at, text } in mutants(sample, kind, inserted) {
        let parsed = parsed(&text);
        let found = Found::new(&text, &parsed.module);
        let low = sample[..at].rfind('\n').map_or(0, |at| at + 1);
        let high = if kind == Kind::CutFile { sample.len() } else { line_end(sample, at) };
        let line = sample[low..high].trim();

        // What a reader expects to be there still: each function and statement of an untouched line.
        let untouched = |key: &&String| {
            let rest = key.split_once(':').unwrap().1;
            let outside = |(start, _): (usize, &str)| start + rest.len() <= low || start >= high;
            sample.match_indices(rest).all(outside) && !line.contains(rest)
        };
        for key in whole.statements.iter().filter(untouched) {
            measured.statements.all += 1;
            measured.statements.kept += usize::from(found.statements.contains(key));
        }
        for name in &whole.functions {
            let head = [format!(" {name}("), format!(" {name}<")].iter().find_map(|head| sample.find(head)).unwrap();
            if head < low || head > high {
                measured.functions.all += 1;
                measured.functions.kept += usize::from(found.functions.contains(name));
            }
        }
        let errors = parsed.diagnostics.len();
        if errors == 0 {
            continue;
        }
        measured.broken += 1;
        measured.errors += errors;
        measured.worst = measured.worst.max(errors);
        let callee = low + (sample[low..high].len() - sample[low..high].trim_start().len());
        // Behind these a line goes on with the next.
        let goes_on =
            text[..at].trim_end().ends_with(['.', '=', '&', '|', '?', '+', '-', '*', '/', '%', ':', '>', '<']);
        if kind == Kind::CutLine && whole.callees.contains(&callee) && !goes_on {
            measured.cursor.all += 1;
            measured.cursor.kept += usize::from(found.callees.contains(&callee));
        }
    }
    measured
}

/// What a mutation of a program must leave: its share of untouched statements, and how many errors it makes.
struct Floor<'f> {
    kind: Kind,
    inserted: &'f [&'f str],
    statements: f64,
    errors: f64,
}

/// Fails below the floors; gives what was measured.
fn check(sample: &str, size: (usize, usize), floors: &[Floor<'_>]) -> String {
    let whole = Found::new(sample, &parsed(sample).module);
    assert_eq!((whole.functions.len(), whole.statements.len()), size);
    let mut table = String::new();
    let mut failed = Vec::new();
    for Floor { kind, inserted, statements, errors } in floors {
        let measured = measure(sample, *kind, inserted);
        let per_file = measured.errors as f64 / measured.broken.max(1) as f64;
        writeln!(
            table,
            "{:<8} broken {:>5}  functions kept {:>5.1} %  untouched statements kept {:>5.1} %  \
             errors per broken file {per_file:.2} (worst {})  cursor {:>5.1} % of {}",
            format!("{kind:?}"),
            measured.broken,
            measured.functions.percent(),
            measured.statements.percent(),
            measured.worst,
            measured.cursor.percent(),
            measured.cursor.all,
        )
        .unwrap();
        if measured.functions.kept != measured.functions.all {
            failed.push(format!("{kind:?}: functions lost"));
        }
        if measured.statements.percent() < *statements {
            failed.push(format!("{kind:?}: untouched statements kept below {statements} %"));
        }
        if per_file > *errors {
            failed.push(format!("{kind:?}: more than {errors} errors per broken file"));
        }
        if measured.cursor.kept != measured.cursor.all {
            failed.push(format!("{kind:?}: statements at the cursor lost"));
        }
    }
    assert!(failed.is_empty(), "{table}{failed:#?}");
    table
}

#[test]
fn a_slip_stays_in_its_statement() {
    let floors = [
        Floor { kind: Kind::Delete, inserted: &[], statements: 97.0, errors: 1.3 },
        Floor { kind: Kind::Insert, inserted: &INSERTED, statements: 97.5, errors: 1.4 },
        Floor { kind: Kind::CutLine, inserted: &[], statements: 95.5, errors: 1.5 },
        Floor { kind: Kind::CutFile, inserted: &[], statements: 100.0, errors: 1.6 },
    ];
    eprintln!("{}", check(SAMPLE, (6, 33), &floors));
}

#[test]
fn a_slip_in_the_whole_language_stays_in_its_statement() {
    let floors = [
        Floor { kind: Kind::Delete, inserted: &[], statements: 97.0, errors: 1.3 },
        Floor { kind: Kind::Insert, inserted: &INSERTED, statements: 97.5, errors: 1.4 },
        Floor { kind: Kind::Insert, inserted: &INSERTED_IN_WHOLE, statements: 97.5, errors: 1.4 },
        Floor { kind: Kind::CutLine, inserted: &[], statements: 95.5, errors: 1.5 },
        Floor { kind: Kind::CutFile, inserted: &[], statements: 100.0, errors: 1.6 },
    ];
    eprintln!("{}", check(WHOLE, (5, 40), &floors));
}
