//! Expressions over the names of a moment.
//!
//! Owns what may be asked: names, their parts, literals and operators, which mean what they mean in a program. What would do
//! something is refused when it is read: a moment is past.

use ecow::EcoString;
use hlb_language::ast::{BinaryOp, Decl, Element, Expr, PostfixOp, StringForm, StringLit, StringPart, UnaryOp};
use hlb_language::diagnostic::Location;
use hlb_language::parse;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use super::Trace;
use super::values::Held;
use crate::check::decode;
use crate::deep::deep;
use crate::eval::show::{display, upto};
use crate::eval::value::Value;
use crate::hir::{EnumId, Operator};
use crate::types::Type;

/// How many bytes a question may have. What operators are made of is nested as deep as the text is long.
const LONGEST: usize = 4096;

/// How much of a value that is no text is told in a text.
const TOLD: usize = 200;

/// What is asked at a moment.
#[derive(Debug)]
pub struct Question(Node);

/// What becomes of what the program has not needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unneeded {
    /// It is evaluated now.
    Find,
    /// There is no answer.
    Leave,
}

#[derive(Debug)]
enum Node {
    Known(Value, Type),
    Text(Vec<Node>),
    Name(EcoString),
    Field(Box<Node>, EcoString),
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(Box<Node>, Vec<(BinaryOp, Node)>),
}

impl Question {
    /// Reads what is asked.
    ///
    /// # Errors
    /// Why it cannot be asked, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("an expression has at most {LONGEST} bytes here"));
        }
        let source = format!("let asked = {text}\n");
        let parsed = parse(SourceId(0), &source);
        let broken = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        let mut decls = parsed.module.decls.iter();
        match (broken, decls.next(), decls.next()) {
            (None, Some(Decl::Let(decl)), None) => Reader(&source).node(&decl.value).map(Self),
            (Some(error), ..) if !text.trim().is_empty() => {
                Err(format!("`{text}` is no expression: {}", error.message))
            }
            _ => Err(format!("`{text}` is no expression")),
        }
    }
}

/// Reads trees of a text.
struct Reader<'t>(&'t str);

impl Reader<'_> {
    fn slice(&self, span: Span) -> &str {
        self.0.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn boxed(&self, expr: &Expr) -> Result<Box<Node>, String> {
        self.node(expr).map(Box::new)
    }

    fn node(&self, expr: &Expr) -> Result<Node, String> {
        deep(|| match expr {
            Expr::Int(literal) => Ok(Node::Known(Value::Int(literal.value), Type::Int)),
            Expr::Bool(literal) => Ok(Node::Known(Value::Bool(literal.value), Type::Bool)),
            Expr::None(_) => Ok(Node::Known(Value::None, Type::Never)),
            Expr::String(literal) => self.text(literal),
            Expr::Paren(_, inner) => self.node(inner),
            Expr::Call(call) if call.args.is_none() => {
                let head = Node::Name(call.callee.head.text.clone());
                Ok(match &call.callee.member {
                    Some(member) => Node::Field(Box::new(head), member.text.clone()),
                    None => head,
                })
            }
            Expr::Postfix(postfix) => postfix.ops.iter().try_fold(self.node(&postfix.base)?, |base, op| match op {
                PostfixOp::Field(name) => Ok(Node::Field(Box::new(base), name.text.clone())),
                PostfixOp::Index(_, index) => Ok(Node::Index(Box::new(base), self.boxed(index)?)),
                PostfixOp::Call(..) => Err(refused()),
            }),
            Expr::Unary(unary) => {
                let operand = self.node(&unary.operand)?;
                Ok(unary.ops.iter().rev().fold(operand, |operand, (op, _)| match op {
                    UnaryOp::Not => Node::Not(Box::new(operand)),
                    UnaryOp::Minus => Node::Minus(Box::new(operand)),
                }))
            }
            Expr::Binary(binary) => {
                let rest = binary.rest.iter().map(|(op, _, operand)| Ok((*op, self.node(operand)?)));
                Ok(Node::Binary(self.boxed(&binary.first)?, rest.collect::<Result<_, String>>()?))
            }
            Expr::List(list) => {
                let items = list.elements.iter().map(|element| match element {
                    Element::Value(expr) => self.node(expr),
                    Element::Spread(..) => Err(refused()),
                });
                items.collect::<Result<_, _>>().map(Node::List)
            }
            _ => Err(refused()),
        })
    }

    fn text(&self, literal: &StringLit) -> Result<Node, String> {
        if matches!(literal.form, StringForm::Heredoc { .. }) {
            return Err(refused());
        }
        let known = |text: &str| Node::Known(Value::Text(text.into()), Type::String);
        let parts = literal.parts.iter().map(|part| match part {
            StringPart::Text(span) => Ok(known(self.slice(*span))),
            StringPart::Escape(span) => {
                let escape = self.slice(*span);
                let decoded = decode(escape, false);
                decoded.map(|text| known(&text)).ok_or_else(|| format!("`{escape}` means nothing in a text"))
            }
            StringPart::Interpolation(_, Some(expr)) => self.node(expr),
            StringPart::Interpolation(_, None) => Err("`${}` names nothing".to_owned()),
        });
        parts.collect::<Result<_, _>>().map(Node::Text)
    }
}

