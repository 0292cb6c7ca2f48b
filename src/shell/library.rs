//! The window's end of the threads that have to do with models: the scan of watched folders, and the
//! hub. Each is started when it is first needed.

use std::path::PathBuf;
use std::time::Duration;

use egui::Context;

use crate::app::hub::Hub;
use crate::app::settings::Settings;
use crate::app::state::{AppState, Effect, Secret};
use crate::files::hub::{HubRequest, HubSettings, HubWorker, Wanted, token};
use crate::files::scan::ScanWorker;

/// How long the hub's news are gathered before a frame shows them.
const NEWS: Duration = Duration::from_millis(200);

/// The threads, as far as they run.
pub(super) struct Library {
    /// What the environment says.
    environment: HubSettings,
    /// Where the window's own token is kept.
    token_file: Option<PathBuf>,
    token: Option<String>,
    scan: Option<ScanWorker>,
    /// Answers what a repository holds, also while a download is under way.
    look: Remote,
    fetch: Remote,
    /// Removes what has arrived of cancelled downloads, likewise.
    remove: Remote,
}

/// A thread of the hub, with what it was started for.
#[derive(Default)]
struct Remote(Option<(HubSettings, HubWorker)>);

impl Remote {
    /// The thread for these settings.
    fn worker(&mut self, ctx: &Context, settings: HubSettings) -> Option<&mut HubWorker> {
        if self.0.as_ref().is_none_or(|(other, _)| *other != settings) {
            self.let_go();
            let wake = ctx.clone();
            let wake = move || wake.request_repaint_after(NEWS);
            let worker = HubWorker::spawn(settings.clone(), wake).ok()?;
            self.0 = Some((settings, worker));
        }
        self.0.as_mut().map(|(_, worker)| worker)
    }

    fn drain(&self) -> Vec<crate::files::hub::HubEvent> {
        self.0.as_ref().map_or_else(Vec::new, |(_, worker)| worker.drain().collect())
    }

    fn let_go(&mut self) {
        if let Some((_, worker)) = self.0.take() {
            worker.let_go();
        }
    }
}

impl Library {
    pub(super) fn new(environment: HubSettings, token_file: Option<PathBuf>) -> Self {
        let token = token_file.as_deref().and_then(token::stored);
        let [look, fetch, remove] = <[Remote; 3]>::default();
        Self { environment, token_file, token, scan: None, look, fetch, remove }
    }

    /// Says what the state is to know from the beginning.
    pub(super) fn begin(&self, state: &mut AppState) {
        state.hub.usual_endpoint.clone_from(&self.environment.endpoint);
        let token = self.token.as_ref().or(self.environment.token.as_ref());
        state.hub.token = token.map(|token| Hub::masked(token));
    }

    /// The environment with what the user sets.
    fn settings(&self, settings: &Settings) -> HubSettings {
        let environment = self.environment.clone();
        HubSettings {
            endpoint: settings.hub.endpoint.clone().unwrap_or(environment.endpoint),
            token: self.token.clone().or(environment.token),
            ..environment
        }
    }

    /// Looks through the watched folders and the hub's cache.
    pub(super) fn scan(&mut self, ctx: &Context, mut roots: Vec<PathBuf>) {
        let cache = self.environment.cache.clone();
        if !cache.as_os_str().is_empty() {
            roots.push(cache);
        }
        if self.scan.is_none() {
            let wake = ctx.clone();
            self.scan = ScanWorker::spawn(move || wake.request_repaint()).ok();
        }
        if let Some(scan) = &mut self.scan {
            scan.submit(roots);
        }
    }

    pub(super) fn look(&mut self, ctx: &Context, settings: &Settings, wanted: Wanted) {
        let settings = self.settings(settings);
        if let Some(worker) = self.look.worker(ctx, settings) {
            // The answer to what was asked before is of no use any more.
            worker.pause();
            worker.submit(HubRequest::Look(wanted));
        }
    }

    pub(super) fn ask(&mut self, ctx: &Context, settings: &Settings, request: HubRequest) {
        let settings = self.settings(settings);
        if let Some(worker) = self.fetch.worker(ctx, settings) {
            worker.submit(request);
        }
    }

    pub(super) fn remove(&mut self, ctx: &Context, settings: &Settings, request: HubRequest) {
        let settings = self.settings(settings);
        if let Some(worker) = self.remove.worker(ctx, settings) {
            worker.submit(request);
        }
    }

    pub(super) fn pause(&self) {
        if let Some((_, worker)) = &self.fetch.0 {
            worker.pause();
        }
    }

    /// Keeps another token; why not, if so.
    pub(super) fn keep_token(&mut self, secret: Option<Secret>) -> std::io::Result<()> {
        self.token = secret.and_then(|Secret(token)| token::usable(&token));
        match &self.token_file {
            Some(path) => token::store(path, self.token.as_deref()),
            None => Ok(()),
        }
    }

    /// Brings in what the threads said.
    pub(super) fn drain(&self, state: &mut AppState) -> Vec<Effect> {
        for scanned in self.scan.iter().flat_map(ScanWorker::drain) {
            state.scanned(scanned);
        }
        for event in self.look.drain() {
            state.hub_looked(event);
        }
        let mut effects = Vec::new();
        for event in self.fetch.drain() {
            effects.extend(state.hub_event(event));
        }
        for event in self.remove.drain() {
            effects.extend(state.hub_removed(event));
        }
        effects
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // A network that does not answer must not hold the window; what has arrived is safe.
        self.look.let_go();
        self.fetch.let_go();
        self.remove.let_go();
    }
}
