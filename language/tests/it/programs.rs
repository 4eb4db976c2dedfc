//! Programs of the whole language in wild layout, most of them valid.

use proptest::prelude::*;

/// How many of them a test looks at.
pub(crate) const CASES: u32 = 300;

/// How random texts are tried: `cases` of them, or as many as `PROPTEST_CASES` says. The seed is that of `.cargo/config.toml`, so
/// that a run of the tests says the same each time; `PROPTEST_RNG_SEED` takes another.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let usual = ProptestConfig { failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { cases };
    ProptestConfig { cases, ..usual }
}

fn select(texts: &[&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned).boxed()
}

/// White space in a place where lines may end.
fn loose() -> BoxedStrategy<String> {
    prop_oneof![6 => select(&["", " ", "  "]), 1 => line()].boxed()
}

fn line() -> BoxedStrategy<String> {
    select(&["\n", "\n\n", "\n\n\n", " # c\n", "\n# d\n", "\r\n", "\n\t\t", " #\n\n#  e \n"])
}

fn name() -> BoxedStrategy<String> {
    select(&["a", "b1", "from", "binds", "variadic", "m.x", "option", "x:y", "in", "type", "test", "enum", "str.of"])
}

fn word() -> BoxedStrategy<String> {
    select(&["a", "b", "from", "binds", "f2", "in", "test"])
}

fn ty() -> BoxedStrategy<String> {
    let leaf = select(&["fs", "string", "option::run", "m.T", "T"]);
    let ty = leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| format!("[{ty}]")),
            inner.clone().prop_map(|ty| format!("map[ {ty} ]")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("fn({a}, {b} {a}) {b}")),
        ]
    });
    (ty, select(&["", "", "?"])).prop_map(|(ty, sign)| format!("{ty}{sign}")).boxed()
}

/// Elements with what stands between them, where lines separate.
fn elements(element: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let gap = prop_oneof![
        4 => Just(", ".to_owned()),
        1 => Just("  ".to_owned()),
        1 => line(),
        1 => line().prop_map(|line| format!(",{line}")),
    ];
    let first = prop_oneof![4 => Just(String::new()), 1 => line()];
    (first, prop::collection::vec((element, gap), 0..4))
        .prop_map(|(first, elements)| {
            let elements: String = elements.into_iter().map(|(element, gap)| format!("{element}{gap}")).collect();
            format!("{first}{elements}")
        })
        .boxed()
}

fn params(expr: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let default =
        prop_oneof![2 => Just(String::new()), 1 => (loose(), expr).prop_map(|(gap, expr)| format!(" ={gap}{expr}"))];
    let param = (select(&["", "", "variadic "]), ty(), word(), default);
    elements(param.prop_map(|(variadic, ty, name, default)| format!("{variadic}{ty} {name}{default}")).boxed())
}

fn arg(expr: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let named = (word(), loose(), expr.clone()).prop_map(|(name, gap, expr)| format!("{name} ={gap}{expr}"));
    prop_oneof![6 => expr.clone(), 1 => named, 1 => expr.clone().prop_map(|expr| format!("...{expr}"))].boxed()
}

/// Operands with operators between them; comparisons do not chain.
fn operators(operand: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let sign = select(&["+", "-", "*", "/", "%", "??", "&&", "||"]);
    let many =
        (operand.clone(), prop::collection::vec((sign, loose(), operand.clone()), 1..3)).prop_map(|(first, rest)| {
            let rest: String = rest.into_iter().map(|(sign, gap, operand)| format!(" {sign}{gap} {operand}")).collect();
            format!("{first}{rest}")
        });
    let sign = select(&["==", "!=", "<", "<=", ">", ">="]);
    let two = (operand.clone(), sign, loose(), operand.clone())
        .prop_map(|(first, sign, gap, second)| format!("{first} {sign}{gap} {second}"));
    let unary =
        (select(&["!", "-", "!!", "- -"]), operand.clone()).prop_map(|(sign, operand)| format!("{sign}{operand}"));
    prop_oneof![6 => operand, 1 => many, 1 => two, 1 => unary].boxed()
}

