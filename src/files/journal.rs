//! The thread `journal`: writes batches in order, says when they are written and when synced.
//!
//! The shell submits batches and drains events. An action of the user counts as done with its
//! [`JournalEvent::Written`]. What the disk refuses stays in memory, in order, and is tried again
//! every second. Does nothing else, so that no download or large decode delays an acknowledgement;
//! knows nothing of what the batches hold.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::document::journal::{Batch, EncodedBatch, Journal, Reader, Trouble};

/// Batches and events that may wait in a channel; more wait in lists on either side.
const SLOTS: usize = 256;
/// From the first unsynced batch to the sync; with the sync itself it is to stay within a second.
const SYNC_AFTER: Duration = Duration::from_millis(500);
/// Between two tries of what the disk refused.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Without work for so long, the index and compaction have their turn.
const IDLE_AFTER: Duration = Duration::from_millis(200);
/// Between two tries to hand over events that found no room.
const TELL_AFTER: Duration = Duration::from_millis(10);
/// Waiting for nothing in particular.
const FOREVER: Duration = Duration::from_hours(1);

/// What the thread says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEvent {
    /// This batch and all before it are written: they outlive the program.
    Written {
        /// The batch's number.
        seq: u64,
    },
    /// This batch and all before it are on the disk: they outlive a power cut.
    Synced {
        /// The batch's number.
        seq: u64,
    },
    /// This batch can never be written; the ones after it go on.
    Refused {
        /// The batch's number.
        seq: u64,
        /// Why; for people.
        message: String,
    },
    /// The disk refuses. Nothing is lost while the program runs; said again when the numbers change.
    Failed {
        /// The kind of trouble.
        trouble: Trouble,
        /// What the system says.
        message: String,
        /// Batches that are only in memory.
        unwritten: usize,
        /// Bytes that the first of them needs.
        bytes: u64,
    },
    /// The disk takes writes again, and nothing is only in memory any more.
    Recovered,
}

type Numbered = (u64, Batch);

/// Owns the thread. Dropping it writes and syncs everything, writes the index and unlocks.
pub struct JournalWriter {
    requests: Option<Sender<Numbered>>,
    /// Batches that found no room in the channel.
    waiting: VecDeque<Numbered>,
    events: Receiver<JournalEvent>,
    unwritten: Arc<AtomicUsize>,
    reader: Reader,
    thread: Option<JoinHandle<()>>,
}

