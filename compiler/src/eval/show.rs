//! Values as text.
//!
//! Owns how a value reads in a text, and as it would be written in a program.

use super::value::{FuncValue, Value};
use crate::hir::Program;
use crate::types::Type;

/// The text of a value in a text; the empty value of a type that is no text is `0` or `false`.
pub(crate) fn display(program: &Program, value: &Value, ty: &Type) -> String {
    match (value, ty) {
        (Value::Text(text), _) => text.to_string(),
        (Value::Int(value), _) => value.to_string(),
        (Value::Bool(value), _) => value.to_string(),
        (Value::Variant(id, index), _) => program.variant(*id, *index).to_owned(),
        (_, Type::Int) => "0".to_owned(),
        (_, Type::Bool) => "false".to_owned(),
        _ => String::new(),
    }
}

/// A value as it would be written; what cannot be written is named.
pub(crate) fn literal(program: &Program, value: &Value, ty: &Type) -> String {
    match value {
        Value::Nil => match ty {
            Type::Int => "0".to_owned(),
            Type::Bool => "false".to_owned(),
            Type::String => "\"\"".to_owned(),
            Type::List(_) => "[]".to_owned(),
            Type::Map(_) => "{}".to_owned(),
            Type::Fs => "scratch".to_owned(),
            _ => "none".to_owned(),
        },
        Value::None => "none".to_owned(),
        Value::Text(text) => quoted(text),
        Value::Int(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Variant(id, index) => {
            let name = program.enumeration(*id).map_or("", |it| it.name.text.as_str());
            format!("{name}.{}", program.variant(*id, *index))
        }
        Value::List(items) => {
            let item = match ty {
                Type::List(item) => item,
                _ => ty,
            };
            let shown: Vec<String> = items.iter().map(|value| literal(program, value, item)).collect();
            format!("[{}]", shown.join(", "))
        }
        Value::Map(map) => {
            let item = match ty {
                Type::Map(item) => item,
                _ => ty,
            };
            let shown = map.iter().map(|(key, value)| format!("{} = {}", quoted(key), literal(program, value, item)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
        Value::Record(id, fields) => {
            let Some(record) = program.record(*id) else { return String::new() };
            let shown = record.fields.iter().zip(fields.iter());
            let shown = shown.map(|(field, value)| format!("{} = {}", field.name.text, literal(program, value, &field.ty)));
            format!("{}({})", record.name.text, shown.collect::<Vec<_>>().join(", "))
        }
        Value::Func(FuncValue::Named(id)) => program.func(*id).map(|it| it.name.text.to_string()).unwrap_or_default(),
        Value::Func(FuncValue::Builtin(id)) => program
            .builtin(*id)
            .map(|it| if it.namespace.is_empty() { it.name.text.to_string() } else { format!("{}.{}", it.namespace, it.name.text) })
            .unwrap_or_default(),
        Value::Func(FuncValue::Lambda(..)) => "fn(…) { … }".to_owned(),
        Value::Fs(_) => "fs { … }".to_owned(),
        Value::Options(_) => "option { … }".to_owned(),
        Value::Plan(_) => "pipeline { … }".to_owned(),
    }
}

/// A text as a string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '$' if rest.peek() == Some(&'{') => out.push_str("\\$"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
