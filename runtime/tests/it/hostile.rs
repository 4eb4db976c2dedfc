//! Images that mean harm, pulled for real: each is refused with words or made harmless, and nothing of it stays anywhere.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_runtime::LayerLimits;

use crate::sources::{from_layout, layer};
use crate::support::{Bench, mkfile, read};

/// A layer as it travels, and the digest that its content is said to have.
type Layer = (Vec<u8>, Digest);

/// Where the directory around the state directory is, seen from the root of a layer that is being unpacked.
const OUT: &str = "../../../../../..";

/// An archive, one entry a line: `f NAME TEXT`, `d NAME`, `l NAME TARGET`, `h NAME TARGET`, `c NAME`, `p NAME` for `/dev/null` and
/// a pipe.
fn archive(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let (kind, link, data) = match kind {
            "f" => (b'0', "", rest),
            "d" => (b'5', "", ""),
            "l" => (b'2', rest, ""),
            "h" => (b'1', rest, ""),
            "c" => (b'3', "", ""),
            "p" => (b'6', "", ""),
            other => panic!("{other}"),
        };
        entry(&mut out, kind, name, link, data.len() as u64);
        out.extend_from_slice(data.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

/// A header, whatever it says.
fn entry(out: &mut Vec<u8>, kind: u8, name: &str, link: &str, size: u64) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(kind));
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(size);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_device_major(1).unwrap();
    header.set_device_minor(3).unwrap();
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// A header with records in front of it.
fn pax(records: &[u8], size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    entry(&mut out, b'x', "pax", "", size);
    out.extend_from_slice(records);
    out.resize(out.len().next_multiple_of(512), 0);
    entry(&mut out, b'0', "file", "", 0);
    out.extend([0; 1024]);
    out
}

fn plain(archive: Vec<u8>) -> Layer {
    let digest = Digest::of(&archive);
    (archive, digest)
}

fn gzip(archive: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(archive).unwrap();
    encoder.finish().unwrap()
}

fn zstd(archive: &[u8]) -> Vec<u8> {
    zstd::encode_all(archive, 1).unwrap()
}

/// An archive of one file of zeros.
fn zeros(size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    entry(&mut out, b'0', "zeros", "", size as u64);
    out.resize(out.len() + size + 1024, 0);
    out
}

fn cut(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes.truncate(at);
    bytes
}

/// Makes a layout of one image with these layers; the digest of its manifest.
fn layout(dir: &Path, layers: &[Layer]) -> Digest {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let put = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        let kind = format!("application/vnd.oci.image.{kind}");
        serde_json::json!({ "mediaType": kind, "digest": digest.as_str(), "size": bytes.len() })
    };
    let contents: Vec<&str> = layers.iter().map(|(_, content)| content.as_str()).collect();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": contents },
    });
    let listed: Vec<_> = layers.iter().map(|(bytes, _)| put("layer.v1.tar", bytes)).collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put("config.v1+json", config.to_string().as_bytes()),
        "layers": listed,
    });
    let root = put("manifest.v1+json", manifest.to_string().as_bytes());
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [root] });
    std::fs::write(dir.join("index.json"), index.to_string()).unwrap();
    Digest::of(manifest.to_string())
}

