//! Provenance: how a result was made, in the predicates of SLSA.
//!
//! Owns their fields, which are those of BuildKit, and which of them are told when. What went in is `materials`' to know, what was
//! done `steps`'.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use hlb_llb::Digest;
use hlb_registry::Platform;
use serde::Serialize;
use serde_json::Value;

use super::materials::{Dependency, Lent, LocalDir, Materials, of_commit};
use super::statement::statement as say;
use super::steps::{Program, Steps};
use super::{ProgramSource, Provenance, SlsaVersion, Statement, Subject, clock};
use crate::error::{ErrorKind, SolveError};
use crate::solver::trace::Trace;

const V1: &str = "https://slsa.dev/provenance/v1";
const V02: &str = "https://slsa.dev/provenance/v0.2";
/// What says how the fields are to be read.
const BUILD_TYPE_V1: &str = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const BUILD_TYPE_V02: &str = "https://mobyproject.org/buildkit@v1";
const FILE: &str = "provenance.json";
/// Characters of the name of an invocation.
const NAME: usize = 25;

// The fields of all these are in the order of Go's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PredicateV1<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolved_dependencies: Vec<&'a Dependency>,
    external_parameters: ExternalParameters<'a>,
    /// Go writes it with its keys sorted, all the way down.
    internal_parameters: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalParameters<'a> {
    config_source: ConfigSource<'a>,
    request: Parameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InternalParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    build_config: Option<&'a Steps>,
    builder_platform: String,
}

#[derive(Serialize)]
struct RunDetails<'a> {
    builder: Builder<'a>,
    metadata: MetadataV1<'a>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct MetadataV1<'a> {
    #[serde(rename = "invocationId")]
    invocation: &'a str,
    #[serde(rename = "startedOn")]
    started: &'a str,
    #[serde(rename = "finishedOn")]
    finished: &'a str,
    buildkit_metadata: &'a More<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    buildkit_hermetic: bool,
    buildkit_completeness: CompletenessV1,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    buildkit_reproducible: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompletenessV1 {
    request: bool,
    resolved_dependencies: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PredicateV02<'a> {
    builder: Builder<'a>,
    build_type: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    materials: Vec<&'a Dependency>,
    invocation: Invocation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_config: Option<&'a Steps>,
    metadata: MetadataV02<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    config_source: ConfigSource<'a>,
    parameters: Parameters<'a>,
    environment: Environment,
}

#[derive(Serialize)]
struct Environment {
    platform: String,
}

#[derive(Serialize)]
struct MetadataV02<'a> {
    #[serde(rename = "buildInvocationID")]
    invocation: &'a str,
    #[serde(rename = "buildStartedOn")]
    started: &'a str,
    #[serde(rename = "buildFinishedOn")]
    finished: &'a str,
    completeness: CompletenessV02,
    reproducible: bool,
    #[serde(rename = "https://mobyproject.org/buildkit@v1#metadata")]
    more: &'a More<'a>,
    #[serde(rename = "https://mobyproject.org/buildkit@v1#hermetic", skip_serializing_if = "std::ops::Not::not")]
    hermetic: bool,
}

#[derive(Serialize)]
struct CompletenessV02 {
    parameters: bool,
    environment: bool,
    materials: bool,
}

/// Where the program was. The last is called so in one version, and so in the other.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigSource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    uri: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digest: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    entry_point: &'a str,
}

#[derive(Serialize)]
struct Parameters<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    frontend: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Lent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh: Vec<Lent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locals: Vec<&'a LocalDir>,
}

/// What SLSA has no fields for.
#[derive(Serialize)]
struct More<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    vcs: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Program<'a>>,
}

/// Says how a result was made.
pub(super) fn statement(
    subjects: &[Subject],
    wanted: &Provenance,
    materials: &Materials,
    trace: &Trace,
) -> Result<Statement, SolveError> {
    let file_name = wanted.file_name.clone().unwrap_or_else(|| FILE.to_owned());
    let said = Said::of(wanted, trace).and_then(|said| match wanted.version {
        SlsaVersion::V1 => Ok(say(V1, subjects, &said.v1(wanted, materials)?, file_name)),
        SlsaVersion::V02 => Ok(say(V02, subjects, &said.v02(wanted, materials), file_name)),
    });
    said.map_err(|error| SolveError::new(ErrorKind::Internal, error))?
}

/// What both versions say.
struct Said<'t> {
    steps: Option<Steps>,
    more: More<'t>,
    invocation: String,
    started: String,
    finished: String,
}

