//! Images and what is said about them, as an index has them.

use super::*;

fn packed(architecture: &str, said: &[&str]) -> Packed {
    let platform = Platform::new("linux", architecture, "");
    let style = Style { oci: true, ..Style::default() };
    let documents = manifest::documents(b"{}", &[], &style, &platform).unwrap();
    let statement = |text: &&str| Statement {
        predicate_type: "https://slsa.dev/provenance/v1",
        bytes: text.as_bytes().to_vec(),
        file_name: "provenance.json".to_owned(),
    };
    let statements: Vec<Statement> = said.iter().map(statement).collect();
    let (manifest, config) = (format!("{{\"about\":{architecture:?}}}").into_bytes(), b"{}".to_vec());
    let manifest = AttestationManifest {
        manifest_digest: Digest::of(&manifest),
        manifest,
        config_digest: Digest::of(&config),
        config,
    };
    let said = if said.is_empty() { None } else { Some(Said { manifest, statements }) };
    Packed { documents, blobs: Vec::new(), said, platform }
}

#[test]
fn what_is_said_stands_behind_the_images() {
    let images = vec![packed("amd64", &["s1", "s2"]), packed("arm64", &[]), packed("riscv64", &["s3"])];
    let digests: Vec<Digest> = images.iter().map(|image| image.documents.manifest_digest.clone()).collect();
    let annotations = super::super::options::Annotations {
        index: vec![("on.index".to_owned(), "1".to_owned())],
        index_descriptor: vec![("on.way".to_owned(), "2".to_owned())],
        ..Default::default()
    };
    let options = ImageOptions { annotations, oci_types: true, ..ImageOptions::default() };
    let made = several(images, &options).unwrap();
    let told = exported(&made, &[], &options);
    assert_eq!(told.descriptor.as_ref().unwrap()["annotations"], json!({ "on.way": "2" }));
    let Made::Several(index, images) = made else { panic!("it is one") };
    assert_eq!((told.digest, told.config_digest), (Some(index.digest.clone()), None));
    let index: serde_json::Value = serde_json::from_slice(&index.bytes).unwrap();
    assert_eq!(index["annotations"], json!({ "on.index": "1" }));
    let shown: Vec<String> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let about = &entry["annotations"]["vnd.docker.reference.digest"];
            let about = digests.iter().position(|digest| *about == digest.as_str());
            let kind = &entry["annotations"]["vnd.docker.reference.type"];
            format!("{}/{} {kind} {about:?}", entry["platform"]["os"], entry["platform"]["architecture"])
                .replace('"', "")
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    linux/amd64 null None
    linux/arm64 null None
    linux/riscv64 null None
    unknown/unknown attestation-manifest Some(0)
    unknown/unknown attestation-manifest Some(2)
    ");
    // What an archive holds of it, and what is uploaded of it.
    let first = images.into_iter().next().unwrap().said.unwrap();
    let uploaded: Vec<String> = first.blobs().map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()).collect();
    assert_eq!(uploaded, ["s1", "s2", "{}"]);
    let held = first.into_blobs();
    assert!(held.iter().all(|(digest, bytes)| Digest::of(bytes) == *digest));
    assert_eq!(held.len(), 4);
}

#[test]
fn statements_are_about_every_name() {
    let digest = Digest::of("manifest");
    let check = |names: &[&str]| {
        let names: Vec<Reference> = names.iter().map(|name| Reference::parse(name).unwrap()).collect();
        let subjects = subjects(&names, &Platform::new("linux", "arm", "v6"), &digest);
        assert!(subjects.iter().all(|subject| subject.digest == digest));
        subjects.into_iter().map(|subject| subject.name).collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(check(&["alpine:3.20", "example.org/a/b"]), @"pkg:docker/alpine@3.20?platform=linux%2Farm%2Fv6 pkg:docker/example.org/a/b@latest?platform=linux%2Farm%2Fv6");
    insta::assert_snapshot!(check(&["localhost:5000/a:1"]), @"pkg:docker/localhost%3A5000/a@1?platform=linux%2Farm%2Fv6");
    assert_eq!(check(&[]), "_");
}

#[test]
fn the_epoch_of_layers_is_a_choice() {
    let options = |rewrite: bool| ImageOptions { epoch: Some(7), rewrite, ..ImageOptions::default() };
    assert_eq!([form(&options(true)).epoch, form(&options(false)).epoch], [Some(7), None]);
}

#[test]
fn media_types_are_those_that_options_need() {
    let check = |options: ImageOptions| options.are_oci();
    let with = |compression| ImageOptions { compression, ..ImageOptions::default() };
    use super::super::options::Compression;
    assert_eq!([Compression::None, Compression::Gzip].map(|it| check(with(it))), [false; 2]);
    assert_eq!([Compression::Zstd, Compression::Estargz].map(|it| check(with(it))), [true; 2]);
    let attestations = attest::Attestations { provenance: Some(attest::Provenance::default()), sbom: None };
    assert!(check(ImageOptions { attestations, ..ImageOptions::default() }));
}
