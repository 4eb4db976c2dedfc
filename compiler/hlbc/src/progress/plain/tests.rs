//! What plain progress writes for a sequence of events.

use super::*;

/// A build told in a few words: each line is `SECONDS VERTEX WHAT`, where what is `start`, `cached`, `done`, `fail TEXT`, `TEXT`
/// for a log line, `warn TEXT` for what no vertex says, `+TEXT` for a piece of one, or `part CURRENT/TOTAL`. `SECONDS - settle` is no event.
fn check(story: &str) -> String {
    let digest = |name: &str| Digest::of(name);
    let epoch = SystemTime::UNIX_EPOCH;
    let mut out = Vec::new();
    let mut plain = Plain::new(&mut out);
    let names = ["a", "b", "c"].map(|name| hlb_llb::status::VertexInfo {
        digest: digest(name),
        name: format!("make {name}"),
        inputs: Vec::new(),
    });
    plain.see(Status::Graph(names.to_vec()), Duration::ZERO);
    let mut now = Duration::ZERO;
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (time, rest) = line.split_once(' ').unwrap();
        now = Duration::from_secs_f64(time.parse().unwrap());
        let (vertex, what) = rest.split_once(' ').unwrap_or((rest, "tick"));
        let (at, vertex) = (epoch + now, digest(vertex));
        let log =
            |data: String| Status::Log { vertex: vertex.clone(), stream: Stream::Stdout, data: data.into_bytes() };
        let status = match what.split_once(' ').unwrap_or((what, "")) {
            ("warn", text) => Status::Warning { text: text.to_owned() },
            ("tick", _) => {
                plain.tick(now);
                continue;
            }
            ("settle", _) => {
                plain.settle(now);
                continue;
            }
            ("start", _) => Status::Started { vertex, at },
            ("cached", _) => Status::Cached { vertex, at },
            ("done", _) => Status::Completed { vertex, at, error: None },
            ("fail", why) => Status::Completed { vertex, at, error: Some(why.to_owned()) },
            ("part", sizes) => {
                let (current, total) = sizes.split_once('/').unwrap();
                let (current, total) = (current.parse().unwrap(), total.parse().ok());
                Status::Progress { vertex, name: "layer 1".to_owned(), current, total }
            }
            _ => log(what.strip_prefix('+').map_or_else(|| format!("{what}\n"), str::to_owned)),
        };
        plain.see(status, now);
    }
    plain.end(now, !story.contains("fail"));
    String::from_utf8(out).unwrap()
}