fn leaf() -> BoxedStrategy<String> {
    prop_oneof![
        name(),
        select(&[
            "0",
            "12",
            "0X1F",
            "true",
            "none",
            "\"s\"",
            "\"a\n b\"",
            "`r`",
            "\"\\n\\$x$\"",
            "\"${ a +\n b }\"",
            "[]",
            "<<EOM\n a\n\tEOM",
            "<<-EOM\n\t\ta ${ b }\n\tEOM",
            "a.b.c",
            "x[0]",
            "f()[1].b(2)",
        ]),
    ]
    .boxed()
}

/// What may stand between a word and its braces.
fn condition(expr: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let wrapped = (loose(), expr.clone(), loose()).prop_map(|(a, expr, b)| format!("({a}{expr}{b})"));
    prop_oneof![2 => name(), 1 => select(&["a == \"b\"", "x ?? y", "!f(1, 2)", "xs[0] > 2"]), 1 => wrapped].boxed()
}

fn stmt(expr: &BoxedStrategy<String>, block: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let clause = prop_oneof![
        4 => Just(String::new()),
        1 => expr.clone().prop_map(|expr| format!(" with {expr}")),
        1 => select(&[" as x", " as (a b)", " as (\na b, c d\n# z\n)", " as"]),
    ];
    let args = prop::collection::vec(arg(expr), 0..3);
    let side = (name(), args).prop_map(|(name, args)| format!("{name} {}", args.join(" ")));
    let parens = (name(), elements(arg(expr))).prop_map(|(name, args)| format!("{name}({args})"));
    let call = (prop_oneof![side, parens], clause).prop_map(|(call, clause)| format!("{call}{clause}"));
    let binding =
        (prop_oneof![Just(String::new()), ty().prop_map(|ty| format!("{ty} "))], word(), loose(), expr.clone())
            .prop_map(|(ty, name, gap, expr)| format!("let {ty}{name} ={gap}{expr}"));
    let names = select(&["x", "k, v", "in"]);
    let each = (names, condition(expr), block.clone())
        .prop_map(|(names, items, block)| format!("for {names} in {items} {block}"));
    let assert =
        (expr.clone(), loose(), select(&["", "\"m\""])).prop_map(|(expr, gap, message)| match message.as_str() {
            "" => format!("assert {expr}"),
            message => format!("assert {expr},{gap}{message}"),
        });
    prop_oneof![6 => call, 2 => binding, 1 => each, 1 => assert, 1 => expr.clone()].boxed()
}

fn block_of(stmt: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let end = prop_oneof![Just("; ".to_owned()), line(), line().prop_map(|line| format!(";{line}"))];
    let first = prop_oneof![2 => Just(" ".to_owned()), 1 => line()];
    (first, prop::collection::vec((stmt, end), 0..3))
        .prop_map(|(first, stmts)| {
            let stmts: String = stmts.into_iter().map(|(stmt, end)| format!("{stmt}{end}")).collect();
            format!("{{{first}{stmts}}}")
        })
        .boxed()
}

