//! Images from a real registry: Debian's `docker-registry`, filled by skopeo.

use std::sync::Arc;

use hlb_registry::{Credential, Credentials, Images, RegistryConfig};

use crate::support::{LayoutMaker, Registry, config, fetch, message, resolve};

/// `user:secret`
const USERS: &str = "user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

struct Fixed(&'static str, &'static str);

impl Credentials for Fixed {
    fn get(&self, server: &str) -> Result<Option<Credential>, String> {
        assert!(server.starts_with("127.0.0.1:"), "{server}");
        Ok(Some(Credential::Password { user: self.0.to_owned(), password: self.1.to_owned() }))
    }
}

/// A layout with the image `1`, for two platforms; its layer is large enough for several pieces.
fn layout(dir: &std::path::Path) -> (LayoutMaker, String) {
    let layer: String = (0..400_000).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let mut layout = LayoutMaker::new(dir);
    let (amd, arm) = (layout.image("linux/amd64", &[&layer, "two"]), layout.image("linux/arm64", &["arm"]));
    let index = layout.index(&[amd, arm]);
    layout.add(index, Some("1"));
    (layout, layer)
}

#[tokio::test]
async fn an_image_is_resolved_and_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, layer) = layout(dir.path());
    let registry = Registry::start(None);
    registry.push(&layout.dir, "1", "group/app:v1", &[]);
    let images = Images::new(RegistryConfig::empty());
    let name = format!("{}/group/app", registry.host);
    let found = resolve(&images, &format!("{name}:v1")).await.unwrap();
    assert_eq!(found.config.config.env, ["PLATFORM=linux/amd64"]);
    assert_eq!(found.config_bytes, std::fs::read(layout.path(&found.manifest.config.digest)).unwrap());
    assert_eq!(fetch(&images, &found, &found.manifest.layers[0]).await.unwrap(), layer.as_bytes());
    assert_eq!(fetch(&images, &found, &found.manifest.layers[1]).await.unwrap(), b"two");
    assert_eq!(found.local_blob(&found.manifest.layers[0]), None);

    let pinned = resolve(&images, &format!("{name}:gone@{}", found.root_digest)).await.unwrap();
    assert_eq!(pinned.manifest_digest, found.manifest_digest);
    let direct = resolve(&images, &format!("{name}@{}", found.manifest_digest)).await.unwrap();
    assert_eq!(direct.manifest, found.manifest);

    let host = [(registry.host.as_str(), "HOST")];
    let error = resolve(&images, &format!("{name}:v2")).await.unwrap_err();
    insta::assert_snapshot!(message(&error, &host), @"cannot get `HOST/group/app:v2`: http://HOST: not found (404); check the name and the tag");
    let error = resolve(&images, &format!("{}/nothing", registry.host)).await.unwrap_err();
    insta::assert_snapshot!(message(&error, &host), @"cannot get `HOST/nothing:latest`: http://HOST: not found (404); check the name and the tag");
}

#[tokio::test]
async fn a_mirror_answers_for_a_registry() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _) = layout(dir.path());
    let registry = Registry::start(None);
    registry.push(&layout.dir, "1", "library/app:1", &[]);
    registry.push(&layout.dir, "1", "cache/group/library/app:1", &[]);
    for path in ["", "/", "/cache/group", "/cache/group/"] {
        let text =
            format!("[registries.'docker.io']\nmirrors = ['http://127.0.0.1:1', 'http://{}{path}']", registry.host);
        let images = Images::new(config(&text));
        let found = resolve(&images, "app:1").await.unwrap();
        assert_eq!(fetch(&images, &found, &found.manifest.layers[1]).await.unwrap(), b"two", "{path}");
    }
}

#[tokio::test]
async fn a_password_is_sent_when_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _) = layout(dir.path());
    let registry = Registry::start(Some(USERS));
    registry.push(&layout.dir, "1", "app:1", &["--dest-creds=user:secret"]);
    let name = format!("{}/app:1", registry.host);
    let images = Images::with_credentials(RegistryConfig::empty(), Arc::new(Fixed("user", "secret")));
    let found = resolve(&images, &name).await.unwrap();
    assert_eq!(fetch(&images, &found, &found.manifest.layers[1]).await.unwrap(), b"two");

    let images = Images::with_credentials(RegistryConfig::empty(), Arc::new(Fixed("user", "wrong")));
    let error = resolve(&images, &name).await.unwrap_err();
    insta::assert_snapshot!(message(&error, &[(&registry.host, "HOST")]), @"cannot get `HOST/app:1`: http://HOST: access denied (401): authentication required; check the name, or log in with `docker login HOST`: registries also answer so for what does not exist");
}
