//! Colour profiles: whatever a file calls its colours, in the program they are sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

/// Pixels that are changed at a time.
const PIECE: usize = 4096;
/// Values of each channel at which a profile is compared with sRGB.
const PROBES: [u8; 6] = [0, 20, 64, 128, 200, 255];
/// A profile that nowhere changes a value by more is sRGB by another name: rounding alone does that.
const ROUNDING: u8 = 2;

/// Makes sRGB of RGBA pixels whose colours an ICC profile explains; alpha stays. Colours outside
/// sRGB become the nearest on its surface, channel by channel.
///
/// Nothing changes with a profile that is sRGB's own, one of other colours than RGB (the decoders
/// make RGB of those), or one that cannot be read.
pub(super) fn to_srgb(icc: &[u8], rgba: &mut [u8]) {
    let Some(transform) = from_profile(icc) else { return };
    let mut probes = Vec::with_capacity(PROBES.len().pow(3) * 4);
    for red in PROBES {
        for green in PROBES {
            probes.extend(PROBES.iter().flat_map(|blue| [red, green, *blue, 255]));
        }
    }
    let mut changed = vec![0; probes.len()];
    let done = transform.transform(&probes, &mut changed);
    let mut pairs = probes.iter().zip(&changed);
    if done.is_err() || pairs.all(|(before, after)| before.abs_diff(*after) <= ROUNDING) {
        return;
    }
    let mut changed = vec![0; 4 * PIECE];
    for piece in rgba.chunks_mut(4 * PIECE) {
        let changed = &mut changed[..piece.len()];
        if transform.transform(piece, changed).is_ok() {
            piece.copy_from_slice(changed);
        }
    }
}

fn from_profile(icc: &[u8]) -> Option<std::sync::Arc<Transform8BitExecutor>> {
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let srgb = ColorProfile::new_srgb();
    let (layout, options) = (Layout::Rgba, TransformOptions::default());
    (profile.color_space == DataColorSpace::Rgb)
        .then(|| profile.create_transform_8bit(layout, &srgb, layout, options).ok())
        .flatten()
}
