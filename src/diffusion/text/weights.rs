//! What a word's weight does to the text encoder's states, and the states of several chunks put
//! together. Written from the behaviour of the programs that [`PromptStyle`] names.

use super::chunks::{Chunk, Chunks};
use crate::diffusion::error::Result;
use crate::types::PromptStyle;

/// Chunks up to which prompts of unequal length are repeated instead of filled up.
const MOST_REPEATED: usize = 24;

/// The states of prompts, prompts × (chunks × positions) × width, as of one encoder.
///
/// `encode` gives the states of chunks of ids, chunks × positions × width. `empty` is the chunk
/// of an empty prompt. Prompts of unequal length are repeated until they are equally long, which
/// changes nothing of what attends to them; where that would be very long, the shorter ones are
/// filled up with empty chunks.
///
/// # Errors
/// What `encode` fails with.
pub fn states(
    prompts: &[Chunks],
    empty: &Chunk,
    style: PromptStyle,
    encode: impl FnOnce(&[&[u32]]) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let mut chunks: Vec<&Chunk> = prompts.iter().flat_map(|prompt| &prompt.chunks).collect();
    let single = prompts.iter().all(|prompt| prompt.chunks.len() == 1);
    if single && !chunks.iter().any(|chunk| chunk.is_weighted()) {
        let ids: Vec<&[u32]> = chunks.iter().map(|chunk| chunk.ids.as_slice()).collect();
        return encode(&ids);
    }
    let counts: Vec<usize> = prompts.iter().map(|prompt| prompt.chunks.len()).collect();
    let longest = counts.iter().copied().max().unwrap_or(1);
    let common = counts.iter().fold(1, |all, count| least_common_multiple(all, *count));
    let repeats = common <= MOST_REPEATED.max(longest);
    let all = if repeats { common } else { longest };
    let asks_empty = style == PromptStyle::Comfy || !repeats;
    chunks.extend(asks_empty.then_some(empty));
    let ids: Vec<&[u32]> = chunks.iter().map(|chunk| chunk.ids.as_slice()).collect();
    let mut values = encode(&ids)?;
    let length = values.len() / chunks.len();
    let end = values.len() - if asks_empty { length } else { 0 };
    let nothing = values.split_off(end);
    for (chunk, states) in chunks.iter().zip(values.chunks_exact_mut(length)) {
        if chunk.is_weighted() {
            weigh(states, &chunk.weights, style, &nothing);
        }
    }
    let mut together = Vec::with_capacity(prompts.len() * all * length);
    let mut rest = values.as_slice();
    for count in counts {
        let (own, later) = rest.split_at(count * length);
        rest = later;
        if repeats {
            together.extend(own.repeat(all / count));
        } else {
            together.extend(own);
            together.extend(nothing.repeat(all - count));
        }
    }
    Ok(together)
}

/// Weighs the states of one chunk, `positions × width`. `nothing` are an empty prompt's, which only
/// ComfyUI's way needs.
fn weigh(states: &mut [f32], weights: &[f32], style: PromptStyle, nothing: &[f32]) {
    let width = states.len() / weights.len();
    let before = mean(states);
    for (place, (state, weight)) in states.chunks_exact_mut(width).zip(weights).enumerate() {
        if style == PromptStyle::Comfy {
            for (state, nothing) in state.iter_mut().zip(&nothing[place * width..]) {
                *state = (*state - nothing) * weight + nothing;
            }
        } else {
            for state in state {
                *state *= weight;
            }
        }
    }
    // All words may weigh nothing: then there is no mean to bring back.
    let after = mean(states);
    if style == PromptStyle::A1111 && after != 0.0 {
        let factor = (before / after) as f32;
        for state in states {
            *state *= factor;
        }
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut large, mut small) = (a, b);
    while small > 0 {
        (large, small) = (small, large % small);
    }
    a / large * b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk of three positions: begin, a word, end.
    fn chunk(word: u32, weight: f32) -> Chunk {
        Chunk { ids: vec![0, word, 9], weights: vec![1.0, weight, 1.0], from: Some(0) }
    }

    fn prompt(chunks: Vec<Chunk>) -> Chunks {
        Chunks { chunks, ..Chunks::default() }
    }

    /// States of width 1 that are the ids themselves.
    fn stated(prompts: &[Chunks], style: PromptStyle) -> Vec<f32> {
        let encode = |ids: &[&[u32]]| Ok(ids.concat().iter().map(|id| *id as f32).collect());
        states(prompts, &chunk(1, 1.0), style, encode).unwrap()
    }

    #[test]
    fn usual_weights_change_nothing() {
        for style in PromptStyle::ALL {
            assert_eq!(stated(&[prompt(vec![chunk(3, 1.0)])], style), [0.0, 3.0, 9.0]);
        }
    }

    #[test]
    fn a_weight_keeps_the_mean_or_leaves_the_empty_prompt() {
        let prompts = [prompt(vec![chunk(3, 2.0)])];
        let kept = 12.0 / 15.0;
        assert_eq!(stated(&prompts, PromptStyle::A1111), [0.0, 6.0 * kept, 9.0 * kept]);
        assert_eq!(stated(&prompts, PromptStyle::Comfy), [0.0, 5.0, 9.0]);
    }

    #[test]
    fn shorter_prompts_are_repeated_or_filled_up() {
        let of = |count: usize, word| prompt(vec![chunk(word, 1.0); count]);
        let repeated = stated(&[of(2, 3), of(3, 4)], PromptStyle::A1111);
        assert_eq!(repeated.len(), 2 * 6 * 3);
        assert_eq!(repeated[18..], [0.0, 4.0, 9.0].repeat(6));
        let filled = stated(&[of(7, 3), of(8, 4)], PromptStyle::A1111);
        assert_eq!(filled.len(), 2 * 8 * 3);
        assert_eq!(filled[21..24], [0.0, 1.0, 9.0]);
    }

    #[test]
    fn nothing_but_weightless_words_stays_finite() {
        let mut chunk = chunk(3, 0.0);
        chunk.weights = vec![0.0; 3];
        assert_eq!(stated(&[prompt(vec![chunk])], PromptStyle::A1111), [0.0; 3]);
    }
}
