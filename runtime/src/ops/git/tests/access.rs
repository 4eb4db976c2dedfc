//! What remotes are shown, by real git and ssh: a server that wants a header, and an ssh of ours that says how it was called.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::*;

/// Serves a directory to those who show a header.
fn serve(dir: &Path, wanted: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let path = request.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
            let body = std::fs::read(dir.join(path));
            let (status, body) = match body {
                _ if !request.iter().any(|line| line == wanted) => ("401 Unauthorized", Vec::new()),
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&body);
        }
    });
    address
}

fn access(change: impl FnOnce(&mut Access) -> std::io::Result<()>) -> Option<Arc<Access>> {
    let mut access = Access::new().unwrap();
    change(&mut access).unwrap();
    Some(Arc::new(access))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_shown_to_its_remote_alone() {
    let remote = remote();
    git(&remote.path(), &["update-server-info"]);
    let address = serve(&remote.path().join(".git"), "Authorization: basic c2VjcmV0");
    // A server of plain files has no shallow histories, so a commit is asked for.
    let wanted = source(&format!("http://{address}/"), &format!("#{}", remote.second), &[]);
    let (_dir, cache) = cache();
    let error = files(&cache, &wanted).await.unwrap_err().to_string();
    assert!(error.ends_with("give a token for it as the secret `GIT_AUTH_TOKEN`"), "{error}");
    let other = source(&format!("http://{address}/other/"), "", &[]);
    let elsewhere = access(|access| access.authorize(&other, "basic c2VjcmV0"));
    assert!(files(&cache.clone().with_access(elsewhere), &wanted).await.is_err());
    let shown = access(|access| access.authorize(&wanted, "basic c2VjcmV0"));
    let got = files(&cache.with_access(shown), &wanted).await.unwrap();
    assert!(got.contains(&("a.txt".to_owned(), "one".to_owned())), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_is_called_with_nothing_of_the_users() {
    let remote = remote();
    let (dir, cache) = cache();
    for (url, hosts) in [("ssh://git@h.example:22/r", "h.example ssh-ed25519 AAAA"), ("git@h.example:r", "")] {
        let wanted = source(url, "#main", &[("git.knownsshhosts", hosts)]);
        let kept = dir.path().join("known hosts");
        let mut ssh = Access::new().unwrap();
        ssh.connect(&wanted, Path::new("/run/agent"), &kept).unwrap();
        let command = ssh.ssh_command().to_owned();
        // The real one takes all the options, and reads nothing but them.
        let understood = Command::new("sh").args(["-c", &format!("{command} -G h.example")]).output().unwrap();
        assert!(understood.status.success(), "{}", String::from_utf8_lossy(&understood.stderr));
        let understood = String::from_utf8(understood.stdout).unwrap();
        let says = |line: &str| assert!(understood.lines().any(|found| found == line), "{line} is not in {understood}");
        says("batchmode yes");
        says("identityfile /dev/null");
        says(if hosts.is_empty() { "stricthostkeychecking accept-new" } else { "stricthostkeychecking true" });

        // In the place of ssh stands a program that finds the repository here, and says what it was called with.
        let (fake, said) = (dir.path().join("ssh"), dir.path().join("said"));
        let script = format!(
            "#!/bin/sh\necho \"$SSH_AUTH_SOCK $HOME $*\" >>{}\nexec git-upload-pack {}\n",
            said.display(),
            remote.path().display()
        );
        std::fs::write(&fake, script).unwrap();
        std::fs::set_permissions(&fake, PermissionsExt::from_mode(0o755)).unwrap();
        ssh.set_ssh_command(command.replacen("ssh", &fake.display().to_string(), 1));
        let got = files(&cache.clone().with_access(Some(Arc::new(ssh))), &wanted).await.unwrap();
        assert!(got.contains(&("a.txt".to_owned(), "one".to_owned())), "{got:?}");
        let said = std::fs::read_to_string(&said).unwrap();
        assert!(said.starts_with("/run/agent ") && said.contains("git@h.example"), "{said}");
    }
}

#[test]
fn hosts_are_read_from_every_form_of_address() {
    let check = |url: &str, host: &str, ssh: bool| {
        let found = source(url, "", &[]);
        assert_eq!((found.host().as_deref(), found.is_ssh()), (Some(host), ssh), "{url}");
    };
    check("https://user@github.com:443/a", "github.com", false);
    check("git@github.com:a/b", "github.com", true);
    check("ssh://git@h.example:2222/a", "h.example", true);
    check("http://[::1]:80/a", "[::1]", false);
}
