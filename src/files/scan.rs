//! The thread that looks for models in folders, of the same shape as the others of [`super`].
//!
//! A new request ends the one before. What is found is told while the search goes on, and once more
//! when it is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::cancel::CancelToken;
use crate::models::find::{Known, Outcome, Search};

/// Requests and events that may wait.
const SLOTS: usize = 8;
/// Time between two words about a search.
const BEAT: Duration = Duration::from_millis(300);

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// So far.
    pub outcome: Outcome,
    /// Whether that is all.
    pub done: bool,
}

/// Owns the thread. Dropping it ends the search and joins.
pub struct ScanWorker {
    requests: Option<Sender<(Vec<PathBuf>, CancelToken)>>,
    events: Receiver<Scanned>,
    current: CancelToken,
    thread: Option<JoinHandle<()>>,
}

impl ScanWorker {
    /// Starts the thread. `wake` is called when there is something to drain.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (requests, inbox) = bounded::<(Vec<PathBuf>, CancelToken)>(SLOTS);
        let (outbox, events) = bounded(SLOTS);
        let run = move || {
            let mut known = Known::new();
            for (roots, cancel) in inbox {
                if cancel.is_cancelled() {
                    continue;
                }
                let outcome = search(&roots, &cancel, &mut known, &mut |outcome| {
                    let partly = Scanned { outcome: outcome.clone(), done: false };
                    if outbox.try_send(partly).is_ok() {
                        wake();
                    }
                });
                let told =
                    cancel.is_cancelled() || outbox.send(Scanned { outcome, done: true }).is_ok();
                if !told {
                    return;
                }
                wake();
            }
        };
        let thread = std::thread::Builder::new().name("scan".to_owned()).spawn(run)?;
        let current = CancelToken::default();
        Ok(Self { requests: Some(requests), events, current, thread: Some(thread) })
    }

    /// Looks through these folders. Whether the request was taken.
    pub fn submit(&mut self, roots: Vec<PathBuf>) -> bool {
        let cancel = CancelToken::default();
        let sent = |to: &Sender<_>| to.try_send((roots, cancel.clone())).is_ok();
        let taken = self.requests.as_ref().is_some_and(sent);
        if taken {
            std::mem::replace(&mut self.current, cancel).cancel();
        }
        taken
    }

    /// What was said since the last call.
    pub fn drain(&self) -> impl Iterator<Item = Scanned> + '_ {
        self.events.try_iter()
    }
}

impl Drop for ScanWorker {
    fn drop(&mut self) {
        self.current.cancel();
        drop(self.requests.take());
        // Without a listener the thread's last word does not wait for room.
        self.events = crossbeam_channel::never();
        // A file system that does not answer must not hold the program: its thread ends with the
        // process.
        if let Some(thread) = self.thread.take().filter(JoinHandle::is_finished) {
            drop(thread.join());
        }
    }
}

/// A fault in one folder's reading leaves the others.
fn search(
    roots: &[PathBuf],
    cancel: &CancelToken,
    known: &mut Known,
    say: &mut dyn FnMut(&Outcome),
) -> Outcome {
    let mut whole = Outcome::default();
    let mut last = Instant::now();
    for root in roots {
        let found = catch_unwind(AssertUnwindSafe(|| {
            let mut tell = |part: &Outcome| {
                if last.elapsed() >= BEAT {
                    last = Instant::now();
                    say(&joined(&whole, part));
                }
            };
            let mut search = Search::new(cancel, known, &mut tell);
            search.look(root);
            search.done()
        }));
        if let Ok(part) = found {
            whole = joined(&whole, &part);
        }
    }
    whole
}

/// Both; what lies in one folder that is watched twice is there once.
fn joined(whole: &Outcome, part: &Outcome) -> Outcome {
    let mut whole = whole.clone();
    let new = part.found.iter().filter(|found| whole.found.iter().all(|a| a.path != found.path));
    let new: Vec<_> = new.cloned().collect();
    whole.found.extend(new);
    whole.left_out += part.left_out;
    whole.unreadable.extend(part.unreadable.iter().cloned());
    whole.depth = whole.depth.or_else(|| part.depth.clone());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(worker: &ScanWorker) -> Outcome {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if let Some(scanned) = worker.drain().find(|scanned| scanned.done) {
                return scanned.outcome;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("no end came");
    }

    #[test]
    fn the_last_request_is_answered() {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut worker = ScanWorker::spawn(|| ()).unwrap();
        assert!(worker.submit(vec![fixtures.join("families")]));
        // Watched twice, found once.
        assert!(worker.submit(vec![fixtures.join("single"), fixtures.join("single")]));
        let mut outcome = last(&worker);
        while outcome.found.iter().any(|found| found.path.starts_with(fixtures.join("families"))) {
            outcome = last(&worker);
        }
        let names: Vec<&str> = outcome.found.iter().map(|found| found.name.as_str()).collect();
        assert!(names.contains(&"sd1") && names.contains(&"sd2"), "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "sd1").count(), 1);
    }
}
