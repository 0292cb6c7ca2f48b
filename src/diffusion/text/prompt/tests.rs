//! The prompt language against what A1111's own parser gives, and against ComfyUI's behaviour.

use super::*;

/// Words with their weights, rounded; BREAK is a line of its own.
fn flat(source: &str, style: PromptStyle) -> Vec<(String, f64)> {
    let parts = parse(source, style).parts(source);
    let shown = |part: Part| match part {
        Part::Words(words) => (words.text, (words.weight * 1000.0).round() / 1000.0),
        Part::Break => ("BREAK".to_owned(), -1.0),
    };
    parts.into_iter().map(shown).collect()
}

fn check(style: PromptStyle, rows: &[(&str, &[(&str, f64)])]) {
    for (source, expected) in rows {
        let expected: Vec<(String, f64)> =
            expected.iter().map(|(text, weight)| ((*text).to_owned(), *weight)).collect();
        assert_eq!(flat(source, style), expected, "{source}");
    }
}

#[test]
fn a1111_weights() {
    check(
        PromptStyle::A1111,
        &[
            ("a ((red)) fox", &[("a ", 1.0), ("red", 1.21), (" fox", 1.0)]),
            ("(a (b:2):0.5)", &[("a ", 0.5), ("b", 1.0)]),
            ("[x:1.2]", &[("x:1.2", 0.909)]),
            ("(x:1.2", &[("x:1.2", 1.1)]),
            ("fox)", &[("fox)", 1.0)]),
            ("fox:1.2)", &[("fox:1.2)", 1.0)]),
            ("(a:b:1.3)", &[("a:b", 1.3)]),
            ("(x:-0.5)", &[("x", -0.5)]),
            ("(x: +1.5 )", &[("x", 1.5)]),
            ("(x:1.2.3)", &[("x:1.2.3", 1.1)]),
            ("one BREAK two", &[("one", 1.0), ("BREAK", -1.0), ("two", 1.0)]),
            ("BREAKfast at BREAK_", &[("BREAKfast at BREAK_", 1.0)]),
            ("(one BREAK two:1.2)", &[("one", 1.2), ("BREAK", -1.0), ("two", 1.2)]),
            ("BREAK", &[("BREAK", -1.0)]),
            (r"\(a\) \[b\] \\ \c", &[(r"(a) [b] \ c", 1.0)]),
            ("[[x]]", &[("x", 0.826)]),
            ("(a)(b) c", &[("ab", 1.1), (" c", 1.0)]),
            ("[a (b] c:1.3)", &[("a ", 0.909), ("b", 1.182), (" c", 1.3)]),
            ("()(:2)", &[]),
            ("", &[]),
            // Forms that are still to come: their signs are words.
            ("[cat:dog:0.5]", &[("cat:dog:0.5", 0.909)]),
            ("[a|b|]c", &[("a|b|", 0.909), ("c", 1.0)]),
            ("a AND b {c|d} __e__ <lora:f:1>", &[("a AND b {c|d} __e__ <lora:f:1>", 1.0)]),
        ],
    );
}

#[test]
fn comfy_weights() {
    check(
        PromptStyle::Comfy,
        &[
            ("a ((red)) fox", &[("a ", 1.0), ("red", 1.21), (" fox", 1.0)]),
            ("(a (b:2):0.5)", &[("a ", 0.5), ("b", 2.0)]),
            ("((a):2)", &[("a", 2.2)]),
            ("[x:1.2] BREAK", &[("[x:1.2] BREAK", 1.0)]),
            ("(x:1.2", &[("(x:1.2", 1.0)]),
            ("fox) (a)", &[("fox) (a)", 1.0)]),
            ("(a (b)", &[("a ", 1.1), ("(b", 1.1)]),
            ("(x:1.2.3)", &[("x:1.2.3", 1.1)]),
            (r"\(a\) \[b (c\))", &[(r"(a) \[b ", 1.0), ("c)", 1.1)]),
            ("(a)(b)", &[("a", 1.1), ("b", 1.1)]),
        ],
    );
}

#[test]
fn plain_words_have_no_signs() {
    let source = "(a) [b] BREAK \\( c:1.2)";
    assert_eq!(flat(source, PromptStyle::Plain), [(source.to_owned(), 1.0)]);
}

#[test]
fn what_is_no_weight_is_told() {
    let odd = |source: &str| -> Vec<String> {
        let odd = parse(source, PromptStyle::A1111).odd;
        odd.into_iter().map(|range| source[range].to_owned()).collect()
    };
    assert_eq!(odd("(a: 1.2.3 ) (b:.) (c:1.2)"), ["1.2.3", "."]);
    assert!(odd("a:1.2.3)").is_empty());
}

#[test]
fn every_word_knows_where_it_stands() {
    for style in PromptStyle::ALL {
        let source = r"一 ((red:1.3) \(fox\)) BREAK [b:2] (c) d)";
        for part in parse(source, style).parts(source) {
            let Part::Words(words) = part else { continue };
            for (at, letter) in words.text.char_indices() {
                let there = source[words.source(at)..].chars().next();
                assert_eq!(there, Some(letter), "{style:?} {words:?}");
            }
        }
    }
}

#[test]
fn depth_and_weight_are_bounded() {
    for style in PromptStyle::ALL {
        for (open, close) in [("(", ")"), ("[", "]"), ("([", ")]"), ("(x", ":99)")] {
            let many = 20_000;
            let closed = format!("{}fox{}", open.repeat(many), close.repeat(many));
            for source in [closed, open.repeat(many), close.repeat(many)] {
                for part in parse(&source, style).parts(&source) {
                    assert!(matches!(part, Part::Words(words) if words.weight.abs() <= HEAVIEST));
                }
            }
        }
    }
}
