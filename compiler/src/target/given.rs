//! From texts of a command line to values.
//!
//! Owns which types a command line can give, and what is said of texts that are none of them.

use ecow::EcoString;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::{Found, TargetCall};
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail};
use crate::hir::{EnumId, Func, Param};
use crate::types::Type;
use crate::{Checked, builtins, check, codes, suggest};

impl Checked {
    /// The values for the parameters of a target, in their order; none where the command line gives none.
    pub(crate) fn given(
        &self,
        evaluator: &mut Evaluator<'_>,
        found: &Found<'_>,
        call: &TargetCall,
    ) -> Result<Vec<Option<Value>>, Fail> {
        let params: &[Param] = found.func.map_or(&[], |func| &func.signature.params);
        for (name, _) in &call.args {
            if !params.iter().any(|param| param.name.text == name.as_str()) {
                return Err(Box::new(no_parameter(found, call, name, params)));
            }
        }
        let mut values = Vec::with_capacity(params.len());
        for param in params {
            let given: Vec<&String> = call
                .args
                .iter()
                .filter(|(name, _)| param.name.text == name.as_str())
                .flat_map(|(_, texts)| texts)
                .collect();
            let named = call.args.iter().any(|(name, _)| param.name.text == name.as_str());
            let at = found.func.and_then(|func| self.program.at(func.module, &param.name)).unwrap_or(found.at);
            if !named {
                if !param.optional {
                    return Err(Box::new(missing(found.func, call, params, at, param)));
                }
                values.push(None);
                continue;
            }
            values.push(Some(self.read(evaluator, &param.value_type(), param, &given, at)?));
        }
        Ok(values)
    }

    fn read(
        &self,
        evaluator: &mut Evaluator<'_>,
        ty: &Type,
        param: &Param,
        texts: &[&String],
        at: Location,
    ) -> Result<Value, Fail> {
        if let Type::List(item) = ty {
            let mut items = Vec::with_capacity(texts.len());
            for text in texts {
                items.push(self.read(evaluator, item, param, &[text], at)?);
            }
            return Ok(Value::list(items));
        }
        if let Type::Optional(inner) = ty {
            return self.read(evaluator, inner, param, texts, at);
        }
        let name = &param.name.text;
        let refuse = |message: String| Diagnostic::error(codes::TARGET_ARGUMENTS, at, message);
        let text = match texts {
            [] if *ty == Type::Bool => return Ok(Value::Bool(true)),
            [] => return Err(Box::new(refuse(format!("`--{name}` needs a value of type `{ty}`")))),
            [text] => text.as_str(),
            _ => {
                let message = format!("`--{name}` is given {} times, and takes one value", texts.len());
                return Err(Box::new(refuse(message)));
            }
        };
        match ty {
            Type::String => Ok(Value::Text(text.into())),
            Type::Int => match number(text) {
                Some(number) => Ok(Value::Int(number)),
                None => {
                    let refused = refuse(format!("`--{name}` takes a whole number, and `{text}` is none"));
                    Err(Box::new(refused.help(format!("write one as in a program: `--{name} 4`"))))
                }
            },
            Type::Bool => match text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => {
                    let refused = refuse(format!("`--{name}` takes `true` or `false`, and not `{text}`"));
                    Err(Box::new(refused.help(format!("`--{name}` alone is `true`"))))
                }
            },
            Type::Enum(id, _) => self.variant(*id, name, text, at),
            Type::Fs => builtins::local_dir(evaluator, text, at),
            other => Err(Box::new(
                refuse(format!("a value of type `{other}` cannot be given on the command line"))
                    .help("write a function that makes it, and build that"),
            )),
        }
    }

    fn variant(&self, id: EnumId, name: &EcoString, text: &str, at: Location) -> Result<Value, Fail> {
        let words = self.words(&Type::Enum(id, EcoString::new()));
        if let Some(index) = words.iter().position(|word| word == text) {
            return Ok(Value::Variant(id, index));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let message = format!("`--{name}` takes {}, and not `{text}`", check::list(&words).replace(" and ", " or "));
        let diagnostic = Diagnostic::error(codes::TARGET_ARGUMENTS, at, message);
        Err(Box::new(match suggest::nearest(text, words.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        }))
    }
}

/// A number as the language writes it, with or without a sign.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let value = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => i64::from_str_radix(digits.get(2..)?, 16).ok()?,
        Some("0o") => i64::from_str_radix(digits.get(2..)?, 8).ok()?,
        Some("0b") => i64::from_str_radix(digits.get(2..)?, 2).ok()?,
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    Some(sign * value)
}

fn no_parameter(found: &Found<'_>, call: &TargetCall, name: &str, params: &[Param]) -> Diagnostic {
    let message = format!("the target `{}` has no parameter `{name}`", call.name);
    let diagnostic = Diagnostic::error(codes::TARGET_ARGUMENTS, found.at, message);
    let names: Vec<&str> = params.iter().map(|param| param.name.text.as_str()).collect();
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `--{near}`?")),
        None if names.is_empty() => diagnostic.help("it takes nothing from the command line"),
        None => diagnostic.help(format!("it has {}", check::list(&names))),
    }
}

fn missing(func: Option<&Func>, call: &TargetCall, params: &[Param], at: Location, param: &Param) -> Diagnostic {
    let needed: Vec<String> = params
        .iter()
        .filter(|param| !param.optional)
        .map(|param| format!("--{} {}", param.name.text, param.ty.to_string().to_uppercase()))
        .collect();
    let name = func.map_or(call.name.as_str(), |func| func.name.text.as_str());
    let message = format!("`{name}` needs a value for its parameter `{}`", param.name.text);
    Diagnostic::error(codes::TARGET_ARGUMENTS, at, message).help(format!(
        "give it on the command line: `{} {}`",
        call.name,
        needed.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_as_the_language_writes_them() {
        for (text, value) in [
            ("12", Some(12)),
            ("-3", Some(-3)),
            ("0o755", Some(493)),
            ("0xfF", Some(255)),
            ("", None),
            ("1a", None),
            ("-", None),
            ("+1", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
