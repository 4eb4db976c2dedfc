//! Options about what is said of results: how they were made, and what is in them.
//!
//! Owns their names and help texts, the form `type=TYPE,KEY=VALUE,…`, and what they mean together.

use clap::Args;
use hlb_registry::Reference;
use hlb_runtime::{Attestations, Provenance, Sbom, SlsaVersion};

use crate::error::{Failure, Kind};
use crate::output;

/// What to say of results.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AttestArgs {
    /// Say with each result how it was made or what is in it (see docs/attestations.md); may be repeated
    #[arg(long, value_name = "type=provenance|sbom,…", value_parser = attestation)]
    attest: Vec<Attestation>,
    /// Say how results were made: in short (min, if nothing is said) or in full (max); false says nothing
    #[arg(long, value_name = "min|max|false", num_args = 0..=1, require_equals = true, default_missing_value = "min")]
    #[arg(value_parser = provenance)]
    provenance: Option<Attestation>,
    /// Say which packages are in results, or let the program of an image find them; false says nothing
    #[arg(long, value_name = "IMAGE|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = sbom)]
    sbom: Option<Attestation>,
}

/// One of them; none if it is not wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Attestation {
    Provenance(Option<Provenance>),
    Sbom(Option<Sbom>),
}

impl AttestArgs {
    /// All of them together.
    ///
    /// # Errors
    /// If one is there twice.
    pub(crate) fn wanted(&self) -> Result<Attestations, Failure> {
        let (mut provenance, mut sbom) = (None, None);
        let twice = |kind: &str| {
            Failure::new(Kind::Usage, format!("there are two attestations of `type={kind}`"))
                .help(format!("`--{kind}` is short for `--attest type={kind}`: use one of them"))
        };
        for wanted in self.attest.iter().chain(&self.provenance).chain(&self.sbom) {
            let (kind, again) = match wanted.clone() {
                Attestation::Provenance(wanted) => ("provenance", provenance.replace(wanted).is_some()),
                Attestation::Sbom(wanted) => ("sbom", sbom.replace(wanted).is_some()),
            };
            if again {
                return Err(twice(kind));
            }
        }
        Ok(Attestations { provenance: provenance.flatten(), sbom: sbom.flatten() })
    }
}

fn provenance(text: &str) -> Result<Attestation, String> {
    match text {
        "false" | "0" => Ok(Attestation::Provenance(None)),
        "true" | "1" => attestation("type=provenance"),
        mode => attestation(&format!("type=provenance,mode={mode}")),
    }
}

fn sbom(text: &str) -> Result<Attestation, String> {
    Ok(Attestation::Sbom(match text {
        "false" | "0" => None,
        "true" | "1" => Some(Sbom::default()),
        image => Some(Sbom { generator: Some(generator_of(image)?), epoch: None }),
    }))
}

/// Reads an attestation with its keys.
fn attestation(text: &str) -> Result<Attestation, String> {
    let mut keys: Vec<(String, String)> = Vec::new();
    for field in output::fields(text)? {
        let (key, value) = field.split_once('=').unwrap_or((&field, ""));
        let key = key.trim().to_lowercase();
        if keys.iter().any(|(known, _)| *known == key) {
            return Err(format!("`{key}` is there twice"));
        }
        keys.push((key, value.to_owned()));
    }
    let mut take = |key: &str| {
        let at = keys.iter().position(|(known, _)| known == key)?;
        Some(keys.remove(at).1)
    };
    let kind = take("type").ok_or("say what it is with `type=provenance` or `type=sbom`")?;
    let disabled = flag("disabled", take("disabled"))?;
    let wanted = match kind.as_str() {
        "provenance" => {
            let wanted = Provenance {
                max: match take("mode").as_deref() {
                    None | Some("min") => false,
                    Some("max") => true,
                    Some(mode) => return Err(format!("`mode` can be `min` or `max`, not `{mode}`")),
                },
                version: match take("version").as_deref() {
                    None | Some("v1") => SlsaVersion::V1,
                    Some("v0.2") => SlsaVersion::V02,
                    Some(version) => return Err(format!("`version` can be `v1` or `v0.2`, not `{version}`")),
                },
                builder_id: take("builder-id").unwrap_or_default(),
                reproducible: flag("reproducible", take("reproducible"))?,
                file_name: take("filename").map(file_name).transpose()?,
                ..Provenance::default()
            };
            Attestation::Provenance((!disabled).then_some(wanted))
        }
        "sbom" => {
            let generator = take("generator").filter(|image| !image.is_empty());
            let generator = generator.map(|image| generator_of(&image)).transpose()?;
            Attestation::Sbom((!disabled).then_some(Sbom { generator, epoch: None }))
        }
        _ => return Err(format!("`{kind}` is no type of attestation: choose `provenance` or `sbom`")),
    };
    match keys.first() {
        Some((key, _)) => Err(format!("`{key}` is not supported for `type={kind}`")),
        None => Ok(wanted),
    }
}

/// The normalised name of an image.
fn generator_of(image: &str) -> Result<String, String> {
    Reference::parse(image).map(|reference| reference.to_string()).map_err(|error| error.to_string())
}

