//! Blobs become visible whole or not at all.

use std::io::{Read, Write};

use hlb_llb::Digest;
use hlb_store::BlobError;

use crate::fixture;

#[test]
fn what_was_put_can_be_read() {
    let fixture = fixture();
    let digest = fixture.store.blobs().put("hello").unwrap();
    assert_eq!(digest, Digest::of("hello"));
    assert!(fixture.store.blobs().contains(&digest));
    let mut text = String::new();
    fixture.store.blobs().open(&digest).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert_eq!(fixture.store.blobs().put("hello").unwrap(), digest, "twice is once");
    fixture.store.blobs().remove(&digest).unwrap();
    assert!(!fixture.store.blobs().contains(&digest));
}

#[test]
fn a_stream_is_hashed_as_it_passes() {
    let fixture = fixture();
    let mut writer = fixture.store.blobs().writer().unwrap();
    let mut whole = Vec::new();
    for round in 0..1000_u32 {
        let piece = vec![round as u8; (round % 997) as usize];
        writer.write_all(&piece).unwrap();
        whole.extend_from_slice(&piece);
    }
    assert_eq!(writer.size(), whole.len() as u64);
    let (digest, size, _) = writer.finish(None).unwrap();
    assert_eq!((digest.clone(), size), (Digest::of(&whole), whole.len() as u64));
    assert_eq!(std::fs::read(fixture.store.blobs().path(&digest)).unwrap(), whole);
}

#[test]
fn wrong_content_never_becomes_visible() {
    let fixture = fixture();
    let expected = Digest::of("right");
    let mut writer = fixture.store.blobs().writer().unwrap();
    writer.write_all(b"wrong").unwrap();
    let error = writer.finish(Some(&expected)).unwrap_err();
    insta::assert_snapshot!(error, @"expected content with digest sha256:27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9, got 5 bytes with digest sha256:8810ad581e59f2bc3928b261707a71308f7e139eb04820366dc4d5c18d980225");
    assert!(!fixture.store.blobs().contains(&expected));
    assert!(!fixture.store.blobs().contains(&Digest::of("wrong")));
    let scratch = fixture.store.session_dir().join("blobs");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0, "nothing is left in the scratch space");
}

#[test]
fn a_missing_blob_is_named() {
    let fixture = fixture();
    let error = fixture.store.blobs().open(&Digest::of("")).unwrap_err();
    assert!(matches!(error, BlobError::Missing { .. }));
    insta::assert_snapshot!(error, @"blob sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 is not in the store");
}