#[test]
fn one_after_the_other() {
    insta::assert_snapshot!(check("
        0 a start
        0.25 a hello
        1.2 a done
        1.3 b cached
        1.3 c cached
    "), @r"
    #1 make a
    #1 0.250 hello
    #1 DONE 1.2s

    #2 make b
    #2 CACHED
    #3 make c
    #3 CACHED
    3 steps, 2 cached, 1.3s
    ");
}

#[test]
fn warnings_stand_between_the_lines() {
    insta::assert_snapshot!(check("
        0 a start
        0.25 a hello
        0.5 - warn the cache is away
        1 a again
        1.2 a done
    "), @r"
    #1 make a
    #1 0.250 hello
    warning: the cache is away
    #1 1.000 again
    #1 DONE 1.2s

    1 step, 0 cached, 1.2s
    ");
}

#[test]
fn vertices_that_run_together_are_grouped() {
    insta::assert_snapshot!(check("
        0 a start
        0 b start
        0.1 a a1
        0.2 b b1
        0.3 a a2
        0.4 b b2
        0.6 a a3
        0.8 a done
        0.9 b b3
        1.0 b done
    "), @r"
    #1 make a
    #1 0.100 a1
    #1 0.300 a2
    #1 0.600 a3
    #1 DONE 0.8s

    #2 make b
    #2 0.200 b1
    #2 0.400 b2
    #2 0.900 b3
    #2 DONE 1.0s

    2 steps, 0 cached, 1.0s
    ");
}

#[test]
fn a_silent_vertex_gives_the_floor_away_and_gets_it_back() {
    insta::assert_snapshot!(check("
        0 a start
        0 b start
        0.1 a a1
        0.2 b b1
        0.7 - tick
        0.8 b b2
        1.0 a a2
        1.6 - tick
        2.0 b done
        2.1 a done
    "), @r"
    #1 make a
    #1 0.100 a1

    #2 make b
    #2 0.200 b1
    #2 0.800 b2

    #1 make a
    #1 1.000 a2
    #1 DONE 2.1s

    #2 make b
    #2 DONE 2.0s

    2 steps, 0 cached, 2.1s
    ");
}

#[test]
fn nothing_waits_where_a_test_is_told() {
    insta::assert_snapshot!(check("
        0 a start
        0 b start
        0.1 a a1
        0.2 b b1
        0.3 b done
        0.3 - settle
        0.4 a a2
        0.5 a done
    "), @r"
    #1 make a
    #1 0.100 a1

    #2 make b
    #2 0.200 b1
    #2 DONE 0.3s

    #1 make a
    #1 0.400 a2
    #1 DONE 0.5s

    2 steps, 0 cached, 0.5s
    ");
}

#[test]
fn a_vertex_that_never_pauses_does_not_keep_the_others_waiting_for_ever() {
    let mut story = "0 a start\n0.1 b start\n0.2 b b1\n".to_owned();
    for tenths in 3..40 {
        story.push_str(&format!("{}.{} a line\n", tenths / 10, tenths % 10));
    }
    let shown = check(&story);
    let before = shown.split("b1").next().unwrap().matches("line").count();
    assert!((25..35).contains(&before), "{before} lines before the other one spoke:\n{shown}");
}

#[test]
fn pieces_wait_for_their_newline_or_the_end() {
    insta::assert_snapshot!(check("
        0 a start
        0.1 a +half a
        0.2 a +line
        0.3 a  and its end
        0.4 a +no newline
        0.5 a done
    "), @r"
    #1 make a
    #1 0.300 half aline and its end
    #1 0.500 no newline
    #1 DONE 0.5s

    1 step, 0 cached, 0.5s
    ");
}

#[test]
fn failures_have_no_totals() {
    insta::assert_snapshot!(check("
        0 a start
        0.5 a fail exit code: 2
    "), @r"
    #1 make a
    #1 ERROR exit code: 2
    ");
}

#[test]
fn long_downloads_are_mentioned_now_and_then() {
    insta::assert_snapshot!(check("
        0 a start
        0 a part 0/10000000
        1 a part 1000000/10000000
        4 a part 4000000/10000000
        5 a part 5000000/10000000
        8 a part 10000000/10000000
        9 a part 10000000/10000000
        9 a done
    "), @r"
    #1 make a
    #1 layer 1 3.8 MiB / 9.5 MiB
    #1 layer 1 9.5 MiB / 9.5 MiB
    #1 DONE 9.0s

    1 step, 0 cached, 9.0s
    ");
}

#[test]
fn what_one_target_built_or_found_another_does_not_report_again() {
    insta::assert_snapshot!(check("
        0 a start
        0.5 a done
        0.6 a cached
        0.6 b cached
        0.6 b cached
    "), @r"
    #1 make a
    #1 DONE 0.5s

    #2 make b
    #2 CACHED
    2 steps, 1 cached, 0.6s
    ");
}

#[test]
fn names_are_one_line_of_moderate_length() {
    assert_eq!(shown("a\n\tb   c"), "a b c");
    assert_eq!(shown(&"ä".repeat(NAME)), "ä".repeat(NAME));
    assert_eq!(shown(&"ä".repeat(NAME + 1)), format!("{}…", "ä".repeat(NAME)));
}

#[test]
fn sizes_have_binary_units() {
    assert_eq!([0, 1023, 1024, 1 << 21].map(size), ["0 B", "1023 B", "1.0 KiB", "2.0 MiB"]);
}
