//! Programs of equal size in both languages.
//!
//! Owns their texts: functions of ten lines, each of which calls the one before it and, in a project, one of another file. The
//! places where the benchmark edits are known.

use std::path::{Path, PathBuf};

use crate::Result;

/// How a program is written.
pub(crate) struct Language {
    /// The editor's name of it.
    pub(crate) id: &'static str,
    extension: &'static str,
    import: fn(usize) -> String,
    /// A function of ten lines: its number, and the function of another file that it calls.
    function: fn(usize, Option<usize>) -> String,
    /// The end of a file: a call of the last function, and of one of the library.
    end: fn(usize, bool) -> String,
    /// What is right, and what is put in its place: a mistake in the file itself.
    own: (&'static str, &'static str),
    /// The same in the library, which is then a mistake in the file that imports it.
    library: (&'static str, &'static str),
    /// A line to be typed in, and what is typed.
    blank: (&'static str, &'static str),
}

pub(crate) const HLB: Language = Language {
    id: "hlb",
    extension: "hlb",
    import: |file| format!("import lib{file} from \"./file{file}.hlb\"\n"),
    function: |number, other| {
        let before = number.checked_sub(1).map_or("dir \"/first\"".to_owned(), |it| format!("step{it} name"));
        let other = other.map_or("dir \"/none\"".to_owned(), |file| format!("lib{file}.step0 name"));
        format!(
            "# Does step {number} of a build.\nexport fs step{number}(string name) {{\n\trun \"make ${{name}}\" with option {{\n\t\t\
             dir \"/src\"\n\t\tmount scratch \"/out\"\n\t}}\n\t{before}\n\t{other}\n\tenv \"STEP\" \"{number}\"\n}}\n"
        )
    },
    end: |last, library| {
        let library = if library { "lib1.shared \"x\"" } else { "dir \"/end\"" };
        format!(
            "fs default() {{\n\tscratch\n\tstep{last} \"own\"\n\t{library}\n\t# blank\n}}\n\nexport fs shared(string name) {{\n\tmkdir name 0o755\n}}\n"
        )
    },
    own: (" \"own\"\n", " 5555 \n"),
    library: ("shared(string name) {\n\tmkdir name 0o755", "shared(int    name) {\n\tmkdir \"/x\" name"),
    blank: ("# blank\n", "st     \n"),
};

pub(crate) const PYTHON: Language = Language {
    id: "python",
    extension: "py",
    import: |file| format!("import file{file} as lib{file}\n"),
    function: |number, other| {
        let before = number.checked_sub(1).map_or("log(\"first\")".to_owned(), |it| format!("step{it}(name)"));
        let other = other.map_or("log(\"none\")".to_owned(), |file| format!("lib{file}.step0(name)"));
        format!(
            "def step{number}(name: str) -> dict[str, str]:\n    \"\"\"Does step {number} of a build.\"\"\"\n    image = {{\n        \
             \"dir\": \"/src\",\n        \"mount\": \"/out\",\n    }}\n    {before}\n    {other}\n    image[\"step\"] = \"{number}\"\n    return image\n"
        )
    },
    end: |last, library| {
        let library = if library { "lib1.shared(\"x\")" } else { "log(\"end\")" };
        format!(
            "def default() -> None:\n    log(\"scratch\")\n    step{last}(\"own\")\n    {library}\n    # blank\n\n\ndef shared(name: str) -> None:\n    log(name)\n\n\ndef log(text: str) -> None:\n    print(text)\n"
        )
    },
    own: ("(\"own\")\n", "(5555 )\n"),
    library: ("shared(name: str) -> None:\n    log(name)", "shared(name: int) -> None:\n    log(\"x\") "),
    blank: ("# blank\n", "st     \n"),
};

/// A file with the places of its edits.
pub(crate) struct File {
    pub(crate) uri: String,
    pub(crate) text: String,
    pub(crate) right: Edit,
    pub(crate) wrong: Edit,
    pub(crate) blank: Edit,
    pub(crate) typed: Edit,
    /// Line and column behind what is typed.
    pub(crate) behind_typed: (u32, u32),
    /// Line and column of the name in a call.
    pub(crate) call: (u32, u32),
}

/// A text at a place, as a range of lines and columns. Texts that replace one another have the same lines and lengths.
#[derive(Clone)]
pub(crate) struct Edit {
    pub(crate) range: [u32; 4],
    pub(crate) text: String,
}

pub(crate) struct Program {
    dir: PathBuf,
    files: Vec<File>,
}

impl Program {
    /// Writes a program: the first file imports 20 others, each of the others the one behind it.
    pub(crate) fn write(language: &Language, dir: &Path, files: usize, functions: usize) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut written = Vec::new();
        for number in 0..files {
            let others: Vec<usize> = match number {
                0 => (1..files.min(21)).collect(),
                _ => Some(number + 1).filter(|next| *next < files).into_iter().collect(),
            };
            let mut text: String = others.iter().map(|file| (language.import)(*file)).collect();
            for function in 0..functions {
                let other = others.get(function % others.len().max(1)).copied();
                text.push_str(&format!("\n{}", (language.function)(function, other)));
            }
            // An import that nothing uses is a warning.
            for (at, file) in others.iter().enumerate().skip(functions) {
                text.push_str(&format!("\n{}", (language.function)(at, Some(*file))));
            }
            text.push_str(&format!("\n{}", (language.end)(functions - 1, number == 0 && files > 1)));
            let path = dir.join(format!("file{number}.{}", language.extension));
            std::fs::write(&path, &text)?;
            written.push(File::new(language, &path, text, number == 0)?);
        }
        Ok(Self { dir: dir.to_owned(), files: written })
    }

    /// Whether it is in our language.
    pub(crate) fn is_ours(&self) -> bool {
        self.main().uri.ends_with(".hlb")
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that imports others.
    pub(crate) fn main(&self) -> &File {
        &self.files[0]
    }

    /// A file that it imports.
    pub(crate) fn library(&self) -> &File {
        &self.files[1]
    }
}

impl File {
    fn new(language: &Language, path: &Path, text: String, is_main: bool) -> Result<Self> {
        let (right, wrong) = if is_main { language.own } else { language.library };
        let edit = |at: &str, new: &str| -> Result<Edit> {
            let start = text.rfind(at).ok_or("the text has no such place")?;
            let (line, column) = position(&text, start);
            let (end_line, end_column) = position(&text, start + at.len());
            Ok(Edit { range: [line, column, end_line, end_column], text: new.to_owned() })
        };
        let typed = edit(language.blank.0, language.blank.1)?;
        let call = text.rfind("own").and_then(|own| text.get(..own)?.rfind("step")).ok_or("no call")?;
        Ok(Self {
            uri: format!("file://{}", path.display()),
            right: edit(right, right)?,
            wrong: edit(right, wrong)?,
            blank: edit(language.blank.0, language.blank.0)?,
            behind_typed: (typed.range[0], typed.range[1] + 2),
            typed,
            call: position(&text, call + 1),
            text,
        })
    }
}

fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    (line as u32, column as u32)
}
