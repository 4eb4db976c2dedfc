//! Images to a Docker engine, or to what answers on its socket.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hlb_llb::Digest;
use hlb_runtime::{ErrorKind, ExportTarget, ImageTarget, Runtime, SolveError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::studio::Studio;
use super::{contents, image, target};

/// A request: its first line and its body.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// The status of an answer that does not come.
const NEVER: u16 = 1;

/// An engine that answers what a function says to the first line of a request: a status and a body.
fn engine(socket: &Path, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Seen {
    let listener = UnixListener::bind(socket).unwrap();
    let seen = Seen::default();
    let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            tokio::spawn(async move {
                let _ = serve(stream, &log, &*answer).await;
            });
        }
    });
    seen
}

async fn serve(
    mut stream: UnixStream,
    log: &Mutex<Vec<(String, Vec<u8>)>>,
    answer: &(dyn Fn(&str) -> (u16, String) + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let (status, text) = answer(&line);
    let mut body = Vec::new();
    // An engine that is angry from the start does not read on.
    while head.to_lowercase().contains("transfer-encoding: chunked") && status != 507 {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.push(stream.read_u8().await?);
        }
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).await?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            break;
        }
    }
    log.lock().unwrap().push((line, body));
    if status == NEVER {
        std::future::pending::<()>().await;
    }
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing over what was not read would take the answer back.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

async fn load(studio: &Studio, runtime: &Runtime, cancel: &CancellationToken) -> Result<String, SolveError> {
    let solved = studio.solve(runtime, &target()).await;
    let wanted = image(ImageTarget::DockerEngine(studio.path("docker.sock")), &["docker.io/library/tool:v1"]);
    let exported = runtime.export(&solved, &ExportTarget::Image(wanted), cancel).await?;
    Ok(exported.digest.unwrap().hex().to_owned())
}

#[test]
fn privileged_an_engine_gets_an_archive_once() {
    let studio = Studio::new();
    studio.block_on(async |runtime| {
        let has = Arc::new(Mutex::new(false));
        let known = Arc::clone(&has);
        let seen = engine(&studio.path("docker.sock"), move |line| match line {
            load if load.starts_with("POST /images/load") => {
                (200, "{\"stream\":\"Loaded image: tool:v1\\n\"}\n".to_owned())
            }
            inspect if inspect.starts_with("GET") && *known.lock().unwrap() => (200, "{}".to_owned()),
            tag if tag.contains("/tag?") => (201, String::new()),
            _ => (404, "{\"message\":\"no such image\"}".to_owned()),
        });
        let digest = load(&studio, runtime, &CancellationToken::new()).await.unwrap();
        let (line, archive) = seen.lock().unwrap().pop().unwrap();
        assert_eq!(line, "POST /images/load?quiet=1");
        assert!(contents(&archive).contains(&format!("blobs/sha256/{digest}")));

        *has.lock().unwrap() = true;
        seen.lock().unwrap().clear();
        assert_eq!(load(&studio, runtime, &CancellationToken::new()).await.unwrap(), digest);
        let lines: Vec<String> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|(line, _)| line.split("sha256:").next().unwrap().to_owned() + line.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(lines, ["GET /images/json", "POST /images/tag?repo=docker.io%2Flibrary%2Ftool&tag=v1"]);
    });
}

#[test]
fn privileged_engines_that_refuse_are_quoted() {
    let said = |status: u16, text: &'static str| {
        let studio = Studio::new();
        studio.block_on(async |runtime| {
            if status > 0 {
                engine(&studio.path("docker.sock"), move |line| {
                    if line.starts_with("POST") { (status, text.to_owned()) } else { (404, String::new()) }
                });
            }
            let token = CancellationToken::new();
            let cancelled = status == NEVER;
            if cancelled {
                let token = token.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                    token.cancel();
                });
            }
            let error = load(&studio, runtime, &token).await.unwrap_err();
            assert_eq!(error.kind(), if cancelled { ErrorKind::Cancelled } else { ErrorKind::Step });
            error.to_string().replace(&studio.path("").display().to_string(), "DIR/")
        })
    };
    insta::assert_snapshot!(said(0, ""), @"no Docker engine listens on `DIR/docker.sock`: No such file or directory (os error 2); start it, or name the socket of another one in `DOCKER_HOST`");
    insta::assert_snapshot!(said(500, "{\"message\":\"no room\"}"), @"the Docker engine on `DIR/docker.sock` did not take the image: no room");
    insta::assert_snapshot!(said(200, "{\"status\":\"x\"}\n{\"errorDetail\":{\"message\":\"wrong diff id\"},\"error\":\"wrong diff id\"}\n"), @"the Docker engine on `DIR/docker.sock` did not take the image: wrong diff id");
    insta::assert_snapshot!(said(507, ""), @"the Docker engine on `DIR/docker.sock` did not take the image: it answered 507 Insufficient Storage");
    insta::assert_snapshot!(said(NEVER, ""), @"the build was cancelled");
}

