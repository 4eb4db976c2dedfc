//! Archives as blocks, and what is read of them.

use super::*;

/// A block for an entry of 'size' bytes, written by the tar crate.
fn header(kind: u8, name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(BLOCK), 0);
    data
}

fn pax(records: &str) -> Vec<u8> {
    [header(b'x', "pax", records.len() as u64), padded(records.as_bytes())].concat()
}

fn file(name: &str, data: &str) -> Vec<u8> {
    [header(b'0', name, data.len() as u64), padded(data.as_bytes())].concat()
}

/// The entries of an archive in words, and the error that ends them.
fn read(parts: &[Vec<u8>]) -> String {
    let bytes = parts.concat();
    let mut archive = Archive::new(&bytes[..]);
    let mut words = Vec::new();
    loop {
        match archive.next() {
            Ok(None) => return words.join(", "),
            Ok(Some(entry)) => {
                let mut data = String::new();
                let got = archive.read_to_string(&mut data);
                words.push(format!("{}={data}", String::from_utf8_lossy(&entry.name)));
                words.extend(got.err().map(|error| error.to_string()));
            }
            Err(error) => {
                words.push(error.to_string());
                return words.join(", ");
            }
        }
    }
}

#[test]
fn entries_follow_each_other() {
    assert_eq!(
        read(&[file("a", "1"), file("b", ""), file("c", &"x".repeat(512))]),
        format!("a=1, b=, c={}", "x".repeat(512))
    );
    assert_eq!(read(&[file("a", "1"), vec![0; 1024], file("b", "2")]), "a=1");
    assert_eq!(read(&[]), "");
    assert_eq!(read(&[header(b'g', "global", 3), padded(b"xxx"), file("a", "1")]), "a=1");
    assert_eq!(read(&[header(b'L', "long", 4), padded(b"name"), file("a", "1")]), "name=1");
    assert_eq!(read(&[pax("12 path=abc\n"), file("a", "1"), file("b", "2")]), "abc=1, b=2");
    assert_eq!(read(&[pax("10 size=2\n"), header(b'0', "a", 0), padded(b"12"), file("b", "3")]), "a=12, b=3");
    assert_eq!(read(&[header(b'5', "d", 7), file("b", "3")]), "d=, b=3", "only files have data");
}

#[test]
fn what_does_not_fit_is_an_error() {
    insta::assert_snapshot!(read(&[file("a", "1"), vec![0; 512], file("b", "2")]), @"a=1, the archive is not usable at byte 2048: data after the end mark");
    insta::assert_snapshot!(read(&[pax("12 path=abc\n")]), @"the archive is not usable at byte 1024: an entry is missing after its extended header");
    insta::assert_snapshot!(read(&[pax("12 path=abc\n"), vec![0; 1024]]), @"the archive is not usable at byte 2048: an entry is missing after its extended header");
    insta::assert_snapshot!(read(&[pax("99 path=abc\n"), file("a", "1")]), @"the archive is not usable at byte 0: a PAX record is malformed");
    insta::assert_snapshot!(read(&[pax("0 path=abc\n"), file("a", "1")]), @"the archive is not usable at byte 0: a PAX record is malformed");
    insta::assert_snapshot!(read(&[pax("12 path abc\n"), file("a", "1")]), @"the archive is not usable at byte 0: a PAX record is malformed");
    insta::assert_snapshot!(read(&[pax("11 uid=-12\n"), file("a", "1")]), @"the archive is not usable at byte 0: the PAX record `uid` has a value that makes no sense");
    insta::assert_snapshot!(read(&[pax("18 uid=4294967295\n"), file("a", "1")]), @"the archive is not usable at byte 1024: the owner of `a` is too large");
    insta::assert_snapshot!(read(&[pax("22 GNU.sparse.major=1\n"), file("a", "1")]), @"the archive is not usable at byte 1024: `a`: its sparse map is of an unknown version");
    insta::assert_snapshot!(read(&[pax("22 GNU.sparse.size=-1\n"), file("a", "1")]), @"the archive is not usable at byte 0: the PAX record `GNU.sparse.size` has a value that makes no sense");
    insta::assert_snapshot!(read(&[pax("21 GNU.sparse.size=9\n22 GNU.sparse.map=0,2\n"), file("a", "1")]), @"the archive is not usable at byte 1024: `a`: its sparse map does not fit its data");
    insta::assert_snapshot!(read(&[header(b'L', "long", 2 << 20)]), @"the archive is not usable at byte 512: an extended header is larger than 1 MiB");
    insta::assert_snapshot!(read(&[header(b'0', "a", u64::MAX)]), @"the archive is not usable at byte 0: a size is not a number");
    let half = pax(&format!("{} path={}\n", 600_000, "x".repeat(600_000 - 13)));
    insta::assert_snapshot!(read(&[half.clone(), half, file("a", "1")]), @"the archive is not usable at byte 601088: an extended header is larger than 1 MiB");
    let many: String = (1000..2001).map(|at| format!("25 SCHILY.xattr.u.{at}=1\n")).collect();
    insta::assert_snapshot!(read(&[pax(&many), file("a", "1")]), @"the archive is not usable at byte 0: an entry has more than 1000 extended attributes");
    insta::assert_snapshot!(read(&[header(b'?', "a", 0)]), @"the archive is not usable at byte 0: `a` has the unknown type '?'");
}

#[test]
fn numbers_have_two_spellings() {
    for (field, value) in [
        (&b"0000644\0"[..], Some(0o644)),
        (b"   644 \0", Some(0o644)),
        (b"\0\0\0\0\0\0\0\0", Some(0)),
        (b"777", Some(0o777)),
        (b"8", None),
        (b"-1", None),
        (b"x", None),
        (b"\x80\0\0\x01\x02", Some(0x102)),
        (b"\xff\xff\xff\xfe", Some(-2)),
        (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
    ] {
        assert_eq!(number(field), value, "{field:?}");
    }
    for (text, value) in [
        ("1", Some((1, 0))),
        ("1.5", Some((1, 500_000_000))),
        ("1.123456789123", Some((1, 123_456_789))),
        ("-1.25", Some((-2, 750_000_000))),
        ("-1", Some((-1, 0))),
        ("1.", Some((1, 0))),
        (".5", None),
        ("", None),
        ("1.x", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(time(text.as_bytes()), value, "{text}");
    }
}
