//! Graphs compared: which step became which, and what of it is another.

use hlb_llb::compare::{compare_plans, text};
use hlb_llb::{Comparison, Graph, Plan, compare, pb};

use crate::draft::{At, Draft, copy, everything, exec, files, mkfile, mount, source};

fn draft(make: impl FnOnce(&mut Draft) -> At) -> pb::Definition {
    let mut draft = Draft::default();
    let result = make(&mut draft);
    draft.finish(result)
}

fn check(a: &pb::Definition, b: &pb::Definition) -> String {
    let (first, second) = (Graph::load(a).unwrap(), Graph::load(b).unwrap());
    let (mut before, mut after) = (Plan::new(), Plan::new());
    before.add(&first, a.source.as_ref(), "result");
    after.add(&second, b.source.as_ref(), "result");
    let comparison = compare_plans(&before, &after);
    assert_eq!(comparison.is_same(), compare_plans(&after, &before).is_same());
    text(&comparison, &before, &after)
}

/// A chain of commands over an image.
fn chain(image: &str, commands: &[&[&str]]) -> pb::Definition {
    draft(|draft| {
        let mut last = draft.image(image);
        for args in commands {
            last = draft.run((last, 0), args);
        }
        (last, 0)
    })
}

#[test]
fn what_is_equal_has_no_difference() {
    insta::assert_snapshot!(check(&everything(), &everything()), @"no difference in 13 steps");
    let nothing = pb::Definition::default();
    insta::assert_snapshot!(check(&nothing, &nothing), @"no difference in 0 steps");
}

