//! The plain values that go into a run and come out of it.

use crate::diffusion::conditioning::{Shown, ToldSizes};
use crate::diffusion::noise::Noise;
use crate::diffusion::preview::Rgb;
use crate::diffusion::samplers::{Sampler, State};
use crate::diffusion::schedule::Schedule;
use crate::types::{SameAs, Savings};

/// What an encoded picture may be: a normal distribution at every value of the latent, scaled as
/// the UNet sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// Channels × height × width.
    pub mean: Vec<f32>,
    /// Likewise.
    pub deviation: Vec<f32>,
}

impl Posterior {
    /// A sample, drawn from `noise`; all pictures of a batch share it.
    #[must_use]
    pub fn sample(&self, noise: &mut Noise) -> Vec<f32> {
        let drawn = noise.shared(self.mean.len());
        let spread = self.deviation.iter().zip(&drawn).map(|(deviation, drawn)| deviation * drawn);
        self.mean.iter().zip(spread).map(|(mean, spread)| mean + spread).collect()
    }
}

/// A picture that was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// 3 × height × width values, about -1..=1.
    pub values: Vec<f32>,
    /// Whether short numbers had overflowed, so that full floats were needed.
    pub in_full: bool,
}

/// One picture to paint. Its words were read before by [`super::Model::read_words`].
pub struct Job<'a> {
    /// Height and width of the latent.
    pub size: (usize, usize),
    /// Steps of the whole schedule.
    pub steps: usize,
    /// The sampler.
    pub sampler: Sampler,
    /// Its schedule.
    pub schedule: Schedule,
    /// Share of the noise that the sampler renews; `None`: its usual one.
    pub eta: Option<f32>,
    /// Whose picture it is to be.
    pub same_as: SameAs,
    /// Guidance scale; 1 or less reads one prompt only.
    pub guidance: f32,
    /// Guidance rescale in 0..=1.
    pub rescale: f32,
    /// Guidance towards the picture, in edit models; below 1 there is no guidance at all.
    pub picture_guidance: f32,
    /// What a model with micro-conditioning is told.
    pub sizes: ToldSizes,
    /// What a model with more channels than the latent's is shown.
    pub shown: Option<&'a Shown>,
    /// Approximate savings.
    pub savings: Savings,
    /// The generator, its first draws perhaps taken by [`Posterior::sample`].
    pub noise: Noise,
    /// The samplers' generator, where it is another one.
    pub later_noise: Option<Noise>,
    /// Noise of another seed to mix into the first draw, and how much of it, 0..=1.
    pub variation: Option<(Noise, f32)>,
    /// A clean latent to start from, and how far to leave it, in (0, 1].
    pub init: Option<(&'a [f32], f32)>,
    /// 1 where the latent (height × width) is painted again, 0 where it is held; needs `init`.
    pub mask: Option<&'a [f32]>,
    /// Whether previews are wanted.
    pub previews: bool,
    /// Where an earlier run of the same job was stopped, to go on from there.
    pub from: Option<State>,
    /// The share of the noise's way down, in 0..=1, after which another model goes on: the run ends
    /// there as if it were stopped.
    pub until: Option<f32>,
}

impl Job<'_> {
    /// Steps of the whole schedule, and the last of them that really run: `int(strength × steps)`
    /// as in diffusers, one more in A1111; ComfyUI lays so many that all the steps asked for run.
    #[must_use]
    pub fn steps_of(&self) -> (usize, usize) {
        let Some((_, strength)) = self.init else { return (self.steps, self.steps) };
        let (strength, steps) = (f64::from(strength), self.steps as f64);
        // Strengths are short decimals that f32 holds a little above or below.
        let whole = |number: f64| (number + 1e-4).floor() as usize;
        let run = match self.same_as {
            SameAs::ComfyUi | SameAs::ComfyUiCuda => {
                return (whole(steps / strength).max(self.steps), self.steps);
            }
            SameAs::A1111 | SameAs::A1111Cpu => whole(strength.min(0.999) * steps) + 1,
            SameAs::Pentimento | SameAs::Diffusers | SameAs::DiffusersCuda => {
                whole(strength * steps)
            }
        };
        (self.steps, run.clamp(1, self.steps))
    }
}

/// Which kind of preview a run shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preview {
    /// Decoded in full.
    Full,
    /// By the model's small decoder.
    Small,
    /// Mapped to colours, at latent size.
    Linear,
}

/// A step that was done.
pub struct Step {
    /// Steps done, from 1.
    pub step: usize,
    /// Steps that run in all.
    pub of: usize,
    /// Noise per picture that is left.
    pub sigma: f64,
    /// How long it took, in seconds, its preview left out.
    pub step_secs: f64,
    /// The estimate of the finished picture, how it was made, and how long that took in seconds.
    pub preview: Option<(Rgb, Preview, f64)>,
}

/// Hears of each step.
pub trait Watcher {
    /// A step is done.
    fn step(&mut self, step: Step);
    /// The run is cancelled, or has come to its `until`; this is where it stands after its last whole
    /// step.
    fn stopped(&mut self, state: State);
}
