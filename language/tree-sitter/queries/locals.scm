[(function) (lambda) (block) (arm) (test)] @local.scope

(parameter name: (identifier) @local.definition)
(let name: (identifier) @local.definition)
(for name: (identifier) @local.definition)
(each name: (identifier) @local.definition)
(bind name: (identifier) @local.definition)
(bind_list name: (identifier) @local.definition)

(identifier) @local.reference
