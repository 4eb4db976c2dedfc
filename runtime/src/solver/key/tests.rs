//! Keys against those in caches that a real BuildKit exported, and the rules that those do not reach.

use std::collections::BTreeSet;

use hlb_llb::Graph;

use super::*;
use crate::content_hash::ContentHash;

fn folder() -> String {
    format!("{}/tests/cache-keys", env!("CARGO_MANIFEST_DIR"))
}

/// The key of an op of a graph; `None` for a source.
fn op_key(op: &pb::Op) -> Option<OpKey> {
    let inputs = op.inputs.len();
    match op.op.as_ref().unwrap() {
        pb::OpKind::Exec(op_exec) => Some(exec(op_exec, op.platform.as_ref(), inputs).unwrap()),
        pb::OpKind::File(op) => Some(file(op, inputs).unwrap()),
        pb::OpKind::Merge(op) => Some(merge(op, inputs)),
        pb::OpKind::Diff(op) => Some(diff(op, inputs)),
        pb::OpKind::Source(_) => None,
        other => panic!("{other:?}"),
    }
}

/// Compares all keys of a graph, those of content included, and how each follows from those of its inputs, with all records of the
/// cache that was exported after it was solved.
fn check_exported(name: &str) {
    let graph = Graph::decode(&std::fs::read(format!("{}/{name}.llb", folder())).unwrap()).unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let mut archive = tar::Archive::new(std::fs::File::open(format!("{}/inputs.tar", folder())).unwrap());
    archive.set_preserve_permissions(true);
    archive.unpack(unpacked.path()).unwrap();

    // A link: the key, which input, the part of it that counts, and the key of the input.
    let (mut keys, mut links) = (BTreeSet::new(), BTreeSet::new());
    for vertex in &graph.vertices {
        let Some(key) = op_key(&vertex.op) else { continue };
        let own = root_key(key.digest.as_str(), 0).to_string();
        for (at, (dep, (input, _))) in key.deps.iter().zip(&vertex.inputs).enumerate() {
            let input = &graph.vertices[*input];
            if let Some(above) = op_key(&input.op) {
                let selector = dep.selector.as_ref().map(ToString::to_string);
                links.insert((own.clone(), at, selector, root_key(above.digest.as_str(), 0).to_string()));
                continue;
            }
            let (Some(name), Some(content)) = (input.name.strip_prefix("local://"), &dep.content) else { continue };
            let hash = ContentHash::of_local(&unpacked.path().join(name)).unwrap();
            let content = content_key(&hash.checksum_all(&content.paths).unwrap()).to_string();
            // What is looked at is in the digest of the content already.
            links.insert((own.clone(), at, None, content.clone()));
            keys.insert(content);
        }
        keys.insert(own);
    }

    let config = std::fs::read_to_string(format!("{}/{name}.cacheconfig.json", folder())).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let records = config["records"].as_array().unwrap();
    let digest = |record: &serde_json::Value| record["digest"].as_str().unwrap().to_owned();
    let wanted: BTreeSet<String> = records.iter().map(digest).collect();
    assert_eq!(keys, wanted);
    let mut wanted = BTreeSet::new();
    for record in records {
        for (at, input) in record["inputs"].as_array().into_iter().flatten().enumerate() {
            for link in input.as_array().unwrap() {
                let above = &records[usize::try_from(link["link"].as_u64().unwrap()).unwrap()];
                wanted.insert((digest(record), at, link["selector"].as_str().map(str::to_owned), digest(above)));
            }
        }
    }
    assert_eq!(links, wanted);
}

#[test]
fn keys_equal_those_in_an_exported_cache() {
    check_exported("t1");
    check_exported("t2");
}

fn process(mounts: Vec<pb::Mount>) -> pb::ExecOp {
    let meta = Some(pb::Meta { args: vec!["x".to_owned()], cwd: "/".to_owned(), ..Default::default() });
    pb::ExecOp { meta, mounts, ..Default::default() }
}

fn bind(dest: &str, input: i64, output: i64) -> pb::Mount {
    pb::Mount { dest: dest.to_owned(), input, output, ..Default::default() }
}

fn exec_key(mounts: Vec<pb::Mount>, inputs: usize) -> OpKey {
    exec(&process(mounts), None, inputs).unwrap()
}

