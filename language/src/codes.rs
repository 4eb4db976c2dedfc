//! The codes of lexing and parsing errors, each with a one-line title.
//!
//! Owns the range `E00xx`. A code never changes its meaning and is never used again; pages are in `docs/diagnostics`.

use crate::diagnostic::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($code);)*

        /// Every code of this crate with its title, in the order of the codes.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    OPEN_STRING = "E0001", "a string is never closed";
    OPEN_RAW_STRING = "E0002", "a raw string is never closed";
    OPEN_HEREDOC = "E0003", "a heredoc is never closed";
    SINGLE_QUOTES = "E0004", "a string is written with single quotes";
    EMPTY_RAW_STRING = "E0005", "a raw string is empty";
    BAD_NUMBER = "E0006", "a number has a wrong digit or is too large";
    OPEN_INTERPOLATION = "E0007", "an interpolation is never closed";
    EMPTY_INTERPOLATION = "E0008", "an interpolation is empty";
    ESCAPED_NEWLINE = "E0009", "a backslash stands at the end of a line in a string";
    TOO_DEEP = "E0010", "blocks, parentheses and interpolations are nested too deeply";
    UNKNOWN_CHARACTER = "E0011", "a character has no meaning here";
    OPEN_BRACE = "E0012", "a block is never closed";
    STRAY_BRACE = "E0013", "a `}` closes nothing";
    OPEN_PAREN = "E0014", "a parenthesis is never closed";
    STRAY_PAREN = "E0015", "a `)` closes nothing";
    STRAY_COMMA = "E0016", "arguments that stand side by side are separated by a comma";
    PAREN_STATEMENT = "E0017", "a statement is written as a parenthesised call";
    EMPTY_STATEMENT = "E0018", "a `;` ends no statement";
    WITH_BLOCK = "E0019", "a block of options lacks the word `option`";
    KEYWORD_AS_NAME = "E0020", "a reserved word is used as a name";
    BLOCK_STATEMENT = "E0021", "a block stands where a statement is expected";
    MISSING_TYPE = "E0022", "a declaration or a parameter has no type";
    MISSING_NAME = "E0023", "a declaration or a parameter has no name";
    BLOCK_ON_NEXT_LINE = "E0024", "the block of a function is not on the line of its head";
    IMPORT_NAME = "E0025", "an import has no name";
    EQUALS_SIGN = "E0026", "an `=` stands where a block or arguments are expected";
    TWO_DOTS = "E0027", "a name has more than one dot";
    UNEXPECTED = "E0028", "something else was expected";
    WITH_NOTHING = "E0029", "`with` is followed by nothing";
    LINE_CONTINUATION = "E0030", "a line ends in a backslash";
    LEADING_COMMA = "E0031", "a line begins with a comma";
    LINE_IN_INTERPOLATION = "E0032", "a line ends in an interpolation";
    IMPORT_ARGUMENTS = "E0033", "the call in an import has no parentheses";
    NOT_A_DECLARATION = "E0034", "something that is no declaration stands outside of a function";
    WRONG_COMMENT = "E0035", "a comment does not begin with `#`";
    UNOPENED_BLOCK = "E0036", "a block is closed but never opened";
    OPEN_BRACKET = "E0037", "a bracket is never closed";
    STRAY_BRACKET = "E0038", "a `]` closes nothing";
    MISSING_TERMINATOR = "E0039", "two statements stand on one line with nothing between them";
    ELSE_WITHOUT_IF = "E0040", "an `else` belongs to no `if`";
    ELSE_IF = "E0041", "`else if` is written as one word";
    ASSIGN_IN_CONDITION = "E0042", "a condition has `=` where `==` is meant";
    CHAINED_COMPARISON = "E0043", "a comparison is compared";
    FOREIGN_SIGN = "E0044", "a sign of another language stands where HLB has another";
    LET_VALUE = "E0045", "a `let` has no value";
    MISSING_OPERAND = "E0046", "an operator or a word lacks the expression behind it";
    TYPE_BEHIND = "E0047", "a type stands behind its name";
    FUNCTION_WORD = "E0048", "a function begins with a word instead of its type";
    COMPREHENSION_ORDER = "E0049", "a comprehension begins with its element";
    COMPREHENSION_COLON = "E0050", "a comprehension has no `:`";
    ARM_ARROW = "E0051", "an arm of a `match` has no `=>`";
    FOR_IN = "E0052", "a `for` has no `in`";
    WORD_CLASH = "E0053", "a word is a name in the file and used as the reserved word";
    TYPE_BRACKETS = "E0054", "a type in brackets is written as in another language";
    SPLIT_ARGUMENTS = "E0055", "the arguments of a call stand partly in parentheses";
    VALUE_WORD = "E0056", "a value is declared with another word than `let`";
}
