//! Images that are known from earlier builds: nobody is asked for them.

use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::{Asking, Images, Memory, Reference, RegistryConfig, Shelf};

use crate::hostile::{Kept, healthy};
use crate::support::{Scripted, amd64, message, quick};

/// Images that begin with what others have kept, as those of a new process do.
fn images(kept: &Arc<Kept>, offline: bool) -> Images {
    let mut config = RegistryConfig::empty();
    config.set_offline(offline);
    Images::new(config).with_patience(quick()).with_shelf(Arc::clone(kept) as Arc<dyn Shelf>)
}

#[tokio::test]
async fn what_has_a_digest_is_not_asked_for_again() {
    let server = Scripted::start(|request, _, _| healthy(request)).await;
    let kept = Arc::new(Kept::default());
    let tag = Reference::parse(&format!("{}/app:1", server.host)).unwrap();
    let found = images(&kept, false).resolve(&tag, &amd64()).await.unwrap();
    let requests = || server.seen.lock().unwrap().len();
    assert_eq!(requests(), 2, "the manifest and the configuration");
    let pinned = tag.with_digest(&found.root_digest);
    for offline in [false, true] {
        let again = images(&kept, offline).resolve(&pinned, &amd64()).await.unwrap();
        assert_eq!((&again.manifest, &again.config_bytes), (&found.manifest, &found.config_bytes));
        assert_eq!(again.root_digest, found.root_digest);
    }
    assert_eq!(requests(), 2);
    // A tag may lead elsewhere by now: it is asked for, and the rest is known.
    images(&kept, false).resolve(&tag, &amd64()).await.unwrap();
    assert_eq!(requests(), 3);
    images(&kept, false).resolve_as(&tag, &amd64(), Asking::IfUnknown).await.unwrap();
    assert_eq!(requests(), 3);
    // What was damaged is as good as gone.
    kept.documents.lock().unwrap().insert(found.manifest_digest.clone(), b"damaged".to_vec());
    images(&kept, false).resolve(&pinned, &amd64()).await.unwrap();
    assert_eq!(requests(), 4);
    assert_eq!(kept.document(&found.manifest_digest).map(Digest::of), Some(found.manifest_digest.clone()));
}

#[tokio::test]
async fn offline_nobody_is_asked() {
    let server = Scripted::start(|request, _, _| healthy(request)).await;
    let kept = Arc::new(Kept::default());
    let tag = Reference::parse(&format!("{}/app:1", server.host)).unwrap();
    let said = |error| message(&error, &[(&server.host, "HOST")]);
    let error = images(&kept, true).resolve(&tag, &amd64()).await.unwrap_err();
    insta::assert_snapshot!(said(error), @"`HOST/app:1` is not here as a whole, and `--offline` forbids to ask for it; build once without `--offline`");
    images(&kept, false).resolve(&tag, &amd64()).await.unwrap();
    let before = server.seen.lock().unwrap().len();
    let offline = images(&kept, true);
    let found = offline.resolve(&tag, &amd64()).await.unwrap();
    let told = offline.warnings();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with(&format!("offline: `{}/app:1` is taken as it was on 20", server.host)), "{told:?}");
    assert_eq!(offline.warnings(), Vec::<String>::new());
    let fetched = offline.fetch(&found, &found.manifest.layers[0], &mut Memory::default(), &mut |_| {}).await;
    insta::assert_snapshot!(said(fetched.unwrap_err()), @"`HOST/app:1` is not here as a whole, and `--offline` forbids to ask for it; build once without `--offline`");
    // The configuration is gone.
    kept.documents.lock().unwrap().remove(&Digest::of(&found.config_bytes));
    images(&kept, true).resolve(&tag, &amd64()).await.unwrap_err();
    let refused = offline.pusher(&tag).unwrap_err();
    let expected = format!("cannot push to `{tag}`: this run asks nobody (`--offline`)");
    assert_eq!(refused.to_string(), expected);
    assert_eq!(server.seen.lock().unwrap().len(), before);
}
