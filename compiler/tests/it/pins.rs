//! Names that may move, in a world that says what they stand for.

use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{FrontendResult, ImageConfig, ImageManifest};

use crate::support::{build, outline, solves};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const COMMIT: &str = "cccccccccccccccccccccccccccccccccccccccc";

fn world(program: &str) -> MemoryWorld {
    let mut world = MemoryWorld::new().file("main.hlb", program);
    let pins = [
        ("docker.io/library/alpine:3.20", DIGEST),
        ("https://h/r.git#main", COMMIT),
        ("https://h/r.git#", COMMIT),
        ("https://h/x.tar", DIGEST),
    ];
    world.pins = Some(pins.iter().map(|(name, pin)| ((*name).to_owned(), (*pin).to_owned())).collect());
    world
}

#[test]
fn sources_name_what_they_stand_for() {
    let check = |statement: &str, expected: &str| {
        let request = build(&world(&format!("fs default() {{ {statement} }}")), &[]).unwrap();
        let solve = solves(&request)[0];
        let definition = format!("{solve:?}");
        let graph = hlb_llb::definition::Graph::load(&solve.definition).unwrap();
        let Some(hlb_llb::pb::OpKind::Source(source)) = &graph.vertices[0].op.op else { panic!("{definition}") };
        let mut shown = source.identifier.clone();
        for name in ["http.checksum", "git.checksum", "image.checksum"] {
            shown.extend(source.attrs.get(name).map(|value| format!(" {name}={value}")));
        }
        assert_eq!(shown, expected, "{statement}");
    };
    check("image \"alpine:3.20\"", &format!("docker-image://docker.io/library/alpine:3.20@{DIGEST}"));
    check("git \"https://h/r.git\" \"main\"", &format!("git://h/r.git#{COMMIT}"));
    check("git \"https://h/r.git\" \"main:sub\"", &format!("git://h/r.git#{COMMIT}:sub"));
    check("git \"https://h/r.git\" \"\"", &format!("git://h/r.git#{COMMIT}"));
    check("http \"https://h/x.tar\"", &format!("https://h/x.tar http.checksum={DIGEST}"));
    // What the program pins itself is not asked for.
    let own = format!("sha256:{}", "b".repeat(64));
    check(&format!("image \"x@{own}\""), &format!("docker-image://docker.io/library/x@{own}"));
    check(
        &format!("image \"x\" with checksum(\"{own}\")"),
        &format!("docker-image://docker.io/library/x:latest image.checksum={own}"),
    );
    check(&format!("http \"https://h/y\" with checksum(\"{own}\")"), &format!("https://h/y http.checksum={own}"));
    check(&format!("git \"https://h/r.git\" \"{COMMIT}\""), &format!("git://h/r.git#{COMMIT}"));
}

#[test]
fn what_is_looked_up_is_what_is_pinned() {
    let pinned = format!("docker.io/library/alpine:3.20@{DIGEST}");
    let mut world =
        world("fs default() { image \"alpine:3.20\"; run manifest(\"alpine:3.20\"); frontend \"alpine:3.20\" }");
    world.images = Some([(pinned.clone(), ImageConfig::default())].into());
    let manifest =
        ImageManifest { digest: DIGEST.to_owned(), manifest: "{}".to_owned(), config: "{}".to_owned(), index: None };
    world.manifests = Some([(pinned.clone(), manifest)].into());
    world.made = Ok(FrontendResult { definition: hlb_llb::pb::Definition::default(), config: None });
    let request = build(&world, &[]).unwrap();
    assert_eq!(outline(&request), "solve: scratch\n");
    assert_eq!(world.calls.borrow()[0].source, pinned);
}

#[test]
fn a_name_that_is_not_locked_is_told_with_its_place() {
    let said = build(&world("fs default() { image \"alpine:3.21\" }"), &[]).unwrap_err();
    insta::assert_snapshot!(said, @r#"
    error[E0241]: `docker.io/library/alpine:3.21` is not in hlb.lock, and `--locked` adds nothing
      main.hlb:1:22
        | fs default() { image "alpine:3.21" }
        |                      ^^^^^^^^^^^^^
      help: add it with `hlbc update`
    "#);
    let said = build(&world("fs default() { git \"https://h/r.git\" \"v2\" }"), &[]).unwrap_err();
    insta::assert_snapshot!(said, @r#"
    error[E0241]: `https://h/r.git#v2` is not in hlb.lock, and `--locked` adds nothing
      main.hlb:1:38
        | fs default() { git "https://h/r.git" "v2" }
        |                                      ^^^^
      help: add it with `hlbc update`
    "#);
}
