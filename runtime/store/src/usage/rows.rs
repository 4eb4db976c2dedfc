//! What the database knows: file systems by their layers, failed steps, and layers of nobody.
//!
//! Owns which entry a layer is counted with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::{RecordType, Stocked, UsageId, is_used, layer, unsigned};
use crate::layer::LayerId;
use crate::lease::Item;
use crate::meta::time;

/// What the database knows: file systems by their layers, and failed steps.
pub(super) fn recorded(db: &Connection) -> rusqlite::Result<Vec<Stocked>> {
    let mut layers: HashMap<i64, Vec<LayerId>> = HashMap::new();
    let mut query = db.prepare("SELECT result, layer FROM result_layers ORDER BY result, position")?;
    for row in query.query_map([], |row| Ok((row.get(0)?, layer(row.get(1)?)?)))? {
        let (result, id) = row?;
        layers.entry(result).or_default().push(id);
    }
    let mut entries: BTreeMap<Vec<LayerId>, Stocked> = BTreeMap::new();
    let mut query = db.prepare(
        "SELECT id, created_at, used_at, uses, cost, kind, description FROM results ORDER BY created_at, id",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let result: i64 = row.get(0)?;
        let layers = layers.remove(&result).unwrap_or_default();
        let (kind, words): (String, String) = (row.get(5)?, row.get(6)?);
        let entry = entries.entry(layers).or_insert_with_key(|layers| {
            let at = time(row.get(1).unwrap_or_default());
            Stocked::new(UsageId::Result(result), RecordType::read(&kind), &words, at, layers.clone())
        });
        entry.results.push(result);
        entry.info.used_at = entry.info.used_at.max(time(row.get(2)?));
        entry.info.uses += unsigned(row.get(3)?);
        // Results of one step under several keys were made once.
        entry.info.cost = entry.info.cost.max(Duration::from_micros(unsigned(row.get(4)?)));
    }
    let mut entries: Vec<Stocked> = entries.into_values().collect();
    let mut failures: BTreeMap<(i64, i64), Stocked> = BTreeMap::new();
    let mut query = db.prepare(
        "SELECT kept.build, kept.number, kept.layer, coalesce(builds.started_at, 0), coalesce(steps.name, '')
         FROM failure_layers AS kept
         LEFT JOIN builds ON builds.id = kept.build
         LEFT JOIN build_steps AS steps ON steps.build = kept.build AND steps.number = kept.number",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (build, number) = (row.get(0)?, row.get(1)?);
        let (at, name): (i64, String) = (row.get(3)?, row.get(4)?);
        let entry = failures.entry((build, number)).or_insert_with(|| {
            let words = format!("failed step {number} of build {build} {name}");
            Stocked::new(UsageId::Failure(build, number), RecordType::Failure, words.trim_end(), time(at), Vec::new())
        });
        entry.layers.push(layer(row.get(2)?)?);
    }
    entries.extend(failures.into_values());
    Ok(entries)
}

pub(super) fn layer_times(db: &Connection) -> rusqlite::Result<Vec<(LayerId, SystemTime)>> {
    let mut query = db.prepare("SELECT id, created_at FROM layers")?;
    query.query_map([], |row| Ok((layer(row.get(0)?)?, time(row.get(1)?))))?.collect()
}

/// Counts each layer with the first entry that has it.
pub(super) fn share_out(entries: &mut [Stocked], sizes: &HashMap<LayerId, u64>, used: &BTreeSet<Item>) {
    let mut having: HashMap<LayerId, usize> = HashMap::new();
    for entry in entries.iter() {
        for layer in &entry.layers {
            *having.entry(layer.clone()).or_default() += 1;
        }
    }
    let mut counted = BTreeSet::new();
    for entry in entries {
        let own = entry.layers.iter().filter(|layer| counted.insert((*layer).clone()));
        entry.info.bytes = own.filter_map(|layer| sizes.get(layer)).sum();
        entry.info.shared = entry.layers.iter().any(|layer| having.get(layer).is_some_and(|count| *count > 1));
        entry.info.in_use = is_used(&entry.layers, used);
    }
}
