//! `hlbc explain`.
//!
//! Owns what is said of a code that does not exist. The pages are the compiler's.

use hlb_compiler::explain::{PAGES, page};

use crate::cli;
use crate::error::{Failure, Kind};

pub(crate) fn explain(args: &cli::Explain) -> Result<(), Failure> {
    let text = if args.codes.is_empty() {
        PAGES.iter().map(|page| format!("{}  {}\n", page.code, page.title())).collect()
    } else {
        let pages = args.codes.iter().map(|code| Ok(page(code).map_err(|near| unknown(code, &near))?.plain()));
        pages.collect::<Result<Vec<_>, Failure>>()?.join("\n\n")
    };
    super::print(text.as_bytes())
}

fn unknown(code: &str, near: &[&str]) -> Failure {
    let failure = Failure::new(Kind::Usage, format!("there is no code `{code}`"));
    let all = "run `hlbc explain` for a list of all codes";
    match near.split_last() {
        Some((last, [])) => failure.help(format!("did you mean `{last}`? {all}")),
        Some((last, others)) => failure.help(format!("did you mean `{}` or `{last}`? {all}", others.join("`, `"))),
        None => failure.help(all),
    }
}
