//! The flags, and what values they take.
//!
//! Whatever can be judged without opening a file is judged here, so that it ends with exit code 2.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::bench::{Part, PeerName, Side};
use crate::app::parameters::sampler_named;
use crate::document::codec::Format;
use crate::engine::painter::{Backend, Options, Precision};
use crate::engine::protocol::{
    ModelSource, Part as BatchPart, PromptStyle, SameAs, Sampler, Savings, Schedule,
};
use crate::kernels::isa::{Isa, IsaError};
use crate::models::shapes::Shape;
use crate::types::{Prediction, WeightBits};

/// A painting program that runs Stable Diffusion inside the same process.
///
/// Without arguments it opens its window; a picture or a project alone is opened in it.
#[derive(Debug, Parser)]
#[command(version = env!("PENTIMENTO_BUILD"), args_conflicts_with_subcommands = true)]
#[command(subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) generate: Option<Generate>,
}

impl Arguments {
    /// Whether the words after the program's name ask for the window, and what they want to open in
    /// it: one word that is neither a flag nor a command is a file.
    #[must_use]
    pub fn window(words: &[OsString]) -> Option<Option<PathBuf>> {
        let [word] = words else { return words.is_empty().then_some(None) };
        let parser = Self::command();
        let commands = parser.get_subcommands().map(clap::Command::get_name);
        let is_command = commands.chain(["help"]).any(|name| word == name);
        let is_file = !word.as_encoded_bytes().starts_with(b"-") && !is_command;
        is_file.then(|| Some(PathBuf::from(word)))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Paint a picture into a file (also without the word "generate")
    Generate(Box<Generate>),
    /// List the built-in model and those in the Hugging Face cache
    Models,
    /// Say what a model's folder or weights file holds, or what a picture was made from
    Inspect {
        /// A folder in the diffusers layout, a .safetensors, .ckpt, .pt or .bin file, "pocket", or a
        /// picture
        path: PathBuf,
    },
    /// Measure how long painting, or each network of a model, takes
    Bench(Bench),
    /// Show what a model on the Hugging Face hub holds and, with --yes, download it
    Download(Download),
    /// Answer what a measurement asks on standard input
    #[command(hide = true)]
    BenchSide(BenchSide),
}

/// What to paint, from what, how, and where to. All flags stand here themselves: clap sees whether
/// an optional group is there by its own members only.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each by itself")]
pub(super) struct Generate {
    /// What to paint, in words
    #[arg(long, value_name = "TEXT")]
    pub(super) prompt: String,
    /// What to avoid, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) negative: String,
    /// How brackets, BREAK and long prompts are read: A1111, ComfyUI, diffusers (as plain words)
    #[arg(long, value_name = "NAME", default_value = PromptStyle::default().name())]
    pub(super) prompt_style: PromptStyle,
    /// The text encoder's layer that is listened to, from the end, 1 to 12; 1 is the last one. SDXL was
    /// trained with 2, so that 1 and 2 are the same there
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=12))]
    pub(super) clip_skip: u32,
    /// A folder in the diffusers layout, a .safetensors or .ckpt file with a whole model, or "pocket"
    /// for the built-in model
    #[arg(long, value_name = "DIR|FILE|pocket", default_value = "pocket", value_parser = model)]
    pub(super) model: ModelSource,
    /// Another autoencoder: a .safetensors or .pt file, or a folder in the diffusers layout
    #[arg(long, value_name = "DIR|FILE")]
    pub(super) vae: Option<PathBuf>,
    /// Paint with the averaged weights (EMA) of a checkpoint that holds both
    #[arg(long)]
    pub(super) ema: bool,
    /// What the model predicts [default: found out from its files]
    #[arg(long, value_name = "NAME")]
    pub(super) prediction: Option<Prediction>,
    /// In how many bits the weights are kept: full, or int8 for those of the UNet's transformers, which
    /// takes less memory and mostly less time; approximate
    #[arg(long, value_name = "NAME", default_value = WeightBits::default().name())]
    pub(super) weights: WeightBits,
    /// Paint with the form for few steps of a model that has one: the built-in model then takes 4 steps
    /// without guidance
    #[arg(long)]
    pub(super) few_steps: bool,
    /// Size in pixels, such as 256x256 [default: the model's or the initial picture's]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) size: Option<(u32, u32)>,
    /// Sampling steps, 1 to 150 [default: the model's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=150))]
    pub(super) steps: Option<u32>,
    /// Sampling algorithm, also by the names of other programs, which may carry a schedule, such as
    /// "DPM++ 2M Karras" [default: the model's]
    #[arg(long, value_name = "NAME", value_parser = sampler_named)]
    pub(super) sampler: Option<(Sampler, Option<Schedule>)>,
    /// Where the steps lie [default: as the sampler's name says, or the model's]
    #[arg(long, value_name = "NAME")]
    pub(super) schedule: Option<Schedule>,
    /// Share of the noise that the sampler renews at each step, 0 to 1 [default: the sampler's]
    #[arg(long, value_name = "F", allow_negative_numbers = true, value_parser = cfg_rescale)]
    pub(super) eta: Option<f32>,
    /// The program whose picture it is to be: its noise, batches and steps. One of: pentimento,
    /// diffusers, diffusers-cuda, a1111, a1111-cpu, comfyui, comfyui-cuda
    #[arg(long, value_name = "NAME", default_value = "pentimento")]
    pub(super) same_as: SameAs,
    /// Paint one picture of a batch that shares its seed, such as 2/4: the second of four
    #[arg(long, value_name = "K/N", value_parser = batch)]
    pub(super) batch: Option<BatchPart>,
    /// Guidance scale; 1 turns guidance off [default: the model's]
    #[arg(long, value_name = "F", allow_negative_numbers = true, value_parser = cfg)]
    pub(super) cfg: Option<f32>,
    /// Guidance rescale, 0 to 1
    #[arg(long, value_name = "F", default_value = "0", allow_negative_numbers = true)]
    #[arg(value_parser = cfg_rescale)]
    pub(super) cfg_rescale: f32,
    /// How closely a model for editing keeps to the initial picture, from 1 [default: 1.5]
    #[arg(long, value_name = "F", requires = "init_image", allow_negative_numbers = true)]
    #[arg(value_parser = image_cfg)]
    pub(super) image_cfg: Option<f32>,
    /// How near everything is, for a depth model: a picture, light where it is near
    #[arg(long, value_name = "FILE")]
    pub(super) depth_image: Option<PathBuf>,
    /// Weights of Depth Anything V2, which estimates that from the initial picture [default: those in
    /// the Hugging Face cache]
    #[arg(long, value_name = "DIR|FILE")]
    pub(super) depth_model: Option<PathBuf>,
    /// Size that an SDXL picture is said to be cut from [default: its own]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) original_size: Option<(u32, u32)>,
    /// Left and top of the cut
    #[arg(long, value_name = "X,Y", default_value = "0,0", value_parser = place)]
    pub(super) crop: (u32, u32),
    /// Size of the cut [default: the picture's own]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) target_size: Option<(u32, u32)>,
    /// A model for the last steps, such as the SDXL refiner: a folder or a file
    #[arg(long, value_name = "DIR|FILE", value_parser = model)]
    pub(super) refiner: Option<ModelSource>,
    /// Which share of the noise's way down the first model goes, 0 to 1
    #[arg(long, value_name = "F", default_value = "0.8", requires = "refiner")]
    #[arg(allow_negative_numbers = true, value_parser = cfg_rescale)]
    pub(super) refiner_from: f32,
    /// Guide only while the noise (sigma) lies above LOW and up to HIGH; faster, approximate
    #[arg(long, value_name = "LOW,HIGH", value_parser = guidance_interval)]
    pub(super) guidance_interval: Option<(f32, f32)>,
    /// Run the whole UNet in every Nth step only, 2 to 5; faster, approximate (deep cache)
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=i64::from(Savings::MOST_STEPS)))]
    pub(super) deep_cache: Option<u32>,
    /// Let the largest self-attentions see this share of their tokens only merged with others, up to
    /// 0.75; faster at large sizes, approximate
    #[arg(long, value_name = "F", allow_negative_numbers = true, value_parser = token_merging)]
    pub(super) token_merging: Option<f32>,
    /// Seed of the first picture; the next one has the next seed, unless the program that is to be
    /// matched gives a batch one seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// Another seed to mix in; the next picture has the next one, and the seed stays
    #[arg(long, value_name = "N")]
    pub(super) variation_seed: Option<u64>,
    /// How far to go towards the other seed's noise, 0 to 1
    #[arg(long, value_name = "F", default_value = "0.2", requires = "variation_seed")]
    #[arg(allow_negative_numbers = true, value_parser = cfg_rescale)]
    pub(super) variation_strength: f32,
    /// How many pictures; more than one are numbered: FILE-0.png, FILE-1.png …
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) count: u32,
    /// Draw the initial picture's latent with the seed instead of taking the likeliest
    #[arg(long, requires = "init_image")]
    pub(super) vae_sample: bool,
    /// A picture to start from
    #[arg(long, value_name = "FILE")]
    pub(super) init_image: Option<PathBuf>,
    /// How far to leave it, over 0 up to 1 [default: 0.6, with a mask 1]
    #[arg(long, value_name = "F", requires = "init_image", allow_negative_numbers = true)]
    #[arg(value_parser = strength)]
    pub(super) strength: Option<f32>,
    /// A picture of the initial picture's size: white is painted again, black is kept
    #[arg(long, value_name = "FILE", requires = "init_image")]
    pub(super) mask: Option<PathBuf>,
    /// Width in pixels over which the result fades in, inside the mask's edge
    #[arg(long, value_name = "PX", default_value = "8", requires = "mask")]
    #[arg(allow_negative_numbers = true, value_parser = mask_blur)]
    pub(super) mask_blur: f32,
    /// Work on the mask and what lies round it alone, at the model's own size: more detail in small
    /// parts. Previews then show that part; a depth image makes it the whole picture again
    #[arg(long, requires = "mask")]
    pub(super) fill_around: bool,
    /// What computes: own kernels, or the plain twin that they are held against
    #[arg(long, value_name = "NAME", default_value = Backend::default().name())]
    pub(super) backend: Backend,
    /// Instructions for the own kernels: auto, amx, avx512-bf16, avx512, avx2, plain
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = isa)]
    pub(super) isa: IsaChoice,
    /// How the own kernels store numbers: auto, f32, bf16
    #[arg(long, value_name = "NAME", default_value = Precision::default().name())]
    pub(super) dtype: Precision,
    /// Threads for computing [default: one for each logical processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Memory that painting may take, in GB [default: what is free]
    #[arg(long, value_name = "GB", value_parser = memory)]
    pub(super) memory: Option<u64>,
    /// Paint even if the memory seems too small
    #[arg(long)]
    pub(super) anyway: bool,
    /// Folder for a preview of each step: step-01.png, step-02.png …
    #[arg(long, value_name = "DIR")]
    pub(super) previews: Option<PathBuf>,
    /// File for the final latents: tensor "latent", count × channels × height × width
    #[arg(long, value_name = "FILE.safetensors")]
    pub(super) latents: Option<PathBuf>,
    /// Say on standard output what happens, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// The picture to write: .png, .jpg or .webp
    #[arg(long, value_name = "FILE.png", value_parser = picture_file)]
    pub(super) out: PathBuf,
}