#[test]
fn a_changed_command_is_one_change() {
    let before = chain("a:1", &[&["one"], &["cc", "-O1", "x.c"], &["three"], &["four"]]);
    insta::assert_snapshot!(check(&before, &chain("a:1", &[&["one"], &["cc", "-O2", "x.c"], &["three"], &["four"]])), @r"
    changed #3 run cc -O2 x.c
      argument 2: `-O1` → `-O2`

    2 more steps follow from these
    2 steps unchanged
    ");
    insta::assert_snapshot!(check(&before, &chain("a:1", &[&["one"], &["cc", "-O1", "-g", "x.c"], &["three"], &["four"]])), @r"
    changed #3 run cc -O1 -g x.c
      argument 3: none → `-g`

    2 more steps follow from these
    2 steps unchanged
    ");
    insta::assert_snapshot!(check(&before, &chain("a:2", &[&["one"], &["cc", "-O1", "x.c"], &["three"], &["four"]])), @r"
    changed #1 image a:2
      source: `docker-image://a:1` → `docker-image://a:2`

    4 more steps follow from these
    0 steps unchanged
    ");
}

#[test]
fn a_step_more_or_less_is_no_change_of_others() {
    let two = chain("a", &[&["one"], &["two"]]);
    let three = chain("a", &[&["one"], &["between"], &["two"]]);
    insta::assert_snapshot!(check(&two, &three), @r"
    changed #4 run two, was #3
      mount `/` from: `#2 run one` → `#3 run between`

    added #3 run between

    2 steps unchanged
    ");
    insta::assert_snapshot!(check(&three, &two), @r"
    changed #3 run two, was #4
      mount `/` from: `#3 run between` → `#2 run one`

    removed #3 run between

    2 steps unchanged
    ");
    insta::assert_snapshot!(check(&two, &pb::Definition::default()), @r"
    removed #1 image a
    removed #2 run one
    removed #3 run two

      result: `#3 run two` → `scratch`
    0 steps unchanged
    ");
    insta::assert_snapshot!(check(&two, &chain("a", &[&["two"], &["one"]])), @r"
    changed #2 run two, was #3
      mount `/` from: `#2 run one` → `#1 image a`

    changed #3 run one, was #2
      mount `/` from: `#1 image a` → `#2 run two`

      result: `#3 run two` → `#3 run one`
    1 step unchanged
    ");
}

/// Every field of a process, one after the other.
#[test]
fn fields_of_a_process_are_told_by_name() {
    let make = |change: &dyn Fn(&mut pb::ExecOp)| {
        draft(|draft| {
            let base = draft.image("a");
            let sources = draft.op(&[], source("local://src", &[]));
            let other = draft.op(&[], source("local://other", &[]));
            let mounts = vec![mount("/", 0, 0), mount("/src", 1, 1), mount("/lib", 2, -1)];
            let pb::OpKind::Exec(mut op) = exec(&["sh", "-c", "make"], mounts) else { unreachable!() };
            let meta = op.meta.as_mut().unwrap();
            meta.env = ["A=1", "B=2"].map(str::to_owned).to_vec();
            change(&mut op);
            (draft.op(&[(base, 0), (sources, 0), (other, 0)], pb::OpKind::Exec(op)), 0)
        })
    };
    let before = make(&|_| {});
    let told = |change: &dyn Fn(&mut pb::ExecOp)| {
        let text = check(&before, &make(change));
        let fields: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
        assert!(!fields.is_empty(), "{text}");
        fields.join("\n") + "\n"
    };
    fn meta(op: &mut pb::ExecOp) -> &mut pb::Meta {
        op.meta.as_mut().unwrap()
    }
    let mut all = String::new();
    all += &told(&|op| meta(op).args[2] = "make\nmake test\nmake install".to_owned());
    all += &told(&|op| meta(op).args = vec!["true".to_owned()]);
    all += &told(&|op| meta(op).env[1] = "B=3".to_owned());
    all += &told(&|op| meta(op).env.push("C=".to_owned()));
    all += &told(&|op| meta(op).env.reverse());
    all += &told(&|op| meta(op).cwd = "/x".to_owned());
    all += &told(&|op| meta(op).user = "bob".to_owned());
    all += &told(&|op| meta(op).hostname = "h".to_owned());
    all += &told(&|op| meta(op).cgroup_parent = "g".to_owned());
    all += &told(&|op| meta(op).valid_exit_codes = vec![1]);
    all += &told(&|op| meta(op).remove_mount_stubs_recursive = true);
    all += &told(&|op| meta(op).proxy_env = Some(pb::ProxyEnv { no_proxy: "x".to_owned(), ..Default::default() }));
    all += &told(&|op| meta(op).extra_hosts = vec![pb::HostIp { host: "h".to_owned(), ip: "1".to_owned() }]);
    all += &told(&|op| meta(op).ulimit = vec![pb::Ulimit { name: "core".to_owned(), soft: 0, hard: 1 }]);
    all += &told(&|op| op.network = 2);
    all += &told(&|op| op.security = 1);
    all += &told(&|op| {
        op.secretenv = vec![pb::SecretEnv { id: "t".to_owned(), name: "TOKEN".to_owned(), optional: true }];
    });
    all += &told(&|op| op.cdi_devices = vec![pb::CdiDevice { name: "d".to_owned(), optional: false }]);
    all += &told(&|op| op.mounts[1].selector = "lib".to_owned());
    all += &told(&|op| op.mounts[1].readonly = true);
    all += &told(&|op| op.mounts[1].output = -1);
    all += &told(&|op| op.mounts[1].input = -1);
    all += &told(&|op| op.mounts[1].content_cache = 1);
    all += &told(&|op| op.mounts[1].dest = "/moved".to_owned());
    all += &told(&|op| op.mounts.swap(1, 2));
    all += &told(&|op| (op.mounts[1].input, op.mounts[2].input) = (2, 1));
    all += &told(&|op| op.mounts.push(pb::Mount { readonly: true, ..mount("/more", 1, -1) }));
    all += &told(&|op| drop(op.mounts.remove(2)));
    insta::assert_snapshot!(all, @r"
    argument 3:
      + make test
      + make install
    arguments 1 to 3: `sh -c make` → `true`
    env `B`: `2` → `3`
    env `C`: none → ``
    order of env: `A B` → `B A`
    directory: `/` → `/x`
    user: `` → `bob`
    hostname: none → `h`
    cgroup parent: none → `g`
    valid exit codes 1: none → `1`
    remove mount stubs recursive: none → `yes`
    proxy env no proxy: none → `x`
    host `h`: none → `1`
    ulimit `core`: none → `0 to 1`
    network: `its own` → `none`
    security: `sandbox` → `insecure`
    env `TOKEN`: none → `secret t, optional`
    cdi devices 1 name: none → `d`
    mount `/src` selector: none → `lib`
    mount `/src` read-only: none → `yes`
    mount `/src` result: `kept` → `dropped`
    mount `/src` from: `#2 local src` → `scratch`
    mount `/src` cached by content: none → `yes`
    mount `/src` path: `/src` → `/moved`
    order of mounts: `/ /src /lib` → `/ /lib /src`
    mount `/src` from: `#2 local src` → `#3 local other`
    mount `/lib` from: `#3 local other` → `#2 local src`
    mount `/more`: none → `type bind, from #2 local src, read-only yes`
    mount `/lib`: `type bind, from #3 local other` → none
    ");
}

#[test]
fn fields_of_file_actions_are_told_by_name() {
    let make = |actions: Vec<(i64, pb::FileActionKind)>| {
        draft(|draft| {
            let base = draft.image("a");
            let sources = draft.op(&[], source("local://src", &[]));
            (draft.op(&[(base, 0), (sources, 0)], files(2, actions)), 0)
        })
    };
    let before = make(vec![(1, copy("/a", "/b")), (-1, mkfile("/f", "one\ntwo\n"))]);
    let mut all = String::new();
    let mut told = |actions: Vec<(i64, pb::FileActionKind)>| all += &check(&before, &make(actions));
    told(vec![(1, copy("/a", "/b")), (-1, mkfile("/f", "one\n2\n"))]);
    told(vec![(1, copy("/a", "/b")), (-1, mkfile("/g", "one\ntwo\n"))]);
    told(vec![(1, copy("/x", "/b")), (-1, mkfile("/f", "one\ntwo\n"))]);
    told(vec![(0, copy("/a", "/b")), (-1, mkfile("/f", "one\ntwo\n"))]);
    told(vec![(1, copy("/a", "/b")), (-1, mkfile("/new", "")), (-1, mkfile("/f", "one\ntwo\n"))]);
    told(vec![(-1, mkfile("/f", "one\ntwo\n")), (1, copy("/a", "/b"))]);
    told(vec![(1, copy("/a", "/b"))]);
    insta::assert_snapshot!(all, @r"
    changed #3 files, 2 changes
      mkfile /f content:
        - two
        + 2

    2 steps unchanged
    changed #3 files, 2 changes
      mkfile /f path: `/f` → `/g`

    2 steps unchanged
    changed #3 files, 2 changes
      copy to /b src: `/a` → `/x`

    2 steps unchanged
    changed #3 files, 2 changes
      copy to /b from: `#2 local src` → `#1 image a`

    2 steps unchanged
    changed #3 files, 3 changes
      mkfile /f on: `what copy to /b made` → `what mkfile /new made`
      mkfile /new: none → `mkfile /new, mode 0644, 0 bytes`

    2 steps unchanged
    changed #3 files, 2 changes
      copy to /b on: `#1 image a` → `what mkfile /f made`
      copy to /b result: `handed on` → `kept`
      mkfile /f on: `what copy to /b made` → `#1 image a`
      mkfile /f result: `kept` → `handed on`

    2 steps unchanged
    changed #3 copy /a from #2 to /b
      copy to /b result: `handed on` → `kept`
      mkfile /f: `mkfile /f, mode 0644, 8 bytes` → none

    2 steps unchanged
    ");
}

#[test]
fn inputs_that_come_from_elsewhere_are_told() {
    let make = |root: usize, layers: [i64; 2]| {
        draft(|draft| {
            let images = [draft.image("a"), draft.image("b")];
            let run = draft.run((images[root], 0), &["x"]);
            let merge = pb::MergeOp { inputs: layers.map(|input| pb::MergeInput { input }).to_vec() };
            (draft.op(&[(run, 0), (images[0], 0), (images[1], 0)], pb::OpKind::Merge(merge)), 0)
        })
    };
    insta::assert_snapshot!(check(&make(0, [0, 1]), &make(1, [0, 1])), @r"
    changed #2 run x
      mount `/` from: `#1 image a` → `#1 image b`

    1 more step follows from these
    2 steps unchanged
    ");
    insta::assert_snapshot!(check(&make(0, [0, 1]), &make(0, [1, 0])), @r"
    changed #4 merge 2 layers
      layer 1: `#2 run x` → `#1 image a`
      layer 2: `#1 image a` → `#2 run x`

    3 steps unchanged
    ");
    // The same op under another output.
    let two = |output: i64| {
        draft(|draft| {
            let base = draft.image("a");
            let run = draft.op(&[(base, 0)], exec(&["x"], vec![mount("/", 0, 0), mount("/out", -1, 1)]));
            (run, output)
        })
    };
    insta::assert_snapshot!(check(&two(0), &two(1)), @r"
      result: `#2 run x` → `/out of #2 run x`
    2 steps unchanged
    ");
}

#[test]
fn what_is_said_about_a_step_counts() {
    let make = |say: &dyn Fn(&mut pb::OpMetadata)| {
        draft(|draft| {
            let base = draft.image("a");
            let run = draft.run((base, 0), &["x", "y z"]);
            say(draft.say(run));
            (run, 0)
        })
    };
    let before = make(&|_| {});
    let name = |name: &str| {
        let name = name.to_owned();
        move |it: &mut pb::OpMetadata| drop(it.description.insert("llb.customname".to_owned(), name.clone()))
    };
    insta::assert_snapshot!(check(&before, &make(&|it| it.ignore_cache = true)), @r"
    changed #2 run x 'y z'
      ignore cache: none → `yes`

    1 step unchanged
    ");
    insta::assert_snapshot!(check(&before, &make(&name("compile"))), @r"
    changed #2 run x 'y z'
      name: none → `compile`

    1 step unchanged
    ");
    // Capabilities, and names that only say what is run, do not.
    insta::assert_snapshot!(check(&before, &make(&|it| it.caps.insert("x".to_owned(), true))), @"no difference in 2 steps");
    insta::assert_snapshot!(check(&before, &make(&name("x 'y z'"))), @"no difference in 2 steps");
}

#[test]
fn where_a_step_was_written_does_not_count() {
    let make = |line: i32| {
        draft(|draft| {
            let base = draft.image("a");
            draft.at(base, "f.hlb", &[(line, 1)]);
            (base, 0)
        })
    };
    assert!(check(&make(1), &make(2)).starts_with("no difference"));
}

#[test]
fn steps_with_nothing_in_common_go_by_their_place_in_the_graph() {
    // Ten compilations with one flag changed: each is found again by what it reads, though all look alike.
    let make = |flag: &str| {
        draft(|draft| {
            let base = draft.image("gcc");
            let mut objects = Vec::new();
            for unit in 0..4 {
                let file = draft.op(&[], source(&format!("local://{unit}.c"), &[]));
                let mounts = vec![mount("/", 0, -1), mount("/out", -1, 0), mount("/src", 1, -1)];
                objects.push((draft.op(&[(base, 0), (file, 0)], exec(&["gcc", flag, "-c"], mounts)), 0));
            }
            let inputs = (0..objects.len() as i64).map(|input| pb::MergeInput { input }).collect();
            (draft.op(&objects, pb::OpKind::Merge(pb::MergeOp { inputs })), 0)
        })
    };
    insta::assert_snapshot!(check(&make("-O1"), &make("-O2")), @r"
    changed #3 run gcc -O2 -c
      argument 2: `-O1` → `-O2`

    changed #5 run gcc -O2 -c
      argument 2: `-O1` → `-O2`

    changed #7 run gcc -O2 -c
      argument 2: `-O1` → `-O2`

    changed #9 run gcc -O2 -c
      argument 2: `-O1` → `-O2`

    1 more step follows from these
    5 steps unchanged
    ");
}

/// A graph of many steps that have nothing in common with those of another seed.
fn large(seed: &str, steps: usize) -> Graph {
    let definition = draft(|draft| {
        let mut last = draft.image(seed);
        for step in 0..steps {
            last = match step % 3 {
                0 => draft.run((last, 0), &["run", &format!("{seed}{step}")]),
                1 => draft.op(&[(last, 0)], files(1, vec![(-1, mkfile(&format!("/{seed}{step}"), ""))])),
                _ => {
                    let other = draft.op(&[], source(&format!("local://{seed}{step}"), &[]));
                    draft.op(&[(last, 0), (other, 0)], files(2, vec![(1, copy("/", &format!("/{step}")))]))
                }
            };
        }
        (last, 0)
    });
    Graph::load(&definition).unwrap()
}

fn total(comparison: &Comparison) -> usize {
    comparison.same + comparison.added.len() + comparison.changed.len() + comparison.follow.len()
}

/// How long it takes to compare two graphs, whose parts are then counted.
fn time(a: &Graph, b: &Graph) -> std::time::Duration {
    let begun = std::time::Instant::now();
    let comparison = compare(a, b);
    let taken = begun.elapsed();
    assert_eq!(total(&comparison), b.vertices.len());
    assert!(!comparison.is_same());
    taken
}

/// Ten times the steps may take some more than ten times as long, not a hundred times.
fn check_growth(make: impl Fn(&str, usize) -> Graph) {
    let small = time(&make("a", 500), &make("b", 500));
    let large = time(&make("a", 5000), &make("b", 5000));
    assert!(large < small * 50 + std::time::Duration::from_secs(1), "{small:?} for 500 steps, {large:?} for 5000");
}

#[test]
fn graphs_with_nothing_in_common_take_time_in_proportion() {
    check_growth(large);
}

/// All steps alike and all on one: what a search for the best partner would be lost in.
#[test]
fn graphs_of_equals_take_time_in_proportion() {
    check_growth(|seed, steps| {
        let definition = draft(|draft| {
            let base = draft.image(seed);
            let runs = (0..steps).map(|number| (draft.run((base, 0), &["x", &format!("{seed}{number}")]), 0));
            let layers: Vec<At> = runs.collect();
            let inputs = (0..layers.len() as i64).map(|input| pb::MergeInput { input }).collect();
            (draft.op(&layers, pb::OpKind::Merge(pb::MergeOp { inputs })), 0)
        });
        Graph::load(&definition).unwrap()
    });
}
