//! The codes of this crate's diagnostics.
//!
//! Owns which code means what. `E01xx` come from checking, `E02xx` from evaluation, `E03xx` are warnings of
//! what may not be meant; those below are the parser's.

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
    VARIADIC = "E0119", "a variadic parameter or a default where there can be none";
    UNSUPPORTED = "E0120", "something that is not supported yet";
    DEPRECATED = "E0121", "an old spelling";
    UNUSED_IMPORT = "E0122", "an import that nothing uses";
    IDLE_OPTIONS = "E0123", "options that have no effect";
    BOUND_LATER = "E0124", "a bound name used before it is bound";
    PRUNED = "E0125", "a command that nothing needs";
    DECIMAL_MODE = "E0126", "a file mode that looks octal and is decimal";
    RECORD_CYCLE = "E0127", "a type that holds itself";
    PARAMETER_ORDER = "E0128", "a parameter without a default behind one that has one";
    NAMED_ARGUMENT = "E0129", "an argument by a name that does not fit";
    SPREAD = "E0130", "dots before what cannot be spread there";
    OPERATOR = "E0131", "an operator between values that it does not take";
    FIELD = "E0132", "a field, or a function behind a dot, that does not exist";
    INDEX = "E0133", "an index behind a value that has no elements";
    NOT_CALLABLE = "E0134", "arguments behind a value that is no function";
    NOT_ITERABLE = "E0135", "a loop over a value that has no elements";
    PATTERN = "E0136", "a pattern that the value cannot be compared with";
    NOT_EXHAUSTIVE = "E0137", "a `match` that does not take in all values";
    NEEDS_ELSE = "E0138", "an `if` as a value without an `else`";
    NO_VALUE = "E0139", "a block that may end without a value";
    TYPE_PARAMETER = "E0141", "a type parameter that no parameter speaks of";
    UNSET_RESULT = "E0142", "a declared result that is never set";
    ASSERT_PLACE = "E0143", "an `assert` outside of a test";
    TEST_NAME = "E0144", "a test whose name is not plain text";
    MODULE = "E0150", "a module from elsewhere that cannot be had";
    MODULE_ABSENT = "E0151", "a module from elsewhere that is not at hand";
    MODULE_ESCAPE = "E0152", "a module from elsewhere that reaches for files of this machine";
    CONSENT = "E0153", "a module from elsewhere that does what nobody has allowed";
    TARGET = "E0201", "a target that is not in the file";
    TARGET_ARGUMENTS = "E0202", "a target that is not given what it takes";
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
    ARITHMETIC = "E0219", "a number that cannot be computed";
    INDEX_VALUE = "E0220", "an element that is not there";
    SAME_KEY = "E0221", "two entries with one key";
    ASSERTION = "E0222", "an assertion that is not true";
    READ_RESULT = "E0223", "a result of a build that cannot be read";
    PIN = "E0240", "a name of which cannot be told what it stands for";
    NOT_LOCKED = "E0241", "a name that hlb.lock does not hold";
    UNREACHABLE = "E0301", "an arm of a `match` that no value gets to";
    NEVER_NONE = "E0302", "a `??` behind what is never `none`";
    UNUSED_LET = "E0303", "a name that nothing uses";
    UNUSED_PARAMETER = "E0304", "a parameter that its function does not use";
    OVERWRITTEN = "E0305", "a value that is replaced before anything uses it";
    SHADOWED_BUILTIN = "E0306", "a name that hides a builtin";
    UNPINNED_IMAGE = "E0307", "an image that is named without a digest";
    PACKAGE_CACHE = "E0308", "packages that are downloaded again in each build";
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
