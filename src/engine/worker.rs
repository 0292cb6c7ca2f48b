//! The worker's loop: one request at a time, exactly one terminal event each.
//!
//! It is generic over [`Generator`], so that tests drive it without a model. A panic inside a
//! request becomes a [`Event::Failed`], and the next request runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::handle::EVENT_SLOTS;
use super::protocol::{Event, FailureKind, JobError, JobId, Midway, PaintRequest, Request, Timing};
use crate::cancel::CancelToken;

/// One request with its id and its stop flag.
pub struct Task {
    /// Pairs the answers.
    pub job: JobId,
    /// What to do.
    pub request: Request,
    /// Looked at between blocks.
    pub cancel: CancelToken,
}

/// How a job ended well.
pub struct Done {
    /// The request with every default filled in.
    pub request: Option<Box<PaintRequest>>,
    /// Where the time went.
    pub timing: Timing,
}

/// How a job ended otherwise.
#[derive(Debug)]
pub enum Stop {
    /// It was asked to; where it stands, if it had begun to step.
    Cancelled(Option<Arc<Midway>>),
    /// It could not go on.
    Failed(JobError),
}

/// What does the work. The real one is [`super::painter::Painter`].
pub trait Generator: 'static {
    /// Does one request, telling `reporter` about it on the way.
    ///
    /// # Errors
    /// [`Stop`] when the job was cancelled or failed.
    fn run(&mut self, request: &Request, reporter: &Reporter<'_>) -> Result<Done, Stop>;

    /// Called after a panic: forget whatever may be half done.
    fn reset(&mut self);
}

/// Sends a job's events and carries its stop flag.
pub struct Reporter<'a> {
    /// The job.
    pub job: JobId,
    /// Its stop flag.
    pub cancel: &'a CancelToken,
    outbox: &'a Sender<Event>,
    wake: &'a dyn Fn(),
}

impl Reporter<'_> {
    /// Says something. A step whose reader is far behind loses its preview; nothing else is lost.
    pub fn say(&self, mut event: Event) {
        if let Event::Step { preview, .. } = &mut event
            && self.outbox.len() > EVENT_SLOTS / 2
        {
            *preview = None;
        }
        // The reader is gone only while the program ends.
        drop(self.outbox.send(event));
        (self.wake)();
    }
}

/// Runs until every sender of `inbox` is gone.
pub(super) fn run<G: Generator>(
    mut generator: G,
    inbox: &Receiver<Task>,
    outbox: &Sender<Event>,
    wake: &dyn Fn(),
) {
    for Task { job, request, cancel } in inbox {
        let reporter = Reporter { job, cancel: &cancel, outbox, wake };
        let outcome = if cancel.is_cancelled() {
            Err(Stop::Cancelled(None))
        } else {
            reporter.say(Event::Started { job });
            // What a panic leaves half done is thrown away by `reset`.
            catch_unwind(AssertUnwindSafe(|| generator.run(&request, &reporter))).unwrap_or_else(
                |_panic| {
                    generator.reset();
                    Err(Stop::Failed(JobError {
                        message: "Painting stopped because of a fault in the program. \
                                  Your work is safe"
                            .to_owned(),
                        kind: FailureKind::Fault,
                    }))
                },
            )
        };
        reporter.say(match outcome {
            Ok(Done { request, timing }) => Event::Finished { job, request, timing },
            Err(Stop::Cancelled(midway)) => Event::Cancelled { job, midway },
            Err(Stop::Failed(error)) => Event::Failed { job, error },
        });
    }
}
