//! The families beside Stable Diffusion 1 and 2 against diffusers' own pipelines: text states, a
//! UNet call, complete runs. The numbers come from `tests/fixtures/families.py`.

use std::collections::BTreeSet;

use pentimento::cancel::CancelToken;
use pentimento::diffusion::conditioning::Branches;
use pentimento::diffusion::text::encoders::{KEPT_PARAMETERS, Reading, TextEncoders};
use pentimento::diffusion::unet::UNet;
use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{Conditions, ModelSource, PaintRequest, PromptStyle, Refiner};
use pentimento::models::ModelFolder;
use pentimento::models::config::noise::NoiseConfig;
use pentimento::models::config::unet::UNetConfig;
use pentimento::models::defaults::Usual;
use pentimento::models::identify::{Task, identify};
use pentimento::ops::{ImageDims, Ops, candle::Candle, cpu::Cpu};
use pentimento::plane::Plane;
use tempfile::TempDir;

use super::support::{
    Goldens, Program, Run, Table, absolute, bound, copy_folder, fixtures, json, relative, rgb,
};

/// The prompts of the stages.
const PROMPT: &str = "a red fox in the snow";
const NEGATIVE: &str = "night";
/// The guidance scale that the stages embed.
const SCALE: f32 = 7.5;

/// All runs.
fn runs() -> Vec<Run> {
    let index = json("families.json");
    index.as_array().expect("a list").iter().cloned().map(Run).collect()
}

fn models() -> BTreeSet<String> {
    runs().iter().map(|run| run.word("model").to_owned()).collect()
}

/// A model's folder, put together from its own parts and those of its base.
fn assembled(model: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runs = runs();
    let run = runs.iter().find(|run| run.word("model") == model).expect("a run of the model");
    if let Some(base) = run.0["base"].as_str() {
        copy_folder(&fixtures().join(base), folder.path());
    }
    for part in run.0["without"].as_array().into_iter().flatten() {
        let part = folder.path().join(part.as_str().expect("a component"));
        std::fs::remove_dir_all(part).expect("a component of the base");
    }
    copy_folder(&fixtures().join("families").join(model), folder.path());
    folder
}

/// Text encoders with more than `kept` parameters are read when they are needed.
fn check_stages<O: Ops>(ops: &O, kept: usize, title: &str) {
    let go = CancelToken::default();
    let mut table = Table::default();
    for model in models() {
        let goldens = Goldens::read(&format!("families_{model}.safetensors"));
        let place = assembled(&model);
        let source = ModelSource::Path(place.path().to_owned());
        let folder = ModelFolder::open(&source).expect("a model");
        let config = UNetConfig::read(&folder).expect("a UNet's configuration");
        let texts = TextEncoders::load(ops, &folder, &config, kept, &go);
        let texts = texts.expect("text encoders");
        let reading = Reading {
            prompts: Branches::Both.prompts(NEGATIVE, PROMPT),
            style: PromptStyle::default(),
            clip_skip: 1,
        };
        let ours = texts.read(ops, &reading, &go).expect("text states");
        let states = goldens.get("stage/text/states");
        assert_eq!(states.shape, ours.shape, "{model}");
        let error = relative(&ours.states, &states.values);
        table.within(format!("{model}, text states"), error, bound::STAGE);
        let mut pooled = &[][..];
        let mut ids = &[][..];
        if config.added.is_some() {
            pooled = &goldens.get("stage/text/pooled").values;
            ids = &goldens.get("stage/unet/ids").values;
            let error = relative(&ours.pooled, pooled);
            table.within(format!("{model}, whole texts"), error, bound::STAGE);
        }

        let file = folder.tensors("unet").expect("weights");
        let unet = UNet::load(ops, config, &file, &go).expect("a UNet");
        let context = ops.tokens(ours.shape, &states.values).expect("room");
        let words = unet.words(ops, &context, &go).expect("words");
        let half = |values: &'_ [f32], index: usize| {
            let length = values.len() / 2;
            values[index * length..][..length].to_vec()
        };
        let (first, second) = (half(pooled, 0), half(pooled, 1));
        let added = [(first.as_slice(), half(ids, 0)), (second.as_slice(), half(ids, 1))];
        let words = unet.told(ops, &words, &added, SCALE, None).expect("words");
        let latent = goldens.get("stage/unet/latent");
        let [batch, channels, height, width] = latent.dims4();
        let dims = ImageDims { batch, channels, height, width };
        let input = ops.image(dims, &latent.values).expect("room");
        let timesteps = &goldens.get("stage/unet/timesteps").values;
        let out = unet.forward(ops, &input, timesteps, &words, &go).expect("a prediction");
        let out = ops.read_image(&out).expect("values");
        let error = relative(&out, &goldens.get("stage/unet/out").values);
        table.within(format!("{model}, UNet"), error, bound::STAGE);
    }
    table.finish(&format!("Stages of the families, {title}: max |a − b| / max |b|"));
}

