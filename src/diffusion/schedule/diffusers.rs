//! The steps as diffusers' schedulers lay them (`scheduling_*.py`, `set_timesteps`), one way for
//! each kin of samplers; spacings that diffusers has not are laid as k-diffusion does.

use super::ladder::{interpolated, ladder};
use super::{Course, NoiseLevel, Plan, Schedule, TrainingNoise};
use crate::types::Sampler;

/// How long the distilled models' own schedule is, of which a run's steps are taken.
const DISTILLED_STEPS: usize = 50;

/// How a scheduler rounds the timesteps that it finds for given noise.
#[derive(Clone, Copy)]
enum Rounding {
    None,
    Nearest,
    Down,
}

impl TrainingNoise {
    pub(super) fn plan_as_diffusers(&self, course: &Course) -> Plan {
        if matches!(course.sampler, Sampler::Lcm | Sampler::Tcd) {
            return self.plan_distilled(course);
        }
        if let Some(plan) = self.plan_ladder(course) {
            return plan;
        }
        match course.sampler {
            Sampler::Ddim | Sampler::Pndm => self.plan_implicit(course),
            Sampler::Ddpm => {
                let levels = self.spaced(course.schedule, course.steps).into_iter();
                let levels = levels.map(|timestep| self.exact(timestep)).collect();
                self.walk(course, levels, NoiseLevel::CLEAN, 1.0)
            }
            Sampler::DpmPp2M
            | Sampler::DpmPp2MSde
            | Sampler::DpmPp3MSde
            | Sampler::UniPc
            | Sampler::Deis => self.plan_multistep(course),
            _ => self.plan_ratios(course),
        }
    }

    fn exact(&self, timestep: f64) -> NoiseLevel {
        self.table.exact(timestep.round_ties_even() as usize)
    }

    pub(super) fn spaced(&self, schedule: Schedule, steps: usize) -> Vec<f64> {
        let count = self.timesteps();
        let last = (count - 1) as f64;
        match schedule {
            Schedule::Leading => (0..steps)
                .rev()
                .map(|i| (i * (count / steps) + self.config().steps_offset) as f64)
                .map(|timestep| timestep.min(last))
                .collect(),
            Schedule::Trailing => {
                let ratio = count as f64 / steps as f64;
                let timestep = |i: usize| (count as f64 - i as f64 * ratio).round_ties_even() - 1.0;
                (0..steps).map(|i| timestep(i).max(0.0)).collect()
            }
            _ => linspace_down(last, steps),
        }
    }

    /// DDIM and PNDM go back by a fixed number of timesteps, wherever the next step stands.
    fn plan_implicit(&self, course: &Course) -> Plan {
        let timesteps = self.spaced(course.schedule, course.steps);
        let back = self.timesteps() / course.steps;
        // diffusers' two schedulers differ in what they take a silent configuration for.
        let to_one = self.config().set_alpha_to_one.unwrap_or(course.sampler == Sampler::Ddim);
        let last = if to_one { NoiseLevel::CLEAN } else { self.table.exact(0) };
        let target = |timestep: &f64| {
            let timestep = timestep.round_ties_even() as usize;
            timestep.checked_sub(back).map_or(last, |t| self.table.exact(t))
        };
        let levels = timesteps.iter().map(|timestep| self.exact(*timestep)).collect();
        let mut plan = self.walk(course, levels, last, 1.0);
        plan.targets = timesteps.iter().map(target).collect();
        if let Some(second) = timesteps.get(1) {
            let before = (second.round_ties_even() as usize + back).min(self.timesteps() - 1);
            plan.restart = self.table.exact(before);
        }
        plan
    }

    /// Luo et al. 2023: every (50 / steps)-th of 50 timesteps, whatever schedule was chosen.
    pub(super) fn plan_distilled(&self, course: &Course) -> Plan {
        // A training of fewer timesteps has no 50 to take them from.
        let own = DISTILLED_STEPS.max(course.steps).min(self.timesteps());
        let spacing = self.timesteps() / own;
        let level = |i: usize| {
            let index = (own as f64 / course.steps as f64 * i as f64).floor() as usize;
            self.table.exact((own - index) * spacing - 1)
        };
        let levels = (0..course.steps).map(level).collect();
        // TCD's last step goes to the first timestep, not to none.
        let end =
            if course.sampler == Sampler::Tcd { self.table.exact(0) } else { NoiseLevel::CLEAN };
        self.walk(course, levels, end, 1.0)
    }

