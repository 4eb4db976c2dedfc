//! What the arguments of builtins must look like.
//!
//! Owns the rules that one argument can keep or break by itself. The check applies them to what is written out, evaluation to
//! everything else, so a mistake reads the same wherever it is found. What needs the world or two arguments is elsewhere.

use std::net::IpAddr;

use hlb_language::diagnostic::{Code, Diagnostic, Location};

use super::names::Refusal;
use super::{duration, reference, time};
use crate::codes;
use crate::suggest;

/// What an argument must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One of a few words, and what they are.
    Modes(&'static str, &'static [&'static str]),
    /// Permission bits.
    FileMode,
    /// Permissions as `chmod` takes them in words.
    SymbolicMode,
    /// A number between two others, and what it is.
    Number(&'static str, i64, i64),
    /// `sha256:…`
    Digest,
    /// The beginning of a commit's name, or all of it.
    Commit,
    /// A time in RFC 3339.
    Time,
    /// A time span.
    Duration,
    /// A signal by name or number.
    Signal,
    /// A port with or without its protocol.
    Port,
    /// The name of an image.
    Image,
    /// The name of an image without a digest, which it gets when it is written.
    NewImage,
    /// An address of the web.
    Url,
    /// What a forwarded connection leads to.
    Forward,
    /// The name of an environment variable.
    Variable,
    /// An IP address.
    Address,
    /// The name of a machine.
    Hostname,
    /// Numbers of processors or memory nodes: `0-2,4`.
    Set,
    /// An architecture, with its variant if it has one.
    Architecture,
    /// `user` or `user:group`, by name or number.
    Owner,
    /// Any text but the empty one, and what it is.
    Filled(&'static str),
    /// What a function in a namespace can read.
    Written(fn(&str) -> Result<(), Refusal>),
}

/// An argument whose value is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constant<'a> {
    Text(&'a str),
    Int(i64),
}

/// Why an argument cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    code: Code,
    message: String,
    help: Option<String>,
    /// What was written, and a text that would do instead.
    instead: Option<(String, String)>,
}

impl Broken {
    /// The error, at the argument.
    pub(crate) fn at(self, at: Location) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.code, at, self.message);
        if let Some(help) = self.help {
            diagnostic = diagnostic.help(help);
        }
        match self.instead {
            Some((was, text)) => diagnostic.fix(format!("replace `{was}` by `{text}`"), at, format!("\"{text}\"")),
            None => diagnostic,
        }
    }
}

impl Rule {
    /// Whether a value keeps the rule. One of another kind does: that has been reported.
    pub(crate) fn check(self, value: Constant<'_>) -> Result<(), Broken> {
        match value {
            Constant::Text(text) => self.text(text),
            Constant::Int(number) => self.number(number),
        }
    }

    fn number(self, number: i64) -> Result<(), Broken> {
        match self {
            Self::FileMode if !(0..=0o7777).contains(&number) => {
                let broken = plain(format!("0o{number:o} is no file mode: the greatest is 0o7777"));
                Err(match octal_reading(&number.to_string()) {
                    Some(meant) => Broken { help: Some(format!("write `{meant}` if the digits are octal")), ..broken },
                    None => broken,
                })
            }
            Self::Number(what, least, most) if !(least..=most).contains(&number) => {
                let range =
                    if most == i64::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
                Err(plain(format!("{number} is no {what}: it is {range}")))
            }
            _ => Ok(()),
        }
    }

