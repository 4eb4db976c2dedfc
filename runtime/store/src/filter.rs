//! Filters: which entries are meant, as containerd and BuildKit write it.
//!
//! ```text
//! type==exec.cachemount    type!=regular    description~="go build"    inuse    id==17,type==regular
//! ```
//!
//! Owns the syntax. What is meant has all conditions of one filter, and any filter of several.

use std::str::FromStr;

use regex::Regex;

use crate::usage::UsageInfo;

const FIELDS: &str = "id, type, description, inuse and shared";

/// Conditions that an entry has to meet, all of them.
#[derive(Debug, Clone)]
pub struct Filter(Vec<Condition>);

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It names what entries do not have.
    #[error("entries have no field `{field}`; they have {FIELDS}")]
    Field {
        /// The name.
        field: String,
    },
    /// It cannot be read.
    #[error("`{text}` is no condition: write it as `FIELD==VALUE`, `FIELD!=VALUE`, `FIELD~=REGEX` or `FIELD`")]
    Syntax {
        /// The part that cannot be read.
        text: String,
    },
    /// Its regular expression is wrong.
    #[error("`{text}` is no regular expression: {why}")]
    Regex {
        /// The expression.
        text: String,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Clone)]
struct Condition {
    field: Field,
    test: Test,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Id,
    Type,
    Description,
    InUse,
    Shared,
}

#[derive(Debug, Clone)]
enum Test {
    /// There is something, or it is true.
    Is,
    Equal(String),
    Unequal(String),
    Match(Regex),
}

impl Filter {
    /// Whether it means an entry.
    pub fn matches(&self, entry: &UsageInfo) -> bool {
        self.0.iter().all(|condition| condition.matches(entry))
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        split(text)?.into_iter().map(Condition::read).collect::<Result<_, _>>().map(Self)
    }
}

impl Condition {
    fn read(text: &str) -> Result<Self, FilterError> {
        let syntax = || FilterError::Syntax { text: text.to_owned() };
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let field = match name {
            "" => return Err(syntax()),
            "id" => Field::Id,
            "type" => Field::Type,
            "description" => Field::Description,
            "inuse" => Field::InUse,
            "shared" => Field::Shared,
            field => return Err(FilterError::Field { field: field.to_owned() }),
        };
        if rest.is_empty() {
            return Ok(Self { field, test: Test::Is });
        }
        let (operator, value) = rest.split_at_checked(2).ok_or_else(syntax)?;
        let value = unquoted(value).ok_or_else(syntax)?;
        let test = match operator {
            "==" => Test::Equal(value),
            "!=" => Test::Unequal(value),
            "~=" => Test::Match(Regex::new(&value).map_err(|error| {
                let why = error.to_string();
                FilterError::Regex { text: value, why: why.lines().last().unwrap_or_default().trim().to_owned() }
            })?),
            _ => return Err(syntax()),
        };
        Ok(Self { field, test })
    }

    fn matches(&self, entry: &UsageInfo) -> bool {
        let word = |truth: bool| if truth { "true" } else { "false" }.to_owned();
        let value = match self.field {
            Field::Id => entry.id.to_string(),
            Field::Type => entry.kind.to_string(),
            Field::Description => entry.description.clone(),
            Field::InUse => word(entry.in_use),
            Field::Shared => word(entry.shared),
        };
        match &self.test {
            Test::Is => !value.is_empty() && value != "false",
            Test::Equal(wanted) => value == *wanted,
            Test::Unequal(wanted) => value != *wanted,
            Test::Match(wanted) => wanted.is_match(&value),
        }
    }
}

/// The conditions, at the commas that stand in no quotes.
fn split(text: &str) -> Result<Vec<&str>, FilterError> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(FilterError::Syntax { text: text.to_owned() });
    }
    parts.push(text.get(begin..).unwrap_or_default());
    Ok(parts.into_iter().map(str::trim).collect())
}

/// A value without its quotes, if it has some.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let (mut text, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            // What is escaped for the regular expression stays so.
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => text.push(c),
                c => text.extend(['\\', c]),
            },
            '"' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::usage::{RecordType, UsageId};

    fn entry() -> UsageInfo {
        UsageInfo {
            id: UsageId::Result(17),
            kind: RecordType::Regular,
            description: "run go build, all".to_owned(),
            bytes: 1,
            created_at: SystemTime::UNIX_EPOCH,
            used_at: SystemTime::UNIX_EPOCH,
            uses: 0,
            cost: Duration::ZERO,
            in_use: true,
            shared: false,
        }
    }

    #[test]
    fn entries_that_are_meant() {
        let check = |filter: &str, meant: bool| {
            assert_eq!(filter.parse::<Filter>().unwrap().matches(&entry()), meant, "{filter}");
        };
        check("type==regular", true);
        check("type==source.local", false);
        check("type!=source.local", true);
        check("id==17", true);
        check("id~=^1", true);
        check("id~=^7", false);
        check("inuse", true);
        check("inuse==false", false);
        check("shared", false);
        check("shared!=true", true);
        check("description", true);
        check("description~=\"go build, a\"", true);
        check("description~=\"go \\w+, all$\"", true);
        check("description==\"run \\\"x\\\"\"", false);
        check("type==regular, inuse", true);
        check("type==regular,shared", false);
    }

    #[test]
    fn what_is_no_filter_is_told() {
        let check = |filter: &str, told: &str| assert_eq!(filter.parse::<Filter>().unwrap_err().to_string(), told);
        check("size==5", "entries have no field `size`; they have id, type, description, inuse and shared");
        let syntax = ": write it as `FIELD==VALUE`, `FIELD!=VALUE`, `FIELD~=REGEX` or `FIELD`";
        for wrong in ["", "==x", "type=regular", "type=", "id==\"a", "id==a\"b", "id<>5"] {
            check(wrong, &format!("`{wrong}` is no condition{syntax}"));
        }
        check("id~=(", "`(` is no regular expression: error: unclosed group");
    }
}
