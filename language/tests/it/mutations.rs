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

const SAMPLE: &str = include_str!("../corpus/sample.hlb");
const INSERTED: [&str; 9] = ["{ ", "} ", "( ", ") ", "\"", "with ", "x ", "fs ", ", "];

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
fn tokens() -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open = 0;
    for token in lex(SourceId(0), SAMPLE, Care::Strict).tokens {
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

fn line_end(at: usize) -> usize {
    SAMPLE[at..].find('\n').map_or(SAMPLE.len(), |len| at + len)
}

fn mutants(kind: Kind) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for token in tokens() {
        let (start, end) = (token.start as usize, token.end as usize);
        let mut add = |at, text| mutants.push(Mutant { at, text });
        match kind {
            Kind::Delete => add(start, format!("{}{}", &SAMPLE[..start], &SAMPLE[end..])),
            Kind::Insert => {
                for inserted in INSERTED {
                    add(start, format!("{}{inserted}{}", &SAMPLE[..start], &SAMPLE[start..]));
                }
            }
            Kind::CutLine => add(start, format!("{}{}", &SAMPLE[..end], &SAMPLE[line_end(end)..])),
            Kind::CutFile => add(end, SAMPLE[..end].to_owned()),
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
            if let Decl::Func(func) = decl {
                let name = func.name.text.to_string();
                found.stmts(text, func.body.iter().flat_map(|body| &body.stmts), &name);
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

fn measure(kind: Kind) -> Measured {
    let whole = Found::new(SAMPLE, &parsed(SAMPLE).module);
    assert_eq!((whole.functions.len(), whole.statements.len()), (6, 33));
    let mut measured = Measured::default();
    for Mutant { at, text } in mutants(kind) {
        let parsed = parsed(&text);
        let found = Found::new(&text, &parsed.module);
        let low = SAMPLE[..at].rfind('\n').map_or(0, |at| at + 1);
        let high = if kind == Kind::CutFile { SAMPLE.len() } else { line_end(at) };
        let line = SAMPLE[low..high].trim();

        // What a reader expects to be there still: each function and statement of an untouched line.
        let untouched = |key: &&String| {
            let rest = key.split_once(':').unwrap().1;
            let outside = |(start, _): (usize, &str)| start + rest.len() <= low || start >= high;
            SAMPLE.match_indices(rest).all(outside) && !line.contains(rest)
        };
        for key in whole.statements.iter().filter(untouched) {
            measured.statements.all += 1;
            measured.statements.kept += usize::from(found.statements.contains(key));
        }
        for name in &whole.functions {
            let head = SAMPLE.find(&format!(" {name}(")).unwrap();
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
        let callee = low + (SAMPLE[low..high].len() - SAMPLE[low..high].trim_start().len());
        let is_word = SAMPLE[callee..].starts_with(|ch: char| ch.is_ascii_alphanumeric());
        if kind == Kind::CutLine && SAMPLE[low..].starts_with('\t') && is_word {
            measured.cursor.all += 1;
            measured.cursor.kept += usize::from(found.callees.contains(&callee));
        }
    }
    measured
}

#[test]
fn a_slip_stays_in_its_statement() {
    let floors =
        [(Kind::Delete, 97.0, 1.3), (Kind::Insert, 97.5, 1.4), (Kind::CutLine, 95.5, 1.5), (Kind::CutFile, 100.0, 1.6)];
    let mut table = String::new();
    let mut failed = Vec::new();
    for (kind, statements, errors) in floors {
        let measured = measure(kind);
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
        if measured.statements.percent() < statements {
            failed.push(format!("{kind:?}: untouched statements kept below {statements} %"));
        }
        if per_file > errors {
            failed.push(format!("{kind:?}: more than {errors} errors per broken file"));
        }
        if measured.cursor.kept != measured.cursor.all {
            failed.push(format!("{kind:?}: statements at the cursor lost"));
        }
    }
    eprintln!("{table}");
    assert!(failed.is_empty(), "{table}{failed:#?}");
}
