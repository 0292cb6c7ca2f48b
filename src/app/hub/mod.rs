//! Getting models from the Hugging Face hub: what is looked at, what is downloaded, what was
//! accepted. Nothing is asked of the network before the user asks for it.
//!
//! Changed by [`super::update`] and the shell; drawn by `ui::hub_page`. The network's side is
//! [`crate::files::hub`].

pub mod known;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::notices::{Kind, Offer as WayOut};
use super::settings::Settings;
use super::state::{AppState, Effect, Over, Secret};
use super::trouble;
use super::words::Text;
use crate::engine::protocol::ModelSource;
use crate::files::hub::{HubError, HubEvent, HubRequest, Offer, Wanted};
use crate::models::depth;

/// What the user sets about the hub, but the token, which has a file of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HubChoices {
    /// Its address; `None`: as the environment says, else the public one.
    pub endpoint: Option<String>,
}

/// A model that is wanted, as it is remembered until it is here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pending {
    /// Owner and name.
    pub repo: String,
    /// The only file that is wanted, of a repository with several models.
    pub file: Option<String>,
}

impl Pending {
    /// A repository's own model.
    #[must_use]
    pub fn of(repo: &str) -> Self {
        Self { repo: repo.trim().to_owned(), file: None }
    }

    fn wanted(&self) -> Wanted {
        Wanted { file: self.file.clone(), ..Wanted::new(&self.repo) }
    }

    /// Whether it can be painted with; what estimates depth only helps those that paint.
    #[must_use]
    pub fn paints(&self) -> bool {
        !depth::is_in(&self.repo)
    }

    /// What to call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.repo)
    }
}

/// What a repository was found to hold.
#[derive(Clone, Debug, Default)]
pub enum Look {
    /// None was looked at.
    #[default]
    Nothing,
    /// The hub is being asked.
    Asking(Pending),
    /// This can be had.
    Offered(Pending, Box<Offer>),
    /// These files can be had one by one.
    Files(Pending, Vec<String>),
    /// It cannot be had; why, in English.
    Failed(Pending, String),
}

/// Where a download stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Behind others.
    Queued,
    /// The hub is asked what is still missing.
    Looking,
    /// It comes.
    Running,
    /// It is tried again in so many seconds.
    Retrying(f64),
    /// Another program brings the same file.
    Shared,
    /// It will stand still in a moment.
    Pausing,
    /// It stands still.
    Paused,
    /// It will be gone in a moment, with what has arrived.
    Discarding,
    /// The same of one that was not under way: another thread removes it.
    Removing,
    /// It could not go on; why, in English.
    Failed(String),
    /// It is here.
    Done(PathBuf),
}

/// A download.
#[derive(Clone, Debug)]
pub struct Download {
    /// What is wanted.
    pub wanted: Pending,
    /// What that is, once it is known.
    pub offer: Option<Box<Offer>>,
    /// Where it stands.
    pub stage: Stage,
    /// Bytes that are here, and all of them.
    pub bytes: (u64, u64),
    /// Bytes a second.
    pub speed: Option<f64>,
}

impl Download {
    fn new(wanted: Pending, offer: Option<Box<Offer>>, stage: Stage) -> Self {
        let bytes = offer.as_ref().map_or((0, 0), |offer| (offer.present, offer.size()));
        Self { wanted, offer, stage, bytes, speed: None }
    }

    /// Whether the thread is at work for it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let idle = |stage: &Stage| matches!(stage, Stage::Queued | Stage::Paused | Stage::Removing);
        !idle(&self.stage) && !matches!(self.stage, Stage::Failed(_) | Stage::Done(_))
    }

    /// How much is here, 0..=1.
    #[must_use]
    pub fn share(&self) -> f32 {
        let (here, of) = self.bytes;
        if of == 0 { 0.0 } else { here as f32 / of as f32 }
    }

    /// Seconds that are left at this speed.
    #[must_use]
    pub fn secs_left(&self) -> Option<f64> {
        let (here, of) = self.bytes;
        let speed = self.speed.filter(|speed| *speed > 1.0)?;
        Some(of.saturating_sub(here) as f64 / speed)
    }
}

