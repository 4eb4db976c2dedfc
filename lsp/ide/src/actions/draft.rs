//! Edits that are looked at before they are offered.
//!
//! Owns what every refactoring promises: the text after it parses, has no mistakes that were not there, says the same where it should,
//! names mean the same, and a text that was laid out stays so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hlb_compiler::hir::{Reference, Target};
use hlb_compiler::{Effect, Text};
use hlb_language::ast::Ident;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

use super::{Action, ActionKind, File};
use crate::analysis::Analysis;
use crate::diagnostics::{Level, Told};
use crate::format::{difference, ends_like, laid_out};
use crate::place::FileEdit;
use crate::rename::names;
use crate::walk::{Node, Role, walk};

/// So many drafts are remembered.
const MOST_TRIED: usize = 32;

/// What has become of drafts, by their titles and edits.
#[derive(Debug, Default)]
pub(crate) struct Tried(Mutex<Vec<(DraftKey, Option<Action>)>>);

type DraftKey = (String, Vec<(Span, String)>);

impl Tried {
    fn known(&self, key: &DraftKey) -> Option<Option<Action>> {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.iter().find(|(known, _)| known == key).map(|(_, made)| made.clone())
    }

    fn keep(&self, key: DraftKey, made: Option<Action>) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() == MOST_TRIED {
            tried.remove(0);
        }
        tried.push((key, made));
    }
}

/// An action that may turn out not to be one.
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) kind: ActionKind,
    /// In order.
    pub(super) edits: Vec<(Span, String)>,
    /// A name that the text did not have before, which the user will want to choose.
    pub(super) new_name: Option<String>,
    /// The diagnostic that goes. Then others may come.
    pub(super) mends: Option<(Span, &'static str)>,
}

impl Draft {
    pub(super) fn new(title: impl Into<String>, kind: ActionKind, mut edits: Vec<(Span, String)>) -> Self {
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        Self { title: title.into(), kind, edits, new_name: None, mends: None }
    }

    /// Where in the text after the edits the one that replaces a place puts its text.
    pub(super) fn moved(&self, at: Span) -> usize {
        moved(&self.edits, at)
    }
}

/// Where in a text after edits, which are in order, the one that replaces a place puts its text; or what begins there, if none does.
pub(super) fn moved(edits: &[(Span, String)], at: Span) -> usize {
    let before = edits.iter().take_while(|(span, _)| (span.start, span.end) < (at.start, at.end));
    before.fold(at.start as usize, |offset, (span, text)| (offset + text.len()).saturating_sub(span.len()))
}

