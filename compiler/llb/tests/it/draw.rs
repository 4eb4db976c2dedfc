//! Graphs drawn: every kind of op in every form, and that no text of a graph gets out of its quotes.

use hlb_llb::{Graph, Plan, draw, pb};

use crate::corpus::cases;
use crate::draft::{Draft, everything, files, mkfile, source};

/// The three forms of a definition.
fn drawn(definition: &pb::Definition) -> [String; 3] {
    let graph = Graph::load(definition).unwrap();
    let mut plan = Plan::new();
    plan.add(&graph, definition.source.as_ref(), "result of `default`");
    [draw::text(&plan), draw::dot(&plan), draw::mermaid(&plan)]
}

/// Texts that would end a string, a line or a label, or begin something of their own.
fn hostile() -> pb::Definition {
    let text = "\"]; x -> y [l=\"\\N\\l\\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |\"| \u{1b}[2J\u{202e}";
    let mut draft = Draft::default();
    let source = draft.op(&[], source(&format!("local://{text}"), &[(text, text)]));
    draft.at(source, text, &[(1, 0)]);
    let file = draft.op(&[(source, 0)], files(1, vec![(-1, mkfile(text, text))]));
    draft.say(file).description.insert(text.to_owned(), text.to_owned());
    draft.finish((file, 0))
}

