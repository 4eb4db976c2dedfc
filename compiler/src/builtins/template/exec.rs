//! Filling in a template.
//!
//! Owns values, truth, comparison and the functions. The only fields there are hold texts.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::TemplateError;
use super::parse::{Base, Branch, Node, Operand, Pipeline};
use crate::builtins::printf;

/// More output than this is a slip, and would only fill the memory.
const MAX_OUTPUT: usize = 64 << 20;

/// Fills in the tree.
pub(super) fn execute(tree: &[Node], fields: BTreeMap<String, String>) -> Result<String, TemplateError> {
    let root = Value::Map(Rc::new(fields));
    let mut run = Run { out: String::new(), variables: vec![(String::new(), root.clone())], steps: 0 };
    run.nodes(tree, &root)?;
    Ok(run.out)
}

#[derive(Clone, Debug)]
enum Value {
    /// What a missing field gives.
    Missing,
    Nil,
    Text(Rc<str>),
    Int(i64),
    Bool(bool),
    Map(Rc<BTreeMap<String, String>>),
}

enum Flow {
    Next,
    Break,
    Continue,
}

struct Run {
    out: String,
    /// Innermost last; the first is `$`.
    variables: Vec<(String, Value)>,
    steps: usize,
}

impl Run {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        for node in nodes {
            let flow = self.node(node, dot)?;
            if !matches!(flow, Flow::Next) {
                self.variables.truncate(scope);
                return Ok(flow);
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.out.push_str(&value.print());
                }
                if self.out.len() > MAX_OUTPUT {
                    return Err(TemplateError::new(pipeline.line, "the result is longer than 64 MiB"));
                }
            }
            Node::If(branch) => return self.choice(branch, dot, false),
            Node::With(branch) => return self.choice(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn choice(&mut self, branch: &Branch, dot: &Value, with: bool) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let flow = if value.truth() {
            self.nodes(&branch.body, if with { &value } else { dot })
        } else {
            self.nodes(&branch.otherwise, dot)
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, TemplateError> {
        let line = branch.pipeline.line;
        let value = self.value(&branch.pipeline, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::Map(map) => map.iter().map(|(key, value)| (Value::text(key), Value::text(value))).collect(),
            Value::Int(count) => {
                let limited = (*count).clamp(0, 1_000_000);
                (0..limited).map(|item| (Value::Int(item), Value::Int(item))).collect()
            }
            Value::Nil | Value::Missing => Vec::new(),
            other => return Err(TemplateError::new(line, format!("`range` cannot go over {}", other.kind()))),
        };
        if items.is_empty() {
            return self.nodes(&branch.otherwise, dot);
        }
        let scope = self.variables.len();
        for (key, item) in items {
            self.steps += 1;
            if self.steps > 10_000_000 {
                return Err(TemplateError::new(line, "the loops take too many steps"));
            }
            let pairs: Vec<(String, Value)> = match branch.pipeline.variables.as_slice() {
                [] => Vec::new(),
                [only] => vec![(only.clone(), item.clone())],
                [first, second, ..] => vec![(first.clone(), key), (second.clone(), item.clone())],
            };
            if branch.pipeline.declares {
                self.variables.extend(pairs);
            } else {
                for (name, value) in pairs {
                    self.assign(&name, value, line)?;
                }
            }
            let flow = self.nodes(&branch.body, &item)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// The value of a pipeline, given to its variables too.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.value(pipeline, dot)?;
        for name in &pipeline.variables {
            if pipeline.declares {
                self.variables.push((name.clone(), value.clone()));
            } else {
                self.assign(name, value.clone(), pipeline.line)?;
            }
        }
        Ok(value)
    }

    fn assign(&mut self, name: &str, value: Value, line: usize) -> Result<(), TemplateError> {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(TemplateError::new(line, format!("there is no variable `${name}`"))),
        }
    }

    fn value(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last, pipeline.line)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        command: &[Operand],
        dot: &Value,
        last: Option<Value>,
        line: usize,
    ) -> Result<Value, TemplateError> {
        let Some((first, rest)) = command.split_first() else { return Ok(Value::Nil) };
        if let Base::Function(name) = &first.base {
            if matches!(name.as_str(), "and" | "or") {
                return self.logic(name == "and", rest, dot, last, line);
            }
            let mut args = Vec::with_capacity(rest.len() + 1);
            for operand in rest {
                args.push(self.operand(operand, dot, line)?);
            }
            args.extend(last);
            let value = function(name, &args).map_err(|message| TemplateError::new(line, message))?;
            return field(value, &first.fields, line);
        }
        if !rest.is_empty() || last.is_some() {
            return Err(TemplateError::new(line, "only a function can be given values"));
        }
        self.operand(first, dot, line)
    }

    /// `and` and `or`, which look at no more than they need.
    fn logic(
        &mut self,
        all: bool,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
        line: usize,
    ) -> Result<Value, TemplateError> {
        let mut value = None;
        for operand in operands {
            let next = self.operand(operand, dot, line)?;
            let decided = next.truth() != all;
            value = Some(next);
            if decided {
                return Ok(value.unwrap_or(Value::Nil));
            }
        }
        last.or(value).ok_or_else(|| TemplateError::new(line, "`and` and `or` take at least 1 value"))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value, line: usize) -> Result<Value, TemplateError> {
        let base = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Variable(name) => match self.variables.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => return Err(TemplateError::new(line, format!("there is no variable `${name}`"))),
            },
            Base::Text(text) => Value::text(text),
            Base::Int(value) => Value::Int(*value),
            Base::Bool(value) => Value::Bool(*value),
            Base::Nil => Value::Nil,
            Base::Function(name) => function(name, &[]).map_err(|message| TemplateError::new(line, message))?,
            Base::Pipeline(inner) => {
                let scope = self.variables.len();
                let value = self.pipeline(inner, dot)?;
                self.variables.truncate(scope);
                value
            }
        };
        field(base, &operand.fields, line)
    }
}

