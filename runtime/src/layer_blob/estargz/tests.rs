//! Layers with an index, read as others read them.

use std::io::Cursor;

use hlb_llb::Digest;
use serde_json::Value;

use super::super::blocks::Packed;
use super::super::tar::Flag;
use super::*;
use crate::snapshot::compression::decompress;

const MIB: usize = 1 << 20;

/// Bytes that do not compress well, so that members differ in length.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn add(archive: &mut Vec<u8>, header: &Header<'_>, data: &[u8]) {
    Header { size: data.len() as u64, ..header.clone() }.write(archive).unwrap();
    archive.extend_from_slice(data);
    tar::pad(archive, data.len() as u64).unwrap();
}

fn file(name: &str) -> Header<'_> {
    Header { mode: 0o644, ..Header::file(name.as_bytes(), 0) }
}

/// Files of every kind and of sizes around those of chunks.
fn archive() -> Vec<u8> {
    let mut archive = Vec::new();
    let to = &mut archive;
    add(to, &Header { flag: Flag::Directory, mode: 0o1755, mtime: 1_000_000_000, ..file("d/") }, b"");
    add(to, &Header { uid: 1000, gid: 3_000_000, mtime: 1, ..file("d/small") }, b"small\n");
    add(to, &file("d/empty"), b"");
    let able = [(c"security.capability".to_owned(), vec![1, 0, 0, 2])];
    add(to, &Header { xattrs: &able, ..file("able") }, b"x");
    add(to, &Header { flag: Flag::Symlink, link: b"../<x>", ..file("soft") }, b"");
    add(to, &Header { flag: Flag::Link, link: b"d/small", ..file("hard") }, b"");
    add(to, &Header { flag: Flag::Char, device: (1, 3), ..file("null") }, b"");
    add(to, &Header { flag: Flag::Block, device: (8, 1), ..file("disk") }, b"");
    add(to, &Header { flag: Flag::Fifo, ..file("pipe") }, b"");
    add(to, &Header::file(b"d/.wh.gone", 0), b"");
    add(to, &Header { name: b"caf\xe9", ..file("") }, b"latin");
    add(to, &file("big/just"), &noise(4 * MIB));
    add(to, &file("big/one-more"), &noise(4 * MIB + 1));
    add(to, &file("big/three"), &noise(11 * MIB));
    tar::finish(to).unwrap();
    // Some programs fill the last record.
    to.extend_from_slice(&[0; 3 * 512]);
    archive
}

fn packed(archive: &[u8]) -> (Vec<u8>, Made) {
    let mut blob = Vec::new();
    let made = pack(archive, 6, &mut blob, &|| false).unwrap();
    (blob, made)
}

fn unpacked(blob: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    decompress(blob).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// The text of the index, as a program finds it that begins with the last bytes.
fn index(blob: &[u8]) -> Vec<u8> {
    let (rest, footer) = blob.split_at(blob.len() - FOOTER);
    let mut entries = ::tar::Archive::new(Cursor::new(unpacked(&rest[read_footer(footer).unwrap() as usize..])));
    let mut entries = entries.entries().unwrap();
    let mut entry = entries.next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap().to_str(), Some(INDEX));
    let mut text = Vec::new();
    entry.read_to_end(&mut text).unwrap();
    assert!(entries.next().is_none());
    text
}

#[test]
fn the_archive_stays_as_it_is_and_the_index_comes_behind() {
    let archive = archive();
    let (blob, (sums, annotations)) = packed(&archive);
    let all = unpacked(&blob);
    assert!(all.starts_with(&archive));
    let text = index(&blob);
    let mut behind = Vec::new();
    add(&mut behind, &Header::file(INDEX.as_bytes(), 0), &text);
    tar::finish(&mut behind).unwrap();
    assert!(all[archive.len()..] == behind);
    assert_eq!(sums, Packed { digest: Digest::of(&all), size: all.len() as u64 });
    let said: Vec<_> = annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(said, [(INDEX_DIGEST, Digest::of(&text).as_str()), (SIZE, all.len().to_string().as_str())]);
    assert!(packed(&archive).0 == blob);
}

