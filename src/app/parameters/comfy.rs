//! ComfyUI: its `prompt` text is the graph that ran. The sampler that leads to the saved picture
//! is found, and what feeds it is read off the links.

use std::collections::HashSet;

use super::draft::{Draft, Field};
use super::graph::Graph;
use super::{Origin, Reading, json};
use crate::engine::protocol::SameAs;

/// The most texts that make up one prompt.
const MOST_TEXTS: usize = 64;
/// What nodes call the words they encode.
const TEXT_KEYS: [&str; 6] = ["text", "text_g", "text_l", "clip_l", "t5xxl", "prompt"];
/// Links into a conditioning node that carry no conditioning.
const NOT_WORDS: [&str; 9] = [
    "model",
    "clip",
    "vae",
    "control_net",
    "image",
    "mask",
    "latent",
    "pixels",
    "clip_vision_output",
];

/// Reads a graph. `None` if the text holds none with a sampler.
pub(super) fn read(text: &str) -> Option<Reading> {
    let graph = Graph::new(json(text)?)?;
    let sampler = final_sampler(&graph)?;
    let mut reader = Comfy { graph: &graph, draft: Draft::default() };
    reader.sampler(sampler);
    // The graph does not say where it ran; the card is usual.
    reader.draft.recipe.same_as = Some(SameAs::ComfyUiCuda);
    Some(reader.draft.finish(Origin::ComfyUi))
}

fn is_sampler(graph: &Graph, id: &str) -> bool {
    matches!(graph.class(id), "SamplerCustom" | "SamplerCustomAdvanced")
        || (graph.has(id, "sampler_name") && graph.has(id, "steps"))
}

/// The sampler nearest to a node that saves, else to one that shows, else the last.
fn final_sampler(graph: &Graph) -> Option<&str> {
    let ids = graph.ids();
    let ranks: [fn(&str) -> bool; 3] = [
        |class| class == "SaveImage",
        |class| class.contains("Save"),
        |class| class.contains("Preview"),
    ];
    let ends = ranks.iter().flat_map(|rank| ids.iter().filter(|id| rank(graph.class(id))));
    let mut found =
        ends.take(MOST_TEXTS).filter_map(|end| graph.nearest([*end], |id| is_sampler(graph, id)));
    found.next().or_else(|| ids.iter().copied().rfind(|id| is_sampler(graph, id)))
}

struct Comfy<'a> {
    graph: &'a Graph,
    draft: Draft,
}

impl<'a> Comfy<'a> {
    fn take(&mut self, field: Field, id: &str, key: &str) {
        if let Some(value) = self.graph.value(id, key) {
            self.draft.take(field, key, &value);
        }
    }

    fn sampler(&mut self, id: &'a str) {
        let graph = self.graph;
        let part = |key: &str| graph.link(id, key).map(|(from, _)| from);
        let guider = part("guider").unwrap_or(id);
        let noise = part("noise").unwrap_or(id);
        self.take(Field::Seed, noise, if graph.has(noise, "seed") { "seed" } else { "noise_seed" });
        self.take(Field::Guidance, guider, "cfg");
        match part("sampler") {
            Some(sampler) if !graph.has(sampler, "sampler_name") => {
                let class = graph.class(sampler);
                let name = class.strip_prefix("Sampler").unwrap_or(class);
                self.draft.take(Field::Sampler, "sampler", name);
            }
            sampler => self.take(Field::Sampler, sampler.unwrap_or(id), "sampler_name"),
        }
        self.steps(id);
        self.advanced(id);
        let positive = if graph.has(guider, "positive") { "positive" } else { "conditioning" };
        self.draft.recipe.prompt = self.words(guider, positive);
        self.draft.recipe.negative = self.words(guider, "negative");
        if let Some((model, _)) = graph.link(guider, "model").or_else(|| graph.link(id, "model")) {
            self.model(model);
        }
        if let Some((latent, _)) = graph.link(id, "latent_image") {
            self.latent(latent);
        }
    }

    /// Steps, schedule and strength: the sampler's own, or those of what gives it its sigmas.
    fn steps(&mut self, id: &'a str) {
        let graph = self.graph;
        let sigmas = graph.link(id, "sigmas").map(|(from, _)| from);
        let from = sigmas.and_then(|from| graph.nearest([from], |id| graph.has(id, "steps")));
        let from = from.unwrap_or(id);
        self.take(Field::Steps, from, "steps");
        if graph.has(from, "scheduler") {
            self.take(Field::Schedule, from, "scheduler");
        } else if from != id {
            let class = graph.class(from);
            let name = class.strip_suffix("Scheduler").unwrap_or(class);
            self.draft.take(Field::Schedule, "scheduler", name);
        }
        let strength = graph.value(from, "denoise").filter(|value| value.parse() != Ok(1.0));
        if let Some(strength) = strength {
            self.draft.take(Field::Strength, "denoise", &strength);
        }
    }

