//! What the golden tests share: fixtures, the one table of tolerances, and the only place that
//! knows the program's interfaces, so that a change of theirs is mended here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pentimento::cancel::CancelToken;
use pentimento::diffusion::noise::TorchNoise;
use pentimento::diffusion::schedule::{Course, Family, TrainingNoise};
use pentimento::diffusion::text::clip::{ClipText, Reach};
use pentimento::diffusion::unet::UNet;
use pentimento::diffusion::vae::Vae;
use pentimento::engine::Engine;
use pentimento::engine::painter::{Backend, Options, Precision};
use pentimento::engine::protocol::{
    Event, FillArea, InitPicture, InpaintMask, ModelChoices, ModelSource, PaintRequest, Painted,
    Posterior, Request,
};
use pentimento::models::ModelFolder;
use pentimento::models::config::clip::ClipConfig;
use pentimento::models::config::noise::NoiseConfig;
use pentimento::models::config::unet::UNetConfig;
use pentimento::models::config::vae::VaeConfig;
use pentimento::ops::{ImageDims, Ops, candle::Candle, cpu::Cpu};
use pentimento::plane::Plane;
use pentimento::types::{SameAs, Sampler, Schedule};
use safetensors::SafeTensors;
use serde_json::Value;

/// Models with golden data.
pub const MODELS: [&str; 3] = ["pocket", "sd1_tiny", "sd2_tiny"];

/// How far results may lie from diffusers', relative to the largest value unless said.
pub mod bound {
    /// Text states, a UNet call, encoding and decoding.
    pub const STAGE: f64 = 1e-4;
    /// The final latent of a complete run.
    pub const LATENT: f64 = 1e-3;
    /// Pixels of a complete run, in 1/255.
    pub const PIXEL: f64 = 1.0;
    /// What each deliberate mistake must exceed at its worst pixel, in 1/255.
    pub const MISTAKE: f64 = 20.0;
    /// candle-transformers' UNet: its GEGLU is the tanh form of GELU.
    pub const ORACLE_UNET: f64 = 5e-4;
    /// candle-transformers' autoencoder.
    pub const ORACLE_VAE: f64 = 1e-4;
    /// A complete run of a sampler on a model that is one formula: the references hold latents of
    /// deviation 15 in f32, and of 4096 with zero terminal SNR.
    pub const SAMPLER: f64 = 3e-4;
    /// Normal random numbers, absolute; uniform ones are equal.
    pub const NORMAL: f64 = 2e-6;
    /// A timestep between two training timesteps, absolute: looked up by a sigma.
    pub const TIMESTEP: f64 = 2e-2;
    /// Sigmas and alphas, relative to each value. At the clean end 1 - alpha² is below 1e-3, and
    /// the last bit of alpha² in f32 is 7e-5 of it.
    pub const SCHEDULE: f64 = 1e-4;
}

/// The folder of the golden data.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The folder of a model that has golden data.
pub fn model_folder(model: &str) -> PathBuf {
    match model {
        "pocket" => Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pocket"),
        tiny => fixtures().join(tiny),
    }
}