fn refused() -> String {
    "only names, their parts, literals and operators can be asked for: the program is not run again".to_owned()
}

/// Where something is asked.
#[derive(Clone, Copy)]
struct Here {
    /// The moment of the frame.
    moment: usize,
    at: Location,
    unneeded: Unneeded,
}

impl<'p> Trace<'p> {
    /// What is asked stands for this at a moment, in one of its frames.
    ///
    /// # Errors
    /// Why it stands for nothing, as a sentence.
    pub fn ask(
        &mut self,
        number: usize,
        frame: usize,
        question: &Question,
        unneeded: Unneeded,
    ) -> Result<super::Variable, String> {
        let (value, ty) = self.answer(number, frame, question, unneeded)?;
        Ok(self.hold(String::new(), Held::Value(value, ty)))
    }

    /// Whether a condition holds at a moment. What the program has not needed has no answer.
    ///
    /// # Errors
    /// Why it has none, as a sentence.
    pub fn holds(&mut self, number: usize, question: &Question) -> Result<bool, String> {
        match self.answer(number, 0, question, Unneeded::Leave)? {
            (Value::Bool(holds), _) => Ok(holds),
            (value, _) => Err(format!("a condition is `true` or `false`, and not {}", kind(&value))),
        }
    }

    /// What is asked as a text reads it, as [`Trace::holds`].
    ///
    /// # Errors
    /// Why it has no answer, as a sentence.
    pub fn told(&mut self, number: usize, question: &Question) -> Result<String, String> {
        let (value, ty) = self.answer(number, 0, question, Unneeded::Leave)?;
        Ok(self.read(&value, &ty))
    }

    fn read(&self, value: &Value, ty: &Type) -> String {
        let program = self.evaluator.program;
        match value {
            Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::Variant(..) => display(program, value, ty),
            _ => upto(program, value, ty, TOLD),
        }
    }

    fn answer(
        &mut self,
        number: usize,
        frame: usize,
        question: &Question,
        unneeded: Unneeded,
    ) -> Result<(Value, Type), String> {
        let moment = self.chain(number).nth(frame).ok_or("there is no such call")?;
        let at = self.watching.moments.get(moment).ok_or("there is no such moment")?.at;
        self.node(&question.0, Here { moment, at, unneeded })
    }

