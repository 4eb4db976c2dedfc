; A single text behind `run` is a script: nothing follows it, or a clause.
((statement
   . (identifier) @_name
   . [(string (string_text) @injection.content)
      (raw_string (string_text) @injection.content)
      (heredoc (heredoc_text) @injection.content)] .)
 (#eq? @_name "run")
 (#set! injection.language "bash"))

((statement
   . (identifier) @_name
   . [(string (string_text) @injection.content)
      (raw_string (string_text) @injection.content)
      (heredoc (heredoc_text) @injection.content)]
   . [(with) (bind)])
 (#eq? @_name "run")
 (#set! injection.language "bash"))
