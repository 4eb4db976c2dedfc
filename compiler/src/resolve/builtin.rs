//! The builtins: what `hlb-stdlib` declares, with the code for it.
//!
//! Owns the reading of those declarations. That they parse, and that each has code, are tests of `builtins`.

use ecow::EcoString;
use hlb_language::ast::{self, Decl, Expr, StringPart};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;

use super::Declarer;
use crate::builtins;
use crate::hir::{self, Builtin, BuiltinId, Enum, EnumId, ExprNode, Param, Signature, Text, TextPart};
use crate::module::Loaded;
use crate::types::Type;

impl Declarer<'_> {
    pub(super) fn builtins(&mut self, loaded: &Loaded) {
        for decl in &loaded.builtin.1.decls {
            if let Decl::Enum(decl) = decl {
                self.builtin_enum(loaded.builtin.0, decl);
            }
        }
        for decl in &loaded.builtin.1.decls {
            let Decl::Func(func) = decl else { continue };
            let result = builtins::word(&func.result);
            let Some(implementation) = builtins::implementation(&result, &func.name.text) else { continue };
            let id = self.builtin(loaded, loaded.builtin.0, "", func, implementation);
            if let Some(builtin) = self.declared.program.builtins.get_mut(id.0) {
                builtin.rules = builtins::rules(&result, &func.name.text);
                builtin.effects = builtins::effects(&result, &func.name.text);
            }
            self.declared.builtins.alone.entry(func.name.text.clone()).or_default().push(id);
        }
        for (namespace, source, tree) in &loaded.namespaces {
            self.declared.builtins.spaces.entry(namespace).or_default();
            for decl in &tree.decls {
                let Decl::Func(func) = decl else { continue };
                let Some((implementation, effects)) = builtins::names::implementation(namespace, &func.name.text)
                else {
                    continue;
                };
                let id = self.builtin(loaded, *source, namespace, func, implementation);
                if let Some(builtin) = self.declared.program.builtins.get_mut(id.0) {
                    builtin.rules = builtins::names::rules(namespace, &func.name.text);
                    builtin.effects = effects;
                }
                if let Some(names) = self.declared.builtins.spaces.get_mut(namespace) {
                    names.insert(func.name.text.clone(), id);
                }
            }
        }
    }

    fn builtin_enum(&mut self, source: SourceId, decl: &ast::EnumDecl) {
        let id = EnumId(self.declared.program.enums.len());
        self.declared.program.enums.push(Enum {
            at: Location { source, span: decl.name.span },
            name: decl.name.clone(),
            span: decl.span,
            doc: decl.doc.clone(),
            variants: decl.variants.clone(),
            builtin: true,
        });
        self.declared.builtins.enums.insert(decl.name.text.clone(), id);
    }

    fn builtin(
        &mut self,
        loaded: &Loaded,
        source: SourceId,
        namespace: &'static str,
        func: &ast::FuncDecl,
        implementation: builtins::Implementation,
    ) -> BuiltinId {
        let type_params: Vec<EcoString> = func.type_params.iter().map(|name| name.text.clone()).collect();
        let mut param = |param: &ast::Param| Param {
            name: param.name.clone(),
            ty: self.builtin_type(&param.ty, &type_params),
            variadic: param.variadic.is_some(),
            optional: param.default.is_some() || param.variadic.is_some(),
        };
        let params = func.params.iter().map(&mut param).collect();
        let effects = func.binds.iter().flat_map(|binds| &binds.effects).map(&mut param).collect();
        let result = self.builtin_type(&func.result, &type_params);
        let text = loaded.sources.get(source);
        let constant = |expr: &Expr| {
            let slice = |span| text.map_or("", |text| text.slice(span));
            constant(expr, Location { source, span: expr.span() }, &slice)
        };
        let defaults = func.params.iter().map(|param| param.default.as_deref().and_then(constant)).collect();
        let id = BuiltinId(self.declared.program.builtins.len());
        self.declared.program.builtins.push(Builtin {
            name: func.name.clone(),
            namespace,
            at: Location { source, span: func.name.span },
            signature: Signature { result, type_params, params, options: Vec::new(), effects }.into(),
            defaults,
            doc: func.doc.clone(),
            effects: crate::effects::Effects::NONE,
            implementation,
            rules: Vec::new(),
        });
        id
    }

    fn builtin_type(&self, ty: &ast::TypeExpr, type_params: &[EcoString]) -> Type {
        let inner = |ty: &ast::TypeExpr| self.builtin_type(ty, type_params);
        match ty {
            ast::TypeExpr::Name(name) if type_params.contains(&name.text) => Type::Var(name.text.clone()),
            ast::TypeExpr::Name(name) => match self.declared.builtins.enums.get(&name.text) {
                Some(id) => Type::Enum(*id, name.text.clone()),
                None => Type::of(&name.text),
            },
            ast::TypeExpr::Member(path) => Type::Unknown(path.head.text.clone()),
            ast::TypeExpr::List(_, item) => inner(item).list(),
            ast::TypeExpr::Map(_, item) => inner(item).map(),
            ast::TypeExpr::Optional(_, item) => inner(item).optional(),
            ast::TypeExpr::Func(_, params, result) => Type::Func(
                crate::types::FuncType { params: params.iter().map(inner).collect(), result: inner(result) }.into(),
            ),
        }
    }
}

/// A default value of a builtin: a literal.
fn constant<'t>(expr: &Expr, at: Location, slice: &dyn Fn(hlb_language::span::Span) -> &'t str) -> Option<hir::Expr> {
    let (ty, node) = match expr {
        Expr::Int(literal) => (Type::Int, ExprNode::Int(literal.value)),
        Expr::Bool(literal) => (Type::Bool, ExprNode::Bool(literal.value)),
        Expr::None(_) => (Type::Never.optional(), ExprNode::None),
        Expr::List(list) if list.elements.is_empty() => (Type::Never.list(), ExprNode::List(Vec::new())),
        Expr::Unary(unary) => match (&*unary.operand, unary.ops.as_slice()) {
            (Expr::Int(literal), [(ast::UnaryOp::Minus, _)]) => (Type::Int, ExprNode::Int(-literal.value)),
            _ => return None,
        },
        Expr::String(literal) => {
            let mut text = String::new();
            for part in &literal.parts {
                match part {
                    StringPart::Text(span) => text.push_str(slice(*span)),
                    StringPart::Escape(span) => text.push_str(&crate::check::decode(slice(*span), false)?),
                    StringPart::Interpolation(..) => return None,
                }
            }
            let parts = if text.is_empty() { Vec::new() } else { vec![TextPart::Text(text.into())] };
            (Type::String, ExprNode::Text(Text { layout: None, parts }))
        }
        _ => return None,
    };
    Some(hir::Expr { at, ty, node })
}
