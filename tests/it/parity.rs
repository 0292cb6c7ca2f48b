//! The whole program against diffusers: each stage by itself, then complete runs. The numbers
//! come from `tests/fixtures/*.py`; `cargo test --test it parity -- --nocapture` prints how far
//! apart the two are.

use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{ModelSource, PaintRequest};

use super::support::{
    Goldens, MODELS, Program, Run, Table, absolute, bound, json, model_folder, relative, rgb,
    stages, with_prediction,
};

fn check_stages(model: &str, backend: Backend) {
    let golden = Goldens::read(&format!("stages_{model}.safetensors"));
    let stages = stages(model, backend);
    let mut table = Table::default();
    for case in golden.cases("text", "states") {
        let states = stages.text(&golden.get(&format!("text/{case}/ids")).as_ids());
        let wanted = &golden.get(&format!("text/{case}/states")).values;
        table.within(
            format!("text states, prompt {case}"),
            relative(&states, wanted),
            bound::STAGE,
        );
    }
    for case in golden.cases("unet", "out") {
        let of = |name: &str| golden.get(&format!("unet/{case}/{name}"));
        let (latent, timesteps) = (of("latent"), &of("timesteps").values);
        let ours = stages.unet(latent, timesteps, golden.get("unet/states"));
        let [_, _, height, width] = latent.dims4();
        let name = format!("UNet, {height} × {width}, timesteps {timesteps:?}");
        table.within(name, relative(&ours, &of("out").values), bound::STAGE);
    }
    for case in golden.cases("encode", "mean") {
        let of = |name: &str| golden.get(&format!("encode/{case}/{name}"));
        let ours = stages.encode(of("picture"));
        let name = format!("encode, {:?}", &of("picture").shape[2..]);
        table.within(name, relative(&ours, &of("mean").values), bound::STAGE);
    }
    for case in golden.cases("decode", "out") {
        let of = |name: &str| golden.get(&format!("decode/{case}/{name}"));
        let ours = stages.decode(of("latent"));
        let name = format!("decode, {:?}", &of("latent").shape[2..]);
        table.within(name, relative(&ours, &of("out").values), bound::STAGE);
    }
    table.finish(&format!("Stages of {model}, {backend:?}: max |a − b| / max |b|"));
}

fn check_runs(model: &str, backend: Backend) {
    let golden = Goldens::read(&format!("runs_{model}.safetensors"));
    let mut program = Program::start(backend);
    let mut table = Table::default();
    for run in Run::of(model) {
        let name = run.word("name");
        let own = model_folder(model);
        let own_prediction = Run::of(model)[0].word("prediction").to_owned();
        let other = (run.word("prediction") != own_prediction)
            .then(|| with_prediction(model, run.word("prediction")));
        let folder = other.as_ref().map_or(own, |copy| copy.path().to_owned());
        let painted = match program.paint(run.request(&golden, ModelSource::Path(folder))) {
            Ok(painted) => painted,
            Err(error) => {
                table.within(format!("{name}: {error}"), f64::INFINITY, bound::LATENT);
                continue;
            }
        };
        let latent = painted.latent.map_or_else(Vec::new, |latent| latent.values);
        let wanted = &golden.get(&format!("{name}/latent")).values;
        table.within(format!("{name}, latent"), relative(&latent, wanted), bound::LATENT);
        // Outside the mask the picture itself must stay.
        let pixels = if run.word("task") == "mask" { "composed" } else { "pixels" };
        let wanted = &golden.get(&format!("{name}/{pixels}")).values;
        let error = absolute(&rgb(&painted.picture), wanted);
        table.within(format!("{name}, {pixels}, 1/255"), error, bound::PIXEL);
    }
    table.finish(&format!("Runs of {model}, {backend:?}"));
}

macro_rules! for_each_model_and_backend {
    ($check:ident: $($name:ident($model:literal, $backend:ident);)*) => {
        $(#[test]
        fn $name() {
            $check($model, Backend::$backend);
        })*
    };
}

for_each_model_and_backend! { check_stages:
    stages_pocket_cpu("pocket", Cpu);
    stages_pocket_candle("pocket", Candle);
    stages_sd1_cpu("sd1_tiny", Cpu);
    stages_sd1_candle("sd1_tiny", Candle);
    stages_sd2_cpu("sd2_tiny", Cpu);
    stages_sd2_candle("sd2_tiny", Candle);
}

for_each_model_and_backend! { check_runs:
    runs_pocket_cpu("pocket", Cpu);
    runs_pocket_candle("pocket", Candle);
    runs_sd1_cpu("sd1_tiny", Cpu);
    runs_sd1_candle("sd1_tiny", Candle);
    runs_sd2_cpu("sd2_tiny", Cpu);
    runs_sd2_candle("sd2_tiny", Candle);
}

/// Passing means something: what Python measured when it made each run wrong on purpose.
#[test]
fn each_run_notices_a_mistake() {
    let mut table = Table::default();
    for run in MODELS.iter().flat_map(|model| Run::of(model)) {
        let mistakes = run.0["mistakes"].as_object().expect("mistakes");
        let worst = mistakes.values().filter_map(serde_json::Value::as_f64).fold(0.0, f64::max);
        let name = format!("{} {}", run.word("model"), run.word("name"));
        table.beyond(name, worst, bound::MISTAKE);
    }
    table.finish("Worst pixel of a deliberate mistake, 1/255");
}

/// The same in our own program: what was asked for wrongly is not what the fixture holds.
#[test]
fn runs_notice_a_wrong_request() {
    let golden = Goldens::read("runs_sd1_tiny.safetensors");
    let mut program = Program::start(Backend::Cpu);
    let mut table = Table::default();
    let runs = Run::of("sd1_tiny");
    let run = runs.iter().find(|run| run.word("name") == "text_EulerAncestral").expect("the run");
    let right = run.request(&golden, ModelSource::Path(model_folder("sd1_tiny")));
    let steps = right.steps.map(|steps| steps / 2);
    let guidance = right.guidance.map(|guidance| guidance + 1.0);
    let wrong = [
        ("another seed", PaintRequest { seed: right.seed + 1, ..right.clone() }),
        ("half the steps", PaintRequest { steps, ..right.clone() }),
        ("more guidance", PaintRequest { guidance, ..right.clone() }),
    ];
    let wanted = &golden.get("text_EulerAncestral/pixels").values;
    for (name, request) in wrong {
        let painted = program.paint(request).expect("a picture");
        table.beyond(name, absolute(&rgb(&painted.picture), wanted), bound::MISTAKE);
    }
    table.finish("Wrong requests, worst pixel, 1/255");
}

#[test]
fn fixtures_say_what_made_them() {
    let versions = json("versions.json");
    for package in ["torch", "diffusers", "transformers"] {
        assert!(versions[package].is_string(), "{package}");
    }
}