impl File<'_> {
    /// The action that makes some edits, if they keep what a refactoring promises. `same` sees the text after them, not laid out. What
    /// was tried is kept: whoever moves the cursor within a word asks for the same again.
    pub(super) fn settled(&self, draft: Draft, same: impl FnOnce(&Analysis) -> bool) -> Option<Action> {
        let key = (draft.title.clone(), draft.edits.clone());
        if let Some(known) = self.analysis.tried.known(&key) {
            return known;
        }
        let made = self.tried(draft, same);
        self.analysis.tried.keep(key, made.clone());
        made
    }

    fn tried(&self, draft: Draft, same: impl FnOnce(&Analysis) -> bool) -> Option<Action> {
        let source = self.analysis.text().source();
        let edit = FileEdit { path: self.path.to_owned(), source: Arc::clone(source), edits: draft.edits };
        let new = edit.applied();
        let after = self.snapshot.with_texts([(self.path.to_owned(), new.clone())]).analysis(self.path)?;
        let mistakes = |text: &Text| text.diagnostics(SourceId(0)).iter().filter(|it| Diagnostic::is_error(it)).count();
        let told = after.diagnostics();
        let fewer = |code: &str| {
            let count = |told: &[Told]| told.iter().filter(|it| it.code == code).count();
            count(&told) < count(&self.told)
        };
        let mends = draft.mends.map_or_else(|| no_new(&self.told, &told), |(_, code)| fewer(code));
        if mistakes(after.text()) > mistakes(self.analysis.text()) || !mends || !same(&after) {
            return None;
        }
        if !same_docs(self.analysis, &after) {
            return None;
        }
        let new = ends_like(source.text(), new);
        let new = if self.is_tidy() { laid_out(&new)? } else { new };
        let rename_at = draft.new_name.and_then(|name| Some((self.path.to_owned(), first(&new, &name)?)));
        let edits = vec![difference(source.text(), &new)?];
        Some(Action { mends: draft.mends, rename_at, ..self.action(&draft.title, draft.kind, edits) })
    }

    /// The parts of the tree, outer ones first.
    pub(super) fn nodes(&self) -> Vec<Node<'_>> {
        let mut nodes = Vec::new();
        walk(self.analysis.text().tree(), &mut |node| nodes.push(node));
        nodes
    }

    /// The text of a place.
    pub(super) fn slice(&self, at: Span) -> &str {
        self.analysis.text().source().slice(at)
    }

    /// A selection without the space around it; nothing, if there is nothing else in it.
    pub(super) fn trimmed(&self, range: Span) -> Option<Span> {
        let text = self.analysis.text().source().text().get(range.range())?;
        let start = range.start as usize + (text.len() - text.trim_start().len());
        let trimmed = text.trim();
        (!trimmed.is_empty()).then(|| Span::new(start, start + trimmed.len()))
    }

    /// The uses of names within a place, in the order of the text.
    pub(super) fn uses_in(&self, at: Span) -> Vec<Reference> {
        uses_in(self.analysis, at)
    }

    /// What a name stands for, if that is known.
    pub(super) fn target(&self, name: &Ident) -> Option<Target> {
        self.uses_in(name.span).into_iter().find(|it| it.at.span == name.span).map(|it| it.target)
    }

    /// A name that the text does not have.
    pub(super) fn fresh(&self, name: &str) -> String {
        let text = self.analysis.text().source().text();
        let tokens = lex(SourceId(0), text, Care::Guessing).tokens;
        let taken =
            |name: &str| tokens.iter().any(|it| it.kind == TokenKind::Ident && text.get(it.span.range()) == Some(name));
        let numbered = (2..).map(|number| format!("{name}{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    /// The white space in front of what begins a line; `None` if something else stands there.
    pub(super) fn indent(&self, offset: u32) -> Option<&str> {
        let source = self.analysis.text().source();
        let line = source.line_span(source.line_index(offset as usize))?;
        let before = source.slice(Span { start: line.start, end: offset });
        before.trim().is_empty().then_some(before)
    }

    /// Where the comment begins that ends on the line above an offset, or the offset.
    pub(super) fn above(&self, offset: u32) -> u32 {
        let source = self.analysis.text().source();
        let lexed = self.analysis.lexed();
        let mut first = offset;
        while self.indent(first).is_some() {
            let Some(above) = source.line_index(first as usize).checked_sub(1) else { break };
            let Some(line) = source.line_span(above) else { break };
            let Some(comment) = lexed.trivia.comments_in(line).first().filter(|comment| comment.own_line) else {
                break;
            };
            // What says how the file is started stays in its first line.
            if self.slice(comment.span).starts_with("#!") {
                break;
            }
            first = comment.span.start;
        }
        first
    }

    /// Whether names in some parts of the text mean after some edits what they meant before. Each part comes with the offset at which
    /// it then begins.
    pub(super) fn same_names(
        &self,
        parts: &[(Span, usize)],
        after: &Analysis,
        edits: &[(Span, String)],
        leave: impl Fn(&Reference) -> bool,
    ) -> bool {
        // Where something begins afterwards that was in one of them, or around them.
        let within = |(part, offset): &(Span, usize), span: Span| (span.start - part.start) as usize + offset;
        let follow = |span: Span| match parts.iter().find(|(part, _)| part.contains(span)) {
            Some(part) => within(part, span),
            None => moved(edits, span),
        };
        parts.iter().all(|part| {
            let there = uses_in(after, Span::new(part.1, part.1 + part.0.len()));
            let here = self.uses_in(part.0).into_iter().filter(|it| !leave(it));
            here.into_iter().all(|it| {
                let wanted = within(part, it.at.span);
                let meant = meaning(self.analysis, &it, &follow);
                there.iter().any(|other| {
                    let same_place = other.at.span.start as usize == wanted && other.at.span.len() == it.at.span.len();
                    same_place && meaning(after, other, &|span| span.start as usize) == meant
                })
            })
        })
    }

    /// Whether the parser has complained about something that touches a place.
    pub(super) fn is_broken(&self, at: Span) -> bool {
        let told = self.analysis.text().diagnostics(SourceId(0));
        let touches = |span: Span| span.start <= at.end && at.start <= span.end;
        told.iter().any(|it| it.is_error() && touches(it.primary.at.span))
    }

    /// Whether anything in a place is wrong, so that nobody can tell all that it means.
    pub(super) fn has_mistakes(&self, at: Span) -> bool {
        let within = |span: Span| span.start < at.end && at.start < span.end;
        self.is_broken(at) || self.told.iter().any(|told| told.level == Level::Error && within(told.span))
    }

    /// Whether it is known of each name in a place what it stands for. A mistake elsewhere may keep it from being known.
    pub(super) fn all_known(&self, at: Span, nodes: &[Node<'_>]) -> bool {
        if self.told.iter().all(|told| told.level != Level::Error) {
            return true;
        }
        let uses = self.uses_in(at);
        let known = |name: &Ident| uses.iter().any(|it| it.at.span == name.span);
        nodes.iter().enumerate().all(|(index, node)| match node {
            Node::Name(Role::Used | Role::Pattern, name) if at.contains(name.span) => known(name),
            // In front of what is known may stand a namespace of builtins, which is no name of the program.
            Node::Name(Role::Head, name) if at.contains(name.span) => {
                let member = |node: &Node<'_>| matches!(node, Node::Name(_, member) if known(member));
                known(name) || nodes.get(index + 1).is_some_and(member)
            }
            _ => true,
        })
    }

    /// Whether each word that is spelled like a name is one of its uses, or known to be something else. Mistakes may hide what it is.
    pub(super) fn understood(&self, name: &Ident, uses: &[Span], nodes: &[Node<'_>]) -> bool {
        if self.told.iter().all(|told| told.level != Level::Error) {
            return true;
        }
        let is_other = |at: Span| {
            let role = nodes.iter().find_map(|node| match node {
                Node::Name(role, name) if name.span == at => Some(*role),
                _ => None,
            });
            let never = role.is_some_and(|it| !matches!(it, Role::Used | Role::Head | Role::Pattern | Role::Exported));
            never || self.uses_in(at).iter().any(|it| it.at.span == at)
        };
        let words = self.words.get_or_init(|| {
            let mut words: HashMap<String, Vec<Span>> = HashMap::new();
            for at in names(self.analysis.text().source().text()) {
                words.entry(self.slice(at).to_owned()).or_default().push(at);
            }
            words
        });
        let mut spelled = words.get(name.text.as_str()).into_iter().flatten();
        spelled.all(|at| *at == name.span || uses.contains(at) || is_other(*at))
    }

    fn is_tidy(&self) -> bool {
        let text = self.analysis.text().source().text();
        *self.tidy.get_or_init(|| laid_out(text).is_some_and(|it| it == text))
    }

    /// Whether a place has comments besides those in the parts of it that are kept.
    pub(super) fn has_comments(&self, at: Span, kept: &[Span]) -> bool {
        let lexed = self.analysis.lexed();
        let comments = lexed.trivia.comments_in(at);
        comments.iter().any(|comment| !kept.iter().any(|kept| kept.contains(comment.span)))
    }

    /// Whether a place itself runs commands on this machine, so that it matters how often it is evaluated. What it calls does not
    /// matter: the same call is evaluated once, wherever it stands.
    pub(super) fn runs_commands(&self, at: Span) -> bool {
        let builtins = &self.analysis.checked.program.builtins;
        self.uses_in(at).iter().any(|it| match it.target {
            Target::Builtin(id) => builtins.get(id.0).is_some_and(|it| it.effects.has(Effect::Run)),
            _ => false,
        })
    }
}

/// What a name stands for, in words, and where that is if it is inside of a function of the file.
fn meaning(analysis: &Analysis, it: &Reference, follow: &dyn Fn(Span) -> usize) -> Option<(String, Option<usize>)> {
    let description = match it.target {
        // Nothing is known of an import that could not be loaded; its name says which it is.
        Target::Module(None) => return Some(("module".to_owned(), None)),
        target => analysis.checked.program.describe(target)?,
    };
    let place = match it.target {
        Target::Param(..) | Target::Setting(..) | Target::Local(_) | Target::Bind(_) => {
            (Some(description.at.source) == analysis.entry()).then(|| follow(description.at.span))
        }
        _ => None,
    };
    Some((description.signature, place))
}

fn uses_in(analysis: &Analysis, at: Span) -> Vec<Reference> {
    let Some(source) = analysis.entry() else { return Vec::new() };
    let all = &analysis.checked.program.references;
    let first = all.partition_point(|it| (it.at.source, it.at.span.start) < (source, at.start));
    let behind = all.partition_point(|it| (it.at.source, it.at.span.start) < (source, at.end));
    let found = all.get(first..behind).unwrap_or_default().iter();
    found.filter(|it| at.contains(it.at.span)).copied().collect()
}

/// Whether nothing has come: no mistake, and of what is doubtful not more.
fn no_new(before: &[Told], after: &[Told]) -> bool {
    // Names and types stand in messages, so what is doubtful may be told in other words afterwards.
    let all = |told: &[Told]| {
        let words = |it: &Told| if it.level == Level::Error { it.message.clone() } else { String::new() };
        told.iter().map(|it| (it.code, words(it))).collect::<Vec<_>>()
    };
    let mut known = all(before);
    all(after).into_iter().all(|it| {
        let found = known.iter().position(|other| *other == it);
        found.map(|at| known.swap_remove(at)).is_some()
    })
}

/// Whether what is said of declarations has not changed, and nothing is said of those that have come.
fn same_docs(before: &Analysis, after: &Analysis) -> bool {
    let docs = |analysis: &Analysis| -> BTreeMap<String, Option<String>> {
        let program = &analysis.checked.program;
        let scope = program.entry().into_iter().flat_map(|module| &module.scope);
        let doc = |target: Target| match target {
            // What is said of a file is in that.
            Target::Module(_) => None,
            target => program.describe(target).and_then(|it| it.doc).map(String::from),
        };
        scope.map(|(name, symbol)| (name.to_string(), doc(symbol.target))).collect()
    };
    let (before, after) = (docs(before), docs(after));
    after.iter().all(|(name, doc)| doc == before.get(name).unwrap_or(&None))
}

/// Where a name stands first.
fn first(text: &str, name: &str) -> Option<usize> {
    let tokens = lex(SourceId(0), text, Care::Guessing).tokens;
    let named = tokens.iter().find(|it| it.kind == TokenKind::Ident && text.get(it.span.range()) == Some(name))?;
    Some(named.span.start as usize)
}