    fn text(self, text: &str) -> Result<(), Broken> {
        let refuse = |good: bool, why: &str| if good { Ok(()) } else { Err(plain(format!("`{text}` {why}"))) };
        match self {
            Self::Modes(what, modes) => {
                if modes.contains(&text) {
                    return Ok(());
                }
                Err(unknown(what, text, modes))
            }
            Self::SymbolicMode => refuse(symbolic(text), "is no change of permissions such as `u+rwX` or `go-w,a+r`"),
            Self::Digest => {
                refuse(reference::is_digest(text), "is no digest of the form sha256:<64 hexadecimal digits>")
            }
            Self::Commit => refuse(commit(text), "is no commit: it is named by 7 to 64 hexadecimal digits"),
            Self::Time => refuse(time::parse(text).is_some(), "is no time in RFC 3339, such as 2024-01-31T12:00:00Z"),
            Self::Duration => {
                // What runs containers counts in nothing smaller.
                let whole = duration::parse(text).is_some_and(|span| span.is_zero() || span.as_millis() > 0);
                refuse(whole, "is no time span such as 30s, 500ms or 1m30s")
            }
            Self::Signal => refuse(signal(text), "is no signal: write a name such as SIGTERM, or a number up to 64"),
            Self::Port => refuse(port(text), "is no port such as 80, 443/tcp or 8000-8010/udp"),
            Self::Image => image(text),
            Self::NewImage => {
                image(text)?;
                refuse(!text.contains('@'), "has a digest, which an image only gets when it is written")
            }
            Self::Url => {
                let web = text.starts_with("http://") || text.starts_with("https://");
                refuse(web, "does not begin with `http://` or `https://`")
            }
            Self::Forward => match forward(text) {
                Some(_) => Ok(()),
                None => Err(Broken {
                    help: Some("write `unix://PATH` for a socket or `tcp://HOST:PORT` for a port".to_owned()),
                    ..plain(format!("`{text}` names nothing that connections can be forwarded to"))
                }),
            },
            Self::Variable => {
                refuse(!text.is_empty() && !text.contains(['=', '\0']), "is no name of an environment variable")
            }
            Self::Address => refuse(text.parse::<IpAddr>().is_ok(), "is no IP address"),
            Self::Hostname => refuse(hostname(text), "is no host name"),
            Self::Set => refuse(set(text), "is no list of numbers such as 0-2,4"),
            Self::Architecture => {
                refuse(architecture(text), "is no architecture such as arm64, or arm/v7 with a variant")
            }
            Self::Owner => refuse(owner(text), "is no owner: write `user` or `user:group`, by name or number"),
            Self::Filled(what) => {
                if text.is_empty() {
                    Err(plain(format!("an empty text is no {what}")))
                } else {
                    Ok(())
                }
            }
            Self::Written(read) => read(text).map_err(|refusal| {
                let Refusal { code, message, help } = refusal;
                Broken { code, message, help, instead: None }
            }),
            Self::FileMode | Self::Number(..) => Ok(()),
        }
    }
}

/// The octal number that a decimal one may have been meant as.
pub(crate) fn octal_reading(digits: &str) -> Option<String> {
    let octal = digits.len() >= 3 && digits.len() <= 4 && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    octal.then(|| format!("0o{digits}"))
}

/// What a forwarded connection leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Forward<'a> {
    Unix(&'a str),
    Tcp(&'a str),
}

pub(super) fn forward(text: &str) -> Option<Forward<'_>> {
    if let Some(path) = text.strip_prefix("unix://") {
        return (!path.is_empty()).then_some(Forward::Unix(path));
    }
    let address = text.strip_prefix("tcp://")?;
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse::<u16>().is_ok_and(|port| port > 0);
    (port && !host.is_empty() && !host.contains('/')).then_some(Forward::Tcp(address))
}

fn plain(message: String) -> Broken {
    Broken { code: codes::ARGUMENT, message, help: None, instead: None }
}

fn unknown(what: &str, word: &str, words: &[&str]) -> Broken {
    let code = codes::MODE;
    let message = format!("`{word}` is no {what}");
    let all = crate::check::list(words);
    match suggest::nearest(word, words.iter().copied()) {
        Some(near) => Broken {
            code,
            message,
            help: Some(format!("did you mean `{near}`? There are {all}")),
            instead: Some((word.to_owned(), near.to_owned())),
        },
        None => Broken { code, message, help: Some(format!("use one of {all}")), instead: None },
    }
}

fn image(text: &str) -> Result<(), Broken> {
    match reference::normalize(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Broken { code: codes::IMAGE_REFERENCE, ..plain(format!("`{text}` is no image reference: {error}")) })
        }
    }
}

fn commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

fn signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.parse::<u8>().is_ok_and(|offset| offset <= 30))
    };
    SIGNALS.contains(&name) || offset("RTMIN+") || offset("RTMAX-")
}

fn port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let range = match ports.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => number(ports).is_some(),
    };
    range && matches!(protocol, "tcp" | "udp" | "sctp")
}

