//! Classifier-free guidance on raw predictions: Ho & Salimans 2022, with the rescaling of Lin et
//! al. 2023, section 3.4.

use super::schedule::NoiseLevel;

/// Pulls the prediction with the prompt (`bound`) away from the one without (`free`) by `scale`,
/// and draws its spread back towards that of `bound` by `rescale` in 0..=1.
#[must_use]
pub fn guided(free: &[f32], bound: &[f32], scale: f32, rescale: f32) -> Vec<f32> {
    let pull = |(free, bound): (&f32, &f32)| free + scale * (bound - free);
    let mut guided: Vec<f32> = free.iter().zip(bound).map(pull).collect();
    if rescale > 0.0 {
        let shrink = (spread(bound) / spread(&guided)) as f32;
        let factor = rescale * shrink + (1.0 - rescale);
        for value in &mut guided {
            *value *= factor;
        }
    }
    guided
}

/// The scale at which an estimate is shown: 1 at pure noise, the run's own at the end. At full scale
/// the first estimates are far stronger in colour than what becomes of them, and the picture pumps.
#[must_use]
pub fn calm_guidance(scale: f32, level: NoiseLevel) -> f32 {
    1.0 + (scale - 1.0) * level.alpha.powi(2) as f32
}

/// Standard deviation over all values, with n - 1.
fn spread(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
    (squares / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_guided_more_and_more() {
        let at =
            |alpha: f64| NoiseLevel { alpha, sigma: (1.0 - alpha * alpha).sqrt(), timestep: 0.0 };
        assert_eq!(calm_guidance(4.0, at(0.0)), 1.0);
        assert!(calm_guidance(4.0, at(0.3)) < calm_guidance(4.0, at(0.6)));
        assert_eq!(calm_guidance(4.0, NoiseLevel::CLEAN), 4.0);
    }

    #[test]
    fn scale_one_is_the_prompt_alone_and_rescale_one_keeps_its_spread() {
        let (free, bound) = ([0.5, -1.0, 2.0, 0.0], [1.0, -2.0, 3.0, 0.5]);
        assert_eq!(guided(&free, &bound, 1.0, 0.0), bound);
        let rescaled = guided(&free, &bound, 7.0, 1.0);
        assert!((spread(&rescaled) - spread(&bound)).abs() < 1e-5);
        assert!(spread(&guided(&free, &bound, 7.0, 0.0)) > 2.0 * spread(&bound));
    }
}
