//! The codes of this crate's diagnostics.
//!
//! Owns which code means what. `E01xx` come from checking, `E02xx` from evaluation; those below are the parser's.

use hlb_language::diagnostic::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub(crate) const $name: Code = Code($code);)*

        /// Every code of this crate with what it means in a line.
        pub const CODES: &[(Code, &str)] = &[$((Code($code), $title)),*];
    };
}

codes! {
    UNDEFINED = "E0101", "a name that is not in scope";
    MISMATCH = "E0102", "a value of another type than its place takes";
    ARITY = "E0103", "too many or too few arguments";
    REDEFINED = "E0104", "a name that is defined twice";
    BUILTIN_REUSED = "E0105", "a builtin's name used for something else";
    IMPORT = "E0106", "an import that cannot be read";
    IMPORT_CYCLE = "E0107", "files that import one another";
    NOT_EXPORTED = "E0108", "a function of another file that is not exported";
    NOT_A_MODULE = "E0109", "a dot behind something that is no module, or a module without one";
    BIND = "E0110", "an `as` that binds nothing";
    BIND_PLACE = "E0111", "an `as` where no name can be bound";
    RECURSION = "E0112", "a function that calls itself";
    KIND = "E0113", "a word that is no type";
    OCTAL = "E0114", "an octal number without its prefix";
    OPTIONS_WITHOUT_WITH = "E0115", "options without `with`";
    BARE_OPTION = "E0116", "`option` without the name of what it is for";
    MODE = "E0117", "a mode that does not exist";
    ESCAPE = "E0118", "a backslash before a character that needs none";
    VARIADIC = "E0119", "a variadic parameter where one value is needed";
    UNSUPPORTED = "E0120", "something that is not supported yet";
    DEPRECATED = "E0121", "an old spelling";
    UNUSED_IMPORT = "E0122", "an import that nothing uses";
    IDLE_OPTIONS = "E0123", "options that have no effect";
    BOUND_LATER = "E0124", "a bound name used before it is bound";
    PRUNED = "E0125", "a command that nothing needs";
    DECIMAL_MODE = "E0126", "a file mode that looks octal and is decimal";
    TARGET = "E0201", "a target that is not in the file";
    TARGET_ARGUMENTS = "E0202", "a target that takes arguments";
    IMAGE_REFERENCE = "E0203", "a text that is no image reference";
    ARGUMENT = "E0204", "an argument that the builtin cannot use";
    LOCAL_PATH = "E0205", "a path on this machine that cannot be used";
    LOCAL_COMMAND = "E0206", "a command on this machine that failed";
    IMAGE_LOOKUP = "E0207", "an image that cannot be looked up";
    NO_ARGUMENTS = "E0208", "a command without words";
    SHELL_WORDS = "E0209", "a command that cannot be split into words";
    TEMPLATE = "E0210", "a template that cannot be filled in";
    BIND_MOUNT = "E0211", "a bound mount that has no result";
    FRONTEND_EXPORT = "E0212", "a target that writes something out, where a client does that";
    DEPTH = "E0213", "calls nested too deep, or more of something than a build can use";
    NEVER_BOUND = "E0215", "a bound name whose call was not evaluated";
    WORLD = "E0216", "something that this machine did not answer";
    PUSH = "E0217", "an image that could not be pushed";
    FRONTEND = "E0218", "a frontend that gave no result";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_unique() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0.0 < pair[1].0.0, "{} before {}", pair[0].0.0, pair[1].0.0);
        }
    }
}
