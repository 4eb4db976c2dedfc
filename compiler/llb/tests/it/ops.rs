//! Every kind of op and every detail of it: what the client of BuildKit writes, and which capabilities it asks for.

use std::collections::BTreeMap;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::json::ToJson;
use hlb_llb::ops::{self, Exec, ExecMount, FileStep, MountKind};
use hlb_llb::{Digest, Graph, pb};
use prost::Message;

use crate::graph::{image, linux};

/// The op that makes an output, as JSON without what it reads and without its constraints, which are asserted to be
/// there, and after it its capabilities.
fn said(output: &Output) -> String {
    let mut op = pb::Op::decode(output.vertex.bytes()).unwrap();
    assert!(op.constraints.take().is_some(), "constraints are always there");
    op.inputs.clear();
    let metadata = output.vertex.metadata();
    let caps: Vec<&str> = metadata.caps.names().collect();
    // What is built can be loaded.
    let graph = Graph::load(&marshal(Some(output), Vec::new())).unwrap();
    assert_eq!(&graph.vertices.last().unwrap().digest, output.vertex.digest());
    format!("{}\n{}", op.to_json(), caps.join(" "))
}

fn none() -> Annotations {
    Annotations::default()
}

#[test]
fn images() {
    insta::assert_snapshot!(said(&image("a")), @r#"
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest"}},"platform":{"Architecture":"amd64","OS":"linux"}}
    source.image
    "#);
    let mut all = ops::Image::new("docker.io/library/a:1", linux());
    all.resolve_mode = ops::ResolveMode::Pull;
    all.record_type = "internal".to_owned();
    all.layer_limit = Some(3);
    all.checksum = "sha256:12".to_owned();
    insta::assert_snapshot!(said(&ops::image(all.clone(), none())), @r#"
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:1","attrs":{"image.checksum":"sha256:12","image.layerlimit":"3","image.recordtype":"internal","image.resolvemode":"pull"}}},"platform":{"Architecture":"amd64","OS":"linux"}}
    source.image source.image.checksum source.image.layerlimit source.image.resolvemode
    "#);
    all.resolve_mode = ops::ResolveMode::Local;
    assert!(!said(&ops::image(all, none())).contains("source.image.resolvemode"));
    let layout = ops::OciLayout {
        reference: "x@sha256:12".to_owned(),
        platform: linux(),
        session: "s".to_owned(),
        store: "t".to_owned(),
        layer_limit: Some(1),
    };
    insta::assert_snapshot!(said(&ops::oci_layout(layout, none())), @r#"
    {"Op":{"source":{"identifier":"oci-layout://x@sha256:12","attrs":{"oci.layerlimit":"1","oci.session":"s","oci.store":"t"}}},"platform":{"Architecture":"amd64","OS":"linux"}}
    source.ocilayout
    "#);
}

#[test]
fn blobs() {
    let file = ops::FileInfo { filename: "f".to_owned(), perm: 0o640, uid: 1, gid: 2 };
    let reference = "docker.io/library/a@sha256:12".to_owned();
    let blob = ops::Blob { reference: reference.clone(), file: file.clone(), record_type: "internal".to_owned() };
    insta::assert_snapshot!(said(&ops::image_blob(blob, none())), @r#"
    {"Op":{"source":{"identifier":"docker-image+blob://docker.io/library/a@sha256:12","attrs":{"http.filename":"f","http.gid":"2","http.perm":"0640","http.uid":"1","image.recordtype":"internal"}}}}
    source.imageblob
    "#);
    let blob = ops::LayoutBlob { reference, file, session: "s".to_owned(), store: "t".to_owned() };
    insta::assert_snapshot!(said(&ops::layout_blob(blob, none())), @r#"
    {"Op":{"source":{"identifier":"oci-layout+blob://docker.io/library/a@sha256:12","attrs":{"http.filename":"f","http.gid":"2","http.perm":"0640","http.uid":"1","oci.session":"s","oci.store":"t"}}}}
    source.imageblob
    "#);
}

#[test]
fn downloads() {
    insta::assert_snapshot!(said(&ops::http(ops::Http::new("https://h.org/f"), none())), @r#"
    {"Op":{"source":{"identifier":"https://h.org/f"}}}
    source.http
    "#);
    let mut all = ops::Http::new("https://h.org/f");
    all.checksum = "sha256:12".to_owned();
    all.filename = "g".to_owned();
    all.perm = 0o755;
    all.uid = 7;
    all.gid = 8;
    all.auth_header_secret = "auth".to_owned();
    all.accept = "text/plain".to_owned();
    all.user_agent = "me".to_owned();
    all.signature = Some(ops::HttpSignature { public_key: "key".to_owned(), signature: "sig".to_owned() });
    insta::assert_snapshot!(said(&ops::http(all, none())), @r#"
    {"Op":{"source":{"identifier":"https://h.org/f","attrs":{"http.authheadersecret":"auth","http.checksum":"sha256:12","http.filename":"g","http.gid":"8","http.header.accept":"text/plain","http.header.user-agent":"me","http.perm":"0755","http.sig.pubkey":"key","http.sig.signature":"sig","http.uid":"7"}}}}
    soruce.http.uidgid source.http source.http.auth source.http.checksum source.http.header source.http.perm source.http.signatureverify
    "#);
}

#[test]
fn local_directories() {
    let owner = ops::LocalOwner::Unique("u".to_owned());
    insta::assert_snapshot!(said(&ops::local(ops::Local::new("src", owner), none())), @r#"
    {"Op":{"source":{"identifier":"local://src","attrs":{"local.unique":"u"}}}}
    source.local source.local.unique
    "#);
    let mut all = ops::Local::new("src", ops::LocalOwner::Session("s".to_owned()));
    all.include = vec!["a".to_owned()];
    all.exclude = vec!["b".to_owned()];
    all.follow = vec!["c".to_owned()];
    all.shared_key_hint = "hint".to_owned();
    all.differ = "none".to_owned();
    all.metadata_only = Some(vec!["*.go".to_owned()]);
    insta::assert_snapshot!(said(&ops::local(all.clone(), none())), @r#"
    {"Op":{"source":{"identifier":"local://src","attrs":{"local.differ":"none","local.excludepatterns":"[\"b\"]","local.followpaths":"[\"c\"]","local.includepattern":"[\"a\"]","local.metadatatransfer":"true","local.metadatatransferexclude":"[\"*.go\"]","local.session":"s","local.sharedkeyhint":"hint"}}}}
    source.local source.local.excludepatterns source.local.followpaths source.local.includepatterns source.local.metadatatransfer source.local.sessionid source.local.sharedkeyhint
    "#);
    all.differ_required = true;
    assert!(said(&ops::local(all, none())).contains("source.local.differ "));
}

#[test]
fn repositories() {
    insta::assert_snapshot!(said(&ops::git(ops::Git::new("https://h.org/r.git", ""), none())), @r#"
    {"Op":{"source":{"identifier":"git://h.org/r.git","attrs":{"git.authheadersecret":"GIT_AUTH_HEADER","git.authtokensecret":"GIT_AUTH_TOKEN","git.fullurl":"https://h.org/r.git"}}}}
    source.git source.git.fullurl
    "#);
    let mut all = ops::Git::new("git@h.org:r.git", "v1");
    all.subdir = "d".to_owned();
    all.keep_git_dir = true;
    all.auth_token_secret = Some("token".to_owned());
    all.auth_header_secret = Some("header".to_owned());
    all.known_ssh_hosts = "h.org ssh-ed25519 AAAA\n".to_owned();
    all.ssh_agent = Some("agent".to_owned());
    all.checksum = "abc".to_owned();
    all.skip_submodules = true;
    all.mtime = "commit".to_owned();
    all.fetch_by_commit = true;
    all.bundle = Some(ops::GitBundle {
        locator: "oci-layout+blob://x@sha256:12".to_owned(),
        session: "s".to_owned(),
        store: "t".to_owned(),
    });
    all.checkout_bundle = true;
    all.signature = Some(ops::GitSignature {
        public_key: "key".to_owned(),
        reject_expired: true,
        require_signed_tag: true,
        ignore_signed_tag: true,
    });
    insta::assert_snapshot!(said(&ops::git(all, none())), @r#"
    {"Op":{"source":{"identifier":"git://h.org/r.git#v1:d","attrs":{"git.authheadersecret":"header","git.authtokensecret":"token","git.bundle":"oci-layout+blob://x@sha256:12","git.checkoutbundle":"true","git.checksum":"abc","git.fetchbycommit":"true","git.fullurl":"git@h.org:r.git","git.keepgitdir":"true","git.knownsshhosts":"h.org ssh-ed25519 AAAA\n","git.mountsshsock":"agent","git.mtime":"commit","git.sig.ignoresignedtag":"true","git.sig.pubkey":"key","git.sig.rejectexpired":"true","git.sig.requiresignedtag":"true","git.skipsubmodules":"true","oci.session":"s","oci.store":"t"}}}}
    source.git source.git.bundle source.git.checkoutbundle source.git.checksum source.git.fetchbycommit source.git.fullurl source.git.httpauth source.git.keepgitdir source.git.knownsshhosts source.git.mountsshsock source.git.mtime source.git.signatureverify source.git.skipsubmodules
    "#);
}

#[test]
fn processes() {
    let args = vec!["make".to_owned()];
    let plain = Exec::new(Some(image("a")), args.clone(), "/", linux());
    insta::assert_snapshot!(said(&plain.clone().build(none()).root.unwrap()), @r#"
    {"Op":{"exec":{"meta":{"args":["make"],"cwd":"/","removeMountStubsRecursive":true},"mounts":[{"dest":"/"}]}},"platform":{"Architecture":"amd64","OS":"linux"}}
    exec.meta.base exec.mount.bind
    "#);
    let mut all = plain;
    all.env = vec!["A=1".to_owned()];
    all.user = "u".to_owned();
    all.hostname = "h".to_owned();
    all.cgroup_parent = "g".to_owned();
    all.extra_hosts = vec![pb::HostIp { host: "x".to_owned(), ip: "1.2.3.4".to_owned() }];
    all.ulimits = vec![pb::Ulimit { name: "nofile".to_owned(), soft: 1, hard: 2 }];
    all.valid_exit_codes = Some(vec![0, 3]);
    all.proxy = Some(pb::ProxyEnv { http_proxy: "p".to_owned(), all_proxy: "q".to_owned(), ..Default::default() });
    all.network = pb::NetMode::Host;
    all.security = pb::SecurityMode::Insecure;
    all.devices = vec![pb::CdiDevice { name: "v/c=d".to_owned(), optional: true }];
    all.path_by_solver = true;
    let cache = MountKind::Cache { id: "c".to_owned(), sharing: pb::CacheSharingOpt::Locked };
    all.mounts = vec![
        ExecMount { kind: cache, ..ExecMount::bind("/c", None) },
        ExecMount {
            readonly: true,
            content_cache: pb::MountContentCache::On,
            result_id: "r".to_owned(),
            ..ExecMount::bind("/r", Some(image("b")))
        },
    ];
    let limits = pb::LinuxResources { memory: 5, ..Default::default() };
    let built = all.build(Annotations { linux_resources: Some(limits.clone()), ..none() });
    insta::assert_snapshot!(said(&built.root.unwrap()), @r#"
    {"Op":{"exec":{"meta":{"args":["make"],"env":["A=1"],"cwd":"/","user":"u","proxy_env":{"http_proxy":"p","all_proxy":"q"},"extraHosts":[{"Host":"x","IP":"1.2.3.4"}],"hostname":"h","ulimit":[{"Name":"nofile","Soft":1,"Hard":2}],"cgroupParent":"g","removeMountStubsRecursive":true,"validExitCodes":[0,3]},"mounts":[{"dest":"/"},{"input":-1,"dest":"/c","output":-1,"mountType":3,"cacheOpt":{"ID":"c","sharing":2}},{"input":1,"dest":"/r","output":-1,"readonly":true,"resultID":"r","contentCache":1}],"network":1,"security":1,"cdiDevices":[{"name":"v/c=d","optional":true}]}},"platform":{"Architecture":"amd64","OS":"linux"}}
    exec.meta.base exec.meta.cdi exec.meta.linux.resources exec.meta.network exec.meta.proxyenv exec.meta.security exec.meta.setsdefaultpath exec.meta.ulimit exec.mount.bind exec.mount.cache exec.mount.cache.content exec.mount.cache.sharing exec.validexitcode
    "#);
    assert_eq!(built.vertex.metadata().linux_resources.as_deref(), Some(&limits));
}

#[test]
fn one_op_makes_all_results_of_a_process() {
    let mut exec = Exec::new(Some(image("a")), vec!["make".to_owned()], "/", linux());
    exec.mounts = ["/x", "/y"].map(|dest| ExecMount::bind(dest, None)).to_vec();
    let built = exec.build(none());
    let results: Vec<Output> = built.mounts.into_iter().chain([built.root]).flatten().collect();
    assert_eq!(results.iter().map(|output| output.index).collect::<Vec<_>>(), [1, 2, 0]);
    let all = ops::merge(results, none()).unwrap();
    // The image, the process, the merge, the end.
    assert_eq!(marshal(Some(&all), Vec::new()).def.len(), 4);
}

#[test]
fn files() {
    let mut copy = ops::Copy::new(Some(image("b")), "/s", "/d");
    copy.mode = ops::Mode::Symbolic("u+x".to_owned());
    copy.follow_symlinks = true;
    copy.contents_only = true;
    copy.unpack = true;
    copy.create_dest_path = true;
    copy.allow_wildcard = true;
    copy.allow_empty_wildcard = true;
    copy.created = Some(9);
    copy.include = vec!["i".to_owned()];
    copy.exclude = vec!["e".to_owned()];
    copy.always_replace = true;
    copy.required = vec!["q".to_owned()];
    let owner = Some(ops::Owner { user: Some(ops::UserRef::Id(1)), group: None });
    let steps = vec![
        FileStep::Symlink { oldpath: "o".to_owned(), newpath: "/n".to_owned(), owner: owner.clone(), created: Some(3) },
        FileStep::MkDir { path: "/p".to_owned(), mode: 0o700, parents: true, owner, created: None },
        FileStep::Rm { path: "/r*".to_owned(), allow_not_found: true, allow_wildcard: true },
        FileStep::Copy(copy),
    ];
    let output = ops::file(Some(image("a")), steps, none()).unwrap();
    insta::assert_snapshot!(said(&output).replace("},{", "},\n{"), @r#"
    {"Op":{"file":{"actions":[{"input":0,"secondaryInput":-1,"output":-1,"Action":{"symlink":{"oldpath":"o","newpath":"/n","owner":{"user":{"User":{"byId":1}}},"timestamp":3}}},
    {"input":2,"secondaryInput":-1,"output":-1,"Action":{"mkdir":{"path":"/p","mode":448,"makeParents":true,"owner":{"user":{"User":{"byId":1}}},"timestamp":-1}}},
    {"input":3,"secondaryInput":-1,"output":-1,"Action":{"rm":{"path":"/r*","allowNotFound":true,"allowWildcard":true}}},
    {"input":4,"secondaryInput":1,"output":0,"Action":{"copy":{"src":"/s","dest":"/d","mode":-1,"followSymlink":true,"dirCopyContents":true,"attemptUnpackDockerCompatibility":true,"createDestPath":true,"allowWildcard":true,"allowEmptyWildcard":true,"timestamp":9,"include_patterns":["i"],"exclude_patterns":["e"],"alwaysReplaceExistingDestPaths":true,"modeStr":"u+x","required_paths":["q"]}}}]}}}
    file.base
    "#);
}

#[test]
fn layers() {
    let (a, b) = (image("a"), image("b"));
    insta::assert_snapshot!(said(&ops::merge(vec![a.clone(), b.clone()], none()).unwrap()), @r#"
    {"Op":{"merge":{"inputs":[{},{"input":1}]}}}
    mergeop
    "#);
    insta::assert_snapshot!(said(&ops::diff(Some(a.clone()), Some(b), none()).unwrap()), @r#"
    {"Op":{"diff":{"lower":{},"upper":{"input":1}}}}
    diffop
    "#);
    insta::assert_snapshot!(said(&ops::diff(Some(a.clone()), None, none()).unwrap()), @r#"
    {"Op":{"diff":{"lower":{},"upper":{"input":-1}}}}
    diffop
    "#);
    assert_eq!(ops::diff(None, Some(a.clone()), none()), Some(a.clone()));
    assert_eq!(ops::merge(vec![a.clone()], none()), Some(a));
    assert_eq!(ops::merge(Vec::new(), none()), None);
}

#[test]
fn builds_in_builds() {
    let build = |filename: &str| {
        let build = ops::Build { source: image("a"), filename: filename.to_owned(), platform: linux() };
        said(&ops::build(build, none()))
    };
    insta::assert_snapshot!(build(""), @r#"
    {"Op":{"build":{"builder":-1,"inputs":{"buildkit.llb.definition":{}}}},"platform":{"Architecture":"amd64","OS":"linux"}}
    source.buildop.llbfilename
    "#);
    insta::assert_snapshot!(build("graph.pb"), @r#"
    {"Op":{"build":{"builder":-1,"inputs":{"buildkit.llb.definition":{}},"attrs":{"llbbuild.filename":"graph.pb"}}},"platform":{"Architecture":"amd64","OS":"linux"}}
    source.buildop.llbfilename
    "#);
}

#[test]
fn what_waits_for_others() {
    let input = |output, handed_on| ops::PassthroughInput { output, handed_on };
    let inputs = vec![
        input(Some(image("a")), false),
        input(None, true),
        input(Some(image("b")), true),
        input(Some(image("c")), true),
    ];
    let outputs = ops::passthrough("id", inputs, none());
    let numbers: Vec<Option<i64>> = outputs.iter().map(|output| output.as_ref().map(|output| output.index)).collect();
    assert_eq!(numbers, [None, None, Some(0), Some(1)]);
    insta::assert_snapshot!(said(outputs[3].as_ref().unwrap()), @r#"
    {"Op":{"passthrough":{"id":"id","outputs":[1,2]}}}
    passthroughop
    "#);
    assert_eq!(ops::passthrough("id", vec![input(Some(image("a")), false)], none()), [None]);
}

#[test]
fn annotations_are_metadata_and_only_workers_change_the_digest() {
    let built = |annotations| ops::image(ops::Image::new("a", linux()), annotations);
    let plain = built(none());
    let group = pb::ProgressGroup { id: "g".to_owned(), name: "n".to_owned(), weak: true };
    let all = Annotations {
        name: Some("title".to_owned()),
        description: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        ignore_cache: true,
        export_cache: Some(false),
        progress_group: Some(group),
        linux_resources: Some(pb::LinuxResources { cpu_quota: 1, ..Default::default() }),
        ..none()
    };
    let output = built(all.clone());
    assert_eq!(output, plain);
    insta::assert_snapshot!(output.vertex.metadata().to_json(), @r#"{"ignore_cache":true,"description":{"k":"v","llb.customname":"title"},"export_cache":{},"caps":{"source.image":true},"progress_group":{"id":"g","name":"n","weak":true},"linux_resources":{"cpuQuota":1}}"#);
    let terminal = |output: &Output| {
        let definition = marshal(Some(output), Vec::new());
        let digest = Digest::of(definition.def.last().unwrap());
        definition.metadata[digest.as_str()].to_json()
    };
    insta::assert_snapshot!(terminal(&output), @r#"{"caps":{"constraints":true,"meta.description":true,"meta.exportcache":true,"meta.ignorecache":true,"platform":true}}"#);
    insta::assert_snapshot!(terminal(&plain), @r#"{"caps":{"constraints":true,"platform":true}}"#);
    let workers = vec!["label==x".to_owned()];
    let elsewhere = built(Annotations { workers: workers.clone(), ..all });
    assert_ne!(elsewhere, plain);
    let op = pb::Op::decode(elsewhere.vertex.bytes()).unwrap();
    assert_eq!(op.constraints, Some(pb::WorkerConstraints { filter: workers }));
}

/// Many inputs of one op take no more than a moment.
#[test]
fn an_op_can_have_very_many_inputs() {
    let many = 20_000;
    let images: Vec<Output> = (0..many).map(|number| image(&number.to_string())).collect();
    let mut exec = Exec::new(None, vec!["x".to_owned()], "/", linux());
    let mounts = images.iter().enumerate().map(|(number, image)| ExecMount {
        readonly: true,
        ..ExecMount::bind(format!("/{number}"), Some(image.clone()))
    });
    // Each twice.
    exec.mounts = mounts.clone().chain(mounts).collect();
    let built = exec.build(none());
    assert_eq!(built.vertex.inputs().len(), many);
    assert_eq!(built.mounts.len(), 2 * many);
    let copies = images.iter().map(|image| FileStep::Copy(ops::Copy::new(Some(image.clone()), "/", "/"))).collect();
    let both = ops::merge(vec![built.root.unwrap(), ops::file(None, copies, none()).unwrap()], none()).unwrap();
    assert_eq!(Graph::load(&marshal(Some(&both), Vec::new())).unwrap().vertices.len(), many + 3);
}
