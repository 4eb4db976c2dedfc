//! Words that lead somewhere else.

use hlb_ide::{Host, LinkTo, Settings};

use crate::fixture::Fixture;

fn check(text: &str) -> String {
    let fixture = Fixture::new(text);
    let links = fixture.snapshot().links(&fixture.analysis());
    let one = |link: &hlb_ide::Link| match &link.to {
        LinkTo::File(path) => format!("[{}] file {path}\n", fixture.slice(link.span)),
        LinkTo::Web(page) => format!("[{}] {page}\n", fixture.slice(link.span)),
    };
    links.iter().map(one).collect()
}

#[test]
fn imports_lead_to_files() {
    let text = "$0import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n//- /work/lib.hlb\nexport fs tool() {\n\tscratch\n}\n";
    insta::assert_snapshot!(check(text), @"[./lib.hlb] file /work/lib.hlb");
    let missing = "$0import lib from \"./none.hlb\"\n\nfs default() {\n\tlib.tool\n}\n";
    assert_eq!(check(missing), "");
    let unused = "$0import lib from \"./lib.hlb\"\n//- /work/lib.hlb\nexport fs tool() {\n\tscratch\n}\n";
    assert_eq!(check(unused), "", "an import that nothing uses is not read");
}

#[test]
fn paths_of_local_files_lead_to_those_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(dir.path()).unwrap();
    std::fs::create_dir(root.join("src")).unwrap();
    std::fs::write(root.join("key"), "").unwrap();
    let text = "fs default() {\n\tlocal \"src\"\n\trun \"x\" with option {\n\t\tsecret \"./key\" \"/k\"\n\t\tsecret \"none\" \"/n\"\n\t\tdir \"src\"\n\t}\n}\n";
    let mut host = Host::new(Settings::default(), Vec::new());
    let path = root.join("build.hlb");
    host.edit(path.clone(), text.to_owned());
    let links = host.snapshot().links(&host.snapshot().analysis(&path).unwrap());
    let found: Vec<&str> = links.iter().map(|link| &text[link.span.range()]).collect();
    assert_eq!(found, ["src", "./key"]);
    assert_eq!(links[1].to, LinkTo::File(root.join("key")));
}

#[test]
fn images_lead_to_pages_where_they_say_which() {
    let check = |name: &str| check(&format!("$0fs default() {{\n\timage \"{name}\"\n}}\n"));
    insta::assert_snapshot!(check("registry.example.org/team/app:1.2"), @"[registry.example.org/team/app:1.2] https://registry.example.org/team/app");
    insta::assert_snapshot!(check("registry.example.org:5000/app@sha256:00"), @"[registry.example.org:5000/app@sha256:00] https://registry.example.org:5000/app");
    for name in ["alpine:3.20", "team/app", "localhost:5000/app", "registry.example.org/", "r.example.org/${x}", ""] {
        assert_eq!(check(name), "", "{name}");
    }
}

#[test]
fn addresses_lead_to_their_pages_wherever_they_stand() {
    for (text, expected) in [
        ("# See https://example.org/a, and more.", "[https://example.org/a] https://example.org/a\n"),
        ("# (http://example.org/ä𝄞)", "[http://example.org/ä𝄞] http://example.org/ä𝄞\n"),
        (
            "fs a() {\n\thttp \"https://example.org/x?y=1\"\n}",
            "[https://example.org/x?y=1] https://example.org/x?y=1\n",
        ),
        ("fs a() {\n\trun \"curl https://example.org/${v}/x\"", ""),
        ("# ftp://example.org git+https://example.org xhttps://example.org", ""),
        ("# https:// http://", ""),
        ("# https://", ""),
    ] {
        assert_eq!(check(&format!("$0{text}\n")), expected, "{text}");
    }
}

#[test]
fn no_link_is_in_another() {
    let text = "$0import lib from \"https://example.org/x.hlb\"\n\nfs default() {\n\tlib.x\n\timage \"https://a.example.org/b\"\n}\n";
    let links = check(text);
    assert_eq!(links.lines().count(), 2, "{links}");
}
