//! Words that lead somewhere else.
//!
//! Owns which: imports, paths of local files, names of images that say where they are, addresses. No page is asked whether it is
//! there.

use camino::Utf8PathBuf;
use hlb_compiler::World;
use hlb_compiler::hir::Target;
use hlb_compiler::probe::TextKind;
use hlb_language::ast::{Decl, Expr, StringLit, StringPart};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::call::{Call, calls};
use crate::host::Snapshot;
use crate::place;

/// Longer addresses are none; most texts that look like one are shorter.
const LONGEST: usize = 2_000;

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkTo {
    /// To a file or a directory that is there.
    File(Utf8PathBuf),
    /// To a page.
    Web(String),
}

/// A link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The words.
    pub span: Span,
    /// Where they lead.
    pub to: LinkTo,
    /// What is said before one follows it.
    pub tooltip: String,
}

impl Snapshot {
    /// The links of a file in the order of the text, none within another.
    pub fn links(&self, analysis: &Analysis) -> Vec<Link> {
        let mut links = imports(analysis);
        for call in calls(analysis) {
            links.extend(self.of_call(analysis, &call));
        }
        links.sort_by_key(|link| link.span);
        let known: Vec<Span> = links.iter().map(|link| link.span).collect();
        let is_new = |link: &Link| {
            let behind = known.partition_point(|span| span.start <= link.span.start);
            let before = behind.checked_sub(1).and_then(|at| known.get(at));
            before.is_none_or(|span| span.end <= link.span.start)
        };
        links.extend(addresses(analysis.text().source().text()).filter(is_new));
        links.sort_by_key(|link| link.span);
        links.dedup_by_key(|link| link.span);
        links
    }

    /// The paths and images among the arguments of a call.
    fn of_call(&self, analysis: &Analysis, call: &Call<'_>) -> Vec<Link> {
        let mut links = Vec::new();
        let Target::Builtin(_) = call.target else { return links };
        for (index, arg) in call.args.iter().enumerate() {
            let (Some(text), Some(param)) = (literal(analysis, arg.expr()), call.filled(index, arg)) else {
                continue;
            };
            let ((span, text), (number, param)) = (text, param);
            let to = match analysis.checked.program.text_kind(call.target, number) {
                TextKind::LocalPath => self.file(analysis, text),
                _ if matches!((call.name, param.name.text.as_str()), ("image" | "manifest", "ref")) => page(text),
                _ => None,
            };
            let tooltip = match &to {
                Some(LinkTo::File(path)) => path.to_string(),
                Some(LinkTo::Web(page)) => page.clone(),
                None => continue,
            };
            links.extend(to.map(|to| Link { span, to, tooltip }));
        }
        links
    }

    /// What is at a path, as the file names it.
    fn file(&self, analysis: &Analysis, path: &str) -> Option<LinkTo> {
        let dir = &analysis.checked.program.entry()?.dir;
        let path = if path.starts_with('~') { return None } else { dir.join(path) };
        let path = crate::world::normal(&path);
        self.world().stat(&path).is_ok().then_some(LinkTo::File(path))
    }
}

/// The paths behind `from` that lead to files.
fn imports(analysis: &Analysis) -> Vec<Link> {
    let Some(entry) = analysis.checked.program.entry() else { return Vec::new() };
    let link = |decl: &Decl| {
        let Decl::Import(import) = decl else { return None };
        let (span, _) = literal(analysis, &import.source)?;
        let Target::Module(id) = entry.scope.get(&import.name.text)?.target else { return None };
        let module = analysis.checked.program.modules.get(id?.0)?;
        let at = Location { source: module.source, span: Span::at(0) };
        let path = place::of(&analysis.checked, analysis.stdlib(), at)?.path;
        Some(Link { span, tooltip: path.to_string(), to: LinkTo::File(path) })
    };
    analysis.text().tree().decls.iter().filter_map(link).collect()
}

/// The place between the quotes of a string without interpolations and escapes, and its text.
pub(crate) fn literal<'a>(analysis: &'a Analysis, expr: &Expr) -> Option<(Span, &'a str)> {
    let Expr::String(StringLit { parts, .. }) = expr else { return None };
    let [StringPart::Text(span)] = parts.as_slice() else { return None };
    Some((*span, analysis.text().source().slice(*span)))
}

/// The page of an image whose name begins with a host.
fn page(image: &str) -> Option<LinkTo> {
    let (host, rest) = image.split_once('/')?;
    let is_host = host.contains(['.', ':']) && !host.starts_with("localhost");
    let name = rest.split(['@']).next().unwrap_or(rest);
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    (is_host && !name.is_empty()).then(|| LinkTo::Web(format!("https://{host}/{name}")))
}

/// Addresses of pages anywhere in a text.
fn addresses(text: &str) -> impl Iterator<Item = Link> {
    text.match_indices("://").filter_map(|(at, _)| {
        let start = ["https", "http"].iter().find_map(|scheme| {
            let start = at.checked_sub(scheme.len())?;
            let is_word =
                text.get(..start)?.ends_with(|before: char| before.is_alphanumeric() || "+-.".contains(before));
            (text.get(start..at)? == *scheme && !is_word).then_some(start)
        })?;
        let rest = text.get(start..)?;
        let ends = |it: char| it.is_whitespace() || "\"'`<>()[]{}|\\^".contains(it);
        let length = rest.chars().take(LONGEST).take_while(|it| !ends(*it)).map(char::len_utf8).sum();
        let address = rest.get(..length)?.trim_end_matches(['.', ',', ';', ':', '!', '?', '$']);
        let is_whole = !rest.get(address.len()..)?.starts_with("${");
        let has_host = address.len() > at + 3 - start;
        let link = Link {
            span: Span::new(start, start + address.len()),
            to: LinkTo::Web(address.to_owned()),
            tooltip: address.to_owned(),
        };
        (is_whole && has_host).then_some(link)
    })
}
