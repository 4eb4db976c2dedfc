//! Words by what they mean.

use hlb_ide::Paint;

use crate::fixture::Fixture;

fn shown(text: &str, paints: &[Paint]) -> String {
    let one = |paint: &Paint| {
        let it = paint.modifiers;
        let modifiers = [
            (it.declaration, " declared"),
            (it.readonly, " readonly"),
            (it.default_library, " library"),
            (it.deprecated, " deprecated"),
            (it.effectful, " effectful"),
        ];
        let modifiers: String = modifiers.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        format!("{} {:?}{modifiers}\n", &text[paint.span.range()], paint.kind)
    };
    paints.iter().map(one).collect()
}

fn tokens(text: &str) -> String {
    let fixture = Fixture::new(&format!("$0{text}"));
    shown(&fixture.text, &fixture.analysis().tokens(None))
}

#[test]
fn tokens_of_functions_and_calls() {
    insta::assert_snapshot!(tokens("# Makes it.\nexport fs f(string x, variadic int n) {\n\tscratch\n\tmkfile x 0o644 \"a${x}b\" # yes\n}\n"), @r#"
    # Makes it. Comment
    export Keyword
    fs Type library
    f Function declared
    string Type library
    x Parameter declared
    variadic Keyword
    int Type library
    n Parameter declared
    scratch Function library
    mkfile Function library
    x Parameter
    0o644 Number
    "a String
    ${ Operator
    x Parameter
    } Operator
    b" String
    # yes Comment
    "#);
    insta::assert_snapshot!(tokens("fs f() with (bool fast) binds (fs out) {\n\trun \"x\" with option { mount scratch \"/o\" as out; }\n\tif fast { f with option { fast; }; }\n}\n"), @r#"
    fs Type library
    f Function declared
    with Keyword
    bool Type library
    fast Property declared
    binds Keyword
    fs Type library
    out Variable declared
    run Function library
    "x" String
    with Keyword
    option Type library
    mount Option library
    scratch Function library
    "/o" String
    as Keyword
    out Variable declared
    if Keyword
    fast Property
    f Function
    with Keyword
    option Type library
    fast Property
    "#);
    insta::assert_snapshot!(tokens("fs g(string a) {\n\tlocal \".\"\n\tg(a = \"x\")\n}\n\npipeline p() {\n\tparallel g(\"x\")\n}\n"), @r#"
    fs Type library
    g Function declared effectful
    string Type library
    a Parameter declared
    local Function library effectful
    "." String
    g Function effectful
    a Property
    = Operator
    "x" String
    pipeline Type library
    p Function declared effectful
    parallel Function library deprecated
    g Function effectful
    "x" String
    "#);
}

#[test]
fn tokens_of_types_and_constants() {
    insta::assert_snapshot!(tokens("type P {\n\tstring? name = none\n}\n\nenum K { big small }\n\nlet P p = P(name = \"x\")\n"), @r#"
    type Keyword
    P Struct declared
    string Type library
    ? Operator
    name Property declared
    = Operator
    none Keyword
    enum Keyword
    K Enum declared
    big EnumMember declared
    small EnumMember declared
    let Keyword
    P Struct
    p Variable declared readonly
    = Operator
    P Struct
    name Property
    = Operator
    "x" String
    "#);
    insta::assert_snapshot!(tokens("option::run o(map[int] m, K k) {\n\tshlex\n}\n\nenum K { big }\n\nstring s() {\n\tmatch K.big { big => \"x\"; }\n}\n"), @r#"
    option::run Type library
    o Function declared
    map Type
    int Type library
    m Parameter declared
    K Enum
    k Parameter declared
    shlex Option library
    enum Keyword
    K Enum declared
    big EnumMember declared
    string Type library
    s Function declared
    match Keyword
    K Enum
    big EnumMember
    big EnumMember
    => Operator
    "x" String
    "#);
    insta::assert_snapshot!(tokens("[T] f<T>([T] xs, fn(T) bool keep) {\n\tlet n = [for x in xs : x if keep(x) && !false]\n\tn\n}\n"), @r"
    T Type
    f Function declared
    < Operator
    T Type declared
    > Operator
    T Type
    xs Parameter declared
    fn Keyword
    T Type
    bool Type library
    keep Parameter declared
    let Keyword
    n Variable declared
    = Operator
    for Keyword
    x Variable declared
    in Keyword
    xs Parameter
    x Variable
    if Keyword
    keep Parameter
    x Variable
    && Operator
    ! Operator
    false Keyword
    n Variable
    ");
}

#[test]
fn tokens_of_imports_and_namespaces() {
    insta::assert_snapshot!(tokens("import lib from \"./lib.hlb\"\n\nexport f\n\nstring f() {\n\tstr.upper(lib.name)\n}\n//- /work/lib.hlb\nexport name\n\nstring name() {\n\t\"x\"\n}\n"), @r#"
    import Keyword
    lib Namespace declared
    from Keyword
    "./lib.hlb" String
    export Keyword
    f Function
    string Type library
    f Function declared
    str Namespace library
    upper Function library
    lib Namespace
    name Function
    "#);
    insta::assert_snapshot!(tokens("import go from \"std/go\"\n\nfs f() {\n\tgo.build scratch\n}\n"), @r#"
    import Keyword
    go Namespace declared library
    from Keyword
    "std/go" String
    fs Type library
    f Function declared
    go Namespace library
    build Function library
    scratch Function library
    "#);
}

#[test]
fn tokens_are_no_longer_than_lines_and_count_in_bytes() {
    insta::assert_snapshot!(tokens("string f() {\n\t<<-EOM\n\tä𝄞 ${f} x\n\n\t𝄞\n\tEOM\n}\n"), @r"
    string Type library
    f Function declared
    <<-EOM String
    	ä𝄞  String
    ${ Operator
    f Function
    } Operator
     x String
    	𝄞 String
    	EOM String
    ");
    insta::assert_snapshot!(tokens("# ä𝄞\r\nstring f() {\n\t\"𝄞\\n\"\n}\n"), @r#"
    # ä𝄞 Comment
    string Type library
    f Function declared
    "𝄞\n" String
    "#);
}

#[test]
fn tokens_are_there_while_a_text_has_mistakes() {
    insta::assert_snapshot!(tokens("fs f( {\n\tscratch\n\tlet x = \n\trun \"a${"), @r#"
    fs Type library
    f Function declared
    scratch Function library
    let Keyword
    x Variable declared
    = Operator
    run Function library
    "a String
    ${ Operator
    "#);
    insta::assert_snapshot!(tokens("let x = f(\n\nif match ) ] fs"), @r"
    let Keyword
    x Variable declared readonly
    = Operator
    if Keyword
    match Keyword
    ");
    insta::assert_snapshot!(tokens("fs f() {\n\tnope x with option { more; }\n\tfor x in { y\n}\n"), @r"
    fs Type library
    f Function declared
    with Keyword
    option Type library
    for Keyword
    x Variable declared
    in Keyword
    ");
}

#[test]
fn tokens_of_a_range_are_those_that_touch_it() {
    let fixture = Fixture::new("fs f() {\n\t$1scratch\n\trun$1 \"x\"\n}\n");
    let paints = fixture.analysis().tokens(Some(fixture.range));
    insta::assert_snapshot!(shown(&fixture.text, &paints), @r"
    scratch Function library
    run Function library
    ");
}