/// A JSON file of the golden data.
pub fn json(name: &str) -> Value {
    let path = fixtures().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A tensor of the golden data.
#[derive(Clone, Debug)]
pub struct Golden {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Golden {
    /// The sizes of four-dimensional ones.
    pub fn dims4(&self) -> [usize; 4] {
        self.shape.clone().try_into().expect("a batch of images")
    }

    /// Token ids are whole numbers.
    pub fn as_ids(&self) -> Vec<u32> {
        self.values.iter().map(|value| *value as u32).collect()
    }

    /// Pixels are bytes.
    pub fn as_bytes(&self) -> Vec<u8> {
        self.values.iter().map(|value| *value as u8).collect()
    }
}

/// A safetensors file of the golden data, all of it.
pub struct Goldens(BTreeMap<String, Golden>);

impl Goldens {
    pub fn read(name: &str) -> Self {
        let path = fixtures().join(name);
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes).expect("our own safetensors file");
        let tensor = |view: safetensors::tensor::TensorView<'_>| {
            let data = view.data();
            let values = match view.dtype() {
                safetensors::Dtype::F32 => data
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
                safetensors::Dtype::I64 => data
                    .chunks_exact(8)
                    .map(|b| f32::from(u16::from_le_bytes([b[0], b[1]])))
                    .collect(),
                safetensors::Dtype::U8 => data.iter().map(|b| f32::from(*b)).collect(),
                other => panic!("no golden data is {other:?}"),
            };
            Golden { shape: view.shape().to_vec(), values }
        };
        Self(file.tensors().into_iter().map(|(name, view)| (name, tensor(view))).collect())
    }

    pub fn get(&self, name: &str) -> &Golden {
        self.0.get(name).unwrap_or_else(|| panic!("no golden tensor '{name}'"))
    }

    /// The CASE in names like `unet/CASE/out`.
    pub fn cases(&self, stage: &str, last: &str) -> Vec<String> {
        let middle = |name: &String| {
            let name = name.strip_prefix(stage)?.strip_prefix('/')?;
            Some(name.strip_suffix(last)?.strip_suffix('/')?.to_owned())
        };
        self.0.keys().filter_map(middle).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

/// `max |a − b| / max |b|`; infinite where lengths differ or something is no number.
pub fn relative(ours: &[f32], golden: &[f32]) -> f64 {
    let largest = golden.iter().fold(0.0f64, |max, b| max.max(f64::from(b.abs())));
    absolute(ours, golden) / largest
}

/// `max |a − b|`; infinite where lengths differ or something is no number.
pub fn absolute(ours: &[f32], golden: &[f32]) -> f64 {
    if ours.len() != golden.len() || ours.iter().any(|a| !a.is_finite()) {
        return f64::INFINITY;
    }
    ours.iter().zip(golden).fold(0.0, |max, (a, b)| max.max((f64::from(*a) - f64::from(*b)).abs()))
}

/// Collects comparisons, prints them, and fails once at the end with all that are too far off.
#[derive(Default)]
pub struct Table {
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Table {
    /// `error` must not exceed `bound`.
    pub fn within(&mut self, name: impl std::fmt::Display, error: f64, bound: f64) {
        self.line(format!("{name:58} {error:9.2e}  ≤ {bound:.0e}"), error <= bound);
    }

    /// `error` must exceed `bound`: what is wrong must show.
    pub fn beyond(&mut self, name: impl std::fmt::Display, error: f64, bound: f64) {
        self.line(format!("{name:58} {error:9.2e}  ≥ {bound:.0e}"), error >= bound);
    }

    fn line(&mut self, line: String, passed: bool) {
        if !passed {
            self.failures.push(line.clone());
        }
        self.lines.push(line);
    }

    /// Prints all lines under a title; panics with those that failed.
    pub fn finish(self, title: &str) {
        println!("\n{title}\n{}", self.lines.join("\n"));
        assert!(!self.lines.is_empty(), "{title}: nothing was compared");
        assert!(self.failures.is_empty(), "{title}: too far off\n{}", self.failures.join("\n"));
    }
}

/// The networks of a model, each stage by itself.
pub trait Stages {
    /// Token ids → text states.
    fn text(&self, ids: &[u32]) -> Vec<f32>;
    /// Latents (batch, channels, height, width), a timestep for each, text states (batch,
    /// positions, width) → prediction.
    fn unet(&self, latent: &Golden, timesteps: &[f32], states: &Golden) -> Vec<f32>;
    /// Pictures in -1..=1 → means of the posterior, not scaled.
    fn encode(&self, picture: &Golden) -> Vec<f32>;
    /// Latents as the decoder takes them → pictures, about -1..=1.
    fn decode(&self, latent: &Golden) -> Vec<f32>;
    /// See [`Vae::keep_whole`].
    fn keep_whole(&mut self, values: usize);
}

/// Loads a model's networks on a backend.
pub fn stages(model: &str, backend: Backend) -> Box<dyn Stages> {
    match backend {
        Backend::Cpu => Box::new(Networks::load(model, Cpu::default())),
        Backend::Candle => Box::new(Networks::load(model, Candle::new().expect("a device"))),
    }
}

struct Networks<O: Ops> {
    ops: O,
    text: ClipText<O>,
    unet: UNet<O>,
    vae: Vae<O>,
    go: CancelToken,
}

impl<O: Ops> Networks<O> {
    fn load(model: &str, ops: O) -> Self {
        let go = CancelToken::default();
        let folder = ModelFolder::open(&ModelSource::Path(model_folder(model))).expect("a model");
        let file = |part: &str| folder.tensors(part).expect("weights");
        let text = ClipConfig::read(&folder, "text_encoder").expect("a text config");
        let unet = UNetConfig::read(&folder).expect("a UNet config");
        let vae = VaeConfig::read(&folder).expect("an autoencoder config");
        Self {
            text: ClipText::load(&ops, text, false, &file("text_encoder"), &go)
                .expect("text encoder"),
            unet: UNet::load(&ops, unet, &file("unet"), &go).expect("UNet"),
            vae: Vae::load(&ops, vae, &file("vae"), &go).expect("autoencoder"),
            ops,
            go,
        }
    }

    fn image(&self, golden: &Golden) -> O::Tensor {
        let [batch, channels, height, width] = golden.dims4();
        let dims = ImageDims { batch, channels, height, width };
        self.ops.image(dims, &golden.values).expect("room")
    }
}

impl<O: Ops> Stages for Networks<O> {
    fn text(&self, ids: &[u32]) -> Vec<f32> {
        let reading = self.text.read(&self.ops, &[ids], 0, Reach::LAST, &self.go);
        reading.expect("text states").states
    }

    fn unet(&self, latent: &Golden, timesteps: &[f32], states: &Golden) -> Vec<f32> {
        let shape = states.shape.clone().try_into().expect("text states");
        let states = self.ops.tokens(shape, &states.values).expect("room");
        let latent = self.image(latent);
        let words = self.unet.words(&self.ops, &states, &self.go).expect("keys and values");
        let out = self.unet.forward(&self.ops, &latent, timesteps, &words, &self.go);
        self.ops.read_image(&out.expect("a prediction")).expect("values")
    }

    fn encode(&self, picture: &Golden) -> Vec<f32> {
        let out = self.vae.encode(&self.ops, &self.image(picture), &self.go).expect("a posterior");
        let values = self.ops.read_image(&out).expect("values");
        // Means come first, then as many logarithms of variances.
        let image = values.len() / picture.shape[0];
        values.chunks_exact(image).flat_map(|image| &image[..image.len() / 2]).copied().collect()
    }

    fn decode(&self, latent: &Golden) -> Vec<f32> {
        let out = self.vae.decode(&self.ops, &self.image(latent), &self.go).expect("a picture");
        self.ops.read_image(&out).expect("values")
    }

    fn keep_whole(&mut self, values: usize) {
        self.vae.keep_whole(values);
    }
}

/// One entry of runs.json.
#[derive(Clone, Debug)]
pub struct Run(pub Value);

impl Run {
    /// All runs of a model.
    pub fn of(model: &str) -> Vec<Self> {
        let Value::Array(all) = json("runs.json") else { panic!("runs.json is a list") };
        all.into_iter().filter(|run| run["model"] == model).map(Self).collect()
    }

    pub fn word(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.0["name"]))
    }

    pub fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("{key} in {}", self.0["name"]))
    }

    fn whole(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or_else(|| panic!("{key} in {}", self.0["name"]))
    }

    /// The request that should give the same picture.
    pub fn request(&self, goldens: &Goldens, model: ModelSource) -> PaintRequest {
        let side = |index: usize| self.0["size"][index].as_u64().expect("two sides") as u32;
        let (width, height) = (side(0), side(1));
        let task = self.0["task"].as_str().unwrap_or("text");
        let init = (task != "text").then(|| {
            let rgb = goldens.get("picture").as_bytes();
            let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
            InitPicture {
                picture: Plane::from_flat((width, height), &rgba),
                strength: self.number("strength") as f32,
                posterior: match self.word("posterior") {
                    "Mode" => Posterior::Mode,
                    "Sample" => Posterior::Sample,
                    other => panic!("no posterior is called {other}"),
                },
            }
        });
        let mask = (task == "mask").then(|| {
            let values = goldens.get("coverage").as_bytes();
            InpaintMask {
                coverage: Plane::from_flat((width, height), &values),
                feather_px: 0.0,
                area: FillArea::Whole,
            }
        });
        PaintRequest {
            model,
            choices: ModelChoices {
                few_steps: self.0["few_steps"] == true,
                ..ModelChoices::default()
            },
            prompt: self.word("prompt").to_owned(),
            negative: self.word("negative").to_owned(),
            size: Some((width, height)),
            steps: Some(self.whole("steps") as u32),
            sampler: Some(sampler(self.word("sampler"))),
            schedule: Some(schedule(self.word("schedule"))),
            eta: self.0["eta"].as_f64().map(|eta| eta as f32),
            same_as: match self.0["same_as"].as_str() {
                Some(program) => program.parse().expect("a program's name"),
                None => SameAs::default(),
            },
            guidance: Some(self.number("guidance") as f32),
            guidance_rescale: self.0["guidance_rescale"].as_f64().unwrap_or(0.0) as f32,
            seed: self.whole("seed"),
            init,
            mask,
            previews: false,
            latents: true,
            ..PaintRequest::default()
        }
    }
}

