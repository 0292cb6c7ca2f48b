//! Keys: what a key with its modifiers is called, and which ones the user gave to which command.
//!
//! The table in [`super::command`] holds the defaults; [`Bindings`] holds what differs from them and
//! is remembered with the settings. It reads no input.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::command::{Action, ROWS};

/// Keys of one command, at most; what a settings file says beyond is ignored.
const MOST: usize = 4;

/// A key with its modifiers. The name is one that egui reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keys {
    /// The key's name.
    pub key: &'static str,
    /// Ctrl, or Cmd on a Mac.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// Alt.
    pub alt: bool,
}

impl Keys {
    /// Whether a text field may want them: single letters and the like.
    #[must_use]
    pub fn types(self) -> bool {
        let function = self.key.len() > 1
            && self.key.strip_prefix('F').is_some_and(|n| n.parse::<u8>().is_ok());
        !(self.ctrl || self.alt || function || self.key == "Escape")
    }
}

/// A key alone.
#[must_use]
pub const fn plain(key: &'static str) -> Keys {
    Keys { key, ctrl: false, shift: false, alt: false }
}
/// With Ctrl.
#[must_use]
pub const fn ctrl(key: &'static str) -> Keys {
    Keys { ctrl: true, ..plain(key) }
}
/// With Shift.
#[must_use]
pub const fn shift(key: &'static str) -> Keys {
    Keys { shift: true, ..plain(key) }
}
/// With Alt.
#[must_use]
pub const fn alt(key: &'static str) -> Keys {
    Keys { alt: true, ..plain(key) }
}
/// With Ctrl and Shift.
#[must_use]
pub const fn ctrl_shift(key: &'static str) -> Keys {
    Keys { shift: true, ..ctrl(key) }
}
/// With Ctrl and Alt.
#[must_use]
pub const fn ctrl_alt(key: &'static str) -> Keys {
    Keys { alt: true, ..ctrl(key) }
}

/// The keys that can be bound, by their names. Escape and Tab are not among them: without the one
/// nobody gets out, without the other nobody gets on.
pub const NAMES: &[&str] = &[
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
    "R",
    "S",
    "T",
    "U",
    "V",
    "W",
    "X",
    "Y",
    "Z",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F11",
    "F12",
    "Down",
    "Left",
    "Right",
    "Up",
    "Backspace",
    "Enter",
    "Insert",
    "Delete",
    "Home",
    "End",
    "PageUp",
    "PageDown",
    "Colon",
    "Comma",
    "Minus",
    "Period",
    "Plus",
    "Equals",
    "Semicolon",
    "Backslash",
    "Slash",
    "Pipe",
    "Questionmark",
    "Exclamationmark",
    "OpenBracket",
    "CloseBracket",
    "OpenCurlyBracket",
    "CloseCurlyBracket",
    "Backtick",
    "Quote",
];

impl Keys {
    /// "Ctrl+Shift+S", as people read it.
    #[must_use]
    pub fn text(self) -> String {
        let key = match self.key {
            "OpenBracket" => "[",
            "CloseBracket" => "]",
            "OpenCurlyBracket" => "{",
            "CloseCurlyBracket" => "}",
            "Plus" | "Equals" => "+",
            "Minus" => "−",
            "Comma" => ",",
            "Period" => ".",
            "Colon" => ":",
            "Semicolon" => ";",
            "Slash" => "/",
            "Backslash" => "\\",
            "Pipe" => "|",
            "Questionmark" => "?",
            "Exclamationmark" => "!",
            "Backtick" => "`",
            "Quote" => "'",
            "Escape" => "Esc",
            "Left" => "←",
            "Right" => "→",
            "Up" => "↑",
            "Down" => "↓",
            other => other,
        };
        self.with_modifiers(key)
    }

    fn with_modifiers(self, key: &str) -> String {
        let part = |on: bool, name: &'static str| if on { name } else { "" };
        let (ctrl, alt, shift) =
            (part(self.ctrl, "Ctrl+"), part(self.alt, "Alt+"), part(self.shift, "Shift+"));
        format!("{ctrl}{alt}{shift}{key}")
    }

    /// As the settings file spells it: the key by its name.
    #[must_use]
    pub fn stored(self) -> String {
        self.with_modifiers(self.key)
    }

    /// Reads what [`Self::stored`] wrote. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('+').rev();
        let key = parts.next()?;
        let mut keys = plain(NAMES.iter().find(|name| **name == key)?);
        for part in parts {
            match part {
                "Ctrl" => keys.ctrl = true,
                "Alt" => keys.alt = true,
                "Shift" => keys.shift = true,
                _ => return None,
            }
        }
        Some(keys)
    }
}