/// What to bring from the hub. The token is read from `HF_TOKEN`, never from a flag, which other
/// users of the machine could see.
#[derive(Args, Debug)]
pub(super) struct Download {
    /// The model, as owner/name
    #[arg(value_name = "REPO")]
    pub(super) repo: String,
    /// Download it, and accept its licence
    #[arg(long)]
    pub(super) yes: bool,
    /// A branch, a tag or a commit
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(super) revision: String,
    /// One file of it, where it holds several models
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<String>,
    /// Weights in 32 bits, even where there are some in 16
    #[arg(long)]
    pub(super) full: bool,
    /// The folder of downloads [default: the hub's usual cache]
    #[arg(long, value_name = "DIR")]
    pub(super) cache: Option<PathBuf>,
    /// The hub's address [default: huggingface.co]
    #[arg(long, value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// Say on standard output what happens, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// What to measure.
#[derive(Args, Debug)]
pub(super) struct Bench {
    /// Measure each network of a model: sd15, sd21 or sdxl with random weights, a folder, or "pocket"
    /// [default: whole pictures by the built-in model]
    #[arg(long, value_name = "NAME|DIR", value_parser = bench_model)]
    pub(super) model: Option<BenchModel>,
    /// Which networks: text, unet-b1, unet-b2, vae-decode, vae-encode; or, with a model that has
    /// weights, whole pictures: "picture" warm, "run" from reading the model on
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "model")]
    #[arg(default_values_t = Part::NETWORKS)]
    pub(super) parts: Vec<Part>,
    /// Run other programs with the same networks in turns and print the ratios: torch,
    /// torch-compile, openvino, candle, sdcpp
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "model")]
    pub(super) against: Vec<PeerName>,
    /// A Python that has the other programs, see tests/bench/README.md [default: python3]
    #[arg(long, value_name = "FILE", requires = "against")]
    pub(super) python: Option<PathBuf>,
    /// Whole pictures by the built-in model's form for few steps
    #[arg(long, conflicts_with = "model")]
    pub(super) few_steps: bool,
    /// Say where the time goes
    #[arg(long, requires = "model")]
    pub(super) profile: bool,
    /// Sampling steps [default: the model's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=150))]
    pub(super) steps: Option<u32>,
    /// Size in pixels, such as 256x256 [default: the model's]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) size: Option<(u32, u32)>,
    /// Several sizes, one after the other
    #[arg(long, value_name = "WxH,…", value_delimiter = ',', requires = "model")]
    #[arg(value_parser = size, conflicts_with = "size")]
    pub(super) sizes: Vec<(u32, u32)>,
    /// Pictures after the first, of which the median is taken
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) runs: u32,
    /// What computes: own kernels, or the plain twin that they are held against
    #[arg(long, value_name = "NAME", default_value = Backend::default().name())]
    pub(super) backend: Backend,
    /// Instructions for the own kernels: auto, amx, avx512-bf16, avx512, avx2, plain
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = isa)]
    pub(super) isa: IsaChoice,
    /// How the own kernels store numbers: auto, f32, bf16
    #[arg(long, value_name = "NAME", default_value = Precision::default().name())]
    pub(super) dtype: Precision,
    /// How the peers that have the choice store theirs [default: as here]
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(super) peer_dtype: Option<Precision>,
    /// In how many bits the weights are kept, with a model: full, int8
    #[arg(long, value_name = "NAME", default_value = WeightBits::default().name())]
    pub(super) weights: WeightBits,
    /// Threads for computing [default: one for each logical processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// One JSON object on standard output instead of the table
    #[arg(long)]
    pub(super) json: bool,
}