/// The sampler that a fixture names.
pub fn sampler(name: &str) -> Sampler {
    serde_json::from_value(name.into()).expect("a sampler's name")
}

/// The schedule that a fixture names.
pub fn schedule(name: &str) -> Schedule {
    serde_json::from_value(name.into()).expect("a schedule's name")
}

/// A copy of a model whose UNet's output is said to mean something else.
pub fn with_prediction(model: &str, prediction: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&model_folder(model), copy.path());
    let path = copy.path().join("scheduler/scheduler_config.json");
    let mut config: Value =
        serde_json::from_str(&fs::read_to_string(&path).expect("readable")).expect("JSON");
    config["prediction_type"] = prediction.into();
    fs::write(&path, config.to_string()).expect("writable");
    copy
}

/// Copies a folder with all that is in it, over what is there.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable").map(|entry| entry.expect("readable")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("writable");
        }
    }
}

/// The program as the window and the command line use it.
pub struct Program(Engine);

impl Program {
    /// In f32: goldens are.
    pub fn start(backend: Backend) -> Self {
        Self::with(Options { backend, precision: Precision::F32, ..Options::default() })
    }

    pub fn with(options: Options) -> Self {
        Self(Engine::spawn(options, || ()).expect("a thread"))
    }

    /// Paints one picture; a failed job is the error.
    pub fn paint(&mut self, request: PaintRequest) -> Result<Painted, String> {
        let job = self.0.next_job();
        self.0.submit(job, Request::Paint(Box::new(request))).map_err(|e| e.to_string())?;
        let mut result = Err("nothing was painted".to_owned());
        while let Some(event) = self.0.wait() {
            match event {
                Event::Painted { painted, .. } => result = Ok(painted),
                Event::Failed { error, .. } => return Err(error.to_string()),
                event if event.is_terminal() => return result,
                _ => {}
            }
        }
        Err("the worker is gone".to_owned())
    }
}

