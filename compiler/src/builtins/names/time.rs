//! The namespace `time`.
//!
//! Owns what its functions do with points in time, which are texts in RFC 3339. There is no clock: all that reaches outside is
//! the environment variable with the time that a reproducible build dates things with.

use std::cmp::Ordering;

use super::refusal::{Growing, Refusal, shown};
use super::{Invocation, Table};
use crate::builtins::argument::Arguments;
use crate::builtins::duration;
use crate::builtins::time::{self, Moment, SECOND};
use crate::codes;
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail};

pub(super) const TABLE: Table = &[
    ("epoch", epoch),
    ("parse", |_, call| {
        let text = call.text(0).trim();
        let nanos = time::parse(text).or_else(|| time::parse(&format!("{text}T00:00:00Z")));
        Ok(nanos.map_or(Value::None, written))
    }),
    ("of", |_, call| match call.int(0).checked_mul(SECOND) {
        Some(nanos) => Ok(written(nanos)),
        None => Err(far(&format!("{} seconds from 1970", call.int(0))).at(call, 0)),
    }),
    ("unix", |_, call| Ok(Value::Int(read(call, 0)?.div_euclid(SECOND)))),
    ("add", |_, call| {
        let span = span(call.text(1)).map_err(|error| error.at(call, 1))?;
        match read(call, 0)?.checked_add(span) {
            Some(nanos) => Ok(written(nanos)),
            None => Err(far(&format!("{} from {}", shown(call.text(1)), shown(call.text(0)))).at(call, 1)),
        }
    }),
    ("compare", |_, call| {
        Ok(Value::Int(match read(call, 0)?.cmp(&read(call, 1)?) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }))
    }),
    ("format", |_, call| {
        let moment = Moment::of(read(call, 0)?);
        let made = format(&moment, call.text(1)).map_err(|error| error.at(call, 1))?;
        Ok(Value::Text(made.finish()))
    }),
    ("seconds", |_, call| match span(call.text(0)) {
        Ok(nanos) => Ok(Value::Int(nanos / SECOND)),
        Err(error) => Err(error.at(call, 0)),
    }),
];

const EPOCH: &str = "SOURCE_DATE_EPOCH";

fn epoch(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let Some(text) = evaluator.world.env(EPOCH).filter(|text| !text.is_empty()) else { return Ok(Value::None) };
    match text.parse().ok().and_then(|seconds: i64| seconds.checked_mul(SECOND)) {
        Some(nanos) => Ok(written(nanos)),
        None => {
            let message = format!(
                "the environment variable `{EPOCH}` is {}, which is no number of seconds since 1970",
                shown(&text)
            );
            Err(Box::new(
                call.site.fail(codes::WORLD, message).help("set it to the output of `git log -1 --format=%ct`"),
            ))
        }
    }
}

fn written(nanos: i64) -> Value {
    Value::Text(Moment::of(nanos).to_string().into())
}

fn far(what: &str) -> Refusal {
    Refusal::new(format!("{what} is further away than times can be written here")).help("stay between 1678 and 2261")
}

fn read(call: &Invocation, index: usize) -> Result<i64, Fail> {
    let text = call.text(index);
    time::parse(text).ok_or_else(|| {
        Refusal::new(format!("{} is no time in RFC 3339", shown(text)))
            .help("write it as `2024-01-31T12:00:00Z`, or give it to `time.parse` first")
            .at(call, index)
    })
}

/// A time span in nanoseconds.
fn span(text: &str) -> Result<i64, Refusal> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let nanos = duration::parse(rest).and_then(|span| i64::try_from(span.as_nanos()).ok());
    nanos.map(|nanos| sign * nanos).ok_or_else(|| {
        Refusal::new(format!("{} is no time span", shown(text)))
            .help("write it as `90s`, `1h30m` or `-24h`; the units are h, m, s, ms, us and ns")
    })
}

/// Whether a text is a time span.
pub(super) fn check_span(text: &str) -> Result<(), Refusal> {
    span(text).map(|_| ())
}

/// Whether a text says how to write a time.
pub(super) fn check_layout(text: &str) -> Result<(), Refusal> {
    format(&Moment::of(0), text).map(|_| ())
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

fn format(moment: &Moment, layout: &str) -> Result<Growing, Refusal> {
    let month = MONTHS.get(usize::try_from(moment.month - 1).unwrap_or(0)).copied().unwrap_or("");
    let day = DAYS.get(usize::try_from(moment.weekday()).unwrap_or(0)).copied().unwrap_or("");
    let date = || format!("{:04}-{:02}-{:02}", moment.year, moment.month, moment.day);
    let clock = || format!("{:02}:{:02}:{:02}", moment.hour, moment.minute, moment.second);
    let mut out = Growing::default();
    let mut rest = layout;
    while let Some((plain, verb)) = rest.split_once('%') {
        out.push(plain)?;
        let mut chars = verb.chars();
        let part = match chars.next() {
            Some('Y') => format!("{:04}", moment.year),
            Some('y') => format!("{:02}", moment.year % 100),
            Some('m') => format!("{:02}", moment.month),
            Some('d') => format!("{:02}", moment.day),
            Some('H') => format!("{:02}", moment.hour),
            Some('M') => format!("{:02}", moment.minute),
            Some('S') => format!("{:02}", moment.second),
            Some('j') => format!("{:03}", moment.day_of_year()),
            Some('B') => month.to_owned(),
            Some('b') => month.get(..3).unwrap_or("").to_owned(),
            Some('A') => day.to_owned(),
            Some('a') => day.get(..3).unwrap_or("").to_owned(),
            Some('F') => date(),
            Some('T') => clock(),
            Some('s') => moment.nanos.div_euclid(SECOND).to_string(),
            Some('%') => "%".to_owned(),
            other => {
                let verb = other.map(String::from).unwrap_or_default();
                return Err(Refusal::new(format!("`%{verb}` stands for no part of a time"))
                    .help("use `%Y %m %d %H %M %S %j %y %b %B %a %A %F %T %s`, or `%%` for a per cent sign"));
            }
        };
        out.push(&part)?;
        rest = chars.as_str();
    }
    out.push(rest)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_layout_says() {
        let moment = Moment::of(time::parse("2024-03-01T04:05:06Z").unwrap());
        for (layout, expected) in [
            ("%Y%m%d-%H%M%S", "20240301-040506"),
            ("%F %T", "2024-03-01 04:05:06"),
            ("%a %A %b %B", "Fri Friday Mar March"),
            ("%j %y %s %%", "061 24 1709265906 %"),
            ("plain é", "plain é"),
            ("", ""),
        ] {
            assert_eq!(format(&moment, layout).map(Growing::finish).as_deref(), Ok(expected), "{layout:?}");
        }
        for layout in ["%", "%Q", "%é", "%-d"] {
            assert!(check_layout(layout).is_err(), "{layout:?}");
        }
    }

    #[test]
    fn spans_may_be_negative() {
        for (text, seconds) in [("90s", 90), ("-24h", -86_400), ("0", 0), ("1h30m", 5_400)] {
            assert_eq!(span(text), Ok(seconds * SECOND), "{text}");
        }
        for text in ["", "-", "--1s", "1", "1d", "1e9h"] {
            assert!(span(text).is_err(), "{text:?}");
        }
    }
}