#[test]
fn every_file_can_be_read_alone() {
    let archive = archive();
    let (blob, _) = packed(&archive);
    let index: Value = serde_json::from_slice(&index(&blob)).unwrap();
    let items = index["entries"].as_array().unwrap();
    let mut read = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(offset) = item["offset"].as_u64() else { continue };
        // What belongs to one file ends where a later item begins another.
        let first = items[..=at].iter().rev().find(|item| item["type"] == "reg").unwrap();
        let from = item["chunkOffset"].as_u64().unwrap_or(0);
        let size = item["chunkSize"].as_u64().unwrap_or_else(|| first["size"].as_u64().unwrap() - from);
        let mut data = vec![0; size as usize];
        // The first member alone, or it would not be one of its own.
        flate2::read::GzDecoder::new(&blob[offset as usize..]).read_exact(&mut data).unwrap();
        assert_eq!(item["chunkDigest"], Digest::of(&data).as_str());
        if item["type"] == "reg" {
            read.push((first["name"].as_str().unwrap(), first["digest"].as_str().unwrap(), Vec::new()));
        }
        read.last_mut().unwrap().2.extend(data);
    }
    let mut expected = Vec::new();
    for entry in ::tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        if !data.is_empty() {
            expected.push((String::from_utf8_lossy(&entry.path_bytes()).into_owned(), Digest::of(&data), data));
        }
    }
    assert_eq!(read.len(), expected.len());
    for ((name, digest, data), (expected_name, expected_digest, expected_data)) in read.into_iter().zip(expected) {
        assert_eq!((name, digest), (expected_name.as_str(), expected_digest.as_str()));
        assert!(data == expected_data, "{name}");
    }
}

