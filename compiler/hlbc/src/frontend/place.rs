//! Where the program and the files that it builds come from.
//!
//! Owns the two places, directories of the client or graphs, and which it is. Looks at no files.

use hlb_compiler::Platform;
use hlb_gateway::Failure;
use hlb_gateway::client::{Gateway, Invocation};
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::{ops, pb};

use super::failed;
use super::wanted::Wanted;

/// A file system that is not made yet.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The client offers it under this name.
    Local(String),
    /// A graph makes it.
    Graph(pb::Definition),
}

/// Where the two things that a build needs are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The program and the modules that it imports.
    pub(crate) program: Place,
    /// What `local` reads.
    pub(crate) context: Place,
}

/// Finds the places. A context elsewhere has the program in it, too, unless the client offers that by name.
///
/// # Errors
/// If the solver does not tell what the caller has given.
pub(crate) async fn find(gateway: &Gateway, invocation: &Invocation, wanted: &Wanted) -> Result<Places, Failure> {
    let local = |name: &String| Place::Local(name.clone());
    let mut places = Places { program: local(&wanted.program_name), context: local(&wanted.context_name) };
    let own_program = invocation.opts.contains_key("dockerfilekey");
    if let Some(remote) = wanted.context_url.as_deref().map(remote) {
        let definition = within(remote?, wanted.context_subdir.as_deref());
        places.context = Place::Graph(definition.clone());
        if !own_program {
            places.program = Place::Graph(definition);
        }
    } else if gateway.can("frontend.inputs") {
        let mut inputs = gateway.inputs().await.map_err(failed)?;
        if let Some(input) = inputs.remove(&wanted.context_name) {
            places.context = Place::Graph(input.clone());
        }
        if let (Some(input), false) = (inputs.remove(&wanted.program_name), own_program) {
            places.program = Place::Graph(input);
        }
    }
    Ok(places)
}

/// The graph of a directory of the client, as far as it is wanted.
pub(crate) fn local(local: ops::Local, name: String) -> pb::Definition {
    definition(ops::local(local, Annotations { name: Some(name), ..Annotations::default() }))
}

pub(crate) fn wire(platform: &Platform) -> pb::Platform {
    pb::Platform {
        os: platform.os.to_string(),
        architecture: platform.architecture.to_string(),
        variant: platform.variant.to_string(),
        ..Default::default()
    }
}

fn definition(output: Output) -> pb::Definition {
    marshal(Some(&output), Vec::new())
}

/// What a URL in place of a context leads to: a repository, or an archive.
fn remote(url: &str) -> Result<Output, Failure> {
    let name = Annotations { name: Some(format!("[internal] load remote build context {url}")), ..Default::default() };
    if let Some(git) = repository(url) {
        return Ok(ops::git(git, name));
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Failure::request(format!(
            "the build context `{url}` is neither a git repository nor an archive at an http or https URL"
        )));
    }
    let archive = ops::http(ops::Http { filename: "context".to_owned(), ..ops::Http::new(url) }, name);
    let unpack = ops::Copy { unpack: true, ..ops::Copy::new(Some(archive), "/context", "/") };
    let annotations = Annotations { name: Some("[internal] extract build context".to_owned()), ..Default::default() };
    let unpacked = ops::file(None, vec![ops::FileStep::Copy(unpack)], annotations);
    unpacked.ok_or_else(|| Failure::new("a copy has no result"))
}

/// A repository with `#ref:directory` behind it, if it is one.
fn repository(url: &str) -> Option<ops::Git> {
    let (remote, fragment) = url.split_once('#').unwrap_or((url, ""));
    let bare = remote.starts_with("github.com/");
    let scheme = ["git://", "ssh://", "git@"].iter().any(|start| remote.starts_with(start));
    let by_name = remote.starts_with("http") && remote.trim_end_matches('/').ends_with(".git");
    if !(bare || scheme || by_name) {
        return None;
    }
    let remote = if bare { format!("https://{remote}") } else { remote.to_owned() };
    let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
    let mut git = ops::Git::new(remote, reference);
    git.subdir = subdir.trim_matches('/').to_owned();
    Some(git)
}

/// A directory of a place as if it were all there is.
fn within(whole: Output, subdir: Option<&str>) -> pb::Definition {
    let Some(subdir) = subdir.map(|dir| dir.trim_matches('/')).filter(|dir| !dir.is_empty() && *dir != ".") else {
        return definition(whole);
    };
    let copy = ops::Copy { contents_only: true, ..ops::Copy::new(Some(whole.clone()), format!("/{subdir}"), "/") };
    let part = ops::file(None, vec![ops::FileStep::Copy(copy)], Annotations::default());
    definition(part.unwrap_or(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_known_by_their_names() {
        let check = |url: &str, expected: Option<(&str, &str, &str)>| {
            let found = repository(url);
            let found = found.as_ref().map(|git| (git.url.as_str(), git.reference.as_str(), git.subdir.as_str()));
            assert_eq!(found, expected, "{url}");
        };
        check("https://example.com/a.git", Some(("https://example.com/a.git", "", "")));
        check("https://example.com/a.git#v1:sub/", Some(("https://example.com/a.git", "v1", "sub")));
        check("github.com/a/b#main", Some(("https://github.com/a/b", "main", "")));
        check("git@example.com:a/b.git#:d", Some(("git@example.com:a/b.git", "", "d")));
        check("https://example.com/a.tar.gz", None);
        check("https://example.com/a.git.tar", None);
    }
}