#[test]
fn family_stages_cpu() {
    check_stages(&Cpu::default(), KEPT_PARAMETERS, "own kernels");
}

#[test]
fn family_stages_candle() {
    check_stages(&Candle::new().expect("a device"), 0, "candle");
}

/// The request that should give a run's picture. What begins with another model has that of `base`.
fn request(run: &Run, goldens: &Goldens, own: ModelSource, base: &ModelSource) -> PaintRequest {
    let hand_over = run.0["hand_over"].as_f64();
    let first = if hand_over.is_some() { base } else { &own };
    let request = run.request(goldens, first.clone());
    let mut conditions: Conditions =
        serde_json::from_value(run.0["conditions"].clone()).expect("conditions");
    if run.word("model") == "depth" {
        let depth = goldens.get("depth");
        let rgba = depth.as_bytes().into_iter().flat_map(|value| [value, value, value, 255]);
        let rgba: Vec<u8> = rgba.collect();
        let size = (depth.shape[1] as u32, depth.shape[0] as u32);
        conditions.depth = Some(Plane::from_flat(size, &rgba));
    }
    conditions.refiner = hand_over.map(|from| Refiner { model: own, from: from as f32 });
    PaintRequest { conditions, ..request }
}

fn check_runs(backend: Backend) {
    let mut program = Program::start(backend);
    let mut table = Table::default();
    let base = ModelSource::Path(fixtures().join("families/sdxl"));
    for model in models() {
        let goldens = Goldens::read(&format!("families_{model}.safetensors"));
        let place = assembled(&model);
        let source = ModelSource::Path(place.path().to_owned());
        for run in runs().iter().filter(|run| run.word("model") == model) {
            let name = format!("{model} {}", run.word("name"));
            match program.paint(request(run, &goldens, source.clone(), &base)) {
                Ok(painted) => {
                    let of = |what: &str| goldens.get(&format!("{}/{what}", run.word("name")));
                    let latent = painted.latent.map_or_else(Vec::new, |latent| latent.values);
                    let error = relative(&latent, &of("latent").values);
                    table.within(format!("{name}, latent"), error, bound::LATENT);
                    let error = absolute(&rgb(&painted.picture), &of("pixels").values);
                    table.within(format!("{name}, pixels, 1/255"), error, bound::PIXEL);
                }
                Err(error) => {
                    table.within(format!("{name}: {error}"), f64::INFINITY, bound::LATENT);
                }
            }
        }
    }
    table.finish(&format!("Runs of the families, {backend:?}"));
}

#[test]
fn family_runs_cpu() {
    check_runs(Backend::Cpu);
}

#[test]
fn family_runs_candle() {
    check_runs(Backend::Candle);
}

/// Passing means something: what Python measured when it made each run wrong on purpose.
#[test]
fn each_family_run_notices_a_mistake() {
    let mut table = Table::default();
    for run in runs() {
        let mistakes = run.0["mistakes"].as_object().expect("mistakes");
        let worst = mistakes.values().filter_map(serde_json::Value::as_f64).fold(0.0, f64::max);
        let name = format!("{} {}", run.word("model"), run.word("name"));
        table.beyond(name, worst, bound::MISTAKE);
    }
    table.finish("Worst pixel of a deliberate mistake, 1/255");
}

