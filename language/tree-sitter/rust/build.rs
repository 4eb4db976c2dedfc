//! Compiles the generated parser and the scanner.

fn main() {
    let source = std::path::Path::new("src");
    let files = ["parser.c", "scanner.c"].map(|name| source.join(name));
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    cc::Build::new().include(source).files(&files).std("c11").flag("-Wno-unused").compile("tree-sitter-hlb");
}
