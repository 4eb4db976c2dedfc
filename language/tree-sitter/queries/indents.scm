; For Neovim (`indent.…`) and Helix (`indent`, `outdent`).

[(block) (arms) (record) (enum) (list) (arguments) (parameters) (parenthesized)] @indent.begin @indent
["}" ")" "]"] @indent.end @indent.branch @outdent
[(string) (raw_string) (heredoc)] @indent.ignore
