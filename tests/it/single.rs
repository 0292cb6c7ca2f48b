//! Models in one file: the whole program paints what diffusers' pipeline does with the same weights
//! (`tests/fixtures/single.py`).

use std::path::PathBuf;

use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{ModelChoices, ModelSource, PaintRequest, Sampler, Schedule};
use safetensors::SafeTensors;

use super::support::{Program, Table, absolute, bound, fixtures, json, model_folder, rgb};

/// A folder with a file of the fixtures and the words that its text encoder reads: the tiny models
/// know fewer than CLIP.
fn placed(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let tokenizer = folder.path().join(tokenizer);
        std::fs::create_dir(&tokenizer).expect("a folder");
        for file in ["vocab.json", "merges.txt"] {
            let from = model_folder("sd1_tiny").join("tokenizer").join(file);
            std::fs::copy(from, tokenizer.join(file)).expect("writable");
        }
    }
    let path = folder.path().join(name);
    std::fs::copy(fixtures().join("single").join(name), &path).expect("writable");
    (folder, path)
}

fn request(model: PathBuf, wanted: &serde_json::Value) -> PaintRequest {
    let word = |key: &str| wanted[key].as_str().expect("a word").to_owned();
    let number = |key: &str| wanted[key].as_f64().expect("a number");
    PaintRequest {
        model: ModelSource::Path(model),
        prompt: word("prompt"),
        negative: word("negative"),
        size: Some((number("size") as u32, number("size") as u32)),
        steps: Some(number("steps") as u32),
        guidance: Some(number("guidance") as f32),
        seed: number("seed") as u64,
        sampler: Some(Sampler::Ddim),
        schedule: Some(Schedule::Leading),
        previews: false,
        ..PaintRequest::default()
    }
}

#[test]
fn single_files_paint_what_diffusers_does() {
    let expected = json("single/single.json");
    let mut program = Program::start(Backend::Cpu);
    let mut table = Table::default();
    let files = [("sd1", "sd1.ckpt"), ("sd2", "sd2.safetensors"), ("sdxl", "sdxl.safetensors")];
    for (model, file) in files {
        let wanted = &expected[model]["picture"];
        let pixels: Vec<f32> = serde_json::from_value(wanted["pixels"].clone()).expect("a picture");
        let (_folder, path) = placed(file);
        let right = request(path, wanted);
        let painted = program.paint(right.clone()).expect("a picture");
        table.within(file, absolute(&rgb(&painted.picture), &pixels), bound::PIXEL);

        // The same again with its own autoencoder from a file of its own.
        if model == "sd1" {
            let vae = Some(fixtures().join("single").join("vae.pt"));
            let choices = ModelChoices { vae, ..ModelChoices::default() };
            let painted =
                program.paint(PaintRequest { choices, ..right.clone() }).expect("a picture");
            let error = absolute(&rgb(&painted.picture), &pixels);
            table.within("its autoencoder from another file", error, bound::PIXEL);
        }
        let other = if model == "sd2" { "epsilon" } else { "v_prediction" };
        let prediction = Some(other.parse().expect("a prediction"));
        let choices = ModelChoices { prediction, ..ModelChoices::default() };
        let painted = program.paint(PaintRequest { choices, ..right }).expect("a picture");
        let error = absolute(&rgb(&painted.picture), &pixels);
        table.beyond(format!("{file} with the wrong prediction"), error, bound::MISTAKE);
    }
    table.finish("Single files, worst pixel, 1/255");
}

/// The same file without the tensors of its autoencoder, with the whole one beside it.
#[test]
fn an_autoencoder_is_borrowed_from_a_model_beside() {
    let (folder, path) = placed("sd2.safetensors");
    let bytes = std::fs::read(&path).expect("readable");
    let whole = SafeTensors::deserialize(&bytes).expect("our own file");
    let tensors = whole.tensors().into_iter();
    let kept = tensors.filter(|(name, _)| !name.starts_with("first_stage_model."));
    let part = folder.path().join("part.safetensors");
    let bytes = safetensors::serialize(kept, None).expect("room");
    std::fs::write(&part, bytes).expect("writable");
    let wanted = &json("single/single.json")["sd2"]["picture"];
    let pixels: Vec<f32> = serde_json::from_value(wanted["pixels"].clone()).expect("a picture");
    let mut program = Program::start(Backend::Cpu);
    let painted = program.paint(request(part.clone(), wanted)).expect("a picture");
    assert!(absolute(&rgb(&painted.picture), &pixels) <= bound::PIXEL);
    // Alone it cannot paint, and says what is missing. (Another path is another model.)
    let alone = folder.path().join("alone");
    std::fs::create_dir(&alone).expect("a folder");
    let alone = alone.join("part.safetensors");
    std::fs::rename(part, &alone).expect("writable");
    let error = program.paint(request(alone, wanted)).expect_err("no autoencoder");
    assert!(error.contains("no autoencoder (VAE)"), "{error}");
}

#[test]
fn a_file_without_words_of_its_own_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sd1.ckpt");
    std::fs::copy(fixtures().join("single").join("sd1.ckpt"), &path).expect("writable");
    let wanted = &json("single/single.json")["sd1"]["picture"];
    // CLIP's own vocabulary stands in, which is larger than this text encoder's.
    let error = Program::start(Backend::Cpu).paint(request(path, wanted)).expect_err("no words");
    assert!(error.contains("49408") && error.contains("1024"), "{error}");
}
