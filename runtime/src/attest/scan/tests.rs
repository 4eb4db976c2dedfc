//! Scanners on texts and on whole file systems.

use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// What is found in a file system of these files; a target is a link.
fn check(files: &[(&str, &str)], links: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "Package: outside\nVersion: 1\n").unwrap();
    let path = dir.path().join("root");
    std::fs::create_dir(&path).unwrap();
    let place = |name: &str| {
        let at = path.join(name);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        at
    };
    files.iter().for_each(|(name, text)| std::fs::write(place(name), text).unwrap());
    links.iter().for_each(|(name, target)| symlink(target, place(name)).unwrap());
    let found = scan(&Root::open(&path).unwrap(), &|| false).unwrap().unwrap();
    let line = |package: &Package| {
        let Package { name, version, supplier, license, purl, place, .. } = package;
        format!("{purl} | {name} {version} | {supplier} | {license} | {place}")
    };
    found.packages.iter().map(line).chain(found.remarks).collect::<Vec<_>>().join("\n")
}

const OS: (&str, &str) = ("usr/lib/os-release", "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n");

#[test]
fn packages_of_dpkg() {
    let status = "Package: login\nStatus: install ok installed\nMaintainer: A B <a@b>\nArchitecture: amd64\n\
        Source: shadow (1:4.13)\nVersion: 1:4.13+dfsg1-1\nDescription: system login tools\n Package: no\n\n\n\
        Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nVersion: 2\n\nPackage: last\n  \n";
    let one = "Package: base-files\nVersion: 12.4\nArchitecture: all\n";
    let found = check(
        &[
            OS,
            ("var/lib/dpkg/status", status),
            ("var/lib/dpkg/status.d/base", one),
            ("var/lib/dpkg/status.d/base.md5sums", one),
        ],
        &[("etc/os-release", "../usr/lib/os-release")],
    );
    insta::assert_snapshot!(found, @r"
    pkg:deb/debian/base-files@12.4?arch=all&distro=debian-12 | base-files 12.4 |  |  | var/lib/dpkg/status.d/base
    pkg:deb/debian/last?distro=debian-12 | last  |  |  | var/lib/dpkg/status
    pkg:deb/debian/login@1:4.13%2Bdfsg1-1?arch=amd64&distro=debian-12&upstream=shadow | login 1:4.13+dfsg1-1 | A B <a@b> |  | var/lib/dpkg/status
    ");
}

#[test]
fn packages_of_apk() {
    let installed = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nm:T <t@a>\nF:lib\nR:ld.so\n\n\
        P:libcrypto3\nV:3.3.1\no:openssl\n";
    let found = check(
        &[("lib/apk/db/installed", installed), ("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n")],
        &[("usr/lib", "../lib")],
    );
    insta::assert_snapshot!(found, @r"
    pkg:apk/alpine/libcrypto3@3.3.1?distro=alpine-3.20.1&upstream=openssl | libcrypto3 3.3.1 |  |  | lib/apk/db/installed
    pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1 | musl 1.2.5-r0 | T <t@a> | MIT | lib/apk/db/installed
    ");
}

#[test]
fn packages_of_python_and_node_lie_anywhere() {
    let metadata =
        "Metadata-Version: 2.1\nName: Foo.Bar_baz\nVersion: 1.0\nLicense: MIT\nAuthor: UNKNOWN\n\nName: no\n";
    let expression = "Name: two\nVersion: 2\nLicense: free\nLicense-Expression: Apache-2.0\nAuthor: X\n";
    let package = r#"{"name": "@s/core", "version": "7.1.0", "license": {"type": "MIT"}, "author": {"name": "N"}}"#;
    let found = check(
        &[
            ("usr/lib/python3/dist-packages/foo-1.0.dist-info/METADATA", metadata),
            ("opt/app/two.egg-info/PKG-INFO", expression),
            ("opt/app/three.egg-info", "Name: three\n"),
            ("opt/app/empty.dist-info/METADATA", "\nName: no\n"),
            ("srv/node_modules/@s/core/package.json", package),
            ("srv/node_modules/@s/core/lib/package.json", package),
            ("srv/node_modules/a/node_modules/b/package.json", r#"{"name": "b", "license": "ISC", "author": "B"}"#),
            ("srv/node_modules/broken/package.json", "{"),
            ("srv/node_modules/nameless/package.json", r#"{"version": "1"}"#),
            ("srv/package.json", r#"{"name": "srv"}"#),
        ],
        &[],
    );
    insta::assert_snapshot!(found, @r"
    pkg:npm/%40s/core@7.1.0 | @s/core 7.1.0 | N | MIT | srv/node_modules/@s/core/package.json
    pkg:npm/b | b  | B | ISC | srv/node_modules/a/node_modules/b/package.json
    pkg:pypi/foo-bar-baz@1.0 | Foo.Bar_baz 1.0 |  | MIT | usr/lib/python3/dist-packages/foo-1.0.dist-info/METADATA
    pkg:pypi/three | three  |  |  | opt/app/three.egg-info
    pkg:pypi/two@2 | two 2 | X | Apache-2.0 | opt/app/two.egg-info/PKG-INFO
    ");
}

#[test]
fn nothing_outside_is_read() {
    let found = check(
        &[("var/lib/rpm/Packages", ""), ("var/lib/dpkg/status.d/in", "Package: in\n")],
        &[
            ("var/lib/dpkg/status", "../../../../../../secret"),
            ("lib/apk", "/proc/self/root"),
            ("etc/os-release", "os-release"),
            ("around.dist-info", ".."),
            ("usr/node_modules", "/../.."),
        ],
    );
    insta::assert_snapshot!(found, @r"
    pkg:deb/debian/in | in  |  |  | var/lib/dpkg/status.d/in
    /var/lib/rpm/Packages is a database of rpm, which is not read: its packages are not listed
    ");
}

#[test]
fn what_is_no_file_or_too_much_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let apk = dir.path().join("lib/apk/db");
    std::fs::create_dir_all(&apk).unwrap();
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, apk.join("installed"), pipe, 0o600.into(), 0).unwrap();
    let dpkg = dir.path().join("var/lib/dpkg");
    std::fs::create_dir_all(&dpkg).unwrap();
    File::create(dpkg.join("status")).unwrap().set_len(LARGEST + 1).unwrap();
    let mut deep = dir.path().to_owned();
    for _ in 0..=DEEPEST {
        deep.push("d");
    }
    std::fs::create_dir_all(deep.join("x.dist-info")).unwrap();
    std::fs::write(deep.join("x.dist-info/METADATA"), "Name: x\n").unwrap();
    let root = Root::open(dir.path()).unwrap();
    let found = scan(&root, &|| false).unwrap().unwrap();
    assert!(found.packages.is_empty(), "{found:?}");
    insta::assert_snapshot!(found.remarks.join("\n"), @r"
    /var/lib/dpkg/status is not read: it has 67108865 bytes
    directories more than 128 deep are not looked into
    ");
    assert_eq!(scan(&root, &|| true).unwrap(), None);
}

#[test]
fn texts_are_of_one_line_and_have_an_end() {
    assert_eq!(short(" a\tb\u{0}c "), "a b c");
    assert_eq!(short(&"é".repeat(LONGEST)).len(), LONGEST);
    let name = |text: &str| Distribution::parse(text).name;
    assert_eq!((name(""), name("VERSION_ID=1"), name("ID='x'")), (String::new(), String::new(), "x".to_owned()));
}

proptest! {
    /// Whatever the bytes are: no panic, and what is told is short.
    #[test]
    fn any_text_is_taken(
        text in prop_oneof![
            any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            proptest::collection::vec(
                prop_oneof![
                    Just("Package: ".to_owned()), Just("P:".to_owned()), Just("Name: ".to_owned()), Just("V:".to_owned()),
                    Just("\n".to_owned()), Just("{\"name\":\"".to_owned()), Just("\"}".to_owned()), Just("a/b".to_owned()),
                    ".{0,8}",
                ],
                0..40,
            ).prop_map(|parts| parts.concat()),
        ]
    ) {
        let distribution = Distribution::parse(&text);
        let mut found = dpkg::packages(&text, &distribution, "x");
        found.extend(apk::packages(&text, &distribution, "x"));
        found.extend(python::package(&text, "x"));
        found.extend(node::package(&text, "x"));
        for package in found {
            prop_assert!(!package.name.is_empty() && package.name.len() <= LONGEST);
            prop_assert!(package.purl.is_ascii() && !package.name.contains('\n'));
        }
    }
}

#[test]
fn packages_of_node_lie_in_their_directories() {
    for (directory, is) in [
        ("node_modules/a", true),
        ("x/node_modules/@s/a", true),
        ("node_modules/@s", true),
        ("node_modules", false),
        ("a", false),
        ("", false),
        ("node_modules/a/b", false),
        ("x/@s/a", false),
    ] {
        assert_eq!(node::is_package(Path::new(directory)), is, "{directory}");
    }
}