/// A model to measure.
#[derive(Clone, Debug)]
pub(super) enum BenchModel {
    /// A well-known shape with random weights.
    Shape(Shape),
    /// A real model.
    Source(ModelSource),
}

/// One side of a measurement, in a process of its own.
#[derive(Args, Debug)]
pub(super) struct BenchSide {
    /// Who answers
    pub(super) side: Side,
    /// The model's folder
    pub(super) folder: PathBuf,
    /// As for "bench"
    #[arg(long, default_value = "auto", value_parser = isa)]
    pub(super) isa: IsaChoice,
    /// Likewise
    #[arg(long, default_value = Precision::default().name())]
    pub(super) dtype: Precision,
    /// Likewise
    #[arg(long, default_value = WeightBits::default().name())]
    pub(super) weights: WeightBits,
    /// Likewise
    #[arg(long)]
    pub(super) threads: Option<u16>,
}

fn bench_model(text: &str) -> Result<BenchModel, String> {
    match Shape::ALL.into_iter().find(|shape| shape.name() == text) {
        Some(shape) => Ok(BenchModel::Shape(shape)),
        None => model(text).map(BenchModel::Source),
    }
}

/// Instructions by name, or the program's choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsaChoice(pub(super) Option<Isa>);

/// With what to compute.
pub(super) fn options(
    backend: Backend,
    isa: IsaChoice,
    precision: Precision,
    threads: Option<u16>,
) -> Options {
    let threads = threads.map(usize::from);
    Options { backend, isa: isa.0, precision, threads, ..Options::default() }
}

