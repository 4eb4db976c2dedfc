//! What is shown of a name.

use crate::fixture::Fixture;

fn hover(text: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.analysis().hover(fixture.offset) {
        None => "nothing".to_owned(),
        Some(hover) => {
            format!("[{}] {}\n{}", fixture.slice(hover.span), hover.signature, hover.doc.unwrap_or_default())
        }
    }
}

#[test]
fn hover_tells_how_a_builtin_is_declared() {
    insta::assert_snapshot!(hover("fs default() {\n\tmk$0file \"/a\" 0o644 \"x\"\n}\n"), @r"
    [mkfile] fs mkfile(string path, int filemode, string content)
    Makes a file.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o644`; bits above 0o777 are dropped.
    - `content`: what is in it.
    ");
}

#[test]
fn hover_tells_of_functions_parameters_and_bound_names() {
    let program = "\
# Compiles a package.
#
# @param pkg which.
fs build(string pkg) {
	image \"go\"
	run \"go build ${pkg}\" with option {
		mount scratch \"/out\" as bin
	}
}

fs default() {
	scratch
	copy bin(\"x\") \"/\" \"/\"
	build \"y\"
}
";
    let at = |place: &str| hover(&program.replace(place, &format!("{}$0{}", &place[..1], &place[1..])));
    insta::assert_snapshot!(at("build \"y\""), @r"
    [build] fs build(string pkg)
    Compiles a package.

    - `pkg`: which.
    ");
    insta::assert_snapshot!(at("pkg}"), @r"
    [pkg] string pkg
    Parameter of `build`.
    ");
    insta::assert_snapshot!(at("bin(\"x\")"), @r"
    [bin] fs bin(string pkg)
    Bound in `build`.
    ");
    insta::assert_snapshot!(at("default()"), @"[default] fs default()");
    insta::assert_snapshot!(at("\"go build"), @"nothing");
}

/// What is shown with the lock file and the graph at hand.
fn all(text: &str) -> String {
    let fixture = Fixture::new(text);
    match fixture.snapshot().hover(&fixture.analysis(), fixture.offset) {
        None => "nothing".to_owned(),
        Some(hover) => {
            let step = hover.step.map(|step| format!("--\n{step}")).unwrap_or_default();
            let doc = hover.doc.map(|doc| format!("{doc}\n")).unwrap_or_default();
            format!("[{}] {}\n{doc}{step}", fixture.slice(hover.span), hover.signature)
        }
    }
}

#[test]
fn hover_shows_what_a_call_becomes() {
    insta::assert_snapshot!(all("fs default() {\n\timage \"alpine:3.20\"\n\tr$0un \"echo ä𝄞\" with option {\n\t\tdir \"/src\"\n\t}\n}\n"), @r"
    [run] fs run(variadic string arg)
    Runs a command in the filesystem.

    - `arg`: one argument is a script for `/bin/sh -c`, or what `shell` has set; several are program and arguments, without a shell.
    - returns the filesystem that the command left.
    --
    #2 run /bin/sh -c 'echo ä𝄞'
       /    #1
       dir  /src
       at   /work/build.hlb:3:2
    ");
    insta::assert_snapshot!(all("fs part(string name) {\n\tscratch\n\t$0mkfile name 0o644 \"x\"\n}\n\nfs most(string a) {\n\tpart a\n}\n\nfs default() {\n\tmost \"𝄞\"\n}\n"), @r"
    [mkfile] fs mkfile(string path, int filemode, string content)
    Makes a file.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o644`; bits above 0o777 are dropped.
    - `content`: what is in it.
    --
    #1 mkfile /𝄞, mode 0644, 1 byte
       on  scratch
       at  /work/build.hlb:3:2, called at /work/build.hlb:7:2, /work/build.hlb:11:2
    ");
    insta::assert_snapshot!(all("import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.base\n\tmk$0dir \"/d\" 0o755\n}\n//- /work/lib.hlb\nexport base\n\nfs base() {\n\timage \"base\"\n}\n"), @r"
    [mkdir] fs mkdir(string path, int filemode)
    Makes a directory.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o755`; bits above 0o777 are dropped.
    --
    #2 mkdir /d, mode 0755
       on  #1
       at  /work/build.hlb:5:2
    ");
    insta::assert_snapshot!(all("fs unused(string x) {\n\tscratch\n\tmk$0dir x 0o755\n}\n"), @r"
    [mkdir] fs mkdir(string path, int filemode)
    Makes a directory.

    - `path`: where; relative to the working directory.
    - `filemode`: its permission bits, such as `0o755`; bits above 0o777 are dropped.
    ");
}

#[test]
fn hover_shows_the_step_of_a_command_in_the_example() {
    let dir = std::path::Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../examples/lua");
    let dir = camino::Utf8PathBuf::from_path_buf(dir.canonicalize().unwrap()).unwrap();
    let path = dir.join("build.hlb");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut host = hlb_ide::Host::new(hlb_ide::Settings::default(), vec![dir]);
    host.edit(path.clone(), text.clone());
    let (snapshot, at) = (host.snapshot(), text.find("run \"gcc ${cflags} -c /src/host.c").unwrap());
    let hover = snapshot.hover(&snapshot.analysis(&path).unwrap(), at).unwrap();
    let step = hover.step.unwrap();
    assert!(step.contains("gcc -std=gnu99 -O2 -Wall -DLUA_USE_POSIX -I/lua/src -c /src/host.c"), "{step}");
    assert!(step.lines().count() <= 20, "{step}");
    // Of a function that is called twice, each.
    let at = text.find("run <<~SH\n\t\tfor f in").unwrap();
    let step = snapshot.hover(&snapshot.analysis(&path).unwrap(), at).unwrap().step.unwrap();
    assert!(step.contains("lapi lcode") && step.lines().count() <= 20, "{step}");
}

#[test]
fn nothing_is_executed_to_show_a_step() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let text =
        format!("fs default() {{\n\tscratch\n\tmk$0file \"/x\" 0o644 localRun(\"touch {}\")\n}}\n", made.display());
    assert!(all(&text).lines().all(|line| !line.starts_with("--")), "{}", all(&text));
    assert!(!made.exists());
    let env = "fs default() {\n\tscratch\n\tmk$0file \"/x\" 0o644 localEnv(\"HOME\")\n}\n";
    assert!(all(env).lines().all(|line| !line.starts_with("--")));
}

#[test]
fn hover_tells_of_imports_images_and_literals() {
    let files = "import lib from \"./lib.hlb\"\n\nfs a() {\n\tlib.tool\n}\n//- /work/lib.hlb\n# Tools ä𝄞.\n#\n# More.\n\nexport tool\n\nfs tool() {\n\tscratch\n}\n";
    insta::assert_snapshot!(all(&files.replace("./lib", ".$0/lib")), @r#"
    ["./lib.hlb"] import from "/work/lib.hlb"
    Tools ä𝄞.

    More.
    "#);
    insta::assert_snapshot!(all(&files.replace("lib.tool", "l$0ib.tool")), @r#"
    [lib] import from "/work/lib.hlb"
    Tools ä𝄞.

    More.
    "#);
    insta::assert_snapshot!(all("fs a() {\n\timage \"alp$0ine:3.20\"\n}\n"), @r#"
    ["alpine:3.20"] image "alpine:3.20"
    Not pinned: it may stand for another image tomorrow.
    "#);
    insta::assert_snapshot!(all("fs a() {\n\timage \"alpine@sha256:$0\"\n}\n"), @r#"
    ["alpine@sha256:"] image "alpine@sha256:"
    Pinned by its digest.
    "#);
    insta::assert_snapshot!(all("fs a() {\n\tmkdir \"/ä𝄞\" 0o7$055\n}\n"), @r"
    [0o755] 0o755
    `rwxr-xr-x` as permissions. 493 in decimal.
    ");
    insta::assert_snapshot!(all("int a() {\n\t0x$0ff\n}\n"), @r"
    [0xff] 0xff
    255 in decimal.
    ");
    insta::assert_snapshot!(all("int a() {\n\t$0493\n}\n"), @r"
    [493] 493
    `0x1ed`, `0o755`.
    ");
    insta::assert_snapshot!(all("fs a() {\n\timage \"x\"\n\thealthcheck \"true\" with option { interval \"1m$030s\"; }\n}\n"), @r#"
    ["1m30s"] "1m30s"
    1 minute, 30 seconds.
    "#);
    insta::assert_snapshot!(all("fs a() {\n\tmkfile(path = \"/a\", file$0mode = 0o644, content = \"\")\n}\n"), @r"
    [filemode] int filemode
    its permission bits, such as `0o644`; bits above 0o777 are dropped.
    ");
}

#[test]
fn hover_tells_of_words() {
    insta::assert_snapshot!(all("fs a() {\n\trun \"x\" wi$0th option { shlex; }\n}\n"), @r"
    [with] call with OPTIONS
    Gives options to a call; in a declaration, says which a function takes.
    ");
    insta::assert_snapshot!(all("f$0s a() {\n\tscratch\n}\n"), @r"
    [fs] fs
    A filesystem: a tree of files, with what an image of it would be configured with.
    ");
    insta::assert_snapshot!(all("option::r$0un a() {\n\tshlex\n}\n"), @r"
    [option::run] option::CALLEE
    Options of a call; behind `with`, of the call in front of it.
    ");
    insta::assert_snapshot!(all("string a() {\n\tst$0r.upper(\"x\")\n}\n"), @r#"
    [str] str
    Texts. What is counted is characters, not bytes, and positions begin at 0. On a text these are methods too: `tag.trimPrefix("v")` is `str.trimPrefix(tag, "v")`.
    "#);
    insta::assert_snapshot!(all("string a(string? x) {\n\tif x != none {\n\t\t$0x\n\t} else {\n\t\t\"\"\n\t}\n}\n"), @r"
    [x] string? x
    # here: string
    Parameter of `a`.
    ");
}

#[test]
fn hover_tells_what_it_can_in_texts_with_mistakes() {
    insta::assert_snapshot!(all("fs a() {\n\tscra$0tch\n\trun \"${\n"), @r"
    [scratch] fs scratch()
    The empty filesystem.
    ");
    insta::assert_snapshot!(all("fs a( {\n\tle$0t x = \n"), @r"
    [let] let NAME = VALUE
    Names a value.
    ");
    insta::assert_snapshot!(all("fs a() {\n\tmkdir \"/x\" 0o$0755 ]\n}\n"), @r"
    [0o755] 0o755
    `rwxr-xr-x` as permissions. 493 in decimal.
    ");
    insta::assert_snapshot!(all("$0"), @"nothing");
}

#[test]
fn hover_tells_what_functions_of_other_files_do_once_all_have_been_looked_at() {
    let fixture = Fixture::new(
        "import lib from \"./lib.hlb\"\n\nfs a() {\n\tlib.to$0ol\n}\n//- /work/lib.hlb\nexport tool\n\nfs tool() {\n\tlocal \".\"\n}\n",
    );
    let snapshot = fixture.snapshot();
    let signature = || snapshot.hover(&fixture.analysis(), fixture.offset).unwrap().signature;
    assert_eq!(signature(), "fs tool()");
    let _ = snapshot.project(&|| false);
    assert_eq!(signature(), "fs tool()\n# local");
}

#[test]
fn hover_of_an_import_shows_the_comment_of_the_file_and_no_other() {
    let hover = |lib: &str| {
        hover(&format!("import l$0ib from \"./lib.hlb\"\n\nfs default() {{\n\tlib.tool\n}}\n//- /work/lib.hlb\n{lib}"))
    };
    let tool = "# Makes a tool.\nexport fs tool() {\n\tscratch\n}\n";
    assert!(!hover(tool).contains("Makes a tool."), "{}", hover(tool));
    let with_head = hover(&format!("# All tools,\n# ä𝄞.\r\n\r\n{tool}"));
    assert!(with_head.ends_with("All tools, ä𝄞."), "{with_head}");
}
