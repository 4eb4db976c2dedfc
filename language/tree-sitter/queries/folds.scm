[(block) (arms) (record) (enum) (list) (arguments) (parameters) (heredoc)] @fold
