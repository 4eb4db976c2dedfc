(function result: (_) @context name: (_) @name) @item
(constant "let" @context name: (_) @name) @item
(record "type" @context name: (_) @name) @item
(enum "enum" @context name: (_) @name) @item
(test "test" @context name: (_) @name) @item