/// The names in a directory, and what is in files; none if it is not there.
fn content(dir: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap_or_default()))
        .collect();
    found.sort();
    found
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .fold(first, |text, part| format!("{text}sha256:…{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit())))
}

/// A state directory, and files beside it that nobody may touch.
struct Siege {
    bench: Bench,
    good: usize,
}

impl Siege {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.limits = LayerLimits { ratio: 100, spared: 1 << 20, bytes: 64 << 20, entries: 1_000 };
        std::fs::create_dir(bench.path("canary")).unwrap();
        std::fs::write(bench.path("canary/file"), "untouched").unwrap();
        Self { bench, good: 0 }
    }

    /// Pulls an image and writes it out; why that is refused.
    fn pull(&mut self, layers: &[Layer]) -> Result<(), String> {
        let dir = self.bench.path("layout");
        let digest = layout(&dir, layers);
        self.bench.layouts.insert("image".to_owned(), dir);
        let _ = std::fs::remove_dir_all(self.bench.out());
        // A step on top, so that the image is not only looked up.
        let target = mkfile(Some(from_layout(format!("image@{digest}"), "", None)), "/mark", "1");
        let before = (content(&self.bench.path("canary")), content(&self.bench.path("state/layers")));
        let pulled = self.bench.solve(Some(&target));
        assert_eq!(content(&self.bench.path("canary")), before.0);
        assert_eq!(content(&self.bench.path("state/sessions")), []);
        let Err(error) = pulled else { return Ok(()) };
        let layers = content(&self.bench.path("state/layers"));
        // What is right below a layer that is refused may stay.
        let new: Vec<_> = layers.iter().filter(|layer| !before.1.contains(layer)).collect();
        assert!(new.iter().all(|(path, _)| path.join("fs/base").exists()), "{new:?}");
        let said = std::iter::successors(std::error::Error::source(&error), |error| error.source())
            .fold(error.to_string(), |text, error| format!("{text}: {error}"));
        Err(without_digests(&said))
    }

    /// A layer that is right, and is no other's.
    fn right(&mut self) -> Layer {
        self.good += 1;
        plain(layer("base", &self.good.to_string()))
    }

    /// Pulls a layer as the only one and on top of another. Why it is refused, or `harmless`.
    fn check(&mut self, hostile: &Layer) -> String {
        let first = self.pull(std::slice::from_ref(hostile));
        let below = self.right();
        let second = self.pull(&[below, hostile.clone()]);
        assert_eq!(first, second.map_err(|said| said.replace("layer 1 of", "layer 0 of")));
        // After each, a pull of a right image goes on as if nothing had been.
        let right = [self.right(), self.right()];
        self.pull(&right).unwrap();
        assert_eq!(read(&self.bench.out(), "base"), self.good.to_string());
        match first {
            Ok(()) => "harmless".to_owned(),
            Err(said) => said,
        }
    }
}

