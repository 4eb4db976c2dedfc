//! Values as text.
//!
//! Owns how a value reads in a text, and as it would be written in a program.

use super::limit::{MAX_LOOKS, MAX_TEXT};
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

/// A value as it would be written; what cannot be written is named, and what has no end is cut off.
pub(crate) fn literal(program: &Program, value: &Value, ty: &Type) -> String {
    let mut writer = Writer { program, out: String::new(), looks: MAX_LOOKS, most: 4 * MAX_TEXT };
    writer.write(value, ty);
    writer.out
}

/// A value for a message: what does not fit into a line is cut.
pub(crate) fn beginning(program: &Program, value: &Value, ty: &Type) -> String {
    upto(program, value, ty, 200)
}

/// A value as it would be written, cut behind so many characters.
pub(crate) fn upto(program: &Program, value: &Value, ty: &Type, most: usize) -> String {
    let mut writer = Writer { program, out: String::new(), looks: MAX_LOOKS, most: 4 * most };
    writer.write(value, ty);
    match writer.out.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", writer.out.get(..end).unwrap_or("")),
        None => writer.out,
    }
}

/// Writes values until there are too many.
struct Writer<'p> {
    program: &'p Program,
    out: String,
    /// How many values may still be looked at.
    looks: usize,
    /// How long the text may become.
    most: usize,
}

impl Writer<'_> {
    /// Whether more is to be written; says so if not.
    fn goes_on(&mut self) -> bool {
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        if self.looks == 0 || self.out.len() > self.most {
            self.looks = 0;
            self.out.push('…');
        }
        self.looks > 0
    }

    fn write(&mut self, value: &Value, ty: &Type) {
        if !self.goes_on() {
            return;
        }
        let program = self.program;
        match value {
            Value::Nil => self.out.push_str(match ty {
                Type::Int => "0",
                Type::Bool => "false",
                Type::String => "\"\"",
                Type::List(_) => "[]",
                Type::Map(_) => "{}",
                Type::Fs => "scratch",
                _ => "none",
            }),
            Value::None => self.out.push_str("none"),
            Value::Text(text) => self.out.push_str(&quoted(text)),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::Bool(value) => self.out.push_str(&value.to_string()),
            Value::Variant(id, index) => {
                let name = program.enumeration(*id).map_or("", |it| it.name.text.as_str());
                self.out.push_str(&format!("{name}.{}", program.variant(*id, *index)));
            }
            Value::List(items) => {
                let item = match ty {
                    Type::List(item) => item,
                    _ => ty,
                };
                self.row("[", items.iter().map(|value| (String::new(), value, item)), "]");
            }
            Value::Map(map) => {
                let item = match ty {
                    Type::Map(item) => item,
                    _ => ty,
                };
                self.row("{", map.iter().map(|(key, value)| (format!("{} = ", quoted(key)), value, item)), "}");
            }
            Value::Record(id, fields) => {
                let Some(record) = program.record(*id) else { return };
                self.out.push_str(&record.name.text);
                let fields = record.fields.iter().zip(fields.iter());
                self.row("(", fields.map(|(field, value)| (format!("{} = ", field.name.text), value, &field.ty)), ")");
            }
            Value::Func(func) => self.func(*func),
            Value::Fs(_) => self.out.push_str("fs { … }"),
            Value::Options(_) => self.out.push_str("option { … }"),
            Value::Plan(_) => self.out.push_str("pipeline { … }"),
        }
    }

    /// Values side by side, each behind its name.
    fn row<'v>(&mut self, open: &str, values: impl Iterator<Item = (String, &'v Value, &'v Type)>, close: &str) {
        self.out.push_str(open);
        for (at, (name, value, ty)) in values.enumerate() {
            if self.looks == 0 {
                break;
            }
            if at > 0 {
                self.out.push_str(", ");
            }
            self.out.push_str(&name);
            self.write(value, ty);
        }
        self.out.push_str(close);
    }

    fn func(&mut self, func: FuncValue) {
        let program = self.program;
        match func {
            FuncValue::Named(id) => self.out.push_str(program.func(id).map_or("", |it| it.name.text.as_str())),
            FuncValue::Builtin(id) => {
                let Some(builtin) = program.builtin(id) else { return };
                if !builtin.namespace.is_empty() {
                    self.out.push_str(builtin.namespace);
                    self.out.push('.');
                }
                self.out.push_str(&builtin.name.text);
            }
            FuncValue::Lambda(..) => self.out.push_str("fn(…) { … }"),
        }
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
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '$' if rest.peek() == Some(&'{') => out.push_str("\\$"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