impl<'t> Said<'t> {
    fn of(wanted: &'t Provenance, trace: &'t Trace) -> Result<Self, serde_json::Error> {
        let time = wanted.epoch.map(clock::at);
        let steps = Steps::of(trace)?;
        let source = trace.program.as_ref().filter(|_| wanted.max).and_then(|program| steps.program(program));
        let mut name = steps.digest()?.hex().to_owned();
        if time.is_none() {
            let begun = trace.begun.duration_since(UNIX_EPOCH).unwrap_or_default();
            name = Digest::of(format!("{name} {} {}", begun.as_nanos(), std::process::id())).hex().to_owned();
        }
        name.truncate(NAME);
        Ok(Self {
            steps: wanted.max.then_some(steps),
            more: More { vcs: vcs(&wanted.program), source },
            invocation: name,
            started: clock::exact(time.unwrap_or(trace.begun)),
            finished: clock::exact(time.unwrap_or(trace.ended)),
        })
    }

    fn v1<'a>(
        &'a self,
        wanted: &'a Provenance,
        materials: &'a Materials,
    ) -> Result<PredicateV1<'a>, serde_json::Error> {
        let ProgramSource { uri, path, .. } = &wanted.program;
        let internal =
            InternalParameters { build_config: self.steps.as_ref(), builder_platform: Platform::host().to_string() };
        Ok(PredicateV1 {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE_V1,
                resolved_dependencies: materials.dependencies(),
                external_parameters: ExternalParameters {
                    config_source: ConfigSource { uri, digest: commit(&wanted.program), path, entry_point: "" },
                    request: parameters(wanted, materials),
                },
                internal_parameters: serde_json::to_value(&internal)?,
            },
            run_details: RunDetails {
                builder: Builder { id: &wanted.builder_id },
                metadata: MetadataV1 {
                    invocation: &self.invocation,
                    started: &self.started,
                    finished: &self.finished,
                    buildkit_metadata: &self.more,
                    buildkit_hermetic: is_hermetic(materials),
                    buildkit_completeness: CompletenessV1 {
                        request: tells_parameters(wanted),
                        resolved_dependencies: materials.are_complete(),
                    },
                    buildkit_reproducible: wanted.reproducible,
                },
            },
        })
    }

    fn v02<'a>(&'a self, wanted: &'a Provenance, materials: &'a Materials) -> PredicateV02<'a> {
        let ProgramSource { uri, path, .. } = &wanted.program;
        PredicateV02 {
            builder: Builder { id: &wanted.builder_id },
            build_type: BUILD_TYPE_V02,
            materials: materials.dependencies(),
            invocation: Invocation {
                config_source: ConfigSource { uri, digest: commit(&wanted.program), path: "", entry_point: path },
                parameters: parameters(wanted, materials),
                environment: Environment { platform: Platform::host().to_string() },
            },
            build_config: self.steps.as_ref(),
            metadata: MetadataV02 {
                invocation: &self.invocation,
                started: &self.started,
                finished: &self.finished,
                completeness: CompletenessV02 {
                    parameters: tells_parameters(wanted),
                    environment: true,
                    materials: materials.are_complete(),
                },
                reproducible: wanted.reproducible,
                more: &self.more,
                hermetic: is_hermetic(materials),
            },
        }
    }
}

/// What the build was asked for and given.
fn parameters<'a>(wanted: &'a Provenance, materials: &'a Materials) -> Parameters<'a> {
    let ProgramSource { frontend, args, parameters, .. } = &wanted.program;
    let more = parameters.iter().filter(|_| wanted.max);
    let all = args.iter().chain(more).map(|(name, value)| (name.as_str(), value.as_str()));
    let (secrets, ssh) = if wanted.max { (materials.secrets(), materials.agents()) } else { Default::default() };
    Parameters { frontend, args: all.collect(), secrets, ssh, locals: materials.locals() }
}

/// Whether the parameters are all there is to ask for the same again.
fn tells_parameters(wanted: &Provenance) -> bool {
    let ProgramSource { frontend, parameters, .. } = &wanted.program;
    !frontend.is_empty() && (wanted.max || parameters.is_empty())
}

/// Whether all that went in is told, so that nobody needs a network who has it.
fn is_hermetic(materials: &Materials) -> bool {
    materials.are_complete() && !materials.network
}

fn commit(program: &ProgramSource) -> BTreeMap<String, String> {
    if program.commit.is_empty() { BTreeMap::new() } else { of_commit(&program.commit) }
}

