//! Questions that editors ask of a program.
//!
//! Owns what is at a place, and how it is described. Changes nothing and evaluates nothing.

use ecow::EcoString;
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;

use crate::hir::{Program, Reference, Signature, Target};

/// What a name stands for, in words.
#[derive(Clone, PartialEq, Debug)]
pub struct Description {
    /// As it would be declared: `fs copy(fs input, string src, string dst)`.
    pub signature: String,
    /// The comment above its declaration.
    pub doc: Option<EcoString>,
    /// Where its name is defined.
    pub at: Location,
}

impl Program {
    /// The name at an offset of a text, if it could be resolved. The smallest if several cover it.
    pub fn reference_at(&self, source: SourceId, offset: usize) -> Option<&Reference> {
        let covering = self.references.iter().filter(|it| it.at.source == source && it.at.span.touches(offset));
        covering.min_by_key(|it| it.at.span.len())
    }

    /// What a name stands for, in words; nothing for an import that could not be loaded.
    pub fn describe(&self, target: Target) -> Option<Description> {
        match target {
            Target::Func(id) => {
                let func = self.func(id)?;
                let at = self.func_at(id)?;
                Some(Description {
                    signature: declaration(&func.name.text, &func.signature),
                    doc: func.doc.clone(),
                    at,
                })
            }
            Target::Bind(id) => {
                let bound = self.bind(id)?;
                let func = self.func(bound.func)?;
                let signature =
                    Signature { kind: bound.kind.clone(), params: func.signature.params.clone(), effects: Vec::new() };
                let at = Location { source: self.module(func.module)?.source, span: bound.name.span };
                let doc = format!("Bound in `{}`.", func.name.text);
                Some(Description { signature: declaration(&bound.name.text, &signature), doc: Some(doc.into()), at })
            }
            Target::Param(id, index) => {
                let func = self.func(id)?;
                let param = func.signature.params.get(index)?;
                let at = Location { source: self.module(func.module)?.source, span: param.name.span };
                let variadic = if param.variadic { "variadic " } else { "" };
                let signature = format!("{variadic}{} {}", param.kind, param.name.text);
                Some(Description { signature, doc: Some(format!("Parameter of `{}`.", func.name.text).into()), at })
            }
            Target::Builtin(id) => {
                let builtin = self.builtin(id)?;
                Some(Description {
                    signature: declaration(&builtin.name.text, &builtin.signature),
                    doc: builtin.doc.clone(),
                    at: builtin.at,
                })
            }
            Target::Module(id) => {
                let module = self.module(id?)?;
                let at = Location { source: module.source, span: hlb_language::span::Span::at(0) };
                Some(Description { signature: format!("import from \"{}\"", module.path), doc: None, at })
            }
        }
    }

    /// All places that use what stands at its definition or use.
    pub fn uses(&self, target: Target) -> impl Iterator<Item = Location> + '_ {
        self.references.iter().filter(move |it| it.target == target).map(|it| it.at)
    }
}

/// A function as it would be declared.
fn declaration(name: &str, signature: &Signature) -> String {
    let list = |params: &[crate::hir::Param]| {
        let shown: Vec<String> = params
            .iter()
            .map(|param| {
                let variadic = if param.variadic { "variadic " } else { "" };
                format!("{variadic}{} {}", param.kind, param.name.text)
            })
            .collect();
        shown.join(", ")
    };
    let mut text = format!("{} {name}({})", signature.kind, list(&signature.params));
    if !signature.effects.is_empty() {
        text.push_str(&format!(" binds ({})", list(&signature.effects)));
    }
    text
}
