//! Models from the Hugging Face hub: a thread of the same shape as the others of [`super`].
//!
//! [`HubRequest::Look`] says what a repository holds, how large it is and under which licence;
//! [`HubRequest::Fetch`] brings it into the hub's usual cache, where Python's tools find it too. A
//! download that was paused, or whose program was killed, goes on where it stopped when it is asked
//! for again. Nothing is asked of the network before a request. It knows no window and no journal.

mod cache;
mod error;
mod fetch;
mod http;
mod offer;
pub mod token;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::cancel::CancelToken;
use cache::Place;
pub use error::HubError;
use error::Stop;
use fetch::{Fetch, Tell};
use http::Client;
pub use offer::{Offer, RemoteFile, Wanted};

/// Requests and events that may wait.
const SLOTS: usize = 64;
/// Time between two words about progress.
const BEAT: Duration = Duration::from_millis(100);
/// Room that must stay free, in bytes.
const SPARE: u64 = 64 << 20;
/// Tries of a list, at most.
const LIST_TRIES: u32 = 4;
/// Seconds over which speed is the mean of.
const PACE_SECS: f64 = 5.0;

/// Where the hub is, and where its files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// The hub's address.
    pub endpoint: String,
    /// What shows who asks.
    pub token: Option<String>,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// How long to wait for an answer, or for the next bytes.
    pub patience: Duration,
    /// The first wait between two tries.
    pub wait: Duration,
}

impl HubSettings {
    /// What the environment says, by the names that Python's tools use.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// No hub and no cache, for windows that belong to tests.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            endpoint: "http://localhost:9".to_owned(),
            cache: PathBuf::new(),
            token: None,
            ..Self::from_variables(|_| None)
        }
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        let cache_home = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let cache_home = cache_home.or_else(|| Some(home()?.join(".cache"))).unwrap_or_default();
        let hub_home = variable("HF_HOME").map(PathBuf::from);
        let hub_home = hub_home.unwrap_or_else(|| cache_home.join("huggingface"));
        let cache = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE"));
        let token_file = variable("HF_TOKEN_PATH").map(PathBuf::from);
        let stored =
            || std::fs::read_to_string(token_file.unwrap_or_else(|| hub_home.join("token")));
        let token = variable("HF_TOKEN").or_else(|| stored().ok());
        let token = token.and_then(|token| token::usable(&token));
        let endpoint = variable("HF_ENDPOINT");
        Self {
            endpoint: endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token,
            cache: cache.map_or_else(|| hub_home.join("hub"), PathBuf::from),
            patience: Duration::from_secs(20),
            wait: Duration::from_secs(1),
        }
    }
}

/// What the thread is asked to do.
#[derive(Clone, Debug)]
pub enum HubRequest {
    /// Say what there is. Answered by [`HubEvent::Offered`] or [`HubEvent::Failed`].
    Look(Wanted),
    /// Bring it. Ends with [`HubEvent::Fetched`], [`HubEvent::Paused`] or [`HubEvent::Failed`].
    Fetch(Box<Offer>),
    /// Remove what fetching it brought, unless all of it is here. Answered by
    /// [`HubEvent::Discarded`] or [`HubEvent::Failed`].
    Discard(Box<Offer>),
}

/// What the thread says.
#[derive(Clone, Debug, PartialEq)]
pub enum HubEvent {
    /// What there is.
    Offered(Box<Offer>),
    /// A download goes on. Some of these may be left out.
    Progress {
        /// The file that comes now.
        file: String,
        /// Bytes that are here, of all files.
        here: u64,
        /// Bytes of all files.
        of: u64,
        /// Bytes a second, once that is known.
        speed: Option<f64>,
    },
    /// Something failed; it is tried again.
    Waiting {
        /// Seconds until then.
        secs: f64,
    },
    /// Another program is downloading the same file; it is waited for.
    Shared,
    /// The model is here.
    Fetched {
        /// Its folder, or its file where it is only one.
        path: PathBuf,
    },
    /// What it had brought is gone.
    Discarded,
    /// The download was paused; what has arrived is kept.
    Paused,
    /// It cannot be done.
    Failed(HubError),
}

