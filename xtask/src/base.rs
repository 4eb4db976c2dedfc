//! Makes the Debian base image: a root file system with apt, from the package mirror that this machine itself uses.
//!
//! Owns what goes into the image. The host's sources are read by `sources`, the layout is written by `layout`, the
//! entry in the configuration by `overrides`.

use crate::{Result, host, layout, overrides, sources};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The repository whose images the layout stands for; any tag of it.
const REPOSITORY: &str = "debian";

/// The settings of the host's apt that must hold in the image too: how the mirror is reached and trusted.
const INHERITED: [&str; 5] = [
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Max-FutureTime",
];

/// Written into the image: packages installed by a step leave no manuals behind and wait for no disk.
const DPKG: &str = "\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
";

/// Run on the finished tree `$1`. Filtering while unpacking is three times slower than removing afterwards.
const TRIM: &str = r#"set -e; cd "$1/usr/share"; rm -rf man/* info/* locale/*
find doc -type f ! -name copyright -delete; find doc -type l -delete; find doc -type d -empty -delete
rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/hostname "$1"/etc/resolv.conf"#;

/// Makes the base image once (or again, when `new`) and names it in hlbc's configuration.
///
/// # Errors
/// When root cannot be had, the host's apt sources cannot be used, or a tool fails.
pub(crate) fn base_image(new: bool) -> Result<()> {
    if !host::is_root() {
        let args: &[&str] = if new { &["base-image", "--new"] } else { &["base-image"] };
        return host::again_as_root(args);
    }
    let base = host::state_dir().join("base");
    let image = base.join(REPOSITORY);
    if new || !image.join("index.json").is_file() {
        let start = Instant::now();
        make(&base, &image)?;
        println!("base-image: made {} in {:.1} s", image.display(), start.elapsed().as_secs_f64());
    } else {
        println!("base-image: {} is there", image.display());
    }
    configure(&host::config_file(), &image)
}

fn make(base: &Path, image: &Path) -> Result<()> {
    if host::find("mmdebstrap").is_none() {
        return Err("mmdebstrap is not installed: run `cargo xtask setup` first".into());
    }
    create_private(base)?;
    sweep(base)?;
    let work = base.join(format!("new-{}", std::process::id()));
    fs::create_dir_all(work.join("tmp"))?;
    let made = fill(&work, image);
    // Also after a failure, of which the error that comes first is the one to report.
    let cleared = fs::remove_dir_all(&work);
    made?;
    Ok(cleared?)
}

fn fill(work: &Path, image: &Path) -> Result<()> {
    let release = Release::of_host()?;
    println!(
        "base-image: {} {} from this machine's package mirror; this takes about half a minute",
        release.id, release.codename
    );
    let archive = work.join("root.tar");
    bootstrap(work, &release, &archive)?;
    let dir = work.join("layout");
    fs::create_dir(&dir)?;
    let architecture = host::read(Command::new("dpkg").arg("--print-architecture"))?;
    layout::write(&dir, &release.codename, &architecture, &archive)?;
    if image.exists() {
        fs::rename(image, work.join("old"))?;
    }
    Ok(fs::rename(&dir, image)?)
}

/// Which distribution this machine runs.
pub(crate) struct Release {
    pub(crate) id: String,
    pub(crate) codename: String,
    /// Seconds since 1970: nothing in the image is younger, so that the same packages give the same image.
    epoch: i64,
}

impl Release {
    pub(crate) fn of_host() -> Result<Release> {
        let file = "/usr/lib/os-release";
        let text = fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.trim_matches('"').to_owned())
        };
        let (Some(id), Some(codename)) = (field("ID"), field("VERSION_CODENAME")) else {
            return Err(format!("{file} names no release: a base image can be made on Debian and Ubuntu").into());
        };
        Ok(Release { id, codename, epoch: fs::metadata(file)?.mtime() })
    }
}

fn bootstrap(work: &Path, release: &Release, archive: &Path) -> Result<()> {
    let found = sources::of_release(&host_sources()?, &release.codename, |file| fs::read_to_string(file).ok());
    if found.is_empty() {
        return Err(format!("no package source of {} in /etc/apt", release.codename).into());
    }
    let sources = work.join("debian.sources");
    fs::write(&sources, sources::render(&found))?;
    let dpkg = work.join("dpkg.cfg");
    fs::write(&dpkg, DPKG)?;

    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.env("SOURCE_DATE_EPOCH", release.epoch.to_string()).env("TMPDIR", work.join("tmp"));
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=apt", "--format=tar", "--dpkgopt=force-unsafe-io"]);
    mmdebstrap.arg("--aptopt=Acquire::Languages \"none\"");
    for setting in inherited()? {
        mmdebstrap.arg(format!("--aptopt={setting}"));
    }
    mmdebstrap.arg(format!("--customize-hook={TRIM}"));
    let put = |file: &Path, place: &str| format!("--customize-hook=upload {} {place}", file.display());
    mmdebstrap.arg(put(&sources, "/etc/apt/sources.list.d/debian.sources"));
    mmdebstrap.arg(put(&dpkg, "/etc/dpkg/dpkg.cfg.d/99mmdebstrap"));
    if sources::any_https(&found) {
        let bundle = Path::new("/etc/ssl/certs/ca-certificates.crt");
        mmdebstrap.arg("--customize-hook=mkdir -p \"$1/etc/ssl/certs\"");
        mmdebstrap.arg(put(bundle, "/etc/ssl/certs/ca-certificates.crt"));
    }
    host::run(mmdebstrap.arg(&release.codename).arg(archive).arg(&sources))
}

/// Everything apt reads on this machine, in its order.
pub(crate) fn host_sources() -> Result<Vec<sources::Stanza>> {
    let mut stanzas = Vec::new();
    if let Ok(text) = fs::read_to_string("/etc/apt/sources.list") {
        stanzas.extend(sources::parse_lines(&text));
    }
    let mut files: Vec<PathBuf> = match fs::read_dir("/etc/apt/sources.list.d") {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?,
        Err(_) => Vec::new(),
    };
    files.sort();
    for file in files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => stanzas.extend(sources::parse_deb822(&fs::read_to_string(&file)?)),
            Some("list") => stanzas.extend(sources::parse_lines(&fs::read_to_string(&file)?)),
            _ => {}
        }
    }
    Ok(stanzas)
}

/// The host's values of the inherited settings, as lines of apt's configuration without the semicolon.
fn inherited() -> Result<Vec<String>> {
    let dump = host::read(Command::new("apt-config").arg("dump"))?;
    let kept = dump.lines().filter_map(|line| {
        let name = line.split_whitespace().next()?;
        let value = line.strip_prefix(name)?.trim().trim_end_matches(';');
        (INHERITED.contains(&name) && value != "\"\"").then(|| format!("{name} {value}"))
    });
    Ok(kept.collect())
}

/// Removes what killed runs left.
fn sweep(base: &Path) -> Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("new-") else { continue };
        if !Path::new("/proc").join(pid).exists() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn configure(file: &Path, image: &Path) -> Result<()> {
    let old = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("cannot read {}: {error}", file.display()).into()),
    };
    let new = overrides::with_layout(&old, REPOSITORY, &image.to_string_lossy());
    if new != old {
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        let staged = file.with_extension("toml.new");
        fs::write(&staged, new)?;
        fs::rename(&staged, file)?;
        println!("base-image: {} says that `{REPOSITORY}` images come from there", file.display());
    }
    Ok(())
}

/// hlbc's state belongs to root alone; a directory made here must not be wider than one made by hlbc.
fn create_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    Ok(fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?)
}
