//! The emerging picture: what dissolves into what, and how far it has come.
//!
//! Two pictures and a mix. A new preview makes the present mix the first picture (blended here:
//! previews are tiny) and itself the second, so nothing ever jumps. The base (document or sheet) can
//! stand on either side.

use std::sync::Arc;

use super::resample;
use super::types::Emerging;
use crate::engine::protocol::Picture;
use crate::plane::PixelRect;

/// Previews are enlarged until their longer side has this many pixels, or the document's: fog needs
/// no more, and it is made while somebody may be painting.
const ENLARGED_SIDE: u32 = 256;
/// Previews with a longer side than this came out of a decoder and are smooth enough.
const LATENT_SIDE: u32 = 128;
/// From the last preview to the finished picture, in seconds.
const FINAL_SECS: f64 = 0.2;
/// Without motion, in seconds.
const STILL_SECS: f64 = 0.06;

/// One side of a mix.
#[derive(Clone)]
pub(super) enum Side {
    /// What lies beneath: the document's picture or the empty sheet.
    Base,
    /// An estimate, ready for the screen.
    Estimate(Arc<Picture>),
}

/// A mix under way, or held at its end.
pub(super) struct Mix {
    pub(super) from: Side,
    pub(super) to: Side,
    pub(super) within_mask: bool,
    /// The part of the picture that it lies over, in image pixels.
    pub(super) place: PixelRect,
    began: f64,
    secs: f64,
}

impl Mix {
    /// How far it has come at `now`, smoothly from 0 to 1.
    pub(super) fn at(&self, now: f64) -> f32 {
        let t = ((now - self.began) / self.secs).clamp(0.0, 1.0) as f32;
        t * t * (3.0 - 2.0 * t)
    }

    /// Whether it still changes at `now`.
    pub(super) fn moves(&self, now: f64) -> bool {
        now < self.began + self.secs
    }
}

/// Keeps the mix from frame to frame.
#[derive(Default)]
pub(super) struct Fade {
    mix: Option<Mix>,
    key: Option<u64>,
}

impl Fade {
    /// Takes this frame's estimate. `base` gives a part of what lay beneath in the frame before, at a
    /// size.
    pub(super) fn update(
        &mut self,
        emerging: Option<&Emerging<'_>>,
        base: impl Fn(PixelRect, (u32, u32)) -> Picture,
        now: f64,
        motion: bool,
    ) -> Option<&Mix> {
        match emerging {
            Some(emerging) if self.key != Some(emerging.key) => {
                let secs = if motion {
                    f64::from(emerging.step_secs * 0.8).clamp(0.06, 0.24)
                } else {
                    STILL_SECS
                };
                let Emerging { within_mask, place, .. } = *emerging;
                let to = prepared(emerging.picture, place.size());
                // What lies elsewhere cannot be one side of this mix.
                let there = self.mix.as_ref().is_some_and(|mix| mix.place == place);
                let from = if there {
                    self.present(now, &base, Some((to.width, to.height)))
                } else {
                    Side::Base
                };
                let to = Side::Estimate(to);
                self.mix = Some(Mix { from, to, within_mask, place, began: now, secs });
                self.key = Some(emerging.key);
            }
            Some(_) => {}
            None if self.key.is_some() => {
                self.key = None;
                let from = self.present(now, &base, None);
                let secs = if motion { FINAL_SECS } else { STILL_SECS };
                self.mix = self.mix.take().map(|mix| Mix {
                    from,
                    to: Side::Base,
                    began: now,
                    secs,
                    ..mix
                });
            }
            None => {
                if self.mix.as_ref().is_some_and(|mix| !mix.moves(now)) {
                    self.mix = None;
                }
            }
        }
        self.mix.as_ref()
    }

