//! The queue on the strip: its order, its pause, the job that repeats until it is stopped.
//!
//! Called by [`super::update`] and [`super::events`]. The engine knows only the running job.

use std::sync::Arc;

use super::examples;
use super::jobs::{Entry, EntryId, Job, Stage};
use super::state::{AppState, Effect};
use crate::engine::protocol::{Midway, PaintRequest};

/// Seconds from which on the end of a job is worth calling for somebody who is elsewhere.
const LONG_SECS: f64 = 10.0;

impl AppState {
    /// Holds the queue, the running job too, or lets it go on.
    pub fn pause_queue(&mut self) -> Vec<Effect> {
        self.jobs.paused = !self.jobs.paused;
        if self.jobs.paused {
            let effects = self.stop();
            // It comes back as cancelled, and says where it stands.
            self.jobs.pausing = self.jobs.running.as_ref().is_some_and(|job| !job.welcome);
            return effects;
        }
        self.advance()
    }

    /// Puts the running job back to the head of the queue, to go on from where it stands.
    pub(super) fn hold_running(&mut self, midway: Option<Arc<Midway>>) {
        let Some(mut job) = self.jobs.running.take() else { return };
        job.engine = None;
        let request = PaintRequest { resume: midway, ..(*job.request).clone() };
        job.request = Arc::new(request);
        let stands = job.request.resume.as_ref().map(|midway| midway.index);
        for entry in self.entries.iter_mut().filter(|entry| entry.job == job.number) {
            if matches!(entry.stage, Stage::Running | Stage::Waiting) {
                entry.stage = Stage::Waiting;
                entry.phase = None;
                entry.request = job.request.clone();
                if stands != Some(entry.index) {
                    entry.steps.clear();
                }
            }
        }
        self.jobs.waiting.push_front(job);
    }

    /// Puts a waiting entry's job before another one's, or last.
    pub fn move_waiting(&mut self, id: EntryId, before: Option<EntryId>) {
        let number_of = |id| self.entry(id).map(|entry: &Entry| entry.job);
        let Some(number) = number_of(id) else { return };
        let target = before.and_then(number_of);
        if target == Some(number) {
            return;
        }
        let waiting = &mut self.jobs.waiting;
        let Some(from) = waiting.iter().position(|job| job.number == number) else { return };
        let Some(job) = waiting.remove(from) else { return };
        let at = target.and_then(|target| waiting.iter().position(|job| job.number == target));
        waiting.insert(at.unwrap_or(waiting.len()), job);
        // The strip shows them in the queue's order, after what is running.
        let order: Vec<u64> = waiting.iter().map(|job| job.number).collect();
        let place = |entry: &Entry| match entry.stage {
            Stage::Waiting => order.iter().position(|job| *job == entry.job).map_or(0, |at| at + 1),
            _ => 0,
        };
        self.entries.sort_by_key(place);
    }

    /// What the end of a job brings about beyond its pictures.
    pub(super) fn job_done(&mut self, job: &Job) -> Vec<Effect> {
        if job.repeats {
            let origin = self.entries.iter().find(|entry| entry.job == job.number);
            let origin = origin.and_then(|entry| entry.origin.clone());
            // A pause's half-done picture is not where the next one begins.
            let seed = examples::random_seed();
            let request = PaintRequest { seed, resume: None, ..(*job.request).clone() };
            self.enqueue(request, origin.as_ref(), false, false);
            if let Some(next) = self.jobs.waiting.back_mut() {
                next.repeats = true;
            }
        }
        let began = self.entries.iter().filter(|entry| entry.job == job.number);
        let began = began.map(|entry| entry.began).min_by(f64::total_cmp);
        match began {
            Some(began) if self.now - began > LONG_SECS => vec![Effect::CallBack],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;
    use crate::diffusion::noise::Noise;
    use crate::diffusion::samplers::State;

    fn state_with(prompts: &[&str]) -> AppState {
        let mut state = AppState::new(Settings::default(), Lang::En);
        state.jobs.paused = true;
        for words in prompts {
            let request = PaintRequest { prompt: (*words).to_owned(), ..PaintRequest::default() };
            state.enqueue(request, None, false, false);
        }
        state
    }

    fn words(state: &AppState) -> Vec<&str> {
        state.entries.iter().map(Entry::words).collect()
    }

    #[test]
    fn the_order_changes_in_queue_and_strip_alike() {
        let mut state = state_with(&["a", "b", "c"]);
        let ids: Vec<EntryId> = state.entries.iter().map(|entry| entry.id).collect();
        state.move_waiting(ids[2], Some(ids[0]));
        assert_eq!(words(&state), ["c", "a", "b"]);
        state.move_waiting(ids[2], None);
        assert_eq!(words(&state), ["a", "b", "c"]);
        state.move_waiting(ids[1], Some(ids[1]));
        let queue: Vec<&str> =
            state.jobs.waiting.iter().map(|job| job.request.prompt.as_str()).collect();
        assert_eq!(queue, ["a", "b", "c"]);
    }

    #[test]
    fn a_paused_queue_holds_until_it_is_let_go() {
        let mut state = state_with(&["a", "b"]);
        assert!(state.advance().is_empty());
        let effects = state.pause_queue();
        assert!(matches!(effects[..], [Effect::Submit { .. }]));
        assert_eq!(state.jobs.waiting.len(), 1);
    }

    #[test]
    fn what_a_paused_job_has_painted_stays_when_the_rest_is_cancelled() {
        let mut state = state_with(&[]);
        let request = PaintRequest { count: 3, ..PaintRequest::default() };
        state.enqueue(request, None, false, false);
        state.entries[0].stage = Stage::Finished;
        let (painted, waiting) = (state.entries[0].id, state.entries[1].id);
        state.unqueue(waiting);
        assert!(state.jobs.waiting.is_empty());
        assert_eq!(state.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [painted]);
    }

    #[test]
    fn a_repeating_job_comes_again_with_another_seed() {
        let mut state = state_with(&["a"]);
        state.jobs.waiting[0].repeats = true;
        let mut job = state.jobs.waiting.pop_front().unwrap();
        // It was paused and let go on in between.
        let noise = Noise::torch(1);
        let stood = State { latent: Vec::new(), step: 1, earlier: Vec::new(), noise };
        let resume = Some(Arc::new(Midway { index: 0, state: stood }));
        job.request = Arc::new(PaintRequest { resume, ..(*job.request).clone() });
        assert!(state.job_done(&job).is_empty());
        let next = &state.jobs.waiting[0];
        assert_eq!(next.request.resume, None);
        assert!(next.repeats && next.request.seed != job.request.seed);
        assert_eq!(next.request.prompt, "a");
    }
}