fn field(mut value: Value, fields: &[String], line: usize) -> Result<Value, TemplateError> {
    for name in fields {
        value = match &value {
            Value::Map(map) => map.get(name).map_or(Value::Missing, |text| Value::text(text)),
            Value::Nil | Value::Missing => {
                return Err(TemplateError::new(line, format!("nothing has no field `{name}`")));
            }
            other => return Err(TemplateError::new(line, format!("{} has no field `{name}`", other.kind()))),
        };
    }
    Ok(value)
}

fn function(name: &str, args: &[Value]) -> Result<Value, String> {
    let count = |wanted: usize| {
        if args.len() == wanted {
            Ok(())
        } else {
            let values = if wanted == 1 { "value" } else { "values" };
            Err(format!("`{name}` takes {wanted} {values}, found {}", args.len()))
        }
    };
    match (name, args) {
        ("not", _) => {
            count(1)?;
            Ok(Value::Bool(!args.iter().any(Value::truth)))
        }
        ("len", _) => {
            count(1)?;
            match args.first() {
                Some(Value::Text(text)) => Ok(Value::Int(i64::try_from(text.len()).unwrap_or(i64::MAX))),
                Some(Value::Map(map)) => Ok(Value::Int(i64::try_from(map.len()).unwrap_or(i64::MAX))),
                other => Err(format!("{} has no length", other.map_or("nothing", Value::kind))),
            }
        }
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            for other in rest {
                if equal(name, first, other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        ("ne", [left, right]) => Ok(Value::Bool(!equal(name, left, right)?)),
        ("lt" | "le" | "gt" | "ge", [left, right]) => {
            let order = compare(name, left, right)?;
            Ok(Value::Bool(match name {
                "lt" => order == Ordering::Less,
                "le" => order != Ordering::Greater,
                "gt" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        ("eq" | "ne" | "lt" | "le" | "gt" | "ge", _) => Err(format!("`{name}` takes 2 values, found {}", args.len())),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), |value, key| index(&value, key)),
        ("slice", [Value::Text(text), bounds @ ..]) if bounds.len() <= 2 => slice(text, bounds),
        ("print", _) => Ok(Value::text(&print(args))),
        ("println", _) => {
            let shown: Vec<String> = args.iter().map(Value::print).collect();
            Ok(Value::text(&format!("{}\n", shown.join(" "))))
        }
        ("printf", [Value::Text(format), values @ ..]) => Ok(Value::text(&printf(format, values))),
        ("printf", _) => Err("`printf` takes a format".to_owned()),
        ("html" | "js" | "urlquery" | "call" | "slice", _) => {
            Err(format!("the function `{name}` is not supported yet"))
        }
        _ => Err(format!("there is no function `{name}`")),
    }
}

/// Values beside one another, with a space between two of which neither is a string.
fn print(args: &[Value]) -> String {
    let mut out = String::new();
    let mut spaced = false;
    for arg in args {
        let text = matches!(arg, Value::Text(_));
        if spaced && !text {
            out.push(' ');
        }
        out.push_str(&arg.print());
        spaced = !text;
    }
    out
}

/// `Sprintf` with numbers: those verbs are turned into texts first.
fn printf(format: &str, values: &[Value]) -> String {
    let mut adapted = String::new();
    let mut texts = Vec::new();
    let mut rest = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(ch) = chars.next() {
        adapted.push(ch);
        if ch != '%' {
            continue;
        }
        while let Some(flag) = chars.next_if(|ch| "+-# 0123456789.".contains(*ch)) {
            adapted.push(flag);
        }
        let Some(verb) = chars.next() else { break };
        if verb == '%' {
            adapted.push(verb);
            continue;
        }
        match (verb, rest.next()) {
            ('d', Some(Value::Int(value))) => {
                adapted.push('s');
                texts.push(value.to_string());
            }
            ('t', Some(Value::Bool(value))) => {
                adapted.push('s');
                texts.push(value.to_string());
            }
            ('v', Some(value)) => {
                adapted.push('s');
                texts.push(value.print());
            }
            (verb, Some(Value::Int(value))) if verb != 'q' => {
                adapted.push('s');
                texts.push(format!("%!{verb}(int={value})"));
            }
            (verb, Some(value)) => {
                adapted.push(verb);
                texts.push(value.print());
            }
            (verb, None) => adapted.push(verb),
        }
    }
    texts.extend(rest.map(Value::print));
    printf::sprintf(&adapted, &texts)
}

fn equal(name: &str, left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Nil | Value::Missing, Value::Nil | Value::Missing) => Ok(true),
        (Value::Nil | Value::Missing, _) | (_, Value::Nil | Value::Missing) => Ok(false),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => compare(name, left, right).map(Ordering::is_eq),
    }
}

fn compare(name: &str, left: &Value, right: &Value) -> Result<Ordering, String> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Ok(left.cmp(right)),
        _ => Err(format!("`{name}` cannot compare {} and {}", left.kind(), right.kind())),
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Map(map), Value::Text(key)) => Ok(map.get(&**key).map_or(Value::Missing, |text| Value::text(text))),
        (Value::Text(text), Value::Int(at)) => {
            let byte = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
            byte.map(|byte| Value::Int(i64::from(*byte))).ok_or_else(|| format!("the index {at} is out of range"))
        }
        _ => Err(format!("{} has no index of {}", value.kind(), key.kind())),
    }
}

fn slice(text: &str, bounds: &[Value]) -> Result<Value, String> {
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Some(default),
        Some(Value::Int(bound)) => usize::try_from(*bound).ok(),
        Some(_) => None,
    };
    let range = bound(0, 0).zip(bound(1, text.len()));
    let part = range.and_then(|(from, to)| text.get(from..to));
    part.map(Value::text).ok_or_else(|| "the bounds of `slice` are out of range".to_owned())
}

impl Value {
    fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Text(text) => !text.is_empty(),
            Self::Int(value) => *value != 0,
            Self::Bool(value) => *value,
            Self::Map(map) => !map.is_empty(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "nothing",
            Self::Text(_) => "string",
            Self::Int(_) => "int",
            Self::Bool(_) => "bool",
            Self::Map(_) => "map",
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Missing => "<no value>".to_owned(),
            Self::Nil => "<nil>".to_owned(),
            Self::Text(text) => text.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Map(map) => {
                let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("map[{}]", pairs.join(" "))
            }
        }
    }
}