/// Paths of a request, those that follow links with a star.
fn shown(dep: &DepKey) -> String {
    let Some(content) = &dep.content else { return "-".to_owned() };
    let paths = content.paths.iter().map(|path| format!("{}{}", path.path, if path.follow_links { "*" } else { "" }));
    paths.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_makes_no_difference_to_a_process_is_not_in_its_key() {
    let digest = |change: &dyn Fn(&mut pb::ExecOp)| {
        let mut op = process(vec![bind("/", 0, 0), bind("/m", 1, -1)]);
        op.meta.as_mut().unwrap().extra_hosts = vec![pb::HostIp { host: "h".to_owned(), ip: "1.1.1.1".to_owned() }];
        change(&mut op);
        exec(&op, None, 2).unwrap().digest
    };
    let plain = digest(&|_| {});
    let same: [&dyn Fn(&mut pb::ExecOp); 3] = [
        &|op| op.meta.as_mut().unwrap().proxy_env = Some(pb::ProxyEnv::default()),
        &|op| op.meta.as_mut().unwrap().extra_hosts[0].ip = "2.2.2.2".to_owned(),
        &|op| op.mounts[1].selector = "/sub".to_owned(),
    ];
    for change in same {
        assert_eq!(digest(change), plain);
    }
    let other: [&dyn Fn(&mut pb::ExecOp); 5] = [
        &|op| op.meta.as_mut().unwrap().extra_hosts[0].host = "g".to_owned(),
        &|op| op.meta.as_mut().unwrap().env = vec!["A=1".to_owned()],
        &|op| op.mounts[1].readonly = true,
        &|op| op.mounts[1].dest = "/n".to_owned(),
        &|op| op.network = pb::NetMode::Host.into(),
    ];
    for change in other {
        assert_ne!(digest(change), plain);
    }
}

#[test]
fn names_of_cache_mounts_count_only_where_they_are_the_default() {
    let digest = |id: &str, sharing: pb::CacheSharingOpt| {
        let cache_opt = Some(pb::CacheOpt { id: id.to_owned(), sharing: sharing.into() });
        let mount = pb::Mount { mount_type: pb::MountType::Cache.into(), cache_opt, ..bind("/c", -1, -1) };
        exec_key(vec![bind("/", -1, 0), mount], 0).digest
    };
    use pb::CacheSharingOpt::{Locked, Shared};
    let named = digest("name", Shared);
    assert_eq!(digest("other", Locked), named);
    assert_eq!(digest("/c", Locked), named);
    assert_ne!(digest("/c", Shared), named);
    assert_ne!(digest("space//c", Shared), named);
    assert_ne!(digest("space//c", Shared), digest("/c", Shared));
}

#[test]
fn a_single_root_is_not_in_the_key() {
    let plain = exec_key(vec![bind("/", 0, 0)], 1);
    assert_eq!(plain.digest, exec_key(vec![bind("/", -1, -1)], 0).digest);
    assert_ne!(plain.digest, exec_key(vec![pb::Mount { readonly: true, ..bind("/", 0, 0) }], 1).digest);
    assert_eq!(plain.deps, [DepKey { selector: Some(Digest::of("/")), content: None }]);
}

#[test]
fn platforms_have_one_name() {
    let digest = |os: &str, architecture: &str, variant: &str| {
        let platform = pb::Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
            ..Default::default()
        };
        exec(&process(vec![bind("/", -1, 0)]), Some(&platform), 0).unwrap().digest
    };
    assert_eq!(digest("Linux", "x86_64", ""), digest("linux", "amd64", ""));
    assert_eq!(digest("linux", "aarch64", "v8"), digest("linux", "arm64", ""));
    assert_eq!(digest("linux", "armhf", ""), digest("linux", "arm", "v7"));
    assert_eq!(digest("linux", "arm", ""), digest("linux", "arm", "7"));
    assert_ne!(digest("linux", "arm", "6"), digest("linux", "arm", "7"));
    assert_ne!(digest("linux", "amd64", "v2"), digest("linux", "amd64", "v1"));
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert_eq!(exec_key(vec![bind("/", -1, 0)], 0).digest, digest("linux", "amd64", ""));
    }
}

