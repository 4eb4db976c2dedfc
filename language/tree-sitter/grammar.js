/**
 * @file The grammar of HLB for tree-sitter, which is what Neovim, Helix, Zed and Emacs colour, fold and indent by.
 *
 * It reads every valid text and more than those: which texts are valid, and what is wrong with the others, is said by
 * `language/src/parser/grammar.lalrpop` and the server. In three ways it knows less:
 *
 * - The braces of statements and of maps are one node, `block`; what stands in a map's is an `entry` or a `spread`.
 * - Behind a name a `(` always opens arguments, also in `run (x)`, where it groups.
 * - A word such as `if` is reserved in each file, also where a file declares it as a name of its own.
 *
 * The ends of lines are tokens only where they end something; elsewhere they are white space. `src/scanner.c` decides that, and
 * reads heredocs.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

const PRECEDENCE = { or: 1, and: 2, compare: 3, coalesce: 4, add: 5, multiply: 6, unary: 7, postfix: 8 };

/** The operators between operands, each with its precedence. */
const OPERATORS = [
  [PRECEDENCE.or, '||'],
  [PRECEDENCE.and, '&&'],
  [PRECEDENCE.compare, choice('==', '!=', '<', '<=', '>', '>=')],
  [PRECEDENCE.coalesce, '??'],
  [PRECEDENCE.add, choice('+', '-')],
  [PRECEDENCE.multiply, choice('*', '/', '%')],
];

/** An operator with its operands. */
const binary = (operand) => choice(...OPERATORS.map(([precedence, operator]) =>
  prec.left(precedence, seq(field('left', operand), field('operator', operator), field('right', operand)))));

const unary = (operand) => prec(PRECEDENCE.unary, seq(field('operator', choice('!', '-')), field('operand', operand)));

/** Elements side by side, on lines, with or without commas. */
const list = (element) => repeat(choice(element, ','));

