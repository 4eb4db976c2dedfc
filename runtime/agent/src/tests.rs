//! Agents as OpenSSH's own programs see them, and connections to whatever listens.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::*;

/// A directory with keys, and what was started in it.
struct Bench {
    dir: tempfile::TempDir,
    agent: Option<Child>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), agent: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a key, and gives the path of its private half.
    fn key(&self, name: &str, kind: &[&str], passphrase: &str) -> PathBuf {
        let path = self.path(name);
        let mut args = vec!["-q", "-N", passphrase, "-C", name, "-f", path.to_str().unwrap(), "-t"];
        args.extend(kind);
        self.run("ssh-keygen", &args, "").unwrap();
        path
    }

    /// Starts a real agent.
    async fn agent(&mut self) -> PathBuf {
        let path = self.path("agent");
        let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&path).stdout(Stdio::null()).spawn().unwrap();
        self.agent = Some(agent);
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        path
    }

    /// Lends something at a socket, as a solver does.
    fn lend(&self, name: &str, lent: Lent) {
        let listener = UnixListener::bind(self.path(name)).unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let lent = lent.clone();
                tokio::spawn(async move {
                    let mut other = connect(&lent).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut other).await;
                });
            }
        });
    }

    /// Runs a program with an agent; what it prints.
    fn run(&self, program: &str, args: &[&str], socket: &str) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).env("SSH_AUTH_SOCK", self.path(socket)).stdin(Stdio::null());
        let out =
            tokio::task::block_in_place(|| command.output()).expect("openssh-client is installed by `xtask setup`");
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        if out.status.success() { Ok(text) } else { Err(text) }
    }

    /// Signs with a key of the agent at a socket, and lets OpenSSH check it. Only the public half is at hand.
    fn sign(&self, name: &str, socket: &str) {
        std::fs::write(self.path("data"), name).unwrap();
        let hidden = self.path("hidden");
        let private = self.path(name);
        let moved = private.exists();
        if moved {
            std::fs::rename(&private, &hidden).unwrap();
        }
        let public = format!("{name}.pub");
        let signed = self.run("ssh-keygen", &["-Y", "sign", "-f", &public, "-n", "file", "data"], socket);
        if moved {
            std::fs::rename(&hidden, &private).unwrap();
        }
        signed.unwrap();
        let check = "ssh-keygen -Y check-novalidate -n file -s data.sig < data";
        let checked = self.run("sh", &["-c", check], socket).unwrap();
        assert!(checked.starts_with("Good \"file\" signature"), "{checked}");
        std::fs::remove_file(self.path("data.sig")).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

const KINDS: [(&str, &[&str]); 5] = [
    ("ed", &["ed25519"]),
    ("rsa2048", &["rsa", "-b", "2048"]),
    ("rsa3072", &["rsa", "-b", "3072"]),
    ("p256", &["ecdsa", "-b", "256"]),
    ("p384", &["ecdsa", "-b", "384"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_files_sign_as_openssh_wants_it() {
    let bench = Bench::new();
    let keys: Vec<PathBuf> = KINDS.iter().map(|(name, kind)| bench.key(name, kind, "")).collect();
    // An agent connects anew for each client, so the files have to stay while it is in use.
    let copies = bench.path("copies");
    std::fs::create_dir(&copies).unwrap();
    let lent = keys.iter().map(|key| {
        let copy = copies.join(key.file_name().unwrap());
        std::fs::copy(key, &copy).unwrap();
        copy
    });
    let lent = Lent::Keys(lent.collect());
    check(&lent).await.unwrap();
    bench.lend("lent", lent);
    let listed = bench.run("ssh-add", &["-l"], "lent").unwrap();
    assert_eq!(listed.lines().count(), KINDS.len(), "{listed}");
    for (name, _) in KINDS {
        assert!(listed.contains(&format!(" {name} ")), "{listed}");
        bench.sign(name, "lent");
    }
    // It takes no keys and gives none up.
    assert!(bench.run("ssh-add", &["ed"], "lent").is_err());
    assert!(bench.run("ssh-add", &["-D"], "lent").is_err());
    assert!(bench.run("ssh-add", &["-l"], "lent").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_lent_for_reading_only() {
    let mut bench = Bench::new();
    let agent = bench.agent().await;
    bench.key("one", &["ed25519"], "");
    bench.key("two", &["ed25519"], "");
    bench.run("ssh-add", &["-q", "one"], "agent").unwrap();
    check(&Lent::Agent(agent.clone())).await.unwrap();
    bench.lend("lent", Lent::Agent(agent));
    bench.sign("one", "lent");
    let before = bench.run("ssh-add", &["-l"], "lent").unwrap();
    for refused in [&["-q", "two"][..], &["-D"], &["-d", "one"], &["-s", "/lib/x.so"]] {
        assert!(bench.run("ssh-add", refused, "lent").is_err(), "{refused:?}");
    }
    assert_eq!(bench.run("ssh-add", &["-l"], "agent").unwrap(), before);
}

/// Sends messages one after the other; what comes back until the other end closes.
async fn talk(lent: &Lent, sent: &[u8]) -> Vec<u8> {
    let mut connection = connect(lent).await.unwrap();
    connection.write_all(sent).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut got = Vec::new();
    let _ = connection.read_to_end(&mut got).await;
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_and_what_is_no_message_ends_the_connection() {
    let mut bench = Bench::new();
    let agent = bench.agent().await;
    let failure = [0, 0, 0, 1, wire::FAILURE];
    for lent in [Lent::Agent(agent), Lent::Keys(Vec::new())] {
        // No keys.
        assert_eq!(talk(&lent, &[0, 0, 0, 1, 11]).await, [0, 0, 0, 5, 12, 0, 0, 0, 0]);
        // Removing all keys, locking, an extension, an unknown number.
        for kind in [19, 22, 27, 255] {
            assert_eq!(talk(&lent, &[0, 0, 0, 1, kind]).await, failure, "{kind}");
        }
        // A request to sign that ends early, or says that it is longer than it is.
        assert_eq!(talk(&lent, &[0, 0, 0, 3, 13, 0, 0]).await, failure);
        assert_eq!(talk(&lent, &[0, 0, 0, 6, 13, 0xff, 0xff, 0xff, 0xff, 1]).await, failure);
        // Frames of no bytes, of too many, and half of one.
        assert_eq!(talk(&lent, &[0, 0, 0, 0]).await, []);
        assert_eq!(talk(&lent, &[0xff, 0xff, 0xff, 0xff, 11]).await, []);
        assert_eq!(talk(&lent, &[0, 0, 0, 9, 11]).await, []);
        assert_eq!(talk(&lent, &[0, 0]).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_addresses_are_connected_to() {
    let bench = Bench::new();
    let unix = UnixListener::bind(bench.path("echo")).unwrap();
    tokio::spawn(async move {
        let (mut one, _) = unix.accept().await.unwrap();
        one.write_all(b"from unix").await.unwrap();
    });
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut one, _) = tcp.accept().await.unwrap();
        one.write_all(b"from tcp").await.unwrap();
    });
    // Looking at an address does not connect to it: the listener takes one connection only.
    check(&Lent::Tcp(address.clone())).await.unwrap();
    assert_eq!(talk(&Lent::Tcp(address), b"").await, b"from tcp");
    assert_eq!(talk(&Lent::Unix(bench.path("echo")), b"").await, b"from unix");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_lent_says_why() {
    let bench = Bench::new();
    let secret = bench.key("secret", &["ed25519"], "open sesame");
    let large = bench.key("large", &["ecdsa", "-b", "521"], "");
    let small = bench.key("small", &["rsa", "-b", "1024"], "");
    let old = bench.path("old");
    std::fs::write(&old, "-----BEGIN RSA PRIVATE KEY-----\n").unwrap();
    let broken = bench.path("broken");
    std::fs::write(&broken, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n").unwrap();
    let dir = bench.dir.path().display().to_string();
    for (lent, expected) in [
        (
            Lent::Agent(PathBuf::new()),
            "no SSH agent is running (`SSH_AUTH_SOCK` is not set): start one with `eval $(ssh-agent)` and `ssh-add`, or name key files",
        ),
        (Lent::Agent(bench.path("none")), "cannot connect to `DIR/none`: No such file or directory (os error 2)"),
        (Lent::Unix(secret.clone()), "cannot connect to `DIR/secret`: Connection refused (os error 111)"),
        (Lent::Tcp("localhost".into()), "`localhost` is not an address of the form `host:port`"),
        (Lent::Tcp(":80".into()), "`:80` is not an address of the form `host:port`"),
        (Lent::Tcp("localhost:http".into()), "`localhost:http` is not an address of the form `host:port`"),
        (
            Lent::Keys(vec![bench.path("none")]),
            "cannot read the SSH key `DIR/none`: No such file or directory (os error 2)",
        ),
        (
            Lent::Keys(vec![secret]),
            "the SSH key `DIR/secret` has a passphrase: add it to an agent with `ssh-add DIR/secret`, and lend that agent",
        ),
        (
            Lent::Keys(vec![large]),
            "cannot use the SSH key `DIR/large`: keys of type ecdsa-sha2-nistp521 are not supported yet, those of type ed25519, rsa and ecdsa (256, 384) are",
        ),
        (
            Lent::Keys(vec![small]),
            "cannot use the SSH key `DIR/small`: its numbers are refused: TooSmall; keys of 2048 to 4096 bits can be used",
        ),
        (
            Lent::Keys(vec![old]),
            "cannot use the SSH key `DIR/old`: it is no private key in OpenSSH's format; `ssh-keygen -p -f DIR/old` rewrites older ones",
        ),
        (Lent::Keys(vec![broken]), "cannot use the SSH key `DIR/broken`: it is damaged"),
    ] {
        let error = check(&lent).await.unwrap_err().to_string().replace(&dir, "DIR");
        let connected = connect(&lent).await.err().unwrap().to_string().replace(&dir, "DIR");
        assert_eq!((error.as_str(), connected.as_str()), (expected, expected));
    }
    let refused = connect(&Lent::Tcp("127.0.0.1:1".into())).await.err().unwrap().to_string();
    assert_eq!(refused, "cannot connect to `127.0.0.1:1`: Connection refused (os error 111)");
}
