//! The tree of braces of a broken text.
//!
//! Cuts the tokens into declarations, strings into nodes, and braces into groups. It cannot fail: where braces do not
//! balance, indentation decides which block a `}` closes. It knows braces, line starts and indentation, and no grammar.

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::lexer::is_kind;
use crate::parser::MAX_DEPTH;
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::{Token, TokenKind};

/// How many tokens a type at the start of a line is read for.
const MAX_TYPE: usize = 16;

/// A token, a whole string, or a pair of braces with all between them.
#[derive(Debug)]
pub(crate) enum Node {
    Token(Token),
    String(StringNode),
    Group(Group),
}

/// A string and its pieces.
#[derive(Debug)]
pub(crate) struct StringNode {
    pub(crate) open: Token,
    pub(crate) pieces: Vec<StringPiece>,
    pub(crate) end: u32,
}

/// A piece of a string.
#[derive(Debug)]
pub(crate) enum StringPiece {
    Text(Span),
    Escape(Span),
    Interpolation(Span, Vec<Node>),
}

/// Braces, from `{` to `}` or to where the block seems to end.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) span: Span,
    /// The role of its `{`; `None` if the text lacks that.
    pub(crate) role: Option<TokenKind>,
    pub(crate) nodes: Vec<Node>,
}

/// Cuts tokens where a declaration seems to begin: at a line start, whatever is open there.
pub(crate) fn declarations<'t>(builder: &Builder<'_>, tokens: &'t [Token]) -> Vec<&'t [Token]> {
    let mut parts = Vec::new();
    let mut rest = tokens;
    // Inside of a string nothing begins.
    let mut open = 0_usize;
    let mut is_indented = false;
    let mut at = 1;
    if let Some(first) = tokens.first() {
        open += usize::from(first.kind.opens_string());
    }
    while let Some(token) = rest.get(at) {
        if token.kind.opens_string() {
            open += 1;
        } else if token.kind.closes_string() {
            open = open.saturating_sub(1);
        } else if open == 0 && rest.get(at - 1).is_some_and(|before| before.kind == TokenKind::Newline) {
            if begins_declaration(builder, rest.get(at..).unwrap_or(&[]), is_indented) {
                let (part, behind) = rest.split_at(at);
                parts.push(part);
                rest = behind;
                at = 0;
                is_indented = false;
            } else if token.kind != TokenKind::Newline {
                is_indented |= builder.trivia.line_start(token.span.start) != token.span.start;
            }
        }
        at += 1;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// Whether a declaration seems to begin with the first of some tokens, which stands first on its line. `is_indented` says
/// whether statements before it were indented, so that one at the margin is none.
fn begins_declaration(builder: &Builder<'_>, tokens: &[Token], is_indented: bool) -> bool {
    let kind = |at: usize| tokens.get(at).map_or(TokenKind::Newline, |token| token.kind);
    let word = |at: usize| tokens.get(at).map_or("", |token| builder.slice(token.span));
    let Some(first) = tokens.first() else { return false };
    if builder.trivia.line_start(first.span.start) != first.span.start {
        return false;
    }
    match first.kind {
        TokenKind::Import | TokenKind::Export => return true,
        TokenKind::Ident => {}
        // `[type] name(` …
        TokenKind::LBracket if is_indented => {
            let mut depth = 0_usize;
            let close = (0..MAX_TYPE).find(|at| {
                match kind(*at) {
                    TokenKind::LBracket => depth += 1,
                    TokenKind::RBracket => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0
            });
            let Some(close) = close else { return false };
            let name = close + 1 + usize::from(kind(close + 1) == TokenKind::Question);
            let opens = matches!(kind(name + 1), TokenKind::LParen | TokenKind::Less);
            return kind(name) == TokenKind::Ident && opens;
        }
        _ => return false,
    }
    let is_type = matches!(kind(1), TokenKind::LBracket | TokenKind::Question);
    match word(0) {
        "type" | "enum" if kind(1) == TokenKind::Ident && kind(2) == TokenKind::LBrace => return true,
        "test" if kind(1).opens_string() => return true,
        "let" if matches!(kind(1), TokenKind::Ident | TokenKind::LBracket) => return is_indented,
        "map" if is_type => return is_indented,
        word if is_kind(word) => {
            return matches!(kind(1), TokenKind::Ident | TokenKind::LParen | TokenKind::Newline)
                || kind(1).is_keyword()
                || kind(1) == TokenKind::Question;
        }
        _ => {}
    }
    // Any name can be a type; then the line must look like a head to its end.
    let last = tokens.iter().take_while(|token| token.kind != TokenKind::Newline).last().map(|token| token.kind);
    kind(1) == TokenKind::Ident && kind(2) == TokenKind::LParen && last == Some(TokenKind::LBrace)
}

/// Whether each brace outside of strings has its counterpart.
pub(crate) fn has_all_braces(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        if token.kind.opens_brace() {
            depth += 1;
        } else if token.kind == TokenKind::RBrace {
            let Some(less) = depth.checked_sub(1) else { return false };
            depth = less;
        }
    }
    depth == 0
}

/// The tree of some tokens in which strings are whole, as `declarations` gives them.
pub(crate) fn build(builder: &Builder<'_>, tokens: &[Token]) -> Vec<Node> {
    let mut reader = Reader { builder, tokens, at: 0 };
    let mut nodes = Vec::new();
    while reader.at < tokens.len() {
        nodes.extend(reader.flat(0));
        // The closer of an interpolation that no string holds; the lexer makes none.
        reader.at += 1;
    }
    braces(builder, nodes)
}

/// Makes strings whole.
struct Reader<'r, 'a> {
    builder: &'r Builder<'a>,
    tokens: &'r [Token],
    at: usize,
}

impl Reader<'_, '_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    /// Tokens and strings up to the end, or to the closer of an interpolation, which stays.
    fn flat(&mut self, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            if token.kind.opens_string() {
                nodes.push(Node::String(self.string(token, depth)));
            } else if token.kind == TokenKind::InterpolationClose {
                self.at -= 1;
                break;
            } else {
                nodes.push(Node::Token(token));
            }
        }
        nodes
    }

    /// A string from behind its opener to its closer.
    fn string(&mut self, open: Token, depth: usize) -> StringNode {
        let mut node = StringNode { open, pieces: Vec::new(), end: open.span.end };
        while let Some(token) = self.next() {
            node.end = token.span.end;
            match token.kind {
                TokenKind::Text => node.pieces.push(StringPiece::Text(token.span)),
                TokenKind::Escape => node.pieces.push(StringPiece::Escape(token.span)),
                TokenKind::InterpolationOpen if depth >= MAX_DEPTH => {
                    self.builder.report(too_deep(self.builder, token.span));
                    let end = self.skip_interpolation();
                    node.pieces.push(StringPiece::Text(token.span.to(end.unwrap_or(token.span))));
                }
                TokenKind::InterpolationOpen => {
                    let nodes = braces(self.builder, self.flat(depth + 1));
                    let end = self.next().map_or(token.span, |close| close.span);
                    node.pieces.push(StringPiece::Interpolation(token.span.to(end), nodes));
                }
                kind if kind.closes_string() => break,
                _ => {}
            }
        }
        node
    }

    fn skip_interpolation(&mut self) -> Option<Span> {
        let mut open = 1_usize;
        while let Some(token) = self.next() {
            match token.kind {
                TokenKind::InterpolationOpen => open += 1,
                TokenKind::InterpolationClose => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(token.span);
            }
        }
        None
    }
}