    fn node(&mut self, node: &Node, here: Here) -> Result<(Value, Type), String> {
        deep(|| match node {
            Node::Known(value, ty) => Ok((value.clone(), ty.clone())),
            Node::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    let (value, ty) = self.node(part, here)?;
                    text.push_str(&self.read(&value, &ty));
                }
                Ok((Value::Text(text.into()), Type::String))
            }
            Node::Name(name) => {
                let none = || format!("`{name}` is no name that has a value here");
                self.known(name, here)?.ok_or_else(none)
            }
            Node::Field(base, name) => self.field(base, name, here),
            Node::Index(base, index) => {
                let ((base, ty), (index, _)) = (self.node(base, here)?, self.node(index, here)?);
                match (&base, &index) {
                    (Value::List(_), Value::Int(_)) | (Value::Map(_), Value::Text(_)) => {}
                    (Value::List(_), _) => return Err("the elements of a list have numbers".to_owned()),
                    (Value::Map(_), Value::Int(_)) => return Err("the keys of a map are texts".to_owned()),
                    _ => return Err(format!("{} has no elements", kind(&base))),
                }
                let found = crate::eval::expr::element(&base, &index).map_err(|(message, _)| message)?;
                Ok((found, item(&ty)))
            }
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                let mut ty = Type::Never;
                for item in items {
                    let (value, own) = self.node(item, here)?;
                    values.push(value);
                    ty = own;
                }
                Ok((Value::list(values), ty.list()))
            }
            Node::Not(operand) => match self.node(operand, here)? {
                (Value::Bool(value), ty) => Ok((Value::Bool(!value), ty)),
                (value, _) => Err(format!("`!` does not take {}", kind(&value))),
            },
            Node::Minus(operand) => match self.node(operand, here)? {
                (Value::Int(value), ty) => match value.checked_neg() {
                    Some(value) => Ok((Value::Int(value), ty)),
                    None => Err("the result does not fit into a number of 64 bits".to_owned()),
                },
                (value, _) => Err(format!("`-` does not take {}", kind(&value))),
            },
            Node::Binary(first, rest) => {
                let mut left = self.node(first, here)?;
                for (op, operand) in rest {
                    left = match (op, &left.0) {
                        (BinaryOp::And, Value::Bool(false)) | (BinaryOp::Or, Value::Bool(true)) => return Ok(left),
                        (BinaryOp::Else, value) if !value.is_none() => return Ok((left.0, inner(&left.1).clone())),
                        _ => {
                            let right = self.node(operand, here)?;
                            self.joined(left, *op, right, here.at)?
                        }
                    };
                }
                Ok(left)
            }
        })
    }

    fn joined(
        &self,
        (left, ty): (Value, Type),
        op: BinaryOp,
        (right, other): (Value, Type),
        at: Location,
    ) -> Result<(Value, Type), String> {
        let fits = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                left.is_none() || right.is_none() || kind(&left) == kind(&right) && is_data(&left)
            }
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                matches!((&left, &right), (Value::Int(_), Value::Int(_)) | (Value::Text(_), Value::Text(_)))
            }
            BinaryOp::Add => matches!(
                (&left, &right),
                (Value::Int(_), Value::Int(_)) | (Value::Text(_), Value::Text(_)) | (Value::List(_), Value::List(_))
            ),
            BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => {
                matches!((&left, &right), (Value::Int(_), Value::Int(_)))
            }
            BinaryOp::And | BinaryOp::Or => matches!((&left, &right), (Value::Bool(_), Value::Bool(_))),
            BinaryOp::Else => true,
        };
        if !fits {
            return Err(format!("this operator does not take {} and {}", kind(&left), kind(&right)));
        }
        let ty = match op {
            BinaryOp::Else => other,
            _ if op.compares() => Type::Bool,
            _ => ty,
        };
        let value = self.evaluator.joined(left, Operator { op, at }, right, None).map_err(|error| error.message)?;
        Ok((value, ty))
    }

    /// What a name stands for; none if there is no such name.
    fn known(&mut self, name: &str, here: Here) -> Result<Option<(Value, Type)>, String> {
        if let Some((_, ty, binding)) = self.named(here.moment, name) {
            let value = match (self.settled(&binding), here.unneeded) {
                (Some(value), _) => value,
                (None, Unneeded::Find) => self.evaluator.look_up(&binding).map_err(|error| error.message)?,
                (None, Unneeded::Leave) => return Err(format!("`{name}` is not needed yet here")),
            };
            return Ok(Some((value.filled(&ty), ty)));
        }
        let current = self.watching.moments.get(here.moment).filter(|_| name == "current");
        let current = current.filter(|moment| !matches!(moment.current, Value::Nil));
        Ok(current.map(|moment| (moment.current.clone(), moment.ty.clone())))
    }

    /// A field of a record, or a variant of an enum.
    fn field(&mut self, base: &Node, name: &str, here: Here) -> Result<(Value, Type), String> {
        let program = self.evaluator.program;
        if let Node::Name(first) = base
            && self.named(here.moment, first).is_none()
            && let Some(id) = program.enums.iter().position(|it| it.name.text == *first)
        {
            let variants = program.enums.get(id).map_or(&[][..], |it| &it.variants);
            let index = variants.iter().position(|variant| variant.text == name);
            let index = index.ok_or_else(|| format!("`{first}` has no `{name}`"))?;
            let ty = Type::Enum(EnumId(id), first.clone());
            return Ok((Value::Variant(EnumId(id), index), ty));
        }
        let (value, _) = self.node(base, here)?;
        let Value::Record(id, fields) = &value else { return Err(format!("{} has no `{name}`", kind(&value))) };
        let record = program.record(*id).ok_or("there is no such record")?;
        let index = record.fields.iter().position(|field| field.name.text == name);
        let found = index.and_then(|index| Some((fields.get(index)?.clone(), record.fields.get(index)?.ty.clone())));
        let (value, ty) = found.ok_or_else(|| format!("`{}` has no `{name}`", record.name.text))?;
        Ok((value.filled(&ty), ty))
    }
}

/// The type without `none`.
pub(super) fn inner(ty: &Type) -> &Type {
    match ty {
        Type::Optional(inner) => inner,
        other => other,
    }
}

/// The type of the elements.
pub(super) fn item(ty: &Type) -> Type {
    match inner(ty) {
        Type::List(item) | Type::Map(item) => (**item).clone(),
        other => other.clone(),
    }
}

/// Whether values of this kind can be compared.
fn is_data(value: &Value) -> bool {
    !matches!(value, Value::Fs(_) | Value::Func(_) | Value::Options(_) | Value::Plan(_))
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil | Value::None => "`none`",
        Value::Fs(_) => "a filesystem",
        Value::Text(_) => "a text",
        Value::Int(_) => "a number",
        Value::Bool(_) => "`true` or `false`",
        Value::Variant(..) => "a variant",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Record(..) => "a record",
        Value::Func(_) => "a function",
        Value::Options(_) => "options",
        Value::Plan(_) => "a pipeline",
    }
}
