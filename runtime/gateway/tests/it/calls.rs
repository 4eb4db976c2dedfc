//! Each call, from a frontend's words to the host and back.

use std::collections::BTreeMap;

use hlb_gateway::Failure;
use hlb_gateway::client::{Answer, FileType, Gateway, Part};
use hlb_gateway::server::Returned;
use hlb_llb::pb;

use crate::host::{Bench, graph};

fn platform(architecture: &str, variant: &str) -> pb::Platform {
    pb::Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn capabilities_and_platforms_are_known_from_the_start() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    assert!(bench.gateway.can("readfile") && !bench.gateway.can("gateway.exec"));
    assert!(bench.gateway.ops().contains("mergeop"));
    assert_eq!(bench.gateway.platforms(), [platform("arm", "v7")]);
}

#[tokio::test]
async fn a_graph_is_solved_when_somebody_looks() {
    let bench = Bench::start(&[("/a", "text")], BTreeMap::new()).await;
    let made = bench.gateway.solve(&graph("one"), false).await.unwrap();
    assert_eq!(bench.asked.lock().unwrap().len(), 0);
    assert_eq!(made.definition, Some(graph("one")));
    assert_eq!(bench.gateway.read_file(&made, "/a").await.unwrap(), b"text");
    assert_eq!(bench.gateway.stat(&made, "/a").await.unwrap().size, 4);
    bench.gateway.solve(&graph("two"), true).await.unwrap();
    let three = bench.gateway.solve(&graph("three"), false).await.unwrap();
    bench.gateway.evaluate(&three).await.unwrap();
    bench.gateway.evaluate(&three).await.unwrap();
    assert_eq!(bench.end().await.1, ["solve one", "solve two", "solve three"]);
}

#[tokio::test]
async fn files_that_are_not_there_are_told_from_failures() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let made = bench.gateway.solve(&graph("one"), false).await.unwrap();
    let error = bench.gateway.read_file(&made, "/x").await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_not_found()), ("/x: no such file or directory", true));
    let failing = bench.gateway.solve(&graph("fails"), false).await.unwrap();
    let error = bench.gateway.stat(&failing, "/x").await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_not_found()), ("step failed: exit code: 3", false));
    assert!(bench.gateway.solve(&graph("fails"), true).await.is_err());
}

#[tokio::test]
async fn directories_are_listed() {
    let bench = Bench::start(&[("/d/a", "1"), ("/d/b", "22")], BTreeMap::new()).await;
    let made = bench.gateway.solve(&graph("one"), false).await.unwrap();
    let listed = bench.gateway.read_dir(&made, "/d/", "").await.unwrap();
    let names: Vec<(&str, u64)> = listed.iter().map(|file| (file.name.as_str(), file.size)).collect();
    assert_eq!(names, [("a", 1), ("b", 2)]);
    assert!(listed.iter().all(|file| file.kind == FileType::Regular));
    assert_eq!(bench.gateway.read_dir(&made, "/d/", "b").await.unwrap().len(), 1);
}

#[tokio::test]
async fn files_are_found_by_patterns() {
    let files = [("/a.go", "1"), ("/b.c", "2")];
    let bench = Bench::start(&files, BTreeMap::new()).await;
    let made = bench.gateway.solve(&graph("one"), false).await.unwrap();
    assert_eq!(bench.gateway.glob(&made, "*.go").await.unwrap(), ["/a.go"]);
    assert_eq!(bench.gateway.glob(&made, "/**").await.unwrap(), ["/a.go", "/b.c"]);
    let error = bench.gateway.glob(&made, "/[").await.unwrap_err();
    assert_eq!(error.to_string(), "pattern `/[` has a `[` without its `]`");
    assert_eq!(bench.gateway.read_part(&made, "/a.go", 0, 5).await.unwrap(), b"1");
    assert_eq!(bench.gateway.read_part(&made, "/a.go", 1, 5).await.unwrap(), b"");
}

#[tokio::test]
async fn the_empty_file_system_is_not_solved() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let scratch = bench.gateway.solve(&pb::Definition::default(), true).await.unwrap();
    bench.gateway.evaluate(&scratch).await.unwrap();
    let error = bench.gateway.read_file(&scratch, "/a").await.unwrap_err();
    assert_eq!(error.to_string(), "the empty file system has no files");
    let part = Part { platform: platform("amd64", ""), reference: scratch, config: b"{}".to_vec() };
    bench.gateway.finish(&Answer::One(Box::new(part))).await.unwrap();
    let Some(Returned::Result { graphs, .. }) = bench.end().await.0 else { panic!("no result") };
    assert_eq!(graphs, BTreeMap::from([(String::new(), pb::Definition::default())]));
}