/// Getting models.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    /// What is looked at.
    pub look: Look,
    /// The downloads, oldest first.
    pub downloads: Vec<Download>,
    /// The one whose parts are being removed beside what is under way.
    removing: Option<Pending>,
    /// The token, as it may be shown.
    pub token: Option<String>,
    /// The address unless the user sets one.
    pub usual_endpoint: String,
}

impl Hub {
    /// Shows the downloads that the last session left.
    pub fn take_up(&mut self, settings: &Settings) {
        let paused = |wanted: &Pending| Download::new(wanted.clone(), None, Stage::Paused);
        self.downloads = settings.pending.iter().map(paused).collect();
    }

    /// A token as it may be shown.
    #[must_use]
    pub fn masked(token: &str) -> String {
        let letters: Vec<char> = token.chars().collect();
        let shown = if letters.len() >= 12 { &letters[letters.len() - 4..] } else { &[] };
        format!("••••••••{}", shown.iter().collect::<String>())
    }

    /// The download that is under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&Download> {
        self.downloads.iter().find(|download| download.is_active())
    }

    fn active(&mut self) -> Option<&mut Download> {
        self.downloads.iter_mut().find(|download| download.is_active())
    }

    fn of(&mut self, wanted: &Pending) -> Option<&mut Download> {
        self.downloads.iter_mut().find(|download| download.wanted == *wanted)
    }
}

/// What the user asks for.
#[derive(Clone, Debug)]
pub enum HubCommand {
    /// Say what this holds.
    Look(Pending),
    /// Look at it no longer.
    Leave,
    /// The licence of what is looked at is accepted: download it.
    Accept,
    /// Stand still.
    Pause(Pending),
    /// Go on.
    Resume(Pending),
    /// Give up, and remove what has arrived.
    Cancel(Pending),
    /// Take what is done or failed off the list.
    Clear(Pending),
    /// Another address; empty: the usual one.
    Endpoint(String),
    /// Another token; empty: none.
    Token(Secret),
    /// Show a repository's page with its licence, which is then no longer to be read.
    ReadLicence(String),
    /// Show a repository's page in the browser.
    Browse(String),
}

impl AppState {
    /// Carries out what the user asks of the hub.
    pub fn hub(&mut self, command: HubCommand) -> Vec<Effect> {
        match command {
            HubCommand::Look(wanted) => {
                self.over = Some(Over::Hub);
                self.hub.look = Look::Asking(wanted.clone());
                return vec![Effect::HubLook(wanted.wanted())];
            }
            HubCommand::Leave => self.hub.look = Look::Nothing,
            HubCommand::Accept => return self.accept(),
            HubCommand::Pause(wanted) => return self.pause_download(&wanted),
            HubCommand::Resume(wanted) => {
                let stands =
                    |one: &&mut Download| matches!(one.stage, Stage::Paused | Stage::Failed(_));
                if let Some(download) = self.hub.of(&wanted).filter(stands) {
                    download.stage = Stage::Queued;
                }
                return self.next_download();
            }
            HubCommand::Cancel(wanted) => return self.cancel_download(&wanted),
            HubCommand::Clear(wanted) => return self.drop_download(&wanted),
            HubCommand::Endpoint(address) => {
                let address = address.trim().trim_end_matches('/').to_owned();
                let usual = address.is_empty() || address == self.hub.usual_endpoint;
                self.settings.hub.endpoint = (!usual).then_some(address);
                return vec![Effect::Remember];
            }
            HubCommand::Token(Secret(token)) => {
                let token = Some(token.trim().to_owned()).filter(|token| !token.is_empty());
                self.hub.token = token.as_deref().map(Hub::masked);
                return vec![Effect::HubToken(token.map(Secret))];
            }
            HubCommand::ReadLicence(repo) => {
                if !self.settings.licences.contains(&repo) {
                    self.settings.licences.push(repo.clone());
                }
                return [self.hub(HubCommand::Browse(repo)), vec![Effect::Remember]].concat();
            }
            HubCommand::Browse(repo) => {
                let endpoint = self.settings.hub.endpoint.as_ref();
                let endpoint = endpoint.unwrap_or(&self.hub.usual_endpoint);
                return vec![Effect::Browse(format!("{endpoint}/{repo}"))];
            }
        }
        Vec::new()
    }