/// The same in our own program: what is told wrongly is not what the fixture holds.
#[test]
fn family_runs_notice_a_wrong_condition() {
    let mut program = Program::start(Backend::Cpu);
    let mut table = Table::default();
    let mut check = |model: &str, name: &str, spoil: &dyn Fn(&mut PaintRequest)| {
        let goldens = Goldens::read(&format!("families_{model}.safetensors"));
        let place = assembled(model);
        let runs = runs();
        let same = |run: &&Run| run.word("model") == model && run.word("name") == name;
        let run = runs.iter().find(same).expect("the run");
        let own = ModelSource::Path(place.path().to_owned());
        let base = ModelSource::Path(fixtures().join("families/sdxl"));
        let mut wrong = request(run, &goldens, own, &base);
        spoil(&mut wrong);
        let painted = program.paint(wrong).expect("a picture");
        let wanted = &goldens.get(&format!("{name}/pixels")).values;
        let error = absolute(&rgb(&painted.picture), wanted);
        table.beyond(format!("{model} {name}"), error, bound::MISTAKE);
    };
    let unsaid = |request: &mut PaintRequest| request.conditions = Conditions::default();
    check("sdxl", "text_sizes", &unsaid);
    check("refiner", "hand_over_Euler", &unsaid);
    check("sdxl", "text_nothing_to_avoid", &|request| request.negative = " ".to_owned());
    check("edit", "edit_close", &unsaid);
    check("lcm", "text", &|request| request.guidance = Some(1.0));
    check("inpaint", "mask", &|request| {
        let mask = request.mask.as_mut().expect("a mask");
        mask.coverage = Plane::filled(mask.coverage.size(), [255]);
    });
    check("depth", "depth", &|request| {
        let flat = Plane::filled((8, 8), [0, 0, 0, 255]);
        request.conditions.depth = Some(flat);
    });
    table.finish("Wrong conditions, worst pixel, 1/255");
}

#[test]
fn few_step_models_are_run_as_they_were_made_to_be() {
    for (model, steps, guidance) in [("sdxl", 20, 7.5), ("sdxl_turbo", 4, 1.0), ("lcm", 4, 8.5)] {
        let place = assembled(model);
        let folder = ModelFolder::open(&ModelSource::Path(place.path().to_owned()));
        let folder = folder.expect("a model");
        let unet = UNetConfig::read(&folder).expect("a UNet's configuration");
        let noise = NoiseConfig::read(&folder).expect("a scheduler's configuration");
        assert_eq!(Usual::of(&unet, &noise), Usual { steps, guidance }, "{model}");
    }
}

#[test]
fn families_are_named_and_what_they_need_is_asked_for() {
    let mut program = Program::start(Backend::Cpu);
    for (model, family, task) in [
        ("sdxl", "SDXL, distilled", Task::Plain),
        ("refiner", "SDXL refiner, distilled", Task::Plain),
        ("ssd", "SDXL, distilled", Task::Plain),
        ("bk", "Stable Diffusion, distilled", Task::Plain),
        ("lcm", "Stable Diffusion, latent consistency", Task::Plain),
        ("inpaint", "Stable Diffusion, distilled", Task::Inpaint),
        ("edit", "Stable Diffusion, distilled", Task::Edit),
        ("depth", "Stable Diffusion, distilled", Task::Depth),
    ] {
        let place = assembled(model);
        let source = ModelSource::Path(place.path().to_owned());
        let identity = identify(&ModelFolder::open(&source).expect("a model")).expect("a UNet");
        assert_eq!((identity.family.as_str(), identity.task), (family, task), "{model}");
        let request = PaintRequest {
            model: source,
            prompt: PROMPT.to_owned(),
            size: Some((32, 32)),
            steps: Some(1),
            previews: true,
            ..PaintRequest::default()
        };
        let word = match task {
            Task::Edit => "open one first",
            Task::Depth => "depth map",
            _ => "",
        };
        match program.paint(request) {
            Ok(_) => assert!(word.is_empty(), "{model}"),
            Err(error) => assert!(!word.is_empty() && error.contains(word), "{model}: {error}"),
        }
    }
}