/// Which keys call which command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Bindings {
    changed: HashMap<Action, Vec<Keys>>,
}

impl Bindings {
    /// The keys of a command; the first is the one that is shown.
    #[must_use]
    pub fn of(&self, action: Action) -> &[Keys] {
        self.changed.get(&action).map_or(action.row().keys, Vec::as_slice)
    }

    /// Whether the user changed a command's keys.
    #[must_use]
    pub fn is_changed(&self, action: Action) -> bool {
        self.changed.contains_key(&action)
    }

    /// Whether any command's keys were changed.
    #[must_use]
    pub fn any_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The other command that has these keys already.
    #[must_use]
    pub fn clash(&self, action: Action, keys: Keys) -> Option<Action> {
        let mut others = ROWS.iter().map(|row| row.action).filter(|other| *other != action);
        others.find(|other| self.of(*other).contains(&keys))
    }

    /// Gives a command these keys and no others, and takes them from whoever had them.
    pub fn bind(&mut self, action: Action, keys: Keys) {
        while let Some(other) = self.clash(action, keys) {
            let rest = self.of(other).iter().copied().filter(|one| *one != keys).collect();
            self.set(other, rest);
        }
        self.set(action, vec![keys]);
    }

    /// Gives a command its default keys back, and takes those from whoever has them now.
    pub fn reset(&mut self, action: Action) {
        self.changed.remove(&action);
        for keys in action.row().keys {
            while let Some(other) = self.clash(action, *keys) {
                let rest = self.of(other).iter().copied().filter(|one| one != keys).collect();
                self.set(other, rest);
            }
        }
    }

    /// Gives all commands their default keys back.
    pub fn reset_all(&mut self) {
        self.changed.clear();
    }

    fn set(&mut self, action: Action, keys: Vec<Keys>) {
        if keys == action.row().keys {
            self.changed.remove(&action);
        } else {
            self.changed.insert(action, keys);
        }
    }
}

impl From<BTreeMap<String, Vec<String>>> for Bindings {
    /// Commands and keys that this version does not know are left out.
    fn from(stored: BTreeMap<String, Vec<String>>) -> Self {
        let mut bindings = Self::default();
        for (name, keys) in stored {
            if let Some(row) = ROWS.iter().find(|row| row.name == name) {
                let keys = keys.iter().filter_map(|keys| Keys::parse(keys)).take(MOST).collect();
                bindings.set(row.action, keys);
            }
        }
        bindings
    }
}

impl From<Bindings> for BTreeMap<String, Vec<String>> {
    fn from(bindings: Bindings) -> Self {
        let stored = |keys: Vec<Keys>| keys.into_iter().map(Keys::stored).collect();
        let named =
            |(action, keys): (Action, Vec<Keys>)| (action.row().name.to_owned(), stored(keys));
        bindings.changed.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_egui_reads() {
        for name in NAMES {
            assert_eq!(egui::Key::from_name(name).map(egui::Key::name), Some(*name), "{name}");
        }
    }

    #[test]
    fn binding_takes_from_whoever_had_it_and_resets() {
        let mut keys = Bindings::default();
        assert_eq!(keys.clash(Action::FocusPrompt, ctrl("S")), Some(Action::Save));
        keys.bind(Action::FocusPrompt, ctrl("S"));
        assert_eq!(keys.of(Action::FocusPrompt), [ctrl("S")]);
        assert!(keys.of(Action::Save).is_empty());
        keys.reset(Action::Save);
        assert_eq!(keys.of(Action::Save), [ctrl("S")]);
        assert!(keys.of(Action::FocusPrompt).is_empty());
        keys.reset(Action::FocusPrompt);
        assert!(!keys.any_changed());
    }

    #[test]
    fn what_is_stored_comes_back_and_damage_is_left_out() {
        let mut keys = Bindings::default();
        keys.bind(Action::Save, ctrl_alt("Plus"));
        let text = serde_json::to_string(&keys).unwrap();
        assert_eq!(serde_json::from_str::<Bindings>(&text).unwrap(), keys);
        let odd = r#"{"Save": ["Hyper+Q", "Ctrl+Escape", ""], "Fly": ["Ctrl+F"]}"#;
        let odd: Bindings = serde_json::from_str(odd).unwrap();
        assert!(odd.of(Action::Save).is_empty());
        assert!(!odd.is_changed(Action::Open));
    }
}
