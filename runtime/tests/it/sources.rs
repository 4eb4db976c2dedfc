//! Sources that need more than a name: layouts and blobs of the caller, and secrets for servers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{Git, Http, OciLayout, git, http, oci_layout};
use hlb_llb::pb;
use hlb_runtime::ErrorKind;

use crate::support::{Bench, alone, mkfile, read};

/// A tar file with one file in it.
pub(crate) fn layer(name: &str, text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

/// Makes a layout of one image with two layers; the digest of its manifest.
pub(crate) fn layout(dir: &Path) -> Digest {
    layout_of(dir, &[layer("one", "1"), layer("two", "2")], "nobody")
}

/// Makes a layout of one image; the digest of its manifest.
pub(crate) fn layout_of(dir: &Path, layers: &[Vec<u8>], author: &str) -> Digest {
    layout_with(dir, layers, &format!(r#""author":"{author}""#))
}

/// The same with these fields in its configuration.
pub(crate) fn layout_with(dir: &Path, layers: &[Vec<u8>], fields: &str) -> Digest {
    std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        digest
    };
    let digests: Vec<Digest> = layers.iter().map(|bytes| blob(bytes)).collect();
    let names: Vec<String> = digests.iter().map(|digest| format!("\"{digest}\"")).collect();
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64",{fields},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        names.join(",")
    );
    let descriptor = |kind: &str, digest: &Digest, size: usize| {
        format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let listed = digests.iter().zip(layers).map(|(digest, bytes)| descriptor("layer.v1.tar", digest, bytes.len()));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", &blob(config.as_bytes()), config.len()),
        listed.collect::<Vec<_>>().join(","),
    );
    let root = blob(manifest.as_bytes());
    let index =
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor("manifest.v1+json", &root, manifest.len()));
    std::fs::write(dir.join("index.json"), index).unwrap();
    root
}

pub(crate) fn from_layout(reference: String, store: &str, layer_limit: Option<u32>) -> Output {
    let platform = pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() };
    let layout = OciLayout { reference, platform, session: String::new(), store: store.to_owned(), layer_limit };
    oci_layout(layout, Annotations::default())
}

#[test]
fn privileged_images_come_from_layouts_of_the_caller() {
    let mut bench = Bench::new();
    let digest = layout(&bench.path("layout"));
    bench.layouts.insert("base".to_owned(), bench.path("layout"));
    let all = from_layout(format!("base@{digest}"), "", None);
    bench.solve(Some(&mkfile(Some(all.clone()), "/new", "x"))).unwrap();
    assert_eq!((read(&bench.out(), "one"), read(&bench.out(), "two")), ("1".to_owned(), "2".to_owned()));
    assert!(bench.solve(Some(&mkfile(Some(all), "/new", "x"))).unwrap().ran.is_empty());

    // Only the lowest layers, by another name of the layout.
    std::fs::remove_dir_all(bench.out()).unwrap();
    bench.layouts.insert("other".to_owned(), bench.path("layout"));
    bench.solve(Some(&from_layout(format!("base@{digest}"), "other", Some(1)))).unwrap();
    assert!(bench.out().join("one").exists() && !bench.out().join("two").exists());

    let error = bench.solve(Some(&from_layout(format!("none@{digest}"), "", None))).unwrap_err();
    assert_eq!(error.to_string(), "the build reads an OCI layout named `none`, which the caller does not offer");
    assert_eq!(error.kind(), ErrorKind::Source);
    let error = bench.solve(Some(&from_layout(format!("base@{}", Digest::of("x")), "", None))).unwrap_err();
    assert!(error.to_string().contains("has no image"), "{error}");
}

/// A source op by itself.
fn source(identifier: String, attrs: &[(&str, &str)]) -> pb::Definition {
    let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    alone(pb::OpKind::Source(pb::SourceOp { identifier, attrs }))
}

#[test]
fn privileged_blobs_become_files() {
    let mut bench = Bench::new();
    layout(&bench.path("layout"));
    let digest = Digest::of(layer("one", "1"));
    bench.layouts.insert("base".to_owned(), bench.path("layout"));
    let attrs = [("http.filename", "one.tar"), ("http.perm", "0640"), ("http.uid", "7"), ("http.gid", "8")];
    bench.solve_definition(source(format!("oci-layout+blob://base@{digest}"), &attrs)).unwrap();
    let made = std::fs::metadata(bench.out().join("one.tar")).unwrap();
    assert_eq!((made.mode() & 0o777, made.mtime()), (0o640, 0));
    assert_eq!(std::fs::read(bench.out().join("one.tar")).unwrap(), layer("one", "1"));

    let missing = Digest::of("nothing");
    let error = bench.solve_definition(source(format!("oci-layout+blob://base@{missing}"), &[])).unwrap_err();
    assert!(error.to_string().contains(&format!("has no blob {missing}")), "{error}");
    let error = bench.solve_definition(source("docker-image+blob://base:tag".to_owned(), &[])).unwrap_err();
    assert_eq!(error.to_string(), "the blob `base:tag` has no digest");
}

