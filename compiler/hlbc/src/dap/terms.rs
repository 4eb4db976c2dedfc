//! When a breakpoint counts: its condition, how often it was come by, and what is logged instead of stopping.
//!
//! Owns the reading of the three. What expressions mean is known to `hlb_compiler::debug`.

use hlb_compiler::debug::{Question, Trace};
use serde_json::Value;

use super::fields;

/// When a breakpoint counts, and for what.
#[derive(Debug, Default)]
pub(super) struct Terms {
    condition: Option<Question>,
    hits: Option<Hits>,
    /// What is said there instead of stopping.
    pub(super) log: Option<Log>,
}

/// At which of the times that a breakpoint is come by it counts; the first is number 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hits {
    At(usize),
    Before(usize),
    Behind(usize),
    Each(usize),
}

/// A text with what is asked for in braces.
#[derive(Debug)]
pub(super) struct Log(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Asked(Question),
}

impl Terms {
    /// Reads those of a breakpoint. The inner error is one of the user, and the breakpoint has no place then.
    ///
    /// # Errors
    /// If a field is not what the protocol says.
    pub(super) fn of(point: &Value) -> Result<Result<Self, String>, String> {
        let text = |name| fields::text(point, name).map(|text| text.map(str::trim).filter(|text| !text.is_empty()));
        let (condition, hits, log) = (text("condition")?, text("hitCondition")?, text("logMessage")?);
        let read = || {
            Ok(Self {
                condition: condition.map(Question::parse).transpose()?,
                hits: hits.map(Hits::parse).transpose()?,
                log: log.map(Log::parse).transpose()?,
            })
        };
        Ok(read())
    }

    /// Whether the breakpoint counts at a moment. `hits` is how often it did so far but for this; it is counted on.
    ///
    /// # Errors
    /// Why the condition has no answer there.
    pub(super) fn count(&self, trace: &mut Trace<'_>, moment: usize, hits: &mut usize) -> Result<bool, String> {
        if let Some(condition) = &self.condition
            && !trace.holds(moment, condition)?
        {
            return Ok(false);
        }
        *hits += 1;
        Ok(self.hits.is_none_or(|wanted| wanted.accepts(*hits)))
    }
}

impl Hits {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.find(|char: char| char.is_ascii_digit()).unwrap_or(text.len());
        let (operator, number) = text.split_at(digits);
        let number: Option<usize> = number.parse().ok();
        match (operator.trim(), number) {
            ("" | "=" | "==", Some(number)) => Some(Self::At(number)),
            ("<", Some(number)) => Some(Self::Before(number)),
            ("<=", Some(number)) => Some(Self::Before(number.saturating_add(1))),
            (">", Some(number)) => Some(Self::Behind(number)),
            (">=", Some(number)) => Some(Self::Behind(number.saturating_sub(1))),
            ("%", Some(number)) if number > 0 => Some(Self::Each(number)),
            _ => None,
        }
        .ok_or_else(|| format!("a hit count is `3`, `< 3`, `<= 3`, `> 3`, `>= 3` or `% 3`, and not `{text}`"))
    }

    fn accepts(self, hits: usize) -> bool {
        match self {
            Self::At(number) => hits == number,
            Self::Before(number) => hits < number,
            Self::Behind(number) => hits > number,
            Self::Each(number) => hits.is_multiple_of(number),
        }
    }
}

impl Log {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let end = end(behind).ok_or("the log message has a `{` without its `}`")?;
            let (asked, after) = behind.split_at(end);
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Asked(Question::parse(asked.trim())?));
            rest = after.get(1..).unwrap_or_default();
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// What is said at a moment; where something has no answer, why.
    pub(super) fn said(&self, trace: &mut Trace<'_>, moment: usize) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Asked(question) => match trace.told(moment, question) {
                    Ok(told) => text.push_str(&told),
                    Err(why) => text.push_str(&format!("({why})")),
                },
            }
        }
        text
    }
}

/// Where the `}` is that is not inside of a text.
fn end(text: &str) -> Option<usize> {
    let (mut in_text, mut escaped) = (false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            '}' if !in_text => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hit_counts_are_numbers_with_an_operator() {
        let of = |text: &str| -> Vec<usize> {
            let hits = Hits::parse(text).unwrap();
            (1..=6).filter(|number| hits.accepts(*number)).collect()
        };
        for (text, times) in [
            ("3", vec![3]),
            ("== 3", vec![3]),
            ("=3", vec![3]),
            ("<3", vec![1, 2]),
            ("<= 3", vec![1, 2, 3]),
            ("> 3", vec![4, 5, 6]),
            (">=3", vec![3, 4, 5, 6]),
            (">= 0", vec![1, 2, 3, 4, 5, 6]),
            ("%2", vec![2, 4, 6]),
            ("0", vec![]),
        ] {
            assert_eq!(of(text), times, "{text}");
        }
        for wrong in ["x", "3x", "% 0", "-1", "!= 3", "99999999999999999999999", "3 4", ">"] {
            assert!(Hits::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn log_messages_have_expressions_in_braces() {
        let shape = |text: &str| -> Result<String, String> {
            let pieces = Log::parse(text)?.0.into_iter().map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Asked(_) => "?".to_owned(),
            });
            Ok(pieces.collect())
        };
        for (text, read) in
            [("plain", "plain"), ("ä {a}𝄞{ b.c }", "ä ?𝄞?"), ("{m[\"}\"]}}", "?}"), ("{\"\\\"}\"}", "?"), ("}", "}")]
        {
            assert_eq!(shape(text).unwrap(), read, "{text}");
        }
        for wrong in ["{", "{\"}", "{}", "{f()}", "{a b}"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn terms_of_another_type_are_no_terms() {
        assert!(Terms::of(&json!({"condition": 1})).is_err());
        assert!(Terms::of(&json!({"condition": "f()"})).unwrap().is_err());
        let none = Terms::of(&json!({"condition": " ", "hitCondition": "", "logMessage": null})).unwrap().unwrap();
        assert!(none.condition.is_none() && none.hits.is_none() && none.log.is_none());
    }
}