fn isa(name: &str) -> Result<IsaChoice, IsaError> {
    if name == "auto" { Ok(IsaChoice(None)) } else { name.parse().map(|isa| IsaChoice(Some(isa))) }
}

/// "pocket" or a path.
pub(super) fn model(text: &str) -> Result<ModelSource, String> {
    match text {
        "" => Err("name a folder, or \"pocket\"".to_owned()),
        "pocket" => Ok(ModelSource::BuiltIn),
        path => Ok(ModelSource::Path(path.into())),
    }
}

fn memory(text: &str) -> Result<u64, String> {
    number(text, 0.1..=1e6).map(|gigabytes| (f64::from(gigabytes) * 1e9) as u64)
}

fn place(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.trim().parse().ok().filter(|side| *side <= 65536);
    text.split_once(',')
        .and_then(|(left, top)| Some((side(left)?, side(top)?)))
        .ok_or_else(|| "write it as 0,0, in pixels".to_owned())
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "write it as 256x256, each side 1 to 4096".to_owned())
}

/// A picture's number, from 1, and its batch's size.
fn batch(text: &str) -> Result<BatchPart, String> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| (1..=1000).contains(number));
    text.split_once('/')
        .and_then(|(index, of)| Some(BatchPart { index: number(index)? - 1, of: number(of)? }))
        .filter(|part| part.index < part.of)
        .ok_or_else(|| "write it as 2/4, the second of four".to_owned())
}

