//! Images to a registry: a real one, and one that misbehaves in one way at a time.

use std::io::Write as _;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::{Credential, Credentials, Images, PushError, Reference, RegistryConfig};
use serde_json::json;

use crate::support::{Answer, Registry, Request, Scripted, fetch, quick, resolve};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
/// `user:secret`
const USERS: &str = "user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

struct Fixed(Option<(&'static str, &'static str)>);

impl Credentials for Fixed {
    fn get(&self, _: &str) -> Result<Option<Credential>, String> {
        Ok(self.0.map(|(user, password)| Credential::Password { user: user.to_owned(), password: password.to_owned() }))
    }
}

fn images(login: Option<(&'static str, &'static str)>) -> Images {
    Images::with_credentials(RegistryConfig::empty(), Arc::new(Fixed(login))).with_patience(quick())
}

fn reference(host: &str, name: &str) -> Reference {
    Reference::parse(&format!("{host}/{name}")).unwrap()
}

/// Larger than what is sent at a time.
fn layer() -> Vec<u8> {
    (0..700_001_u32).map(|n| (n % 251) as u8).collect()
}

fn config() -> String {
    let layer = Digest::of(layer());
    json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [layer.as_str()] } })
        .to_string()
}

fn manifest() -> String {
    let (config, layer) = (config(), layer());
    json!({
        "schemaVersion": 2, "mediaType": OCI,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config).as_str(), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(&layer).as_str(), "size": layer.len() }],
    })
    .to_string()
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Pushes the image as a runtime does.
async fn push(images: &Images, to: &Reference) -> Result<(), PushError> {
    let (layer, manifest) = (layer(), manifest());
    let pusher = images.pusher(to)?;
    let digest = Digest::of(&layer);
    if !pusher.has_blob(&digest).await? {
        pusher.upload_file(&digest, file(&layer).path(), layer.len() as u64).await?;
    }
    pusher.upload_bytes(&Digest::of(config()), config().as_bytes()).await?;
    pusher.put_manifest(manifest.as_bytes(), OCI).await
}

/// Why the image cannot be pushed.
async fn refused(images: &Images, host: &str, name: &str) -> String {
    push(images, &reference(host, name)).await.unwrap_err().to_string().replace(host, "HOST")
}

#[tokio::test]
async fn privileged_what_is_pushed_can_be_pulled() {
    let registry = Registry::start(None);
    let images = images(None);
    let name = reference(&registry.host, "group/app:v1");
    let pusher = images.pusher(&name).unwrap();
    let (layer, digest) = (Digest::of(layer()), Digest::of(manifest()));
    assert!(!pusher.has_blob(&layer).await.unwrap() && !pusher.has_manifest(&digest, OCI).await.unwrap());
    push(&images, &name).await.unwrap();
    assert!(pusher.has_blob(&layer).await.unwrap() && pusher.has_manifest(&digest, OCI).await.unwrap());
    assert!(!pusher.has_manifest(&layer, OCI).await.unwrap());

    let found = resolve(&images, &name.to_string()).await.unwrap();
    assert_eq!((&found.manifest_digest, found.config_bytes.as_slice()), (&digest, config().as_bytes()));
    assert_eq!(fetch(&images, &found, &found.manifest.layers[0]).await.unwrap(), self::layer());

    // From one repository of the registry to another without an upload.
    let other = images.pusher(&reference(&registry.host, "other:v1")).unwrap();
    assert!(!other.has_blob(&layer).await.unwrap());
    assert!(!other.mount_blob(&layer, &reference(&registry.host, "no/such:v1")).await);
    assert!(!other.mount_blob(&layer, &reference("elsewhere.example", "group/app:v1")).await);
    assert!(other.mount_blob(&layer, &name).await);
    assert!(other.has_blob(&layer).await.unwrap());
    let lacks = other.put_manifest(manifest().as_bytes(), OCI).await.unwrap_err().to_string();
    insta::assert_snapshot!(lacks.replace(&registry.host, "HOST"), @"cannot push to `HOST/other:v1`: http://HOST: answered 400: blob unknown to registry");
}

#[tokio::test]
async fn privileged_passwords_are_sent_when_they_are_wanted() {
    let registry = Registry::start(Some(USERS));
    let name = reference(&registry.host, "app:1");
    push(&images(Some(("user", "secret"))), &name).await.unwrap();
    insta::assert_snapshot!(refused(&images(Some(("user", "wrong"))), &registry.host, "app:1").await, @"cannot push to `HOST/app:1`: http://HOST: access denied (401): Unauthorized; log in with `docker login HOST` as someone who may push there, and check the name");
    insta::assert_snapshot!(refused(&images(None), &registry.host, "app:1").await, @"cannot push to `HOST/app:1`: http://HOST: access denied (401): it wants a user and a password; log in with `docker login HOST` as someone who may push there, and check the name");
}

#[tokio::test]
async fn digests_and_absent_registries_are_refused() {
    let digest = Digest::of("x");
    insta::assert_snapshot!(refused(&images(None), "h.example", &format!("app@{digest}")).await.replace(digest.hex(), "…"), @"cannot push to `HOST/app@sha256:…`: what is pushed decides on the digest; write a tag in its place");
    insta::assert_snapshot!(refused(&images(None), "127.0.0.1:1", "app").await, @"cannot push to `HOST/app:latest`: http://HOST: cannot connect: client error (Connect): tcp connect error: Connection refused (os error 111); check the name of the registry and the network");
}

