//! Turns `src/parser/grammar.lalrpop` into tables in `OUT_DIR`. Owns nothing else.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    lalrpop::Configuration::new().use_cargo_dir_conventions().emit_rerun_directives(true).process()
}