#[test]
fn every_kind_as_text() {
    insta::assert_snapshot!(drawn(&everything())[0], @r#"
    #1 image docker.io/library/debian:12
       at  build.hlb:2:2, called at build.hlb:9:1

    #2 local context
       include  *.c, *.h

    #3 git example.org/a.git#main
       keep .git  true

    #4 run /bin/sh -c 'make "$X" > '\''a b'\'''
       /              #1
       /out           scratch
       /src           sub dir in #2, read-only
       /dropped       #3, changes are dropped, not cached by content
       /cache         cache `ccache`, locked
       /tmp           memory, at most 1.5 MiB
       /run/token     secret `token`, mode 0400, owner 7:8, if there is one
       /run/agent     SSH agent `default`, mode 0600
       env            PATH=/bin
       env            X=\u{1b}[31m\n&amp;
       env            KEY from secret `key`
       dir            /src
       user           bob
       network        that of the machine
       security       insecure: all privileges
       hostname       builder
       host           db is 10.0.0.1
       ulimit         nofile 1, at most 2
       cgroup         /g
       proxies        http http://p
       device         v/c=d, if there is one
       succeeds with  0, 3
       name           compile "all"
       group          compilers
       cache          not used: done every time
       cache          stays out of exported caches
       limits         memory 1 GiB, CPUs 0-1
       at             build.hlb:4:2, called at build.hlb:9:1, build.hlb:12:1 and 1 more

    #5 run sh -ec (2 lines below)
       | make
       | make test
       /         #4
       platform  linux/arm64
       workers   a==b

    #6 files, 5 changes
       on  #5
       1.  mkdir /d with parents, mode 0755, owner bob:8
       2.  mkfile /d/f, mode 0644, 6 bytes
       3.  copy /a.o from /out of #4 to /d/, only *.o, not x y, mode 0600, a pattern, may match nothing, contents only, follows links, unpacked, makes parents, owner bob:8
       4.  rm /t*, a pattern, if it is there
       5.  symlink /d/l to f

    #7 http https://example.org/f?a=1&b=2
       checksum  sha256:aa

    #8 copy /f from #7 to /f
       on  #7

    #9 source oci-layout://x@sha256:bb

    #10 merge 3 layers
       layer 1  #6
       layer 2  #8
       layer 3  #9

    #11 diff
       from  scratch
       to    #10

    #12 build
       buildkit.llb.definition  #11
       llbbuild.filename  x.llb

    #13 passthrough p
       output 0   #12
       output 1   #2
       waits for  #1

    13 steps for linux/amd64
    result of `default`: output 1 of #13
    "#);
}

#[test]
fn every_kind_for_graphviz() {
    insta::assert_snapshot!(drawn(&everything())[1], @r##"
    digraph llb {
      rankdir=TB
      node [style=filled, fontname="sans-serif", fontsize=11, fontcolor="#111827"]
      edge [fontname="sans-serif", fontsize=9, color="#6b7280", fontcolor="#374151"]
      s1 [label="#1 image docker.io/library/debian:12", tooltip="build.hlb:2:2 sha256:0666b077783c165dd56f6f2098c1a0fd31bbb96be1d3823e34ba94440e07a01e", shape=cylinder, fillcolor="#dbeafe", color="#1d4ed8"]
      s2 [label="#2 local context", tooltip="sha256:92acb47810e7b9dab8a4837fe6aee147ea707fecf6e0da12f9d0a225a9bf3f68", shape=folder, fillcolor="#dcfce7", color="#15803d"]
      s3 [label="#3 git example.org/a.git#main", tooltip="sha256:673909751d58657733b40e3fee2843fb204088954760fb69b269ce0b170ce122", shape=ellipse, fillcolor="#ccfbf1", color="#0f766e"]
      s4 [label="#4 run make \"$X\" > 'a b'", tooltip="build.hlb:4:2 sha256:b2137de9fe6045eddbc2ce6a099a0c7fc231d4967f10237a5929a082bb323356", shape=box, fillcolor="#fef3c7", color="#b45309"]
      s5 [label="#5 run make\\nmake test", tooltip="sha256:746cf2539d2e35fc89cc0640b981b2afdc113e50ac54350b5670b4cad51698a9", shape=box, fillcolor="#fef3c7", color="#b45309"]
      s6 [label="#6 mkdir /d with parents; mkfile\n/d/f; copy /a.o to /d/; rm /t*;\nsymlink /d/l to f", tooltip="sha256:710be86a37de243ea5cf8a019a9aa0fb085c60afbb354be48e81c082961bb931", shape=note, fillcolor="#f3f4f6", color="#4b5563"]
      s7 [label="#7 http https://example.org/f?a=1&amp;b=2", tooltip="sha256:70eb88e40f29c1673f3458b5d4ddde4bd0266c25cd498ec3e67679e952c0ef18", shape=ellipse, fillcolor="#ccfbf1", color="#0f766e"]
      s8 [label="#8 copy /f to /f", tooltip="sha256:1d9f285c656eca75529f25bc4974754ff9b9891a3226193755dac9d4feb4a779", shape=note, fillcolor="#f3f4f6", color="#4b5563"]
      s9 [label="#9 source oci-layout://x@sha256:bb", tooltip="sha256:260532d3093ee3f244fa18859834377b43896dee6860d24194aa1aae34d66a53", shape=ellipse, fillcolor="#ccfbf1", color="#0f766e"]
      s10 [label="#10 merge 3 layers", tooltip="sha256:7a45c803d39018bf545967a710d12f3a9240cbd1f5f32f5dcf6011a13ba937bd", shape=invtrapezium, fillcolor="#ede9fe", color="#6d28d9"]
      s11 [label="#11 diff", tooltip="sha256:226213eaafa3872833cda18f488d8faea2d7b512ba0ad676c84d6fccc4d0460e", shape=diamond, fillcolor="#ede9fe", color="#6d28d9"]
      s12 [label="#12 build", tooltip="sha256:9b801ea0d6959a13cd6f9ca68a4ece9d265c25200bd6569af066b8f17ebad0b7", shape=box3d, fillcolor="#ffe4e6", color="#be123c"]
      s13 [label="#13 passthrough p", tooltip="sha256:e587b3aadcfc813b87da14aab982b926a8599ae8ec171436b3ccb7548e1aa888", shape=cds, fillcolor="#ffe4e6", color="#be123c"]
      s1 -> s4 [label="/"]
      s2 -> s4 [label="/src"]
      s3 -> s4 [label="/dropped"]
      s4 -> s5 [label="/"]
      s5 -> s6 [label="base"]
      s5 -> s6 [label="names of users"]
      s4 -> s6 [label="/out as copied from"]
      s7 -> s8 [label="base"]
      s7 -> s8 [label="copied from"]
      s6 -> s10 [label="layer 1"]
      s8 -> s10 [label="layer 2"]
      s9 -> s10 [label="layer 3"]
      s10 -> s11 [label="to"]
      s11 -> s12 [label="buildkit.llb.definition"]
      s12 -> s13 [label="output 0"]
      s2 -> s13 [label="output 1"]
      s1 -> s13 [label="waited for"]
      r0 [label="result of `default`", shape=doubleoctagon, style=solid]
      s13 -> r0 [label="output 1", style=bold]
    }
    "##);
}

#[test]
fn every_kind_for_mermaid() {
    insta::assert_snapshot!(drawn(&everything())[2], @r##"
    flowchart TB
      s1[("#35;1 image docker.io/library/debian:12")]
      s2[/"#35;2 local context"/]
      s3(["#35;3 git example.org/a.git#35;main"])
      s4["#35;4 run make #34;#36;X#34; #62; 'a b'"]
      s5["#35;5 run make#92;nmake test"]
      s6("#35;6 mkdir /d with parents#59; mkfile<br>/d/f#59; copy /a.o to /d/#59; rm /t#42;#59;<br>symlink /d/l to f")
      s7(["#35;7 http https://example.org/f#63;a=1#38;b=2"])
      s8("#35;8 copy /f to /f")
      s9(["#35;9 source oci-layout://x@sha256:bb"])
      s10[\"#35;10 merge 3 layers"/]
      s11{{"#35;11 diff"}}
      s12[["#35;12 build"]]
      s13>"#35;13 passthrough p"]
      s1 -->|"/"| s4
      s2 -->|"/src"| s4
      s3 -->|"/dropped"| s4
      s4 -->|"/"| s5
      s5 -->|"base"| s6
      s5 -->|"names of users"| s6
      s4 -->|"/out as copied from"| s6
      s7 -->|"base"| s8
      s7 -->|"copied from"| s8
      s6 -->|"layer 1"| s10
      s8 -->|"layer 2"| s10
      s9 -->|"layer 3"| s10
      s10 -->|"to"| s11
      s11 -->|"buildkit.llb.definition"| s12
      s12 -->|"output 0"| s13
      s2 -->|"output 1"| s13
      s1 -->|"waited for"| s13
      r0[["result of #96;default#96;"]]
      s13 ==>|"output 1"| r0
      classDef imageStep fill:#dbeafe,stroke:#1d4ed8,color:#111827
      class s1 imageStep
      classDef localStep fill:#dcfce7,stroke:#15803d,color:#111827
      class s2 localStep
      classDef gitStep fill:#ccfbf1,stroke:#0f766e,color:#111827
      class s3 gitStep
      classDef httpStep fill:#ccfbf1,stroke:#0f766e,color:#111827
      class s7 httpStep
      classDef sourceStep fill:#ccfbf1,stroke:#0f766e,color:#111827
      class s9 sourceStep
      classDef runStep fill:#fef3c7,stroke:#b45309,color:#111827
      class s4,s5 runStep
      classDef filesStep fill:#f3f4f6,stroke:#4b5563,color:#111827
      class s6,s8 filesStep
      classDef mergeStep fill:#ede9fe,stroke:#6d28d9,color:#111827
      class s10 mergeStep
      classDef diffStep fill:#ede9fe,stroke:#6d28d9,color:#111827
      class s11 diffStep
      classDef buildStep fill:#ffe4e6,stroke:#be123c,color:#111827
      class s12 buildStep
      classDef passthroughStep fill:#ffe4e6,stroke:#be123c,color:#111827
      class s13 passthroughStep
    "##);
}

#[test]
fn texts_stay_texts() {
    let [text, dot, mermaid] = drawn(&hostile());
    insta::assert_snapshot!(text, @r#"
    #1 local "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}
       "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}  "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}
       at  "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}:1:1

    #2 mkfile "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}, mode 0644, 97 bytes
       on  #1
       "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}  "]; x -> y [l="\N\l\\n&quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |"| \u{1b}[2J\u{202e}

    2 steps
    result of `default`: #2
    "#);
    insta::assert_snapshot!(dot, @r##"
    digraph llb {
      rankdir=TB
      node [style=filled, fontname="sans-serif", fontsize=11, fontcolor="#111827"]
      edge [fontname="sans-serif", fontsize=9, color="#6b7280", fontcolor="#374151"]
      s1 [label="#1 local \"]; x -> y [l=\"\\N\\l\\\\n&amp;quot;</b\n>#quot;#35;`*a*`%%{init: {}}%%\nstyle a:b fill:#f9f; end |\"| \\u{1b}[2J\\u…", tooltip="\"]; x -> y [l=\"\\N\\l\\\\n&amp;quot;</b>#quot;#35;`*a*`%%{init: {}}%% style a:b fill:#f9f; end |\"| \\u{1b}[2J\\u{202e}:1:1 sha256:cafafba49ebd4bb48a0ed9a37d15f4c5085a3449fa65b23e21748892588b17c7", shape=folder, fillcolor="#dcfce7", color="#15803d"]
      s2 [label="#2 mkfile \"]; x -> y [l=\"\\N\\l\\\\n&amp;quot;</\nb>#quot;#35;`*a*`%%{init: {}}%%\nstyle a:b fill:#f9f; end |\"| \\u{1b}[2J\\u…", tooltip="sha256:e2826a9d8b1d13c8e6248cb3524167e623b9287291ffc866accd9d8a31b1fea2", shape=note, fillcolor="#f3f4f6", color="#4b5563"]
      s1 -> s2 [label="base"]
      r0 [label="result of `default`", shape=doubleoctagon, style=solid]
      s2 -> r0 [label="", style=bold]
    }
    "##);
    insta::assert_snapshot!(mermaid, @r##"
    flowchart TB
      s1[/"#35;1 local #34;#93;#59; x -#62; y #91;l=#34;#92;N#92;l#92;#92;n#38;quot#59;#60;/b<br>#62;#35;quot#59;#35;35#59;#96;#42;a#42;#96;#37;#37;#123;init: #123;#125;#125;#37;#37;<br>style a#58;b fill#58;#35;f9f#59; end #124;#34;#124; #92;u#123;1b#125;#91;2J#92;u…"/]
      s2("#35;2 mkfile #34;#93;#59; x -#62; y #91;l=#34;#92;N#92;l#92;#92;n#38;quot#59;#60;/<br>b#62;#35;quot#59;#35;35#59;#96;#42;a#42;#96;#37;#37;#123;init: #123;#125;#125;#37;#37;<br>style a#58;b fill#58;#35;f9f#59; end #124;#34;#124; #92;u#123;1b#125;#91;2J#92;u…")
      s1 -->|"base"| s2
      r0[["result of #96;default#96;"]]
      s2 ==> r0
      classDef localStep fill:#dcfce7,stroke:#15803d,color:#111827
      class s1 localStep
      classDef filesStep fill:#f3f4f6,stroke:#4b5563,color:#111827
      class s2 filesStep
    "##);
}

#[test]
fn several_graphs_share_their_steps() {
    let graph = |content: &str| {
        let mut draft = Draft::default();
        let base = draft.image("base");
        let file = draft.op(&[(base, 0)], files(1, vec![(-1, mkfile("/f", content))]));
        Graph::load(&draft.finish((file, 0))).unwrap()
    };
    let (a, b, nothing) = (graph("a"), graph("bb"), Graph::load(&pb::Definition::default()).unwrap());
    let mut plan = Plan::new();
    plan.add(&a, None, "directory `a`");
    plan.add(&b, None, "directory `b`");
    plan.add(&a, None, "again");
    plan.add(&nothing, None, "nothing");
    insta::assert_snapshot!(draw::text(&plan), @r"
    #1 image base

    #2 mkfile /f, mode 0644, 1 byte
       on  #1

    #3 mkfile /f, mode 0644, 2 bytes
       on  #1

    3 steps for linux/amd64
    directory `a`: #2
    directory `b`: #3
    again: #2
    nothing: the empty file system
    ");
    insta::assert_snapshot!(draw::dot(&Plan::of(&nothing)), @r##"
    digraph llb {
      rankdir=TB
      node [style=filled, fontname="sans-serif", fontsize=11, fontcolor="#111827"]
      edge [fontname="sans-serif", fontsize=9, color="#6b7280", fontcolor="#374151"]
      r0 [label="result", shape=doubleoctagon, style=solid]
    }
    "##);
    insta::assert_snapshot!(draw::mermaid(&Plan::of(&nothing)), @r#"
    flowchart TB
      r0[["result"]]
    "#);
}

/// Whether every quote of a drawing is closed in its line, and no line has a character that a terminal obeys.
fn is_contained(drawing: &str) -> bool {
    drawing.lines().all(|line| line.matches('"').count() % 2 == 0 && !line.chars().any(char::is_control))
}

#[test]
fn real_definitions_are_drawn() {
    let hostile = hostile();
    let corpus =
        cases().into_iter().map(|case| <pb::Definition as prost::Message>::decode(case.bytes.as_slice()).unwrap());
    for definition in corpus.chain([hostile]) {
        let [text, dot, mermaid] = drawn(&definition);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        assert!(is_contained(&mermaid), "{mermaid}");
        // Only dot escapes quotes by backslashes; in Mermaid a backslash is a shape.
        assert!(is_contained(&dot.replace("\\\\", "").replace("\\\"", "")), "{dot}");
    }
}
