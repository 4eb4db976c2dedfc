; Where several patterns fit, the last one counts.

(identifier) @variable
(comment) @comment
(number) @number
(boolean) @boolean
(none) @constant.builtin

[(string) (raw_string) (heredoc)] @string
(escape) @string.escape
[(heredoc_start) (heredoc_end)] @label
(interpolation ["${" "}"] @punctuation.special)
(interpolation (identifier) @variable)

; ---- words

["import" "from" "export"] @keyword.import
["let" "type" "enum" "test" "with" "as" "binds" "variadic" "assert"] @keyword
"fn" @keyword.function
["if" "else" "match"] @keyword.conditional
["for" "in"] @keyword.repeat

; ---- declarations

(function name: (identifier) @function)
(parameter name: (identifier) @variable.parameter)
(constant name: (identifier) @constant)
(record name: (identifier) @type)
(record_field name: (identifier) @property)
(enum name: (identifier) @type)
(variant) @constant
(import name: (identifier) @module)

; ---- types

(function result: (identifier) @type)
(parameter type: (identifier) @type)
(record_field type: (identifier) @type)
(constant type: (identifier) @type)
(let type: (identifier) @type)
(lambda result: (identifier) @type)
(function_type (identifier) @type)
(list_type (identifier) @type)
(optional_type (identifier) @type)
(map_type (identifier) @type)
(member_type module: (identifier) @module name: (identifier) @type)
(type_parameters (identifier) @type)
(function_literal kind: (identifier) @type)
((identifier) @type.builtin
  (#match? @type.builtin "^(option(::[A-Za-z0-9_]+)?)$"))

; ---- calls

(statement . (identifier) @function.call)
(statement . (member name: (identifier) @function.call))
(call function: (identifier) @function.call)
(call function: (member name: (identifier) @function.call))
(with (identifier) @function.call)
(named_argument name: (identifier) @variable.parameter)
(bind name: (identifier) @variable)
(bind_list effect: (identifier) @property)

; ---- signs

(binary_expression operator: _ @operator)
(unary_expression operator: _ @operator)
["=" "=>" "..." "?"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ";" ":" "."] @punctuation.delimiter
