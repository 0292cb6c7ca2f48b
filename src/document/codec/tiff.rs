//! What the decoder of TIFF files leaves to others: the colour profile, and colours that were
//! multiplied by their alpha.

use std::io::Cursor;

use tiff::decoder::Decoder;
use tiff::tags::Tag;

/// The value of `ExtraSamples` for colours that were multiplied by alpha (TIFF 6.0, page 31).
const ASSOCIATED_ALPHA: u16 = 1;

/// What the first picture of a file says about its colours.
#[derive(Debug, Default)]
pub(super) struct Colours {
    /// Whether they are multiplied by alpha.
    pub(super) multiplied: bool,
    /// The colour profile.
    pub(super) icc: Option<Vec<u8>>,
}

impl Colours {
    /// Reads it; what cannot be read says nothing.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Ok(mut decoder) = Decoder::new(Cursor::new(bytes)) else { return Self::default() };
        let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten();
        let icc = decoder.find_tag(Tag::IccProfile).ok().flatten();
        Self {
            multiplied: extra.is_some_and(|extra| extra.first() == Some(&ASSOCIATED_ALPHA)),
            icc: icc.and_then(|icc| icc.into_u8_vec().ok()),
        }
    }
}

/// Divides the colours of RGBA pixels by their alpha.
pub(super) fn divide(rgba: &mut [u8]) {
    for [colours @ .., alpha] in rgba.as_chunks_mut::<4>().0 {
        let whole = u32::from(*alpha);
        for value in colours {
            let straight = (u32::from(*value) * 255 + whole / 2).checked_div(whole).unwrap_or(0);
            *value = straight.min(255) as u8;
        }
    }
}