#[test]
fn the_index_says_what_the_archive_says() {
    let mut index: Value = serde_json::from_slice(&index(&packed(&archive()).0)).unwrap();
    let mut lines = vec![format!("version {}", index["version"])];
    for item in index["entries"].as_array_mut().unwrap() {
        let item = item.as_object_mut().unwrap();
        for key in ["digest", "chunkDigest", "offset"] {
            if let Some(value) = item.get_mut(key) {
                *value = "…".into();
            }
        }
        lines.push(serde_json::to_string(item).unwrap());
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    version 1
    {"mode":1005,"modtime":"2001-09-09T01:46:40Z","name":"d/","type":"dir"}
    {"chunkDigest":"…","digest":"…","gid":3000000,"mode":420,"modtime":"1970-01-01T00:00:01Z","name":"d/small","offset":"…","size":6,"type":"reg","uid":1000}
    {"digest":"…","mode":420,"name":"d/empty","type":"reg"}
    {"chunkDigest":"…","digest":"…","mode":420,"name":"able","offset":"…","size":1,"type":"reg","xattrs":{"security.capability":"AQAAAg=="}}
    {"linkName":"../<x>","mode":420,"name":"soft","type":"symlink"}
    {"linkName":"d/small","mode":420,"name":"hard","type":"hardlink"}
    {"devMajor":1,"devMinor":3,"mode":420,"name":"null","type":"char"}
    {"devMajor":8,"devMinor":1,"mode":420,"name":"disk","type":"block"}
    {"mode":420,"name":"pipe","type":"fifo"}
    {"digest":"…","name":"d/.wh.gone","type":"reg"}
    {"chunkDigest":"…","digest":"…","mode":420,"name":"caf�","offset":"…","size":5,"type":"reg"}
    {"chunkDigest":"…","digest":"…","mode":420,"name":"big/just","offset":"…","size":4194304,"type":"reg"}
    {"chunkDigest":"…","chunkSize":4194304,"digest":"…","mode":420,"name":"big/one-more","offset":"…","size":4194305,"type":"reg"}
    {"chunkDigest":"…","chunkOffset":4194304,"name":"big/one-more","offset":"…","type":"chunk"}
    {"chunkDigest":"…","chunkSize":4194304,"digest":"…","mode":420,"name":"big/three","offset":"…","size":11534336,"type":"reg"}
    {"chunkDigest":"…","chunkOffset":4194304,"chunkSize":4194304,"name":"big/three","offset":"…","type":"chunk"}
    {"chunkDigest":"…","chunkOffset":8388608,"name":"big/three","offset":"…","type":"chunk"}
    "#);
}

#[test]
fn the_text_of_the_index_is_that_of_others() {
    let mut archive = Vec::new();
    add(&mut archive, &Header { mtime: 1_000_000_000, ..file("f") }, b"1");
    tar::finish(&mut archive).unwrap();
    insta::assert_snapshot!(String::from_utf8(index(&packed(&archive).0)).unwrap(), @r#"
    {
    	"version": 1,
    	"entries": [
    		{
    			"name": "f",
    			"type": "reg",
    			"size": 1,
    			"modtime": "2001-09-09T01:46:40Z",
    			"mode": 420,
    			"offset": 77,
    			"digest": "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    			"chunkDigest": "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    		}
    	]
    }
    "#);
}

#[test]
fn layers_that_have_an_index_get_a_new_one() {
    let archive = archive();
    let (blob, made) = packed(&archive);
    let end = payload(&mut Cursor::new(&blob)).unwrap() as usize;
    let again = unpacked(&blob[..end]);
    assert!(again == archive);
    assert_eq!(packed(&again).1, made);
    for other in [&b""[..], b"x", &[0; FOOTER], &FOOTER_START, &footer(u64::MAX), &footer(1)] {
        assert_eq!(payload(&mut Cursor::new(other)).unwrap(), other.len() as u64);
    }
    assert_eq!(payload(&mut Cursor::new([b"abc", &footer(3)[..]].concat())).unwrap(), 3);
}

#[test]
fn footers_say_where_the_index_is() {
    for offset in [0, 1, 0x1234_5678, u64::MAX] {
        let bytes = footer(offset);
        assert_eq!((bytes.len(), read_footer(&bytes)), (FOOTER, Some(offset)));
        let mut member = flate2::read::GzDecoder::new(bytes.as_slice());
        assert_eq!(member.read_to_end(&mut Vec::new()).unwrap(), 0);
        let extra = member.header().unwrap().extra().unwrap();
        assert_eq!(extra, [b"SG\x16\0", format!("{offset:016x}STARGZ").as_bytes()].concat());
    }
    let good = footer(7);
    for (at, byte) in [(0, 0), (3, 0), (12, b'X'), (16, b'g'), (16, b'+'), (32, b'X'), (38, 0)] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert_eq!(read_footer(&bad), None, "{at}");
    }
    assert_eq!(read_footer(&good[1..]), None);
}

#[test]
fn archives_without_an_end_or_without_anything_are_layers_too() {
    let mut open = Vec::new();
    add(&mut open, &file("f"), b"1");
    let without_padding = &open[..513];
    for archive in [&open[..], without_padding, &[0; 1024], b""] {
        let (blob, _) = packed(archive);
        assert!(unpacked(&blob).starts_with(archive));
        let found: Value = serde_json::from_slice(&index(&blob)).unwrap();
        assert_eq!(found["entries"].as_array().unwrap().len(), usize::from(archive.len() > 512 && archive[0] != 0));
    }
}

#[test]
fn what_cannot_have_an_index_is_refused() {
    let check = |archive: &[u8]| match pack(archive, 6, &mut Vec::new(), &|| false) {
        Err(PackError::Fill(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for name in ["stargz.index.json", "./stargz.index.json", "/stargz.index.json"] {
        let mut archive = Vec::new();
        add(&mut archive, &file(name), b"{}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(check(&archive), @"cannot make an eStargz layer of a layer which has a file `stargz.index.json`: the format keeps that name for itself");
        }
    }
    let mut below = Vec::new();
    add(&mut below, &file("d/stargz.index.json"), b"{}");
    packed(&below);
    let archive = archive();
    insta::assert_snapshot!(check(&archive[..700]), @"cannot compress a layer anew: the archive is not usable at byte 512: it ends in the middle of a header");
    insta::assert_snapshot!(check(&archive[..archive.len() - 5 * MIB]), @"cannot compress a layer anew: the archive cannot be read at byte 14694912");
    insta::assert_snapshot!(check(&noise(2000)), @"cannot compress a layer anew: the archive is not usable at byte 0: it is not a tar archive");
}

#[test]
fn a_full_disk_and_a_cancellation_are_told_apart() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let archive = archive();
    let full = pack(archive.as_slice(), 6, &mut Full, &|| false);
    assert!(matches!(&full, Err(PackError::Write(error)) if error.kind() == io::ErrorKind::StorageFull), "{full:?}");
    let stopped = pack(archive.as_slice(), 6, &mut Vec::new(), &|| true);
    assert!(matches!(stopped, Err(PackError::Fill(LayerBlobError::Cancelled))), "{stopped:?}");
}
