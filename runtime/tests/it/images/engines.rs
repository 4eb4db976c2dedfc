//! Images to a Docker engine, or to what answers on its socket.

use std::path::Path;
use std::sync::{Arc, Mutex};

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