    /// The licence of what is looked at is accepted.
    fn accept(&mut self) -> Vec<Effect> {
        let Look::Offered(wanted, offer) = std::mem::take(&mut self.hub.look) else {
            return Vec::new();
        };
        if !self.settings.licences.contains(&wanted.repo) {
            self.settings.licences.push(wanted.repo.clone());
        }
        let present = self.hub.of(&wanted).is_some_and(|download| download.is_active());
        if !present {
            self.hub.downloads.retain(|download| download.wanted != wanted);
            self.hub.downloads.push(Download::new(wanted.clone(), Some(offer), Stage::Queued));
        }
        if !self.settings.pending.contains(&wanted) {
            self.settings.pending.push(wanted);
        }
        let mut effects = self.next_download();
        effects.push(Effect::Remember);
        effects
    }

    /// Begins the first download that waits, if none is under way.
    fn next_download(&mut self) -> Vec<Effect> {
        if self.hub.active().is_some() {
            return Vec::new();
        }
        let mut queued = self.hub.downloads.iter_mut().filter(|one| one.stage == Stage::Queued);
        let Some(download) = queued.next() else { return Vec::new() };
        // The hub may have changed since the last session, and this program does not know the files.
        let request = match &download.offer {
            Some(offer) => HubRequest::Fetch(offer.clone()),
            None => HubRequest::Look(download.wanted.wanted()),
        };
        download.stage = if download.offer.is_some() { Stage::Running } else { Stage::Looking };
        vec![Effect::Hub(request)]
    }

    fn pause_download(&mut self, wanted: &Pending) -> Vec<Effect> {
        let Some(download) = self.hub.of(wanted) else { return Vec::new() };
        match download.stage {
            Stage::Queued => download.stage = Stage::Paused,
            Stage::Discarding | Stage::Pausing => {}
            _ if download.is_active() => {
                download.stage = Stage::Pausing;
                return vec![Effect::HubPause];
            }
            _ => {}
        }
        Vec::new()
    }

    fn cancel_download(&mut self, wanted: &Pending) -> Vec<Effect> {
        self.settings.pending.retain(|pending| pending != wanted);
        let Some(download) = self.hub.of(wanted) else { return vec![Effect::Remember] };
        let mut effects = vec![Effect::Remember];
        if download.is_active() {
            download.stage = Stage::Discarding;
            effects.push(Effect::HubPause);
        } else if matches!(download.stage, Stage::Done(_)) {
            return [effects, self.drop_download(wanted)].concat();
        } else {
            // The thread may have hours of other work.
            download.stage = Stage::Removing;
            effects.extend(self.next_removal());
        }
        effects
    }

    /// Has the parts of the first cancelled download removed, if none are being removed.
    fn next_removal(&mut self) -> Option<Effect> {
        if self.hub.removing.is_some() {
            return None;
        }
        let next = self.hub.downloads.iter().find(|one| one.stage == Stage::Removing)?;
        self.hub.removing = Some(next.wanted.clone());
        Some(Effect::HubRemove(match &next.offer {
            Some(offer) => HubRequest::Discard(offer.clone()),
            None => HubRequest::Look(next.wanted.wanted()),
        }))
    }

    /// What the thread said that removes the parts of cancelled downloads.
    pub fn hub_removed(&mut self, event: HubEvent) -> Vec<Effect> {
        match event {
            HubEvent::Offered(offer) => return vec![Effect::HubRemove(HubRequest::Discard(offer))],
            HubEvent::Failed(error) => {
                let said = trouble::said(self.lang, &error.to_string()).into_owned();
                let words = self.lang.fill(Text::HubNotRemoved, &[&said]);
                self.notices.say(self.now, Kind::Warning, words, None);
            }
            event if !event.is_terminal() => return Vec::new(),
            _ => {}
        }
        if let Some(wanted) = self.hub.removing.take() {
            let removed = |one: &Download| one.wanted == wanted && one.stage == Stage::Removing;
            self.hub.downloads.retain(|download| !removed(download));
        }
        self.next_removal().into_iter().collect()
    }

