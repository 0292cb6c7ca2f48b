//! Makes a file of weights with any names and shapes, opens it as a model and reads all that a folder
//! has: names of the original checkpoints are renamed, and configurations follow from them.
//!
//! Each line of the input is a name, and behind a space the sides of its shape in letters.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;

mod allocation;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/types/mod.rs"]
mod types;

#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../../src/cancel.rs"]
mod cancel;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/models/mod.rs"]
mod models;

/// As the program's own, as far as the models' room uses it.
mod kernels {
    pub mod activation {
        #[allow(dead_code, reason = "configurations name them")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Activation {
            Silu,
            Gelu,
            QuickGelu,
            Relu,
        }
    }
}

use models::ModelFolder;
use models::folder::COMPONENTS;
use models::identify::identify;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let mut header = BTreeMap::new();
    for line in text.lines() {
        let (name, sides) = line.split_once(' ').unwrap_or((line, ""));
        let shape: Vec<u8> = sides.bytes().take(4).map(|side| side.saturating_sub(b'a')).collect();
        let tensor = serde_json::json!({"dtype": "none", "shape": shape, "data_offsets": [0, 0]});
        header.insert(name, tensor);
    }
    let header = serde_json::to_vec(&header).expect("names are text");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let bytes = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    std::fs::write(&path, &bytes).expect("room");
    allocation::bounded(bytes.len(), || inspect(path));
});

/// Opens it and reads all that a folder has.
fn inspect(path: std::path::PathBuf) {
    let choices = types::ModelChoices { ema: true, ..types::ModelChoices::default() };
    let Ok(model) = ModelFolder::open_with(&types::ModelSource::Path(path), &choices) else { return };
    identify(&model).expect("a model has a UNet's configuration");
    for component in COMPONENTS {
        let config = model.json(&format!("{component}/config.json"));
        assert_eq!(config.is_ok(), model.tensors(component).is_ok());
    }
    // Configurations are read as they are when a model is loaded.
    drop(models::config::unet::UNetConfig::read(&model));
    drop(models::config::vae::VaeConfig::read(&model));
    drop(models::config::clip::ClipConfig::read(&model, "text_encoder"));
    models::config::noise::NoiseConfig::read(&model).expect("what was made can be read");
}
