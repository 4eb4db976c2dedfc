//! What there is, and how large it is.
//!
//! Owns the list of everything in the state directory and its sizes, so that they add up to what the file system says. A layer
//! belongs to the oldest entry that has it. Must not know what is worth keeping.

mod files;
mod measure;
mod rows;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime};

use hlb_llb::Digest;

use measure::Sizes;

use crate::gc::GcError;
use crate::layer::LayerId;
use crate::lease::{self, Item};
use crate::meta::{MetaError, WriteError};
use crate::store::Store;

/// What sort of thing an entry is, in the words of BuildKit's clients where they have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordType {
    /// What a step has made.
    Regular,
    /// A directory of a caller.
    SourceLocal,
    /// A commit of a git repository.
    SourceGitCheckout,
    /// A file from the web.
    SourceHttp,
    /// An image.
    SourceImage,
    /// What steps keep for later ones.
    CacheMount,
    /// A failed step that is kept to look into it.
    Failure,
    /// Layers that nothing leads to any more.
    Unreferenced,
    /// Archives of layers, git repositories, and what the state directory needs for itself.
    Internal,
}

/// The name of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UsageId {
    /// The oldest result of a file system.
    Result(i64),
    /// An archive of a layer.
    Blob(Digest),
    /// A directory of a cache mount.
    CacheMount(String),
    /// A failed step: its build and its number in that.
    Failure(i64, i64),
    /// A layer without a result.
    Layer(LayerId),
    /// A git repository.
    Repository(String),
    /// Everything else: the database, locks, logs, and the scratch space of running builds.
    Rest,
}

/// One entry of the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageInfo {
    /// Its name.
    pub id: UsageId,
    /// What it is.
    pub kind: RecordType,
    /// What made it, for people.
    pub description: String,
    /// What it takes on disk, less what is counted with an older entry.
    pub bytes: u64,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was last used.
    pub used_at: SystemTime,
    /// How often it was found and used.
    pub uses: u64,
    /// How long it took to make; zero if that is not known.
    pub cost: Duration,
    /// Whether a running process uses it.
    pub in_use: bool,
    /// Whether other entries have some of its layers, too.
    pub shared: bool,
}

/// An entry with what holds it together.
#[derive(Debug)]
pub(crate) struct Stocked {
    pub(crate) info: UsageInfo,
    pub(crate) layers: Vec<LayerId>,
    /// All results with just these layers.
    pub(crate) results: Vec<i64>,
}

/// All entries, oldest first, and the size of each layer.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pub(crate) entries: Vec<Stocked>,
    pub(crate) layers: HashMap<LayerId, u64>,
}

impl RecordType {
    const ALL: [Self; 9] = [
        Self::Regular,
        Self::SourceLocal,
        Self::SourceGitCheckout,
        Self::SourceHttp,
        Self::SourceImage,
        Self::CacheMount,
        Self::Failure,
        Self::Unreferenced,
        Self::Internal,
    ];

    /// Its name, as in filters and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::SourceLocal => "source.local",
            Self::SourceGitCheckout => "source.git.checkout",
            Self::SourceHttp => "source.http",
            Self::SourceImage => "source.image",
            Self::CacheMount => "exec.cachemount",
            Self::Failure => "failure",
            Self::Unreferenced => "unreferenced",
            Self::Internal => "internal",
        }
    }

    /// What a row says. A newer program may know more.
    fn read(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(Self::Regular)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UsageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(id) => write!(f, "{id}"),
            Self::Blob(digest) => f.write_str(digest.as_str()),
            Self::CacheMount(name) | Self::Repository(name) => f.write_str(name),
            Self::Failure(build, number) => write!(f, "build-{build}.{number}"),
            Self::Layer(layer) => write!(f, "{layer}"),
            Self::Rest => f.write_str("rest"),
        }
    }
}

