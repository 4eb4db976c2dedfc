//! `hlbc dump`.
//!
//! Owns which form is printed. The JSON form takes graphs that no solver would take, for it is there to find out why.

use hlb_llb::{draw, dump as lines};

use crate::cli::{self, DumpFormat};
use crate::definition;
use crate::error::Failure;
use crate::graphs::Graphs;

pub(crate) fn dump(args: &cli::Dump) -> Result<(), Failure> {
    let (name, definition) = definition::read(args.file.as_deref())?;
    if args.format == DumpFormat::Json {
        let text = lines::dump(&definition).map_err(|error| definition::broken(&name, &error))?;
        return super::print(text.as_bytes());
    }
    let graphs = Graphs::of(&name, definition)?;
    let plan = graphs.plan();
    super::print(
        match args.format {
            DumpFormat::Json | DumpFormat::Text => draw::text(&plan),
            DumpFormat::Dot => draw::dot(&plan),
            DumpFormat::Mermaid => draw::mermaid(&plan),
        }
        .as_bytes(),
    )
}
