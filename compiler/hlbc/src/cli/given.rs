//! What the command line gives targets.
//!
//! Owns which of its words are options of hlbc and which belong to targets: first by what clap knows, and once the program is
//! known, by the parameters of its targets. What a text means as a value of a type is the compiler's business.

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::{Arg, Command};
use hlb_compiler::{ParameterInfo, TargetCall, TargetInfo, Type, nearest};

use crate::error::{Failure, Kind};

/// What is built if nothing is named.
const DEFAULT: &str = "default";
/// The id of the option that names a target, and of the argument that does.
const OPTION: &str = "target";
const ARGUMENT: &str = "named";

/// What a command line says of targets, while it is not known what they take.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Given {
    words: Vec<Word>,
    /// The long options of hlbc, for those who have missed one.
    own: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Word {
    /// `--name` or `--name=value`
    Flag { name: String, value: Option<String> },
    /// A target, or the value of the flag directly before.
    Plain(String),
    /// `-t TARGET`
    Target(String),
    /// Something for hlbc: what stands behind it is no value of what stands before it.
    Gap,
}

/// Parts what clap reads from what targets read. Commands that build no targets are left alone.
pub(crate) fn split(args: impl IntoIterator<Item = OsString>, cli: &Command) -> (Vec<OsString>, Given) {
    let mut args = args.into_iter();
    let mut own: Vec<OsString> = args.by_ref().take(2).collect();
    let name = own.get(1).and_then(|name| name.to_str());
    let Some(command) = name.and_then(|name| cli.find_subcommand(name)).filter(|command| takes_targets(command)) else {
        own.extend(args);
        return (own, Given::default());
    };
    let mut given = Given { words: Vec::new(), own: longs(command) };
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--") => {
                given.words.push(Word::Gap);
                // What is no text is for clap to refuse.
                args.by_ref().for_each(|arg| match arg.to_str() {
                    Some(text) => given.words.push(word(text)),
                    None => own.push(arg),
                });
            }
            Some(text) => match known(command, text) {
                Known::Option { option, value } if option.get_action().takes_values() => {
                    let value = value.map(OsString::from);
                    let inline = value.is_some();
                    // A value that may be missing stands behind `=`.
                    let value = value.or_else(|| if option.is_require_equals_set() { None } else { args.next() });
                    match value.as_deref().and_then(|value| value.to_str()) {
                        Some(target) if option.get_id() == OPTION => given.words.push(Word::Target(target.to_owned())),
                        _ => {
                            given.words.push(Word::Gap);
                            own.push(arg);
                            own.extend(value.filter(|_| !inline));
                        }
                    }
                }
                Known::Option { .. } => {
                    given.words.push(Word::Gap);
                    own.push(arg);
                }
                // `-O2` may be the value of a flag; alone it is a slip that clap tells.
                Known::NoShort if !matches!(given.words.last(), Some(Word::Flag { value: None, .. })) => own.push(arg),
                Known::No | Known::NoShort => given.words.push(word(text)),
            },
            None => own.push(arg),
        }
    }
    (own, given)
}

/// Whether something of a command line is an option of hlbc.
enum Known<'c, 't> {
    Option { option: &'c Arg, value: Option<&'t str> },
    NoShort,
    No,
}

fn known<'c, 't>(command: &'c Command, text: &'t str) -> Known<'c, 't> {
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let named = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        };
        return command.get_arguments().find(named).map_or(Known::No, |option| Known::Option { option, value });
    }
    let Some(short) = text.strip_prefix('-').and_then(|rest| rest.chars().next()) else { return Known::No };
    if short.is_ascii_digit() {
        return Known::No;
    }
    let value = text.get(1 + short.len_utf8()..).filter(|value| !value.is_empty());
    let option = command.get_arguments().find(|arg| arg.get_short() == Some(short));
    option.map_or(Known::NoShort, |option| Known::Option {
        option,
        value: value.map(|it| it.strip_prefix('=').unwrap_or(it)),
    })
}

fn word(text: &str) -> Word {
    let Some(flag) = text.strip_prefix("--") else { return Word::Plain(text.to_owned()) };
    let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
    Word::Flag { name: name.to_owned(), value }
}

fn takes_targets(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == ARGUMENT)
}

fn longs(command: &Command) -> Vec<String> {
    command.get_arguments().filter_map(Arg::get_long).map(str::to_owned).collect()
}

/// Whether an option of hlbc has the name of a parameter, which stands behind `--` therefore.
pub(crate) fn is_own(cli: &Command, name: &str) -> bool {
    cli.find_subcommand("run").is_some_and(|run| longs(run).iter().any(|long| long == name))
}

