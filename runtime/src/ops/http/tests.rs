//! Downloads from a server on the loopback device that answers what each test tells it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};

use super::*;

/// Answers one connection after the other from a list; the last answer is repeated. Keeps the requests.
struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// An empty answer closes the connection.
fn serve(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let text = base.clone();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap();
                if line.is_empty() {
                    break;
                }
                writeln!(request, "{line}").unwrap();
            }
            seen.lock().unwrap().push(request);
            let answer = answers.get(number).or(answers.last()).unwrap().replace("BASE", &text);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Server { base, requests }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

fn source(url: &str, attrs: &[(&str, &str)]) -> HttpSource {
    let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpSource::parse(url, &attrs).unwrap()
}

async fn fetch_into(
    dir: &std::path::Path,
    source: &HttpSource,
    previous: Option<&Cached>,
) -> Result<Fetched, HttpError> {
    fetch(&client().unwrap(), source, previous, dir, &|_, _| ()).await
}

/// What is in the directory afterwards.
fn names(dir: &std::path::Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_file_arrives_with_name_mode_and_time() {
    let headers = "ETag: \"one\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let server = serve(vec![answer("200 OK", headers, "hello")]);
    let dir = tempfile::tempdir().unwrap();
    let wanted = source(&format!("{}/some/file.txt?x=1", server.base), &[("http.perm", "0755"), ("http.uid", "7")]);
    let seen = Mutex::new(Vec::new());
    let progress = |done, total| seen.lock().unwrap().push((done, total));
    let fetched = fetch(&client().unwrap(), &wanted, None, dir.path(), &progress).await.unwrap();
    assert_eq!(fetched.digest, Digest::of("hello"));
    assert_eq!((fetched.filename.as_str(), fetched.etag.as_deref()), ("file.txt", Some("\"one\"")));
    let file = std::fs::metadata(dir.path().join("file.txt")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.uid(), file.mtime()), (0o755, 7, 784_111_777));
    assert_eq!(std::fs::read_to_string(dir.path().join("file.txt")).unwrap(), "hello");
    assert_eq!(seen.into_inner().unwrap().last(), Some(&(5, Some(5))));
    assert!(server.requests.lock().unwrap()[0].contains("user-agent: hlbc/"));
}

#[tokio::test]
async fn without_attributes_only_root_reads_a_file_of_1970() {
    let server = serve(vec![answer("200 OK", "", "x")]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch_into(dir.path(), &source(&server.base, &[]), None).await.unwrap();
    assert_eq!(fetched.filename, "download");
    let file = std::fs::metadata(dir.path().join("download")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.uid(), file.mtime()), (0o600, 0, 0));
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let server = serve(vec![answer("304 Not Modified", "", "")]);
    let dir = tempfile::tempdir().unwrap();
    let previous = Cached {
        etag: Some("\"one\"".into()),
        last_modified: None,
        digest: Digest::of("hello").to_string(),
        filename: "file".into(),
    };
    let wanted = source(&format!("{}/file", server.base), &[]);
    let fetched = fetch_into(dir.path(), &wanted, Some(&previous)).await.unwrap();
    assert_eq!((fetched.reused, fetched.digest), (true, Digest::of("hello")));
    assert!(server.requests.lock().unwrap()[0].contains("if-none-match: \"one\""));
    assert!(names(dir.path()).is_empty());
    let unasked = fetch_into(dir.path(), &wanted, None).await.unwrap_err();
    assert!(matches!(unasked, HttpError::Unasked { .. }), "{unasked}");
}