fn picture_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match Format::of_path(&path) {
        Some(_) => Ok(path),
        None => Err("give the picture a name that ends with .png, .jpg or .webp".to_owned()),
    }
}

fn cfg(text: &str) -> Result<f32, String> {
    number(text, 0.0..=100.0)
}

fn cfg_rescale(text: &str) -> Result<f32, String> {
    number(text, 0.0..=1.0)
}

fn token_merging(text: &str) -> Result<f32, String> {
    let share = number(text, 0.0..=Savings::MOST_MERGED)?;
    if share > 0.0 { Ok(share) } else { Err("more than 0".to_owned()) }
}

fn image_cfg(text: &str) -> Result<f32, String> {
    number(text, 1.0..=100.0)
}

fn guidance_interval(text: &str) -> Result<(f32, f32), String> {
    let bound = |text: &str| number(text.trim(), 0.0..=Savings::MOST_SIGMA).ok();
    text.split_once(',')
        .and_then(|(low, high)| Some((bound(low)?, bound(high)?)))
        .filter(|(low, high)| low < high)
        .ok_or_else(|| "write it as 0.3,5.4: a lower sigma and a higher one".to_owned())
}

fn mask_blur(text: &str) -> Result<f32, String> {
    number(text, 0.0..=10_000.0)
}

fn strength(text: &str) -> Result<f32, String> {
    match number(text, 0.0..=1.0)? {
        strength if strength > 0.0 => Ok(strength),
        _ => Err("a strength of 0 changes nothing; use more than 0, up to 1".to_owned()),
    }
}

