//! Registries with certificates: Debian's `docker-registry` with those that the test makes with `openssl`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hlb_registry::{Images, RegistryConfig};

use crate::support::{LayoutMaker, Registry, fetch, message, quick, resolve};

/// An authority, a registry's certificate and a client's, each with its key, as files of a directory.
struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    fn make() -> Self {
        let made = Self { dir: tempfile::tempdir().unwrap() };
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
        std::fs::write(made.path("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        std::fs::write(made.path("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
        for name in ["server", "client"] {
            made.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ));
            made.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.pem"
            ));
        }
        made
    }

    fn openssl(&self, args: &str) {
        let output =
            Command::new("openssl").args(args.split(' ')).current_dir(self.dir.path()).output().unwrap_or_else(
                |error| panic!("`openssl` cannot be started ({error}): run `cargo xtask setup --tests`"),
            );
        assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Pulls an image from the registry with these settings for it; its layer, or what was said.
async fn pull(registry: &Registry, settings: &str, base: &Path) -> Result<String, String> {
    let mut config: RegistryConfig =
        toml::from_str(&format!("[registries.'{}']\nplain-http = false\n{settings}", registry.host)).unwrap();
    config.relative_to(base);
    let images = Images::new(config).with_patience(quick());
    let clean = |error| message(&error, &[(&registry.host, "HOST"), (&base.display().to_string(), "DIR")]);
    let found = resolve(&images, &format!("{}/app:1", registry.host)).await.map_err(clean)?;
    let bytes = fetch(&images, &found, &found.manifest.layers[0]).await.map_err(clean)?;
    let told = images.warnings().join("; ").replace(&registry.host, "HOST");
    Ok(format!("{}{told}", String::from_utf8(bytes).unwrap()))
}

#[tokio::test]
async fn a_registry_is_taken_for_what_its_certificate_says() {
    let certificates = Certificates::make();
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let image = layout.image("linux/amd64", &["content"]);
    layout.add(image, Some("1"));
    let (cert, key) = (certificates.path("server.pem"), certificates.path("server.key"));
    let base = certificates.dir.path();

    let registry = Registry::start_tls(&cert, &key, None);
    registry.push(dir.path(), "1", "app:1", &[]);
    insta::assert_snapshot!(pull(&registry, "", base).await.unwrap_err(), @r#"cannot get `HOST/app:1`: https://HOST: no secure connection: invalid peer certificate: UnknownIssuer; name the authority of the registry's certificate with `ca` under `[registries."HOST"]` in `hlbc.toml`"#);
    assert_eq!(pull(&registry, "ca = ['ca.pem']", base).await.unwrap(), "content");
    assert_eq!(pull(&registry, "ca = ['client.pem', 'ca.pem']", base).await.unwrap(), "content");
    insta::assert_snapshot!(pull(&registry, "insecure = true", base).await.unwrap(), @r#"contentnobody checks who answers for `HOST`: `insecure` is set under `[registries."HOST"]` in `hlbc.toml`"#);
    insta::assert_snapshot!(pull(&registry, "ca = ['nothing.pem']", base).await.unwrap_err(), @"cannot get `HOST/app:1`: https://HOST: registry `HOST`: cannot read `DIR/nothing.pem`: No such file or directory (os error 2)");
    insta::assert_snapshot!(pull(&registry, "ca = ['server.ext']", base).await.unwrap_err(), @"cannot get `HOST/app:1`: https://HOST: registry `HOST`: `DIR/server.ext` has no certificate");

    let away = Away::start(&certificates);
    let settings = format!("[registries.'{}']\nplain-http = false\nca = ['ca.pem']", away.host);
    let mut config: RegistryConfig = toml::from_str(&settings).unwrap();
    config.relative_to(base);
    let images = Images::new(config).with_patience(quick());
    let error = resolve(&images, &format!("{}/app:1", away.host)).await.unwrap_err();
    insta::assert_snapshot!(message(&error, &[(&away.host, "HOST")]), @"cannot get `HOST/app:1`: https://HOST: wrong content: it sends on to an address without encryption: http://127.0.0.1:1");

    let closed = Registry::start_tls(&cert, &key, Some(&certificates.path("ca.pem")));
    closed.push(dir.path(), "1", "app:1", &[&format!("--dest-cert-dir={}", client_dir(&certificates).display())]);
    let client = "ca = ['ca.pem']\nclient-cert = { cert = 'client.pem', key = 'client.key' }";
    assert_eq!(pull(&closed, client, base).await.unwrap(), "content");
    let refused = pull(&closed, "ca = ['ca.pem']", base).await.unwrap_err();
    // Whether the word of the server is heard before the connection is gone, is chance.
    assert!(refused.starts_with("cannot get `HOST/app:1`: https://HOST: "), "{refused}");
    assert!(refused.contains("`client-cert`"), "{refused}");
    let swapped = "ca = ['ca.pem']\nclient-cert = { cert = 'client.key', key = 'client.pem' }";
    assert_eq!(pull(&closed, swapped, base).await.unwrap(), "content", "the files are told apart by what is in them");
    insta::assert_snapshot!(pull(&closed, "client-cert = { cert = 'client.pem', key = 'server.ext' }", base).await.unwrap_err(), @"cannot get `HOST/app:1`: https://HOST: registry `HOST`: `DIR/client.pem` and `DIR/server.ext` are not a certificate and its key in PEM form");
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_one_of_a_server() {
    let certificates = Certificates::make();
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let image = layout.image("linux/amd64", &["content"]);
    layout.add(image, Some("1"));
    let base = certificates.dir.path();
    let check = async |extra: &str| {
        certificates.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 -addext \
             subjectAltName=IP:127.0.0.1{extra} -keyout own.key -out own.pem"
        ));
        let registry = Registry::start_tls(&certificates.path("own.pem"), &certificates.path("own.key"), None);
        registry.push(dir.path(), "1", "app:1", &[]);
        pull(&registry, "ca = ['own.pem']", base).await
    };
    assert_eq!(check(" -addext basicConstraints=critical,CA:FALSE").await.unwrap(), "content");
    insta::assert_snapshot!(check("").await.unwrap_err(), @r#"cannot get `HOST/app:1`: https://HOST: no secure connection: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity)); it shows the certificate of an authority; have it show one of a server, as `openssl req -x509 … -addext basicConstraints=critical,CA:FALSE` makes it, and name that with `ca` under `[registries."HOST"]` in `hlbc.toml`"#);
}

/// A server with a certificate that sends whoever asks for a manifest away to one without.
struct Away {
    child: Child,
    host: String,
}

impl Away {
    fn start(certificates: &Certificates) -> Self {
        let folder = certificates.path("v2/app/manifests");
        std::fs::create_dir_all(&folder).unwrap();
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n";
        std::fs::write(folder.join("1"), answer).unwrap();
        let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-HTTP", "-cert", "server.pem", "-key", "server.key", "-accept", &host])
            .current_dir(certificates.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "openssl does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, host }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What skopeo shows to the registry.
fn client_dir(certificates: &Certificates) -> PathBuf {
    let dir = certificates.path("skopeo");
    std::fs::create_dir(&dir).unwrap();
    std::fs::copy(certificates.path("client.pem"), dir.join("client.cert")).unwrap();
    std::fs::copy(certificates.path("client.key"), dir.join("client.key")).unwrap();
    dir
}
