//! The model that is part of the program: the files of `assets/pocket`, byte for byte.
//!
//! Only [`super::folder`] reads this table, and reads it like any other folder. `build.rs` checks
//! the files against `model.sha256`.

macro_rules! embedded {
    ($($relative:literal),* $(,)?) => {
        &[$(($relative, include_bytes!(concat!("../../assets/pocket/", $relative)))),*]
    };
}

/// Every file of the built-in model: its path in the folder and its contents.
pub static FILES: &[(&str, &[u8])] = embedded![
    "few_step/pytorch_lora_weights.safetensors",
    "model_index.json",
    "pentimento.json",
    "preview_decoder/config.json",
    "preview_decoder/diffusion_pytorch_model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_hashed_file_is_embedded() {
        let hashes = include_str!("../../assets/pocket/model.sha256");
        let listed: Vec<&str> = hashes.lines().filter_map(|line| line.split("  ").nth(1)).collect();
        assert!(!listed.is_empty());
        for path in listed {
            assert!(super::FILES.iter().any(|(name, _)| *name == path), "{path}");
        }
    }
}