impl Given {
    /// Targets that are given nothing.
    pub(crate) fn names(names: &[String]) -> Self {
        Self { words: names.iter().cloned().map(Word::Target).collect(), own: Vec::new() }
    }

    /// What targets are named and which of their parameters are given, without the values: these may be secret.
    pub(crate) fn shown(&self) -> String {
        let mut shown = Vec::new();
        let mut wants_value = false;
        for word in &self.words {
            match word {
                Word::Target(name) => shown.push(name.clone()),
                Word::Plain(name) if !wants_value => shown.push(name.clone()),
                Word::Flag { name, .. } => shown.push(format!("--{name}")),
                Word::Plain(_) | Word::Gap => {}
            }
            wants_value = matches!(word, Word::Flag { value: None, .. });
        }
        shown.join(" ")
    }

    /// The targets that are meant, each with what it is given; at least one. Whether they exist is not looked at.
    ///
    /// # Errors
    /// If a target has no such parameter, or one is given no value.
    pub(crate) fn calls(&self, targets: &[TargetInfo]) -> Result<Vec<TargetCall>, Failure> {
        let first = self.first(targets);
        let name = first.and_then(|at| self.words.get(at)).and_then(Word::text).unwrap_or(DEFAULT);
        let mut reading = Reading::new(self, targets, name, first.is_none());
        let (before, behind) = self.words.split_at(first.unwrap_or(self.words.len()));
        reading.read(before);
        reading.read(behind.get(1..).unwrap_or_default());
        let Some((sure, refused)) = reading.refused else { return Ok(reading.calls) };
        let unknown = |call: &TargetCall| !targets.iter().any(|target| target.name == call.name);
        let missed: Vec<TargetCall> = reading.calls.into_iter().filter(unknown).collect();
        // What a target takes that there is not cannot be said, and it may be the value of an option that was meant.
        if sure || missed.is_empty() { Err(refused) } else { Ok(missed) }
    }

    /// Where the first target is named. Flags before it are for it, and whether a word behind a flag is its value or the target,
    /// only the target knows.
    fn first(&self, targets: &[TargetInfo]) -> Option<usize> {
        let flag = self.words.iter().position(|word| matches!(word, Word::Flag { .. })).unwrap_or(self.words.len());
        let name = |at: &usize| matches!(self.words.get(*at), Some(Word::Plain(_) | Word::Target(_)));
        if let Some(at) = (0..flag).find(name) {
            return Some(at);
        }
        let fits = |at: &usize, sure: bool| match self.words.get(*at) {
            Some(Word::Target(_)) => true,
            Some(Word::Plain(name)) => {
                targets.iter().any(|target| target.name == *name) && {
                    let mut reading = Reading::new(self, targets, name, false);
                    let before = self.words.get(..*at).unwrap_or_default();
                    reading.read(before);
                    reading.stray == 0 && !reading.open(before) && !(sure && reading.refused.is_some())
                }
            }
            _ => false,
        };
        let mut places = flag..self.words.len();
        places.clone().find(|at| fits(at, true)).or_else(|| places.find(|at| fits(at, false)))
    }
}

impl Word {
    fn text(&self) -> Option<&str> {
        match self {
            Word::Plain(text) | Word::Target(text) => Some(text),
            Word::Flag { .. } | Word::Gap => None,
        }
    }
}

/// The reading of words for the last of some targets.
struct Reading<'g> {
    targets: &'g [TargetInfo],
    own: &'g [String],
    calls: Vec<TargetCall>,
    /// Whether nobody has named the target.
    implied: bool,
    /// How many words were no values, and so the names of targets.
    stray: usize,
    /// What is wrong first, and whether it is nothing else.
    refused: Option<(bool, Failure)>,
}

impl<'g> Reading<'g> {
    fn new(given: &'g Given, targets: &'g [TargetInfo], name: &str, implied: bool) -> Self {
        Self { targets, own: &given.own, calls: vec![name.into()], implied, stray: 0, refused: None }
    }

