//! Notices: short messages above the strip, with what can be done about them. Errors stay, the rest leaves.
//!
//! Filled by `app`, drawn by `ui::notice`.

use super::command::Command;
use super::trouble::without_codes;
use super::words::Text;

/// Seconds that a notice stays which is no error.
const STAY_SECS: f64 = 5.0;
/// Seconds that an offer stays.
const OFFER_SECS: f64 = 8.0;

/// Messages that are kept to be read again.
const LOG: usize = 50;

/// How a notice looks and how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is done.
    Info,
    /// Something is odd, but goes on.
    Warning,
    /// Something failed; stays until dismissed.
    Error,
}

/// What can be done about a message.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its word.
    pub label: Label,
    /// What it does.
    pub command: Command,
}

/// A button's word.
#[derive(Clone, Debug)]
pub enum Label {
    /// One of the table's.
    Word(Text),
    /// With names or numbers in it.
    Said(String),
}

impl Offer {
    /// A plain word.
    #[must_use]
    pub fn of(text: Text, command: Command) -> Self {
        Self { label: Label::Word(text), command }
    }
}

/// One message.
#[derive(Clone, Debug)]
pub struct Notice {
    /// To dismiss it by.
    pub id: u64,
    /// How it looks.
    pub kind: Kind,
    /// What happened, then what to do.
    pub text: String,
    /// What can be done about it: one thing, rarely two.
    pub offers: Vec<Offer>,
    /// When it leaves, in seconds of the window's clock; `None` stays.
    pub until: Option<f64>,
}

/// All messages that stand now, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// The messages.
    pub list: Vec<Notice>,
    /// What was said, oldest first, for Help.
    pub log: std::collections::VecDeque<(Kind, String)>,
    next: u64,
}

impl Notices {
    /// Adds a message with one thing at most that can be done about it.
    pub fn say(&mut self, now: f64, kind: Kind, text: String, action: Option<(Text, Command)>) {
        let offer = action.map(|(text, command)| Offer::of(text, command));
        self.offer(now, kind, text, offer.into_iter().collect());
    }

    /// Adds a message. The same words twice would only be noise, so they renew the first.
    pub fn offer(&mut self, now: f64, kind: Kind, text: String, offers: Vec<Offer>) {
        let text = without_codes(text);
        self.list.retain(|notice| notice.text != text);
        let stay = if offers.is_empty() { STAY_SECS } else { OFFER_SECS };
        let until = (kind != Kind::Error).then_some(now + stay);
        self.next += 1;
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back((kind, text.clone()));
        self.list.push(Notice { id: self.next, kind, text, offers, until });
    }

    /// Gives a message that still stands other words. Whether it stood.
    pub fn retell(&mut self, old: &str, text: &str) -> bool {
        let standing = self.list.iter_mut().find(|notice| notice.text == old);
        standing.map(|notice| text.clone_into(&mut notice.text)).is_some()
    }

    /// Takes a message of these words away.
    pub fn retract(&mut self, text: &str) {
        self.list.retain(|notice| notice.text != text);
    }

    /// Takes a message away.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|notice| notice.id != id);
    }

    /// Lets a message stay longer, while the pointer is over it.
    pub fn hold(&mut self, id: u64, now: f64) {
        if let Some(notice) = self.list.iter_mut().find(|notice| notice.id == id)
            && let Some(until) = &mut notice.until
        {
            *until = until.max(now + 1.5);
        }
    }

    /// Takes away what has stood long enough; when to look again, if ever.
    pub fn expire(&mut self, now: f64) -> Option<f64> {
        self.list.retain(|notice| notice.until.is_none_or(|until| until > now));
        self.list.iter().filter_map(|notice| notice.until).min_by(f64::total_cmp)
    }
}
