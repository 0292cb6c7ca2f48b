//! The queue on the strip: its order, its pause, the job that repeats until it is stopped.
//!
//! Called by [`super::update`] and [`super::events`]. The engine knows only the running job.

use std::sync::Arc;

use super::examples;
use super::jobs::{Entry, EntryId, Job, Stage};
use super::state::{AppState, Effect};
use crate::engine::protocol::{Midway, PaintRequest};

/// Seconds from which on the end of a job is worth calling for somebody who is elsewhere.
pub(super) const LONG_SECS: f64 = 10.0;

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

    /// Pictures that are painted before a new one would be.
    #[must_use]
    pub fn ahead(&self) -> usize {
        let welcome = self.jobs.running.as_ref().filter(|job| job.welcome).map(|job| job.number);
        let owed = self.entries.iter().filter(|entry| {
            matches!(entry.stage, Stage::Waiting | Stage::Running) && welcome != Some(entry.job)
        });
        owed.count()
    }

    /// Puts the running job back to the head of the queue, to go on from where it stands.
    pub(super) fn hold_running(&mut self, midway: Option<Arc<Midway>>) {
        let Some(mut job) = self.jobs.running.take() else { return };
        job.engine = None;
        // Stopped before its first step, what it began from still stands, unless that is painted by now.
        let number = job.number;
        let owed = |midway: &Arc<Midway>| {
            let of = |entry: &&Entry| entry.job == number && entry.index == midway.index;
            self.entries.iter().find(of).is_some_and(|entry| entry.stage != Stage::Finished)
        };
        let resume = midway.or_else(|| job.request.resume.clone().filter(owed));
        job.request = Arc::new(PaintRequest { resume, ..(*job.request).clone() });
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

    /// When the first picture of a job was begun.
    pub(super) fn began(&self, job: u64) -> Option<f64> {
        let began = self.entries.iter().filter(|entry| entry.job == job);
        began.map(|entry| entry.began).min_by(f64::total_cmp)
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
        match self.began(job.number) {
            Some(began) if self.now - began > LONG_SECS => vec![Effect::CallBack],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
