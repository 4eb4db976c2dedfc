//! Command lines, and what becomes of their words.

use super::*;

fn command() -> Command {
    let mut command = <crate::cli::Cli as clap::CommandFactory>::command();
    command.build();
    command
}

fn param(name: &str, ty: Type) -> ParameterInfo {
    ParameterInfo { name: name.to_owned(), ty, optional: true, words: Vec::new() }
}

fn target(name: &str, params: Vec<ParameterInfo>) -> TargetInfo {
    TargetInfo {
        name: name.to_owned(),
        ty: Type::Fs,
        doc: None,
        exported: false,
        bound: false,
        params,
        effects: hlb_compiler::Effects::NONE,
    }
}

fn targets() -> Vec<TargetInfo> {
    let list = Type::List(Type::String.into());
    let build = vec![
        param("pkg", Type::String),
        param("race", Type::Bool),
        param("tag", list),
        param("jobs", Type::Int),
        param("limit", Type::Optional(Type::Int.into())),
    ];
    vec![target("default", vec![param("race", Type::Bool)]), target("build", build), target("release", Vec::new())]
}

/// What clap reads, and the targets with what they are given, or why not.
fn read(line: &str) -> String {
    let args = ["hlbc"].into_iter().chain(line.split(' ')).map(OsString::from);
    let (own, given) = split(args, &command());
    let own: Vec<&str> = own.iter().skip(2).map(|arg| arg.to_str().unwrap()).collect();
    let calls = match given.calls(&targets()) {
        Err(failure) => failure.to_string(),
        Ok(calls) => {
            let shown = calls.iter().map(|call| {
                let args = call.args.iter().map(|(name, texts)| format!(" {name}={}", texts.join(",")));
                format!("{}{}", call.name, args.collect::<String>())
            });
            shown.collect::<Vec<_>>().join("; ")
        }
    };
    if own.is_empty() { calls } else { format!("[{}] {calls}", own.join(" ")) }
}

#[test]
fn words_go_to_the_target_before_them() {
    for (line, expected) in [
        ("run build --pkg ./cmd/app --race", "build pkg=./cmd/app race="),
        ("run build --race false release", "build race=false; release"),
        ("run build --race release", "build race=; release"),
        ("run build --pkg=--race", "build pkg=--race"),
        ("run build --tag a --tag=b --tag c", "build tag=a tag=b tag=c"),
        ("run build --limit -3", "build limit=-3"),
        ("run build --pkg -O2", "build pkg=-O2"),
        ("run build --pkg a build --pkg b", "build pkg=a; build pkg=b"),
        ("run --race", "default race="),
        ("emit release", "release"),
        ("run -t release -tbuild --race", "release; build race="),
        ("run --target=build --pkg x", "build pkg=x"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn words_before_all_targets_go_to_the_first() {
    for (line, expected) in [
        ("run --race build", "build race="),
        ("run --pkg release build", "build pkg=release"),
        ("run --pkg build release", "`default` has no parameter `pkg`, and hlbc no option `--pkg`"),
        ("run --pkg x -t build", "build pkg=x"),
        ("run --race true build release", "build race=true; release"),
        ("run --rase build", "`build` has no parameter `rase`, and hlbc no option `--rase`"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn options_of_hlbc_stand_anywhere_in_front_of_two_dashes() {
    for (line, expected) in [
        ("run build --race --root /x --pkg y", "[--root /x] build race= pkg=y"),
        ("run -f x.hlb build --platform=linux/arm64 --race", "[-f x.hlb --platform=linux/arm64] build race="),
        ("run -fx.hlb build", "[-fx.hlb] build"),
        ("run build --jobs 2", "[--jobs 2] build"),
        ("run build -- --jobs 2 release", "build jobs=2; release"),
        ("run --provenance build --race", "[--provenance] build race="),
        ("run build --sbom=x/y --provenance", "[--sbom=x/y --provenance] build"),
        ("run build --attest type=sbom", "[--attest type=sbom] build"),
        ("run build --help", "[--help] build"),
        ("run build -x", "[-x] build"),
        ("run --platform", "[--platform] default"),
        ("run -t", "[-t] default"),
        ("solve -o x", "[-o x] default"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn what_is_missing_or_misspelt_is_told() {
    for (line, expected) in [
        ("run build --pkg", "the parameter `pkg` of `build` needs a value of type `string`"),
        ("run build --pkg --root /x y", "[--root /x] the parameter `pkg` of `build` needs a value of type `string`"),
        ("run release --race", "`release` has no parameter `race`, and hlbc no option `--race`"),
        // The target is what is wrong here, and the compiler tells that.
        ("run biuld --race", "biuld"),
        ("run --jobs 2 --race biuld --pkg x", "[--jobs 2] biuld"),
        ("run biuld --pkg x release", "biuld"),
        ("run build --pgk x", "`build` has no parameter `pgk`, and hlbc no option `--pgk`"),
        ("run build --nothing x", "`build` has no parameter `nothing`, and hlbc no option `--nothing`"),
        // Here it is the option.
        ("run --platfrom linux/arm64", "`default` has no parameter `platfrom`, and hlbc no option `--platfrom`"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}