    fn read(&mut self, words: &[Word]) {
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            match word {
                Word::Gap => {}
                Word::Plain(name) | Word::Target(name) => {
                    self.stray += 1;
                    self.implied = false;
                    self.calls.push(name.as_str().into());
                }
                Word::Flag { name, value } => {
                    let next = words.peek().and_then(|next| match next {
                        Word::Plain(text) => Some(text.as_str()),
                        _ => None,
                    });
                    if self.flag(name, value.as_deref(), next) {
                        words.next();
                    }
                }
            }
        }
    }

    /// Whether the last of these words is a flag that wants a value.
    fn open(&self, words: &[Word]) -> bool {
        let Some(Word::Flag { name, value: None }) = words.last() else { return false };
        self.target().and_then(|target| param(target, name)).is_some_and(|param| *element(&param.ty) != Type::Bool)
    }

    /// Reads a flag; says whether the next word is its value.
    fn flag(&mut self, name: &str, value: Option<&str>, next: Option<&str>) -> bool {
        let Some(target) = self.target() else {
            self.refuse(false, || Failure::told(Kind::Usage));
            return next.is_some_and(|next| !self.targets.iter().any(|target| target.name == next));
        };
        let Some(param) = param(target, name) else {
            let near = nearest(name, target.params.iter().map(|param| param.name.as_str()));
            let own = nearest(name, self.own.iter().map(String::as_str));
            let sure = !self.implied || near.is_some() || own.is_some();
            self.refuse(sure, || no_parameter(target, name, near, own));
            return false;
        };
        let is_bool = *element(&param.ty) == Type::Bool;
        let next = next.filter(|next| value.is_none() && (!is_bool || matches!(*next, "true" | "false")));
        let texts: Vec<String> = match value.or(next) {
            Some(text) => vec![text.to_owned()],
            // Each element of a list is given for itself.
            None if is_bool && param.ty != Type::Bool => vec!["true".to_owned()],
            None if is_bool => Vec::new(),
            None => {
                self.refuse(true, || no_value(target, param));
                return false;
            }
        };
        if let Some(call) = self.calls.last_mut() {
            call.args.push((name.to_owned(), texts));
        }
        next.is_some()
    }

    fn target(&self) -> Option<&'g TargetInfo> {
        let name = &self.calls.last()?.name;
        self.targets.iter().find(|target| target.name == *name)
    }

    fn refuse(&mut self, sure: bool, failure: impl FnOnce() -> Failure) {
        self.refused.get_or_insert_with(|| (sure, failure()));
    }
}

fn param<'t>(target: &'t TargetInfo, name: &str) -> Option<&'t ParameterInfo> {
    target.params.iter().find(|param| param.name == name)
}

/// The type of one text.
pub(crate) fn element(ty: &Type) -> &Type {
    match ty {
        Type::List(inner) | Type::Optional(inner) => element(inner),
        ty => ty,
    }
}

/// What stands for a value in a line that shows how a flag is written.
pub(crate) fn placeholder(param: &ParameterInfo) -> String {
    match element(&param.ty) {
        _ if !param.words.is_empty() => param.words.join("|"),
        Type::Fs => "DIR".to_owned(),
        Type::Int => "NUMBER".to_owned(),
        Type::String => "TEXT".to_owned(),
        Type::Bool => "true|false".to_owned(),
        ty => ty.to_string(),
    }
}

fn no_parameter(target: &TargetInfo, name: &str, param: Option<&str>, option: Option<&str>) -> Failure {
    let message = format!("`{}` has no parameter `{name}`, and hlbc no option `--{name}`", target.name);
    let help = match (param, option) {
        (Some(param), Some(option)) => {
            format!("did you mean `--{param}` of `{}`, or `--{option}` of hlbc?", target.name)
        }
        (Some(near), None) | (None, Some(near)) => format!("did you mean `--{near}`?"),
        (None, None) if target.params.is_empty() => {
            format!("`{}` takes nothing from the command line; `hlbc list` shows what takes what", target.name)
        }
        (None, None) => {
            let flags: Vec<String> = target.params.iter().map(|param| format!("`--{}`", param.name)).collect();
            format!("`{}` takes {}; `hlbc list` shows what takes what", target.name, flags.join(", "))
        }
    };
    Failure::new(Kind::Usage, message).help(help)
}

fn no_value(target: &TargetInfo, param: &ParameterInfo) -> Failure {
    let ParameterInfo { name, ty, words, .. } = param;
    let example = match element(ty) {
        _ if !words.is_empty() => words.first().cloned().unwrap_or_default(),
        Type::Int => "4".to_owned(),
        Type::Fs => "./src".to_owned(),
        _ => "text".to_owned(),
    };
    let message = format!("the parameter `{name}` of `{}` needs a value of type `{}`", target.name, element(ty));
    Failure::new(Kind::Usage, message).help(format!("write one behind it, such as `--{name} {example}`"))
}
