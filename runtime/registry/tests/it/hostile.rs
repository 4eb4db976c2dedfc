//! Registries that mean no good, or are in a bad way: what is said of each, that it ends soon, and that nothing wrong is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_registry::{
    Credential, Credentials, Images, Landing, Memory, Patience, Recalled, Reference, RegistryConfig, Shelf,
};
use serde_json::{Value, json};

use crate::support::{Answer, Request, Scripted, amd64, config, message};

const LAYER: &[u8] = b"the content of the only layer, long enough to be cut in two";
const SAID: Duration = Duration::from_millis(300);
/// Nothing here may take longer.
const AT_MOST: Duration = Duration::from_secs(6);

const IMPATIENT: Patience = Patience {
    connect: Duration::from_secs(5),
    silence: SAID,
    repeats: 1,
    first_pause: Duration::from_millis(1),
    slowest: 1 << 10,
};

struct Password;

impl Credentials for Password {
    fn get(&self, _: &str) -> Result<Option<Credential>, String> {
        Ok(Some(Credential::Password { user: "user".to_owned(), password: "secret".to_owned() }))
    }
}

/// What was kept of an image.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) documents: Mutex<BTreeMap<Digest, Vec<u8>>>,
    pub(crate) notes: Mutex<BTreeMap<String, Recalled>>,
}

impl Shelf for Kept {
    fn document(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.documents.lock().unwrap().get(digest).cloned()
    }

    fn keep(&self, bytes: &[u8]) {
        self.documents.lock().unwrap().insert(Digest::of(bytes), bytes.to_vec());
    }

    fn note(&self, name: &str, found: &Digest, media_type: &str) {
        let (digest, media_type) = (found.clone(), media_type.to_owned());
        let at = std::time::SystemTime::now();
        self.notes.lock().unwrap().insert(name.to_owned(), Recalled { digest, media_type, at });
    }

    fn recall(&self, name: &str) -> Option<Recalled> {
        self.notes.lock().unwrap().get(name).cloned()
    }
}

