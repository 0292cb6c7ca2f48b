//! Loading: exact progress, stopping and damage in the middle; and an autoencoder that overflows in
//! short numbers.

use std::fs;
use std::path::Path;
use std::time::Instant;

use half::bf16;
use pentimento::cancel::CancelToken;
use pentimento::diffusion::error::DiffusionError;
use pentimento::engine::Engine;
use pentimento::engine::painter::{Options, Precision, load_model};
use pentimento::engine::protocol::{
    Event, FailureKind, ModelChoices, ModelSource, Notice, PaintRequest, Phase, Request,
};
use pentimento::models::{ModelError, ModelFolder};
use pentimento::types::WeightBits;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};

use super::support::{copy_folder, model_folder};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

/// Loads a model; `hears` is told each share.
fn load(
    place: &Path,
    cancel: &CancelToken,
    hears: &mut dyn FnMut(f32),
) -> Result<(), DiffusionError> {
    let folder = ModelFolder::open(&ModelSource::Path(place.to_owned())).expect("a model");
    load_model(&folder, Options::default(), WeightBits::Full, cancel, hears).map(drop)
}

#[test]
fn progress_rises_to_one_by_the_bytes_that_are_read() {
    let mut shares = Vec::new();
    let place = model_folder("sd1_tiny");
    load(&place, &CancelToken::default(), &mut |share| shares.push(share)).expect("a model");
    assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
    assert_eq!(shares.last(), Some(&1.0));
    // No tensor is a tenth of this model.
    assert!(shares.windows(2).all(|pair| pair[1] - pair[0] < 0.1), "{shares:?}");
    // The words' part is read first, and its bytes are known.
    let bytes = |part: &str| fs::metadata(place.join(part)).expect("there").len() as f32;
    let text = bytes("text_encoder/model.safetensors");
    let rest = bytes(&format!("unet/{WEIGHTS}")) + bytes(&format!("vae/{WEIGHTS}"));
    let share = text / (text + rest);
    assert!(shares.iter().any(|told| (told - share).abs() < 0.02), "{share} in {shares:?}");
}

#[test]
fn loading_stops_in_the_middle() {
    let go = CancelToken::default();
    let mut last = 0.0;
    let stopped = load(&model_folder("sd1_tiny"), &go, &mut |share| {
        last = share;
        if share > 0.5 {
            go.cancel();
        }
    });
    assert!(matches!(stopped, Err(DiffusionError::Cancelled(_))));
    assert!(last > 0.5 && last < 0.7, "went on to {last}");
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let place = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&model_folder("sd1_tiny"), place.path());
    let file = place.path().join("unet").join(WEIGHTS);
    let file = fs::File::options().write(true).open(file).expect("a file");
    let outcome = load(place.path(), &CancelToken::default(), &mut |share| {
        if share > 0.4 {
            file.set_len(20_000).expect("shorter");
        }
    });
    let Err(DiffusionError::Model(ModelError::Damaged { reason, path })) = outcome else {
        panic!("{:?}", outcome.err());
    };
    assert!(reason.contains("cannot be read") && path.contains("unet"), "{reason}: {path}");
}

/// A copy of a tiny model with an autoencoder whose decoder comes near the largest number of all:
/// tokens of `peak`, which its attention multiplies down again.
fn near_the_edge(peak: f32) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&model_folder("sd1_tiny"), place.path());
    let path = place.path().join("vae").join(WEIGHTS);
    let bytes = fs::read(&path).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("our own file");
    let constant = |name: &str| {
        let name = name.strip_prefix("decoder.mid_block.attentions.0.")?;
        Some(match name {
            "group_norm.weight" => 0.0,
            "group_norm.bias" => peak,
            "to_q.weight" | "to_k.weight" | "to_v.weight" => 1.5e-38,
            _ => return None,
        })
    };
    let changed: Vec<(String, Vec<usize>, Dtype, Vec<u8>)> = file
        .tensors()
        .into_iter()
        .map(|(name, tensor)| match constant(&name) {
            Some(value) => {
                let count = tensor.shape().iter().product();
                let values: Vec<u8> =
                    std::iter::repeat_n(value.to_le_bytes(), count).flatten().collect();
                (name, tensor.shape().to_vec(), Dtype::F32, values)
            }
            None => (name, tensor.shape().to_vec(), tensor.dtype(), tensor.data().to_vec()),
        })
        .collect();
    let views = changed.iter().map(|(name, shape, dtype, values)| {
        (name, TensorView::new(*dtype, shape.clone(), values).expect("a tensor"))
    });
    serialize_to_file(views, None, &path).expect("room");
    place
}