fn vcs(program: &ProgramSource) -> BTreeMap<&'static str, &str> {
    let known = [("source", program.uri.as_str()), ("revision", program.commit.as_str())];
    known.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hlb_llb::pb;

    use super::*;
    use crate::attest::materials::tests::{source, traced};
    use crate::why::SourcePart;

    fn trace() -> Trace {
        let digest = Digest::of("x").to_string();
        let found = SourcePart::Image { reference: "alpine".to_owned(), digest };
        let image = source("docker-image://docker.io/library/alpine:3.20", &[], Some(found));
        let secretenv = vec![pb::SecretEnv { id: "token".into(), name: "TOKEN".into(), optional: true }];
        let meta = Some(pb::Meta { args: vec!["/bin/true".into()], ..Default::default() });
        let exec = pb::ExecOp { meta, secretenv, network: pb::NetMode::None.into(), ..Default::default() };
        let exec = traced(pb::OpKind::Exec(exec), &[&image], None);
        let info = pb::SourceInfo { filename: "build.hlb".into(), data: b"x".to_vec(), ..Default::default() };
        Trace {
            begun: UNIX_EPOCH + Duration::from_millis(1_500),
            ended: UNIX_EPOCH + Duration::from_secs(3),
            target: (exec.digest.clone(), 0),
            vertices: vec![image, exec],
            program: Some(pb::Source { infos: vec![info], ..Default::default() }),
        }
    }

    fn wanted(max: bool, version: SlsaVersion) -> Provenance {
        let program = ProgramSource {
            frontend: "hlb".to_owned(),
            uri: "https://h/r.git".to_owned(),
            commit: "0".repeat(40),
            path: "tools/build.hlb".to_owned(),
            args: [("target".to_owned(), "default".to_owned())].into(),
            parameters: [("param:race".to_owned(), "true".to_owned())].into(),
        };
        let builder_id = "https://ci/1".to_owned();
        Provenance { max, version, builder_id, reproducible: true, program, ..Provenance::default() }
    }

    fn check(wanted: &Provenance, time: Option<u64>) -> String {
        let trace = trace();
        let materials = Materials::of(&trace.vertices);
        let subjects = [Subject { name: "_".to_owned(), digest: Digest::of("") }];
        let wanted = Provenance { epoch: time, ..wanted.clone() };
        let said = statement(&subjects, &wanted, &materials, &trace).unwrap();
        assert_eq!(said.file_name, "provenance.json");
        let here = format!("latform\":\"{}\"", Platform::host());
        String::from_utf8(said.bytes).unwrap().replace(&here, "latform\":\"linux/amd64\"")
    }

    #[test]
    fn little_is_told_of_a_build() {
        let said = check(&wanted(false, SlsaVersion::V1), Some(1_445_412_480));
        insta::assert_snapshot!(said, @r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"_","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicate":{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md","resolvedDependencies":[{"uri":"pkg:docker/alpine@3.20?platform=linux%2Famd64","digest":{"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}],"externalParameters":{"configSource":{"uri":"https://h/r.git","digest":{"sha1":"0000000000000000000000000000000000000000"},"path":"tools/build.hlb"},"request":{"frontend":"hlb","args":{"target":"default"}}},"internalParameters":{"builderPlatform":"linux/amd64"}},"runDetails":{"builder":{"id":"https://ci/1"},"metadata":{"invocationId":"1d360e58c84c3cf4561b0f264","startedOn":"2015-10-21T07:28:00Z","finishedOn":"2015-10-21T07:28:00Z","buildkit_metadata":{"vcs":{"revision":"0000000000000000000000000000000000000000","source":"https://h/r.git"}},"buildkit_hermetic":true,"buildkit_completeness":{"request":false,"resolvedDependencies":true},"buildkit_reproducible":true}}}}"#);
    }

    #[test]
    fn all_is_told_of_a_build() {
        let said = check(&wanted(true, SlsaVersion::V1), Some(0));
        insta::assert_snapshot!(said, @r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"_","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicate":{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md","resolvedDependencies":[{"uri":"pkg:docker/alpine@3.20?platform=linux%2Famd64","digest":{"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}],"externalParameters":{"configSource":{"uri":"https://h/r.git","digest":{"sha1":"0000000000000000000000000000000000000000"},"path":"tools/build.hlb"},"request":{"frontend":"hlb","args":{"param:race":"true","target":"default"},"secrets":[{"id":"token","optional":true}]}},"internalParameters":{"buildConfig":{"digestMapping":{"sha256:7723a9d9864aae293e5cd19e9c09d37f96fc7af4f73fed2601ac654202643b3b":"step2","sha256:8e92c0534f39f03e111fb7ef52ab26de63298c957f3a928b3966e5848896a143":"step0","sha256:acbab4862728bd1949671c0c1cec9fd63db980d3e6de5c95c5099f11bc08a5c5":"step1"},"llbDefinition":[{"id":"step0","op":{"Op":{"source":{"identifier":"docker-image://docker.io/library/alpine:3.20"}},"platform":{"Architecture":"amd64","OS":"linux"}}},{"id":"step1","inputs":["step0:0"],"op":{"Op":{"exec":{"meta":{"args":["/bin/true"]},"network":2,"secretenv":[{"ID":"token","name":"TOKEN","optional":true}]}},"platform":{"Architecture":"amd64","OS":"linux"}}},{"id":"step2","inputs":["step1:0"],"op":{"Op":{}}}]},"builderPlatform":"linux/amd64"}},"runDetails":{"builder":{"id":"https://ci/1"},"metadata":{"invocationId":"1d360e58c84c3cf4561b0f264","startedOn":"1970-01-01T00:00:00Z","finishedOn":"1970-01-01T00:00:00Z","buildkit_metadata":{"vcs":{"revision":"0000000000000000000000000000000000000000","source":"https://h/r.git"},"source":{"infos":[{"filename":"build.hlb","data":"eA=="}]}},"buildkit_hermetic":true,"buildkit_completeness":{"request":true,"resolvedDependencies":true},"buildkit_reproducible":true}}}}"#);
    }

    #[test]
    fn all_is_told_in_the_old_form() {
        let said = check(&wanted(true, SlsaVersion::V02), Some(0));
        insta::assert_snapshot!(said, @r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{"name":"_","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicate":{"builder":{"id":"https://ci/1"},"buildType":"https://mobyproject.org/buildkit@v1","materials":[{"uri":"pkg:docker/alpine@3.20?platform=linux%2Famd64","digest":{"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}],"invocation":{"configSource":{"uri":"https://h/r.git","digest":{"sha1":"0000000000000000000000000000000000000000"},"entryPoint":"tools/build.hlb"},"parameters":{"frontend":"hlb","args":{"param:race":"true","target":"default"},"secrets":[{"id":"token","optional":true}]},"environment":{"platform":"linux/amd64"}},"buildConfig":{"llbDefinition":[{"id":"step0","op":{"Op":{"source":{"identifier":"docker-image://docker.io/library/alpine:3.20"}},"platform":{"Architecture":"amd64","OS":"linux"}}},{"id":"step1","op":{"Op":{"exec":{"meta":{"args":["/bin/true"]},"network":2,"secretenv":[{"ID":"token","name":"TOKEN","optional":true}]}},"platform":{"Architecture":"amd64","OS":"linux"}},"inputs":["step0:0"]},{"id":"step2","op":{"Op":{}},"inputs":["step1:0"]}],"digestMapping":{"sha256:7723a9d9864aae293e5cd19e9c09d37f96fc7af4f73fed2601ac654202643b3b":"step2","sha256:8e92c0534f39f03e111fb7ef52ab26de63298c957f3a928b3966e5848896a143":"step0","sha256:acbab4862728bd1949671c0c1cec9fd63db980d3e6de5c95c5099f11bc08a5c5":"step1"}},"metadata":{"buildInvocationID":"1d360e58c84c3cf4561b0f264","buildStartedOn":"1970-01-01T00:00:00Z","buildFinishedOn":"1970-01-01T00:00:00Z","completeness":{"parameters":true,"environment":true,"materials":true},"reproducible":true,"https://mobyproject.org/buildkit@v1#metadata":{"vcs":{"revision":"0000000000000000000000000000000000000000","source":"https://h/r.git"},"source":{"infos":[{"filename":"build.hlb","data":"eA=="}]}},"https://mobyproject.org/buildkit@v1#hermetic":true}}}"#);
    }

    #[test]
    fn nothing_is_known_of_a_graph_that_was_given() {
        let wanted = Provenance::default();
        let said = check(&wanted, Some(0));
        for part in
            [r#""externalParameters":{"configSource":{},"request":{}}"#, r#""builder":{"id":""}"#, r#""request":false"#]
        {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn times_are_those_of_the_solve() {
        let (said, again) =
            (check(&wanted(false, SlsaVersion::V1), None), check(&wanted(false, SlsaVersion::V1), None));
        assert_eq!(said, again);
        assert!(said.contains(r#""startedOn":"1970-01-01T00:00:01.5Z","finishedOn":"1970-01-01T00:00:03Z""#), "{said}");
    }
}
