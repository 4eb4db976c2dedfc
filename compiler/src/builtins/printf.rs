//! Formatting as Go's `fmt.Sprintf` does with strings.
//!
//! Owns verbs, flags and what is printed where a format does not fit its values. Never fails, as the original.

/// The format with the values put in.
pub(super) fn sprintf(format: &str, values: &[String]) -> String {
    let mut out = String::new();
    let mut printer = Printer { values, next: 0, reordered: false };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(rest.get(..at).unwrap_or(""));
        rest = printer.verb(rest.get(at + 1..).unwrap_or(""), &mut out);
    }
    out.push_str(rest);
    if !printer.reordered && printer.next < values.len() {
        let extra: Vec<String> = values.iter().skip(printer.next).map(|value| format!("string={value}")).collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

struct Printer<'a> {
    values: &'a [String],
    next: usize,
    /// Whether some verb has named its value by number; then left-over values are no mistake.
    reordered: bool,
}

#[derive(Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// More than this is a slip, and would only fill the memory.
const MAX_WIDTH: usize = 1_000_000;

impl Printer<'_> {
    /// Prints one verb; `text` begins behind its `%`. Returns what follows.
    fn verb<'t>(&mut self, text: &'t str, out: &mut String) -> &'t str {
        let mut flags = Flags::default();
        let mut chars = text.char_indices().peekable();
        let mut bad_index = false;
        while let Some((_, ch)) = chars.peek() {
            match ch {
                '-' => flags.minus = true,
                '+' => flags.plus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = true,
                _ => break,
            }
            chars.next();
        }
        bad_index |= self.index(&mut chars);
        flags.width = self.number(&mut chars, "%!(BADWIDTH)", out);
        if chars.next_if(|(_, ch)| *ch == '.').is_some() {
            bad_index |= self.index(&mut chars);
            flags.precision = Some(self.number(&mut chars, "%!(BADPREC)", out).unwrap_or(0));
        }
        bad_index |= self.index(&mut chars);
        let Some((at, verb)) = chars.next() else {
            out.push_str("%!(NOVERB)");
            return "";
        };
        let rest = text.get(at + verb.len_utf8()..).unwrap_or("");
        if verb == '%' {
            out.push('%');
        } else if bad_index {
            out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            print(verb, value, &flags, out);
        } else {
            out.push_str(&format!("%!{verb}(MISSING)"));
        }
        rest
    }

    /// `[3]`: the value that is taken next. Says whether there is none.
    fn index(&mut self, chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> bool {
        if chars.next_if(|(_, ch)| *ch == '[').is_none() {
            return false;
        }
        self.reordered = true;
        let mut digits = String::new();
        let mut closed = false;
        for (_, ch) in chars.by_ref() {
            if ch == ']' {
                closed = true;
                break;
            }
            digits.push(ch);
        }
        match digits.parse::<usize>() {
            Ok(number) if closed && (1..=self.values.len()).contains(&number) => {
                self.next = number - 1;
                false
            }
            _ => true,
        }
    }

    fn number(
        &mut self,
        chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
        bad: &str,
        out: &mut String,
    ) -> Option<usize> {
        if chars.next_if(|(_, ch)| *ch == '*').is_some() {
            // The width would have to be a number, and all values are strings.
            self.next += 1;
            out.push_str(bad);
            return None;
        }
        let mut number: Option<usize> = None;
        while let Some((_, digit)) = chars.next_if(|(_, ch)| ch.is_ascii_digit()) {
            let digit = digit.to_digit(10).unwrap_or(0) as usize;
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
        }
        number.map(|number| number.min(MAX_WIDTH))
    }
}

fn print(verb: char, value: &str, flags: &Flags, out: &mut String) {
    let cut: String = match flags.precision {
        Some(precision) => value.chars().take(precision).collect(),
        None => value.to_owned(),
    };
    let printed = match verb {
        'v' if flags.sharp => quote(&cut),
        's' | 'v' => cut,
        'q' if flags.sharp
            && !cut.contains(['`', '\u{7f}'])
            && !cut.contains(|ch: char| ch.is_control() && ch != '\t') =>
        {
            format!("`{cut}`")
        }
        'q' if flags.plus => quote_with(&cut, |ch| ch.is_ascii()),
        'q' => quote(&cut),
        'x' | 'X' => {
            let bytes = value.bytes().take(flags.precision.unwrap_or(usize::MAX));
            let digits: Vec<String> =
                bytes.map(|byte| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") }).collect();
            let prefix = if flags.sharp { format!("0{verb}") } else { String::new() };
            match (flags.space, digits.is_empty()) {
                (_, true) => String::new(),
                (true, _) => digits.iter().map(|digit| format!("{prefix}{digit}")).collect::<Vec<_>>().join(" "),
                (false, _) => format!("{prefix}{}", digits.concat()),
            }
        }
        'T' => "string".to_owned(),
        _ => {
            out.push_str(&format!("%!{verb}(string={value})"));
            return;
        }
    };
    let padding = flags.width.unwrap_or(0).saturating_sub(printed.chars().count());
    if flags.minus {
        out.push_str(&printed);
        out.extend(std::iter::repeat_n(' ', padding));
    } else {
        out.extend(std::iter::repeat_n(if flags.zero { '0' } else { ' ' }, padding));
        out.push_str(&printed);
    }
}

/// A text in double quotes, as Go writes it.
pub(super) fn quote(text: &str) -> String {
    quote_with(text, |ch| ch == ' ' || !(ch.is_control() || ch.is_whitespace() || ch == '\u{feff}' || ch == '\u{ad}'))
}

fn quote_with(text: &str, printable: impl Fn(char) -> bool) -> String {
    let mut out = String::from("\"");
    for ch in text.chars() {
        match ch {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            _ if u32::from(ch) < 0x20 || ch == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(ch))),
            _ if printable(ch) => out.push(ch),
            _ if u32::from(ch) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(ch))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(ch))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_formatted_as_go_does() {
        for (format, values, expected) in [
            ("%s-%s", vec!["a", "b"], "a-b"),
            ("%s %s %%", vec!["a", "b"], "a b %"),
            ("%s-%s", vec!["a"], "a-%!s(MISSING)"),
            ("%s", vec!["a", "b", "c"], "a%!(EXTRA string=b, string=c)"),
            ("%d", vec!["5"], "%!d(string=5)"),
            ("%q", vec!["a\"b\n\u{1}é"], "\"a\\\"b\\n\\x01é\""),
            ("%x|%X|% x|%#x", vec!["hi", "hi", "hi", "hi"], "6869|6869|68 69|0x6869"),
            ("[%5s|%-5s|%.2s|%5.1s]", vec!["ab", "ab", "abc", "é€"], "[   ab|ab   |ab|    é]"),
            ("%v %T", vec!["x", "y"], "x string"),
            ("%[2]s %[1]s", vec!["a", "b"], "b a"),
            ("%[3]s", vec!["a"], "%!s(BADINDEX)"),
            ("%[2]s", vec!["a", "b", "c"], "b"),
            ("100%", vec![], "100%!(NOVERB)"),
            ("%!", vec![], "%!!(MISSING)"),
            ("%é", vec!["a"], "%!é(string=a)"),
            ("%*s", vec!["a", "b"], "%!(BADWIDTH)b"),
            ("", vec![], ""),
        ] {
            let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
            assert_eq!(sprintf(format, &values), expected, "{format:?}");
        }
    }
}
