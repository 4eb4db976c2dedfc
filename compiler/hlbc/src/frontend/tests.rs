//! Whole invocations, against a solver without a machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hlb_compiler::{ReadAnswer, Reading};
use hlb_gateway::client::{Gateway, Image, Invocation, Reference};
use hlb_gateway::server::{Fault, Host, Returned, Tree, serve};
use hlb_llb::definition::Graph;
use hlb_llb::json::ToJson as _;
use hlb_llb::{ops, pb};
use hlb_runtime::Entry;
use tokio_util::sync::CancellationToken;

use super::{answer, look, place};

/// The client's files, which every result has.
#[derive(Clone)]
struct Files(BTreeMap<String, String>);

struct Memory {
    files: Files,
    solved: Arc<Mutex<Vec<String>>>,
}

impl Host for Memory {
    type Tree = Files;

    async fn solve(&self, definition: pb::Definition) -> Result<Files, Fault> {
        self.solved.lock().unwrap().push(ops(&definition));
        Ok(self.files.clone())
    }

    async fn image(&self, reference: &str, platform: Option<pb::Platform>) -> Result<Image, Fault> {
        if reference.contains("none") {
            return Err(Fault::new(format!("cannot get `{reference}`: not found")));
        }
        let architecture = platform.unwrap_or_default().architecture;
        let config =
            format!(r#"{{"architecture":"{architecture}","os":"linux","config":{{"Env":["A=1"],"WorkingDir":"/w"}}}}"#);
        Ok(Image { digest: "sha256:1".to_owned(), config: config.into_bytes() })
    }

    fn platform(&self) -> pb::Platform {
        pb::Platform { os: "linux".to_owned(), architecture: "arm64".to_owned(), ..Default::default() }
    }

    fn capabilities(&self) -> &[&str] {
        &[]
    }

    fn warn(&self, short: &str, _: &[String]) {
        self.solved.lock().unwrap().push(format!("warning: {short}"));
    }
}

impl Tree for Files {
    fn read_file(&self, path: &str, offset: u64, length: Option<u64>, _: u64) -> std::io::Result<Vec<u8>> {
        let bytes = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?.bytes();
        let length = length.map_or(usize::MAX, |length| length as usize);
        Ok(bytes.skip(offset as usize).take(length).collect())
    }

    fn read_dir(&self, path: &str, _: &str) -> std::io::Result<Vec<Entry>> {
        let inside = self.0.keys().filter_map(|file| file.strip_prefix(path));
        inside.filter(|name| !name.contains('/')).map(|name| self.stat(&format!("{path}{name}"))).collect()
    }

    fn stat(&self, path: &str) -> std::io::Result<Entry> {
        let below = format!("{path}/");
        let mode = if self.0.contains_key(path) {
            0o100_644
        } else if self.0.keys().any(|file| file.starts_with(&below)) {
            0o040_755
        } else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        Ok(Entry {
            name: path.rsplit('/').next().unwrap().into(),
            mode,
            uid: 0,
            gid: 0,
            size: self.0.get(path).map_or(0, |text| text.len() as u64),
            modified: 0,
            target: None,
            device: None,
            attributes: Vec::new(),
        })
    }
}

/// What an invocation comes to.
struct Done {
    answer: String,
    /// The graphs that somebody looked into, and warnings.
    solved: Vec<String>,
}

/// The ops of a graph as JSON, one a line, `*` before those that are always done.
fn ops(definition: &pb::Definition) -> String {
    let graph = Graph::load(definition).unwrap();
    let line = |vertex: &hlb_llb::definition::LoadedVertex| {
        format!("{}{}", if vertex.metadata.ignore_cache { "* " } else { "" }, vertex.op.to_json())
    };
    graph.vertices.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[derive(Default)]
struct Case<'a> {
    program: &'a str,
    files: &'a [(&'a str, &'a str)],
    opts: &'a [(&'a str, &'a str)],
    inputs: BTreeMap<String, pb::Definition>,
}

impl Case<'_> {
    fn run(self) -> Done {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let files = [("build.hlb", self.program)].into_iter().chain(self.files.iter().copied());
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let solved = Arc::<Mutex<Vec<String>>>::default();
        let host = Memory { files: Files(files), solved: Arc::clone(&solved) };
        let opts = self.opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let invocation = Invocation { opts, session: "session".to_owned(), platforms: Vec::new() };
        let (ours, theirs) = tokio::io::duplex(1 << 12);
        let end = CancellationToken::new();
        let serving = tokio.spawn(serve(host, self.inputs, ours, CancellationToken::new(), end.clone()));
        let gateway = tokio.block_on(Gateway::connect(theirs)).unwrap();
        let answered = answer(&gateway, &invocation, tokio.handle());
        match &answered {
            Ok(answer) => tokio.block_on(gateway.finish(answer)).unwrap(),
            Err(failure) => tokio.block_on(gateway.fail(failure)).unwrap(),
        }
        drop(gateway);
        end.cancel();
        let answer = match tokio.block_on(serving).unwrap().unwrap().unwrap() {
            Returned::Failed { message } => message,
            Returned::Result { graphs, metadata } => {
                let metadata = metadata.iter().map(|(key, value)| format!("{key}: {}", String::from_utf8_lossy(value)));
                let graphs = graphs.iter().map(|(name, graph)| format!("[{name}]\n{}", ops(graph)));
                metadata.chain(graphs).collect::<Vec<_>>().join("\n")
            }
        };
        let solved = solved.lock().unwrap().clone();
        Done { answer, solved }
    }
}

