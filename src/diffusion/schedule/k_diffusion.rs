//! The steps as A1111 and ComfyUI lay them, both over k-diffusion (`external.py`, `get_sigmas`):
//! noise between timesteps is interpolated in its logarithm, whatever the sampler. Written from what
//! the programs do; A1111's DDIM, PLMS and `UniPC` have ways of their own.

use super::diffusers::linspace_down;
use super::ladder::{interpolated, ladder, log_interpolated};
use super::{Course, NoiseLevel, Plan, Schedule, TrainingNoise};
use crate::types::Sampler;

/// Where ComfyUI's `UniPC` ends, in noise per picture.
const COMFY_UNIPC_END: f64 = 0.001;

impl TrainingNoise {
    pub(super) fn plan_as_a1111(&self, course: &Course) -> Plan {
        match course.sampler {
            // They follow no schedule there.
            Sampler::Ddim | Sampler::Pndm => {
                let levels = self.leading(course.steps);
                let levels = levels.into_iter().map(|timestep| self.table.exact(timestep));
                self.walk(course, levels.collect(), self.table.exact(0), 1.0)
            }
            Sampler::UniPc => {
                let log = |cumprod: &f32| 0.5 * f64::from(cumprod.max(2.0_f32.powi(-24))).ln();
                let logs: Vec<f64> = self.table.alphas_cumprod.iter().map(log).collect();
                let level = |timestep: f64| {
                    let alpha = interpolated(&logs, timestep).exp();
                    let sigma = (1.0 - alpha * alpha).sqrt();
                    NoiseLevel { alpha, sigma, timestep: timestep as f32 }
                };
                let last = (self.timesteps() - 1) as f64;
                let mut levels: Vec<NoiseLevel> =
                    linspace_down(last, course.steps + 1).into_iter().map(level).collect();
                let end = levels.pop().expect("there is one more than steps");
                self.walk(course, levels, end, 1.0)
            }
            Sampler::Lcm | Sampler::Tcd => self.plan_distilled(course),
            sampler => {
                let drops =
                    matches!(sampler, Sampler::Dpm2 | Sampler::Dpm2Ancestral | Sampler::DpmPp3MSde);
                let (begins, end) = self.sigmas(course, drops);
                let level = |ratio| NoiseLevel::from_ratio(ratio, self.table.timestep_of(ratio));
                let levels: Vec<NoiseLevel> = begins.into_iter().map(level).collect();
                let scale = levels[0].sigma;
                self.walk(course, levels, NoiseLevel::from_ratio(end, 0.0), scale)
            }
        }
    }

    pub(super) fn plan_as_comfy(&self, course: &Course) -> Plan {
        if course.sampler == Sampler::Tcd {
            return self.plan_distilled(course);
        }
        let drops =
            matches!(course.sampler, Sampler::Dpm2 | Sampler::Dpm2Ancestral | Sampler::UniPc);
        let (begins, mut end) = self.sigmas(course, drops);
        if course.sampler == Sampler::UniPc {
            end = COMFY_UNIPC_END;
        }
        // It tells the model whole timesteps.
        let level = |ratio| NoiseLevel::from_ratio(ratio, self.table.nearest(ratio) as f64);
        let levels: Vec<NoiseLevel> = begins.into_iter().map(level).collect();
        // A run from the very beginning has noise of variance 1.
        let most = self.table.ratios[self.timesteps() - 1];
        let first = levels[0].ratio();
        let scale = if first > most * (1.0 - 1e-5) { 1.0 } else { levels[0].sigma };
        self.walk(course, levels, NoiseLevel::from_ratio(end, 0.0), scale)
    }

    /// The noise per picture at which steps begin, and where the last ends. Where `drops`, there is
    /// one step more, and the last but one of the numbers is left out: a step between two levels
    /// of little noise costs a second-order sampler much and brings nothing.
    fn sigmas(&self, course: &Course, drops: bool) -> (Vec<f64>, f64) {
        let Course { schedule, same_as, family, .. } = *course;
        let steps = course.steps + usize::from(drops);
        let ratios = &self.table.ratios;
        let laid = ladder(&self.table, schedule, steps, same_as, family);
        let (mut begins, end) = laid.unwrap_or_else(|| {
            let begins = match schedule {
                Schedule::Leading => {
                    self.leading(steps).into_iter().map(|timestep| ratios[timestep]).collect()
                }
                other => self
                    .spaced(other, steps)
                    .into_iter()
                    .map(|timestep| log_interpolated(ratios, timestep))
                    .collect(),
            };
            (begins, 0.0)
        });
        if drops {
            begins.pop();
        }
        (begins, end)
    }

    /// Every (T / n)-th timestep from 1, the last first.
    fn leading(&self, steps: usize) -> Vec<usize> {
        let spacing = (self.timesteps() / steps).max(1);
        let last = self.timesteps() - 1;
        (0..steps).rev().map(|i| (1 + i * spacing).min(last)).collect()
    }
}
