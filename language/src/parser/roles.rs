//! The roles of words, brackets and line ends.
//!
//! One pass over the tokens decides what the grammar could not tell with one token of lookahead: whether `if` is a reserved
//! word or a name that the file declares, whether a `(` opens arguments or groups, whether a `{` opens statements or a map,
//! whether the end of a line ends anything. It writes the role over the lexer's kind and leaves out the line ends that end
//! nothing:
//!
//! ```text
//!   lexer    Ident Ident Equal Int  LBrace      Ident RBrace Newline Ident LBrace      …
//!   roles    If    Ident Equal Int  HeaderBrace Ident RBrace         Else  HeaderBrace …
//! ```
//!
//! It looks at what stands before, at the brackets that are open, and a little ahead (`ahead`). The whole-file grammar and
//! recovery both read its result. It reports nothing: text that is wrong gets some role, and the grammar refuses it.

mod ahead;
mod declared;

use crate::parser::MAX_DEPTH;
use crate::span::Span;
use crate::token::{Token, TokenKind};

use ahead::Ahead;
pub(crate) use declared::{Declared, reserved};

/// Tokens in their roles.
#[derive(Debug)]
pub(crate) struct Roles {
    /// Without the line ends that end nothing.
    pub(crate) tokens: Vec<Token>,
    /// The first word that would nest conditions or types beyond [`MAX_DEPTH`]; it has been left a name.
    pub(crate) too_deep: Option<Span>,
}

/// Decides the roles of tokens.
pub(crate) fn assign(text: &str, tokens: &[Token], declared: &Declared) -> Roles {
    let mut pass = Pass {
        ahead: Ahead::new(text, tokens),
        declared,
        out: Vec::with_capacity(tokens.len()),
        frames: Vec::new(),
        top: Frame::new(Place::Top, 0),
        pending: 0,
        too_deep: None,
    };
    for (at, token) in tokens.iter().enumerate() {
        if let Some(kind) = pass.role(at, *token) {
            pass.put(Token { kind, span: token.span });
        }
    }
    Roles { tokens: pass.out, too_deep: pass.too_deep }
}

/// What the innermost bracket holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Declarations.
    Top,
    /// Statements.
    Block,
    /// Arms of a `match`.
    Match,
    /// Entries of a map.
    Map,
    /// Fields of a record.
    Record,
    /// Variants of an enum.
    Enum,
    /// Arguments, parameters, or elements of a list.
    List,
    /// One expression or type.
    Group,
    /// The expression of `${ }`.
    Interpolation,
}

/// A word that awaits its `{`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Header {
    If,
    For,
    Match,
    Record,
    Enum,
}

/// A bracket that is open, and what has been seen in it.
#[derive(Debug)]
struct Frame {
    place: Place,
    /// The index of its opener.
    opener: usize,
    /// The header whose block it is.
    header: Option<Header>,
    /// Whether a statement or a declaration begins here.
    fresh: bool,
    /// Whether nothing of the statement was seen but what it calls.
    head: bool,
    /// The headers that await their `{`.
    headers: Vec<Header>,
    /// How many results of function types are awaited.
    results: usize,
    /// Whether the brackets hold a comprehension.
    each: bool,
    /// Whether the `in` of a `for` is awaited.
    awaits_in: bool,
    /// Whether the next `{` is the body of a function without a name.
    lambda: bool,
    /// What a `let` is at: `Some(true)` before its `=`, `Some(false)` behind.
    binding: Option<bool>,
    /// Whether the statement is an `assert`, which goes on behind a comma.
    assert: bool,
    /// The header of the block that ended just now.
    closed: Option<Header>,
}

impl Frame {
    fn new(place: Place, opener: usize) -> Self {
        Self {
            place,
            opener,
            header: None,
            fresh: matches!(place, Place::Top | Place::Block),
            head: false,
            headers: Vec::new(),
            results: 0,
            each: false,
            awaits_in: false,
            lambda: false,
            binding: None,
            assert: false,
            closed: None,
        }
    }

    fn pending(&self) -> usize {
        self.headers.len() + self.results
    }

    /// Forgets a statement, a declaration, or an element that ends here.
    fn end(&mut self) {
        self.fresh = matches!(self.place, Place::Top | Place::Block);
        self.head = false;
        self.headers.clear();
        self.results = 0;
        self.awaits_in = false;
        self.lambda = false;
        self.binding = None;
        self.assert = false;
        self.closed = None;
    }
}

