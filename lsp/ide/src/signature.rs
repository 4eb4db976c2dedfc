//! What a call takes, while it is written.
//!
//! Owns which call is meant, and which of its parameters is next.

use std::ops::Range;

use camino::Utf8Path;
use hlb_compiler::Program;
use hlb_compiler::hir::{Param, Target};
use hlb_compiler::probe::CallPlace;

use crate::host::Snapshot;
use crate::hover::markdown;
use crate::word;

/// The call around a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureHelp {
    /// How it is declared.
    pub label: String,
    /// Its parameters.
    pub params: Vec<SignatureParam>,
    /// Which of them is written at the place.
    pub active: Option<usize>,
    /// Its documentation, as Markdown.
    pub doc: Option<String>,
}

/// A parameter in the label of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureParam {
    /// Its bytes in the label.
    pub label: Range<usize>,
    /// What is said of it.
    pub doc: Option<String>,
}

impl Snapshot {
    /// The innermost call around a byte offset of a file.
    pub fn signature(&self, path: &Utf8Path, offset: usize) -> Option<SignatureHelp> {
        let text = self.text(path)?;
        let source = text.source().text();
        let word = word::around(source, offset);
        let probed = self.probe(path, word, || hlb_compiler::probe::sparse(source, word))?;
        let call = probed.place.calls.last()?;
        Some(help(&probed.checked.program, call))
    }
}

fn help(program: &Program, call: &CallPlace) -> SignatureHelp {
    let described = call.target.and_then(|target| program.describe(target));
    let doc = described.and_then(|it| it.doc);
    let said = |name: &str| -> Option<String> {
        let prefix = format!("@param {name} ");
        doc.as_deref()?.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    };
    let result = match call.target {
        // What makes a record is called by its name.
        Some(Target::Record(_)) => String::new(),
        _ => format!("{} ", call.signature.result),
    };
    let mut label = format!("{result}{}(", call.name);
    let mut params = Vec::new();
    // A value in front of the dot is the first argument.
    let shown = call.signature.params.iter().enumerate().skip(usize::from(call.behind));
    for (at, (_, param)) in shown.enumerate() {
        if at > 0 {
            label.push_str(", ");
        }
        let start = label.len();
        label.push_str(&declared(param));
        params.push(SignatureParam { label: start..label.len(), doc: said(&param.name.text) });
    }
    label.push(')');
    let active = call.argument.checked_sub(usize::from(call.behind)).filter(|at| *at < params.len());
    // What takes any number takes what is one too many, too.
    let last = call.signature.params.last().filter(|param| param.variadic).and_then(|_| params.len().checked_sub(1));
    SignatureHelp { label, params, active: active.or(last), doc: doc.as_deref().map(markdown) }
}

fn declared(param: &Param) -> String {
    let variadic = if param.variadic { "variadic " } else { "" };
    let default = if param.optional && !param.variadic { " = …" } else { "" };
    let name = &param.name.text;
    let space = if name.is_empty() { "" } else { " " };
    format!("{variadic}{}{space}{name}{default}", param.ty)
}
