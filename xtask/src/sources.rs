//! The host's apt sources, read in both of apt's notations and written again for the base image.
//!
//! Pure: text in, text out. Must not know where the files are or what is made of them.

/// One stanza of a deb822 sources file: field names and values in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stanza(Vec<(String, String)>);

/// Suites of a distribution beyond the release itself.
const POCKETS: [&str; 4] = ["", "-updates", "-security", "-backports"];

impl Stanza {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(field, _)| field.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.field(name).unwrap_or_default().split_whitespace()
    }
}

/// Reads the text of a `.sources` file.
pub(crate) fn parse_deb822(text: &str) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !fields.is_empty() {
                stanzas.push(Stanza(std::mem::take(&mut fields)));
            }
        } else if line.starts_with([' ', '\t']) {
            // A continuation, as in a key that stands in the file itself.
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    stanzas
}

/// Reads the text of a `.list` file: one `deb [option=value …] URI suite component…` a line.
pub(crate) fn parse_lines(text: &str) -> Vec<Stanza> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Stanza> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let mut stanza = Stanza(vec![
        ("Types".to_owned(), kind.to_owned()),
        ("URIs".to_owned(), words.next()?.to_owned()),
        ("Suites".to_owned(), words.next()?.to_owned()),
        ("Components".to_owned(), words.collect::<Vec<_>>().join(" ")),
    ]);
    for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
        let name = match name {
            "signed-by" => "Signed-By",
            "arch" => "Architectures",
            "trusted" => "Trusted",
            _ => continue,
        };
        stanza.set(name, value.replace(',', " "));
    }
    Some(stanza)
}

/// Keeps what belongs to the distribution's own release `codename`, binary packages only, reachable over a network.
///
/// `mirror_list` reads the file behind a `mirror+file:` address, which a container does not have; its first mirror is
/// taken in its place.
pub(crate) fn of_release(
    stanzas: &[Stanza],
    codename: &str,
    mirror_list: impl Fn(&str) -> Option<String>,
) -> Vec<Stanza> {
    stanzas.iter().filter_map(|stanza| narrow(stanza, codename, &mirror_list)).collect()
}

/// What `of_release` kept of the release `codename`, for another release of the same distribution: from the same mirrors,
/// signed by the same keys.
pub(crate) fn moved(kept: &[Stanza], codename: &str, to: &str) -> Vec<Stanza> {
    let whole = kept.iter().filter(|stanza| stanza.words("Suites").any(|suite| suite == codename));
    let there = whole.map(|stanza| {
        let mut there = stanza.clone();
        there.set("Suites", to.to_owned());
        there.set("Components", "main".to_owned());
        there
    });
    there.collect()
}

fn narrow(stanza: &Stanza, codename: &str, mirror_list: &impl Fn(&str) -> Option<String>) -> Option<Stanza> {
    let enabled = stanza.field("Enabled").is_none_or(|value| !matches!(value, "no" | "false" | "0"));
    // Others publish for the same release (a container engine, a database); their keys tell them apart.
    let signer = stanza.field("Signed-By").unwrap_or_default();
    let ours = !signer.starts_with('/') || signer.contains("debian-archive") || signer.contains("ubuntu-archive");
    let binary = stanza.words("Types").any(|kind| kind == "deb");
    let main = stanza.words("Components").any(|component| component == "main");
    if !(enabled && ours && binary && main) {
        return None;
    }
    let suites: Vec<&str> = stanza
        .words("Suites")
        .filter(|suite| suite.strip_prefix(codename).is_some_and(|pocket| POCKETS.contains(&pocket)))
        .collect();
    let uris: Vec<String> = stanza.words("URIs").filter_map(|uri| reachable(uri, mirror_list)).collect();
    if suites.is_empty() || uris.is_empty() {
        return None;
    }
    let mut kept = stanza.clone();
    kept.set("Types", "deb".to_owned());
    kept.set("Suites", suites.join(" "));
    kept.set("URIs", uris.join(" "));
    Some(kept)
}

fn reachable(uri: &str, mirror_list: &impl Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(file) = uri.strip_prefix("mirror+file:") {
        let text = mirror_list(file)?;
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
        return first.split_whitespace().next().map(str::to_owned);
    }
    let local = ["cdrom:", "file:", "copy:"].iter().any(|scheme| uri.starts_with(scheme));
    (!local).then(|| uri.to_owned())
}

/// Writes stanzas as the text of a `.sources` file.
pub(crate) fn render(stanzas: &[Stanza]) -> String {
    let mut blocks = Vec::new();
    for Stanza(fields) in stanzas {
        blocks.push(fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>());
    }
    blocks.join("\n")
}

/// Whether any source is fetched over https, so that the base image needs the host's certificate authorities.
pub(crate) fn any_https(stanzas: &[Stanza]) -> bool {
    stanzas.iter().any(|stanza| stanza.words("URIs").any(|uri| uri.contains("https://")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stanzas: &[Stanza], codename: &str, expected: &str) {
        let mirrors =
            |file: &str| (file == "/etc/mirrors").then(|| "# best first\nhttp://near/ priority:1\n".to_owned());
        assert_eq!(render(&of_release(stanzas, codename, mirrors)), expected);
    }

    #[test]
    fn a_deb822_file_keeps_the_release_and_drops_strangers() {
        let text = "\
Types: deb deb-src
# a remark
URIs: http://mirror/debian
Suites: bookworm bookworm-updates bookworm-pgdg
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://elsewhere/engine
Suites: bookworm
Components: main
Signed-By: /etc/apt/keyrings/engine.asc

Types: deb
URIs: https://elsewhere/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://mirror/off
Suites: bookworm
Components: main
";
        check(
            &parse_deb822(text),
            "bookworm",
            "Types: deb\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: \
             /usr/share/keyrings/debian-archive-keyring.gpg\n",
        );
    }

    #[test]
    fn a_key_inside_the_file_stays_whole() {
        let text = "Types: deb\nURIs: http://m\nSuites: noble\nComponents: main universe\nSigned-By:\n -----BEGIN\n .\n \
                    x\n";
        check(
            &parse_deb822(text),
            "noble",
            "Types: deb\nURIs: http://m\nSuites: noble\nComponents: main universe\nSigned-By: \n -----BEGIN\n .\n x\n",
        );
    }

    #[test]
    fn lines_become_stanzas() {
        let text = "\
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m/debian bookworm main contrib # x
deb-src http://m/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://cloud cloud-sdk-bookworm main
nonsense
";
        check(
            &parse_lines(text),
            "bookworm",
            "Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: main contrib\nArchitectures: \
             amd64\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        );
    }

    #[test]
    fn a_mirror_list_is_replaced_by_its_first_mirror() {
        check(
            &parse_lines("deb mirror+file:/etc/mirrors jammy main"),
            "jammy",
            "Types: deb\nURIs: http://near/\nSuites: jammy\nComponents: main\n",
        );
        check(&parse_lines("deb mirror+file:/nowhere jammy main"), "jammy", "");
    }

    #[test]
    fn another_release_comes_from_the_same_mirrors() {
        let text = "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                    Types: deb\nURIs: http://m/security\nSuites: bookworm-security\nComponents: main\n";
        let kept = of_release(&parse_deb822(text), "bookworm", |_| None);
        assert_eq!(
            render(&moved(&kept, "bookworm", "trixie")),
            "Types: deb\nURIs: http://m/debian\nSuites: trixie\nComponents: main\nSigned-By: \
             /usr/share/keyrings/debian-archive-keyring.gpg\n",
        );
        assert_eq!(moved(&kept, "noble", "trixie"), []);
    }
}