/// The colours of a picture, without its alpha.
pub fn rgb(picture: &Plane<4>) -> Vec<f32> {
    let rgba = picture.to_flat();
    let colours = rgba.chunks_exact(4).flat_map(|p| &p[..3]);
    colours.map(|value| f32::from(*value)).collect()
}

/// Peak signal-to-noise ratio of two pictures with values 0..=255, in dB; at most 138 for equal ones.
pub fn psnr(a: &[f32], b: &[f32]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    20.0 * 255.0_f64.log10() - 10.0 * (squares / a.len() as f64).max(1e-9).log10()
}

/// `count` normal random numbers after each other from a generator that was just seeded, for each
/// of `counts`; then `uniforms` uniform ones.
pub fn random(seed: u64, counts: &[usize], uniforms: usize) -> Vec<f32> {
    let mut noise = TorchNoise::new(seed);
    let mut values: Vec<f32> = counts.iter().flat_map(|count| noise.normal(*count)).collect();
    values.extend((0..uniforms).map(|_| noise.uniform()));
    values
}

/// A run's steps in the terms of diffusers' sigma-based samplers.
pub struct Steps {
    /// What the UNet is told, once a step.
    pub timesteps: Vec<f32>,
    /// Noise per picture at each step; infinite for pure noise.
    pub sigmas: Vec<f32>,
    /// Standard deviation of the first latent divided by that of the fully noisy one.
    pub initial_scale: f64,
}

/// How the program would walk with this `scheduler_config.json`.
pub fn steps(config: &Value, sampler: Sampler, schedule: Schedule, steps: usize) -> Steps {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scheduler = folder.path().join("scheduler");
    fs::create_dir_all(&scheduler).expect("a folder");
    fs::write(folder.path().join("model_index.json"), "{}").expect("writable");
    fs::write(scheduler.join("scheduler_config.json"), config.to_string()).expect("writable");
    let folder = ModelFolder::open(&ModelSource::Path(folder.path().to_owned())).expect("a model");
    let config = NoiseConfig::read(&folder).expect("a scheduler's config");
    let course = Course {
        sampler,
        schedule,
        steps,
        eta: None,
        same_as: SameAs::default(),
        family: Family::Sd,
    };
    let plan = TrainingNoise::new(config).plan(&course);
    Steps {
        timesteps: plan.levels.iter().map(|level| level.timestep).collect(),
        sigmas: plan.levels.iter().map(|level| level.ratio() as f32).collect(),
        initial_scale: plan.initial_scale,
    }
}
