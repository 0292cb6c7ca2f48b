//! The caller's end of the worker: submit, cancel, drain. Only [`Engine::wait`] blocks.

use std::collections::HashMap;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::painter::{Painter, Priority};
use super::protocol::{Event, JobId, Request};
use super::worker::{self, Generator, Task};
use crate::cancel::CancelToken;

/// Jobs that may wait inside the engine. The window keeps its own queue and submits one or two.
const REQUEST_SLOTS: usize = 32;
/// Events that may wait to be drained; previews are dropped when it is half full.
pub(super) const EVENT_SLOTS: usize = 256;

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too many jobs wait already.
    #[error("Too many pictures are waiting; let one finish first")]
    Full,
    /// The worker is gone.
    #[error("Painting has stopped; save your work and start the program again")]
    Gone,
}

/// Owns the worker thread. Dropping it stops the running job and joins the thread.
pub struct Engine {
    requests: Option<Sender<Task>>,
    events: Receiver<Event>,
    tokens: HashMap<JobId, CancelToken>,
    thread: Option<JoinHandle<()>>,
    next: u64,
}

impl Engine {
    /// Starts the worker that paints. `wake` is called from its thread after each event.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn spawn(
        options: super::painter::Options,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let pool = pool(options.threads, options.priority)?;
        Self::spawn_in(pool, move || Painter::new(options), wake)
    }

    /// Starts a worker over any generator, which is made on the worker's own thread and computes
    /// with that many threads (`None`: one for each processor).
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn spawn_with<G: Generator>(
        threads: Option<usize>,
        make: impl FnOnce() -> G + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::spawn_in(pool(threads, Priority::Usual)?, make, wake)
    }

    fn spawn_in<G: Generator>(
        pool: rayon::ThreadPool,
        make: impl FnOnce() -> G + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = bounded(REQUEST_SLOTS);
        let (outbox, events) = bounded(EVENT_SLOTS);
        // The worker lives inside the pool, so that everything it calls computes there.
        let thread = std::thread::Builder::new().name("infer".to_owned()).spawn(move || {
            pool.install(move || worker::run(make(), &inbox, &outbox, &wake));
        })?;
        Ok(Self {
            requests: Some(requests),
            events,
            tokens: HashMap::new(),
            thread: Some(thread),
            next: 0,
        })
    }

    /// A job id that was not used before in this engine.
    pub fn next_job(&mut self) -> JobId {
        self.next += 1;
        JobId(self.next)
    }

    /// Hands a request to the worker under `job`. Jobs run in the order they are submitted.
    ///
    /// # Errors
    /// [`SubmitError::Full`] or [`SubmitError::Gone`]; the request is then not done.
    pub fn submit(&mut self, job: JobId, request: Request) -> Result<(), SubmitError> {
        let cancel = CancelToken::default();
        let task = Task { job, request, cancel: cancel.clone() };
        let requests = self.requests.as_ref().ok_or(SubmitError::Gone)?;
        requests.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => SubmitError::Full,
            TrySendError::Disconnected(_) => SubmitError::Gone,
        })?;
        self.tokens.insert(job, cancel);
        Ok(())
    }

    /// Stops a job, running or waiting. It still ends with its own terminal event.
    pub fn cancel(&self, job: JobId) {
        if let Some(token) = self.tokens.get(&job) {
            token.cancel();
        }
    }

    /// All events that are there now, in order. Never waits.
    pub fn drain(&mut self) -> Vec<Event> {
        let events: Vec<Event> = self.events.try_iter().collect();
        for event in events.iter().filter(|event| event.is_terminal()) {
            self.tokens.remove(&event.job());
        }
        events
    }

    /// The next event; waits for it. `None` when the worker is gone. For the command line.
    pub fn wait(&mut self) -> Option<Event> {
        let event = self.events.recv().ok()?;
        if event.is_terminal() {
            self.tokens.remove(&event.job());
        }
        Some(event)
    }
}

fn pool(threads: Option<usize>, priority: Priority) -> std::io::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .thread_name(|index| format!("infer-{index}"))
        .start_handler(move |_index| {
            if priority == Priority::BelowWindow {
                step_back();
            }
        })
        .build()
        .map_err(std::io::Error::other)
}

/// Lets other threads go before this one.
fn step_back() {
    /// Of -20 to 19: about a tenth of the weight of a thread at 0. Less would starve the painting
    /// whenever anything else runs on the machine.
    #[cfg(target_os = "linux")]
    const NICENESS: i32 = 10;
    // Linux takes a thread's id here. Where it is refused, painting only competes harder.
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS).ok();
}

impl Drop for Engine {
    fn drop(&mut self) {
        for token in self.tokens.values() {
            token.cancel();
        }
        self.requests = None;
        // The worker may be waiting for room to say its last words.
        while self.events.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported as a failed job.
            drop(thread.join());
        }
    }
}