module.exports = grammar({
  name: 'hlb',

  externals: ($) => [
    $._newline,
    $._else,
    $._filter,
    $.heredoc_start,
    $.heredoc_text,
    $._heredoc_escape,
    $.heredoc_end,
    $._never,
  ],

  extras: ($) => [/[\s\uFEFF]/, $.comment],

  word: ($) => $.identifier,

  supertypes: ($) => [$._expression, $._declaration, $._type],

  inline: ($) => [$._operand],

  conflicts: ($) => [
    // `export name` is whole, or begins `export fs name()`: told by what follows the next name.
    [$.export, $._type],
  ],

  rules: {
    source_file: ($) => repeat($._declaration),

    comment: () => /#[^\n]*/,

    // ---- declarations

    _declaration: ($) => choice($.import, $.export, $.function, $.constant, $.record, $.enum, $.test),

    import: ($) => seq(
      'import',
      field('name', $.identifier),
      choice(seq('from', field('source', $._expression)), field('source', $.string)),
    ),

    export: ($) => seq('export', field('name', $.identifier)),

    function: ($) => prec.right(seq(
      optional('export'),
      field('result', $._type),
      field('name', choice($.identifier, alias(choice('test', 'type', 'enum'), $.identifier))),
      optional(field('type_parameters', $.type_parameters)),
      field('parameters', $.parameters),
      optional(field('options', $.options)),
      optional(field('effects', $.binds)),
      optional(field('body', $.block)),
    )),

    type_parameters: ($) => seq('<', $.identifier, repeat(seq(',', $.identifier)), '>'),

    options: ($) => seq('with', $.parameters),

    binds: ($) => seq('binds', $.parameters),

    parameters: ($) => seq('(', list($.parameter), ')'),

    parameter: ($) => seq(
      optional('variadic'),
      field('type', $._type),
      field('name', $.identifier),
      optional(seq('=', field('default', $._expression))),
    ),

    constant: ($) => seq(
      optional('export'),
      'let',
      optional(field('type', $._type)),
      field('name', $.identifier),
      '=',
      field('value', $._expression),
    ),

    record: ($) => seq(
      optional('export'),
      'type',
      field('name', $.identifier),
      '{',
      repeat(choice($.record_field, ',', ';', $._newline)),
      '}',
    ),

    record_field: ($) => seq(
      field('type', $._type),
      field('name', $._any_name),
      optional(seq('=', field('default', $._expression))),
    ),

    enum: ($) => seq(
      optional('export'),
      'enum',
      field('name', $.identifier),
      '{',
      repeat(choice(alias($._any_name, $.variant), ',', ';', $._newline)),
      '}',
    ),

    test: ($) => seq('test', field('name', $.string), field('body', $.block)),

    // ---- types

    _type: ($) => choice(
      $.identifier,
      $.member_type,
      $.list_type,
      $.map_type,
      $.optional_type,
      $.function_type,
    ),

    member_type: ($) => seq(field('module', $.identifier), token.immediate('.'), field('name', $.identifier)),

    list_type: ($) => seq('[', $._type, ']'),

    map_type: ($) => seq(field('head', $.identifier), token.immediate('['), $._type, ']'),

    optional_type: ($) => seq(choice($.identifier, $.member_type, $.list_type, $.map_type), '?'),

    function_type: ($) => seq('fn', '(', list($._type), ')', field('result', $._type)),

    // ---- statements, and the entries of maps

    block: ($) => seq('{', optional($._body), '}'),

    _body: ($) => choice(
      seq(repeat1(choice($._end, ',', seq($._unended, $._end), $._closed)), optional($._unended)),
      $._unended,
    ),

    _end: ($) => choice($._newline, ';'),

    // What goes on until something ends it.
    _unended: ($) => choice(
      alias($._items, $.statement),
      alias($._items_as, $.statement),
      $.let,
      $.assert,
      $.for,
    ),

    // What is complete: another statement may follow without anything between them.
    _closed: ($) => choice(alias($._items_with, $.statement), alias($._items_bound, $.statement), $.entry, $.spread, $._map_each),

    _items: ($) => seq($._expression, repeat($._item)),

    _items_as: ($) => seq($._items, optional($.with), alias($._bare_as, $.bind)),

    _items_with: ($) => prec.right(seq($._items, $.with)),

    _items_bound: ($) => seq($._items, optional($.with), $.bind),

    _item: ($) => choice($._expression, $.named_argument, $.spread),

    named_argument: ($) => seq(field('name', $._any_name), '=', field('value', $._expression)),

    spread: ($) => seq('...', $._expression),

    entry: ($) => seq(field('key', $._expression), '=', field('value', $._expression)),

    with: ($) => seq('with', $._expression),

    _bare_as: () => 'as',

    bind: ($) => seq('as', choice(field('name', $.identifier), $.bind_list)),

    bind_list: ($) => seq('(', list(seq(field('effect', $.identifier), field('name', $.identifier))), ')'),

    let: ($) => seq(
      'let',
      optional(field('type', $._type)),
      field('name', $.identifier),
      '=',
      field('value', $._expression),
    ),

    assert: ($) => seq('assert', field('condition', $._expression), optional(seq(',', field('message', $._expression)))),

    for: ($) => seq($._for_head, field('body', $.block)),

    _for_head: ($) => seq(
      'for',
      field('name', $.identifier),
      optional(seq(',', field('name', $.identifier))),
      'in',
      field('items', $._header),
    ),

    _map_each: ($) => seq(alias($._for_head, $.each), ':', $.entry, optional($.filter)),

    filter: ($) => seq(alias($._filter, 'if'), $._expression),

    // ---- expressions

    _expression: ($) => choice(
      $._operand,
      $.function_literal,
      $.unary_expression,
      $.binary_expression,
    ),

    unary_expression: ($) => unary($._expression),

    binary_expression: ($) => binary($._expression),

    // An expression with a block behind it, which is not its own: `if name {`.
    _header: ($) => choice(
      $._operand,
      alias($._header_unary, $.unary_expression),
      alias($._header_binary, $.binary_expression),
    ),

    _header_unary: ($) => unary($._header),

    _header_binary: ($) => binary($._header),

    _operand: ($) => choice(
      $.identifier,
      $.member,
      $.call,
      $.index,
      $.parenthesized,
      $.list,
      $.block,
      $.lambda,
      $.if,
      $.match,
      $._literal,
    ),

    function_literal: ($) => prec(PRECEDENCE.postfix, seq(field('kind', $.identifier), field('body', $.block))),

    member: ($) => prec(PRECEDENCE.postfix, seq(
      field('object', $._operand),
      token.immediate('.'),
      field('name', $.identifier),
    )),

    call: ($) => prec(PRECEDENCE.postfix, choice(
      seq(field('function', choice($.identifier, $.member)), field('arguments', $.arguments)),
      seq(field('function', choice($.call, $.index, $.parenthesized)), field('arguments', alias($._joined_arguments, $.arguments))),
    )),

    arguments: ($) => seq('(', list($._item), ')'),

    _joined_arguments: ($) => seq(token.immediate(prec(1, '(')), list($._item), ')'),

    index: ($) => prec(PRECEDENCE.postfix, seq(
      field('object', choice($.identifier, $.member, $.call, $.index, $.parenthesized, $.list)),
      token.immediate(prec(1, '[')),
      field('index', $._expression),
      ']',
    )),

    parenthesized: ($) => seq('(', $._expression, ')'),

    list: ($) => seq(
      '[',
      choice(
        list(choice($._expression, $.spread)),
        seq(alias($._for_head, $.each), ':', field('value', $._expression), optional($.filter)),
      ),
      ']',
    ),

    lambda: ($) => seq(
      'fn',
      field('parameters', $.parameters),
      field('result', $._type),
      field('body', $.block),
    ),

    if: ($) => prec.right(seq(
      'if',
      field('condition', $._header),
      field('then', $.block),
      optional(seq(alias($._else, 'else'), field('otherwise', choice($.block, $.if)))),
    )),

    match: ($) => seq('match', field('value', $._header), field('arms', $.arms)),

    arms: ($) => seq('{', repeat(choice($._end, seq($.arm, choice($._end, ',')))), optional($.arm), '}'),

    arm: ($) => seq(
      field('pattern', $._pattern),
      repeat(seq(',', repeat($._newline), field('pattern', $._pattern))),
      '=>',
      choice(
        alias($._items, $.statement),
        alias($._items_as, $.statement),
        alias($._items_with, $.statement),
        alias($._items_bound, $.statement),
        $.for,
      ),
    ),

    _pattern: ($) => choice(
      $._any_name,
      alias($._member_pattern, $.member),
      alias($._negative, $.unary_expression),
      $._literal,
    ),

    _member_pattern: ($) => seq(field('object', $.identifier), token.immediate('.'), field('name', $.identifier)),

    _negative: ($) => seq(field('operator', choice('-', '!')), field('operand', $.number)),

    // ---- names and literals

    identifier: () => /[A-Za-z0-9_]+(::?[A-Za-z0-9_]+)*/,

    // Where a word that is reserved elsewhere is a name.
    _any_name: ($) => choice(
      $.identifier,
      alias(choice('if', 'for', 'match', 'let', 'fn', 'assert'), $.identifier),
    ),

    _literal: ($) => choice($.number, $.boolean, $.none, $.string, $.raw_string, $.heredoc),

    number: () => token(prec(1, choice('0', /[1-9][0-9]*/, /0[bBoOxX][0-9a-fA-F]+/))),

    boolean: () => choice('true', 'false'),

    none: () => 'none',

    string: ($) => seq('"', repeat(choice($.string_text, $.escape, $.interpolation)), token.immediate('"')),

    string_text: () => token.immediate(prec(1, /[^"$\\]+|\$|\\\n/)),

    escape: () => token.immediate(prec(1, /\\[^\n]/)),

    raw_string: ($) => seq('`', optional(alias($._raw_text, $.string_text)), token.immediate('`')),

    _raw_text: () => token.immediate(prec(1, /[^`]+/)),

    heredoc: ($) => seq(
      $.heredoc_start,
      repeat(choice($.heredoc_text, alias($._heredoc_escape, $.escape), $.interpolation)),
      $.heredoc_end,
    ),

    interpolation: ($) => seq(token.immediate(prec(2, '${')), optional($._expression), '}'),
  },
});