/// The error of nesting beyond [`MAX_DEPTH`].
pub(crate) fn too_deep(builder: &Builder<'_>, span: Span) -> Diagnostic {
    let message = format!("this is nested more than {MAX_DEPTH} levels deep");
    Diagnostic::error(codes::TOO_DEEP, builder.location(span), message).help("move inner blocks into functions")
}

/// How many lines above a stray `}` the line that lacks its `{` is looked for: many stray braces shall not cost the
/// square of their number.
const MAX_LINES_BACK: usize = 400;

/// A `{` that is open, and what stood before it.
struct Open {
    token: Token,
    before: Vec<Node>,
}

/// Groups braces: as they pair when they balance, else by indentation.
fn braces(builder: &Builder<'_>, nodes: Vec<Node>) -> Vec<Node> {
    let balanced = is_balanced(&nodes);
    let mut grouping = Grouping { builder, stack: Vec::new(), nodes: Vec::new(), dropped: 0 };
    let indents = !balanced && grouping.indents(&nodes);
    let mut previous = None;
    for node in nodes {
        let begins_line = previous.is_some_and(|token: Token| token.kind == TokenKind::Newline);
        if indents && begins_line {
            grouping.close_dedented(&node);
        }
        let Node::Token(token) = node else {
            previous = None;
            grouping.put(node);
            continue;
        };
        match token.kind {
            kind if kind.opens_brace() => grouping.open(token),
            TokenKind::RBrace => grouping.close(token, balanced),
            TokenKind::Newline if !balanced => {
                grouping.close_slips(token, previous);
                grouping.put(node);
            }
            _ => grouping.put(node),
        }
        previous = Some(token);
    }
    grouping.finish()
}

