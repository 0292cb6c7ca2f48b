//! Where a paused run stands, as bytes: latents are stored as they are, so that the picture that
//! comes of them is the same to the last bit.
//!
//! Little-endian: steps done, length of the latent, entries of the history, next word of the
//! generator, marks (32 bits each); the generator's spare value (64); the latent and the history's
//! entries, each as long (f32); number and size of the batch, if that is marked, and the
//! generator's words (32 bits). The marks: 1 a spare value waits, 2 the generator is CUDA's, 4 the
//! picture is part of a batch.

use crate::diffusion::noise::{Noise, Part, Place};
use crate::diffusion::samplers::MOST_EARLIER;
use crate::engine::protocol::State;

/// Bytes before the latent.
const HEAD: usize = 28;

const SPARE: u32 = 1;
const CUDA: u32 = 2;
const BATCH: u32 = 4;

/// The state as bytes.
#[must_use]
pub fn to_bytes(state: &State) -> Vec<u8> {
    let Place { cuda, words, next, spare, part } = state.noise.place();
    let mark = |mark: u32, is: bool| if is { mark } else { 0 };
    let in_batch = part != Part::ALONE;
    let head = [
        state.step as u32,
        state.latent.len() as u32,
        state.earlier.len() as u32,
        next,
        mark(SPARE, spare.is_some()) | mark(CUDA, cuda) | mark(BATCH, in_batch),
    ];
    let mut bytes: Vec<u8> = head.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(spare.unwrap_or(0).to_le_bytes());
    let values = state.latent.iter().chain(state.earlier.iter().flatten());
    bytes.extend(values.flat_map(|value| value.to_le_bytes()));
    let batch = in_batch.then_some([part.index, part.of]).into_iter().flatten();
    bytes.extend(batch.chain(words).flat_map(u32::to_le_bytes));
    bytes
}

/// The state again; `None` if the bytes are none.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> Option<State> {
    let (head, mut rest) = bytes.split_at_checked(HEAD)?;
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(head.get(4 * at..4 * at + 4)?.try_into().ok()?))
    };
    let spare = u64::from_le_bytes(head[20..].try_into().ok()?);
    let (length, history, marks) = (word(1)? as usize, word(2)? as usize, word(4)?);
    if history > MOST_EARLIER || marks > SPARE | CUDA | BATCH {
        return None;
    }
    let mut floats = || -> Option<Vec<f32>> {
        let (values, after) = rest.split_at_checked(4 * length)?;
        rest = after;
        let (words, _) = values.as_chunks::<4>();
        Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    };
    let latent = floats()?;
    let earlier = (0..history).map(|_| floats()).collect::<Option<_>>()?;
    let (words, _) = rest.as_chunks::<4>();
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let (part, words) = match words.split_at_checked(2) {
        Some((batch, words)) if marks & BATCH != 0 => {
            (Part { index: batch[0], of: batch[1] }, words)
        }
        _ => (Part::ALONE, &words[..]),
    };
    let noise = Noise::at_place(&Place {
        cuda: marks & CUDA != 0,
        words: words.to_vec(),
        next: word(3)?,
        spare: (marks & SPARE != 0).then_some(spare),
        part,
    })?;
    Some(State { latent, step: word(0)? as usize, earlier, noise })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::noise::sources;
    use crate::types::SameAs;

    #[test]
    fn comes_back_bit_for_bit_and_never_from_other_bytes() {
        let parts = [Part::ALONE, Part { index: 2, of: 5 }];
        for (same_as, part) in SameAs::ALL.into_iter().flat_map(|same| parts.map(|p| (same, p))) {
            let (mut noise, _) = sources(same_as, 5, part);
            let latent = noise.normal(64);
            drop(noise.shared(3));
            for history in 0..=MOST_EARLIER {
                let earlier = vec![vec![f32::MIN_POSITIVE; 64]; history];
                let state =
                    State { latent: latent.clone(), step: 7, earlier, noise: noise.clone() };
                let bytes = to_bytes(&state);
                assert_eq!(from_bytes(&bytes), Some(state));
                for cut in [0, 10, HEAD, HEAD + 9, bytes.len() - 1] {
                    assert_eq!(from_bytes(&bytes[..cut]), None, "cut at {cut}");
                }
            }
        }
    }

    /// What programs wrote that knew one earlier estimate and one generator.
    #[test]
    fn older_states_still_read() {
        let mut noise = Noise::torch(5);
        let latent = noise.normal(32);
        drop(noise.normal(3));
        let place = noise.place();
        let mut bytes: Vec<u8> =
            [7, 32, 1, place.next, 1].into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(place.spare.expect("an odd number was drawn").to_le_bytes());
        let values = latent.iter().chain(&latent);
        bytes.extend(values.flat_map(|value| value.to_le_bytes()));
        bytes.extend(place.words.into_iter().flat_map(u32::to_le_bytes));
        let earlier = vec![latent.clone()];
        assert_eq!(from_bytes(&bytes), Some(State { latent, step: 7, earlier, noise }));
    }
}