/// What a reader of the loopback address is answered: the head and the body.
fn ask(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that is closed over what was not read is an answer too.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(answer.len().saturating_sub(4));
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

/// Pulls as an engine does that has all layers but the last. What it was answered elsewhere.
fn pull(line: &str) -> String {
    let query = line.split_once("fromImage=").unwrap().1.replace("%2F", "/").replace("%3A", ":");
    let (name, digest) = query.split_once("&tag=").unwrap();
    let (address, repository) = name.split_once('/').unwrap();
    let get = |what: &str, more: &str| ask(address, &format!("GET /v2/{what} HTTP/1.1\r\nHost: x\r\n{more}\r\n"));
    let (head, manifest) = get(&format!("{repository}/manifests/{digest}"), "");
    assert_eq!(Digest::of(&manifest).as_str(), digest, "{head}");
    assert!(head.contains(&format!("Docker-Content-Digest: {digest}")), "{head}");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let last = manifest["layers"].as_array().unwrap().last().unwrap();
    for wanted in [&manifest["config"], last] {
        let digest = wanted["digest"].as_str().unwrap();
        let (_, whole) = get(&format!("{repository}/blobs/{digest}"), "");
        assert_eq!(Digest::of(&whole).as_str(), digest);
        if wanted == last {
            let (head, rest) = get(&format!("{repository}/blobs/{digest}"), "Range: bytes=10-\r\n");
            assert!(head.starts_with("HTTP/1.1 206") && rest == whole[10..], "{head}");
            assert!(head.contains(&format!("Content-Range: bytes 10-{}/{}", whole.len() - 1, whole.len())), "{head}");
        }
    }
    let status = |request: &str| ask(address, request).0.lines().next().unwrap_or_default().to_owned();
    [
        status("\x16\x03\x01"),
        status("GET /v2/ HTTP/1.1\r\n\r\n"),
        status(&format!("GET /v2/hlbc-x/image/manifests/{digest} HTTP/1.1\r\n\r\n")),
        status(&format!("GET /v2/{repository}/blobs/sha256:00 HTTP/1.1\r\n\r\n")),
        status(&format!("PUT /v2/{repository}/manifests/{digest} HTTP/1.1\r\n\r\n")),
    ]
    .join("\n")
}

#[test]
fn privileged_an_engine_asks_for_what_it_lacks() {
    let studio = Studio::new();
    studio.block_on(async |runtime| {
        let (has, heard) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(String::new())));
        let (known, told) = (Arc::clone(&has), Arc::clone(&heard));
        let seen = engine(&studio.path("docker.sock"), move |line| match line {
            create if create.starts_with("POST /images/create") => {
                *told.lock().unwrap() = pull(create);
                *known.lock().unwrap() = true;
                (200, "{\"status\":\"Pull complete\"}\n".to_owned())
            }
            inspect if inspect.starts_with("GET") && *known.lock().unwrap() => (200, "{}".to_owned()),
            tag if tag.contains("/tag?") => (201, String::new()),
            delete if delete.starts_with("DELETE") => (200, "[]".to_owned()),
            _ => (404, "{\"message\":\"no such image\"}".to_owned()),
        });
        load(&studio, runtime, &CancellationToken::new()).await.unwrap();
        let lines: Vec<String> = seen.lock().unwrap().iter().map(|(line, _)| line.clone()).collect();
        let verbs: Vec<&str> = lines.iter().map(|line| line.split(['?', ':']).next().unwrap()).collect();
        assert_eq!(
            verbs,
            [
                "GET /images/sha256",
                "GET /images/sha256",
                "POST /images/create",
                "GET /images/sha256",
                "POST /images/sha256",
                "DELETE /images/127.0.0.1"
            ],
            "{lines:#?}"
        );
        assert!(
            lines[4].ends_with("/tag?repo=docker.io%2Flibrary%2Ftool&tag=v1") && lines[5].ends_with("?noprune=true")
        );
        insta::assert_snapshot!(heard.lock().unwrap(), @r"
        HTTP/1.1 400 Bad Request
        HTTP/1.1 200 OK
        HTTP/1.1 404 Not Found
        HTTP/1.1 404 Not Found
        HTTP/1.1 405 Method Not Allowed
        ");
    });
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}