impl HubEvent {
    /// Whether a request ends with it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Progress { .. } | Self::Waiting { .. } | Self::Shared)
    }
}

/// Owns the thread. Dropping it pauses what is under way and joins.
pub struct HubWorker {
    requests: Option<Sender<(HubRequest, CancelToken)>>,
    events: Receiver<HubEvent>,
    /// The pause of the request that was submitted last.
    pause: CancelToken,
    thread: Option<JoinHandle<()>>,
}

impl HubWorker {
    /// Starts the thread. `wake` is called when there is something to drain.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(settings: HubSettings, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (requests, inbox) = bounded::<(HubRequest, CancelToken)>(SLOTS);
        let (outbox, events) = bounded(SLOTS);
        let run = move || {
            let worker = Worker { client: Client::new(&settings), settings, outbox, wake };
            for (request, pause) in inbox {
                let outcome = catch_unwind(AssertUnwindSafe(|| worker.serve(request, &pause)));
                let last = match outcome {
                    Ok(Ok(event)) => event,
                    Ok(Err(Stop::Paused)) => HubEvent::Paused,
                    Ok(Err(Stop::Failed(error))) => HubEvent::Failed(error),
                    Err(_panic) => HubEvent::Failed(HubError::Fault),
                };
                // Nobody listens any more.
                if worker.outbox.send(last).is_err() {
                    return;
                }
                (worker.wake)();
            }
        };
        let thread = std::thread::Builder::new().name("downloads".to_owned()).spawn(run)?;
        let pause = CancelToken::default();
        Ok(Self { requests: Some(requests), events, pause, thread: Some(thread) })
    }

    /// Asks for something; requests are served one after another. Whether it was taken.
    pub fn submit(&mut self, request: HubRequest) -> bool {
        let pause = CancelToken::default();
        let Some(requests) = &self.requests else { return false };
        let taken = requests.try_send((request, pause.clone())).is_ok();
        if taken {
            self.pause = pause;
        }
        taken
    }

    /// Pauses the newest request. It takes effect when the next bytes come, or none do.
    pub fn pause(&self) {
        self.pause.cancel();
    }

    /// Pauses what is under way and lets the thread end by itself: for a window that closes while a
    /// network does not answer. What has arrived is kept.
    pub fn let_go(mut self) {
        drop(self.thread.take());
    }

    /// What was said since the last call.
    pub fn drain(&self) -> impl Iterator<Item = HubEvent> + '_ {
        self.events.try_iter()
    }

    /// Waits for the next event; `None` when the thread is gone.
    #[must_use]
    pub fn wait(&self) -> Option<HubEvent> {
        self.events.recv().ok()
    }
}

impl Drop for HubWorker {
    fn drop(&mut self) {
        self.pause.cancel();
        drop(self.requests.take());
        // Without a listener the thread's last word does not wait for room.
        self.events = crossbeam_channel::never();
        if let Some(thread) = self.thread.take() {
            // A panic was caught and told inside.
            drop(thread.join());
        }
    }
}

struct Worker<W> {
    client: Client,
    settings: HubSettings,
    outbox: Sender<HubEvent>,
    wake: W,
}

impl<W: Fn()> Worker<W> {
    fn serve(&self, request: HubRequest, pause: &CancelToken) -> Result<HubEvent, Stop> {
        match request {
            HubRequest::Look(wanted) => self.look(&wanted, pause),
            HubRequest::Fetch(offer) => self.fetch(&offer, pause),
            HubRequest::Discard(offer) => {
                Place::of(&self.settings.cache, &offer.repo).discard(&offer)?;
                Ok(HubEvent::Discarded)
            }
        }
    }

    /// Says something that may be left out.
    fn say(&self, event: HubEvent) {
        if self.outbox.try_send(event).is_ok() {
            (self.wake)();
        }
    }

