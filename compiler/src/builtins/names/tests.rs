//! Declarations and code in pairs.

use hlb_language::ast::{Decl, TypeExpr};
use hlb_language::source::SourceId;

use super::*;

#[test]
fn every_declaration_has_code_and_all_code_is_declared() {
    let declared: Vec<&str> = hlb_stdlib::NAMESPACES.iter().map(|(name, _)| *name).collect();
    let code: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    assert_eq!((NAMESPACES, code.as_slice()), (declared.as_slice(), declared.as_slice()));
    for ((namespace, table), (_, text)) in TABLES.iter().zip(hlb_stdlib::NAMESPACES) {
        let parsed = hlb_language::parse(SourceId(0), text);
        assert_eq!(parsed.diagnostics, []);
        let mut found: Vec<&str> = Vec::new();
        for decl in &parsed.module.decls {
            let Decl::Func(func) = decl else { panic!("only functions are declared: {decl:?}") };
            let name = func.name.text.as_str();
            let doc = func.doc.as_deref().unwrap_or_default();
            assert!(func.body.is_none(), "`{namespace}.{name}` has a body");
            assert!(func.options.is_none(), "`{namespace}.{name}` takes options");
            assert!(!found.contains(&name), "`{namespace}.{name}` is declared twice");
            assert!(implementation(namespace, name).is_some(), "`{namespace}.{name}` has no code");
            for param in &func.params {
                let told = doc.contains(&format!("@param {} ", param.name.text));
                assert!(told, "`{namespace}.{name}` does not tell of `{}`", param.name.text);
            }
            for (index, _) in rules(namespace, name) {
                let ty = func.params.get(index).and_then(|param| param.ty.name()).map(|name| name.text.as_str());
                assert_eq!(ty, Some("string"), "`{namespace}.{name}`: the rule of argument {index}");
            }
            // What a method is called on is the first argument.
            let first = func.params.first().map(|param| &param.ty);
            match *namespace {
                "list" if name != "range" => assert!(matches!(first, Some(TypeExpr::List(..))), "`list.{name}`"),
                "map" => assert!(matches!(first, Some(TypeExpr::Map(..))), "`map.{name}`"),
                _ => {}
            }
            found.push(name);
        }
        let code: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        assert_eq!(code, found, "`{namespace}`: the code is in the order of the declarations");
    }
    for (namespace, name, ..) in RULES {
        assert!(implementation(namespace, name).is_some(), "`{namespace}.{name}` has a rule but no code");
    }
}

#[test]
fn only_the_environment_is_an_effect_of_values() {
    for (namespace, table) in TABLES.iter().filter(|(namespace, _)| *namespace != "image") {
        for (name, _) in *table {
            let expected = *namespace == "env" || (*namespace, *name) == ("time", "epoch");
            assert_eq!(effects(namespace, name).has(Effect::Env), expected, "{namespace}.{name}");
            assert!(effects(namespace, name).without(Effects::just(Effect::Env)).is_empty());
        }
    }
}