    /// What is on the screen now, as one side of the next mix.
    fn present(
        &self,
        now: f64,
        base: &impl Fn(PixelRect, (u32, u32)) -> Picture,
        size: Option<(u32, u32)>,
    ) -> Side {
        let Some(mix) = &self.mix else { return Side::Base };
        let t = mix.at(now);
        match (&mix.from, &mix.to) {
            (_, side) if t >= 1.0 => side.clone(),
            (side, _) if t <= 0.0 => side.clone(),
            (Side::Base, Side::Base) => Side::Base,
            (Side::Estimate(a), Side::Estimate(b)) => {
                Side::Estimate(Arc::new(resample::blended(a, b, t)))
            }
            (Side::Base, Side::Estimate(b)) => {
                let a = base(mix.place, (b.width, b.height));
                Side::Estimate(Arc::new(resample::blended(&a, b, t)))
            }
            (Side::Estimate(a), Side::Base) => {
                let b = base(mix.place, size.unwrap_or((a.width, a.height)));
                Side::Estimate(Arc::new(resample::blended(a, &b, t)))
            }
        }
    }
}

/// Enlarges what is as small as a latent, so that the shader needs one bilinear tap.
fn prepared(picture: &Arc<Picture>, size: (u32, u32)) -> Arc<Picture> {
    let longer = picture.width.max(picture.height).max(1);
    if longer > LATENT_SIDE {
        return Arc::clone(picture);
    }
    let factor = size.0.max(size.1).min(ENLARGED_SIDE) / longer;
    if factor < 2 {
        return Arc::clone(picture);
    }
    Arc::new(resample::enlarged(picture, factor as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(side: u32, value: u8) -> Arc<Picture> {
        let rgba = [value, value, value, 255].repeat((side * side) as usize);
        Arc::new(Picture { width: side, height: side, rgba })
    }

    fn step(fade: &mut Fade, preview: Option<(u64, &Arc<Picture>)>, now: f64) -> Option<f32> {
        let emerging = preview.map(|(key, picture)| Emerging {
            key,
            picture,
            step_secs: 0.1,
            within_mask: false,
            place: PixelRect::whole((64, 64)),
        });
        let base = |_, (width, _)| Picture::clone(&flat(width, 0));
        let mix = fade.update(emerging.as_ref(), base, now, true)?;
        let value = |side: &Side| match side {
            Side::Base => 0.0,
            Side::Estimate(picture) => f32::from(picture.rgba[0]),
        };
        let (from, to, t) = (value(&mix.from), value(&mix.to), mix.at(now));
        Some(from + (to - from) * t)
    }

    #[test]
    fn nothing_ever_jumps() {
        let previews = [flat(8, 100), flat(8, 200), flat(8, 40), flat(64, 90)];
        let mut fade = Fade::default();
        let mut last = 0.0;
        let mut now = 0.0;
        // Previews come faster than a mix takes, then end; frames come every 5 ms.
        for (key, picture) in previews.iter().enumerate() {
            for _ in 0..9 {
                let shown = step(&mut fade, Some((key as u64, picture)), now).expect("a mix");
                assert!((shown - last).abs() < 24.0, "{last} to {shown} at {now}");
                last = shown;
                now += 0.005;
            }
        }
        while let Some(shown) = step(&mut fade, None, now) {
            assert!((shown - last).abs() < 24.0, "{last} to {shown} at {now}");
            last = shown;
            now += 0.005;
        }
        assert!(last < 1.0, "the base is reached: {last}");
        assert!(step(&mut fade, None, now).is_none());
    }

    #[test]
    fn times_follow_the_step_and_motion() {
        let secs = |step_secs: f32, motion: bool| {
            let mut fade = Fade::default();
            let picture = flat(8, 1);
            let place = PixelRect::whole((8, 8));
            let emerging =
                Emerging { key: 1, picture: &picture, step_secs, within_mask: true, place };
            let base = |_, (width, _)| Picture::clone(&flat(width, 0));
            fade.update(Some(&emerging), base, 0.0, motion).map(|mix| mix.secs)
        };
        assert_eq!(secs(0.01, true), Some(0.06));
        assert_eq!(secs(3.0, true), Some(0.24));
        assert!(secs(0.2, true).is_some_and(|secs| (secs - 0.16).abs() < 1e-6));
        assert_eq!(secs(3.0, false), Some(0.06));
    }

    #[test]
    fn tiny_previews_are_enlarged_and_large_ones_left() {
        assert_eq!(prepared(&flat(32, 9), (256, 256)).width, 256);
        assert_eq!(prepared(&flat(64, 9), (4000, 2667)).width, 256);
        let same = flat(256, 9);
        assert!(Arc::ptr_eq(&prepared(&same, (256, 256)), &same));
    }
}
