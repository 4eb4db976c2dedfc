//! The life of a solve: what the daemon can ask for, where its result goes, and what is left when it ends early.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::health::HealthCheckRequest;
use bollard_buildkit_proto::health::health_client::HealthClient;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::moby::filesync::packet::file_send_client::FileSendClient as PacketSendClient;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_client::FileSyncClient;
use bollard_buildkit_proto::moby::filesync::v1::auth_client::AuthClient;
use bollard_buildkit_proto::moby::filesync::v1::file_send_client::FileSendClient as ByteSendClient;
use bollard_buildkit_proto::moby::filesync::v1::{BytesMessage, FetchTokenRequest};
use bollard_buildkit_proto::moby::sshforward::v1 as ssh;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_client::SshClient;
use futures_util::stream::{self, StreamExt};
use hlb_agent::Lent;
use hlb_buildkit::{BuildkitError, Client, Export, SolveRequest, Solved};
use hlb_llb::pb;
use hlb_llb::status::Status as Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use crate::daemon::{Daemon, Session};

fn request(export: Option<Export>) -> SolveRequest {
    SolveRequest {
        definition: Some(pb::Definition { def: vec![b"op".to_vec().into()], ..pb::Definition::default() }),
        frontend: None,
        locals: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        entitlements: BTreeSet::new(),
        export,
        cache_from: Vec::new(),
        cache_to: Vec::new(),
    }
}

