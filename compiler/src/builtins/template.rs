//! Templates in the language of Go's `text/template`, as far as texts need it.
//!
//! Owns the façade and its errors: `parse` makes a tree of a text, `exec` fills it in. Left out, with an error that says so:
//! named templates (`define`, `template`, `block`) and functions that only HTML or calls need.

mod exec;
mod lex;
mod parse;

use std::collections::BTreeMap;

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(super) struct TemplateError {
    line: usize,
    message: String,
}

impl TemplateError {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The template with its fields put in.
pub(super) fn render(text: &str, fields: BTreeMap<String, String>) -> Result<String, TemplateError> {
    let tree = parse::parse(text)?;
    exec::execute(&tree, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let fields = [("name", "hlb"), ("mode", "fast"), ("empty", ""), ("n", "3")];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let got = render(text, fields).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn fields_are_put_in() {
        check("a {{.name}} b", Ok("a hlb b"));
        check("{{ .name }}{{.name}}", Ok("hlbhlb"));
        check("{{.nope}}", Ok("<no value>"));
        check("{{/* no */}}x{{- /* no */ -}} y", Ok("xy"));
        check("a {{- .name -}}  \n b", Ok("ahlbb"));
        check("{{\"quo\\\"ted\"}} {{`raw\\n`}} {{'a'}} {{12}} {{0x10}} {{true}}", Ok("quo\"ted raw\\n 97 12 16 true"));
        check("no actions { } }}", Ok("no actions { } }}"));
        check("", Ok(""));
    }

    #[test]
    fn conditions_choose() {
        check("{{if .empty}}a{{else}}b{{end}}", Ok("b"));
        check("{{if eq .mode \"slow\"}}a{{else if eq .mode \"quick\" \"fast\"}}b{{else}}c{{end}}", Ok("b"));
        check("{{if and .name (not .empty)}}y{{end}}{{if or .empty .nope}}n{{end}}", Ok("y"));
        check("{{if ne .mode \"x\"}}1{{end}}{{if lt 1 2}}2{{end}}{{if ge .name \"a\"}}3{{end}}", Ok("123"));
        check("{{with .name}}[{{.}}]{{end}}{{with .nope}}x{{else}}y{{end}}", Ok("[hlb]y"));
        check("{{with $x := .name}}{{$x}}{{$.mode}}{{end}}", Ok("hlbfast"));
        check("{{if eq .nope \"x\"}}a{{else}}b{{end}}", Ok("b"));
        check("{{and .empty .mode}}|{{or .empty .mode}}", Ok("|fast"));
    }

    #[test]
    fn pipelines_variables_and_loops_work() {
        check("{{.name | printf \"%s-%s\" .mode}}", Ok("fast-hlb"));
        check(
            "{{$x := .name}}{{$y := $x}}{{if true}}{{$y = \"in\"}}{{$x := \"own\"}}{{$x}}{{end}}{{$x}}{{$y}}",
            Ok("ownhlbin"),
        );
        check("{{range $k, $v := .}}{{$k}}={{$v}};{{end}}", Ok("empty=;mode=fast;n=3;name=hlb;"));
        check("{{range .}}{{.}},{{end}}", Ok(",fast,3,hlb,"));
        check("{{range .nope}}x{{else}}none{{end}}", Ok("none"));
        check(
            "{{range $i := 5}}{{if eq $i 1}}{{continue}}{{end}}{{if eq $i 3}}{{break}}{{end}}{{$i}}{{end}}",
            Ok("02"),
        );
        check("{{len .name}} {{len .}} {{index . \"mode\"}} {{index .name 0}}", Ok("3 4 fast 104"));
        check("{{print 1 2 \"a\" \"b\" 3}}|{{println \"a\" 1}}", Ok("1 2ab3|a 1\n"));
        check("{{printf \"%d %5.1s|%q %v\" 7 .name .mode true}}", Ok("7     h|\"fast\" true"));
        check("{{slice .name 1 2}}", Ok("l"));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        check("{{.a", Err("line 1: an action is not closed"));
        check("\n{{if .a}}", Err("line 2: `if` has no `{{end}}`"));
        check("{{end}}", Err("line 1: `end` without anything to end"));
        check("{{nope .a}}", Err("line 1: there is no function `nope`"));
        check("a\n{{$x}}", Err("line 2: there is no variable `$x`"));
        check("{{define \"x\"}}{{end}}", Err("line 1: `define` is not supported yet"));
        check("{{html .name}}", Err("line 1: the function `html` is not supported yet"));
        check("{{lt 1 \"a\"}}", Err("line 1: `lt` cannot compare int and string"));
        check("{{range .name}}{{end}}", Err("line 1: `range` cannot go over string"));
        check("{{.name.x}}", Err("line 1: string has no field `x`"));
        check("{{index .name 9}}", Err("line 1: the index 9 is out of range"));
        check("{{\"a}}", Err("line 1: a string is not closed"));
        check("{{}}", Err("line 1: a value is missing"));
        check("{{/* x }}", Err("line 1: a comment is not closed"));
        check("{{break}}", Err("line 1: `break` stands outside `range`"));
        check(&"{{if true}}".repeat(500), Err("line 1: actions are nested too deep"));
        check(&format!("{{{{{}1}}}}", "(".repeat(500)), Err("line 1: parentheses are nested too deep"));
        check("{{not 1 2}}", Err("line 1: `not` takes 1 value, found 2"));
    }
}
