//! Statements that are written as in a Dockerfile or for a shell, with words that have no quotes.
//!
//! Owns how their text is told from that of a statement with a mistake in it, and how each is written here. Such a line is reported
//! once, not word by word.

use hlb_language::ast::{Expr, Ident, Stmt};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::span::Span;

use super::Checker;
use crate::codes;
use crate::hir::Param;
use crate::suggest;
use crate::types::{Expected, Type};

/// How a line is written here.
enum Written {
    /// Like this.
    So(String),
    /// In a way that these words tell.
    Told(String),
}

impl Checker<'_> {
    /// Reports a statement that is written as in another language. False if it is not.
    pub(super) fn foreign(&mut self, stmt: &Stmt) -> bool {
        let (span, first) = match stmt {
            Stmt::Call(call) if call.parens.is_none() && call.with.is_none() && call.bind.is_none() => {
                (call.span, call.args.first().and_then(|arg| leftmost(arg.expr())))
            }
            Stmt::Expr(stmt) => (stmt.span, None),
            _ => return false,
        };
        let text = self.text(span);
        let (word, rest) = text.split_at(text.find(|ch| !is_name(ch)).unwrap_or(text.len()));
        let (blank, rest) = rest.split_at(rest.len() - rest.trim_start_matches([' ', '\t']).len());
        if word.is_empty() || blank.is_empty() || rest.is_empty() || rest.starts_with(['"', '(']) {
            return false;
        }
        if rest.contains(['`', '{', '\n']) || rest.contains("<<") {
            return false;
        }
        let start = span.end as usize - rest.len();
        // As the formatter lays out a path, which it takes for divisions.
        let rest = match rest.strip_prefix("/ ") {
            Some(path) => &format!("/{}", path.replace(" / ", "/")),
            None => rest,
        };
        let found = match word.bytes().all(|byte| byte.is_ascii_uppercase()) && self.is_undefined(word) {
            true => {
                let at = Span::new(span.start as usize, span.start as usize + word.len());
                dockerfile(word, rest).map(|written| (self.not_defined(at, word), written))
            }
            false => self.unquoted(word, rest, first).map(|written| match first {
                Some(first) => (self.not_defined(first.span, &first.text), written),
                None => {
                    let at = self.at(Span::new(start, start + 1));
                    (Diagnostic::error(codes::MISMATCH, at, "a path is a text, which stands in quotes"), written)
                }
            }),
        };
        let Some((diagnostic, written)) = found else { return false };
        let names: Vec<String> = rest.split(|ch| !is_name(ch)).map(str::to_owned).collect();
        let diagnostic = match written {
            Written::So(new) if self.ends_line(span) => {
                // It may be a name that is yet to be declared.
                let bare = first.filter(|first| first.text == rest);
                let or_declare = bare.map(|first| format!(", or declare `{}`", first.text)).unwrap_or_default();
                diagnostic.help(format!("write `{new}`{or_declare}")).fix("write it as HLB", self.at(span), new)
            }
            // The parser has left out what it could not read.
            Written::So(_) => diagnostic.help(format!("put what follows `{word}` in quotes")),
            Written::Told(help) => diagnostic.help(help),
        };
        self.report(diagnostic);
        for name in names {
            // Says nothing of it, and notes that it is used.
            self.scopes.find(&name);
        }
        true
    }

    fn not_defined(&self, span: Span, name: &str) -> Diagnostic {
        Diagnostic::error(codes::UNDEFINED, self.at(span), format!("`{name}` is not defined"))
    }

    /// Whether nothing but the end of a statement follows in the line.
    fn ends_line(&self, span: Span) -> bool {
        let Some(source) = self.sources.get(self.source) else { return false };
        let line = source.text().get(span.end as usize..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let rest = line.trim_start();
        rest.is_empty() || rest.starts_with([';', '}', '#'])
    }

    /// A call of a builtin whose first argument is a text without quotes, as it is written here. `first` is the name that the
    /// arguments begin with; without one they are a path.
    fn unquoted(&self, word: &str, rest: &str, first: Option<&Ident>) -> Option<Written> {
        let builtins = &self.declared.builtins;
        let own = self.declared.program.module(self.module).is_some_and(|module| module.scope.contains_key(word));
        if own || self.scopes.has(word) || builtins.overloads(word).is_empty() {
            return None;
        }
        match first {
            Some(first) => {
                let name = &first.text;
                let known = builtins.namespace(name).is_some() || builtins.enums.contains_key(name);
                // A name that is only misspelt is told by what it was to be.
                let texts = Expected::just(Type::String);
                let misspelt = || rest == name && suggest::nearest(name, self.candidates(&texts)).is_some();
                if known || !self.is_undefined(name) || misspelt() {
                    return None;
                }
            }
            None if rest.starts_with('/') || rest.starts_with("./") => {}
            None => return None,
        }
        let signatures = builtins.overloads(word).iter().filter_map(|id| self.declared.program.builtin(*id));
        signatures.map(|builtin| builtin.signature.params.as_slice()).find_map(|params| arguments(word, rest, params))
    }
}