/// Solves, and counts the tasks of this runtime: none may be left.
async fn solve(daemon: &Daemon, request: SolveRequest, cancel: &CancellationToken) -> Result<Solved, BuildkitError> {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let client = Client::connect(&daemon.address).await.unwrap();
    let outcome = client.solve(request, Arc::new(|_| ()), cancel).await;
    drop(client);
    for _ in 0..200 {
        if tasks() <= before {
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} tasks are left after {outcome:?}", tasks() - before);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asks for everything that a session has.
async fn ask(session: Session) -> Result<(), Status> {
    let channel = session.channel;
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await?;
    let mut secrets = SecretsClient::new(channel.clone());
    let ask = |id: &str| GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
    assert_eq!(secrets.get_secret(ask("key")).await?.into_inner().data, b"hidden");
    assert_eq!(secrets.get_secret(ask("other")).await.unwrap_err().code(), Code::NotFound);
    let token = AuthClient::new(channel.clone()).fetch_token(FetchTokenRequest::default()).await;
    assert_eq!(token.unwrap_err().code(), Code::Unimplemented);

    let mut agents = SshClient::new(channel.clone());
    agents.check_agent(ssh::CheckAgentRequest { id: "echo".to_owned() }).await?;
    let none = agents.check_agent(ssh::CheckAgentRequest::default()).await.unwrap_err();
    assert_eq!((none.code(), none.message()), (Code::NotFound, "nothing is lent as `default`"));
    let said = stream::iter([b"one".to_vec(), b"two".to_vec()]).map(|data| ssh::BytesMessage { data });
    let mut forward = Request::new(said);
    forward.metadata_mut().insert("buildkit.ssh.id", "echo".parse().unwrap());
    let heard = agents.forward_agent(forward).await?.into_inner();
    let heard: Vec<u8> = heard.map(|message| message.unwrap().data).concat().await;
    assert_eq!(heard, b"onetwo");

    let mut files = FileSyncClient::new(channel);
    let packets = |packets: Vec<Packet>| {
        let mut request = Request::new(stream::iter(packets));
        let metadata = request.metadata_mut();
        metadata.insert("dir-name", "src".parse().unwrap());
        metadata.append("include-patterns", "%C3%A9+*".parse().unwrap());
        metadata.insert("include-patterns-encoded", "1".parse().unwrap());
        request
    };
    let fin = Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() };
    let sent = files.diff_copy(packets(vec![fin])).await?.into_inner();
    let sent: Vec<Packet> = sent.map(Result::unwrap).collect().await;
    assert_eq!(sent.last().unwrap().r#type(), PacketType::PacketFin);
    let named: Vec<&Stat> = sent.iter().filter_map(|packet| packet.stat.as_ref()).collect();
    assert!(named.iter().all(|stat| stat.path == "\u{e9} file" && stat.uid == 0), "{named:?}");
    let unknown = files.diff_copy(Request::new(stream::iter([]))).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_lent_can_be_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        std::fs::create_dir_all(home.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(home.path().join(name), content).unwrap();
    };
    write("secret", "hidden");
    write("src/\u{e9} file", "text");
    write("src/other", "text");
    let listener = tokio::net::UnixListener::bind(home.path().join("echo")).unwrap();
    let echo = tokio::spawn(async move {
        // The first connection only looks whether somebody is there.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(&all).await.unwrap();
        }
    });
    let daemon = Daemon::start(
        |request, session| async move {
            assert!(request.exporters.is_empty());
            for method in ["/grpc.health.v1.Health/Check", "/moby.sshforward.v1.SSH/ForwardAgent"] {
                assert!(session.methods.iter().any(|it| it == method), "{:?}", session.methods);
            }
            ask(session).await
        },
        Vec::new(),
    );
    let mut request = request(None);
    request.locals.insert("src".to_owned(), home.path().join("src"));
    request.secrets.insert("key".to_owned(), home.path().join("secret"));
    request.sockets.insert("echo".to_owned(), Lent::Unix(home.path().join("echo")));
    let solved = solve(&daemon, request, &CancellationToken::new()).await.unwrap();
    assert_eq!(solved.response, BTreeMap::from([("said".to_owned(), "done".to_owned())]));
    echo.await.unwrap();
}

/// Sends bytes as the result.
async fn send_bytes(session: &Session, pieces: Vec<&'static [u8]>) -> Result<(), Status> {
    let pieces: Vec<BytesMessage> = pieces.into_iter().map(|piece| BytesMessage { data: piece.to_vec() }).collect();
    let mut answers = ByteSendClient::new(session.channel.clone()).diff_copy(stream::iter(pieces)).await?.into_inner();
    assert!(answers.message().await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_appears_when_the_solve_has_succeeded() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("made/out.tar");
    let early = file.clone();
    let daemon = Daemon::start(
        move |request, session| {
            let early = early.clone();
            async move {
                assert_eq!(request.exporters[0].r#type, "tar");
                send_bytes(&session, vec![b"one", b"", b"two"]).await?;
                assert!(!early.exists(), "it is there before the solve has ended");
                let again = send_bytes(&session, vec![b"more"]).await.unwrap_err();
                assert_eq!(again.message(), "the result was sent before");
                Ok(())
            }
        },
        Vec::new(),
    );
    solve(&daemon, request(Some(Export::Tar(file.clone()))), &CancellationToken::new()).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"onetwo");
    assert_eq!(names(file.parent().unwrap()), ["out.tar"]);
}

/// The error of a solve whose daemon does what `script` says, after which no file may be left.
async fn fails<F>(script: impl Fn(Session) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(move |_, session| script(session), Vec::new());
    let export = Export::Oci(home.path().join("out"), BTreeMap::new());
    let error = solve(&daemon, request(Some(export)), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(names(home.path()), [""; 0]);
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_solve_leaves_no_file() {
    let after = fails(|session| async move {
        send_bytes(&session, vec![b"one"]).await?;
        Err(Status::unknown("failed to solve: rpc error: code = Unknown desc = no more"))
    });
    assert_eq!(after.await, "BuildKit refused the build: no more");
    let nothing = fails(|_| async { Ok(()) });
    let unsent = "BuildKit did not keep to its protocol: the build succeeded, but its result was not sent";
    assert_eq!(nothing.await, unsent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_of_this_machine_come_before_what_the_daemon_says_of_them() {
    let daemon = Daemon::start(
        |_, session| async move {
            let ask = GetSecretRequest { id: "key".to_owned(), ..GetSecretRequest::default() };
            SecretsClient::new(session.channel).get_secret(ask).await?;
            Ok(())
        },
        Vec::new(),
    );
    let mut request = request(None);
    request.secrets.insert("key".to_owned(), "/nowhere".into());
    let error = solve(&daemon, request, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, BuildkitError::Local(_)), "{error:?}");
    assert_eq!(error.to_string(), "cannot read `/nowhere`: No such file or directory (os error 2)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_filled() {
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(
        |_, session| async move {
            let packet = |kind: PacketType| Packet { r#type: kind.into(), ..Packet::default() };
            let stat = |path: &str, mode| Packet {
                stat: Some(Stat { path: path.to_owned(), mode, ..Stat::default() }),
                ..packet(PacketType::PacketStat)
            };
            let content = Packet { id: 1, data: b"text".to_vec(), ..packet(PacketType::PacketData) };
            let end = Packet { id: 1, ..packet(PacketType::PacketData) };
            let entries = [stat("d", 1 << 31 | 0o755), stat("d/f", 0o600), packet(PacketType::PacketStat)];
            let packets = entries.into_iter().chain([content, end, packet(PacketType::PacketFin)]);
            // Slow enough for the receiver to have asked before the file comes.
            let packets = stream::iter(packets).then(|packet| async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                packet
            });
            let answers = PacketSendClient::new(session.channel).diff_copy(packets).await?.into_inner();
            let kinds: Vec<PacketType> = answers.map(|packet| packet.unwrap().r#type()).collect().await;
            assert_eq!(kinds, [PacketType::PacketReq, PacketType::PacketFin]);
            Ok(())
        },
        Vec::new(),
    );
    let out = home.path().join("out");
    solve(&daemon, request(Some(Export::Directory(out.clone()))), &CancellationToken::new()).await.unwrap();
    assert_eq!(std::fs::read(out.join("d/f")).unwrap(), b"text");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_solve_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    for i in 0..2000 {
        std::fs::write(home.path().join(format!("{i}")), "text").unwrap();
    }
    let cancel = CancellationToken::new();
    let (stop, dropped) = (cancel.clone(), Arc::new(Mutex::new(false)));
    struct Told(Arc<Mutex<bool>>);
    impl Drop for Told {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }
    let tell = dropped.clone();
    let daemon = Daemon::start(
        move |_, session| {
            let (stop, told) = (stop.clone(), Told(tell.clone()));
            async move {
                let _told = told;
                // A directory that is half sent, and a result that is half there.
                let mut files = FileSyncClient::new(session.channel.clone());
                let mut sync = Request::new(stream::pending());
                sync.metadata_mut().insert("dir-name", "src".parse().unwrap());
                let mut sent = files.diff_copy(sync).await?.into_inner();
                sent.message().await?.unwrap();
                let half = stream::iter([BytesMessage { data: b"half".to_vec() }]).chain(stream::pending());
                let _answers = ByteSendClient::new(session.channel).diff_copy(half).await?;
                stop.cancel();
                std::future::pending().await
            }
        },
        Vec::new(),
    );
    let out = tempfile::tempdir().unwrap();
    let mut request = request(Some(Export::Docker(out.path().join("out"), BTreeMap::new())));
    request.locals.insert("src".to_owned(), home.path().to_owned());
    let error = solve(&daemon, request, &cancel).await.unwrap_err();
    assert!(matches!(error, BuildkitError::Cancelled), "{error:?}");
    assert_eq!(names(out.path()), [""; 0]);
    for _ in 0..200 {
        if *dropped.lock().unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the daemon was not told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_dies_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let begun = Arc::new(tokio::sync::Notify::new());
    let tell = begun.clone();
    let daemon = Daemon::start(
        move |_, _| {
            tell.notify_one();
            std::future::pending()
        },
        Vec::new(),
    );
    let client = Client::connect(&daemon.address).await.unwrap();
    let cancel = CancellationToken::new();
    let solving = client.solve(request(Some(Export::Tar(home.path().join("out")))), Arc::new(|_| ()), &cancel);
    let killing = async {
        begun.notified().await;
        drop(daemon);
    };
    let (outcome, ()) = tokio::join!(solving, killing);
    let error = outcome.unwrap_err();
    assert!(matches!(error, BuildkitError::Lost { .. }), "{error:?}");
    assert_eq!(names(home.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_step_that_failed_is_named() {
    let digest = hlb_llb::Digest::of("op");
    let at = |seconds| Some(bollard_buildkit_proto::google::protobuf::Timestamp { seconds, nanos: 0 });
    let vertex = control::Vertex {
        digest: digest.to_string(),
        name: "run".to_owned(),
        started: at(1),
        completed: at(2),
        error: "exit code: 1".to_owned(),
        ..control::Vertex::default()
    };
    let events = vec![control::StatusResponse { vertexes: vec![vertex], ..control::StatusResponse::default() }];
    let daemon = Daemon::start(|_, _| async { Err(Status::unknown("exit code: 1")) }, events);
    let client = Client::connect(&daemon.address).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let status = Arc::new(move |event: Event| sink.lock().unwrap().push(event));
    let error = client.solve(request(None), status, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, BuildkitError::Step { vertex, .. } if *vertex == Some(digest)), "{error:?}");
    let seen = seen.lock().unwrap();
    assert!(matches!(&seen[..], [Event::Graph(_), Event::Started { .. }, Event::Completed { error: Some(_), .. }]));
}
