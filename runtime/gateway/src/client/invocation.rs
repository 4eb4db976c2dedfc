//! What a frontend was asked for.
//!
//! Owns the reading of the environment that the solver makes for it.

use std::collections::BTreeMap;

use hlb_llb::pb;
use serde_json::Value;

/// What a frontend was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation {
    /// Options by name: `filename`, `target`, `build-arg:X`, ….
    pub opts: BTreeMap<String, String>,
    /// The client's session, of which local directories come.
    pub session: String,
    /// What the solver's workers can build for, their own platform first.
    pub platforms: Vec<pb::Platform>,
}

impl Invocation {
    /// Reads an environment; `None` if no solver made it.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Option<Self> {
        let mut found = Self::default();
        let mut invoked = false;
        for (name, value) in environment {
            if let Some(number) = name.strip_prefix("BUILDKIT_FRONTEND_OPT_") {
                if number.bytes().all(|digit| digit.is_ascii_digit()) {
                    let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                    found.opts.insert(key.to_owned(), value.to_owned());
                }
            } else if name == "BUILDKIT_SESSION_ID" {
                invoked = true;
                found.session = value;
            } else if name == "BUILDKIT_WORKERS" {
                found.platforms = platforms(&value);
            }
        }
        invoked.then_some(found)
    }

    /// Options whose name begins with a prefix, without it.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.opts.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
    }

    /// An option that is there and not empty.
    pub fn opt(&self, name: &str) -> Option<&str> {
        self.opts.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The platforms of all workers. Go reads and writes the names of fields in any case.
fn platforms(text: &str) -> Vec<pb::Platform> {
    let Ok(Value::Array(workers)) = serde_json::from_str(text) else { return Vec::new() };
    let all = workers.iter().filter_map(|worker| field(worker, "platforms")?.as_array()).flatten();
    let word =
        |platform: &Value, name: &str| field(platform, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    all.map(|platform| pb::Platform {
        architecture: word(platform, "architecture"),
        os: word(platform, "os"),
        variant: word(platform, "variant"),
        ..Default::default()
    })
    .collect()
}

fn field<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Option<Invocation> {
        Invocation::read(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_says_what_is_wanted() {
        let found = read(&[
            ("PATH", "/bin"),
            ("BUILDKIT_FRONTEND_OPT_0", "filename=a.hlb"),
            ("BUILDKIT_FRONTEND_OPT_1", "build-arg:X=1=2"),
            ("BUILDKIT_FRONTEND_OPT_2", "no-cache="),
            ("BUILDKIT_FRONTEND_OPT_FILE", "nothing"),
            ("BUILDKIT_SESSION_ID", "s1"),
            ("BUILDKIT_WORKERS", r#"[{"ID":"w","Platforms":[{"architecture":"arm","os":"linux","variant":"v7"}]}]"#),
        ])
        .unwrap();
        assert_eq!(found.session, "s1");
        assert_eq!(found.opt("filename"), Some("a.hlb"));
        assert_eq!((found.opt("no-cache"), found.opts.contains_key("no-cache")), (None, true));
        assert_eq!(found.with_prefix("build-arg:").collect::<Vec<_>>(), [("X", "1=2")]);
        assert_eq!((found.platforms[0].os.as_str(), found.platforms[0].variant.as_str()), ("linux", "v7"));
    }

    #[test]
    fn names_of_fields_are_read_in_any_case() {
        let text = r#"[{"id":"w","platforms":[{"architecture":"amd64","os":"linux"}],"gcPolicy":null}]"#;
        assert_eq!(platforms(text).len(), 1);
        for nothing in ["", "{}", "[1]", "[{}]", r#"[{"platforms":null}]"#] {
            assert!(platforms(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn a_shell_is_no_solver() {
        assert_eq!(read(&[("PATH", "/bin"), ("BUILDKIT_FRONTEND_OPT_0", "a=b")]), None);
    }
}
