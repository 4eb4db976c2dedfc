//! What declarations say: parameters, options, results, fields.
//!
//! Owns signatures and their own mistakes: names twice, parameters in the wrong order.

use ecow::EcoString;
use hlb_language::ast::{self, Decl};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use rustc_hash::FxHashMap;

use super::types::TypePlace;
use super::{Declared, Declarer};
use crate::codes;
use crate::hir::{BindId, Bound, FuncId, ModuleId, Param, RecordId, Signature};
use crate::types::Type;

impl Declared {
    /// Whether a function says which options it takes.
    pub(super) fn takes_options(&self, id: FuncId) -> bool {
        self.program.func(id).is_some_and(|func| !func.signature.options.is_empty())
    }
}

impl Declarer<'_> {
    pub(super) fn signatures(&mut self, module: ModuleId, file: &crate::module::File) {
        let of_file = |list: &[(ModuleId, usize)]| -> Vec<(usize, usize)> {
            let first = list.partition_point(|(of, _)| *of < module);
            let of_file = list.iter().enumerate().skip(first).take_while(|(_, (of, _))| *of == module);
            of_file.map(|(id, (_, at))| (id, *at)).collect()
        };
        // Options first: whether a function takes any decides what `option::NAME` means.
        let funcs = of_file(&self.declared.funcs);
        for (id, at) in &funcs {
            if let Some(Decl::Func(func)) = file.tree.decls.get(*at) {
                self.options(FuncId(*id), file.source, func);
            }
        }
        for (id, at) in &funcs {
            if let Some(Decl::Func(func)) = file.tree.decls.get(*at) {
                self.signature(FuncId(*id), file.source, func);
            }
        }
        for (id, at) in of_file(&self.declared.records) {
            if let Some(Decl::Record(record)) = file.tree.decls.get(at) {
                self.fields(RecordId(id), module, file.source, record);
            }
        }
        for (id, at) in of_file(&self.declared.constants) {
            let Some(Decl::Let(decl)) = file.tree.decls.get(at) else { continue };
            let Some(ty) = &decl.ty else { continue };
            let place = TypePlace { module, source: file.source, params: &[] };
            let ty = self.declared.written_type(place, ty, self.diagnostics);
            if let Some(constant) = self.declared.program.constants.get_mut(id) {
                constant.ty = ty;
            }
        }
    }

    /// The names of the options, with types to come.
    fn options(&mut self, id: FuncId, _: SourceId, func: &ast::FuncDecl) {
        let Some(clause) = &func.options else { return };
        let option =
            |param: &ast::Param| Param { name: param.name.clone(), ty: Type::error(), variadic: false, optional: true };
        let options = clause.options.iter().map(option).collect();
        if let Some(func) = self.declared.program.funcs.get_mut(id.0) {
            let mut signature = (*func.signature).clone();
            signature.options = options;
            func.signature = signature.into();
        }
    }

    fn signature(&mut self, id: FuncId, source: SourceId, func: &ast::FuncDecl) {
        let Some(module) = self.declared.program.func(id).map(|func| func.module) else { return };
        let type_params: Vec<EcoString> = func.type_params.iter().map(|name| name.text.clone()).collect();
        let place = TypePlace { module, source, params: &type_params };
        let result = self.declared.written_type(place, &func.result, self.diagnostics);
        let options = func.options.iter().flat_map(|clause| &clause.options);
        let effects = func.binds.iter().flat_map(|clause| &clause.effects);
        let mut seen: FxHashMap<EcoString, Span> = FxHashMap::default();
        for param in func.params.iter().chain(options.clone()).chain(effects.clone()) {
            self.once(source, &mut seen, &param.name, &func.name.text);
        }
        let last = func.params.len().saturating_sub(1);
        let mut params = Vec::with_capacity(func.params.len());
        let mut optional: Option<Span> = None;
        for (at, param) in func.params.iter().enumerate() {
            let span = param.name.span;
            match (param.variadic, &param.default) {
                (Some(word), _) if at != last => {
                    let at = Location { source, span: word };
                    self.diagnostics.push(
                        Diagnostic::error(codes::VARIADIC, at, "only the last parameter can be variadic")
                            .help("move it to the end"),
                    );
                }
                (Some(_), Some(default)) => {
                    let at = Location { source, span: default.span() };
                    self.diagnostics.push(
                        Diagnostic::error(
                            codes::VARIADIC,
                            at,
                            "a variadic parameter has no default: it may be given nothing",
                        )
                        .help("remove the default, or take a list: `[type] name = …`"),
                    );
                }
                (None, None) => {
                    if let Some(before) = optional {
                        let message =
                            format!("`{}` has no default, and stands behind a parameter that has one", param.name.text);
                        self.diagnostics.push(
                            Diagnostic::error(codes::PARAMETER_ORDER, Location { source, span }, message)
                                .also(Location { source, span: before }, "this one may be left out")
                                .help("move parameters without a default to the front"),
                        );
                    }
                }
                (None, Some(_)) => optional = optional.or(Some(span)),
                (Some(_), None) => {}
            }
            params.push(self.param(place, param));
        }
        let options: Vec<Param> = options
            .map(|param| {
                let option = self.param(place, param);
                Param { optional: option.optional || matches!(option.ty, Type::Optional(_)), ..option }
            })
            .collect();
        let effects: Vec<Param> = effects.map(|param| self.param(place, param)).collect();
        self.type_params(source, func, &params, &type_params);
        let results = effects.iter().map(|effect| {
            let bind = BindId(self.declared.program.binds.len());
            let (name, ty) = (effect.name.clone(), effect.ty.clone());
            self.declared.program.binds.push(Bound { name, func: id, ty, end: u32::MAX });
            bind
        });
        let results: Vec<BindId> = results.collect();
        if let Some(func) = self.declared.program.funcs.get_mut(id.0) {
            func.binds |= !results.is_empty();
            func.results = results;
            func.signature = Signature { result, type_params, params, options, effects }.into();
        }
    }

    fn param(&mut self, place: TypePlace<'_>, param: &ast::Param) -> Param {
        Param {
            name: param.name.clone(),
            ty: self.declared.written_type(place, &param.ty, self.diagnostics),
            variadic: param.variadic.is_some(),
            optional: param.default.is_some() || param.variadic.is_some(),
        }
    }

    /// A type parameter that no parameter speaks of could never be known.
    fn type_params(&mut self, source: SourceId, func: &ast::FuncDecl, params: &[Param], names: &[EcoString]) {
        let mut seen = FxHashMap::default();
        for (declared, name) in func.type_params.iter().zip(names) {
            self.once(source, &mut seen, declared, &func.name.text);
            if !params.iter().any(|param| mentions(&param.ty, name)) {
                let at = Location { source, span: declared.span };
                let message = format!("no parameter of `{}` says what `{name}` is", func.name.text);
                self.diagnostics.push(
                    Diagnostic::error(codes::TYPE_PARAMETER, at, message)
                        .help(format!("use `{name}` in the type of a parameter, or remove it")),
                );
            }
        }
    }

    fn once(&mut self, source: SourceId, seen: &mut FxHashMap<EcoString, Span>, name: &ast::Ident, of: &str) {
        if let Some(before) = seen.insert(name.text.clone(), name.span) {
            let at = Location { source, span: name.span };
            self.diagnostics.push(
                Diagnostic::error(codes::REDEFINED, at, format!("`{}` is defined twice in `{of}`", name.text))
                    .also(Location { source, span: before }, "first defined here"),
            );
        }
    }

    fn fields(&mut self, id: RecordId, module: ModuleId, source: SourceId, record: &ast::RecordDecl) {
        let place = TypePlace { module, source, params: &[] };
        let mut seen = FxHashMap::default();
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            self.once(source, &mut seen, &field.name, &record.name.text);
            fields.push(Param {
                name: field.name.clone(),
                ty: self.declared.written_type(place, &field.ty, self.diagnostics),
                variadic: false,
                optional: field.default.is_some() || matches!(field.ty, ast::TypeExpr::Optional(..)),
            });
        }
        if let Some(record) = self.declared.program.records.get_mut(id.0) {
            record.fields = fields;
        }
    }

    /// Which records are data: those whose fields all are. A record that holds itself in a list is, as far as the rest of it is.
    pub(super) fn find_data(&mut self) {
        loop {
            let program = &self.declared.program;
            let other = |record: &crate::hir::Record| record.fields.iter().any(|field| !program.is_data(&field.ty));
            let found: Vec<usize> = (program.records.iter().enumerate())
                .filter(|(_, record)| record.data && other(record))
                .map(|(id, _)| id)
                .collect();
            if found.is_empty() {
                return;
            }
            for id in found {
                if let Some(record) = self.declared.program.records.get_mut(id) {
                    record.data = false;
                }
            }
        }
    }

    /// A record that holds itself has no end, unless it may hold none.
    pub(super) fn report_record_cycles(&mut self) {
        let records = &self.declared.program.records;
        let mut edges: Vec<Vec<(usize, Location)>> = Vec::with_capacity(records.len());
        for record in records {
            let mut to = Vec::new();
            for field in &record.fields {
                if let Some(at) = self.declared.program.at(record.module, &field.name) {
                    // Lists and maps may be empty, an optional may be none, and a function makes its value later.
                    if let Type::Record(id, _) = &field.ty {
                        to.push((id.0, at));
                    }
                }
            }
            edges.push(to);
        }
        for cycle in crate::cycle::cycles(&edges) {
            let names: Vec<&str> =
                cycle.iter().filter_map(|(id, _)| records.get(*id)).map(|it| it.name.text.as_str()).collect();
            let Some((first, (_, at))) = names.first().zip(cycle.first()) else { continue };
            let message = if names.len() == 1 {
                format!("`{first}` holds itself")
            } else {
                format!("these types hold one another: {} -> {first}", names.join(" -> "))
            };
            let diagnostic = Diagnostic::error(codes::RECORD_CYCLE, *at, message);
            self.diagnostics.push(diagnostic.help("hold a name or a list of names, and the records in a map"));
        }
    }
}

fn mentions(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Var(var) => var == name,
        Type::List(item) | Type::Map(item) | Type::Optional(item) => mentions(item, name),
        Type::Func(func) => func.params.iter().any(|param| mentions(param, name)) || mentions(&func.result, name),
        _ => false,
    }
}