/// Checks archives that are as they say they are. What is said of each.
fn check(archives: &[(&str, Layer)]) -> String {
    let mut siege = Siege::new();
    let said = archives.iter().map(|(name, layer)| format!("{name}: {}", siege.check(layer)));
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn privileged_names_and_links_lead_nowhere() {
    let of = |text: &str| plain(archive(&text.replace("OUT", OUT)));
    insta::assert_snapshot!(check(&[
        ("up", of("f OUT/canary/file changed")),
        ("up from below", of("d a\nf a/../OUT/canary/file changed")),
        ("absolute", of("f /canary/file changed")),
        ("link, then through it", of("l a OUT/canary\nf a/file changed")),
        ("absolute link, then through it", of("l a /canary\nf a/file changed")),
        ("link in place of a directory", of("d a\nl a OUT/canary\nf a/file changed")),
        ("link and a directory of its name", of("l a OUT/canary\nd a\nf a/file changed")),
        ("link to the file", of("l file OUT/canary/file\nf file changed")),
        ("hard link out", of("h a OUT/canary/file\nf a changed")),
        ("hard link through a link", of("l a OUT/canary\nh b a/file\nf b changed")),
        ("hard link to a link", of("l a OUT/canary/file\nh b a\nf b changed")),
        ("hard link to nothing", of("h a b")),
        ("loop", of("l a b\nl b a\nf a/c x")),
        ("loop to itself", of("l a a\nf a/b x")),
        ("device in place of a directory", of("d a\nc a\nf a/b x")),
        ("pipe in place of a directory", of("d a\np a\nf a/b x")),
        ("whiteout of the parent", of("f .wh...")),
        ("whiteout of itself", of("d a\nf a/.wh..")),
        ("whiteout of nothing", of("f a/.wh.")),
        ("whiteout behind a link", of("l a OUT/canary\nf a/.wh.file")),
        ("all hidden behind a link", of("l a OUT/canary\nf a/.wh..wh..opq")),
        ("words of old tools", of("f .wh..wh.aufs\nd .wh..wh.plnk\nf .wh..wh.orph/x y")),
        ("the root as a file", of("f . x")),
        ("the root as a link", of("l / OUT/canary")),
    ]), @r#"
    up: the layer's entry `../../../../../../canary/file` is refused: it leads out of the image
    up from below: the layer's entry `a/../../../../../../../canary/file` is refused: it leads out of the image
    absolute: harmless
    link, then through it: harmless
    absolute link, then through it: harmless
    link in place of a directory: harmless
    link and a directory of its name: harmless
    link to the file: harmless
    hard link out: the layer's entry `a` is refused: it leads out of the image
    hard link through a link: the layer's entry `b` is refused: it is a hard link to something that is not there
    hard link to a link: harmless
    hard link to nothing: the layer's entry `a` is refused: it is a hard link to something that is not there
    loop: the layer's entry `a/c` cannot be unpacked: Too many levels of symbolic links (os error 40)
    loop to itself: the layer's entry `a/b` cannot be unpacked: Too many levels of symbolic links (os error 40)
    device in place of a directory: the layer's entry `a/b` is refused: what it is in is not a directory
    pipe in place of a directory: the layer's entry `a/b` is refused: what it is in is not a directory
    whiteout of the parent: the layer's entry `.wh...` is refused: it hides no name
    whiteout of itself: the layer's entry `a/.wh..` is refused: it hides no name
    whiteout of nothing: the layer's entry `a/.wh.` is refused: it hides no name
    whiteout behind a link: harmless
    all hidden behind a link: harmless
    words of old tools: harmless
    the root as a file: the layer's entry `.` is refused: it would replace the root directory
    the root as a link: the layer's entry `/` is refused: it would replace the root directory
    "#);
}

#[test]
fn privileged_damaged_layers_leave_nothing() {
    let good = archive("f a text\nf b text");
    let said = Digest::of(&good);
    let (packed, frame) = (gzip(&good), zstd(&good));
    let junk = [&good[..], b"what some tools leave behind the end mark"].concat();
    let lies = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        (bytes, said.clone())
    };
    insta::assert_snapshot!(check(&[
        ("empty", (Vec::new(), said.clone())),
        ("no archive", plain(b"this is not an archive at all".repeat(40))),
        ("cut tar", plain(cut(good.clone(), 514))),
        ("cut tar between entries", (cut(good.clone(), 1024), said.clone())),
        ("cut gzip", (cut(packed.clone(), packed.len() / 2), said.clone())),
        ("cut gzip trailer", (cut(packed.clone(), packed.len() - 4), said.clone())),
        ("cut zstd", (cut(frame.clone(), frame.len() / 2), said.clone())),
        ("changed gzip", lies(packed.clone(), packed.len() - 6)),
        ("bytes after gzip", ([&packed[..], b"junk"].concat(), said.clone())),
        ("bytes after zstd", ([&frame[..], b"junk"].concat(), said.clone())),
        ("bytes after the archive", plain(junk.clone())),
        ("bytes after the archive, not counted", (junk, said.clone())),
        ("changed header", lies(good.clone(), 3)),
        ("changed text", lies(good.clone(), 513)),
        ("content of another", (good, Digest::of("another"))),
        ("bzip2", (b"BZh91AY&SY".to_vec(), said.clone())),
        ("xz", (b"\xfd7zXZ\0".to_vec(), said)),
    ]), @r#"
    empty: layer 0 of `docker.io/library/image@sha256:…` is not the one that the image's configuration names: its content has digest sha256:…
    no archive: the archive is not usable at byte 0: it is not a tar archive
    cut tar: the layer's entry `a` cannot be unpacked: it ends in the middle of an entry
    cut tar between entries: layer 0 of `docker.io/library/image@sha256:…` is not the one that the image's configuration names: its content has digest sha256:…
    cut gzip: the archive cannot be read at byte 0: incomplete deflate stream
    cut gzip trailer: the layer cannot be read: unexpected end of file
    cut zstd: the archive cannot be read at byte 0: incomplete frame
    changed gzip: the layer cannot be read: corrupt gzip stream does not have a matching checksum
    bytes after gzip: the layer cannot be read: unexpected end of file
    bytes after zstd: the layer cannot be read: Unknown frame descriptor
    bytes after the archive: harmless
    bytes after the archive, not counted: layer 0 of `docker.io/library/image@sha256:…` is not the one that the image's configuration names: its content has digest sha256:…
    changed header: the archive is not usable at byte 0: it is not a tar archive
    changed text: layer 0 of `docker.io/library/image@sha256:…` is not the one that the image's configuration names: its content has digest sha256:…
    content of another: layer 0 of `docker.io/library/image@sha256:…` is not the one that the image's configuration names: its content has digest sha256:…
    bzip2: the layer cannot be read: bzip2 compression is not supported, use gzip or zstd
    xz: the layer cannot be read: xz compression is not supported, use gzip or zstd
    "#);
}

#[test]
fn privileged_bombs_do_not_go_off() {
    let bomb = zeros(40 << 20);
    let content = Digest::of(&bomb);
    let many: String = (0..20_000).map(|at| format!("f {at}\n")).collect();
    let attributes: String = (1000..2001).map(|at| format!("25 SCHILY.xattr.u.{at}=1\n")).collect();
    let long = format!("600000 path={}\n", "x".repeat(600_000 - 13));
    let twice = [pax(long.as_bytes(), 600_000), Vec::new()].concat();
    let twice = [cut(twice.clone(), 512 + 600_064), twice].concat();
    let mut sparse = Vec::new();
    let records = b"32 GNU.sparse.size=999999999999\n22 GNU.sparse.map=0,0\n";
    sparse.extend(pax(&records[..], records.len() as u64));
    let mut siege = Siege::new();
    let mut said = Vec::new();
    for (name, layer) in [
        ("gzip", (gzip(&bomb), content.clone())),
        ("zstd", (zstd(&bomb), content)),
        ("plain", plain(zeros(70 << 20))),
        ("gzip in gzip", plain(gzip(&gzip(&bomb)))),
        ("behind the end", plain(gzip(&[archive("f a x"), vec![0; 40 << 20]].concat()))),
        ("entries", plain(archive(&many))),
        ("packed entries", (gzip(&archive(&many)), Digest::of("never seen"))),
        ("header that says much", plain(pax(b"", 8 << 30))),
        ("header that has much", plain(gzip(&twice))),
        ("attributes", plain(pax(attributes.as_bytes(), attributes.len() as u64))),
        ("holes", plain(sparse)),
    ] {
        // How much was read of it by then depends on how it is packed.
        let words = siege.check(&layer);
        let words = match words.split_once("the layer is refused: its ") {
            Some((_, rest)) => format!("the layer is refused: {}", &rest[rest.find("more than").unwrap()..]),
            None => words,
        };
        said.push(format!("{name}: {words}"));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    gzip: the layer is refused: more than 100 times as much (raise `layer-ratio` under `[limits]` in `hlbc.toml`)
    zstd: the layer is refused: more than 100 times as much (raise `layer-ratio` under `[limits]` in `hlbc.toml`)
    plain: the layer is refused: it has more than 67.1 MB (raise `layer-bytes` under `[limits]` in `hlbc.toml`)
    gzip in gzip: the archive is not usable at byte 0: it is not a tar archive
    behind the end: the layer is refused: more than 100 times as much (raise `layer-ratio` under `[limits]` in `hlbc.toml`)
    entries: the layer is refused: it has more than 1000 entries (raise `layer-entries` under `[limits]` in `hlbc.toml`)
    packed entries: the layer is refused: it has more than 1000 entries (raise `layer-entries` under `[limits]` in `hlbc.toml`)
    header that says much: the archive is not usable at byte 512: an extended header is larger than 1 MiB
    header that has much: the archive is not usable at byte 601088: an extended header is larger than 1 MiB
    attributes: the archive is not usable at byte 0: an entry has more than 1000 extended attributes
    holes: the layer is refused: it has more than 67.1 MB (raise `layer-bytes` under `[limits]` in `hlbc.toml`)
    "#);
}