impl JournalWriter {
    /// Starts the thread. `wake` is called from it after each event.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn spawn(journal: Journal, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (requests, inbox) = bounded::<Numbered>(SLOTS);
        let (outbox, events) = bounded(SLOTS);
        let unwritten = Arc::new(AtomicUsize::new(0));
        let reader = journal.reader();
        let mut work = Work {
            journal,
            inbox,
            backlog: VecDeque::new(),
            held: None,
            told: None,
            retry_at: None,
            sync_at: None,
            written: None,
            unwritten: Arc::clone(&unwritten),
            unsaid: VecDeque::new(),
            outbox,
            wake: Box::new(wake),
        };
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            while work.turn() {}
            work.finish();
        })?;
        Ok(Self {
            requests: Some(requests),
            waiting: VecDeque::new(),
            events,
            unwritten,
            reader,
            thread: Some(thread),
        })
    }

    /// Hands over a batch. Numbers grow from batch to batch. Never waits.
    pub fn submit(&mut self, seq: u64, batch: Batch) {
        self.unwritten.fetch_add(1, Ordering::AcqRel);
        self.waiting.push_back((seq, batch));
        self.hand_over();
    }

    /// All events that are there now, in order. Never waits.
    pub fn drain(&mut self) -> Vec<JournalEvent> {
        self.hand_over();
        self.events.try_iter().collect()
    }

    /// Batches that are not written yet.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.unwritten.load(Ordering::Acquire)
    }

    /// Reads what is written.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Writes and syncs everything and ends the thread. The number of batches that the disk refuses
    /// to take, which are lost with this call: ask [`JournalWriter::unwritten`] before.
    #[must_use = "batches that were not written are lost"]
    pub fn close(mut self) -> usize {
        self.end();
        self.unwritten()
    }

    /// Moves waiting batches on while there is room.
    fn hand_over(&mut self) {
        let Some(requests) = &self.requests else { return };
        while let Some(next) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(next) | TrySendError::Disconnected(next)) =
                requests.try_send(next)
            {
                self.waiting.push_front(next);
                return;
            }
        }
    }

    fn end(&mut self) {
        if let Some(requests) = self.requests.take() {
            for batch in self.waiting.drain(..) {
                if requests.send(batch).is_err() {
                    break;
                }
            }
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread's own things.
struct Work {
    journal: Journal,
    inbox: Receiver<Numbered>,
    /// Batches that wait while the disk refuses.
    backlog: VecDeque<Numbered>,
    /// The batch that the disk refused, ready to be written.
    held: Option<(u64, EncodedBatch)>,
    /// The last trouble that was told, until it is over.
    told: Option<JournalEvent>,
    retry_at: Option<Instant>,
    sync_at: Option<Instant>,
    /// The last batch written.
    written: Option<u64>,
    unwritten: Arc<AtomicUsize>,
    /// Events that found no room.
    unsaid: VecDeque<JournalEvent>,
    outbox: Sender<JournalEvent>,
    wake: Box<dyn Fn() + Send>,
}

impl Work {
    /// Waits for the next thing to do and does it. Whether there may be more.
    fn turn(&mut self) -> bool {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry();
        }
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync();
        }
        self.tell();
        match self.inbox.recv_timeout(self.patience()) {
            Ok(next) => {
                self.backlog.push_back(next);
                self.work_off();
                true
            }
            Err(RecvTimeoutError::Timeout) => {
                self.idle();
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// How long to wait for a batch before something else is due.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let due = [self.retry_at, self.sync_at].into_iter().flatten().min();
        let mut wait = due.map_or(FOREVER, |at| at.saturating_duration_since(now));
        if !self.unsaid.is_empty() {
            wait = wait.min(TELL_AFTER);
        }
        if self.has_idle_work() {
            wait = wait.min(IDLE_AFTER);
        }
        wait
    }

    fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    fn has_idle_work(&self) -> bool {
        !self.is_failing() && (self.journal.needs_compaction() || self.journal.needs_index())
    }

    /// Nobody wants anything: a part of what makes the next opening quick.
    fn idle(&mut self) {
        while self.has_idle_work() && self.inbox.is_empty() {
            let before_sync = self.sync_at.is_some_and(|at| at <= Instant::now());
            if before_sync {
                return;
            }
            // Either is only a matter of room and speed: the journal is whole without it, and what
            // really ails the disk shows with the next batch.
            let done = catch_unwind(AssertUnwindSafe(|| {
                if self.journal.needs_compaction() {
                    self.journal.compact_step()
                } else {
                    self.journal.write_index()
                }
            }));
            if !matches!(done, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Writes what waits, until the disk refuses.
    fn work_off(&mut self) {
        while !self.is_failing() {
            if self.held.is_none() {
                let Some((seq, batch)) = self.backlog.pop_front() else { return };
                match catch_unwind(AssertUnwindSafe(|| batch.encode())) {
                    Ok(Ok(encoded)) => self.held = Some((seq, encoded)),
                    Ok(Err(error)) => self.refuse(seq, error.to_string()),
                    Err(_) => self.refuse(
                        seq,
                        "A part of your work could not be put into bytes \
                         because of a fault in the program"
                            .to_owned(),
                    ),
                }
            }
            let Some((seq, encoded)) = &self.held else { continue };
            let seq = *seq;
            let done = catch_unwind(AssertUnwindSafe(|| self.journal.append(encoded)))
                .unwrap_or_else(|_| Err(io::Error::other("a fault in the program")));
            match done {
                Ok(()) => {
                    self.held = None;
                    self.unwritten.fetch_sub(1, Ordering::AcqRel);
                    self.written = Some(seq);
                    self.sync_at.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
                    self.say(JournalEvent::Written { seq });
                    self.tell();
                    // In a long row of batches the disk has its turn, too.
                    if self.sync_at.is_some_and(|at| at <= Instant::now()) {
                        self.sync();
                    }
                }
                Err(error) => self.fail(&error),
            }
        }
    }

    fn refuse(&mut self, seq: u64, message: String) {
        self.unwritten.fetch_sub(1, Ordering::AcqRel);
        self.say(JournalEvent::Refused { seq, message });
    }

    fn sync(&mut self) {
        let done = catch_unwind(AssertUnwindSafe(|| self.journal.sync()))
            .unwrap_or_else(|_| Err(io::Error::other("a fault in the program")));
        match done {
            Ok(()) => {
                self.sync_at = None;
                if let Some(seq) = self.written {
                    self.say(JournalEvent::Synced { seq });
                }
            }
            Err(error) => {
                self.sync_at = Some(Instant::now() + RETRY_AFTER);
                self.fail(&error);
            }
        }
    }

    /// The disk refused: says so, and when to try again.
    fn fail(&mut self, error: &io::Error) {
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
        let event = JournalEvent::Failed {
            trouble: Trouble::of(error),
            message: error.to_string(),
            unwritten: self.unwritten.load(Ordering::Acquire),
            bytes: self.held.as_ref().map_or(0, |(_, encoded)| encoded.bytes()),
        };
        if self.told.as_ref() != Some(&event) {
            self.told = Some(event.clone());
            self.say(event);
        }
    }

    fn retry(&mut self) {
        self.retry_at = None;
        self.work_off();
        if !self.is_failing() && self.journal.needs_sync() {
            self.sync();
        }
        if !self.is_failing() && self.told.take().is_some() {
            self.say(JournalEvent::Recovered);
        }
    }

    /// The end: everything is written, or tried for the last time.
    fn finish(&mut self) {
        self.retry();
        if self.journal.needs_compaction() {
            // What is half done is done again next time.
        } else if let Err(error) = self.journal.write_index() {
            self.fail(&error);
        }
        self.tell();
    }

    /// Puts an event into the row; of the same kind in succession the last says all.
    fn say(&mut self, event: JournalEvent) {
        use JournalEvent as Event;
        if let (Some(Event::Written { seq: last }), Event::Written { seq })
        | (Some(Event::Synced { seq: last }), Event::Synced { seq }) =
            (self.unsaid.back_mut(), &event)
        {
            *last = *seq;
            return;
        }
        self.unsaid.push_back(event);
    }

    /// Hands events over while there is room.
    fn tell(&mut self) {
        let mut told = false;
        while let Some(event) = self.unsaid.pop_front() {
            match self.outbox.try_send(event) {
                Ok(()) => told = true,
                Err(TrySendError::Full(event)) => {
                    self.unsaid.push_front(event);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
        if told {
            (self.wake)();
        }
    }
}