    /// The DPM-Solver++ multisteps, `UniPC` and DEIS: one point more than steps, and whole timesteps.
    fn plan_multistep(&self, course: &Course) -> Plan {
        let count = self.timesteps();
        let steps = course.steps;
        let timesteps: Vec<f64> = match course.schedule {
            Schedule::Leading => (1..=steps)
                .rev()
                .map(|i| (i * (count / (steps + 1)) + self.config().steps_offset) as f64)
                .map(|timestep| timestep.min((count - 1) as f64))
                .collect(),
            Schedule::Linspace => {
                let mut timesteps = linspace_down((count - 1) as f64, steps + 1);
                timesteps.truncate(steps);
                timesteps.into_iter().map(f64::round_ties_even).collect()
            }
            other => self.spaced(other, steps),
        };
        let ratios = &self.table.ratios;
        let level = |timestep: f64| NoiseLevel::from_ratio(ratios[timestep as usize], timestep);
        let levels: Vec<NoiseLevel> = timesteps.into_iter().map(level).collect();
        let end = if course.sampler == Sampler::Deis { level(0.0) } else { NoiseLevel::CLEAN };
        self.walk(course, levels, end, 1.0)
    }

    /// Euler and those after k-diffusion: one point for each step, between timesteps where it falls.
    fn plan_ratios(&self, course: &Course) -> Plan {
        let levels: Vec<NoiseLevel> = self
            .spaced(course.schedule, course.steps)
            .into_iter()
            .map(|timestep| {
                NoiseLevel::from_ratio(interpolated(&self.table.ratios, timestep), timestep)
            })
            .collect();
        // Noise of exactly the first level for these spacings, and of variance 1 otherwise.
        let scale = if course.schedule == Schedule::Leading { 1.0 } else { levels[0].sigma };
        self.walk(course, levels, NoiseLevel::CLEAN, scale)
    }

    /// Schedules that say how noisy each step is.
    fn plan_ladder(&self, course: &Course) -> Option<Plan> {
        let Course { sampler, schedule, steps, same_as, family, .. } = *course;
        let (begins, end) = ladder(&self.table, schedule, steps, same_as, family)?;
        let rounding = match (sampler, schedule) {
            (Sampler::Dpm2 | Sampler::Dpm2Ancestral, Schedule::Karras) => Rounding::Nearest,
            (
                Sampler::DpmPp2M
                | Sampler::DpmPp2MSde
                | Sampler::DpmPp3MSde
                | Sampler::UniPc
                | Sampler::Deis,
                _,
            ) => match schedule {
                Schedule::Karras => Rounding::Nearest,
                Schedule::Exponential | Schedule::Beta => Rounding::Down,
                _ => Rounding::None,
            },
            _ => Rounding::None,
        };
        let level = |ratio: f64| {
            let timestep = self.table.timestep_of(ratio);
            let timestep = match rounding {
                Rounding::None => timestep,
                Rounding::Nearest => timestep.round_ties_even(),
                Rounding::Down => timestep.floor(),
            };
            NoiseLevel::from_ratio(ratio, timestep)
        };
        let levels: Vec<NoiseLevel> = begins.into_iter().map(level).collect();
        // diffusers' DEIS cannot go to no noise at all: its last step stands still.
        let end = match sampler {
            Sampler::Deis => levels[steps - 1],
            _ => NoiseLevel::from_ratio(end, 0.0),
        };
        let scale = match sampler {
            Sampler::Ddim
            | Sampler::Ddpm
            | Sampler::Pndm
            | Sampler::DpmPp2M
            | Sampler::DpmPp2MSde
            | Sampler::DpmPp3MSde
            | Sampler::UniPc
            | Sampler::Deis => 1.0,
            _ => levels[0].sigma,
        };
        Some(self.walk(course, levels, end, scale))
    }
}

/// `steps` values evenly from `last` down to 0; one step stands at 0, as numpy has it.
pub(super) fn linspace_down(last: f64, steps: usize) -> Vec<f64> {
    let spacing = if steps > 1 { last / (steps - 1) as f64 } else { 0.0 };
    (0..steps).rev().map(|i| i as f64 * spacing).map(|timestep| timestep.min(last)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;
    use crate::models::config::noise::{NoiseConfig, Prediction};
    use crate::types::SameAs;

    #[test]
    fn distilled_models_may_have_few_training_timesteps() {
        for (count, steps) in [(2, 1), (2, 2), (40, 4), (40, 40), (49, 7), (51, 51), (1000, 4)] {
            let noise = TrainingNoise::new(NoiseConfig {
                betas: vec![0.01; count],
                zero_terminal_snr: false,
                prediction: Prediction::Epsilon,
                steps_offset: 0,
                set_alpha_to_one: None,
                sampler: Sampler::Lcm,
                schedule: Schedule::Leading,
            });
            for sampler in [Sampler::Lcm, Sampler::Tcd] {
                let plan = noise.plan(&Course {
                    sampler,
                    schedule: Schedule::Leading,
                    steps,
                    eta: None,
                    same_as: SameAs::Diffusers,
                    family: Family::Sd,
                });
                let timesteps: Vec<f32> = plan.levels.iter().map(|level| level.timestep).collect();
                assert_eq!(timesteps.len(), steps, "{count}");
                assert!(timesteps.windows(2).all(|pair| pair[0] > pair[1]), "{timesteps:?}");
                assert_eq!(timesteps[0], (count - 1) as f32, "{count}");
            }
        }
    }
}