fn check(program: &str, opts: &[(&str, &str)]) -> String {
    let files =
        &[("src/a.c", ""), ("lib.hlb", "export one\nfs one() {\n\tscratch\n\tmkfile \"/one\" 0o644 \"1\"\n}\n")];
    Case { program, files, opts, inputs: BTreeMap::new() }.run().answer
}

const RUN: &str = "fs default() {\n\timage \"a\"\n\trun \"b\"\n}\n";

#[test]
fn a_target_becomes_a_graph_and_a_config() {
    insta::assert_snapshot!(check(RUN, &[]), @r#"
    containerimage.config: {"architecture":"arm64","config":{"Env":["A=1"],"WorkingDir":"/w"},"history":[{"comment":"hlb.v0","created_by":"RUN /bin/sh -c b"}],"os":"linux"}
    []
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest"}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    {"inputs":[{"digest":"sha256:16931d4eeb1d01d86c53f9fecf4198d88a6782c76da22fd5302e6ea0e68ddd20"}],"Op":{"exec":{"meta":{"args":["/bin/sh","-c","b"],"env":["A=1"],"cwd":"/w","removeMountStubsRecursive":true},"mounts":[{"dest":"/"}]}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    "#);
    insta::assert_snapshot!(check("fs other() {\n\tscratch\n}\n", &[("target", "other"), ("label:k", "v")]), @r#"
    containerimage.config: {"architecture":"arm64","config":{"Labels":{"k":"v"}},"os":"linux"}
    []
    "#);
}

#[test]
fn the_program_is_all_that_is_looked_at() {
    let done = Case { program: RUN, ..Case::default() }.run();
    insta::assert_snapshot!(done.solved.join("\n--\n"), @r#"{"Op":{"source":{"identifier":"local://dockerfile","attrs":{"local.includepattern":"[\"**/*.hlb\",\"build.hlb\",\"hlb.lock\"]","local.sharedkeyhint":"dockerfile:hlb","local.unique":"session"}}},"constraints":{}}"#);
}

#[test]
fn modules_and_directories_come_from_the_client() {
    let program =
        "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.one\n\tcopy fs { local \"src\"; } \"/\" \"/src\"\n}\n";
    insta::assert_snapshot!(check(program, &[]), @r#"
    containerimage.config: {"architecture":"arm64","config":{},"history":[{"comment":"hlb.v0","created_by":"COPY / /src"}],"os":"linux"}
    []
    {"Op":{"file":{"actions":[{"input":-1,"secondaryInput":-1,"output":0,"Action":{"mkfile":{"path":"/one","mode":420,"data":"MQ==","timestamp":-1}}}]}},"constraints":{}}
    {"Op":{"source":{"identifier":"local://context","attrs":{"local.followpaths":"[\"src\"]","local.sharedkeyhint":"context:src","local.unique":"session"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:930cea9880ae962ca48e255d18623e01d4991197923f8be5d226829e04ace8b2"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/src","dest":"/","mode":-1,"followSymlink":true,"dirCopyContents":true,"timestamp":-1}}}]}},"constraints":{}}
    {"inputs":[{"digest":"sha256:8475ab4027ba8f01198acd59d6c879b622c7e2b9e538d7633f5990eb3121dadd"},{"digest":"sha256:08f5d0da4f5006e66fd55d3087e8d94605fd88302827d848827595a2c59a9272"}],"Op":{"file":{"actions":[{"input":0,"secondaryInput":1,"output":0,"Action":{"copy":{"src":"/","dest":"/src","mode":-1,"timestamp":-1}}}]}},"constraints":{}}
    "#);
}

#[test]
fn several_platforms_give_several_results() {
    insta::assert_snapshot!(check(RUN, &[("platform", "linux/amd64,linux/arm/v7")]), @r#"
    containerimage.config/linux/amd64: {"architecture":"amd64","config":{"Env":["A=1"],"WorkingDir":"/w"},"history":[{"comment":"hlb.v0","created_by":"RUN /bin/sh -c b"}],"os":"linux"}
    containerimage.config/linux/arm/v7: {"architecture":"arm","config":{"Env":["A=1"],"WorkingDir":"/w"},"history":[{"comment":"hlb.v0","created_by":"RUN /bin/sh -c b"}],"os":"linux"}
    refs.platforms: {"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}},{"ID":"linux/arm/v7","Platform":{"architecture":"arm","os":"linux","variant":"v7"}}]}
    [linux/amd64]
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest"}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}}
    {"inputs":[{"digest":"sha256:3f58433b445b2187c19b5f1e955fb1ff68482a39d6bb861343f9289556dcb484"}],"Op":{"exec":{"meta":{"args":["/bin/sh","-c","b"],"env":["A=1"],"cwd":"/w","removeMountStubsRecursive":true},"mounts":[{"dest":"/"}]}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}}
    [linux/arm/v7]
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest"}},"platform":{"Architecture":"arm","OS":"linux","Variant":"v7"},"constraints":{}}
    {"inputs":[{"digest":"sha256:782186da8a9210efd25c0d6e4040e3bfe266cb7b8056b7d6dd8792123149e162"}],"Op":{"exec":{"meta":{"args":["/bin/sh","-c","b"],"env":["A=1"],"cwd":"/w","removeMountStubsRecursive":true},"mounts":[{"dest":"/"}]}},"platform":{"Architecture":"arm","OS":"linux"},"constraints":{}}
    "#);
    insta::assert_snapshot!(check("fs default() {\n\tscratch\n}\n", &[("platform", "amd64"), ("multi-platform", "true")]), @r#"
    containerimage.config/linux/amd64: {"architecture":"amd64","config":{},"os":"linux"}
    refs.platforms: {"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}}]}
    [linux/amd64]
    "#);
}

#[test]
fn options_change_the_graph() {
    insta::assert_snapshot!(check(RUN, &[("no-cache", "")]), @r#"
    containerimage.config: {"architecture":"arm64","config":{"Env":["A=1"],"WorkingDir":"/w"},"history":[{"comment":"hlb.v0","created_by":"RUN /bin/sh -c b"}],"os":"linux"}
    []
    * {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest"}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    * {"inputs":[{"digest":"sha256:16931d4eeb1d01d86c53f9fecf4198d88a6782c76da22fd5302e6ea0e68ddd20"}],"Op":{"exec":{"meta":{"args":["/bin/sh","-c","b"],"env":["A=1"],"cwd":"/w","removeMountStubsRecursive":true},"mounts":[{"dest":"/"}]}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    "#);
    let opts = [("add-hosts", "x=10.0.0.1,y=::1"), ("force-network-mode", "none"), ("image-resolve-mode", "pull")];
    insta::assert_snapshot!(check(RUN, &opts), @r#"
    containerimage.config: {"architecture":"arm64","config":{"Env":["A=1"],"WorkingDir":"/w"},"history":[{"comment":"hlb.v0","created_by":"RUN /bin/sh -c b"}],"os":"linux"}
    []
    {"Op":{"source":{"identifier":"docker-image://docker.io/library/a:latest","attrs":{"image.resolvemode":"pull"}}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    {"inputs":[{"digest":"sha256:43b037a9bc55d712f3cab198e20b730e29a8db8b13c940abfeb464fa12a6fc04"}],"Op":{"exec":{"meta":{"args":["/bin/sh","-c","b"],"env":["A=1"],"cwd":"/w","extraHosts":[{"Host":"x","IP":"10.0.0.1"},{"Host":"y","IP":"::1"}],"removeMountStubsRecursive":true},"mounts":[{"dest":"/"}],"network":2}},"platform":{"Architecture":"arm64","OS":"linux"},"constraints":{}}
    "#);
}

#[test]
fn build_arguments_are_the_environment() {
    let program = "fs default() {\n\tscratch\n\tmkfile \"/v\" 0o644 localEnv(\"VERSION\")\n}\n";
    let answer = check(program, &[("build-arg:VERSION", "1.2")]);
    assert!(answer.contains("\"data\":\"MS4y\""), "{answer}");
}

#[test]
fn a_context_elsewhere_takes_the_place_of_the_directory() {
    let program = "fs default() {\n\tlocal \".\" with includePatterns(\"*.c\")\n}\n";
    insta::assert_snapshot!(check(program, &[("context", "https://example.com/a.git#main:sub")]), @r#"
    containerimage.config: {"architecture":"arm64","config":{},"os":"linux"}
    []
    {"Op":{"source":{"identifier":"git://example.com/a.git#main:sub","attrs":{"git.authheadersecret":"GIT_AUTH_HEADER","git.authtokensecret":"GIT_AUTH_TOKEN","git.fullurl":"https://example.com/a.git"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:45a2ebf67d009f613a6664365e29973e9619080134e16ae1ea04df99e6e54dda"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/","dest":"/","mode":-1,"dirCopyContents":true,"timestamp":-1,"include_patterns":["*.c"]}}}]}},"constraints":{}}
    "#);
    insta::assert_snapshot!(check("fs default() {\n\tlocal \"src\"\n}\n", &[("context", "https://example.com/a.tar")]), @r#"
    containerimage.config: {"architecture":"arm64","config":{},"os":"linux"}
    []
    {"Op":{"source":{"identifier":"https://example.com/a.tar","attrs":{"http.filename":"context"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:db0c8580ad412b7ec80f570937b292eef8e228277d58766ba69d02a62c872c9d"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/context","dest":"/","mode":-1,"attemptUnpackDockerCompatibility":true,"timestamp":-1}}}]}},"constraints":{}}
    {"inputs":[{"digest":"sha256:8b68debb9547897b87eb67793a4f543a4b941d311965c82ad32646b9c98a7efe"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/src","dest":"/","mode":-1,"followSymlink":true,"dirCopyContents":true,"timestamp":-1}}}]}},"constraints":{}}
    "#);
}

#[test]
fn an_input_takes_the_place_of_the_directory() {
    let context = hlb_llb::ops::http(hlb_llb::ops::Http::new("https://example.com/x"), Default::default());
    let graph = hlb_llb::graph::marshal(Some(&context), Vec::new());
    let inputs = BTreeMap::from([("context".to_owned(), graph.clone()), ("dockerfile".to_owned(), graph)]);
    let program = "fs default() {\n\tlocal \".\"\n\trm \"/x\"\n}\n";
    let done = Case { program, inputs, ..Case::default() }.run();
    insta::assert_snapshot!(done.answer, @r#"
    containerimage.config: {"architecture":"arm64","config":{},"os":"linux"}
    []
    {"Op":{"source":{"identifier":"https://example.com/x"}},"constraints":{}}
    {"inputs":[{"digest":"sha256:50a8cc8995ed17d22f8156d64eddf595b4429fb762396835cc038fb1cf4b3d24"}],"Op":{"file":{"actions":[{"input":0,"secondaryInput":-1,"output":0,"Action":{"rm":{"path":"/x"}}}]}},"constraints":{}}
    "#);
    insta::assert_snapshot!(done.solved.join("\n--\n"), @r#"{"Op":{"source":{"identifier":"https://example.com/x"}},"constraints":{}}"#);
}

#[test]
fn mistakes_are_told_with_their_place() {
    insta::assert_snapshot!(check("fs default() {\n\timgae \"a\"\n}\n", &[]), @r#"
    error[E0101]: `imgae` is not defined
      ┌─ build.hlb:2:2
      │
    2 │     imgae "a"
      │     ^^^^^
      │
      = help: did you mean `image`?
    "#);
    insta::assert_snapshot!(check(RUN, &[("target", "x")]), @r"
    error[E0201]: there is no target `x` in `build.hlb`
      ┌─ build.hlb:1:1
      │
    1 │ fs default() {
      │ ^
      │
      = help: choose one of default
    ");
    insta::assert_snapshot!(check("fs default() {\n\timage \"none\"\n}\n", &[]), @r#"
    error[E0207]: cannot look up the image `docker.io/library/none:latest`: cannot get `docker.io/library/none:latest`: not found
      ┌─ build.hlb:2:8
      │
    2 │     image "none"
      │           ^^^^^^
    "#);
    insta::assert_snapshot!(check(RUN, &[("filename", "other.hlb")]), @"there is no program `other.hlb` in what the client sent: name it with `--file`");
}

#[test]
fn what_only_the_client_could_do_is_refused() {
    insta::assert_snapshot!(check("fs default() {\n\tscratch\n\tdownload \"out\"\n}\n", &[]), @r#"
    error[E0212]: a frontend writes nothing out: that is up to the client
      ┌─ build.hlb:3:2
      │
    3 │     download "out"
      │     ^^^^^^^^
      │
      = help: use `--output` or `--tag` of the client, and build a target without this call
    "#);
    insta::assert_snapshot!(check("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 localRun(\"date\")\n}\n", &[]), @r#"
    error[E0206]: cannot run `/bin/sh -c date` on this machine: running a command on the machine of the client is not possible here
      ┌─ build.hlb:3:20
      │
    3 │     mkfile "/a" 0o644 localRun("date")
      │     ------            ^^^^^^^^
      │     │                  
      │     in this call
    "#);
    insta::assert_snapshot!(check("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 localCwd\n}\n", &[]), @r#"
    error[E0216]: the working directory cannot be told: looking at the working directory of the client is not possible here
      ┌─ build.hlb:3:20
      │
    3 │     mkfile "/a" 0o644 localCwd
      │     ------            ^^^^^^^^
      │     │                  
      │     in this call
    "#);
    insta::assert_snapshot!(check("pipeline default() {\n\tstage one two\n}\n\nfs one() {\n\timage \"a\"\n}\n\nfs two() {\n\timage \"b\"\n}\n", &[]), @"the target `default` makes several results, and a frontend gives one: name one of those it calls with `--target`");
}

#[test]
fn options_that_would_have_no_effect_are_refused() {
    insta::assert_snapshot!(check(RUN, &[("shm-size", "1g")]), @"the option `shm-size`, a size of shared memory, is not supported yet for HLB");
    insta::assert_snapshot!(check(RUN, &[("context:base", "docker-image://b")]), @"the named context `base` is not supported yet for HLB: name what it stands for in the program");
    insta::assert_snapshot!(check(RUN, &[("no-cache", "stage")]), @"`no-cache` for `stage` alone is not supported: HLB has no stages, write `ignoreCache` in the program");
    insta::assert_snapshot!(check(RUN, &[("context", "/somewhere")]), @"the build context `/somewhere` is neither a git repository nor an archive at an http or https URL");
}

#[test]
fn questions_about_the_program_are_answered() {
    let program =
        "# All of it.\nfs default() {\n\tscratch\n}\n\nstring version() {\n\t\"1\"\n}\n\nfs part() {\n\tscratch\n}\n";
    insta::assert_snapshot!(check(program, &[("requestid", "frontend.targets")]), @r#"
    result.json: {"sources":[],"targets":[{"default":true,"description":"All of it.","name":"default"},{"default":false,"description":"","name":"part"}]}
    result.txt: default   All of it.
    part

    version: 1.0.0
    []
    "#);
    insta::assert_snapshot!(check(program, &[("requestid", "frontend.subrequests.describe")]), @r#"
    result.json: [{"description":"List the requests that can be made","inputs":null,"metadata":[{"name":"result.json"},{"name":"result.txt"}],"name":"frontend.subrequests.describe","opts":null,"refs":null,"type":"rpc","version":"1.0.0"},{"description":"List all targets that can be built","inputs":null,"metadata":[{"name":"result.json"},{"name":"result.txt"}],"name":"frontend.targets","opts":null,"refs":null,"type":"rpc","version":"1.0.0"}]
    result.txt: frontend.subrequests.describe   List the requests that can be made
    frontend.targets                List all targets that can be built

    version: 1.0.0
    []
    "#);
    insta::assert_snapshot!(check(program, &[("requestid", "frontend.outline")]), @"unsupported request frontend.outline");
}

#[test]
fn doubts_are_warnings() {
    let program = "import lib from \"./lib.hlb\"\n\nfs default() {\n\timage \"a\"\n}\n";
    let files = &[("lib.hlb", "export one\nfs one() {\n\tscratch\n}\n")];
    let done = Case { program, files, ..Case::default() }.run();
    insta::assert_snapshot!(done.solved.last().unwrap(), @"warning: nothing uses the import `lib`");
}

#[test]
fn results_are_looked_into() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let long = "x".repeat(9 << 20);
    let files = [("/a.txt", "a"), ("/b.txt", long.as_str()), ("/d/c.txt", "c")];
    let files = Files(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let (ours, theirs) = tokio::io::duplex(1 << 12);
    let end = CancellationToken::new();
    let host = Memory { files, solved: Arc::default() };
    let serving = tokio.spawn(serve(host, BTreeMap::new(), ours, CancellationToken::new(), end.clone()));
    let gateway = tokio.block_on(Gateway::connect(theirs)).unwrap();
    let scratch = tokio.block_on(gateway.solve(&pb::Definition::default(), false)).unwrap();
    let graph = place::local(ops::Local::new("a", ops::LocalOwner::Unique("a".to_owned())), "a".to_owned());
    let made = tokio.block_on(gateway.solve(&graph, false)).unwrap();
    let said = |of: &Reference, what: Reading| match tokio.block_on(look::answer(&gateway, of, &what)) {
        Ok(ReadAnswer::Text(text)) => format!("{} bytes", text.len()),
        Ok(ReadAnswer::Paths(paths)) => format!("{paths:?}"),
        Ok(ReadAnswer::Exists(exists)) => exists.to_string(),
        Err(error) => error.to_string(),
    };
    let read = |path: &str| Reading::Read { path: path.to_owned() };
    let glob = |pattern: &str| Reading::Glob { pattern: pattern.to_owned() };
    let exists = |path: &str| Reading::Exists { path: path.to_owned() };
    let all = [
        read("/a.txt"),
        read("/b.txt"),
        read("/d"),
        read("/none"),
        glob("/*.txt"),
        glob("["),
        exists("/d"),
        exists("/e"),
    ];
    insta::assert_snapshot!(all.map(|what| said(&made, what)).join("\n"), @r#"
    1 bytes
    9437184 bytes
    /d: it is a directory
    no such file or directory: /none
    ["/a.txt", "/b.txt"]
    [: pattern `[` has a `[` without its `]`
    true
    false
    "#);
    let all = [read("/a"), read("/"), glob("/"), glob("/*"), exists("/./"), exists("/a")];
    insta::assert_snapshot!(all.map(|what| said(&scratch, what)).join("\n"), @r#"
    no such file or directory: /a
    /: it is a directory
    ["/"]
    []
    true
    false
    "#);
    drop(gateway);
    end.cancel();
    tokio.block_on(serving).unwrap().unwrap();
}