fn config_text() -> String {
    json!({ "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(LAYER).as_str()] } })
    .to_string()
}

/// The descriptor of the layer.
fn layer() -> Value {
    json!({ "digest": Digest::of(LAYER).as_str(), "size": LAYER.len() })
}

fn manifest_of(layers: &[Value]) -> String {
    let config = config_text();
    json!({ "schemaVersion": 2,
            "config": { "digest": Digest::of(&config).as_str(), "size": config.len() }, "layers": layers })
    .to_string()
}

/// What a registry in good health answers.
pub(crate) fn healthy(request: &Request) -> Answer {
    let is = |text: &[u8]| request.path.ends_with(Digest::of(text).as_str());
    if request.path.contains("/manifests/") {
        Answer::new(200, manifest_of(&[layer()]))
    } else if is(config_text().as_bytes()) {
        Answer::new(200, config_text())
    } else if is(LAYER) {
        Answer::new(200, LAYER)
    } else {
        Answer::new(404, "{}")
    }
}

fn is_layer(request: &Request) -> bool {
    request.path.ends_with(Digest::of(LAYER).as_str())
}

/// The first byte that is asked for.
fn from(request: &Request) -> usize {
    let range = request.headers.get("range").map(|range| range.trim_start_matches("bytes=").trim_end_matches('-'));
    range.map_or(0, |range| range.parse().unwrap())
}

/// The rest of the layer as a good server sends it.
fn rest(from: usize) -> Answer {
    let range = format!("bytes {from}-{}/{}", LAYER.len() - 1, LAYER.len());
    Answer::new(206, &LAYER[from..]).with("Content-Range", range)
}

/// Pulls the image; what came of it, and how many requests it took. Afterwards the same parts are good for another pull.
async fn outcome(script: impl Fn(&Request, usize, &str) -> Option<Answer> + Send + Sync + 'static) -> String {
    let server =
        Scripted::start(move |request, before, host| script(request, before, host).unwrap_or_else(|| healthy(request)))
            .await;
    let kept = Arc::new(Kept::default());
    let mut memory = Memory::default();
    let begun = Instant::now();
    let pulled = pull(RegistryConfig::empty(), &server.host, &kept, &mut memory).await;
    assert!(begun.elapsed() < AT_MOST, "it took {:?}", begun.elapsed());
    let requests = server.seen.lock().unwrap().len();
    match &pulled {
        Ok(()) => assert_eq!(memory.into_bytes(), LAYER),
        Err(error) => {
            // What is known to be wrong is gone, and what makes no image was not kept.
            assert!(memory.have() == 0 || !error.contains("wrong content"), "{error}");
            assert!(memory.have() < LAYER.len() as u64, "{error}");
            let is_image = kept.notes.lock().unwrap().len() == 1;
            assert_eq!(kept.documents.lock().unwrap().len(), if is_image { 2 } else { 0 }, "{error}");
        }
    }
    let good = Scripted::start(|request, _, _| healthy(request)).await;
    let mut again = Memory::default();
    pull(RegistryConfig::empty(), &good.host, &kept, &mut again).await.unwrap();
    assert_eq!(again.into_bytes(), LAYER);
    match pulled {
        Ok(()) => format!("{requests}: good"),
        Err(error) => format!("{requests}: {}", clean(&error, &server.host)),
    }
}

/// Leaves out what differs from run to run, and what each message begins with.
fn clean(error: &str, host: &str) -> String {
    let text = error.replace(host, "HOST");
    let text = text.replace("cannot get `HOST/app:latest`: http://HOST: ", "").replace("`HOST/app:latest` ", "");
    match text.split_once("too slow: ") {
        Some((before, rest)) => format!("{before}too slow: …;{}", rest.split_once(';').unwrap().1),
        None => text,
    }
}

async fn pull(config: RegistryConfig, host: &str, kept: &Arc<Kept>, landing: &mut Memory) -> Result<(), String> {
    let images = Images::with_credentials(config, Arc::new(Password));
    let images = images.with_patience(IMPATIENT).with_shelf(Arc::clone(kept) as Arc<dyn Shelf>);
    let said = |error| message(&error, &[]);
    let reference = Reference::parse(&format!("{host}/app")).unwrap();
    let found = images.resolve(&reference, &amd64()).await.map_err(said)?;
    let blob = found.manifest.layers[0].clone();
    images.fetch(&found, &blob, landing, &mut |_| {}).await.map_err(said)
}

/// The layer is answered like this.
async fn layer_as(answer: impl Fn(usize, usize) -> Answer + Send + Sync + 'static) -> String {
    outcome(move |request, before, _| is_layer(request).then(|| answer(from(request), before))).await
}

#[tokio::test]
async fn layers_that_are_not_what_they_should_be() {
    let other: Vec<u8> = LAYER.iter().rev().copied().collect();
    let longer = [LAYER, b" and more"].concat();
    let mut lines = Vec::new();
    let swapped = other.clone();
    lines.push(layer_as(move |_, _| Answer::new(200, swapped.clone())).await);
    let swapped = other.clone();
    lines.push(layer_as(move |_, _| Answer { says_length: false, ..Answer::new(200, swapped.clone()) }).await);
    lines.push(layer_as(|_, _| Answer::new(200, "short")).await);
    lines.push(layer_as(|_, _| Answer { says_length: false, ..Answer::new(200, "short") }).await);
    let more = longer.clone();
    lines.push(layer_as(move |_, _| Answer::new(200, more.clone())).await);
    lines.push(layer_as(move |_, _| Answer { says_length: false, ..Answer::new(200, longer.clone()) }).await);
    lines.push(layer_as(|_, _| Answer::new(204, "")).await);
    lines.push(layer_as(|_, _| Answer::new(404, "{}")).await);
    // The beginning was wrong, the rest is right: all of it is asked for again.
    let cut = other.clone();
    lines.push(
        layer_as(move |from, before| match before {
            0 => Answer { cut: Some(10), ..Answer::new(200, cut.clone()) },
            _ if from > 0 => rest(from),
            _ => Answer::new(200, LAYER),
        })
        .await,
    );
    insta::assert_snapshot!(lines.join("\n"), @r#"
    3: wrong content: digest sha256:17f651f918c87f18359dcc7f39bc1986b95f739d0055494188bdaaab2dc6f5c4 instead of sha256:ee90f93f6789a37b5f3d25ae4c2ef0839b6404b1bcebe864591fa8529646a0b7
    3: wrong content: digest sha256:17f651f918c87f18359dcc7f39bc1986b95f739d0055494188bdaaab2dc6f5c4 instead of sha256:ee90f93f6789a37b5f3d25ae4c2ef0839b6404b1bcebe864591fa8529646a0b7
    3: wrong content: 5 bytes instead of the 59 that the manifest says
    4: the connection broke: 5 bytes instead of the 59 that the manifest says; check the network and try again
    3: wrong content: more than the 59 bytes that the manifest says
    3: wrong content: more than the 59 bytes that the manifest says
    3: wrong content: 0 bytes instead of the 59 that the manifest says
    3: not found (404); check the name and the tag
    5: good
    "#);
}

#[tokio::test]
async fn ranges_that_are_others_than_were_asked_for() {
    let cut = || Answer { cut: Some(10), ..Answer::new(200, LAYER) };
    let part = |range: &str, bytes: &[u8]| Answer::new(206, bytes).with("Content-Range", range);
    let mut lines = Vec::new();
    // Unasked.
    lines.push(layer_as(move |_, _| part("bytes 0-58/59", LAYER)).await);
    // From another place, once, and always.
    lines.push(
        layer_as(move |_, before| match before {
            0 => cut(),
            1 => part("bytes 0-48/59", &LAYER[..49]),
            _ => Answer::new(200, LAYER),
        })
        .await,
    );
    lines.push(layer_as(move |_, before| if before == 0 { cut() } else { part("bytes 20-58/59", &LAYER[20..]) }).await);
    lines.push(layer_as(move |_, before| if before == 0 { cut() } else { part("bytes 10-58/60", &LAYER[10..]) }).await);
    lines.push(layer_as(move |_, before| if before == 0 { cut() } else { Answer::new(206, &LAYER[10..]) }).await);
    // Everything in place of a range.
    lines.push(layer_as(move |_, before| if before == 0 { cut() } else { Answer::new(200, LAYER) }).await);
    // No such range.
    lines.push(
        layer_as(move |from, before| match (from, before) {
            (_, 0) => cut(),
            (0, _) => Answer::new(200, LAYER),
            _ => Answer::new(416, "{}"),
        })
        .await,
    );
    lines.push(layer_as(move |_, before| if before == 0 { cut() } else { Answer::new(416, "{}") }).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    3: wrong content: it sends a part of the blob, which was not asked for
    5: good
    6: wrong content: it sends a part of the blob, which was not asked for
    6: wrong content: it sends a part of the blob, which was not asked for
    6: wrong content: it sends a part of the blob, which was not asked for
    4: good
    5: good
    5: answered 416: Range Not Satisfiable
    "#);
}

#[tokio::test]
async fn connections_that_end_anywhere() {
    for end in 0..LAYER.len() {
        // Each answer brings a little more, so all of them together bring all.
        let line = layer_as(move |from, before| {
            let answer = if from > 0 { rest(from) } else { Answer::new(200, LAYER) };
            match before {
                0 => Answer { cut: Some(end), ..answer },
                _ => answer,
            }
        })
        .await;
        assert!(line.ends_with(": good"), "cut at {end}: {line}");
    }
}

#[tokio::test]
async fn connections_that_stall() {
    let mut lines = Vec::new();
    lines.push(outcome(|_, _, _| Some(Answer { hang: Some(0), ..Answer::new(200, "") })).await);
    lines.push(outcome(|_, _, _| Some(Answer { hang: Some(20), ..Answer::new(200, "") })).await);
    lines.push(layer_as(|_, _| Answer { hang: Some(90), ..Answer::new(200, LAYER) }).await);
    let pause = Duration::from_millis(25);
    lines.push(layer_as(move |_, _| Answer { trickle: Some(pause), ..Answer::new(200, LAYER) }).await);
    lines.push(outcome(move |request, _, _| Some(Answer { trickle: Some(pause), ..healthy(request) })).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    2: the connection broke: nothing came any more; check the network and try again
    2: the connection broke: nothing came any more; check the network and try again
    4: the connection broke: nothing came any more; check the network and try again
    4: the connection is too slow: …; check the network and try again
    2: the connection is too slow: …; check the network and try again
    "#);
}

#[tokio::test]
async fn answers_that_mean_later() {
    let first = |status: u16, wait: &'static str| {
        outcome(move |_, before, _| (before == 0).then(|| Answer::new(status, "{}").with("Retry-After", wait)))
    };
    let mut lines = Vec::new();
    for (status, wait) in [
        (429, "0"),
        (429, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (429, "nonsense"),
        (429, "3600"),
        (429, "99999999999999999999"),
        (503, "1000000"),
        (408, "0"),
        (425, "0"),
        (500, "0"),
        (502, "0"),
        (503, "0"),
        (504, "0"),
        (501, "0"),
        (505, "0"),
        (418, "0"),
    ] {
        lines.push(format!("{status} {wait}: {}", first(status, wait).await));
    }
    lines.push(outcome(|_, _, _| Some(Answer::new(429, "{}"))).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    429 0: 6: good
    429 Sun, 06 Nov 1994 08:49:37 GMT: 6: good
    429 nonsense: 6: good
    429 3600: 1: too many requests (429): Too Many Requests; it asks to wait 3600 s; wait, log in with `docker login HOST`, or name a mirror in `hlbc.toml`
    429 99999999999999999999: 1: too many requests (429): Too Many Requests; it asks to wait 18446744073709551615 s; wait, log in with `docker login HOST`, or name a mirror in `hlbc.toml`
    503 1000000: 1: answered 503: Service Unavailable; it asks to wait 1000000 s; the registry has a problem of its own: try again later
    408 0: 6: good
    425 0: 6: good
    500 0: 6: good
    502 0: 6: good
    503 0: 6: good
    504 0: 6: good
    501 0: 1: answered 501: Not Implemented; the registry has a problem of its own: try again later
    505 0: 1: answered 505: HTTP Version Not Supported; the registry has a problem of its own: try again later
    418 0: 1: answered 418: I'm a teapot
    2: too many requests (429): Too Many Requests; wait, log in with `docker login HOST`, or name a mirror in `hlbc.toml`
    "#);
}

#[tokio::test]
async fn redirections_to_nowhere_good() {
    let to = |location: &'static str| {
        outcome(move |request, _, _| is_layer(request).then(|| Answer::new(302, "").with("Location", location)))
    };
    let mut lines = Vec::new();
    for location in
        ["/v2/", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://u:p@127.0.0.1:1/x", "http://", "data:,x"]
    {
        lines.push(format!("{location}: {}", to(location).await));
    }
    // Round and round.
    lines.push(
        outcome(|request, _, _| is_layer(request).then(|| Answer::new(307, "").with("Location", request.path.clone())))
            .await,
    );
    lines.push(outcome(|request, _, _| is_layer(request).then(|| Answer::new(302, ""))).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    /v2/: 4: not found (404); check the name and the tag
    file:///etc/passwd: 3: wrong content: it sends on to an address that begins with `file:`
    ftp://127.0.0.1/x: 3: wrong content: it sends on to an address that begins with `ftp:`
    http://u:p@127.0.0.1:1/x: 3: wrong content: it sends on to an address with a user in it: http://127.0.0.1:1
    http://: 3: wrong content: it sends on to what is no address
    data:,x: 3: wrong content: it sends on to an address that begins with `data:`
    13: wrong content: it sends on more than 10 times
    3: answered 302: Found
    "#);
}

#[tokio::test]
async fn authorization_that_leads_nowhere() {
    let wants = |challenge: &'static str| {
        outcome(move |request, _, host| {
            if request.path.starts_with("/huge") {
                return Some(Answer::new(200, vec![b' '; 5 << 20]));
            }
            if request.path.starts_with("/none") {
                return Some(Answer::new(200, "{}"));
            }
            if request.path.starts_with("/token") {
                return Some(Answer::new(200, r#"{"token":"T"}"#));
            }
            if request.path.starts_with("/evil") {
                return Some(Answer::new(200, r#"{"token":"a\r\nb: c"}"#));
            }
            Some(Answer::new(401, "{}").with("WWW-Authenticate", challenge.replace("HOST", host)))
        })
    };
    let mut lines = Vec::new();
    for challenge in [
        "Basic realm=\"x\"",
        "Bearer realm=\"http://HOST/token\"",
        "Bearer realm=\"http://HOST/huge\"",
        "Bearer realm=\"http://HOST/none\"",
        "Bearer realm=\"http://HOST/evil\"",
        "Bearer realm=\"file:///etc/passwd\"",
        "Bearer realm=\"nowhere\"",
        "Negotiate",
    ] {
        lines.push(format!("{challenge}: {}", wants(challenge).await));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Basic realm="x": 2: access denied (401): Unauthorized; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist
    Bearer realm="http://HOST/token": 3: access denied (401): Unauthorized; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist
    Bearer realm="http://HOST/huge": 2: wrong content: a document of more than 4194304 bytes
    Bearer realm="http://HOST/none": 2: wrong content: the answer of its token service has no token
    Bearer realm="http://HOST/evil": 2: access denied (401): its credential cannot be sent in a header; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist
    Bearer realm="file:///etc/passwd": 1: wrong content: its token service `file:///etc/passwd` has no address that begins with `https:`
    Bearer realm="nowhere": 1: wrong content: its token service `nowhere` is no address: relative URL without a base
    Negotiate: 1: access denied (401): Unauthorized; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist
    "#);
}

#[tokio::test]
async fn documents_that_are_too_much() {
    let document = |text: String| {
        outcome(move |request, _, _| request.path.contains("/manifests/").then(|| Answer::new(200, text.clone())))
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut layer = layer();
        change(&mut layer);
        manifest_of(&[layer])
    };
    let index = |count: usize| {
        let entry = json!({ "digest": Digest::of("x").as_str(), "size": 1, "platform": { "os": "linux", "architecture": "amd64" } });
        json!({ "schemaVersion": 2, "manifests": vec![entry; count] }).to_string()
    };
    let mut lines = Vec::new();
    lines.push(document(" ".repeat(5 << 20)).await);
    lines.push(document(index(20_000)).await);
    lines.push(document(manifest_of(&vec![layer(); 2_000])).await);
    lines.push(document("{".repeat(100_000)).await);
    lines.push(document("[".repeat(1_000_000)).await);
    for size in [json!(58), json!(60), json!(-1), json!(1_u64 << 63), json!("59"), json!(1e30)] {
        lines.push(format!("{size}: {}", document(with(&|layer| layer["size"] = size.clone())).await));
    }
    let hex = Digest::of(LAYER).hex().to_owned();
    for digest in [format!("sha512:{hex}{hex}"), format!("sha256:{}", hex.to_uppercase()), "sha256:../../x".to_owned()]
    {
        let text = document(with(&|layer| layer["digest"] = json!(digest))).await;
        lines.push(text.replace(&hex, "HEX").replace(&hex.to_uppercase(), "UPPER"));
    }
    // Each index leads to another one.
    lines.push(
        outcome(|request, _, _| {
            let mut chain = vec![manifest_of(&[layer()])];
            for _ in 0..6 {
                let below = chain.last().unwrap();
                let (digest, size) = (Digest::of(below), below.len());
                let platform = json!({ "os": "linux", "architecture": "amd64" });
                let entry = json!({ "digest": digest.as_str(), "size": size, "platform": platform });
                chain.push(json!({ "schemaVersion": 2, "manifests": [entry] }).to_string());
            }
            let wanted = |text: &&String| request.path.ends_with(Digest::of(text).as_str());
            let found = chain.iter().find(wanted).or(chain.last().filter(|_| request.path.ends_with("/latest")));
            request.path.contains("/manifests/").then(|| Answer::new(200, found.unwrap().clone()))
        })
        .await,
    );
    insta::assert_snapshot!(lines.join("\n"), @r#"
    1: wrong content: a document of more than 4194304 bytes
    1: is not usable: its index has 20000 entries, more than 10000
    1: is not usable: its manifest has 2000 layers, more than 1000
    1: is not usable: it is no manifest: key must be a string at line 1 column 2
    1: is not usable: it is no manifest: invalid type: sequence, expected a string at line 1 column 1
    58: 3: wrong content: more than the 58 bytes that the manifest says
    60: 3: wrong content: 59 bytes instead of the 60 that the manifest says
    -1: 1: is not usable: it is no image manifest: invalid value: integer `-1`, expected u64 at line 1 column 209
    9223372036854775808: 3: wrong content: 59 bytes instead of the 9223372036854775808 that the manifest says
    "59": 1: is not usable: it is no image manifest: invalid type: string "59", expected u64 at line 1 column 211
    1e+30: 1: is not usable: it is no image manifest: invalid type: floating point `1e+30`, expected u64 at line 1 column 212
    1: is not usable: it is no image manifest: `sha512:HEXHEX` is not a digest of the form sha256:<64 hexadecimal digits> at line 1 column 263
    1: is not usable: it is no image manifest: `sha256:UPPER` is not a digest of the form sha256:<64 hexadecimal digits> at line 1 column 199
    1: is not usable: it is no image manifest: `sha256:../../x` is not a digest of the form sha256:<64 hexadecimal digits> at line 1 column 142
    4: is not usable: its indexes are nested too deeply
    "#);
}

#[tokio::test]
async fn a_lying_mirror_is_passed_over() {
    let other: Vec<u8> = LAYER.iter().rev().copied().collect();
    let shorter = LAYER[..20].to_vec();
    let good = Scripted::start(|request, _, _| healthy(request)).await;
    for lie in [
        Answer::new(200, other.clone()),
        Answer::new(200, shorter),
        Answer { cut: Some(30), ..Answer::new(200, other) },
        Answer::new(404, "{}"),
        Answer::new(403, "{}"),
    ] {
        let lie = Mutex::new(Some((lie.status, lie.body, lie.cut)));
        let mirror = Scripted::start(move |request, _, _| match is_layer(request) {
            true => {
                let (status, body, cut) = lie.lock().unwrap().clone().unwrap();
                Answer { cut, ..Answer::new(status, body) }
            }
            false => healthy(request),
        })
        .await;
        let text = format!("[registries.'{}']\nmirrors = ['http://{}']", good.host, mirror.host);
        let mut memory = Memory::default();
        pull(config(&text), &good.host, &Arc::default(), &mut memory).await.unwrap();
        assert!(mirror.count("/blobs/") > 1, "the mirror was asked");
        assert_eq!(memory.into_bytes(), LAYER);
    }
}

#[tokio::test]
async fn a_mirror_that_fails_again_and_again_is_not_asked_any_more() {
    let good = Scripted::start(|request, _, _| healthy(request)).await;
    let mirror = Scripted::start(|request, _, _| match is_layer(request) {
        true => Answer::new(500, "{}"),
        false => healthy(request),
    })
    .await;
    let text = format!("[registries.'{}']\nmirrors = ['http://{}']", good.host, mirror.host);
    let images = Images::with_credentials(config(&text), Arc::new(Password)).with_patience(IMPATIENT);
    let reference = Reference::parse(&format!("{}/app", good.host)).unwrap();
    let found = images.resolve(&reference, &amd64()).await.unwrap();
    for _ in 0..5 {
        let mut memory = Memory::default();
        images.fetch(&found, &found.manifest.layers[0], &mut memory, &mut |_| {}).await.unwrap();
        assert_eq!(memory.have(), LAYER.len() as u64);
    }
    // Each time is two tries.
    assert_eq!(mirror.count(Digest::of(LAYER).as_str()), 6);
    assert_eq!(good.count(Digest::of(LAYER).as_str()), 5);
}