#[test]
fn content_of_mounts_counts_where_it_is_all_that_counts() {
    let check = |mounts: Vec<pb::Mount>, wanted: &[&str]| {
        let deps = exec_key(mounts, wanted.len()).deps;
        assert_eq!(deps.iter().map(shown).collect::<Vec<_>>(), wanted);
    };
    let part = |mount: pb::Mount, selector: &str| pb::Mount { selector: selector.to_owned(), ..mount };
    let readonly = |mount: pb::Mount| pb::Mount { readonly: true, ..mount };
    check(vec![bind("/", 0, 0), bind("/m", 1, -1)], &["-", "/"]);
    check(vec![bind("/", 0, 0), part(bind("/m", 1, -1), "a/../b")], &["-", "/b*"]);
    check(vec![bind("/", 0, 0), part(bind("/m", 1, 1), "b")], &["-", "-"]);
    check(vec![bind("/", 0, 0), bind("/m", 1, 1)], &["-", "/"]);
    check(vec![bind("/", 0, 0), part(readonly(bind("/m", 1, -1)), "b")], &["-", "/b*"]);
    // The last mount of an input decides, and paths under others are left out.
    let parts = |paths: &[&str]| -> Vec<pb::Mount> {
        let mounts = paths.iter().map(|path| part(bind("/m", 0, -1), path));
        std::iter::once(bind("/", -1, 0)).chain(mounts).collect()
    };
    check(parts(&["b/c", "bc", "b", "a"]), &["/a* /b* /bc*"]);
    check(parts(&["b", "/", "a"]), &["/"]);
    check(vec![bind("/m", 0, -1), bind("/", 0, 0)], &["-"]);
    check(vec![bind("/", 0, 0), bind("/m", 0, -1)], &["/"]);
    // A part that is written and kept brings all of its input along, whatever else shows some of it.
    let kept = part(bind("/m", 0, 0), "a");
    check(vec![bind("/", -1, 1), kept.clone(), part(readonly(bind("/r", 0, -1)), "b")], &["-"]);
    check(vec![bind("/", -1, 1), part(readonly(bind("/r", 0, -1)), "b"), kept], &["-"]);
    // Neither secrets nor memory read an input, whatever their number says.
    let secret = pb::Mount { mount_type: pb::MountType::Secret.into(), ..bind("/s", 0, 0) };
    let deps = exec_key(vec![bind("/", -1, 0), secret], 1).deps;
    assert_eq!(deps, [DepKey::default()]);

    // Which of two mounts shows which part is told by the op's own digest; of one mount only the part itself counts.
    let digest = |paths: &[&str]| exec_key(parts(paths), 1).digest;
    assert_ne!(digest(&["a", "b"]), digest(&["b", "a"]));
    let alone = |path| exec_key(vec![bind("/", -1, 0), part(bind("/m", 0, -1), path)], 1).digest;
    assert_eq!(alone("a"), alone("b"));

    let deps = exec_key(parts(&["b", "a", "b"]), 1).deps;
    assert_eq!(deps[0].selector, Some(Digest::of("/b\0/a\0/b")));
}

#[test]
fn content_caching_can_be_chosen_where_it_is_safe() {
    let mount = |dest: &str, output, cache: pb::MountContentCache| pb::Mount {
        selector: "x".to_owned(),
        content_cache: cache.into(),
        ..bind(dest, 0, output)
    };
    use pb::MountContentCache::{Off, On};
    assert_eq!(shown(&exec_key(vec![mount("/m", -1, Off)], 1).deps[0]), "-");
    assert_eq!(shown(&exec_key(vec![mount("/", -1, On)], 1).deps[0]), "/x*");
    let refused = exec(&process(vec![mount("/m", 0, On)]), None, 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "mount `/m` cannot be cached by content: it is writable, kept, and shows only a part of its input"
    );
    let missing = exec(&process(vec![bind("/", 1, 0)]), None, 1).unwrap_err();
    assert_eq!(missing.to_string(), "a mount names input 1, but the op has 1");
}

fn copy(input: i64, secondary: i64, src: &str) -> pb::FileAction {
    let copy = pb::FileActionCopy { src: src.to_owned(), dest: "/d".to_owned(), mode: -1, ..Default::default() };
    action(input, secondary, 0, pb::FileActionKind::Copy(copy))
}

fn action(input: i64, secondary_input: i64, output: i64, kind: pb::FileActionKind) -> pb::FileAction {
    pb::FileAction { input, secondary_input, output, action: Some(kind) }
}

fn file_key(actions: Vec<pb::FileAction>, inputs: usize) -> OpKey {
    file(&pb::FileOp { actions }, inputs).unwrap()
}

#[test]
fn where_copied_files_lie_makes_no_difference() {
    let key = |src| file_key(vec![copy(0, 1, src)], 2);
    assert_eq!(key("/a/b").digest, key("/c/d/b").digest);
    assert_ne!(key("/a/b").digest, key("/a/c").digest);
    assert_eq!(key("/a/b").deps[0], DepKey::default());
    assert_eq!(key("/a/b").deps[1].selector, Some(Digest::of("/a/b")));
    assert_eq!(shown(&key("/a/b/").deps[1]), "/a/b");
    // Of the result of another action it does.
    let later = |src| file_key(vec![copy(0, -1, "/x"), pb::FileAction { output: 1, ..copy(1, 1, src) }], 1);
    assert_ne!(later("/a/b").digest, later("/c/d/b").digest);
}

