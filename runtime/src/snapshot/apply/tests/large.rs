//! Layers with large files: those that are mostly holes, and those that are meant to fill the disk.

use super::*;

#[test]
fn privileged_holes_stay_holes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    // Islands of data; of so many the map does not fit into one header, or block.
    let islands = |name: &str, size: u64, count: u64| {
        let file = File::create(tree.join(name)).unwrap();
        for at in 0..count {
            std::os::unix::fs::FileExt::write_all_at(&file, &[at as u8 + 1; 5_000], at * size / count + 70_000)
                .unwrap();
        }
        file.set_len(size).unwrap();
    };
    islands("three", 5 << 30, 3);
    islands("many", 60 << 20, 200);
    islands("none", 60 << 20, 0);
    let long = "x".repeat(120);
    islands(&long, 3 << 20, 1);
    std::fs::write(tree.join("dense"), [7; 200_000]).unwrap();
    std::fs::write(tree.join("zeros"), [0; 300_000]).unwrap();
    let blocks = |path: PathBuf| std::fs::metadata(path).unwrap().blocks() * 512;
    for form in ["gnu", "0.0", "0.1", "1.0"] {
        let packed = dir.path().join("packed.tar");
        let version = format!("--sparse-version={form}");
        let options = if form == "gnu" { ["--format=gnu", "--sparse"] } else { ["--format=posix", &version] };
        let file = packed.to_str().unwrap();
        tar(&[&["--create", "--sparse", "--sort=name"], &options[..], &["--file", file, "."]].concat(), &tree);
        assert!(std::fs::metadata(&packed).unwrap().len() < 5 << 20, "{form}");
        let mut layers = Layers::new();
        layers.apply_bytes(&std::fs::read(&packed).unwrap()).unwrap();
        for name in ["three", "many", "none", &long, "dense", "zeros"] {
            let (theirs, ours) = (tree.join(name), layers.layers[0].join(name));
            let size = |path: &Path| std::fs::metadata(path).unwrap().len();
            assert_eq!(size(&theirs), size(&ours), "{form} {name}");
            assert!(blocks(ours.clone()) <= blocks(theirs.clone()).max(64 << 10) * 2, "{form} {name} has no holes");
            if name == "three" {
                // Too large to be read for a comparison.
                continue;
            }
            let same = Command::new("cmp").arg(&theirs).arg(&ours).output().unwrap();
            assert!(same.status.success(), "{form} {name}: {same:?}");
        }
        let island = |dir: &Path| {
            let mut bytes = [0; 6_000];
            let file = File::open(dir.join("three")).unwrap();
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 2 * (5 << 30) / 3 + 69_500).unwrap();
            bytes
        };
        assert_eq!((island(&tree), island(&tree)[600]), (island(&layers.layers[0]), 3));
    }
    let mut layers = Layers::new();
    tar(&["--create", "--file", "../plain.tar", "zeros", "dense"], &tree);
    layers.apply_bytes(&std::fs::read(dir.path().join("plain.tar")).unwrap()).unwrap();
    assert_eq!(blocks(layers.layers[0].join("zeros")), 0);
    assert_eq!(std::fs::read(layers.layers[0].join("zeros")).unwrap(), [0; 300_000]);
}

#[test]
fn privileged_what_expands_too_much_is_refused() {
    let limits = LayerLimits { ratio: 100, spared: 1 << 20, bytes: 64 << 20, entries: 3 };
    let check = |layer: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let ordered = apply_layer(layer, dir.path(), &[], limits).unwrap_err();
        assert!(matches!(ordered, ApplyError::Excess(_)), "{ordered:?}");
        let dir = tempfile::tempdir().unwrap();
        let alone = apply_alone(layer, dir.path(), limits).err().unwrap();
        assert_eq!(ordered.to_string(), alone.to_string());
        // Nothing of a bomb lies on the disk.
        for file in std::fs::read_dir(dir.path()).unwrap() {
            assert!(file.unwrap().metadata().unwrap().blocks() * 512 < 2 << 20);
        }
        ordered.to_string()
    };
    let zeros = |size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_path("zeros").unwrap();
        header.set_cksum();
        header
            .as_bytes()
            .iter()
            .copied()
            .chain(std::iter::repeat_n(0, usize::try_from(size).unwrap()))
            .collect::<Vec<u8>>()
    };
    let bomb = zeros(40 << 20);
    let said = check(&gzip(&bomb));
    assert!(said.contains("more than 100 times as much (raise `layer-ratio` under `[limits]`"), "{said}");
    assert_eq!(said, check(&gzip(&bomb)));
    let said = check(&zstd::encode_all(&bomb[..], 1).unwrap());
    assert!(said.contains("more than 100 times as much"), "{said}");
    insta::assert_snapshot!(check(&zeros(70 << 20)), @"the layer is refused: it has more than 67.1 MB (raise `layer-bytes` under `[limits]` in `hlbc.toml`)");
    insta::assert_snapshot!(check(&archive("f a\n f b\n f c\n f d")), @"the layer is refused: it has more than 3 entries (raise `layer-entries` under `[limits]` in `hlbc.toml`)");
    // After the end of the archive too.
    let said = check(&gzip(&[archive("f a x"), vec![0; 40 << 20]].concat()));
    assert!(said.contains("more than 100 times as much"), "{said}");
}
