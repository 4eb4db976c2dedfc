//! What is shown of a name that the pointer rests on.
//!
//! Owns the choice of what is said of names; what is said of literals is in `literal`, of words of the language in `words`,
//! comments become Markdown in `markdown`.

mod literal;
mod markdown;
mod words;

use hlb_compiler::Type;
use hlb_compiler::hir::Target;
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::host::Snapshot;

pub(crate) use markdown::markdown;

/// What is to be said of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hover {
    /// The name's place in the text.
    pub span: Span,
    /// How it is declared: `fs copy(fs input, string src, string dst)`; in lines of comments below that what it does outside of
    /// the build, and the type that it has here, where that is another.
    pub signature: String,
    /// The comment above its declaration, as Markdown.
    pub doc: Option<String>,
    /// The steps that the call becomes, as LLB in lines.
    pub step: Option<String>,
}

impl Analysis {
    /// What the name, the literal or the word at a byte offset stands for.
    pub fn hover(&self, offset: usize) -> Option<Hover> {
        let named = self.name_at(offset).or_else(|| self.import_at(offset));
        if let Some((span, target)) = named {
            return self.hover_of(span, target, offset);
        }
        self.hover_literal(offset).or_else(|| self.hover_word(offset))
    }

    fn hover_of(&self, span: Span, target: Target, offset: usize) -> Option<Hover> {
        let program = &self.checked.program;
        let description = program.describe(target)?;
        let mut signature = description.signature;
        let here = self.entry().and_then(|entry| program.type_at(entry, offset));
        if let (Some(here), Some(declared)) = (here, program.type_of(target))
            && here != declared
            && !matches!(here, Type::Unknown(_))
        {
            signature.push_str(&format!("\n# here: {here}"));
        }
        let doc = match target {
            Target::Module(Some(id)) => program.modules.get(id.0).and_then(|module| self.head(module.source)),
            _ => description.doc.map(String::from),
        };
        Some(Hover { span, signature, doc: doc.as_deref().map(markdown), step: None })
    }

    /// The comment that a file begins with, if it is not that of the declaration behind it.
    fn head(&self, source: hlb_language::source::SourceId) -> Option<String> {
        let text = self.checked.sources.get(source)?.text();
        let mut behind = text.lines().skip_while(|line| line.starts_with('#'));
        if behind.next().is_some_and(|line| !line.trim().is_empty()) {
            return None;
        }
        let lines = text.lines().map_while(|line| line.strip_prefix('#'));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Snapshot {
    /// The same with what the lock file says of an image, what a call becomes, and, once all files have been looked at, what
    /// functions of other files do outside of the build.
    pub fn hover(&self, analysis: &Analysis, offset: usize) -> Option<Hover> {
        if let Some(image) = analysis.hover_image(offset, || self.pins(analysis.text().source().name().into())) {
            return Some(image);
        }
        let mut hover = analysis.hover(offset)?;
        let named = analysis.name_at(offset);
        if let (Some((_, Target::Func(_))), Some(project)) = (named, self.project_at_hand())
            && let Some((_, target)) = project.name_at(analysis.text().source().name().into(), offset)
            && let Some(description) = project.checked.program.describe(target)
        {
            hover.signature = description.signature;
        }
        if let (Some(source), Some((span, Target::Builtin(id)))) = (analysis.entry(), named) {
            let builtin = analysis.checked.program.builtins.get(id.0);
            let makes = builtin.is_some_and(|it| it.namespace.is_empty() && it.signature.result == Type::Fs);
            if makes {
                let world = self.world_of([analysis.text().source().name().into()]);
                hover.step = analysis.steps_of(&world, Location { source, span });
            }
        }
        Some(hover)
    }
}
