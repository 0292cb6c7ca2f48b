//! ComfyUI's `prompt` graph as data: nodes, their inputs, and the links back along it.
//!
//! Used by [`super::comfy`]. A graph out of a file may be anything: every walk remembers where it
//! was, so that a circle ends it, and none recurses.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

use super::flat::plain;

/// How many nodes a value may be handed on through.
const MOST_HOPS: usize = 32;
/// What nodes that hold one value call it.
const VALUE_KEYS: [&str; 11] = [
    "text",
    "string",
    "value",
    "Value",
    "prompt",
    "seed",
    "noise_seed",
    "int",
    "float",
    "number",
    "Number",
];

/// A graph.
pub(super) struct Graph {
    nodes: Map<String, Value>,
}

impl Graph {
    /// The graph in a JSON value, if it is one.
    pub(super) fn new(value: Value) -> Option<Self> {
        let Value::Object(mut nodes) = value else { return None };
        if let Some(Value::Object(inner)) = nodes.get_mut("prompt") {
            nodes = std::mem::take(inner);
        }
        nodes.retain(|_, node| node["class_type"].is_string());
        (!nodes.is_empty()).then_some(Self { nodes })
    }

    /// All nodes in the order of their numbers.
    pub(super) fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.nodes.keys().map(String::as_str).collect();
        ids.sort_by_key(|id| (id.parse::<u64>().unwrap_or(u64::MAX), *id));
        ids
    }

    /// A node's kind.
    pub(super) fn class(&self, id: &str) -> &str {
        self.nodes.get(id).and_then(|node| node["class_type"].as_str()).unwrap_or_default()
    }

    /// A node's input as it stands there.
    pub(super) fn input(&self, id: &str, key: &str) -> Option<&Value> {
        self.nodes.get(id)?.get("inputs")?.get(key)
    }

    /// Whether a node has this input.
    pub(super) fn has(&self, id: &str, key: &str) -> bool {
        self.input(id, key).is_some()
    }

    /// Where an input comes from: a node that is there, and which of its outputs.
    pub(super) fn link(&self, id: &str, key: &str) -> Option<(&str, u64)> {
        self.source(self.input(id, key)?)
    }

    fn source(&self, value: &Value) -> Option<(&str, u64)> {
        let [from, output] = value.as_array()?.as_slice() else { return None };
        let (from, _) = self.nodes.get_key_value(&plain(from))?;
        Some((from, output.as_u64()?))
    }

    /// All links into a node.
    pub(super) fn links(&self, id: &str) -> impl Iterator<Item = (&str, (&str, u64))> {
        let inputs = self.nodes.get(id).and_then(|node| node["inputs"].as_object());
        let all = inputs.into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.as_str(), self.source(value)?)))
    }

    /// An input's value, handed on through nodes that only hold values.
    pub(super) fn value(&self, id: &str, key: &str) -> Option<String> {
        let mut value = self.input(id, key)?;
        for _ in 0..MOST_HOPS {
            let Some((from, _)) = self.source(value) else {
                let is_plain = !value.is_array() && !value.is_object() && !value.is_null();
                return is_plain.then(|| plain(value));
            };
            let keys = std::iter::once(key).chain(VALUE_KEYS);
            value = keys.into_iter().find_map(|key| self.input(from, key))?;
        }
        None
    }

    /// The nearest node behind these that is wanted, they themselves included.
    pub(super) fn nearest<'a>(
        &'a self,
        from: impl IntoIterator<Item = &'a str>,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<&'a str> {
        let mut queue: VecDeque<&str> = from.into_iter().collect();
        let mut seen: HashSet<&str> = queue.iter().copied().collect();
        while let Some(id) = queue.pop_front() {
            if wanted(id) {
                return Some(id);
            }
            for (_, (next, _)) in self.links(id) {
                if seen.insert(next) {
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The nodes of a chain, from one on back along `keys` (the first that is there), or along
    /// the only link of a node that hands on.
    pub(super) fn chain<'a>(&'a self, from: &'a str, keys: &[&str]) -> Vec<&'a str> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut at = Some(from);
        while let Some(id) = at.filter(|id| seen.insert(*id)) {
            chain.push(id);
            let named = keys.iter().find_map(|key| self.link(id, key));
            let only = || {
                let mut links = self.links(id);
                links.next().filter(|_| links.next().is_none()).map(|(_, link)| link)
            };
            at = named.or_else(only).map(|(id, _)| id);
        }
        chain
    }
}
