//! Lists, maps, and what is made from each element of one.
//!
//! Owns the types of their elements, and what loops go through.

use hlb_language::ast::{self, Element, Expr, Ident};
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use super::expr::error;
use crate::codes;
use crate::hir::{self, Each, Entry, ExprNode, Item, LocalId};
use crate::types::{Expected, Type};

/// The type of elements as far as they have been seen.
struct Elements {
    /// What the place of the collection wants, if it says; several where it takes several, until an element tells which.
    wanted: Vec<Type>,
    ty: Type,
}

impl Elements {
    fn new(wanted: Vec<Type>) -> Self {
        Self { wanted, ty: Type::Never }
    }

    fn expected(&self) -> Expected {
        if self.wanted.is_empty() {
            return Expected::any();
        }
        Expected::any_of(self.wanted.iter().map(Expected::argument))
    }

    /// What may be spread among them: collections of such elements.
    fn spread(&self, collection: fn(Type) -> Type) -> Expected {
        Expected::any_of(self.wanted.iter().cloned().map(|ty| Expected::just(collection(ty))))
    }

    /// What the place wants and an element of a type fits.
    fn place_of(&self, ty: &Type) -> Option<&Type> {
        self.wanted.iter().find(|wanted| Expected::argument(wanted).takes(ty))
    }

    fn result(self) -> Type {
        let fits = |wanted: &&Type| self.ty.fits(wanted) && !wanted.is_open();
        self.wanted.iter().find(fits).cloned().unwrap_or(self.ty)
    }
}

/// The element types of all collections of a form that a place takes.
fn wanted(expected: &Expected, form: impl Fn(&Type) -> Option<Type>) -> Vec<Type> {
    let types = expected.types().iter().filter_map(|ty| match ty {
        Type::Optional(inner) => form(ty).or_else(|| form(inner)),
        other => form(other),
    });
    let mut all: Vec<Type> = Vec::new();
    for ty in types {
        if !all.contains(&ty) {
            all.push(ty);
        }
    }
    all
}