pub(crate) fn expr() -> BoxedStrategy<String> {
    let expr = leaf().prop_recursive(4, 40, 4, |inner| {
        let inner = operators(inner.boxed());
        let simple = block_of(stmt(&inner, &Just("{ b; }".to_owned()).boxed()));
        let block = block_of(stmt(&inner, &simple));
        let call = (name(), elements(arg(&inner))).prop_map(|(name, args)| format!("{name}({args})"));
        let func = (word(), block.clone()).prop_map(|(kind, block)| format!("{kind} {block}"));
        let lambda = (params(inner.clone()), ty(), block.clone())
            .prop_map(|(params, ty, block)| format!("fn({params}) {ty} {block}"));
        let spread = prop_oneof![4 => inner.clone(), 1 => inner.clone().prop_map(|expr| format!("...{expr}"))];
        let list = elements(spread.boxed()).prop_map(|elements| format!("[{elements}]"));
        let pair = (leaf(), loose(), inner.clone()).prop_map(|(key, gap, value)| format!("{key} ={gap}{value}"));
        let map = elements(pair.boxed()).prop_map(|entries| format!("{{{entries}}}"));
        let filter = prop_oneof![Just(String::new()), (loose(), leaf()).prop_map(|(gap, leaf)| format!("{gap} if{gap} {leaf}"))];
        let each = (loose(), select(&["x", "k, v"]), inner.clone(), loose(), inner.clone(), filter.clone())
            .prop_map(|(a, names, items, b, value, filter)| format!("[{a}for {names} in {items}{b} :{b}{value}{filter}{a}]"));
        let each_pair = (loose(), inner.clone(), loose(), leaf(), inner.clone(), filter)
            .prop_map(|(a, items, b, key, value, filter)| format!("{{{a}for k, v in {items} : {key}{b} ={b}{value}{filter}}}"));
        let wrapped = (loose(), inner.clone(), loose()).prop_map(|(a, expr, b)| format!("({a}{expr}{b})"));
        let otherwise = prop_oneof![
            Just(String::new()),
            (loose(), block.clone()).prop_map(|(gap, block)| format!("{gap} else {block}")),
            (loose(), condition(&inner), block.clone())
                .prop_map(|(gap, condition, block)| format!("{gap} else if {condition} {block}")),
        ];
        let branch = (condition(&inner), block.clone(), otherwise)
            .prop_map(|(condition, block, otherwise)| format!("if {condition} {block}{otherwise}"));
        let pattern = select(&["a", "_", "m.x", "\"s\"", "none", "-1", "1, 2", "a,\n b", "true"]);
        let body = prop_oneof![block, inner.clone(), stmt(&inner, &simple)];
        let end = prop_oneof![Just("; ".to_owned()), Just(", ".to_owned()), line()];
        let arms = prop::collection::vec((pattern, loose(), body, end), 0..3);
        let choice = (condition(&inner), arms).prop_map(|(value, arms)| {
            let arms: String =
                arms.into_iter().map(|(pattern, gap, body, end)| format!("{pattern} =>{gap}{body}{end}")).collect();
            format!("match {value} {{ {arms}}}")
        });
        prop_oneof![
            2 => call, 2 => func, 1 => lambda, 2 => list, 1 => map, 1 => each, 1 => each_pair, 1 => wrapped, 2 => branch,
            1 => choice
        ]
    });
    operators(expr.boxed())
}

/// A whole file.
pub(crate) fn program() -> BoxedStrategy<String> {
    let block = block_of(stmt(&expr(), &Just("{ b; }".to_owned()).boxed()));
    let head = (select(&["", "export "]), ty(), word(), select(&["", "", "<T>", "<T, U>"]), params(leaf()));
    let clauses =
        select(&["", "", " with (bool race = false,)", " binds (fs x)", " with ([string] t = [])  binds(fs x,\nfs y)"]);
    let func = (head, clauses, prop_oneof![4 => block.clone(), 1 => Just(String::new())]).prop_map(
        |((export, ty, name, types, params), clauses, block)| {
            format!("{export}{ty} {name}{types}({params}){clauses} {block}")
        },
    );
    let binding = (select(&["", "export "]), select(&["", "string? ", "map[int] "]), word(), loose(), expr())
        .prop_map(|(export, ty, name, gap, expr)| format!("{export}let {ty}{name} ={gap}{expr}"));
    let field =
        (ty(), word(), prop_oneof![2 => Just(String::new()), 1 => expr().prop_map(|expr| format!(" = {expr}"))])
            .prop_map(|(ty, name, default)| format!("{ty} {name}{default}"));
    let end = prop_oneof![Just("; ".to_owned()), Just(", ".to_owned()), line()];
    let record = prop::collection::vec((field, end.clone()), 0..3).prop_map(|fields| {
        let fields: String = fields.into_iter().map(|(field, end)| format!("{field}{end}")).collect();
        format!("type R {{ {fields}}}")
    });
    let variants = prop::collection::vec((word(), prop_oneof![Just(" ".to_owned()), end]), 0..4).prop_map(|variants| {
        let variants: String = variants.into_iter().map(|(variant, end)| format!("{variant}{end}")).collect();
        format!("export enum E {{ {variants}}}")
    });
    let test = block.prop_map(|block| format!("test \"it ${{ a }}\" {block}"));
    let decl = prop_oneof![
        4 => func,
        2 => binding,
        1 => record,
        1 => variants,
        1 => test,
        1 => select(&["import y \"z\"", "import y from m.f(\n\"z\"\n)", "export x"]),
    ];
    prop::collection::vec((decl, line()), 0..4)
        .prop_map(|decls| decls.into_iter().map(|(decl, between)| format!("{decl}{between}")).collect())
        .boxed()
}