fn is_balanced(nodes: &[Node]) -> bool {
    let mut depth = 0_usize;
    for node in nodes {
        match node {
            Node::Token(token) if token.kind.opens_brace() => depth += 1,
            Node::Token(Token { kind: TokenKind::RBrace, .. }) => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => {}
        }
    }
    depth == 0
}

struct Grouping<'r, 'a> {
    builder: &'r Builder<'a>,
    stack: Vec<Open>,
    nodes: Vec<Node>,
    /// How many `{` are open that were not put for their depth.
    dropped: usize,
}

impl Grouping<'_, '_> {
    fn put(&mut self, node: Node) {
        if self.dropped == 0 {
            self.nodes.push(node);
        }
    }

    fn open(&mut self, token: Token) {
        if self.dropped > 0 || self.stack.len() >= MAX_DEPTH {
            if self.dropped == 0 {
                self.builder.report(too_deep(self.builder, token.span));
            }
            self.dropped += 1;
        } else {
            self.stack.push(Open { token, before: std::mem::take(&mut self.nodes) });
        }
    }

    fn close(&mut self, token: Token, balanced: bool) {
        if self.dropped > 0 {
            self.dropped -= 1;
            return;
        }
        let closes = if balanced { Some(1) } else { self.closes(token) };
        match closes.filter(|closes| (1..=self.stack.len()).contains(closes)) {
            Some(closes) => {
                let lost: Vec<Span> = self.stack.iter().rev().take(closes - 1).map(|open| open.token.span).collect();
                self.report_open(&lost);
                for _ in 0..closes {
                    self.pop(token.span.end);
                }
            }
            None if self.open_before(token) => {}
            None => self.builder.report(
                Diagnostic::error(codes::STRAY_BRACE, self.builder.location(token.span), "this `}` closes nothing")
                    .help("remove it, or open its block with `{`")
                    .fix("remove the `}`", self.builder.location(token.span), ""),
            ),
        }
    }

    /// How many of the open braces a `}` closes: at the start of a line those down to one whose line is indented alike,
    /// else those down to one on its own line.
    fn closes(&self, token: Token) -> Option<usize> {
        let trivia = self.builder.trivia;
        let indent = self.indentation(token.span.start);
        let first_on_line = trivia.line_start(token.span.start) + indent == token.span.start;
        let line = trivia.line(token.span.start);
        let hit = self.stack.iter().rposition(|open| {
            if first_on_line {
                self.indentation(open.token.span.start) == indent
            } else {
                trivia.line(open.token.span.start) == line
            }
        });
        hit.map(|hit| self.stack.len() - hit)
    }

    /// Whether the text is indented at all: the first block that goes on over lines is deeper than its line.
    fn indents(&self, nodes: &[Node]) -> bool {
        let is = |node: &Node, kind| matches!(node, Node::Token(token) if token.kind == kind);
        let is_open = |node: &Node| matches!(node, Node::Token(token) if token.kind.opens_brace());
        let opens = |pair: &[Node]| matches!(pair, [open, end] if is_open(open) && is(end, TokenKind::Newline));
        let Some(at) = nodes.windows(2).position(opens) else { return false };
        let mut inner = nodes.iter().skip(at + 1).skip_while(|node| is(node, TokenKind::Newline));
        let indent = |node: &Node| self.indentation(node.span().start);
        match (nodes.get(at), inner.next()) {
            (Some(open), Some(first)) => indent(first) > indent(open),
            _ => false,
        }
    }

    /// At the start of a line that is not deeper than the line of the innermost `{`: the block was to end before it.
    fn close_dedented(&mut self, node: &Node) {
        let closes = [TokenKind::RBrace, TokenKind::RParen, TokenKind::RBracket, TokenKind::Newline];
        if matches!(node, Node::Token(token) if closes.contains(&token.kind)) {
            return;
        }
        let indent = self.indentation(node.span().start);
        let mut lost = Vec::new();
        let mut newlines = Vec::new();
        while let Some(open) = self.stack.last().filter(|open| self.indentation(open.token.span.start) >= indent) {
            lost.push(open.token.span);
            while let Some(newline) =
                self.nodes.pop_if(|node| matches!(node, Node::Token(Token { kind: TokenKind::Newline, .. })))
            {
                newlines.push(newline);
            }
            self.pop(0);
        }
        self.nodes.extend(newlines.into_iter().rev());
        self.report_open(&lost);
    }