impl Store {
    /// Everything that there is, oldest first. Layers that were not measured yet are measured now.
    ///
    /// # Errors
    /// When the directory or the database cannot be read.
    pub fn usage(&self) -> Result<Vec<UsageInfo>, GcError> {
        Ok(self.stock()?.entries.into_iter().map(|entry| entry.info).collect())
    }

    /// Measures the layers that were not measured yet.
    ///
    /// # Errors
    /// As [`Store::usage`].
    pub fn measure_new(&self) -> Result<(), GcError> {
        self.measure(false).map(drop)
    }

    /// Everything with what is needed to take it away.
    pub(crate) fn stock(&self) -> Result<Stock, GcError> {
        let layers = self.measure(true)?;
        lease::tidy(&self.inner)?;
        let taking = lease::taking(self.root())?;
        let used = lease::leased(self.root(), &taking)?;
        drop(taking);
        let mut entries = self.inner.meta.read(rows::recorded)?;
        let owned: BTreeSet<LayerId> = entries.iter().flat_map(|entry| entry.layers.iter().cloned()).collect();
        for (layer, created) in self.inner.meta.read(rows::layer_times)? {
            if !owned.contains(&layer) {
                let kind = RecordType::Unreferenced;
                entries.push(Stocked::new(
                    UsageId::Layer(layer.clone()),
                    kind,
                    "nothing leads to it",
                    created,
                    vec![layer],
                ));
            }
        }
        entries.sort_by(|a, b| (a.info.created_at, &a.info.id).cmp(&(b.info.created_at, &b.info.id)));
        rows::share_out(&mut entries, &layers, &used);
        let mut rest = self.files(&used, &mut entries)?;
        rest.info.in_use = true;
        entries.push(rest);
        Ok(Stock { entries, layers })
    }

    /// The size of each layer. Those that share files with others are looked at each time if `shared`.
    fn measure(&self, shared: bool) -> Result<HashMap<LayerId, u64>, GcError> {
        let rows = self.inner.meta.read(|db| {
            let mut query = db.prepare("SELECT id, bytes, shared FROM layers ORDER BY created_at, id")?;
            let rows = query.query_map([], |row| {
                Ok((layer(row.get(0)?)?, row.get::<_, Option<i64>>(1)?, row.get::<_, bool>(2)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let (mut sizes, mut found, mut news) = (Sizes::default(), HashMap::new(), Vec::new());
        for (id, known, is_shared) in rows {
            if let Some(bytes) = known.filter(|_| !(is_shared && shared)) {
                found.insert(id, unsigned(bytes));
                continue;
            }
            let place = self.root().join("layers").join(id.as_str());
            let tree = sizes.tree(&place).map_err(|source| GcError::io("measure", &place, source))?;
            if known != Some(signed(tree.bytes)) || is_shared != tree.shared {
                news.push((id.clone(), tree));
            }
            found.insert(id, tree.bytes);
        }
        if !news.is_empty() {
            self.inner.meta.write(|db| {
                let mut update = db.prepare_cached("UPDATE layers SET bytes = ?2, shared = ?3 WHERE id = ?1")?;
                for (id, tree) in &news {
                    update.execute((id.as_str(), signed(tree.bytes), tree.shared))?;
                }
                Ok::<(), WriteError<MetaError>>(())
            })?;
        }
        Ok(found)
    }
}

impl Stocked {
    fn new(id: UsageId, kind: RecordType, words: &str, at: SystemTime, layers: Vec<LayerId>) -> Self {
        let info = UsageInfo {
            id,
            kind,
            description: words.to_owned(),
            bytes: 0,
            created_at: at,
            used_at: at,
            uses: 0,
            cost: Duration::ZERO,
            in_use: false,
            shared: false,
        };
        Self { info, layers, results: Vec::new() }
    }
}

/// Whether somebody may use the whole of a file system.
pub(crate) fn is_used(layers: &[LayerId], used: &BTreeSet<Item>) -> bool {
    !layers.is_empty() && layers.iter().all(|layer| used.contains(&Item::Layer(layer.clone())))
}

fn layer(text: String) -> rusqlite::Result<LayerId> {
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
