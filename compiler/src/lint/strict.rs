//! Rules for those who want to be held to more.
//!
//! Owns E0307, images that may be others tomorrow, and E0308, packages that are downloaded again whenever a step runs.

use hlb_language::diagnostic::Diagnostic;

use super::walk::{self, Visitor};
use crate::codes;
use crate::hir::{Arg, Call, Callee, Expr, ExprNode, Program, Stmt, TextPart};

pub(super) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    walk::program(program, &mut Strict { program, diagnostics });
}

struct Strict<'p, 'd> {
    program: &'p Program,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// Programs that install packages, and where each keeps what it downloads.
const INSTALLERS: &[(&str, &str, &str)] = &[
    ("apt-get", "install", "/var/cache/apt"),
    ("apt", "install", "/var/cache/apt"),
    ("apk", "add", "/var/cache/apk"),
    ("dnf", "install", "/var/cache/dnf"),
    ("yum", "install", "/var/cache/yum"),
    ("pip", "install", "/root/.cache/pip"),
    ("npm", "ci", "/root/.npm"),
    ("npm", "install", "/root/.npm"),
];

impl<'p> Visitor<'p> for Strict<'p, '_> {
    fn call(&mut self, call: &'p Call) {
        let Callee::Builtin(id) = &call.callee else { return };
        let Some(builtin) = self.program.builtin(*id).filter(|it| it.namespace.is_empty()) else { return };
        match (builtin.signature.result.to_string().as_str(), builtin.name.text.as_str()) {
            ("fs", "image") => self.image(call),
            ("fs", "run") => self.run(call),
            _ => {}
        }
    }
}

impl Strict<'_, '_> {
    fn image(&mut self, call: &Call) {
        let Some(Arg::One(expr)) = call.args.first() else { return };
        let Some(text) = written(expr) else { return };
        if text.contains('@') || self.option(call, "checksum") {
            return;
        }
        self.diagnostics.push(
            Diagnostic::warning(codes::UNPINNED_IMAGE, expr.at, format!("`{text}` may be another image tomorrow"))
                .help("write its digest behind it: `…@sha256:…`, or keep `hlb.lock` with the program and build with `--locked`"),
        );
    }

    fn run(&mut self, call: &Call) {
        let Some(Arg::Many(items)) = call.args.first() else { return };
        let texts: Vec<String> = items.iter().filter_map(|item| written(&item.expr)).collect();
        let command = texts.join(" ");
        let words: Vec<&str> = command.split_whitespace().collect();
        let installer = INSTALLERS.iter().find(|(program, verb, _)| {
            let at = words.iter().position(|word| word == program);
            at.is_some_and(|at| {
                words
                    .iter()
                    .skip(at + 1)
                    .take_while(|word| !matches!(**word, "&&" | ";" | "||"))
                    .any(|word| word == verb)
            })
        });
        let Some((program, _, path)) = installer else { return };
        if self.option(call, "mount") {
            return;
        }
        let Some(at) = items.first().map(|item| item.expr.at) else { return };
        let message = format!("what `{program}` downloads is downloaded again whenever this step runs");
        self.diagnostics.push(Diagnostic::warning(codes::PACKAGE_CACHE, at, message).help(format!(
            "keep it: `mount scratch \"{path}\" with cache(\"{program}\", \"locked\")` in the step's options"
        )));
    }

    /// Whether a call has an option of a name; of options that are not written out, any may be there.
    fn option(&self, call: &Call, name: &str) -> bool {
        match call.with.as_deref().map(|with| &with.node) {
            None => false,
            Some(ExprNode::Block(block)) => block.stmts.iter().any(|stmt| match stmt {
                Stmt::Call(call) => self.is_named(call, name),
                _ => true,
            }),
            Some(ExprNode::Call(call)) => self.is_named(call, name),
            Some(_) => true,
        }
    }

    fn is_named(&self, call: &Call, name: &str) -> bool {
        match &call.callee {
            Callee::Builtin(id) => self.program.builtin(*id).is_some_and(|it| it.name.text == name),
            _ => true,
        }
    }
}

/// A text that is written out, as far as it is.
fn written(expr: &Expr) -> Option<String> {
    let ExprNode::Text(text) = &expr.node else { return None };
    let mut whole = String::new();
    for part in &text.parts {
        match part {
            TextPart::Text(part) => whole.push_str(part),
            TextPart::Value(_) => return None,
        }
    }
    Some(whole)
}