#[test]
fn what_is_changed_counts_as_it_is() {
    let key = file_key(vec![copy(0, 0, "/a")], 1);
    assert_eq!(key.deps, [DepKey::default()]);
}

#[test]
fn copies_with_patterns_are_kept_apart() {
    let with = |change: &dyn Fn(&mut pb::FileActionCopy), src: &str| {
        let mut action = copy(0, 1, src);
        if let Some(pb::FileActionKind::Copy(copy)) = &mut action.action {
            change(copy);
        }
        action
    };
    let key = file_key(
        vec![
            with(&|copy| copy.allow_wildcard = true, "/z*"),
            with(&|copy| copy.allow_wildcard = true, "/b\\*"),
            with(&|copy| copy.include_patterns = vec!["x".to_owned()], "/b"),
            with(&|copy| copy.follow_symlink = true, "/b/c"),
            with(&|_| {}, "/b/c"),
            with(&|_| {}, "/b"),
        ],
        2,
    );
    assert_eq!(key.deps[1].selector, Some(Digest::of("/z*\0/b\\*\0/b/c\0/b/c\0/b\0/b")));
    let paths = &key.deps[1].content.as_ref().unwrap().paths;
    let shown: Vec<String> = paths
        .iter()
        .map(|path| format!("{} {} {} {:?}", path.path, path.wildcard, path.follow_links, path.include))
        .collect();
    assert_eq!(
        shown,
        [
            "/b false false []",
            "/b false false [\"x\"]",
            "/b/c false true []",
            "/b\\* false false []",
            "/z* true false []"
        ]
    );
}

#[test]
fn owners_by_name_are_read_from_an_input() {
    let named = |input| {
        let user = pb::User::ByName(pb::NamedUserOpt { name: "bob".to_owned(), input });
        let user = Some(pb::UserOpt { user: Some(user) });
        let owner = Some(pb::ChownOpt { user: user.clone(), group: user });
        let dir = pb::FileActionMkDir { path: "/d".to_owned(), owner, ..Default::default() };
        file(&pb::FileOp { actions: vec![action(0, -1, 0, pb::FileActionKind::Mkdir(dir))] }, 2)
    };
    assert_eq!(shown(&named(1).unwrap().deps[1]), "/etc/group* /etc/passwd*");
    assert_eq!(named(1).unwrap().deps[1].selector, Some(Digest::of("/etc/passwd\0/etc/group")));
    assert_eq!(named(0).unwrap().deps, [DepKey::default(), DepKey::default()]);
    assert_eq!(named(-1).unwrap().deps, [DepKey::default(), DepKey::default()]);
    assert_eq!(named(2).unwrap_err().to_string(), "the owner of a file names input 2, but the op has 2");
}

#[test]
fn layers_make_an_image_what_it_is() {
    let layers = [Digest::of("a"), Digest::of("b"), Digest::of("c")];
    let chain = Digest::of(format!("{} {}", Digest::of(format!("{} {}", layers[0], layers[1])), layers[2]));
    assert_eq!(image_layers(&layers, b"{}"), Digest::of(format!("buildkit.source.v0:{chain}")).to_string());
    assert_eq!(image_layers(&layers[..1], b"{}"), Digest::of(format!("buildkit.source.v0:{}", layers[0])).to_string());
    assert_ne!(image_layers(&[], b"{}"), image_layers(&[], b""));
    let json = format!(r#"{{"Digest":"{}","OS":"linux","Arch":"arm","Variant":"v7"}}"#, layers[0]);
    let manifest = Digest::of(format!("buildkit.source.v0:{}", Digest::of(json)));
    assert_eq!(
        image_manifest(&ImageKey { digest: &layers[0], os: "linux", architecture: "arm", variant: "v7", limit: 0 }),
        manifest.to_string()
    );
}

#[test]
fn commits_and_what_is_done_with_them_are_in_the_key() {
    let check = |git_key: GitKey<'_>, wanted: &str| {
        assert_eq!(git(&git_key), Digest::of(format!("buildkit.source.v0:{wanted}")).to_string());
    };
    let plain =
        GitKey { commit: "c0", kept_reference: None, subdir: "", skip_submodules: false, mtime_of_commit: false };
    check(plain, "c0");
    check(GitKey { kept_reference: Some(""), ..plain }, "c0.git");
    check(
        GitKey { kept_reference: Some("v1"), subdir: "d", skip_submodules: true, mtime_of_commit: true, ..plain },
        "c0.git#v1:d(skip-submodules)(mtime=commit)",
    );
}

