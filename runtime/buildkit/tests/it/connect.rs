//! Who answers, and what is said if nobody does.

use std::os::unix::net::UnixListener;

use hlb_buildkit::{Address, BuildkitError, Client};

use crate::daemon::Daemon;

/// The error of a connection that does not come about, with what to do.
async fn refused(address: &Address) -> (String, String) {
    let error = Client::connect(address).await.unwrap_err();
    assert!(matches!(error, BuildkitError::Unreachable { .. }), "{error:?}");
    (error.to_string(), error.advice().unwrap().to_owned())
}

#[tokio::test]
async fn a_daemon_says_what_it_has() {
    let daemon = Daemon::start(|_, _| async { Ok(()) }, Vec::new());
    let workers = Client::connect(&daemon.address).await.unwrap().workers().await.unwrap();
    assert_eq!(workers.len(), 1);
    assert_eq!((workers[0].id.as_str(), workers[0].version.as_str()), ("worker", "v1"));
    assert_eq!(workers[0].platforms, ["linux/amd64", "linux/amd64/v2"]);
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_an_error_with_advice() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("socket");
    let address = Address::Unix(socket.clone());
    let (error, advice) = refused(&address).await;
    assert_eq!(error, format!("cannot reach BuildKit at `{address}`: No such file or directory (os error 2)"));
    assert_eq!(advice, "start the daemon, or name the socket where it listens");
    drop(UnixListener::bind(&socket).unwrap());
    let (error, advice) = refused(&address).await;
    assert!(error.ends_with("Connection refused (os error 111)"), "{error}");
    assert_eq!(advice, "start the daemon: nobody listens there");
}

#[tokio::test]
async fn somebody_else_at_the_socket_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    // It serves until the test's process ends: a client may try more than once.
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n");
        }
    });
    refused(&Address::Unix(socket.clone())).await;
    let (error, _) = refused(&Address::Docker(socket)).await;
    assert!(
        error.ends_with("the Docker engine answered `HTTP/1.1 404 Not Found` to a request for BuildKit"),
        "{error}"
    );
}
