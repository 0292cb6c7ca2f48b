//! Where a paused run stands, as bytes: latents are stored as they are, so that the picture that
//! comes of them is the same to the last bit.
//!
//! Little-endian: steps done, length of the latent, 1 if an earlier estimate follows, next word of
//! the generator, 1 if it holds a spare value (32 bits each); the spare's bits (64); the latent and
//! the earlier estimate (f32); the generator's words (32 bits).

use crate::diffusion::noise::TorchNoise;
use crate::engine::protocol::State;

/// Bytes before the latent.
const HEAD: usize = 28;

/// The state as bytes.
#[must_use]
pub fn to_bytes(state: &State) -> Vec<u8> {
    let (words, next, spare) = state.noise.place();
    let earlier = state.earlier.as_deref();
    let head = [
        state.step as u32,
        state.latent.len() as u32,
        u32::from(earlier.is_some()),
        next,
        u32::from(spare.is_some()),
    ];
    let mut bytes: Vec<u8> = head.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(spare.unwrap_or(0).to_le_bytes());
    let values = state.latent.iter().chain(earlier.unwrap_or_default());
    bytes.extend(values.flat_map(|value| value.to_le_bytes()));
    bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
    bytes
}

/// The state again; `None` if the bytes are none.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> Option<State> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(head.get(4 * at..4 * at + 4)?.try_into().ok()?))
    };
    let spare = u64::from_le_bytes(head[20..].try_into().ok()?);
    let length = word(1)? as usize;
    let floats = |bytes: &[u8]| -> Vec<f32> {
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    };
    let (latent, rest) = rest.split_at_checked(4 * length)?;
    let (earlier, rest) =
        if word(2)? == 1 { rest.split_at_checked(4 * length)? } else { (&[][..], rest) };
    let (words, _) = rest.as_chunks::<4>();
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    Some(State {
        latent: floats(latent),
        step: word(0)? as usize,
        earlier: (word(2)? == 1).then(|| floats(earlier)),
        noise: TorchNoise::at_place(&words, word(3)?, (word(4)? == 1).then_some(spare))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_bit_for_bit_and_never_from_other_bytes() {
        let mut noise = TorchNoise::new(5);
        let latent = noise.normal(64);
        drop(noise.normal(3));
        for earlier in [None, Some(vec![f32::MIN_POSITIVE; 64])] {
            let state = State { latent: latent.clone(), step: 7, earlier, noise: noise.clone() };
            let bytes = to_bytes(&state);
            assert_eq!(from_bytes(&bytes), Some(state));
            for cut in [0, 10, HEAD, HEAD + 9, bytes.len() - 1] {
                assert_eq!(from_bytes(&bytes[..cut]), None, "cut at {cut}");
            }
        }
    }
}