fn file_name(name: String) -> Result<String, String> {
    if name.is_empty() || name.contains('/') || matches!(name.as_str(), "." | "..") {
        return Err(format!("`filename={name}` is not the name of a file"));
    }
    Ok(name)
}

fn flag(key: &str, value: Option<String>) -> Result<bool, String> {
    match value.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("" | "true" | "1") => Ok(true),
        Some(other) => Err(format!("`{key}` can be `true` or `false`, not `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        attest: AttestArgs,
    }

    fn check(line: &str) -> String {
        let args = line.split_whitespace();
        let line = match Line::try_parse_from(["x"].into_iter().chain(args)) {
            Ok(line) => line,
            Err(error) => {
                let text = error.to_string();
                return text.lines().next().unwrap_or_default().to_owned();
            }
        };
        match line.attest.wanted() {
            Ok(Attestations { provenance, sbom }) => {
                let provenance = provenance.map(|it| {
                    let Provenance { max, version, builder_id, reproducible, file_name, .. } = it;
                    format!("max {max} {version:?} {builder_id:?} reproducible {reproducible} {file_name:?}")
                });
                let none = || "nothing".to_owned();
                format!(
                    "{} / {}",
                    provenance.unwrap_or_else(none),
                    sbom.map_or_else(none, |it| format!("{:?}", it.generator))
                )
            }
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn attestations_have_types_and_keys() {
        let all = [
            "",
            "--provenance",
            "--provenance=true",
            "--provenance=max",
            "--provenance=false --sbom=false",
            "--sbom",
            "--sbom=example.org/scan",
            "--attest type=provenance",
            "--attest type=provenance,mode=max,version=v0.2,builder-id=https://ci/1,reproducible=true,filename=p.json",
            "--attest TYPE=provenance,disabled",
            "--attest type=provenance,disabled=false --attest type=sbom,generator=scan:1",
            "--attest type=sbom,generator=",
            "--attest type=sbom,disabled=true",
        ];
        insta::assert_snapshot!(all.map(check).join("\n"), @r#"
        nothing / nothing
        max false V1 "" reproducible false None / nothing
        max false V1 "" reproducible false None / nothing
        max true V1 "" reproducible false None / nothing
        nothing / nothing
        nothing / None
        nothing / Some("example.org/scan:latest")
        max false V1 "" reproducible false None / nothing
        max true V02 "https://ci/1" reproducible true Some("p.json") / nothing
        nothing / nothing
        max false V1 "" reproducible false None / Some("docker.io/library/scan:1")
        nothing / None
        nothing / nothing
        "#);
    }

    #[test]
    fn mistakes_are_told() {
        let all = [
            "--attest type=x",
            "--attest mode=max",
            "--attest type=provenance,mode=most",
            "--attest type=provenance,version=2",
            "--attest type=provenance,inline-only=true",
            "--attest type=provenance,mode=min,mode=max",
            "--attest type=provenance,filename=a/b",
            "--attest type=provenance,reproducible=perhaps",
            "--attest type=sbom,generator=A",
            "--attest type=sbom,mode=max",
            "--attest type=sbom --sbom",
            "--attest type=provenance --provenance=false",
            "--provenance=most",
            "--sbom=A",
        ];
        insta::assert_snapshot!(all.map(check).join("\n"), @r"
        error: invalid value 'type=x' for '--attest <type=provenance|sbom,…>': `x` is no type of attestation: choose `provenance` or `sbom`
        error: invalid value 'mode=max' for '--attest <type=provenance|sbom,…>': say what it is with `type=provenance` or `type=sbom`
        error: invalid value 'type=provenance,mode=most' for '--attest <type=provenance|sbom,…>': `mode` can be `min` or `max`, not `most`
        error: invalid value 'type=provenance,version=2' for '--attest <type=provenance|sbom,…>': `version` can be `v1` or `v0.2`, not `2`
        error: invalid value 'type=provenance,inline-only=true' for '--attest <type=provenance|sbom,…>': `inline-only` is not supported for `type=provenance`
        error: invalid value 'type=provenance,mode=min,mode=max' for '--attest <type=provenance|sbom,…>': `mode` is there twice
        error: invalid value 'type=provenance,filename=a/b' for '--attest <type=provenance|sbom,…>': `filename=a/b` is not the name of a file
        error: invalid value 'type=provenance,reproducible=perhaps' for '--attest <type=provenance|sbom,…>': `reproducible` can be `true` or `false`, not `perhaps`
        error: invalid value 'type=sbom,generator=A' for '--attest <type=provenance|sbom,…>': `A` is not an image reference: repository name must be lowercase
        error: invalid value 'type=sbom,mode=max' for '--attest <type=provenance|sbom,…>': `mode` is not supported for `type=sbom`
        there are two attestations of `type=sbom`
        there are two attestations of `type=provenance`
        error: invalid value 'most' for '--provenance[=<min|max|false>]': `mode` can be `min` or `max`, not `most`
        error: invalid value 'A' for '--sbom[=<IMAGE|false>]': `A` is not an image reference: repository name must be lowercase
        ");
    }
}