/// A call of a builtin with arguments without quotes, as it is written here.
fn arguments(word: &str, rest: &str, params: &[Param]) -> Option<Written> {
    let first = params.first().filter(|param| param.ty == Type::String)?;
    if word == "run" {
        return Some(Written::So(format!("run {}", quoted(rest)?)));
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    if words.len() != params.len() && !first.variadic || rest.contains(['"', '=']) {
        // What is complete to the grammar may go on.
        let path = words.first().filter(|path| path.starts_with('/'))?;
        return Some(Written::Told(format!("write the path as `{}`", quoted(path)?)));
    }
    let types = params.iter().map(|param| &param.ty).chain(std::iter::repeat(&first.ty));
    let written = words.iter().zip(types).map(|(word, ty)| match ty {
        Type::String => quoted(word),
        _ => Some((*word).to_owned()),
    });
    let written: Option<Vec<String>> = written.collect();
    Some(Written::So(format!("{word} {}", written?.join(" "))))
}

/// The name that an expression begins with.
fn leftmost(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Call(call) => Some(&call.callee.head),
        Expr::Binary(binary) => leftmost(&binary.first),
        Expr::Postfix(postfix) => leftmost(&postfix.base),
        _ => None,
    }
}

fn is_name(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || ch == '_'
}

/// A text as a literal, if it can be one without escapes.
fn quoted(text: &str) -> Option<String> {
    match text.contains(['"', '\\']) {
        false => Some(format!("\"{text}\"")),
        true => (!text.contains('`')).then(|| format!("`{text}`")),
    }
}

/// An instruction of a Dockerfile.
fn dockerfile(word: &str, rest: &str) -> Option<Written> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    if let Some(list) = rest.strip_prefix('[') {
        let name = matches!(word, "RUN" | "CMD" | "ENTRYPOINT").then(|| word.to_ascii_lowercase())?;
        let texts: Vec<&str> = list.strip_suffix(']')?.split(',').map(str::trim).collect();
        let plain = texts.iter().all(|text| text.len() > 1 && text.starts_with('"') && text.ends_with('"'));
        return plain.then(|| Written::So(format!("{name} {}", texts.join(" "))));
    }
    let so = |text: String| Some(Written::So(text));
    match (word, words.as_slice()) {
        ("RUN", [first, ..]) if !first.starts_with("--") => so(format!("run {}", quoted(rest)?)),
        ("CMD" | "ENTRYPOINT", _) => so(format!("{} \"/bin/sh\" \"-c\" {}", word.to_ascii_lowercase(), quoted(rest)?)),
        ("FROM", ["scratch"]) => so("scratch".to_owned()),
        ("FROM", [image]) => so(format!("image {}", quoted(image)?)),
        ("FROM", [image, "AS" | "as", stage]) => {
            let image = quoted(image)?;
            Some(Written::Told(format!("write a function for each stage: `fs {stage}() {{ image {image}; }}`")))
        }
        ("WORKDIR", [path]) => so(format!("dir {}", quoted(path)?)),
        ("USER", [name]) => so(format!("user {}", quoted(name)?)),
        ("EXPOSE", ports) => {
            let ports: Option<Vec<String>> = ports.iter().map(|port| quoted(port)).collect();
            so(format!("expose {}", ports?.join(" ")))
        }
        ("ENV" | "LABEL", [key, value]) if !key.contains('=') && !value.contains('=') => pair(word, key, value),
        ("ENV" | "LABEL", [both]) => both.split_once('=').and_then(|(key, value)| pair(word, key, value)),
        ("ARG", [both]) => {
            let (name, value) = both.split_once('=').unwrap_or((both, ""));
            let value = if value.is_empty() { String::new() } else { format!(" = {}", quoted(value)?) };
            Some(Written::Told(format!("make it a parameter of the function: `string {name}{value}`")))
        }
        ("COPY" | "ADD", [".", to]) if *to != "." => so(format!("copy local(\".\") \"/\" {}", quoted(to)?)),
        ("COPY" | "ADD", [source, to]) => {
            let (source, to) = (quoted(source)?, quoted(to)?);
            Some(Written::Told(format!(
                "write `copy local({source}) \"/\" {to}` for a directory, and `copy local({source}) {source} {to}` for a file"
            )))
        }
        _ => None,
    }
}

fn pair(word: &str, key: &str, value: &str) -> Option<Written> {
    let value = value.trim_matches('"');
    Some(Written::So(format!("{} {} {}", word.to_ascii_lowercase(), quoted(key)?, quoted(value)?)))
}
