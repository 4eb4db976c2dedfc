//! Outputs and what is said of them.

use super::*;

/// What an output is, without what is usual.
fn check(text: &str) -> String {
    match parse_at(text, None) {
        Ok(output) => shown(&output.to),
        Err(why) => format!("✗ {why}"),
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::File(path) => format!("`{}`", path.display()),
        Place::Stdout => "stdout".to_owned(),
    }
}

fn shown(to: &OutputTo) -> String {
    let files = |split: bool, options: &FileOptions| {
        let FileOptions { epoch, attestation_prefix, .. } = options;
        let mut more = String::new();
        more += if split { " split" } else { "" };
        more += &epoch.map(|epoch| format!(" epoch={epoch}")).unwrap_or_default();
        more += &if attestation_prefix.is_empty() { String::new() } else { format!(" prefix={attestation_prefix}") };
        more
    };
    match to {
        OutputTo::Directory { path, split, options } => {
            format!("directory `{}`{}", path.display(), files(*split, options))
        }
        OutputTo::Tar { place: to, split, options } => format!("tar {}{}", place(to), files(*split, options)),
        OutputTo::Image { place: to, options } => {
            let to = match to {
                ImagePlace::OciTar(to) => format!("oci {}", place(to)),
                ImagePlace::OciDirectory(path) => format!("oci directory `{}`", path.display()),
                ImagePlace::DockerTar(to) => format!("docker {}", place(to)),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("{to} {}", image(options))
        }
    }
}

fn image(options: &ImageOptions) -> String {
    let mut words = vec![format!("[{}]", options.names.join(" "))];
    words.extend(options.oci_types.then(|| "oci".to_owned()));
    words.push(options.compression.name().to_owned());
    words.extend(options.level.map(|level| format!("level={level}")));
    words.extend(options.force.then(|| "force".to_owned()));
    words.extend(options.epoch.map(|epoch| format!("epoch={epoch}")));
    words.extend(options.rewrite.then(|| "rewrite".to_owned()));
    words.extend(options.push_by_digest.then(|| "by-digest".to_owned()));
    let all = &options.annotations;
    for (what, on) in [("manifest", &all.manifest), ("manifest-descriptor", &all.manifest_descriptor)] {
        words.extend(on.iter().map(|it| {
            let platform = it.platform.as_ref().map(|it| format!("[{it}]")).unwrap_or_default();
            format!("{what}{platform}.{}={}", it.key, it.value)
        }));
    }
    for (what, on) in [("index", &all.index), ("index-descriptor", &all.index_descriptor)] {
        words.extend(on.iter().map(|(key, value)| format!("{what}.{key}={value}")));
    }
    words.join(" ")
}

fn table(all: &[&str]) -> String {
    all.iter().map(|text| format!("{text} → {}", check(text))).collect::<Vec<_>>().join("\n")
}

#[test]
fn outputs_are_directories_or_types() {
    let all = [
        "out",
        "a=b",
        "type=local,dest=out",
        "type=tar,dest=x.tar",
        "type=tar,dest=-",
        "type=oci,dest=x.tar",
        "type=docker,name=a/b,dest=x.tar",
        "type=docker,name=a",
        "type=image,name=localhost:5000/a:1,push=true",
        "type=image,name=a,push,compression=estargz",
        "type=image",
        "type=registry,name=a",
        "type=docker,\"name=a,b:2,docker.io/library/a\"",
        "type=tar,\"dest=a,b\"\"c\"",
        "TYPE=tar,Dest=X",
    ];
    insta::assert_snapshot!(table(&all), @r#"
    out → directory `out`
    a=b → directory `a=b`
    type=local,dest=out → directory `out`
    type=tar,dest=x.tar → tar `x.tar`
    type=tar,dest=- → tar stdout
    type=oci,dest=x.tar → oci `x.tar` [] oci gzip
    type=docker,name=a/b,dest=x.tar → docker `x.tar` [docker.io/a/b:latest] gzip
    type=docker,name=a → dockerengine [docker.io/library/a:latest] gzip
    type=image,name=localhost:5000/a:1,push=true → registry [localhost:5000/a:1] gzip
    type=image,name=a,push,compression=estargz → registry [docker.io/library/a:latest] estargz
    type=image → store [] gzip
    type=registry,name=a → registry [docker.io/library/a:latest] gzip
    type=docker,"name=a,b:2,docker.io/library/a" → dockerengine [docker.io/library/a:latest docker.io/library/b:2] gzip
    type=tar,"dest=a,b""c" → tar `a,b"c`
    TYPE=tar,Dest=X → tar `X`
    "#);
}

/// Every key that BuildKit's exporters have means something, or is refused with words.
#[test]
fn all_keys_of_buildkit_are_known() {
    let all = [
        "type=image,name=a,push=true,push-by-digest=true",
        "type=image,name=a:1,push=true,push-by-digest=true",
        "type=image,name=a,push-by-digest",
        "type=image,name=*,push",
        "type=image,name=a,push,registry.insecure=false",
        "type=image,name=a,push,registry.insecure=true",
        "type=image,name=a,unpack=true",
        "type=image,name=a,unpack,source-date-epoch=1",
        "type=image,name=a,unpack,source-date-epoch=1,rewrite-timestamp=false",
        "type=image,dangling-name-prefix=x",
        "type=image,danging-name-empty-only=true",
        "type=image,name=a,name-canonical=true",
        "type=image,name=a,store=true",
        "type=image,name=a,store=false",
        "type=image,name=a,store=false,push",
        "type=image,name=a,oci-mediatypes=true",
        "type=oci,dest=x,oci-mediatypes=false",
        "type=image,oci-artifact=false",
        "type=image,oci-artifact=true",
        "type=image,attestation-inline=true",
        "type=image,prefer-nondist-layers=true",
        "type=image,source-date-epoch=1000",
        "type=image,source-date-epoch=1000,rewrite-timestamp=true",
        "type=image,source-date-epoch=1000,rewrite-timestamp=false",
        "type=image,rewrite-timestamp=true",
        "type=oci,dest=x,compression=uncompressed",
        "type=oci,dest=x,compression=zstd,compression-level=22,force-compression=true",
        "type=oci,dest=x,compression=gzip,compression-level=0",
        "type=oci,dest=x,annotation.org.Example=1,annotation-manifest.b=2,annotation[linux/arm64].c=3",
        "type=oci,dest=x,annotation-manifest-descriptor.d=4,annotation-manifest-descriptor[linux/arm/v6].e=5",
        "type=oci,dest=x,annotation-index.f=6,annotation-index-descriptor.g=7",
        "type=oci,dest=x,name=a:1,tar=true",
        "type=oci,dest=x,tar=false",
        "type=oci,dest=-,tar=false",
        "type=docker,name=a,dest=x,tar=false",
        "type=local,dest=x,platform-split=true,attestation-prefix=a-,source-date-epoch=5,mode=copy",
        "type=local,dest=x,mode=delete",
        "type=tar,dest=x,platform-split,attestation-prefix=a-,source-date-epoch=5",
    ];
    insta::assert_snapshot!(table(&all), @r#"
    type=image,name=a,push=true,push-by-digest=true → registry [docker.io/library/a:latest] gzip by-digest
    type=image,name=a:1,push=true,push-by-digest=true → ✗ `a:1` has a tag, and `push-by-digest` gives none: leave one of them out
    type=image,name=a,push-by-digest → ✗ `push-by-digest` needs `push=true`
    type=image,name=*,push → ✗ `name=*` takes the name that a frontend gives, and there is none here
    type=image,name=a,push,registry.insecure=false → registry [docker.io/library/a:latest] gzip
    type=image,name=a,push,registry.insecure=true → ✗ `registry.insecure` is not supported: say under `[registries."HOST"]` in `hlbc.toml` what may be done without, for example `plain-http = true`
    type=image,name=a,unpack=true → store [docker.io/library/a:latest] gzip
    type=image,name=a,unpack,source-date-epoch=1 → ✗ `unpack` and times in layers that are set to an epoch do not go together: add `rewrite-timestamp=false`
    type=image,name=a,unpack,source-date-epoch=1,rewrite-timestamp=false → store [docker.io/library/a:latest] gzip epoch=1
    type=image,dangling-name-prefix=x → ✗ `dangling-name-prefix` is not supported: images without a name have no other one here
    type=image,danging-name-empty-only=true → ✗ `danging-name-empty-only` is not supported: images without a name have no other one here
    type=image,name=a,name-canonical=true → store [docker.io/library/a:latest] gzip
    type=image,name=a,store=true → store [docker.io/library/a:latest] gzip
    type=image,name=a,store=false → ✗ `store=false` needs `push=true`: nothing would be left of the image
    type=image,name=a,store=false,push → registry [docker.io/library/a:latest] gzip
    type=image,name=a,oci-mediatypes=true → store [docker.io/library/a:latest] oci gzip
    type=oci,dest=x,oci-mediatypes=false → oci `x` [] gzip
    type=image,oci-artifact=false → store [] gzip
    type=image,oci-artifact=true → ✗ `oci-artifact` is not supported: what is said about an image is an image manifest
    type=image,attestation-inline=true → ✗ `attestation-inline` is not supported: what is said about an image stands beside it
    type=image,prefer-nondist-layers=true → ✗ `prefer-nondist-layers` is not supported: all layers are such as everybody may pass on
    type=image,source-date-epoch=1000 → store [] gzip epoch=1000 rewrite
    type=image,source-date-epoch=1000,rewrite-timestamp=true → store [] gzip epoch=1000 rewrite
    type=image,source-date-epoch=1000,rewrite-timestamp=false → store [] gzip epoch=1000
    type=image,rewrite-timestamp=true → ✗ `rewrite-timestamp` needs `source-date-epoch=SECONDS`
    type=oci,dest=x,compression=uncompressed → oci `x` [] oci uncompressed
    type=oci,dest=x,compression=zstd,compression-level=22,force-compression=true → oci `x` [] oci zstd level=22 force
    type=oci,dest=x,compression=gzip,compression-level=0 → oci `x` [] oci gzip level=0
    type=oci,dest=x,annotation.org.Example=1,annotation-manifest.b=2,annotation[linux/arm64].c=3 → oci `x` [] oci gzip manifest.org.Example=1 manifest.b=2 manifest[linux/arm64].c=3
    type=oci,dest=x,annotation-manifest-descriptor.d=4,annotation-manifest-descriptor[linux/arm/v6].e=5 → oci `x` [] oci gzip manifest-descriptor.d=4 manifest-descriptor[linux/arm/v6].e=5
    type=oci,dest=x,annotation-index.f=6,annotation-index-descriptor.g=7 → oci `x` [] oci gzip index.f=6 index-descriptor.g=7
    type=oci,dest=x,name=a:1,tar=true → oci `x` [docker.io/library/a:1] oci gzip
    type=oci,dest=x,tar=false → oci directory `x` [] oci gzip
    type=oci,dest=-,tar=false → ✗ `tar=false` needs a directory: `dest=DIR`
    type=docker,name=a,dest=x,tar=false → ✗ `type=docker` is always one file: use `type=oci` with `tar=false`
    type=local,dest=x,platform-split=true,attestation-prefix=a-,source-date-epoch=5,mode=copy → directory `x` split epoch=5 prefix=a-
    type=local,dest=x,mode=delete → ✗ `mode=delete` is not supported: other files in the directory stay; remove it before
    type=tar,dest=x,platform-split,attestation-prefix=a-,source-date-epoch=5 → tar `x` split epoch=5 prefix=a-
    "#);
}

#[test]
fn mistakes_are_told() {
    assert_eq!(check(""), "✗ name a directory");
    let all = [
        "-",
        "type=tar",
        "type=local,dest=",
        "type=local,dest=-",
        "dest=a,name=b",
        "type=x",
        "type=tar,dest=a,dest=b",
        "type=tar,dest",
        "type=tar,dest=a,compression=gzip",
        "type=registry",
        "type=docker,dest=x",
        "type=image,name=a,push=maybe",
        "type=image,name=A,push=true",
        "type=image,name=a,compression=lz4",
        "type=image,name=a,compression-level=10",
        "type=image,name=a,compression=zstd,compression-level=-1",
        "type=image,name=a,compression=uncompressed,compression-level=1",
        "type=image,name=a,force-compression",
        "type=image,source-date-epoch=yesterday",
        "type=image,annotation=x",
        "type=image,annotation-other.x=y",
        "type=image,annotation-index[linux/amd64].x=y",
        "type=image,annotation[linux].x=y",
        "type=tar,dest=x,attestation-prefix=a/b",
        "type=tar,\"dest=a",
        "type=tar,\"dest=a\"b",
    ];
    insta::assert_snapshot!(table(&all), @r#"
    - → ✗ a directory cannot be written to standard output: use `type=tar,dest=-`
    type=tar → ✗ `type=tar` needs `dest=FILE`
    type=local,dest= → ✗ `type=local` needs `dest=…`
    type=local,dest=- → ✗ a directory cannot be written to standard output: use `type=tar,dest=-`
    dest=a,name=b → ✗ say what it is with `type=TYPE`
    type=x → ✗ `x` is no type of output: choose `local`, `tar`, `oci`, `docker`, `image` or `registry`
    type=tar,dest=a,dest=b → ✗ `dest` is there twice
    type=tar,dest → ✗ `dest` has no value: write it as `dest=VALUE`
    type=tar,dest=a,compression=gzip → ✗ `type=tar` has no `compression`
    type=registry → ✗ `type=registry` needs `name=…`
    type=docker,dest=x → ✗ `type=docker` needs `name=…`
    type=image,name=a,push=maybe → ✗ `push` can be `true` or `false`, not `maybe`
    type=image,name=A,push=true → ✗ `A` is not an image reference: repository name must be lowercase
    type=image,name=a,compression=lz4 → ✗ `compression=lz4` is not known: choose `uncompressed`, `gzip`, `estargz` or `zstd`
    type=image,name=a,compression-level=10 → ✗ `compression-level=10`: gzip has levels from 0 to 9
    type=image,name=a,compression=zstd,compression-level=-1 → ✗ `compression-level=-1`: zstd has levels from 0 to 22
    type=image,name=a,compression=uncompressed,compression-level=1 → ✗ `compression-level`: `uncompressed` has no levels
    type=image,name=a,force-compression → ✗ `force-compression` needs `compression=…`
    type=image,source-date-epoch=yesterday → ✗ `source-date-epoch` is a number of seconds since 1970, not `yesterday`
    type=image,annotation=x → ✗ `annotation` is no annotation: write it as `annotation.NAME=VALUE`
    type=image,annotation-other.x=y → ✗ `annotation-other.x` is no annotation: write it as `annotation.NAME=VALUE`
    type=image,annotation-index[linux/amd64].x=y → ✗ `annotation-index[linux/amd64].x`: an index is there for all platforms
    type=image,annotation[linux].x=y → ✗ `linux` is no platform: write it as `linux/amd64`
    type=tar,dest=x,attestation-prefix=a/b → ✗ `attestation-prefix` is the beginning of a name, which has no `/`
    type=tar,"dest=a → ✗ a quote is not closed
    type=tar,"dest=a"b → ✗ after a quote a comma must come, not `b`
    "#);
}

#[test]
fn the_environment_says_an_epoch_for_all() {
    let epoch = |text: &str| match parse_at(text, Some(7)).unwrap().to {
        OutputTo::Directory { options, .. } | OutputTo::Tar { options, .. } => options.epoch,
        OutputTo::Image { options, .. } => options.epoch.filter(|_| options.rewrite),
    };
    let all = ["out", "type=tar,dest=x", "type=oci,dest=x", "type=image,rewrite-timestamp=true"];
    assert_eq!(all.map(epoch), [Some(7); 4]);
    assert_eq!(epoch("type=oci,dest=x,source-date-epoch=9"), Some(9));
    assert_eq!(epoch("type=oci,dest=x,rewrite-timestamp=false"), None);
}
