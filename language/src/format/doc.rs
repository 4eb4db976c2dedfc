//! Documents: text with lines and nesting, in the manner of Wadler's pretty printer.
//!
//! Owns printing. Line breaks are all decided by the rules, from how the author broke lines, so a document has no
//! alternatives and printing needs no width.

/// A piece of layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Doc {
    /// Text, printed as it stands even if it has line breaks of its own.
    Text(String),
    /// The end of a line; the next begins at the current nesting.
    Line,
    /// The end of a line, and a blank line.
    Blank,
    /// One level deeper.
    Nest(Box<Doc>),
    /// One behind the other.
    Concat(Vec<Doc>),
}

impl Doc {
    /// Nothing.
    pub(crate) fn nil() -> Self {
        Doc::Concat(Vec::new())
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Doc::Text(text.into())
    }

    /// `self`, nested one level deeper.
    pub(crate) fn nest(self) -> Self {
        Doc::Nest(Box::new(self))
    }

    /// `self`, and `other` behind it.
    pub(crate) fn then(self, other: impl Into<Doc>) -> Self {
        match self {
            Doc::Concat(mut docs) => {
                docs.push(other.into());
                Doc::Concat(docs)
            }
            doc => Doc::Concat(vec![doc, other.into()]),
        }
    }

    /// Documents with a text between them.
    pub(crate) fn join(docs: impl IntoIterator<Item = Doc>, separator: &str) -> Self {
        let mut joined = Vec::new();
        for doc in docs {
            if !joined.is_empty() {
                joined.push(Doc::text(separator));
            }
            joined.push(doc);
        }
        Doc::Concat(joined)
    }

    /// The document as text. Lines get their tabs when something stands on them, so none has trailing white space.
    pub(crate) fn print(&self) -> String {
        let mut out = String::new();
        let mut indent = None;
        let mut todo = vec![(0, self)];
        while let Some((depth, doc)) = todo.pop() {
            match doc {
                Doc::Text(text) if text.is_empty() => {}
                Doc::Text(text) => {
                    out.extend(std::iter::repeat_n('\t', indent.take().unwrap_or(0)));
                    out.push_str(text);
                }
                Doc::Line => {
                    out.push('\n');
                    indent = Some(depth);
                }
                Doc::Blank => {
                    out.push_str("\n\n");
                    indent = Some(depth);
                }
                Doc::Nest(doc) => todo.push((depth + 1, doc)),
                Doc::Concat(docs) => todo.extend(docs.iter().rev().map(|doc| (depth, doc))),
            }
        }
        out
    }
}

impl From<&str> for Doc {
    fn from(text: &str) -> Self {
        Doc::text(text)
    }
}