    /// For a `}` at the start of a line that closes nothing: if the lines above are deeper up to one that is indented
    /// alike, the `{` is missing at its end. Makes the group; the row that it stands in reports it.
    fn open_before(&mut self, close: Token) -> bool {
        let trivia = self.builder.trivia;
        let indent = self.indentation(close.span.start);
        if trivia.line_start(close.span.start) + indent != close.span.start {
            return false;
        }
        let mut head = None;
        let newlines = self.nodes.iter().enumerate().rev().filter_map(|(at, node)| match node {
            Node::Token(token) if token.kind == TokenKind::Newline => Some((at, token.span.start)),
            _ => None,
        });
        for (at, newline) in newlines.take(MAX_LINES_BACK) {
            let line = self.indentation(newline);
            let is_blank = trivia.line_start(newline) + line == newline;
            if is_blank || line > indent {
                continue;
            }
            // Behind the end of a block begins no other.
            let ends_block = at.checked_sub(1).and_then(|at| self.nodes.get(at));
            let ends_block = matches!(ends_block, Some(Node::Group(_)));
            head = (line == indent && !ends_block).then_some((at, newline));
            break;
        }
        let Some((at, newline)) = head.filter(|(at, _)| at + 1 < self.nodes.len()) else { return false };
        let inner = self.nodes.split_off(at);
        let span = Span { start: newline, end: close.span.end };
        self.nodes.push(Node::Group(Group { span, role: None, nodes: inner }));
        true
    }

    /// At the end of a line: a `{` in the middle of it that did not close on it was a slip.
    fn close_slips(&mut self, newline: Token, previous: Option<Token>) {
        let line = self.builder.trivia.line(newline.span.start);
        let mut lost = Vec::new();
        while let Some(open) = self.stack.last() {
            let span = open.token.span;
            if self.builder.trivia.line(span.start) != line || previous.is_some_and(|token| token.span == span) {
                break;
            }
            lost.push(span);
            self.pop(newline.span.start);
        }
        self.report_open(&lost);
    }

    fn finish(mut self) -> Vec<Node> {
        let lost: Vec<Span> = self.stack.iter().rev().map(|open| open.token.span).collect();
        self.report_open(&lost);
        while !self.stack.is_empty() {
            self.pop(0);
        }
        self.nodes
    }

    /// Makes a group of the innermost open brace, up to `end` or to its last node.
    fn pop(&mut self, end: u32) {
        let Some(open) = self.stack.pop() else { return };
        let nodes = std::mem::replace(&mut self.nodes, open.before);
        let last = nodes.last().map_or(open.token.span.end, |node| node.span().end);
        let span = Span { start: open.token.span.start, end: end.max(last) };
        self.nodes.push(Node::Group(Group { span, role: Some(open.token.kind), nodes }));
    }

    /// Reports braces that never close, innermost first, as one error.
    fn report_open(&self, lost: &[Span]) {
        let [first, others @ ..] = lost else { return };
        let location = self.builder.location(*first);
        let error = Diagnostic::error(codes::OPEN_BRACE, location, "this block is never closed");
        let error = error.label("opened here").help("close it with `}`");
        let also = |error: Diagnostic, span: &Span| error.also(self.builder.location(*span), "nor is this one");
        self.builder.report(others.iter().fold(error, also));
    }

    fn indentation(&self, offset: u32) -> u32 {
        self.builder.trivia.indentation(self.builder.text, offset)
    }
}

impl Node {
    /// The kind of the token; that of text for what is none.
    pub(crate) fn kind(&self) -> TokenKind {
        match self {
            Node::Token(token) => token.kind,
            Node::String(_) | Node::Group(_) => TokenKind::Text,
        }
    }

    /// The extent of the node.
    pub(crate) fn span(&self) -> Span {
        match self {
            Node::Token(token) => token.span,
            Node::String(string) => Span { start: string.open.span.start, end: string.end },
            Node::Group(group) => group.span,
        }
    }
}