/// A registry that takes everything, but for what `special` says.
async fn registry(special: impl Fn(&Request, usize, &str) -> Option<Answer> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |request, before, host| {
        special(request, before, host).unwrap_or_else(|| match (request.method.as_str(), request.path.as_str()) {
            ("POST", path) if path.contains("/uploads/") => {
                Answer::new(202, "").with("Location", "/upload/1?state=a%2Fb")
            }
            ("PUT", path) if path.starts_with("/upload/1?state=a%2Fb&digest=sha256") => {
                let said = path.rsplit("digest=sha256%3A").next().unwrap();
                Answer::new(if Digest::of(&request.body).hex() == said { 201 } else { 400 }, "")
            }
            ("PUT", "/v2/app/manifests/latest") => Answer::new(201, ""),
            _ => Answer::new(404, ""),
        })
    })
    .await
}

#[tokio::test]
async fn passing_faults_are_sat_out() {
    let server = registry(|request, before, _| match (request.method.as_str(), before) {
        ("HEAD" | "POST", 0) => Some(Answer::new(503, "")),
        // The registry was restarted, and has forgotten the upload.
        ("PUT", 0) if request.path.starts_with("/upload") => Some(Answer::new(404, "")),
        ("PUT", 1) if request.path.starts_with("/upload") => Some(Answer::new(500, "")),
        ("PUT", 0) => Some(Answer::new(429, "").with("Retry-After", "0")),
        _ => None,
    })
    .await;
    push(&images(None), &reference(&server.host, "app")).await.unwrap();
    let seen = server.seen.lock().unwrap();
    let manifest = seen.last().unwrap();
    assert_eq!((&manifest.body, manifest.headers["content-type"].as_str()), (&self::manifest().into_bytes(), OCI));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (method, answer, expected) in [
        (
            "POST",
            (403, r#"{"errors":[{"code":"DENIED","message":"read only"}]}"#),
            "access denied (403): read only; log in with `docker login HOST` as someone who may push there, and check the name",
        ),
        ("POST", (404, ""), "not found (404); check the name: the registry has no such place to push to"),
        ("POST", (405, ""), "answered 405: Method Not Allowed; check the name: the registry cannot be written"),
        (
            "PUT",
            (413, ""),
            "answered 413: Payload Too Large; raise the limit of the registry, or of the proxy before it, for the size of uploads",
        ),
        (
            "PUT",
            (400, r#"{"errors":[{"code":"DIGEST_INVALID","message":"not the digest"}]}"#),
            "answered 400: not the digest",
        ),
    ] {
        let server =
            registry(move |request, _, _| (request.method == method).then(|| Answer::new(answer.0, answer.1))).await;
        let said = refused(&images(None), &server.host, "app").await;
        assert_eq!(said, format!("cannot push to `HOST/app:latest`: http://HOST: {expected}"));
    }
    let server = registry(|request, _, _| (request.method == "POST").then(|| Answer::new(202, ""))).await;
    insta::assert_snapshot!(refused(&images(None), &server.host, "app").await, @"cannot push to `HOST/app:latest`: http://HOST: wrong content: the registry does not say where to upload to");
    let server = registry(|request, _, _| {
        request.path.contains("/manifests/").then(|| Answer::new(201, "").with("Docker-Content-Digest", "sha256:00"))
    })
    .await;
    let said = refused(&images(None), &server.host, "app").await;
    insta::assert_snapshot!(said.replace(Digest::of(manifest()).hex(), "…"), @"cannot push to `HOST/app:latest`: http://HOST: wrong content: the manifest sha256:… was stored as sha256:00");
}

#[tokio::test]
async fn tokens_allow_what_is_needed() {
    let server = registry(|request, _, host| {
        if request.path.starts_with("/token") {
            assert!(request.headers["authorization"].starts_with("Basic "));
            // The token is named after what it allows.
            let scopes: Vec<&str> = request.path.split("scope=repository%3A").skip(1).collect();
            return Some(Answer::new(200, json!({ "token": scopes.join("+") }).to_string()));
        }
        let allowed = request.headers.get("authorization").is_some_and(|value| value.contains("app%3Apull%2Cpush"));
        // Registries name what this request needs, not the next one.
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:app:pull\"");
        (!allowed).then(|| Answer::new(401, "").with("WWW-Authenticate", challenge))
    })
    .await;
    let images = images(Some(("user", "secret")));
    push(&images, &reference(&server.host, "app")).await.unwrap();
    assert_eq!(server.count("/token"), 1);
    let pusher = images.pusher(&reference(&server.host, "app")).unwrap();
    assert!(!pusher.mount_blob(&Digest::of("x"), &reference(&server.host, "base")).await);
    let seen = server.seen.lock().unwrap();
    let last = seen.last().unwrap();
    let from = format!("/v2/app/blobs/uploads/?mount=sha256%3A{}&from=base", Digest::of("x").hex());
    assert_eq!(
        (last.path.as_str(), last.headers["authorization"].as_str()),
        (from.as_str(), "Bearer app%3Apull%2Cpush&+base%3Apull")
    );
}

#[tokio::test]
async fn other_servers_get_no_credentials() {
    let elsewhere = registry(|request, _, _| (request.method == "PUT").then(|| Answer::new(201, ""))).await;
    let place = format!("http://{}/store", elsewhere.host);
    let server = registry(move |request, _, _| match request.headers.get("authorization") {
        None => Some(Answer::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"")),
        Some(_) if request.method == "POST" => Some(Answer::new(202, "").with("Location", place.clone())),
        Some(_) => None,
    })
    .await;
    push(&images(Some(("user", "secret"))), &reference(&server.host, "app")).await.unwrap();
    let seen = elsewhere.seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| !request.headers.contains_key("authorization")));
}
