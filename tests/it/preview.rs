//! The small decoder of previews: against diffusers' blocks, and in a model that has one.

use std::fs;

use pentimento::cancel::CancelToken;
use pentimento::diffusion::preview_decoder::PreviewDecoder;
use pentimento::engine::Engine;
use pentimento::engine::painter::Options;
use pentimento::engine::protocol::{Event, ModelSource, PaintRequest, PreviewKind, Request};
use pentimento::models::ModelFolder;
use pentimento::models::config::preview_decoder::PreviewDecoderConfig;
use pentimento::ops::{Ops, candle::Candle, cpu::Cpu};

use super::support::{Goldens, Table, bound, copy_folder, fixtures, relative};

/// The tiny Stable Diffusion with the tiny decoder.
fn model() -> (tempfile::TempDir, ModelSource) {
    let place = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&fixtures().join("sd1_tiny"), place.path());
    let decoder = place.path().join("preview_decoder");
    copy_folder(&fixtures().join("preview_decoder"), &decoder);
    let source = ModelSource::Path(place.path().to_owned());
    (place, source)
}

fn check<O: Ops>(ops: &O, title: &str) {
    let goldens = Goldens::read("preview_decoder.safetensors");
    let (_place, source) = model();
    let folder = ModelFolder::open(&source).expect("a model");
    let config = PreviewDecoderConfig::read(&folder).expect("sound").expect("there");
    let file = folder.tensors("preview_decoder").expect("weights");
    let go = CancelToken::default();
    let decoder = PreviewDecoder::load(ops, config, &file, &go).expect("a network");
    assert_eq!(decoder.factor(), 4);
    let mut errors = Table::default();
    for case in ["square", "odd"] {
        let latent = goldens.get(&format!("{case}/latent"));
        let size = (latent.shape[1], latent.shape[2]);
        let picture = decoder.decode(ops, &latent.values, size, &go).expect("a picture");
        let wanted = &goldens.get(&format!("{case}/out")).values;
        errors.within(case, relative(&picture, wanted), bound::STAGE);
    }
    errors.finish(&format!("Preview decoder, {title}: max |a − b| / max |b|"));
}

#[test]
fn the_small_decoder_is_what_diffusers_makes_of_it() {
    check(&Cpu::default(), "own kernels");
    check(&Candle::new().expect("a device"), "candle");
}

/// Kind, width and height.
type Seen = (PreviewKind, (u32, u32));

/// The previews of a run, or what went wrong.
fn previews(model: &ModelSource) -> Result<Vec<Seen>, String> {
    let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
    let request = PaintRequest {
        model: model.clone(),
        prompt: "a house".to_owned(),
        size: Some((48, 32)),
        steps: Some(3),
        ..PaintRequest::default()
    };
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    let mut seen = Vec::new();
    while let Some(event) = engine.wait() {
        match event {
            Event::Step { preview: Some(preview), .. } => {
                let picture = &preview.picture;
                seen.push((preview.kind, (picture.width, picture.height)));
            }
            Event::Failed { error, .. } => return Err(error.to_string()),
            event if event.is_terminal() => break,
            _ => {}
        }
    }
    Ok(seen)
}

#[test]
fn each_step_of_a_model_with_a_small_decoder_is_a_picture() {
    let (place, source) = model();
    let seen = previews(&source).expect("a run");
    assert_eq!(seen.len(), 3);
    // Nothing is known of the machine's pace at first, so the first run decodes none in full.
    assert!(seen.iter().all(|(kind, _)| *kind == PreviewKind::Small), "{seen:?}");
    // Both decoders make four pixels of a cell here, on each side.
    assert!(seen.iter().all(|(_, size)| *size == (48, 32)), "{seen:?}");

    let config = place.path().join("preview_decoder/config.json");
    for (broken, word) in [
        (r#"{"block_out_channels": [24, 20, 16], "latent_channels": 16}"#, "4 channels"),
        (r#"{"block_out_channels": [], "latent_channels": 4}"#, "block_out_channels"),
        (r#"{"block_out_channels": [24, 20, 18], "latent_channels": 4}"#, "layers."),
    ] {
        fs::write(&config, broken).expect("room");
        let message = previews(&source).expect_err("a contradiction");
        assert!(message.contains(word), "{message}");
    }
    fs::remove_file(config).expect("there");
    let seen = previews(&source).expect("a run");
    assert!(seen.iter().all(|(kind, _)| *kind == PreviewKind::Linear), "{seen:?}");
}
