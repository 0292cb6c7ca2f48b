//! Finds the tensors in what a checkpoint holds: dictionaries in dictionaries, lists, tuples.

use std::collections::{BTreeMap, HashSet};

use super::{Id, Node, Pickle, View};

/// Values within values that are followed.
const DEEPEST: usize = 16;
/// The dictionary that holds a model's tensors, where the file holds more than them.
const STATE: &str = "state_dict";
/// Notes are short: names of versions, numbers of steps.
const LONGEST_NOTE: usize = 4096;
/// Notes that are listed.
const MOST_NOTES: usize = 1 << 12;
/// Tensors that are listed; a large model with its averages has some thousand.
const MOST_TENSORS: usize = 1 << 17;
/// Bytes of a tensor's name.
const LONGEST_NAME: usize = 512;

/// What a checkpoint's pickle holds.
#[derive(Debug, Default)]
pub struct Entries<'a> {
    /// Tensors by name; names within names are joined by dots.
    pub tensors: BTreeMap<String, &'a View>,
    /// Plain values beside them.
    pub notes: BTreeMap<String, String>,
}

impl Pickle {
    /// The tensors of the `state_dict` if there is one, else all of them.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        let mut entries = Entries::default();
        let mut from = self.root;
        for _ in 0..DEEPEST {
            self.note(from, &mut entries.notes);
            match self.get(from, STATE) {
                Some(inner) if matches!(self.node(inner), Node::Dict(_)) => from = inner,
                _ => break,
            }
        }
        // The same dictionary in several places would make names without end.
        let mut seen = HashSet::new();
        self.collect(from, String::new(), 0, &mut seen, &mut entries.tensors);
        entries
    }

    fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let Node::Dict(pairs) = self.node(dict) else { return None };
        let found =
            pairs.iter().rev().find(|(k, _)| matches!(self.node(*k), Node::Text(t) if t == key));
        found.map(|(_, value)| *value)
    }

    fn note(&self, dict: Id, notes: &mut BTreeMap<String, String>) {
        let Node::Dict(pairs) = self.node(dict) else { return };
        for (key, value) in pairs {
            let Node::Text(key) = self.node(*key) else { continue };
            // The same long text may stand in every place.
            if key.len() > LONGEST_NOTE || notes.len() >= MOST_NOTES {
                continue;
            }
            let value = match self.node(*value) {
                Node::Int(value) => value.to_string(),
                Node::Float(value) => value.to_string(),
                Node::Bool(value) => value.to_string(),
                Node::Text(text) if text.len() <= LONGEST_NOTE => text.clone(),
                _ => continue,
            };
            if key.len() + value.len() <= LONGEST_NOTE {
                notes.insert(key.clone(), value);
            }
        }
    }

    fn collect<'a>(
        &'a self,
        id: Id,
        name: String,
        depth: usize,
        seen: &mut HashSet<Id>,
        tensors: &mut BTreeMap<String, &'a View>,
    ) {
        let within =
            |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        let node = self.node(id);
        if name.len() > LONGEST_NAME || tensors.len() >= MOST_TENSORS {
            return;
        }
        if let Node::Tensor(view) = node {
            tensors.insert(name, view);
            return;
        }
        if depth == DEEPEST || !seen.insert(id) {
            return;
        }
        match node {
            Node::Dict(pairs) => {
                for (key, value) in pairs {
                    let key = match self.node(*key) {
                        Node::Text(key) if key.len() <= LONGEST_NAME => within(key),
                        Node::Int(key) => within(&key.to_string()),
                        _ => continue,
                    };
                    self.collect(*value, key, depth + 1, seen, tensors);
                }
            }
            Node::List(items) | Node::Tuple(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.collect(*item, within(&index.to_string()), depth + 1, seen, tensors);
                }
            }
            _ => {}
        }
    }
}
