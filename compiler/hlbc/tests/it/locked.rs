//! Sources that move: repositories and files on the web, locked and drifting.

use hlb_llb::Digest;

use crate::project::Project;
use crate::repository::Repository;
use crate::web::Web;

#[test]
fn a_body_is_what_it_was_when_it_was_locked() {
    let project = Project::empty();
    std::fs::create_dir(project.beside("web")).unwrap();
    std::fs::write(project.beside("web/x.txt"), "one\n").unwrap();
    let web = Web::serve(&project.beside("web"));
    project.write("build.hlb", &format!("fs default() {{\n\thttp \"http://{}/x.txt\"\n}}\n", web.address));
    let (one, two) = (Digest::of("one\n"), Digest::of("two\n"));
    let first = project.hlbc(&["emit", "--format", "json"]);
    assert!(first.contains(&format!("\"http.checksum\":\"{one}\"")), "{first}");
    std::fs::write(project.beside("web/x.txt"), "two\n").unwrap();
    assert_eq!(project.hlbc(&["emit", "--locked", "--format", "json"]), first);
    let moved = project.hlbc(&["update", &format!("{}/x.txt", web.address)]);
    assert!(moved.contains(&format!("{one} -> {two}")), "{moved}");
    assert!(project.hlbc(&["emit", "--locked", "--format", "json"]).contains(two.as_str()));
    // What is gone is told; the rest moves all the same.
    std::fs::remove_file(project.beside("web/x.txt")).unwrap();
    let gone = project.hlbc(&["update"]);
    assert!(gone.contains("error[E0240]: cannot tell what is behind the URL"), "{gone}");
    assert!(project.hlbc(&["emit", "--locked", "--format", "json"]).contains(two.as_str()));
}

#[test]
fn privileged_a_body_that_has_moved_fails_the_build() {
    let project = Project::empty();
    std::fs::create_dir(project.beside("web")).unwrap();
    std::fs::write(project.beside("web/x.txt"), "one\n").unwrap();
    let web = Web::serve(&project.beside("web"));
    project.write(
        "build.hlb",
        &format!("fs default() {{\n\thttp \"http://{}/x.txt\"\n\tdownload \"out\"\n}}\n", web.address),
    );
    assert!(project.hlbc(&["emit"]).starts_with("exit code: 0\n"));
    std::fs::write(project.beside("web/x.txt"), "two\n").unwrap();
    let shown = project.hlbc(&["run", "--locked"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("expected sha256:"), "{shown}");
    std::fs::write(project.beside("web/x.txt"), "one\n").unwrap();
    assert!(project.hlbc(&["run", "--locked"]).starts_with("exit code: 0\n"));
    assert_eq!(project.read("out/x.txt"), "one\n");
}

#[test]
fn a_branch_is_the_commit_that_it_was_when_it_was_locked() {
    let project = Project::empty();
    let repository = Repository::new(&project, "repo", &[("a.txt", "one")]);
    repository.git(&["update-server-info"]);
    let web = Web::serve(&repository.dir().join(".git"));
    let program = format!("fs default() {{\n\tgit \"http://{}\" \"main\"\n}}\n", web.address);
    project.write("build.hlb", &program);
    let one = repository.git(&["rev-parse", "HEAD"]);
    let first = project.hlbc(&["emit"]);
    assert!(first.contains(&one), "{first}");
    let two = repository.commit(&[("a.txt", "two")]);
    repository.git(&["update-server-info"]);
    assert_eq!(project.hlbc(&["emit", "--locked"]), first);
    let moved = project.hlbc(&["update", &web.address]);
    assert!(moved.contains(&format!("{one} -> {two}")), "{moved}");
    assert!(project.hlbc(&["emit", "--locked"]).contains(&two));
    // Another ref is another name.
    project.write("build.hlb", &program.replace("\"main\"", "\"other\""));
    let shown = project.hlbc(&["emit", "--locked"]);
    assert!(shown.starts_with("exit code: 6\n") && shown.contains("#other` is not in hlb.lock"), "{shown}");
    let shown = project.hlbc(&["emit"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("has no branch, tag or ref `other`"), "{shown}");
}
