//! From the pieces of a template to a tree.
//!
//! Owns the grammar of actions and pipelines. Nesting is limited, so that no template overflows the stack.

use super::TemplateError;
use super::lex::{Piece, Token, pieces};

const MAX_NESTING: usize = 60;

/// A node of the tree.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
}

/// A condition or loop with what it holds.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each given the value of the one before, and the variables that get the last value.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) line: usize,
    pub(super) variables: Vec<String>,
    /// Whether the variables are new.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// An operand and the fields that are read from it.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
}

/// What an operand begins with.
#[derive(Debug)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Text(String),
    Int(i64),
    Bool(bool),
    Nil,
    Function(String),
    Pipeline(Box<Pipeline>),
}

/// Parses a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { pieces: pieces(text)?.into_iter(), depth: 0, loops: 0 };
    match parser.list()? {
        (nodes, None) => Ok(nodes),
        (_, Some(end)) => Err(TemplateError::new(end.line, format!("`{}` without anything to end", end.word))),
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    depth: usize,
    loops: usize,
}

/// `end` or `else` with what follows it.
struct End {
    word: String,
    rest: Vec<Token>,
    line: usize,
}

impl Parser {
    /// Nodes up to an `end` or `else`, or to the end of the text.
    fn list(&mut self) -> Result<(Vec<Node>, Option<End>), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (tokens, line) = match piece {
                Piece::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(Node::Text(text));
                    }
                    continue;
                }
                Piece::Action(tokens, line) => (tokens, line),
            };
            let mut rest = tokens.into_iter().skip_while(|token| *token == Token::Space).peekable();
            let word = match rest.peek() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match word.as_str() {
                "end" | "else" => {
                    rest.next();
                    return Ok((nodes, Some(End { word, rest: rest.collect(), line })));
                }
                "if" | "with" | "range" => {
                    rest.next();
                    nodes.push(self.branch(&word, rest.collect(), line)?);
                }
                "break" | "continue" if self.loops == 0 => {
                    return Err(TemplateError::new(line, format!("`{word}` stands outside `range`")));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "define" | "template" | "block" => {
                    return Err(TemplateError::new(line, format!("`{word}` is not supported yet")));
                }
                _ => nodes.push(Node::Print(pipeline(rest.collect(), line)?)),
            }
        }
        Ok((nodes, None))
    }

    fn branch(&mut self, word: &str, tokens: Vec<Token>, line: usize) -> Result<Node, TemplateError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(TemplateError::new(line, "actions are nested too deep"));
        }
        let pipeline = pipeline(tokens, line)?;
        self.loops += usize::from(word == "range");
        let (body, end) = self.list()?;
        self.loops -= usize::from(word == "range");
        let end = end.ok_or_else(|| TemplateError::new(line, format!("`{word}` has no `{{{{end}}}}`")))?;
        let otherwise = if end.word == "else" { self.otherwise(word, end)? } else { Vec::new() };
        self.depth -= 1;
        let branch = Branch { pipeline, body, otherwise };
        Ok(match word {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// What follows an `else`: another condition, which shares the `end`, or nodes and an `end` of their own.
    fn otherwise(&mut self, word: &str, end: End) -> Result<Vec<Node>, TemplateError> {
        let mut rest = end.rest.into_iter().skip_while(|token| *token == Token::Space);
        match rest.next() {
            Some(Token::Word(next)) if next == word && word != "range" => {
                Ok(vec![self.branch(word, rest.collect(), end.line)?])
            }
            Some(_) => Err(TemplateError::new(end.line, format!("nothing but `{word}` can follow `else` here"))),
            None => match self.list()? {
                (nodes, Some(end)) if end.word == "end" => Ok(nodes),
                (_, Some(end)) => Err(TemplateError::new(end.line, "a second `else`")),
                (_, None) => Err(TemplateError::new(end.line, format!("`{word}` has no `{{{{end}}}}`"))),
            },
        }
    }
}

fn pipeline(tokens: Vec<Token>, line: usize) -> Result<Pipeline, TemplateError> {
    let mut tokens = Tokens { tokens, at: 0, line, depth: 0 };
    let pipeline = tokens.pipeline()?;
    match tokens.next() {
        None => Ok(pipeline),
        Some(_) => Err(TemplateError::new(line, "a parenthesis is closed that was not opened")),
    }
}

struct Tokens {
    tokens: Vec<Token>,
    at: usize,
    line: usize,
    depth: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn spaces(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(self.line, message))
    }

    fn pipeline(&mut self) -> Result<Pipeline, TemplateError> {
        let (variables, declares) = self.variables();
        let mut commands = Vec::new();
        loop {
            let mut command = Vec::new();
            loop {
                self.spaces();
                match self.peek() {
                    None | Some(Token::Close | Token::Pipe) => break,
                    Some(_) => command.push(self.operand()?),
                }
            }
            if command.is_empty() {
                return self.fail("a value is missing");
            }
            commands.push(command);
            if self.peek() != Some(&Token::Pipe) {
                break;
            }
            self.at += 1;
        }
        Ok(Pipeline { line: self.line, variables, declares, commands })
    }

    /// `$x :=`, `$x =` or `$k, $v :=`; nothing is taken if the pipeline does not begin so.
    fn variables(&mut self) -> (Vec<String>, bool) {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.spaces();
            let Some(Token::Variable(name)) = self.peek().cloned() else { break };
            self.at += 1;
            names.push(name);
            self.spaces();
            match self.next() {
                Some(Token::Declare) => return (names, true),
                Some(Token::Assign) => return (names, false),
                Some(Token::Comma) if names.len() == 1 => {}
                _ => break,
            }
        }
        self.at = start;
        (Vec::new(), false)
    }

    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let mut fields = Vec::new();
        let base = match self.next() {
            Some(Token::Dot) => Base::Dot,
            Some(Token::Field(name)) => {
                fields.push(name);
                Base::Dot
            }
            Some(Token::Variable(name)) => Base::Variable(name),
            Some(Token::Text(text)) => Base::Text(text),
            Some(Token::Int(value)) => Base::Int(value),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Base::Bool(true),
                "false" => Base::Bool(false),
                "nil" => Base::Nil,
                _ => Base::Function(word),
            },
            Some(Token::Open) => {
                self.depth += 1;
                if self.depth > MAX_NESTING {
                    return self.fail("parentheses are nested too deep");
                }
                let inner = self.pipeline()?;
                if self.next() != Some(Token::Close) {
                    return self.fail("a parenthesis is not closed");
                }
                self.depth -= 1;
                Base::Pipeline(Box::new(inner))
            }
            Some(token) => return self.fail(format!("{} has no place here", name(&token))),
            None => return self.fail("a value is missing"),
        };
        while let Some(Token::Field(name)) = self.peek().cloned() {
            self.at += 1;
            fields.push(name);
        }
        Ok(Operand { base, fields })
    }
}

fn name(token: &Token) -> &'static str {
    match token {
        Token::Comma => "`,`",
        Token::Declare => "`:=`",
        Token::Assign => "`=`",
        Token::Close => "`)`",
        _ => "this",
    }
}
