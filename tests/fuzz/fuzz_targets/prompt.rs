//! Reads any text as a prompt, in each program's way, and lays it flat.
//!
//! The parser's source is taken in as it is, so that a sanitizer's build takes seconds.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod allocation;

/// As the program's own, as far as the parser uses it.
mod types {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum PromptStyle {
        #[default]
        A1111,
        Comfy,
        Plain,
    }
}

#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../../src/diffusion/text/prompt/mod.rs"]
mod prompt;

use prompt::Part;
use types::PromptStyle;

fuzz_target!(|source: &str| {
    for style in [PromptStyle::A1111, PromptStyle::Comfy, PromptStyle::Plain] {
        let parsed = allocation::bounded(source.len(), || prompt::parse(source, style));
        assert!(parsed.odd.iter().all(|range| source.get(range.clone()).is_some()));
        let mut letters = 0;
        let mut last = 0;
        for part in parsed.parts(source) {
            let Part::Words(words) = part else { continue };
            assert!(words.weight.is_finite());
            // Every letter is one of the source's, in order, and none comes twice.
            for (at, letter) in words.text.char_indices() {
                let there = words.source(at);
                assert_eq!(source[there..].chars().next(), Some(letter));
                assert!(letters == 0 || there > last);
                (letters, last) = (letters + 1, there);
            }
        }
        assert!(style != PromptStyle::Plain || letters == source.chars().count());
    }
});