#[test]
fn downloads_are_known_by_what_came() {
    let checksum = Digest::of("x");
    let plain = HttpKey {
        filename: "a&b",
        perm: 0o644,
        uid: 0,
        gid: 0,
        checksum: &checksum,
        last_modified: "",
        auth_header_secret: "",
        headers: &[],
    };
    let wanted = |json: String| Digest::of(format!("buildkit.source.v0:{}", Digest::of(json))).to_string();
    assert_eq!(
        http(&plain),
        wanted(format!(r#"{{"Filename":"a\u0026b","Perm":420,"UID":0,"GID":0,"Checksum":"{checksum}"}}"#))
    );
    let last_modified = "Mon, 02 Jan 2006 15:04:05 GMT";
    let full = HttpKey { last_modified, auth_header_secret: "s", headers: &[("Accept", "*/*")], ..plain };
    assert_eq!(
        http(&full),
        wanted(format!(
            r#"{{"Filename":"a\u0026b","Perm":420,"UID":0,"GID":0,"Checksum":"{checksum}","LastModTime":"{last_modified}","AuthHeaderSecret":"s","Header":[{{"Name":"Accept","Value":"*/*"}}]}}"#
        ))
    );
}

#[test]
fn directories_of_the_client_are_known_for_one_session() {
    let include = ["*.c".to_owned()];
    let plain = LocalKey { name: "src", session: "s1", include: &include, exclude: &[], follow: &[] };
    let json = Digest::of(r#"{"SessionID":"s1","IncludePatterns":["*.c"],"ExcludePatterns":null,"FollowPaths":null}"#);
    let digest = Digest::of(format!("buildkit.source.v0:session:src:{json}"));
    assert_eq!(local(&plain), format!("random:{}", digest.hex()));
    assert_ne!(local(&plain), local(&LocalKey { session: "s2", ..plain }));
    let key = root_key(&local(&plain), 0);
    assert!(is_session_only(&key) && key.as_str().len() == "random:".len() + 64);
    assert!(!is_session_only(&content_key(&json)) && !is_session_only(&new_key()));
    assert_ne!(new_key(), new_key());
}

#[test]
fn outputs_have_keys_of_their_own() {
    let digest = Digest::of("x");
    assert_eq!(root_key(digest.as_str(), 12).as_str(), Digest::of(format!("{digest}@12")).as_str());
    assert_eq!(content_key(&digest).as_str(), Digest::of(format!("{digest}@-1")).as_str());
    assert_eq!(diff(&pb::DiffOp::default(), 2).deps, [DepKey::default(), DepKey::default()]);
}

#[test]
fn keys_of_other_ops_are_of_their_json() {
    let check = |digest: &str, text: &str| assert_eq!(digest, Digest::of(text).as_str(), "{text}");
    let inputs =
        std::collections::BTreeMap::from([("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 1 })]);
    let op = pb::BuildOp { builder: -1, inputs, def: None, attrs: std::collections::BTreeMap::new() };
    let json = r#"{"Type":"buildkit.build.v0","Exec":{"builder":-1,"inputs":{"buildkit.llb.definition":{"input":1}}}}"#;
    check(build(&op, 2).digest.as_str(), json);
    assert_eq!(build(&op, 2).deps, [DepKey::default(), DepKey::default()]);
    let op = pb::PassthroughOp { id: "g".to_owned(), outputs: vec![1, 0] };
    let json = r#"{"Type":"buildkit.passthrough.v0","Passthrough":{"id":"g","outputs":[1,0]}}"#;
    check(passthrough(&op, 2).digest.as_str(), json);
}

#[test]
fn limits_of_images_and_files_of_blobs_count() {
    let digest = Digest::of("x");
    let source = |json: String| Digest::of(format!("buildkit.source.v0:{}", Digest::of(json))).to_string();
    let image = ImageKey { digest: &digest, os: "linux", architecture: "amd64", variant: "", limit: 2 };
    let json = format!(r#"{{"Digest":"{digest}","OS":"linux","Arch":"amd64","Limit":2}}"#);
    assert_eq!(image_manifest(&image), source(json));
    let json = format!(r#"{{"Digest":"{digest}","Filename":"f","Perm":416,"UID":7,"GID":0}}"#);
    assert_eq!(blob(&BlobKey { digest: &digest, filename: "f", perm: 0o640, uid: 7, gid: 0 }), source(json));
}
