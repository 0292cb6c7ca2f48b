//! The honest clock: what a step costs on this machine with this model, learnt from finished runs.
//!
//! Fed by [`super::events`], asked by [`super::intent`]. It measures nothing itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::Sampler;

/// What one kind of run costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds a guided step of one call, previews included.
    pub step_secs: f64,
    /// Seconds around the steps: words, encoding, decoding.
    pub around_secs: f64,
    /// Pixels of the working size, to scale to sizes not yet seen.
    pixels: f64,
}

/// Learnt paces, one for each model and working size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    paces: BTreeMap<String, Pace>,
}

fn key(model: &str, (width, height): (u32, u32)) -> String {
    format!("{width}x{height} {model}")
}

/// What a step costs beside a guided one that asks the model once.
#[must_use]
pub fn step_cost(sampler: Sampler, guidance: f32) -> f64 {
    // Without guidance, the prompt's side alone is computed.
    f64::from(sampler.calls()) * if guidance > 1.0 { 1.0 } else { 0.5 }
}

fn pixels((width, height): (u32, u32)) -> f64 {
    f64::from(width) * f64::from(height)
}

impl Clock {
    /// Learns from one finished picture: what it took in all, and in its steps of that cost
    /// ([`step_cost`]).
    pub fn learn(
        &mut self,
        model: &str,
        size: (u32, u32),
        (steps, cost): (u32, f64),
        step_secs: f64,
        total_secs: f64,
    ) {
        let around_secs = (total_secs - step_secs * f64::from(steps)).max(0.0);
        let step_secs = step_secs / cost;
        let fresh = Pace { step_secs, around_secs, pixels: pixels(size) };
        let pace = self.paces.entry(key(model, size)).or_insert(fresh);
        // Half new, half old: one slow run does not spoil it, a slower machine is learnt in two.
        pace.step_secs = f64::midpoint(pace.step_secs, step_secs);
        pace.around_secs = f64::midpoint(pace.around_secs, around_secs);
    }

    /// How long so many steps of that cost would take; `None` before anything was learnt about
    /// the model.
    #[must_use]
    pub fn estimate(
        &self,
        model: &str,
        size: (u32, u32),
        (steps, cost): (u32, f64),
    ) -> Option<f64> {
        let total = |pace: &Pace, scale: f64| {
            (pace.step_secs * cost * f64::from(steps) + pace.around_secs) * scale
        };
        if let Some(pace) = self.paces.get(&key(model, size)) {
            return Some(total(pace, 1.0));
        }
        let suffix = format!(" {model}");
        let wanted = pixels(size);
        self.paces
            .iter()
            .filter(|(key, _)| key.ends_with(&suffix))
            .map(|(_, pace)| pace)
            .min_by(|a, b| (a.pixels - wanted).abs().total_cmp(&(b.pixels - wanted).abs()))
            .map(|pace| total(pace, wanted / pace.pixels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_saw_and_scales_to_what_it_did_not() {
        let mut clock = Clock::default();
        assert_eq!(clock.estimate("pocket", (256, 256), (20, 1.0)), None);
        clock.learn("pocket", (256, 256), (20, 1.0), 0.05, 1.2);
        let seen = clock.estimate("pocket", (256, 256), (20, 1.0)).unwrap();
        assert!((seen - 1.2).abs() < 1e-9);
        let larger = clock.estimate("pocket", (512, 256), (20, 1.0)).unwrap();
        assert!((larger - 2.4).abs() < 1e-9);
        assert_eq!(clock.estimate("other", (256, 256), (20, 1.0)), None);
    }

    #[test]
    fn a_sampler_that_asks_twice_teaches_what_one_call_costs() {
        let mut clock = Clock::default();
        clock.learn("pocket", (256, 256), (10, step_cost(Sampler::Heun, 4.0)), 0.2, 2.5);
        let euler = clock.estimate("pocket", (256, 256), (10, step_cost(Sampler::Euler, 4.0)));
        assert!((euler.unwrap() - 1.5).abs() < 1e-9);
        let unguided = clock.estimate("pocket", (256, 256), (10, step_cost(Sampler::Lcm, 1.0)));
        assert!((unguided.unwrap() - 1.0).abs() < 1e-9);
    }
}
