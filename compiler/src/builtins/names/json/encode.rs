//! Values as JSON.
//!
//! Owns what each type of the language is in JSON, and that the text does not grow beyond its limit.

use std::io;

use serde::ser::{Error, Serialize, Serializer};
use serde_json::ser::PrettyFormatter;

use crate::builtins::names::refusal::Refusal;
use crate::eval::MAX_TEXT;
use crate::eval::value::Value;
use crate::hir::Program;

/// A checked value of a program.
pub(super) struct Data<'p, 'v> {
    pub(super) program: &'p Program,
    pub(super) value: &'v Value,
}

/// Something as JSON, each level indented by so many spaces; in one line without any.
pub(super) fn encode(data: &impl Serialize, indent: usize) -> Result<Value, Refusal> {
    let mut out = Limited(Vec::new());
    let made = if indent == 0 {
        serde_json::to_writer(&mut out, data)
    } else {
        let spaces = b" ".repeat(indent);
        let formatter = PrettyFormatter::with_indent(&spaces);
        data.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
    };
    match made {
        Ok(()) => Ok(Value::Text(String::from_utf8(out.0).unwrap_or_default().into())),
        Err(error) if error.is_io() => Err(Refusal::long_text()),
        Err(error) => Err(Refusal::new(format!("the value cannot be written as JSON: {error}"))),
    }
}

impl Data<'_, '_> {
    fn of<'v>(&self, value: &'v Value) -> Data<'_, 'v> {
        Data { program: self.program, value }
    }
}

impl Serialize for Data<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Nil | Value::None => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Variant(id, index) => serializer.serialize_str(self.program.variant(*id, *index)),
            Value::List(items) => serializer.collect_seq(items.iter().map(|item| self.of(item))),
            Value::Map(map) => serializer.collect_map(map.iter().map(|(key, item)| (key.as_str(), self.of(item)))),
            Value::Record(id, items) => {
                let fields = self.program.record(*id).map(|record| record.fields.as_slice()).unwrap_or_default();
                let names = fields.iter().map(|field| field.name.text.as_str());
                serializer.collect_map(names.zip(items.iter().map(|item| self.of(item))))
            }
            Value::Fs(_) | Value::Func(_) | Value::Options(_) | Value::Plan(_) => {
                Err(S::Error::custom("it is no data"))
            }
        }
    }
}

/// Bytes up to the limit of texts.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > MAX_TEXT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn check(value: &Value, indent: usize, expected: &str) {
        let program = Program::default();
        let made = encode(&Data { program: &program, value }, indent);
        assert_eq!(made.map(|made| made.text().to_owned()), Ok(expected.to_owned()));
    }

    #[test]
    fn values_become_json() {
        let text = |text: &str| Value::Text(text.into());
        check(&text("a\"b\n"), 0, r#""a\"b\n""#);
        check(&Value::None, 0, "null");
        let list = Value::list(vec![Value::Int(-1), Value::Bool(true), text("x")]);
        check(&list, 0, r#"[-1,true,"x"]"#);
        let map = Value::Map(Rc::new([("b".into(), list), ("a".into(), Value::list(vec![]))].into_iter().collect()));
        check(&map, 0, r#"{"b":[-1,true,"x"],"a":[]}"#);
        check(&map, 2, "{\n  \"b\": [\n    -1,\n    true,\n    \"x\"\n  ],\n  \"a\": []\n}");
    }

    #[test]
    fn json_does_not_grow_beyond_the_limit() {
        let text = Value::Text("x".repeat(1 << 20).into());
        let program = Program::default();
        let value = Value::list(vec![text; 20]);
        assert!(encode(&Data { program: &program, value: &value }, 0).is_err());
    }
}