struct Pass<'t> {
    ahead: Ahead<'t>,
    declared: &'t Declared,
    out: Vec<Token>,
    frames: Vec<Frame>,
    /// What is around all brackets.
    top: Frame,
    /// How many headers and results are awaited in all frames.
    pending: usize,
    too_deep: Option<Span>,
}

impl Pass<'_> {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.top)
    }

    /// The token put last.
    fn before(&self) -> Option<TokenKind> {
        self.out.last().map(|token| token.kind)
    }

    /// The role of a token; `None` for a line end that ends nothing.
    fn role(&mut self, at: usize, token: Token) -> Option<TokenKind> {
        Some(match token.kind {
            TokenKind::Newline if self.is_joining(at) => return None,
            TokenKind::Newline | TokenKind::Semicolon => {
                self.end();
                token.kind
            }
            TokenKind::Comma => self.comma(),
            TokenKind::Ident => self.word(at, token.span),
            TokenKind::Export if self.is_prefix(at) => TokenKind::ExportPrefix,
            TokenKind::Minus if !self.before().is_some_and(TokenKind::ends_operand) => TokenKind::Negative,
            TokenKind::Assign => {
                self.settle();
                let frame = self.frame();
                frame.binding = frame.binding.map(|_| false);
                token.kind
            }
            TokenKind::LParen => self.paren(at),
            TokenKind::LBracket => self.bracket(at),
            TokenKind::LBrace => self.brace(at),
            TokenKind::InterpolationOpen => {
                self.open(Frame::new(Place::Interpolation, at));
                token.kind
            }
            TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace | TokenKind::InterpolationClose => {
                self.close(at);
                token.kind
            }
            kind => kind,
        })
    }

    /// Puts a token and notes what it says of the statement in which it stands.
    fn put(&mut self, token: Token) {
        let before = self.before();
        let kind = token.kind;
        self.out.push(token);
        if matches!(kind, TokenKind::Text | TokenKind::Escape | TokenKind::Newline | TokenKind::Semicolon) {
            return;
        }
        let opens = kind.opens_brace() || kind.opens_paren() || kind.opens_bracket();
        if opens || kind == TokenKind::InterpolationOpen {
            // What it says of the statement around it has been noted by `open`.
            return;
        }
        let is_arrow = kind == TokenKind::FatArrow;
        let frame = self.frame();
        let goes_on = frame.head && (kind == TokenKind::Dot || before == Some(TokenKind::Dot));
        frame.head = goes_on || frame.fresh && kind == TokenKind::Ident;
        frame.fresh = is_arrow && frame.place == Place::Match || kind == TokenKind::ExportPrefix;
        if kind != TokenKind::RBrace {
            frame.closed = None;
        }
    }

    /// Whether a newline ends nothing.
    fn is_joining(&mut self, at: usize) -> bool {
        let before = self.before();
        let next = self.ahead.significant(at);
        let next_kind = self.ahead.kind(next);
        let word = reserved(self.ahead.text(next)).filter(|_| self.declared.place(self.ahead.text(next)).is_none());
        let begins = matches!(word, Some(TokenKind::Let | TokenKind::For | TokenKind::Assert));
        let frame = self.frame();
        if frame.place == Place::Group || frame.each {
            return true;
        }
        // The `>` behind type parameters is no operator.
        let has_operators = frame.place != Place::Top || frame.binding.is_some();
        let goes_on = before.is_some_and(|kind| {
            kind.is_infix() && has_operators
                || matches!(kind, TokenKind::Assign | TokenKind::FatArrow | TokenKind::Colon | TokenKind::Dot)
                || kind == TokenKind::Comma && frame.assert && !begins
        });
        let is_infix = next_kind.is_some_and(|kind| kind.is_infix() && kind != TokenKind::Minus);
        goes_on
            || frame.place == Place::List && is_infix
            || frame.closed == Some(Header::If) && next_kind == Some(TokenKind::Ident) && word == Some(TokenKind::Else)
    }

    fn end(&mut self) {
        let pending = self.frame().pending();
        self.pending = self.pending.saturating_sub(pending);
        self.frame().end();
    }

    /// The types before this are complete.
    fn settle(&mut self) {
        let frame = self.frame();
        frame.lambda = false;
        let results = std::mem::take(&mut frame.results);
        self.pending = self.pending.saturating_sub(results);
    }

    fn comma(&mut self) -> TokenKind {
        let frame = self.frame();
        match frame.place {
            // Between the names of a `for`.
            _ if frame.awaits_in => {}
            Place::Match | Place::List | Place::Map | Place::Record | Place::Enum => self.end(),
            Place::Top | Place::Block | Place::Group | Place::Interpolation => {}
        }
        TokenKind::Comma
    }

    fn open(&mut self, frame: Frame) {
        let around = self.frame();
        around.fresh = false;
        around.head = false;
        around.closed = None;
        self.frames.push(frame);
    }

    /// Leaves the frames down to the one that the counterpart of this closer opened.
    fn close(&mut self, at: usize) {
        let Some(opener) = self.ahead.partner(at) else { return };
        let mut header = None;
        while let Some(frame) = self.frames.pop_if(|frame| frame.opener >= opener) {
            self.pending = self.pending.saturating_sub(frame.pending());
            header = frame.header;
        }
        self.frame().closed = header;
    }

    // ---- words

    fn word(&mut self, at: usize, span: Span) -> TokenKind {
        let text = self.ahead.text(at);
        let before = self.before();
        if before == Some(TokenKind::Dot) {
            return TokenKind::Ident;
        }
        let frame = self.frame();
        if text == "in" && frame.awaits_in && before == Some(TokenKind::Ident) {
            frame.awaits_in = false;
            return TokenKind::In;
        }
        if frame.place == Place::Top
            && let Some(kind) = self.declaration(at)
        {
            match kind {
                TokenKind::Type => self.await_block(Header::Record, span),
                TokenKind::Enum => self.await_block(Header::Enum, span),
                TokenKind::Let => {
                    self.frame().binding = Some(true);
                    true
                }
                _ => true,
            };
            return kind;
        }
        let Some(kind) = reserved(text).filter(|kind| self.is_reserved(at, *kind)) else { return TokenKind::Ident };
        if self.begin(kind, span) { kind } else { TokenKind::Ident }
    }

    /// Whether a word is reserved in the place in which it stands.
    fn is_reserved(&mut self, at: usize, kind: TokenKind) -> bool {
        if self.declared.place(self.ahead.text(at)).is_some() {
            return false;
        }
        let before = self.before();
        let next = self.ahead.kind(at + 1);
        let frame = self.frame();
        let is_field = frame.place == Place::Record
            && matches!(before, Some(TokenKind::Ident | TokenKind::RBracket | TokenKind::Question));
        let is_variant = frame.place == Place::Enum
            || next == Some(TokenKind::FatArrow) && !matches!(kind, TokenKind::None | TokenKind::Else);
        // The name of an argument is that of somebody's parameter.
        let is_argument = next == Some(TokenKind::Assign) && frame.binding != Some(true) && frame.place != Place::Map;
        let is_declaration = kind == TokenKind::Let && frame.place == Place::Top;
        // Outside of functions a statement is a mistake, but one that begins with its word.
        let is_outside = frame.place == Place::Top && frame.binding.is_none() && !frame.fresh;
        let is_outside = is_outside
            && frame.headers.is_empty()
            && !matches!(before, Some(TokenKind::RBrace | TokenKind::Else | TokenKind::Assert));
        !(is_field || is_variant || is_argument || is_declaration || is_outside && kind != TokenKind::Fn)
    }

    /// Notes what a reserved word begins. Tells whether it may: what has no brackets of its own is limited in depth here.
    fn begin(&mut self, kind: TokenKind, span: Span) -> bool {
        let before = self.before();
        match kind {
            TokenKind::Let => self.frame().binding = Some(true),
            TokenKind::Assert => self.frame().assert = true,
            // The condition of a comprehension.
            TokenKind::If if self.frame().each && before.is_some_and(TokenKind::ends_operand) => {}
            TokenKind::If => return self.await_block(Header::If, span),
            TokenKind::Match => return self.await_block(Header::Match, span),
            TokenKind::For => {
                let frame = self.frame();
                frame.awaits_in = true;
                let opens = matches!(before, Some(TokenKind::LBracket | TokenKind::MapBrace));
                if frame.each && opens {
                    return true;
                }
                return self.await_block(Header::For, span);
            }
            TokenKind::Fn => {
                if before != Some(TokenKind::RParen) {
                    self.settle();
                }
                if !self.may_nest(span) {
                    return false;
                }
                self.pending += 1;
                self.frame().results += 1;
            }
            _ => {}
        }
        true
    }

    fn await_block(&mut self, header: Header, span: Span) -> bool {
        let may = self.may_nest(span);
        if may {
            self.pending += 1;
            self.frame().headers.push(header);
        }
        may
    }

    fn may_nest(&mut self, span: Span) -> bool {
        let may = self.frames.len() + self.pending < MAX_DEPTH;
        if !may {
            self.too_deep.get_or_insert(span);
        }
        may
    }

    /// Which declaration a word begins, by what follows it.
    fn declaration(&mut self, at: usize) -> Option<TokenKind> {
        let before = self.before();
        let is_fresh = self.frame().fresh;
        // Declarations need nothing between them.
        let behind = is_fresh || before.is_some_and(|kind| kind.ends_operand() && kind != TokenKind::Ident);
        if !behind {
            return None;
        }
        let next = self.ahead.kind(at + 1);
        let is_block = self.ahead.kind(at + 2) == Some(TokenKind::LBrace);
        let is_function = matches!(self.ahead.kind(at + 2), Some(TokenKind::LParen | TokenKind::Less));
        // At the start of a line what is not complete yet is taken for what it seems to become.
        let is_named = |is_whole: bool| next == Some(TokenKind::Ident) && (is_whole || is_fresh && !is_function);
        let is_type = next == Some(TokenKind::Ident) && is_block || is_fresh && !self.ahead.is_function(at);
        match self.ahead.text(at) {
            "type" if is_type && next != Some(TokenKind::LParen) => Some(TokenKind::Type),
            "enum" if is_type && next != Some(TokenKind::LParen) => Some(TokenKind::Enum),
            "test" if next.is_some_and(TokenKind::opens_string) => Some(TokenKind::Test),
            "test" if is_fresh && next == Some(TokenKind::LBrace) => Some(TokenKind::Test),
            "let" if self.ahead.is_binding(at + 1) || is_named(false) => Some(TokenKind::Let),
            _ => None,
        }
    }

    /// Whether an `export` stands in front of a whole declaration.
    fn is_prefix(&self, at: usize) -> bool {
        let named = self.ahead.kind(at + 2) == Some(TokenKind::Ident);
        let is_function = matches!(self.ahead.kind(at + 3), Some(TokenKind::LParen | TokenKind::Less));
        match self.ahead.text(at + 1) {
            "type" | "enum" if named && !is_function => true,
            "let" if self.ahead.is_binding(at + 2) || named && !is_function => true,
            _ => self.ahead.is_function(at + 1),
        }
    }

    // ---- brackets

    fn paren(&mut self, at: usize) -> TokenKind {
        let before = self.before();
        let is_joined = self.ahead.is_joined(at);
        let is_empty = self.ahead.kind(at + 1) == Some(TokenKind::RParen);
        let raw_before = at.checked_sub(1).and_then(|before| self.ahead.kind(before));
        let is_from = matches!(self.out.as_slice(), [.., import, _, _] if import.kind == TokenKind::Import)
            && self.ahead.text(at.saturating_sub(1)) == "from";
        let frame = self.frame();
        let is_call = match before {
            Some(TokenKind::Fn) => true,
            Some(TokenKind::RParen | TokenKind::RBracket) => is_joined,
            Some(TokenKind::Ident) => {
                let on_line = raw_before != Some(TokenKind::Newline);
                !is_from && (is_joined || on_line && (!frame.head || is_empty || frame.place == Place::Top))
            }
            _ => false,
        };
        if before == Some(TokenKind::Fn) {
            frame.lambda = true;
        }
        let is_list =
            is_call || before == Some(TokenKind::As) || before == Some(TokenKind::With) && frame.place == Place::Top;
        if self.ahead.partner(at).is_some() {
            self.open(Frame::new(if is_list { Place::List } else { Place::Group }, at));
        }
        if is_call { TokenKind::CallParen } else { TokenKind::LParen }
    }

    fn bracket(&mut self, at: usize) -> TokenKind {
        let before = self.before();
        let is_index = self.ahead.is_joined(at)
            && matches!(before, Some(TokenKind::Ident | TokenKind::RParen | TokenKind::RBracket));
        let first = self.ahead.significant(at + 1);
        let is_each = self.is_for(first);
        if self.ahead.partner(at).is_some() {
            let mut frame = Frame::new(if is_index { Place::Group } else { Place::List }, at);
            frame.each = is_each && !is_index;
            self.open(frame);
        }
        if is_index { TokenKind::IndexBracket } else { TokenKind::LBracket }
    }

    /// Whether the token at `at` is the word `for`.
    fn is_for(&self, at: usize) -> bool {
        self.ahead.kind(at) == Some(TokenKind::Ident)
            && self.ahead.text(at) == "for"
            && self.ahead.kind(at + 1) != Some(TokenKind::Assign)
            && self.declared.place("for").is_none()
    }

    fn brace(&mut self, at: usize) -> TokenKind {
        let (kind, header) = self.brace_role(at);
        let place = match kind {
            TokenKind::MatchBrace => Place::Match,
            TokenKind::MapBrace => Place::Map,
            TokenKind::RecordBrace => Place::Record,
            TokenKind::EnumBrace => Place::Enum,
            _ => Place::Block,
        };
        let mut frame = Frame::new(place, at);
        frame.header = header;
        // Where the closer is missing, all that follows would be joined to one line.
        frame.each =
            place == Place::Map && self.ahead.partner(at).is_some() && self.is_for(self.ahead.significant(at + 1));
        self.settle();
        self.open(frame);
        kind
    }

    fn brace_role(&mut self, at: usize) -> (TokenKind, Option<Header>) {
        let before = self.before();
        let is_empty = self.ahead.kind(self.ahead.significant(at + 1)) == Some(TokenKind::RBrace);
        let is_map = self.ahead.is_map(at);
        let is_member = matches!(self.out.as_slice(), [.., dot, name]
            if dot.kind == TokenKind::Dot && name.kind == TokenKind::Ident);
        let block = (TokenKind::LBrace, None);
        let map_if = |is_map: bool| if is_map { (TokenKind::MapBrace, None) } else { block };
        let frame = self.frame();
        if before == Some(TokenKind::Else) {
            return (TokenKind::HeaderBrace, Some(Header::If));
        }
        let ends_operand = before.is_some_and(TokenKind::ends_operand);
        let wants = before.is_some_and(|kind| kind.is_word() || kind.is_infix());
        let lacks_operand = wants && !is_map && !is_empty;
        let is_type = matches!(frame.headers.last(), Some(Header::Record | Header::Enum));
        if !frame.headers.is_empty() && (ends_operand || lacks_operand || is_type) {
            let header = frame.headers.pop();
            frame.awaits_in = false;
            self.pending = self.pending.saturating_sub(1);
            let kind = match header {
                Some(Header::Match) => TokenKind::MatchBrace,
                Some(Header::Record) => TokenKind::RecordBrace,
                Some(Header::Enum) => TokenKind::EnumBrace,
                Some(Header::If | Header::For) | None => TokenKind::HeaderBrace,
            };
            return (kind, header);
        }
        if frame.lambda && (ends_operand || before == Some(TokenKind::Question)) {
            return block;
        }
        match before {
            // A name and its block, as ever; but no block begins with `key =`.
            Some(TokenKind::Ident) if !is_member => map_if(is_map),
            _ if ends_operand && frame.place == Place::Top => block,
            _ if ends_operand => map_if(is_map || is_empty),
            Some(TokenKind::With | TokenKind::FatArrow | TokenKind::Test) => map_if(is_map),
            None | Some(TokenKind::Newline | TokenKind::Semicolon)
                if matches!(frame.place, Place::Top | Place::Block) =>
            {
                map_if((is_map || is_empty) && frame.place == Place::Block)
            }
            Some(kind) if kind.opens_brace() && frame.place == Place::Block => map_if(is_map || is_empty),
            _ if frame.place == Place::Top && frame.binding.is_none() => map_if(is_map),
            // An opener directly before this whose frame is not here will not close.
            Some(kind)
                if matches!(frame.place, Place::Block | Place::Top)
                    && (kind.opens_paren()
                        || kind.opens_bracket()
                        || matches!(kind, TokenKind::Unknown | TokenKind::As | TokenKind::Comma)) =>
            {
                map_if(is_map)
            }
            _ => (TokenKind::MapBrace, None),
        }
    }
}