    fn look(&self, wanted: &Wanted, pause: &CancelToken) -> Result<HubEvent, Stop> {
        wanted.check()?;
        let url = self.client.list_url(&wanted.repo, &wanted.revision);
        let mut tries = 1;
        let answer = loop {
            let trouble = match self.client.text(&url) {
                Ok(answer) => break answer,
                Err(trouble) => trouble,
            };
            if !trouble.passing || tries == LIST_TRIES {
                return Err(trouble.error.into());
            }
            let wait = trouble.wait.unwrap_or(self.settings.wait * 2u32.pow(tries - 1));
            self.say(HubEvent::Waiting { secs: wait.as_secs_f64() });
            fetch::rest(wait, pause)?;
            tries += 1;
        };
        let mut offer = offer::read(wanted, &answer, &url)?;
        let place = Place::of(&self.settings.cache, &offer.repo);
        offer.present = offer.files.iter().map(|file| place.present(file)).sum();
        Ok(HubEvent::Offered(Box::new(offer)))
    }

    fn fetch(&self, offer: &Offer, pause: &CancelToken) -> Result<HubEvent, Stop> {
        let place = Place::of(&self.settings.cache, &offer.repo);
        place.prepare()?;
        self.check_room(offer, &place)?;
        let mut pace = Pace::new(offer.files.iter().map(|file| place.present(file)).sum());
        let mut before = 0;
        for file in &offer.files {
            let mut tell = |tell| match tell {
                Tell::Here(bytes) => {
                    let rest = offer.files.iter().skip_while(|other| *other != file).skip(1);
                    let rest: u64 = rest.map(|file| place.present(file)).sum();
                    if let Some((here, speed)) = pace.beat(before + bytes + rest) {
                        let (file, of) = (file.path.clone(), offer.size());
                        self.say(HubEvent::Progress { file, here, of, speed });
                    }
                }
                Tell::Wait(wait) => self.say(HubEvent::Waiting { secs: wait.as_secs_f64() }),
                Tell::Shared => self.say(HubEvent::Shared),
            };
            let wait = self.settings.wait;
            let client = &self.client;
            let tell = &mut tell;
            Fetch { client, place: &place, offer, file, pause, wait, tell }.run()?;
            before += file.size;
        }
        place.remember(offer)?;
        place.settle(offer)?;
        let snapshot = place.snapshot(&offer.commit);
        let path = match offer.files.as_slice() {
            [only] => snapshot.join(&only.path),
            _ => snapshot,
        };
        Ok(HubEvent::Fetched { path })
    }

    fn check_room(&self, offer: &Offer, place: &Place) -> Result<(), HubError> {
        let present: u64 = offer.files.iter().map(|file| place.present(file)).sum();
        let missing = offer.size() - present;
        let path = self.settings.cache.clone();
        // A system that does not say does not forbid.
        let Ok(free) = fs4::available_space(&path) else { return Ok(()) };
        if missing > 0 && missing.saturating_add(SPARE) > free {
            let [needed, free] = [missing + SPARE, free].map(|bytes| bytes.div_ceil(1 << 20));
            return Err(HubError::NoRoom { needed, free, path });
        }
        Ok(())
    }
}

/// How fast it goes, and when that is to be said.
struct Pace {
    told: Option<Instant>,
    since: (Instant, u64),
}

impl Pace {
    fn new(here: u64) -> Self {
        Self { told: None, since: (Instant::now(), here) }
    }

    /// Bytes that are here and bytes a second, if it is time for a word.
    fn beat(&mut self, here: u64) -> Option<(u64, Option<f64>)> {
        let now = Instant::now();
        if self.told.is_some_and(|told| now - told < BEAT) {
            return None;
        }
        self.told = Some(now);
        let (began, had) = self.since;
        let secs = (now - began).as_secs_f64();
        let speed = here.saturating_sub(had) as f64 / secs.max(1e-9);
        if secs > PACE_SECS {
            // Half of the window stays, so that the figure does not jump.
            let half = here.saturating_sub(had) / 2;
            self.since = (began + Duration::from_secs_f64(secs / 2.0), had + half);
        }
        Some((here, (secs > 0.5).then_some(speed)))
    }
}

#[cfg(test)]
mod tests;