#[tokio::test]
async fn redirects_are_followed_and_name_nothing() {
    let moved = answer("302 Found", "Location: BASE/other.bin\r\n", "");
    let server = serve(vec![moved, answer("200 OK", "", "x")]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch_into(dir.path(), &source(&format!("{}/asked.txt", server.base), &[]), None).await.unwrap();
    assert_eq!(fetched.filename, "asked.txt");
}

#[tokio::test]
async fn wrong_content_is_refused_and_leaves_nothing() {
    let server = serve(vec![answer("200 OK", "", "evil")]);
    let dir = tempfile::tempdir().unwrap();
    let good = Digest::of("good");
    let wanted = source(&format!("{}/f", server.base), &[("http.checksum", good.as_str())]);
    let error = fetch_into(dir.path(), &wanted, None).await.unwrap_err();
    assert!(matches!(&error, HttpError::Checksum { found, .. } if **found == Digest::of("evil")), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn broken_connections_are_tried_again() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned();
    let busy = answer("503 Service Unavailable", "", "");
    let server = serve(vec![String::new(), cut, busy, answer("200 OK", "", "whole")]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch_into(dir.path(), &source(&format!("{}/f", server.base), &[]), None).await.unwrap();
    assert_eq!(fetched.digest, Digest::of("whole"));
    assert_eq!(server.requests.lock().unwrap().len(), 4);
    assert_eq!(names(dir.path()), ["f"]);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_are_not_repeated() {
    for (status, hint) in [
        ("404 Not Found", "check the URL"),
        (
            "401 Unauthorized",
            "give a secret `HTTP_AUTH_HEADER_host` with the value of an `Authorization` header, or `HTTP_AUTH_TOKEN_host`",
        ),
        ("501 Not Implemented", "the server has a problem, try again later"),
    ] {
        let server = serve(vec![answer(status, "", "")]);
        let dir = tempfile::tempdir().unwrap();
        let url = format!("{}/f", server.base).replace("http://", "http://user:secret@");
        let error = fetch_into(dir.path(), &source(&url, &[]), None).await.unwrap_err().to_string();
        let shown = url.replace("user:secret", "xxxxx");
        assert_eq!(error, format!("{shown}: the server answered {status}; {hint}"));
        assert_eq!(server.requests.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_has_come_is_not_asked_for_again() {
    let check = async |first: &str, second: &str, ranges: &[Option<&str>], expected: &str| {
        let server = serve(vec![first.to_owned(), second.to_owned()]);
        let dir = tempfile::tempdir().unwrap();
        let fetched = fetch_into(dir.path(), &source(&format!("{}/f", server.base), &[]), None).await.unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("f")).unwrap(), expected);
        assert_eq!(fetched.digest, Digest::of(expected));
        let requests = server.requests.lock().unwrap();
        let header = |request: &String, name: &str| {
            request.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
        };
        let asked: Vec<_> = requests.iter().map(|request| header(request, "range:")).collect();
        assert_eq!(asked, ranges.iter().map(|range| range.map(str::to_owned)).collect::<Vec<_>>());
        let condition = requests.last().and_then(|request| header(request, "if-range:"));
        assert_eq!(condition.is_some(), ranges.last().unwrap().is_some());
    };
    let cut = |headers: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n{headers}\r\nhalf ");
    let rest = answer("206 Partial Content", "Content-Range: bytes 5-9/10\r\n", "whole");
    let date = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    check(&cut("ETag: \"one\"\r\n"), &rest, &[None, Some("bytes=5-")], "half whole").await;
    check(&cut(date), &rest, &[None, Some("bytes=5-")], "half whole").await;
    // The file is another one by now.
    check(&cut("ETag: \"one\"\r\n"), &answer("200 OK", "", "new"), &[None, Some("bytes=5-")], "new").await;
    // Nothing tells one from the other.
    check(&cut("ETag: W/\"one\"\r\n"), &answer("200 OK", "", "new"), &[None, None], "new").await;
    check(&cut(""), &answer("200 OK", "", "new"), &[None, None], "new").await;
}

#[tokio::test]
async fn a_wrong_rest_is_not_taken() {
    let check = async |headers: &str| {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"one\"\r\n\r\nhalf ".to_owned();
        let wrong = answer("206 Partial Content", &format!("{headers}\r\n"), "wrong");
        let server = serve(vec![cut, wrong, answer("200 OK", "", "right")]);
        let dir = tempfile::tempdir().unwrap();
        let fetched = fetch_into(dir.path(), &source(&format!("{}/f", server.base), &[]), None).await.unwrap();
        assert_eq!(fetched.digest, Digest::of("right"), "{headers}");
    };
    // Each waits for its repetitions.
    tokio::join!(
        check("Content-Range: bytes 0-4/10"),
        check("Content-Range: bytes 5-8/10"),
        check("Content-Range: bytes 5-9/*"),
        check("Content-Range: bytes 5-18446744073709551615/10"),
        check("Content-Range: bytes 5-9/10\r\nETag: \"two\""),
        check("ETag: \"one\""),
    );
}

#[tokio::test]
async fn what_came_in_pieces_and_is_wrong_is_fetched_once_more() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"one\"\r\n\r\nhalf ".to_owned();
    let rest = answer("206 Partial Content", "Content-Range: bytes 5-9/10\r\n", "wrong");
    let check = async |last: &str, good: bool| {
        let server = serve(vec![cut.clone(), rest.clone(), answer("200 OK", "", last)]);
        let dir = tempfile::tempdir().unwrap();
        let expected = Digest::of("half whole");
        let wanted = source(&format!("{}/f", server.base), &[("http.checksum", expected.as_str())]);
        match fetch_into(dir.path(), &wanted, None).await {
            Ok(fetched) => assert!(good && fetched.digest == expected),
            Err(error) => assert!(!good && matches!(error, HttpError::Checksum { .. }), "{error}"),
        }
        assert_eq!(server.requests.lock().unwrap().len(), 3);
    };
    tokio::join!(check("half whole", true), check("half wrong", false));
}

#[tokio::test]
async fn busy_servers_are_asked_later() {
    let busy = answer("429 Too Many Requests", "Retry-After: 0\r\n", "");
    let broken = answer("500 Internal Server Error", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    let server = serve(vec![busy.clone(), broken, answer("200 OK", "", "x")]);
    let dir = tempfile::tempdir().unwrap();
    let wanted = source(&format!("{}/f", server.base), &[]);
    assert_eq!(fetch_into(dir.path(), &wanted, None).await.unwrap().digest, Digest::of("x"));
    let server = serve(vec![busy]);
    let wanted = source(&format!("{}/f", server.base), &[]);
    let error = fetch_into(dir.path(), &wanted, None).await.unwrap_err().to_string();
    assert_eq!(error, format!("{}/f: the server answered 429 Too Many Requests; try again later", server.base));
    assert_eq!(server.requests.lock().unwrap().len(), 4);
    let server = serve(vec![answer("503 Service Unavailable", "Retry-After: 3600\r\n", "")]);
    let wanted = source(&format!("{}/f", server.base), &[]);
    let error = fetch_into(dir.path(), &wanted, None).await.unwrap_err().to_string();
    assert_eq!(error, format!("{}/f: the server asks to wait 3600 s; try again later", server.base));
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let error = fetch_into(dir.path(), &source(&format!("http://127.0.0.1:{port}/f"), &[]), None).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("http://127.0.0.1:{port}/f: ")), "{text}");
    assert!(text.contains("Connection refused") && text.ends_with("(tried 4 times)"), "{text}");
}

#[test]
fn attributes_are_checked() {
    let of = |url: &str, name: &str, value: &str| {
        let attrs = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        HttpSource::parse(url, &attrs).unwrap_err().to_string()
    };
    let errors = [
        of("https://h/f", "http.perm", "0999"),
        of("https://h/f", "http.uid", "root"),
        of("https://h/f", "http.checksum", "md5:1"),
        of("https://h/f", "http.sig.pubkey", "S"),
        of("ftp://h/f", "", ""),
        of("https://", "", ""),
    ];
    insta::assert_snapshot!(errors.join("\n"), @"
    source attribute http.perm=`0999` is not valid: it is not an octal mode
    source attribute http.uid=`root` is not valid: it is not a number
    source attribute http.checksum=`md5:1` is not valid: it is not a sha256 digest
    attribute `http.sig.pubkey` is not supported yet for http sources
    `ftp://h/f` is not a URL for a file: its scheme is neither http nor https
    `https://` is not a URL for a file: empty host
    ");
}

#[test]
fn names_come_from_the_attribute_the_answer_or_the_url() {
    let name = |url: &str, filename: &str, disposition: Option<&str>| {
        source(url, &[("http.filename", filename)]).name(disposition)
    };
    assert_eq!(name("https://h/a/b.txt", "", None), "b.txt");
    assert_eq!(name("https://h/a/b%20c?q#f", "", None), "b c");
    assert_eq!(name("https://h/a/", "", None), "a");
    assert_eq!(name("https://h", "", None), "download");
    assert_eq!(name("https://h/%2e%2e%2fx%00", "", None), "download");
    assert_eq!(name("https://h/a", "../../n", Some("attachment; filename=x")), "n");
    assert_eq!(name("https://h/a", "", Some("attachment; filename=x.txt")), "x.txt");
    assert_eq!(name("https://h/a", "", Some("attachment; filename=\"x; \\\"y\\\".txt\"; size=3")), "x; \"y\".txt");
    assert_eq!(name("https://h/a", "", Some("attachment; filename=\"../../etc/passwd\"")), "passwd");
    assert_eq!(name("https://h/a", "", Some("attachment; filename=x; filename*=UTF-8''%c3%a9.txt")), "\u{e9}.txt");
    assert_eq!(name("https://h/a", "", Some("attachment")), "a");
}