    /// What only the advanced samplers have.
    fn advanced(&mut self, id: &str) {
        let number = |key: &str| self.graph.value(id, key)?.parse::<f64>().ok();
        let steps = number("steps").unwrap_or(f64::MAX);
        let (start, end) = (number("start_at_step"), number("end_at_step"));
        if let Some(start) = start.filter(|start| *start > 0.0) {
            self.draft.cannot("start_at_step", &start.to_string());
        }
        if let Some(end) = end.filter(|end| *end < steps) {
            self.draft.cannot("end_at_step", &end.to_string());
        }
        if self.graph.value(id, "add_noise").is_some_and(|noise| noise == "disable") {
            self.draft.cannot("add_noise", "disable");
        }
    }

    /// The words behind an input, over nodes that combine, concatenate or steer them.
    fn words(&mut self, id: &'a str, key: &str) -> String {
        let graph = self.graph;
        let mut texts: Vec<String> = Vec::new();
        let mut stack: Vec<(&str, u64)> = graph.link(id, key).into_iter().collect();
        let mut seen = HashSet::new();
        while let Some((id, output)) = stack.pop() {
            if !seen.insert((id, output)) || texts.len() >= MOST_TEXTS {
                continue;
            }
            let class = graph.class(id);
            if class.contains("ZeroOut") {
                continue;
            }
            let own = TEXT_KEYS.iter().filter_map(|key| graph.value(id, key));
            let own: Vec<String> = own.filter(|text| !text.trim().is_empty()).collect();
            if TEXT_KEYS.iter().any(|key| graph.has(id, key)) {
                self.clip(id);
                for text in own {
                    if !texts.contains(&text) {
                        texts.push(text);
                    }
                }
                continue;
            }
            if !class.contains("Combine") && !class.contains("Concat") && !class.contains("Reroute")
            {
                let strength = graph.value(id, "strength").unwrap_or_default();
                self.draft.cannot(class, &strength);
            }
            let mut next: Vec<(&str, u64)> =
                match (output, graph.link(id, "positive"), graph.link(id, "negative")) {
                    (0, Some(positive), Some(_)) => vec![positive],
                    (1, Some(_), Some(negative)) => vec![negative],
                    _ => {
                        let links = graph.links(id).filter(|(key, _)| !NOT_WORDS.contains(key));
                        links.map(|(_, link)| link).collect()
                    }
                };
            next.reverse();
            stack.extend(next);
        }
        texts.join(", ")
    }

    fn clip(&mut self, id: &'a str) {
        let graph = self.graph;
        let Some((clip, _)) = graph.link(id, "clip") else { return };
        for id in graph.chain(clip, &["clip"]) {
            self.lora(id);
            let last = graph.value(id, "stop_at_clip_layer");
            if let Some(last) = last.filter(|last| last != "-1") {
                self.draft.take(Field::ClipSkip, "Clip skip", last.trim_start_matches('-'));
            }
        }
    }

    fn lora(&mut self, id: &str) -> bool {
        let Some(name) = self.graph.value(id, "lora_name") else { return false };
        let strength = self.graph.value(id, "strength_model").unwrap_or_else(|| "1".to_owned());
        self.draft.cannot("Lora", &format!("{name}:{strength}"));
        true
    }

    fn model(&mut self, from: &'a str) {
        let graph = self.graph;
        for id in graph.chain(from, &["model"]) {
            let name = ["ckpt_name", "unet_name"].iter().find_map(|key| graph.value(id, key));
            if let Some(name) = name {
                self.draft.cannot("Model", &name);
            } else if graph.class(id) == "RescaleCFG" {
                self.take(Field::Rescale, id, "multiplier");
            } else if !self.lora(id) && !graph.class(id).contains("Reroute") {
                self.draft.cannot(graph.class(id), "");
            }
        }
    }

    fn latent(&mut self, from: &'a str) {
        let graph = self.graph;
        for id in graph.chain(from, &["samples", "latent", "latent_image"]) {
            let class = graph.class(id);
            let sized = class.contains("Empty") || class == "LatentUpscale";
            if is_sampler(graph, id) {
                let said = |key: &str| graph.value(id, key).unwrap_or_default();
                let value = format!("{} steps, seed {}", said("steps"), said("seed"));
                self.draft.cannot("Earlier pass", &value);
                return;
            }
            if sized && graph.has(id, "width") {
                self.take(Field::Width, id, "width");
                self.take(Field::Height, id, "height");
                if class.contains("Empty") {
                    return;
                }
            } else if class.contains("VAEEncode") || class.contains("LoadImage") {
                self.draft.cannot("Initial picture", class);
                return;
            }
        }
    }
}
