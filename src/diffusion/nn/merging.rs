//! Token merging (Bolya and Hoffman 2023, "Token Merging for Fast Stable Diffusion"): where pictures
//! repeat themselves, self-attention sees one token for several.
//!
//! One token of each 2 × 2 window stays; of the others, those most like one that stays (by the
//! cosine) are averaged into it, and get its answer afterwards.

use crate::diffusion::error::Result;
use crate::ops::{Merging, Ops};

/// Sides of the windows in which one token stays.
const WINDOW: usize = 2;

/// What is merged in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// Share of the tokens that is merged into others, 0 to 0.75.
    pub share: f32,
    /// Tokens of the images in which this is done: those of the finest layers that attend.
    pub tokens: usize,
}

/// Groups of the tokens `x` of images of so many rows and columns; `None` where there are too few.
///
/// # Errors
/// The backend fails.
pub fn merging<O: Ops>(
    ops: &O,
    x: &O::Tensor,
    [height, width]: [usize; 2],
    share: f32,
) -> Result<Option<Merging>> {
    let tokens = height * width;
    let (stay, go) = windows(height, width);
    let merged = ((tokens as f32 * share) as usize).min(go.len());
    if merged == 0 || stay.is_empty() {
        return Ok(None);
    }
    let likest = ops.likest(x, &go, &stay)?;
    let groups = likest.iter().map(|likest| groups(tokens, (&stay, &go), likest, merged));
    Ok(Some(Merging::new(groups.collect(), tokens - merged)))
}

/// The tokens that stay and those that may be merged. Which of a window stays changes from window to
/// window, so that no grid shows in the picture.
fn windows(height: usize, width: usize) -> (Vec<u32>, Vec<u32>) {
    let columns = width / WINDOW;
    let stays = |y: usize, x: usize| {
        let (row, column) = (y / WINDOW, x / WINDOW);
        let whole = row < height / WINDOW && column < columns;
        // Knuth's multiplicative hash; its upper bits.
        let hash = ((row * columns + column) as u32).wrapping_mul(2_654_435_769) >> 30;
        whole && (y % WINDOW * WINDOW + x % WINDOW) as u32 == hash
    };
    (0..(height * width) as u32)
        .partition(|token| stays(*token as usize / width, *token as usize % width))
}

/// The group of each token: the `merged` tokens most like one that stays go to it, each of the rest
/// has its own.
fn groups(
    tokens: usize,
    (stay, go): (&[u32], &[u32]),
    likest: &[(u32, f32)],
    merged: usize,
) -> Vec<u32> {
    let mut order: Vec<usize> = (0..go.len()).collect();
    order.sort_by(|a, b| likest[*b].1.total_cmp(&likest[*a].1));
    let mut of_token = vec![0; tokens];
    for (group, token) in stay.iter().enumerate() {
        of_token[*token as usize] = group as u32;
    }
    for (place, index) in order.into_iter().enumerate() {
        let own = (stay.len() + place).wrapping_sub(merged) as u32;
        of_token[go[index] as usize] = if place < merged { likest[index].0 } else { own };
    }
    of_token
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::{Cpu, DType, Isa};

    #[test]
    fn one_of_each_whole_window_stays() {
        for (height, width) in [(4, 6), (5, 7), (1, 8), (2, 2)] {
            let (stay, go) = windows(height, width);
            assert_eq!(stay.len(), (height / 2) * (width / 2), "{height} × {width}");
            assert_eq!(stay.len() + go.len(), height * width);
            let mut seen: Vec<_> = stay
                .iter()
                .map(|token| (*token as usize / width / 2, *token as usize % width / 2))
                .collect();
            seen.dedup();
            assert_eq!(seen.len(), stay.len());
        }
        let places: std::collections::BTreeSet<_> =
            windows(8, 8).0.iter().map(|token| (token / 8 % 2, token % 2)).collect();
        assert!(places.len() > 2, "the place changes: {places:?}");
    }

    #[test]
    fn the_most_alike_are_merged_and_get_the_same_answer() {
        let ops = Cpu::new(Isa::best(), DType::F32);
        let (height, width) = (4, 4);
        let (stay, go) = windows(height, width);
        // All tokens point elsewhere, but one that goes is nearly one that stays.
        let mut values = vec![0.0_f32; 16 * 16];
        for token in 0..16 {
            values[token * 16 + token] = 1.0 + token as f32;
        }
        let (from, to) = (go[5] as usize, stay[2] as usize);
        values[from * 16 + from] = 0.1;
        values[from * 16 + to] = 2.0;
        let x = ops.tokens([1, 16, 16], &values).unwrap();
        let merging = merging(&ops, &x, [height, width], 1.0 / 16.0).unwrap().unwrap();
        assert_eq!(merging.kept(), 15);
        let of_token = &merging.images()[0].of_token;
        assert_eq!(of_token[from], of_token[to]);

        let merged = ops.merge(&x, &merging).unwrap();
        let zeros = ops.tokens([1, 16, 16], &[0.0; 256]).unwrap();
        let spread = ops.read_tokens(&ops.spread(&merged, &merging, &zeros).unwrap()).unwrap();
        for token in (0..16).filter(|token| ![from, to].contains(token)) {
            assert_eq!(spread[token * 16..][..16], values[token * 16..][..16], "{token}");
        }
        let mean =
            |channel: usize| f32::midpoint(values[from * 16 + channel], values[to * 16 + channel]);
        for token in [from, to] {
            for channel in 0..16 {
                assert!((spread[token * 16 + channel] - mean(channel)).abs() < 1e-6);
            }
        }
    }
}