/// The notices of a job of two pictures, and how it ended.
fn paint_two(place: &Path, precision: Precision) -> (Vec<Notice>, usize, Option<FailureKind>) {
    let options = Options { precision, ..Options::default() };
    let mut engine = Engine::spawn(options, || ()).expect("a thread");
    let request = PaintRequest {
        model: ModelSource::Path(place.to_owned()),
        prompt: "a fox".to_owned(),
        size: Some((32, 32)),
        steps: Some(2),
        count: 2,
        previews: false,
        ..PaintRequest::default()
    };
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    let (mut notices, mut pictures) = (Vec::new(), 0);
    loop {
        match engine.wait().expect("a terminal event") {
            Event::Notice { notice, .. } => notices.push(notice),
            Event::Painted { .. } => pictures += 1,
            Event::Failed { error, .. } => return (notices, pictures, Some(error.kind)),
            event if event.is_terminal() => return (notices, pictures, None),
            _ => {}
        }
    }
}

#[test]
fn an_autoencoder_that_overflows_in_short_numbers_decodes_again_in_full_ones() {
    // Below the largest f32; the nearest bf16 is infinite.
    let peak: f32 = 3.4e38;
    assert!(peak.is_finite() && bf16::from_f32(peak).is_infinite());
    let place = near_the_edge(peak);
    let told = (vec![Notice::DecodedInFull], 2, None);
    assert_eq!(paint_two(place.path(), Precision::Bf16), told);
    assert_eq!(paint_two(place.path(), Precision::F32), (vec![], 2, None));
    // A bf16 that is just as near to its own end needs no second try.
    let place = near_the_edge(3.3e38);
    assert_eq!(paint_two(place.path(), Precision::Bf16), (vec![], 2, None));
}

/// A model of real size, whose load is stopped.
const MODEL: &str = "PENTIMENTO_TEST_MODEL";

/// By hand, as a clock is of no use to a busy machine's tests: prints how long a load goes on after it
/// was stopped at several shares of the way.
#[test]
fn stopping_the_load_of_a_large_model_takes_a_moment() {
    let Some(place) = std::env::var_os(MODEL) else { return };
    for share in [0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95] {
        let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
        let source = ModelSource::Path(place.clone().into());
        let choices = ModelChoices::default();
        let job = engine.next_job();
        let request = Request::Load { source, choices, anyway: false };
        engine.submit(job, request).expect("room");
        let (start, mut stopped) = (Instant::now(), None);
        let last = loop {
            let event = engine.wait().expect("a terminal event");
            match event {
                Event::Phase { phase: Phase::ReadingModel(done), .. } if done >= share => {
                    stopped.get_or_insert_with(|| {
                        engine.cancel(job);
                        Instant::now()
                    });
                }
                event if event.is_terminal() => break event,
                _ => {}
            }
        };
        assert!(matches!(last, Event::Cancelled { .. }), "{last:?}");
        let stopped = stopped.expect("it was stopped");
        println!(
            "stopped at {share} after {:.2} s: ended {:.0} ms later",
            (stopped - start).as_secs_f64(),
            stopped.elapsed().as_secs_f64() * 1e3
        );
    }
}
