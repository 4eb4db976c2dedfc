//! JSON as Go's `encoding/json` writes it.
//!
//! Owns escapes, order and omission, to the byte: cache keys and attributes of sources are made of such text. Objects
//! have their fields in the order in which they are set, and the `ops` module says which those are for LLB. Knows
//! nothing about keys.

mod ops;

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value whose JSON form is fixed.
pub trait ToJson {
    /// Appends the JSON text.
    fn write_json(&self, out: &mut String);

    /// The JSON text.
    fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }
}

/// An object under construction. The `optional_` methods leave a field out when it has the zero value.
pub struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Begins an object at the end of `out`; `end` closes it.
    pub fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Closes the object.
    pub fn end(self) {
        self.out.push('}');
    }

    /// A field whatever its value.
    pub fn field(&mut self, name: &str, value: &(impl ToJson + ?Sized)) -> &mut Self {
        value.write_json(self.name(name));
        self
    }

    /// A number unless it is 0.
    pub fn optional_number<N: Into<i128> + Copy>(&mut self, name: &str, value: N) -> &mut Self {
        let value = value.into();
        if value != 0 {
            let _ = write!(self.name(name), "{value}");
        }
        self
    }

    /// `true`, or nothing.
    pub fn optional_bool(&mut self, name: &str, value: bool) -> &mut Self {
        if value {
            self.name(name).push_str("true");
        }
        self
    }

    /// A text unless it is empty.
    pub fn optional_text(&mut self, name: &str, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.field(name, value) }
    }

    /// Bytes in Base64 unless there are none.
    pub fn optional_bytes(&mut self, name: &str, value: &[u8]) -> &mut Self {
        if value.is_empty() { self } else { self.field(name, &base64(value)) }
    }

    /// A list unless it is empty.
    pub fn optional_list<T: ToJson>(&mut self, name: &str, values: &[T]) -> &mut Self {
        if values.is_empty() { self } else { self.field(name, values) }
    }

    /// A map unless it is empty.
    pub fn optional_map<V: ToJson>(&mut self, name: &str, values: &BTreeMap<String, V>) -> &mut Self {
        if values.is_empty() {
            return self;
        }
        let mut object = Object::begin(self.name(name));
        for (key, value) in values {
            object.field(key, value);
        }
        object.end();
        self
    }

    /// A value if there is one.
    pub fn optional<T: ToJson>(&mut self, name: &str, value: Option<&T>) -> &mut Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    fn name(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        name.write_json(self.out);
        self.out.push(':');
        self.out
    }
}

/// Bytes as they stand in a JSON text.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A list of texts.
pub fn string_array<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    items.as_slice().to_json()
}

impl ToJson for str {
    fn write_json(&self, out: &mut String) {
        out.push('"');
        for c in self.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                // What could end a script in a page, and what JavaScript takes for the end of a line.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{0}'..='\u{1f}' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                other => out.push(other),
            }
        }
        out.push('"');
    }
}

impl ToJson for &str {
    fn write_json(&self, out: &mut String) {
        str::write_json(self, out);
    }
}

impl ToJson for String {
    fn write_json(&self, out: &mut String) {
        self.as_str().write_json(out);
    }
}

impl ToJson for bool {
    fn write_json(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for i64 {
    fn write_json(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl ToJson for i32 {
    fn write_json(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl<T: ToJson + ?Sized> ToJson for Option<&T> {
    fn write_json(&self, out: &mut String) {
        match self {
            Some(value) => value.write_json(out),
            None => out.push_str("null"),
        }
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write_json(&self, out: &mut String) {
        out.push('[');
        for (position, item) in self.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            item.write_json(out);
        }
        out.push(']');
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn write_json(&self, out: &mut String) {
        self.as_slice().write_json(out);
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write_json(&self, out: &mut String) {
        self.as_slice().write_json(out);
    }
}