    fn drop_download(&mut self, wanted: &Pending) -> Vec<Effect> {
        self.hub.downloads.retain(|download| download.wanted != *wanted || download.is_active());
        Vec::new()
    }

    /// What the hub said about what is looked at.
    pub fn hub_looked(&mut self, event: HubEvent) {
        let Look::Asking(wanted) = &self.hub.look else { return };
        let wanted = wanted.clone();
        self.hub.look = match event {
            HubEvent::Offered(offer) if offer.repo == wanted.repo => Look::Offered(wanted, offer),
            HubEvent::Failed(HubError::ManyFiles(names)) => {
                Look::Files(wanted, names.split(", ").map(str::to_owned).collect())
            }
            HubEvent::Failed(error) => Look::Failed(wanted, error.to_string()),
            _ => return,
        };
    }

    /// What the thread said about the download that is under way.
    pub fn hub_event(&mut self, event: HubEvent) -> Vec<Effect> {
        let Some(download) = self.hub.active() else { return Vec::new() };
        let wanted = download.wanted.clone();
        let discarding = download.stage == Stage::Discarding;
        match event {
            HubEvent::Progress { here, of, speed, .. } => {
                download.bytes = (here, of);
                download.speed = speed;
                if matches!(download.stage, Stage::Retrying(_) | Stage::Shared | Stage::Looking) {
                    download.stage = Stage::Running;
                }
                return Vec::new();
            }
            HubEvent::Waiting { secs } => {
                if matches!(download.stage, Stage::Running | Stage::Retrying(_)) {
                    download.stage = Stage::Retrying(secs);
                }
                return Vec::new();
            }
            HubEvent::Shared => {
                if download.stage == Stage::Running {
                    download.stage = Stage::Shared;
                }
                return Vec::new();
            }
            HubEvent::Offered(offer) => {
                download.bytes = (offer.present, offer.size());
                download.offer = Some(offer.clone());
                let request = match download.stage {
                    Stage::Discarding => HubRequest::Discard(offer),
                    Stage::Pausing => {
                        download.stage = Stage::Paused;
                        return self.next_download();
                    }
                    _ => {
                        download.stage = Stage::Running;
                        HubRequest::Fetch(offer)
                    }
                };
                return vec![Effect::Hub(request)];
            }
            HubEvent::Paused if discarding => {
                let offer = download.offer.clone();
                return match offer {
                    Some(offer) => vec![Effect::Hub(HubRequest::Discard(offer))],
                    None => self.gone(&wanted),
                };
            }
            HubEvent::Paused => download.stage = Stage::Paused,
            HubEvent::Discarded => return self.gone(&wanted),
            HubEvent::Failed(_) if discarding => return self.gone(&wanted),
            HubEvent::Failed(error) => {
                let message = error.to_string();
                download.stage = Stage::Failed(message.clone());
                download.speed = None;
                let said = trouble::said(self.lang, &message).into_owned();
                let again = Command::Hub(HubCommand::Resume(wanted));
                let way_out = vec![WayOut::of(Text::HubResume, again)];
                self.notices.offer(self.now, Kind::Error, said, way_out);
            }
            HubEvent::Fetched { path } => return self.fetched(&wanted, path),
        }
        self.next_download()
    }

    /// A cancelled download has ended.
    fn gone(&mut self, wanted: &Pending) -> Vec<Effect> {
        self.hub.downloads.retain(|download| download.wanted != *wanted);
        self.next_download()
    }

    fn fetched(&mut self, wanted: &Pending, path: PathBuf) -> Vec<Effect> {
        if let Some(download) = self.hub.of(wanted) {
            download.bytes.0 = download.bytes.1;
            download.stage = Stage::Done(path.clone());
        }
        self.settings.pending.retain(|pending| pending != wanted);
        let words = self.lang.fill(Text::HubDone, &[wanted.name()]);
        let go = (Text::HubUse, Command::UseModel(ModelSource::Path(path)));
        self.notices.say(self.now, Kind::Info, words, wanted.paints().then_some(go));
        let mut effects = self.look_for_models();
        effects.push(Effect::Remember);
        effects.extend(self.next_download());
        effects
    }
}

#[cfg(test)]
mod tests;