impl Checker<'_> {
    pub(super) fn list(&mut self, list: &ast::ListLit, expected: &Expected) -> (Type, ExprNode) {
        let wanted = wanted(expected, |ty| match ty {
            Type::List(item) => Some((**item).clone()),
            _ => None,
        });
        let mut elements = Elements::new(wanted);
        let mut items = Vec::with_capacity(list.elements.len());
        for element in &list.elements {
            match element {
                Element::Value(expr) => {
                    let value = self.expr(expr, &elements.expected());
                    let ty = value.ty.clone();
                    self.element(&mut elements, &ty, value.at);
                    items.push(Item { spread: false, expr: value });
                }
                Element::Spread(_, expr) => {
                    let value = self.expr(expr, &elements.spread(Type::list));
                    match &value.ty {
                        Type::List(item) => {
                            let item = (**item).clone();
                            self.element(&mut elements, &item, value.at);
                        }
                        Type::Unknown(_) => {}
                        other => {
                            let message =
                                format!("only a list can be spread into a list, and this is of type `{other}`");
                            self.report(Diagnostic::error(codes::SPREAD, value.at, message));
                        }
                    }
                    items.push(Item { spread: true, expr: value });
                }
            }
        }
        (elements.result().list(), ExprNode::List(items))
    }

    /// Takes in an element's type.
    fn element(&mut self, elements: &mut Elements, ty: &Type, at: Location) {
        if ty.is_unknown() {
            return;
        }
        if elements.wanted.len() > 1 {
            elements.wanted.retain(|wanted| Expected::argument(wanted).takes(ty));
        }
        let joined = elements.ty.join(ty);
        // Several types may fit one place, such as what a stage does.
        match joined.or_else(|| elements.place_of(ty).filter(|place| !place.is_open()).cloned()) {
            Some(joined) => elements.ty = joined,
            None => {
                let message =
                    format!("the elements before this one are of type `{}`, and this is of type `{ty}`", elements.ty);
                self.report(Diagnostic::error(codes::MISMATCH, at, message).help("make all of them of one type"));
            }
        }
    }

    pub(super) fn map(&mut self, map: &ast::MapLit, expected: &Expected) -> (Type, ExprNode) {
        let wanted = wanted(expected, |ty| match ty {
            Type::Map(item) => Some((**item).clone()),
            _ => None,
        });
        let mut elements = Elements::new(wanted);
        let mut entries = Vec::with_capacity(map.entries.len());
        let mut seen: rustc_hash::FxHashMap<ecow::EcoString, Location> = rustc_hash::FxHashMap::default();
        for entry in &map.entries {
            match entry {
                ast::Entry::Pair(key, value) => {
                    let key = self.key(key);
                    if let Some(text) = super::rules::written(&key)
                        && let Some(before) = seen.insert(text, key.at)
                    {
                        let message = "this key is in the map already".to_owned();
                        self.report(
                            Diagnostic::error(codes::REDEFINED, key.at, message).also(before, "first written here"),
                        );
                    }
                    let value = self.expr(value, &elements.expected());
                    let ty = value.ty.clone();
                    self.element(&mut elements, &ty, value.at);
                    entries.push(Entry::Pair(key, value));
                }
                ast::Entry::Spread(_, expr) => {
                    let value = self.expr(expr, &elements.spread(Type::map));
                    match &value.ty {
                        Type::Map(item) => {
                            let item = (**item).clone();
                            self.element(&mut elements, &item, value.at);
                        }
                        Type::Unknown(_) => {}
                        other => {
                            let message = format!("only a map can be spread into a map, and this is of type `{other}`");
                            self.report(Diagnostic::error(codes::SPREAD, value.at, message));
                        }
                    }
                    entries.push(Entry::Spread(value));
                }
            }
        }
        (elements.result().map(), ExprNode::Map(entries))
    }

    /// The key of an entry: a text. A bare name that means nothing was meant as one.
    fn key(&mut self, key: &Expr) -> hir::Expr {
        if let Some(callee) = key.as_name()
            && callee.member.is_none()
            && !self.scopes.has(&callee.head.text)
            && self.is_undefined(&callee.head.text)
        {
            let at = self.at(callee.span);
            let name = callee.head.text.clone();
            return self.refused(
                at,
                Diagnostic::error(codes::UNDEFINED, at, format!("`{name}` is not defined"))
                    .help("write keys as texts, in quotes")
                    .fix("put the key in quotes", at, format!("\"{name}\"")),
            );
        }
        self.expr(key, &Expected::just(Type::String))
    }

    pub(super) fn comprehension(&mut self, each: &ast::Comprehension, expected: &Expected) -> (Type, ExprNode) {
        let at = self.at(each.span);
        let (items, types) = self.iterated(&each.items, &each.names);
        self.scopes.push();
        let local = LocalId(self.declared.program.locals.len());
        self.define_loop_names(&each.names, types);
        let narrowness = self.scopes.narrowness();
        let condition = each.condition.as_ref().map(|condition| {
            let checked = self.expr(condition, &Expected::just(Type::Bool));
            self.narrow_by(condition, true);
            checked
        });
        let wanted = wanted(expected, |ty| match (ty, &each.key) {
            (Type::List(item), None) | (Type::Map(item), Some(_)) => Some((**item).clone()),
            _ => None,
        });
        let mut elements = Elements::new(wanted);
        let place = elements.expected();
        let key = each.key.as_ref().map(|key| self.key(key));
        let value = self.expr(&each.value, &place);
        self.scopes.widen(narrowness);
        self.leave_scope();
        elements.ty = value.ty.clone();
        let item = elements.result();
        let (ty, each_) = match key {
            Some(key) => (item.map(), Each::Entry { key, value, condition }),
            None => (item.list(), Each::Element { value, condition }),
        };
        (ty, ExprNode::For(Box::new(hir::For { at, names: each.names.len(), local, items, each: each_ })))
    }

    /// What a loop goes through, and the types of its names.
    pub(super) fn iterated(&mut self, items: &Expr, names: &[Ident]) -> (hir::Expr, [Type; 2]) {
        let value = self.expr(items, &Expected::any());
        let types = match &value.ty {
            Type::List(item) if names.len() < 2 => [(**item).clone(), Type::error()],
            Type::List(item) => [Type::Int, (**item).clone()],
            Type::Map(item) => [Type::String, (**item).clone()],
            Type::Unknown(_) => [Type::error(), Type::error()],
            other => {
                let message = format!("there is nothing to go through in a value of type `{other}`");
                let diagnostic = Diagnostic::error(codes::NOT_ITERABLE, value.at, message);
                let diagnostic = match other {
                    Type::Optional(inner) if matches!(**inner, Type::List(_) | Type::Map(_)) => {
                        diagnostic.help("say what to take where it is `none`: `values ?? []`")
                    }
                    Type::String => diagnostic.help("split the text: `str.split(text, \",\")`, `str.lines(text)`"),
                    Type::Int => diagnostic.help("count with `list.range(0, n)`"),
                    _ => diagnostic.help("go through a list or a map"),
                };
                self.report(diagnostic);
                [Type::error(), Type::error()]
            }
        };
        (value, types)
    }

    pub(super) fn define_loop_names(&mut self, names: &[Ident], types: [Type; 2]) {
        for (name, ty) in names.iter().zip(types) {
            if let Some(before) = self.scopes.defined_here(&name.text) {
                let at = self.at(name.span);
                let message = format!("`{}` is defined twice here", name.text);
                self.report(Diagnostic::error(codes::REDEFINED, at, message).also(before, "first defined here"));
            }
            // A loop over nothing but `[]` never sees an element.
            let ty = if ty == Type::Never { Type::error() } else { ty };
            self.define_local(name, ty, "for");
        }
    }

    /// `values[index]`
    pub(super) fn index(&mut self, base: hir::Expr, index: &Expr, at: Location) -> hir::Expr {
        let (wanted, ty) = match &base.ty {
            Type::List(item) => (Type::Int, (**item).clone()),
            Type::Map(item) => (Type::String, (**item).clone()),
            Type::Unknown(_) => {
                self.expr(index, &Expected::any());
                return error(at);
            }
            other => {
                let message = format!("a value of type `{other}` has no elements");
                self.report(
                    Diagnostic::error(codes::INDEX, base.at, message).help("index lists by number and maps by key"),
                );
                self.expr(index, &Expected::any());
                return error(at);
            }
        };
        let index = self.expr(index, &Expected::just(wanted));
        hir::Expr { at, ty, node: ExprNode::Index(Box::new(base), Box::new(index)) }
    }
}