/// A registry with one blob, and a web server: files by path, for those who show the header if one is wanted.
pub(crate) fn serve(files: BTreeMap<String, Vec<u8>>, header: Option<&'static str>) -> String {
    serve_heard(files, header, Arc::default())
}

/// The same, and tells which paths are asked for.
pub(crate) fn serve_heard(
    files: BTreeMap<String, Vec<u8>>,
    header: Option<&'static str>,
    heard: Arc<Mutex<Vec<String>>>,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let path = request.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let path = path.split('?').next().unwrap_or_default();
            heard.lock().unwrap().push(path.to_owned());
            let shown = request.iter().any(|line| {
                line.to_lowercase().starts_with("authorization: ")
                    && header.is_some_and(|wanted| line.ends_with(wanted))
            });
            let (status, body) = match files.get(path) {
                _ if header.is_some() && !shown => ("401 Unauthorized", &b""[..]),
                Some(body) => ("200 OK", body.as_slice()),
                None => ("404 Not Found", &b""[..]),
            };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(body);
        }
    });
    address
}

#[test]
fn privileged_blobs_of_registries_are_checked() {
    let bench = Bench::new();
    let (good, wrong) = (Digest::of("good"), Digest::of("other"));
    let at = |digest: &Digest| (format!("/v2/repo/blobs/{digest}"), b"good".to_vec());
    let address = serve([at(&good), at(&wrong)].into(), None);
    bench.solve_definition(source(format!("docker-image+blob://{address}/repo@{good}"), &[])).unwrap();
    assert_eq!(read(&bench.out(), good.hex()), "good");
    let error = bench.solve_definition(source(format!("docker-image+blob://{address}/repo@{wrong}"), &[])).unwrap_err();
    assert!(error.to_string().contains(&format!("digest {good} instead of {wrong}")), "{error}");
}

#[test]
fn privileged_secrets_are_shown_to_web_servers() {
    let mut bench = Bench::new();
    let address = serve([("/f".to_owned(), b"text".to_vec())].into(), Some("Bearer t0ken"));
    let url = format!("http://{address}/f");
    let named = http(
        Http { auth_header_secret: "header".to_owned(), filename: "f".to_owned(), ..Http::new(&url) },
        Annotations::default(),
    );
    let plain = http(Http { filename: "f".to_owned(), ..Http::new(&url) }, Annotations::default());
    assert_eq!(bench.solve(Some(&named)).unwrap_err().to_string(), "secret `header` was not given");
    let refused = bench.solve(Some(&plain)).unwrap_err().to_string();
    assert!(refused.contains("401 Unauthorized; give a secret"), "{refused}");
    bench.secret("header", "Bearer t0ken\n");
    bench.solve(Some(&named)).unwrap();
    assert_eq!(read(&bench.out(), "f"), "text");
    // A token for the host, which the op need not name.
    assert!(bench.solve(Some(&plain)).is_err());
    bench.secret(&format!("HTTP_AUTH_TOKEN_{address}"), "t0ken");
    bench.solve(Some(&plain)).unwrap();
    bench.secret("header", "two\nlines");
    let error = bench.solve(Some(&named)).unwrap_err().to_string();
    assert!(error.contains("it has several lines") && !error.contains("two"), "{error}");
}

#[test]
fn privileged_ssh_remotes_need_an_agent() {
    let bench = Bench::new();
    let remote = git(Git::new("git@example.invalid:a/b.git", "main"), Annotations::default());
    let error = bench.solve(Some(&remote)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "git@example.invalid:a/b.git is reached by ssh, and the SSH agent `default` was not given"
    );
    assert_eq!(error.kind(), ErrorKind::Source);
}

#[test]
fn privileged_what_cannot_be_fetched_is_refused_first() {
    let bench = Bench::new();
    let check = |identifier: &str, attrs: &[(&str, &str)], expected: &str| {
        let error = bench.solve_definition(source(identifier.to_owned(), attrs)).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (expected, ErrorKind::Definition));
    };
    check("gopher://x", &[], "sources of scheme `gopher://` are not supported yet (`gopher://x`)");
    check(
        "docker-image://docker.io/library/x:1",
        &[("image.layerlimit", "0")],
        "the attribute image.layerlimit=`0` is not a number of layers: it must be at least 1",
    );
    check("git://h/r", &[("git.sig.pubkey", "k")], "the check of signatures is not supported yet for git sources");
}
