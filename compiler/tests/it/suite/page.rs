//! Pages of the suite as data: headings, fenced blocks, and the marks between the lines of a program.
//!
//! Owns how a page is read and how a block of it is replaced. Knows nothing of the compiler.

use std::fmt;

/// A heading with the blocks below it.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) files: Vec<File>,
    pub(crate) blocks: Vec<Block>,
}

/// One file of a program.
pub(crate) struct File {
    pub(crate) name: String,
    /// The program without its marks; ends in a newline.
    pub(crate) text: String,
    pub(crate) marks: Vec<Mark>,
    /// The lines of the page between the fences.
    pub(crate) at: std::ops::Range<usize>,
}

/// A fenced block that is no program.
pub(crate) struct Block {
    pub(crate) kind: String,
    /// What stands behind the kind on the opening line.
    pub(crate) info: String,
    pub(crate) text: String,
    pub(crate) at: std::ops::Range<usize>,
}

/// What is said of a place in the line above.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    /// The 0-based line of the program that it stands below.
    pub(crate) line: usize,
    /// The first column, counted in characters from 0.
    pub(crate) from: usize,
    /// One past the last column.
    pub(crate) to: usize,
    /// Whether the place goes on in the lines that follow.
    pub(crate) open: bool,
    pub(crate) says: Says,
    pub(crate) text: String,
}

/// What kind of thing is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Says {
    /// `error[CODE]`
    Error(String),
    /// `warning[CODE]`
    Warning(String),
    /// `note:`, a second place of a diagnostic.
    Note,
    /// `help:`, of a diagnostic at this place.
    Help,
    /// `fix:`, the text that a suggested edit puts here.
    Fix,
    /// `type:`, the type of the name here.
    Type,
    /// `effects:`, what the function with the name here does outside of the build.
    Effects,
    /// `=>`, the value of the declaration with the name here.
    Value,
}

impl Mark {
    /// The mark in a line of a page, if the line is one.
    fn parse(line: &str, below: usize) -> Option<Result<Self, String>> {
        let from = line.chars().take_while(|ch| ch.is_whitespace()).count();
        let rest = line.trim_start();
        let width = rest.chars().take_while(|ch| *ch == '^').count();
        if width == 0 {
            return None;
        }
        let rest = &rest[width..];
        let (open, rest) = rest.strip_prefix('…').map_or((false, rest), |rest| (true, rest));
        let rest = rest.trim();
        let coded = |word: &str| rest.strip_prefix(word)?.strip_prefix('[')?.split_once(']');
        let plain = |word: &str| rest.strip_prefix(word);
        let (says, text) = if let Some((code, text)) = coded("error") {
            (Says::Error(code.to_owned()), text)
        } else if let Some((code, text)) = coded("warning") {
            (Says::Warning(code.to_owned()), text)
        } else if let Some(text) = plain("note:") {
            (Says::Note, text)
        } else if let Some(text) = plain("help:") {
            (Says::Help, text)
        } else if let Some(text) = plain("fix:") {
            (Says::Fix, text)
        } else if let Some(text) = plain("type:") {
            (Says::Type, text)
        } else if let Some(text) = plain("effects:") {
            (Says::Effects, text)
        } else if let Some(text) = plain("=>") {
            (Says::Value, text)
        } else {
            return Some(Err(format!("`{}` is no mark", line.trim())));
        };
        Some(Ok(Self { line: below, from, to: from + width, open, says, text: text.trim().to_owned() }))
    }

    /// Whether both are of the same place.
    pub(crate) fn is_at(&self, other: &Mark) -> bool {
        (self.line, self.from, self.to, self.open) == (other.line, other.from, other.to, other.open)
    }

    /// The mark as a line below `above`, whose tabs it repeats.
    pub(crate) fn line(&self, above: &str) -> String {
        let mut line: String = above.chars().take(self.from).map(|ch| if ch == '\t' { '\t' } else { ' ' }).collect();
        let short = self.from.saturating_sub(above.chars().count());
        line.push_str(&" ".repeat(short));
        line.push_str(&"^".repeat(self.to - self.from));
        if self.open {
            line.push('…');
        }
        format!("{line} {}", format!("{} {}", self.says, self.text).trim())
    }
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Says::Error(code) => write!(f, "error[{code}]"),
            Says::Warning(code) => write!(f, "warning[{code}]"),
            Says::Note => f.write_str("note:"),
            Says::Help => f.write_str("help:"),
            Says::Fix => f.write_str("fix:"),
            Says::Type => f.write_str("type:"),
            Says::Effects => f.write_str("effects:"),
            Says::Value => f.write_str("=>"),
        }
    }
}

impl File {
    fn parse(name: &str, lines: &[&str], at: std::ops::Range<usize>) -> Result<Self, String> {
        let mut text = String::new();
        let mut marks = Vec::new();
        let mut count = 0_usize;
        for line in lines {
            match Mark::parse(line, count.saturating_sub(1)) {
                Some(_) if count == 0 => return Err("a mark stands above all lines".to_owned()),
                Some(mark) => marks.push(mark?),
                None => {
                    text.push_str(line);
                    text.push('\n');
                    count += 1;
                }
            }
        }
        let name = if name.is_empty() { "main.hlb" } else { name };
        Ok(Self { name: name.to_owned(), text, marks, at })
    }

    /// The block with other marks, each line's in the order given.
    pub(crate) fn with_marks(&self, marks: &[Mark]) -> String {
        let mut out = String::new();
        for (number, line) in self.text.lines().enumerate() {
            out.push_str(line);
            out.push('\n');
            for mark in marks.iter().filter(|mark| mark.line == number) {
                out.push_str(&mark.line(line));
                out.push('\n');
            }
        }
        out
    }
}

/// Reads a page.
pub(crate) fn parse(page: &str) -> Result<Vec<Case>, String> {
    let lines: Vec<&str> = page.lines().collect();
    let mut cases: Vec<Case> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if let Some(title) = line.strip_prefix("### ") {
            cases.push(Case { title: title.trim().to_owned(), files: Vec::new(), blocks: Vec::new() });
        } else if let Some(info) = line.strip_prefix("```") {
            let end = (at..lines.len()).find(|end| lines[*end] == "```");
            let end = end.ok_or_else(|| format!("line {at}: the block is never closed"))?;
            let case = cases.last_mut().ok_or_else(|| format!("line {at}: a block without a heading `###`"))?;
            let (kind, info) = info.split_once(' ').unwrap_or((info, ""));
            let body = &lines[at..end];
            if kind == "hlb" {
                let file = File::parse(info, body, at..end).map_err(|error| format!("{}: {error}", case.title))?;
                case.files.push(file);
            } else {
                let text = body.iter().map(|line| format!("{line}\n")).collect();
                case.blocks.push(Block { kind: kind.to_owned(), info: info.to_owned(), text, at: at..end });
            }
            at = end + 1;
        }
    }
    for (number, case) in cases.iter().enumerate() {
        if !case.files.iter().any(|file| file.name == "main.hlb") {
            return Err(format!("{}: there is no program", case.title));
        }
        if cases[..number].iter().any(|other| other.title == case.title) {
            return Err(format!("{}: there are two cases of this name", case.title));
        }
    }
    Ok(cases)
}