fn hostname(text: &str) -> bool {
    let label = |label: &str| {
        let edges = label.starts_with('-') || label.ends_with('-');
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (1..=63).contains(&label.len()) && !edges && plain
    };
    text.len() <= 64 && text.split('.').all(label)
}

/// The greatest number of 32 bits means nobody to the kernel.
fn owner(text: &str) -> bool {
    let word = |word: &str| {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        !word.is_empty() && (!digits || word.parse::<u32>().is_ok_and(|id| id < u32::MAX))
    };
    match text.split_once(':') {
        Some((user, group)) => word(user) && word(group) && !group.contains(':'),
        None => word(text),
    }
}

fn set(text: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok();
    text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => number(part).is_some(),
    })
}

fn architecture(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    match text.split_once('/') {
        Some((architecture, variant)) => word(architecture) && word(variant),
        None => word(text),
    }
}

/// `[ugoa]*` and any number of `[-+=]` with `[rwxXst]*` or one of `ugo`, between commas.
fn symbolic(text: &str) -> bool {
    text.split(',').all(|clause| {
        let rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let mut parts = rest.split(['+', '-', '=']);
        let bare = parts.next() == Some("");
        let good = |part: &str| {
            matches!(part, "u" | "g" | "o")
                || part.bytes().all(|byte| matches!(byte, b'r' | b'w' | b'x' | b'X' | b's' | b't'))
        };
        bare && !rest.is_empty() && parts.all(good)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: Rule, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(rule.check(Constant::Text(text)), Ok(()), "{rule:?} {text:?}");
        }
        for text in bad {
            assert!(rule.check(Constant::Text(text)).is_err(), "{rule:?} {text:?}");
        }
    }

    #[test]
    fn texts_keep_their_rules() {
        let digest = format!("sha256:{}", "0".repeat(64));
        check(Rule::Digest, &[&digest], &["", "sha256:12", "md5:00"]);
        check(Rule::Commit, &["0123abc", &"a".repeat(40)], &["", "0123ab", "main", "0123ABC", &"a".repeat(65)]);
        check(Rule::Signal, &["9", "64", "SIGTERM", "term", "SIGRTMIN+3"], &["", "0", "65", "SIGFOO", "RTMIN+99"]);
        check(
            Rule::Port,
            &["80", "80/tcp", "53/udp", "8000-8010"],
            &["", "0", "80/", "http", "9-8", "70000", "1/icmp"],
        );
        check(
            Rule::Forward,
            &["unix:///a", "unix://a", "tcp://h:1", "tcp://[::1]:80"],
            &["", "unix://", "udp://h:1", "tcp://h", "tcp://:1", "tcp://h:0", "/a"],
        );
        check(
            Rule::Owner,
            &["root", "0", "1000:1000", "a:b", "4294967294"],
            &["", ":", "a:", ":b", "1:2:3", "4294967295", "99999999999"],
        );
        check(Rule::Variable, &["A", "a b"], &["", "A=B"]);
        check(Rule::Address, &["1.2.3.4", "::1"], &["", "h", "1.2.3"]);
        check(Rule::Hostname, &["a", "a-b.c"], &["", "-a", "a..b", "a b"]);
        check(Rule::Set, &["0", "0-2,4"], &["", "a", "2-1", "1,"]);
        check(Rule::Architecture, &["amd64", "arm/v7"], &["", "arm/", "a/b/c", "a b"]);
        check(Rule::SymbolicMode, &["u+rwX", "go-w,a+r", "+x", "g=u", "a="], &["", "755", "u+q", "x", "u+r,"]);
        check(Rule::NewImage, &["alpine", "h:5000/a:b"], &["", "Bad", &format!("a@{digest}")]);
        check(Rule::Filled("name"), &["a"], &[""]);
    }

    #[test]
    fn numbers_keep_their_rules() {
        let check = |rule: Rule, number: i64| rule.check(Constant::Int(number)).is_ok();
        assert!(check(Rule::FileMode, 0o7777) && !check(Rule::FileMode, 0o10000) && !check(Rule::FileMode, -1));
        let rule = Rule::Number("exit code", 0, 255);
        assert!(check(rule, 0) && check(rule, 255) && !check(rule, 256) && !check(rule, -1));
    }
}
