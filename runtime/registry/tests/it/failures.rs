//! A registry that misbehaves in one way at a time.

use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::{Credential, Credentials, Images, RegistryConfig};
use serde_json::json;

use crate::support::{Answer, Request, Scripted, config, fetch, message, quick, resolve};

const LAYER: &[u8] = b"the content of the only layer, long enough to be cut in two";

struct NoCredentials;

impl Credentials for NoCredentials {
    fn get(&self, _: &str) -> Result<Option<Credential>, String> {
        Ok(None)
    }
}

struct Password;

impl Credentials for Password {
    fn get(&self, _: &str) -> Result<Option<Credential>, String> {
        Ok(Some(Credential::Password { user: "user".to_owned(), password: "secret".to_owned() }))
    }
}

fn images() -> Images {
    Images::with_credentials(RegistryConfig::empty(), Arc::new(NoCredentials)).with_patience(quick())
}

fn config_text() -> String {
    json!({ "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(LAYER).as_str()] } })
    .to_string()
}

fn manifest_text() -> String {
    let config = config_text();
    json!({ "schemaVersion": 2,
            "config": { "digest": Digest::of(&config).as_str(), "size": config.len() },
            "layers": [{ "digest": Digest::of(LAYER).as_str(), "size": LAYER.len() }] })
    .to_string()
}

/// What a registry in good health answers.
fn healthy(request: &Request) -> Answer {
    if request.path.contains("/manifests/") {
        Answer::new(200, manifest_text())
    } else if request.path.ends_with(Digest::of(config_text()).as_str()) {
        Answer::new(200, config_text())
    } else if request.path.ends_with(Digest::of(LAYER).as_str()) {
        Answer::new(200, LAYER)
    } else {
        Answer::new(404, "{}")
    }
}

fn is_layer(request: &Request) -> bool {
    request.path.ends_with(Digest::of(LAYER).as_str())
}

/// Resolves and fetches the image; what came or what was said.
async fn pull(images: &Images, server: &Scripted) -> Result<Vec<u8>, String> {
    let clean = |error| message(&error, &[(server.host.as_str(), "HOST")]);
    let found = resolve(images, &format!("{}/app", server.host)).await.map_err(clean)?;
    fetch(images, &found, &found.manifest.layers[0]).await.map_err(clean)
}

#[tokio::test]
async fn passing_faults_are_sat_out() {
    let server = Scripted::start(|request, before, _| match before {
        0 => Answer::new(503, "down"),
        1 => Answer::new(429, "slow").with("Retry-After", "0"),
        _ => healthy(request),
    })
    .await;
    assert_eq!(pull(&images(), &server).await.unwrap(), LAYER);
    let agent = server.seen.lock().unwrap()[0].headers["user-agent"].clone();
    assert_eq!(agent, concat!("hlbc/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn lasting_faults_are_reported() {
    let server = Scripted::start(|_, _, _| Answer::new(503, r#"{"errors":[{"message":"disk full"}]}"#)).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: answered 503: disk full; the registry has a problem of its own: try again later");
    assert_eq!(server.count("/manifests/"), 4);
    let server = Scripted::start(|_, _, _| Answer::new(429, "{}").with("Retry-After", "0")).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: too many requests (429): Too Many Requests; wait, log in with `docker login HOST`, or name a mirror in `hlbc.toml`");
    let server = Scripted::start(|_, _, _| Answer::new(403, r#"{"errors":[{"code":"DENIED"}]}"#)).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: access denied (403): DENIED; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist");
    let server = Scripted::start(|_, _, _| Answer::new(400, "<html>")).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: answered 400: Bad Request");
}

#[tokio::test]
async fn nobody_there_is_said_for_each_address() {
    let config = config("[registries.'127.0.0.1:1']\nmirrors = ['http://127.0.0.1:2', 'http://nowhere.invalid']");
    let images = Images::with_credentials(config, Arc::new(NoCredentials)).with_patience(quick());
    let error = resolve(&images, "127.0.0.1:1/app").await.unwrap_err().to_string();
    assert!(error.starts_with("cannot get `127.0.0.1:1/app:latest`: http://127.0.0.1:2: cannot connect: "), "{error}");
    assert!(error.contains("Connection refused"), "{error}");
    assert!(error.contains("; http://nowhere.invalid: cannot connect: "), "{error}");
    assert!(error.contains("name a mirror or an OCI layout in `hlbc.toml`"), "{error}");
}

#[tokio::test]
async fn a_broken_download_is_continued() {
    let server = Scripted::start(|request, before, _| {
        let from = request
            .headers
            .get("range")
            .map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
        match (is_layer(request), before) {
            (true, 0) => Answer { cut: Some(10), ..healthy(request) },
            (true, _) if from > 0 => {
                let range = format!("bytes {from}-{}/{}", LAYER.len() - 1, LAYER.len());
                Answer { cut: Some(15), ..Answer::new(206, &LAYER[from..]).with("Content-Range", range) }
            }
            _ => healthy(request),
        }
    })
    .await;
    assert_eq!(pull(&images(), &server).await.unwrap(), LAYER);
    let layer = Digest::of(LAYER);
    let seen = server.seen.lock().unwrap();
    let ranges: Vec<_> =
        seen.iter().filter(|it| it.path.ends_with(layer.as_str())).map(|it| it.headers.get("range").cloned()).collect();
    let expected: Vec<_> = [10, 25, 40, 55].iter().map(|from| Some(format!("bytes={from}-"))).collect();
    assert_eq!(ranges[1..], expected);
}

#[tokio::test]
async fn a_server_without_ranges_sends_it_again() {
    let server = Scripted::start(|request, before, _| match (is_layer(request), before) {
        (true, 0) => Answer { cut: Some(10), ..healthy(request) },
        _ => healthy(request),
    })
    .await;
    assert_eq!(pull(&images(), &server).await.unwrap(), LAYER);
}

#[tokio::test]
async fn a_download_that_never_gets_on_is_given_up() {
    let server = Scripted::start(|request, _, _| match is_layer(request) {
        true => Answer { cut: Some(10), ..healthy(request) },
        false => healthy(request),
    })
    .await;
    let error = pull(&images(), &server).await.unwrap_err();
    assert!(error.contains("http://HOST: the connection broke: "), "{error}");
}

#[tokio::test]
async fn wrong_content_is_refused() {
    let swap = |bytes: &'static [u8]| {
        move |request: &Request, _: usize, _: &str| match is_layer(request) {
            true => Answer::new(200, bytes),
            false => healthy(request),
        }
    };
    let server = Scripted::start(swap(b"the content of another layer, which has exactly this length")).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: wrong content: digest sha256:04560a988bd278b48cef6081a5f70fc9300383e1b19732427ed0124677a1ea7a instead of sha256:ee90f93f6789a37b5f3d25ae4c2ef0839b6404b1bcebe864591fa8529646a0b7");
    let server = Scripted::start(swap(b"the content of the only layer, long enough to be cut in two and more")).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: wrong content: more than the 59 bytes that the manifest says");
    let server = Scripted::start(swap(b"short")).await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: wrong content: 5 bytes instead of the 59 that the manifest says");
    let server = Scripted::start(|request, _, _| match request.path.contains("/manifests/") {
        true => Answer::new(200, "<html>welcome to the hotel</html>"),
        false => healthy(request),
    })
    .await;
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"`HOST/app:latest` is not usable: it is no manifest: expected value at line 1 column 1");
    let server = Scripted::start(|request, _, _| healthy(request)).await;
    let name = format!("{}/app@{}", server.host, Digest::of("something else"));
    let error = resolve(&images(), &name).await.unwrap_err();
    insta::assert_snapshot!(message(&error, &[(&server.host, "HOST")]), @"cannot get `HOST/app@sha256:f41f3fa625ff120ddca7ef456bf66371ecea23c129f4e4c32367101edb516cf8`: http://HOST: wrong content: digest sha256:d05602b50c07311ef2d1c565888afa97e6168abc30fd0450da4afb43125fc160 instead of the one in the reference");
}

#[tokio::test]
async fn the_next_source_takes_over() {
    let bad = Scripted::start(|request, _, _| match is_layer(request) {
        true => Answer { cut: Some(10), ..healthy(request) },
        false => healthy(request),
    })
    .await;
    let good = Scripted::start(|request, _, _| healthy(request)).await;
    let text = format!("[registries.'{}']\nmirrors = ['http://{}']", good.host, bad.host);
    let images = Images::with_credentials(config(&text), Arc::new(NoCredentials)).with_patience(quick());
    assert_eq!(pull(&images, &good).await.unwrap(), LAYER);
    assert_eq!(good.count("/manifests/"), 0, "the mirror had those");
    assert_eq!(good.count("/blobs/"), 1);
}

/// A registry that wants a token; the token service wants a password if `closed`.
async fn with_tokens(closed: bool) -> Scripted {
    Scripted::start(move |request, _, host| {
        let authorization = request.headers.get("authorization").map(String::as_str);
        if request.path.starts_with("/token") {
            let basic = authorization.is_some_and(|value| value == "Basic dXNlcjpzZWNyZXQ=");
            return match !closed || basic {
                true => Answer::new(200, r#"{"token":"T0"}"#),
                false => Answer::new(401, r#"{"details":"incorrect username or password"}"#),
            };
        }
        match authorization {
            Some("Bearer T0") => healthy(request),
            _ => Answer::new(401, "{}").with(
                "WWW-Authenticate",
                format!("Bearer realm=\"http://{host}/token\",service=\"reg\",scope=\"repository:app:pull\""),
            ),
        }
    })
    .await
}

#[tokio::test]
async fn tokens_are_fetched_once() {
    let server = with_tokens(false).await;
    assert_eq!(pull(&images(), &server).await.unwrap(), LAYER);
    assert_eq!(server.count("/token"), 1);
    assert_eq!(server.count("/token?service=reg&scope=repository%3Aapp%3Apull"), 1);
}

#[tokio::test]
async fn token_services_get_the_password() {
    let server = with_tokens(true).await;
    let images_with = Images::with_credentials(RegistryConfig::empty(), Arc::new(Password)).with_patience(quick());
    assert_eq!(pull(&images_with, &server).await.unwrap(), LAYER);
    insta::assert_snapshot!(pull(&images(), &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: access denied (401): incorrect username or password; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist");
}

#[tokio::test]
async fn a_password_is_not_sent_to_another_host_after_a_redirection() {
    let other = Scripted::start(|_, _, _| Answer::new(200, LAYER)).await;
    let to = other.host.clone();
    let server = Scripted::start(move |request, _, _| {
        match (request.headers.get("authorization").map(String::as_str), is_layer(request)) {
            (None, _) => Answer::new(401, "{}").with("WWW-Authenticate", "Basic realm=\"x\""),
            (Some(_), true) => Answer::new(307, "").with("Location", format!("http://{to}/storage?signature=x")),
            (Some(_), false) => healthy(request),
        }
    })
    .await;
    let images = Images::with_credentials(RegistryConfig::empty(), Arc::new(Password)).with_patience(quick());
    assert_eq!(pull(&images, &server).await.unwrap(), LAYER);
    assert_eq!(other.seen.lock().unwrap()[0].headers.get("authorization"), None);
}

#[tokio::test]
async fn one_resolution_serves_all_who_ask_at_once() {
    let server = Scripted::start(|request, _, _| healthy(request)).await;
    let images = images();
    let name = format!("{}/app", server.host);
    let (a, b, c) = tokio::join!(resolve(&images, &name), resolve(&images, &name), resolve(&images, &name));
    assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()) && c.is_ok());
    assert_eq!(server.count("/manifests/"), 1);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let server = Scripted::start(|request, before, _| match request.path.contains("/manifests/") && before == 0 {
        true => Answer::new(404, "{}"),
        false => healthy(request),
    })
    .await;
    let images = images();
    insta::assert_snapshot!(pull(&images, &server).await.unwrap_err(), @"cannot get `HOST/app:latest`: http://HOST: not found (404); check the name and the tag");
    assert_eq!(pull(&images, &server).await.unwrap(), LAYER);
}
