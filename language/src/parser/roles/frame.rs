//! What is open around a token.
//!
//! Owns what is remembered of each bracket. Which token changes it is decided elsewhere.

/// What the innermost bracket holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
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
pub(super) enum Header {
    If,
    For,
    Match,
    Record,
    Enum,
}

/// A bracket that is open, and what has been seen in it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) place: Place,
    /// The index of its opener.
    pub(super) opener: usize,
    /// The header whose block it is.
    pub(super) header: Option<Header>,
    /// Whether a statement or a declaration begins here.
    pub(super) fresh: bool,
    /// Whether nothing of the statement was seen but what it calls.
    pub(super) head: bool,
    /// The headers that await their `{`.
    pub(super) headers: Vec<Header>,
    /// How many results of function types are awaited.
    pub(super) results: usize,
    /// Whether the brackets hold a comprehension.
    pub(super) each: bool,
    /// Whether the `in` of a `for` is awaited.
    pub(super) awaits_in: bool,
    /// Whether the next `{` is the body of a function without a name.
    pub(super) lambda: bool,
    /// What a `let` is at: `Some(true)` before its `=`, `Some(false)` behind.
    pub(super) binding: Option<bool>,
    /// Whether the statement is an `assert`, which goes on behind a comma.
    pub(super) assert: bool,
    /// The header of the block that ended just now.
    pub(super) closed: Option<Header>,
}

impl Frame {
    pub(super) fn new(place: Place, opener: usize) -> Self {
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

    pub(super) fn pending(&self) -> usize {
        self.headers.len() + self.results
    }

    /// Forgets a statement, a declaration, or an element that ends here.
    pub(super) fn end(&mut self) {
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