/// A number in a range, which "NaN" is never in.
fn number(text: &str, range: RangeInclusive<f32>) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| format!("use a number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("pentimento").chain(line.split_whitespace()))
    }

    fn refused(line: &str, word: &str) {
        let error = parsed(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(word), "{line}: {error}");
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_word_alone_is_a_file_for_the_window() {
        let window = |line: &str| {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            Arguments::window(&words)
        };
        assert_eq!(window(""), Some(None));
        for file in ["fox.ora", "./models", "C:fox.png"] {
            assert_eq!(window(file), Some(Some(PathBuf::from(file))));
        }
        for line in ["models", "help", "bench", "--help", "-V", "inspect fox.png", "a.png b.png"] {
            assert_eq!(window(line), None, "{line}");
        }
    }

    #[test]
    fn generate_needs_no_word() {
        for line in ["--prompt fox --out a.png", "generate --prompt fox --out a.png"] {
            let arguments = parsed(line).unwrap();
            let generate = match arguments.command {
                Some(Command::Generate(generate)) => *generate,
                _ => arguments.generate.unwrap(),
            };
            assert_eq!((generate.prompt.as_str(), generate.count), ("fox", 1));
        }
        assert!(matches!(parsed("models").unwrap().command, Some(Command::Models)));
        assert!(matches!(parsed("bench --runs 2").unwrap().command, Some(Command::Bench(_))));
        assert!(matches!(parsed("inspect pocket").unwrap().command, Some(Command::Inspect { .. })));
    }

    #[test]
    fn wrong_values_are_refused_at_once() {
        let with = |flags: &str, word: &str| {
            refused(&format!("--prompt fox --out a.png {flags}"), word);
            refused(&format!("generate --prompt fox --out a.png {flags}"), word);
        };
        with("--steps 0", "1..=150");
        with("--sampler magic", "Known: DPM++ 2M, DPM++ SDE, ");
        with("--schedule magic", "Known: Trailing");
        with("--strength 0 --init-image b.png", "more than 0");
        with("--strength 1.5 --init-image b.png", "0 to 1");
        with("--prompt-style magic", "Known: A1111, ComfyUI");
        with("--clip-skip 0", "1..=12");
        with("--size 0x0", "256x256");
        with("--size big", "256x256");
        with("--cfg -1", "0 to 100");
        with("--cfg NaN", "0 to 100");
        with("--cfg-rescale 2", "0 to 1");
        with("--eta 2", "0 to 1");
        with("--token-merging 0.9", "0 to 0.75");
        with("--token-merging 0", "more than 0");
        with("--same-as magic", "Known: Pentimento, diffusers");
        with("--batch 5/4", "2/4");
        with("--count 0", "1..=1000");
        with("--threads 0", "1..=1024");
        with("--backend abacus", "Known: cpu, ");
        with("--isa abacus", "Known: amx, ");
        with("--dtype f8", "Known: auto, f32, bf16");
        with("--weights int4", "Known: full, int8");
        with("--mask b.png", "--init-image");
        with("--strength 0.5", "--init-image");
        refused("--prompt fox --out a.gif", ".png");
        refused("--prompt fox", "--out");
        refused("--out a.png", "--prompt");
        refused("--magic", "--magic");
        assert_eq!(parsed("--help").unwrap_err().exit_code(), 0);
        assert_eq!(parsed("--version").unwrap_err().exit_code(), 0);
    }

    #[test]
    fn values_may_be_written_in_several_ways() {
        assert_eq!(size("64x32"), Ok((64, 32)));
        assert_eq!(size("64X32"), Ok((64, 32)));
        assert_eq!(size("64×32"), Ok((64, 32)));
        let known = parsed("--sampler DPM++_2M_Karras --prompt fox --out a.png").unwrap();
        let combined = Some((Sampler::DpmPp2M, Some(Schedule::Karras)));
        assert_eq!(known.generate.unwrap().sampler, combined);
        assert!(size("64x-1").is_err() && size("x").is_err() && size("99999x1").is_err());
        assert_eq!(model("pocket"), Ok(ModelSource::BuiltIn));
        assert_eq!(model("./pocket"), Ok(ModelSource::Path("./pocket".into())));
    }
}