#[tokio::test]
async fn images_are_found_by_name_and_platform() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let image = bench.gateway.image("docker.io/library/busybox:latest", &platform("arm64", ""), false).await.unwrap();
    assert_eq!((image.digest.as_str(), image.config.as_slice()), ("sha256:1", &b"{}"[..]));
    let missing = bench.gateway.image("docker.io/library/none:latest", &platform("arm64", ""), false).await;
    assert_eq!(missing.unwrap_err().to_string(), "cannot get `none`: not found");
    assert_eq!(bench.end().await.1[0], "image docker.io/library/busybox:latest arm64");
}

#[tokio::test]
async fn a_frontend_gets_its_inputs_and_can_warn() {
    let inputs = BTreeMap::from([("src".to_owned(), graph("one"))]);
    let bench = Bench::start(&[], inputs.clone()).await;
    assert_eq!(bench.gateway.inputs().await.unwrap(), inputs);
    bench.gateway.warn("sha256:1", "old", &["use new".to_owned()]).await.unwrap();
    assert_eq!(bench.end().await.1, ["warn old [\"use new\"]"]);
}

#[tokio::test]
async fn other_frontends_are_refused_by_name() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let refused = bench.gateway.frontend("docker/dockerfile", &BTreeMap::new(), &BTreeMap::new()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "running the frontend `docker/dockerfile` from within another one is not supported yet"
    );
}

async fn part(gateway: &Gateway, name: &str, platform: pb::Platform) -> Part {
    let reference = gateway.solve(&graph(name), false).await.unwrap();
    Part { platform, reference, config: name.as_bytes().to_vec() }
}

#[tokio::test]
async fn one_result_comes_back_as_its_graph() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let one = part(&bench.gateway, "one", platform("amd64", "")).await;
    assert!(!bench.answered.is_cancelled());
    bench.gateway.finish(&Answer::One(Box::new(one.clone()))).await.unwrap();
    assert!(bench.answered.is_cancelled());
    let again = bench.gateway.finish(&Answer::One(Box::new(one))).await.unwrap_err();
    assert_eq!(again.to_string(), "a frontend returns once");
    let (returned, asked) = bench.end().await;
    let graphs = BTreeMap::from([(String::new(), graph("one"))]);
    let metadata = BTreeMap::from([("containerimage.config".to_owned(), b"one".to_vec())]);
    assert_eq!(returned, Some(Returned::Result { graphs, metadata }));
    assert_eq!(asked, Vec::<String>::new(), "nobody looked at the result");
}

#[tokio::test]
async fn results_for_platforms_come_with_a_list_of_them() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    let parts = vec![
        part(&bench.gateway, "one", platform("amd64", "")).await,
        part(&bench.gateway, "two", platform("arm", "v7")).await,
    ];
    bench.gateway.finish(&Answer::Platforms(parts)).await.unwrap();
    let Some(Returned::Result { graphs, metadata }) = bench.end().await.0 else { panic!("no result") };
    let two = [("linux/amd64".to_owned(), graph("one")), ("linux/arm/v7".to_owned(), graph("two"))];
    assert_eq!(graphs, BTreeMap::from(two));
    let text = |key: &str| String::from_utf8(metadata[key].clone()).unwrap();
    assert_eq!(text("containerimage.config/linux/arm/v7"), "two");
    insta::assert_snapshot!(text("refs.platforms"), @r#"{"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}},{"ID":"linux/arm/v7","Platform":{"architecture":"arm","os":"linux","variant":"v7"}}]}"#);
}

#[tokio::test]
async fn a_failure_comes_back_in_words() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    bench.gateway.fail(&Failure::new("no target `x`")).await.unwrap();
    assert_eq!(bench.end().await.0, Some(Returned::Failed { message: "no target `x`".to_owned() }));
}

#[tokio::test]
async fn a_frontend_that_goes_without_a_word_returned_nothing() {
    let bench = Bench::start(&[], BTreeMap::new()).await;
    assert_eq!(bench.end().await.0, None);
}

#[tokio::test]
async fn who_does_not_speak_the_protocol_is_told_so() {
    let (ours, theirs) = tokio::io::duplex(1 << 10);
    drop(ours);
    let error = Gateway::connect(theirs).await.unwrap_err().to_string();
    assert!(error.starts_with("nobody speaks the gateway protocol") || error.contains("connection"), "{error}");
}
