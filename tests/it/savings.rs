//! Approximate savings: how far their pictures lie from the full run's, and that at their limits
//! they are the full run.

use pentimento::cancel::CancelToken;
use pentimento::diffusion::unet::{Kept, UNet};
use pentimento::engine::painter::{Options, Precision};
use pentimento::engine::protocol::{ModelChoices, ModelSource, PaintRequest, Savings, WeightBits};
use pentimento::models::ModelFolder;
use pentimento::models::config::unet::UNetConfig;
use pentimento::ops::candle::Candle;
use pentimento::ops::cpu::{Cpu, DType, Isa};
use pentimento::ops::{ImageDims, LinearWeights, Ops};

use super::support::{Program, psnr, rgb};

/// Seeds that a figure is the median of.
const SEEDS: u64 = 8;

const PROMPTS: [&str; 4] = [
    "a penguin in the snow",
    "a palm tree on the beach",
    "a red apple on a wooden table",
    "a rocket",
];

/// Weights in 8 bits.
fn short(request: PaintRequest) -> PaintRequest {
    let choices = ModelChoices { weights: WeightBits::Eight, ..ModelChoices::default() };
    PaintRequest { choices, ..request }
}

fn request(seed: u64, savings: Savings) -> PaintRequest {
    PaintRequest {
        prompt: PROMPTS[seed as usize % PROMPTS.len()].to_owned(),
        seed,
        savings,
        previews: false,
        ..PaintRequest::default()
    }
}

fn program() -> Program {
    Program::with(Options { precision: Precision::F32, ..Options::default() })
}

fn small(savings: Savings) -> PaintRequest {
    PaintRequest { size: Some((128, 128)), steps: Some(6), ..request(1, savings) }
}

#[test]
fn savings_paint_nearly_the_same_pictures() {
    let interval =
        |low, high| Savings { guidance_interval: Some((low, high)), ..Savings::default() };
    let cache = |steps| Savings { deep_cache: Some(steps), ..Savings::default() };
    let merging = |share| Savings { token_merging: Some(share), ..Savings::default() };
    let both = Savings { deep_cache: Some(2), ..interval(0.3, 5.4) };
    // Each with the least median in dB that it may have.
    let kinds = [
        ("guided from sigma 0.3 to 5.4", interval(0.3, 5.4), 15.0),
        ("guided from sigma 0.3 on", interval(0.3, 10_000.0), 30.0),
        ("guided from sigma 0.6 on", interval(0.6, 10_000.0), 28.0),
        ("guided up to sigma 5.4", interval(0.0, 5.4), 15.0),
        ("whole every 2 steps", cache(2), 24.0),
        ("whole every 3 steps", cache(3), 20.0),
        ("a quarter of the tokens merged", merging(0.25), 30.0),
        ("half of the tokens merged", merging(0.5), 21.0),
        ("three quarters of the tokens merged", merging(0.75), 19.0),
        ("guided from 0.3 to 5.4, whole every 2 steps", both, 15.0),
    ];
    let mut program = program();
    let mut paint = |request| rgb(&program.paint(request).expect("a picture").picture);
    let plain = |seed| request(seed, Savings::default());
    let full: Vec<Vec<f32>> = (0..SEEDS).map(|seed| paint(plain(seed))).collect();
    let mut check = |name: &str, asked: &dyn Fn(u64) -> PaintRequest, least: f64| {
        let near = |(seed, full): (u64, &Vec<f32>)| psnr(full, &paint(asked(seed)));
        let mut values: Vec<f64> = (0..SEEDS).zip(&full).map(near).collect();
        values.sort_by(f64::total_cmp);
        let median = f64::midpoint(values[3], values[4]);
        println!("{name}: median {median:.1} dB, worst {:.1} dB of {SEEDS} seeds", values[0]);
        assert!(median >= least && values[7] < 90.0, "{name}: {values:.1?}");
    };
    for (name, savings, least) in kinds {
        check(name, &|seed| request(seed, savings), least);
    }
    check("weights in 8 bits", &|seed| short(plain(seed)), 40.0);
}

#[test]
fn an_interval_over_everything_is_the_full_run_and_over_nothing_the_prompt_alone() {
    let mut program = program();
    let mut paint = |request| rgb(&program.paint(request).expect("a picture").picture);
    let interval =
        |low, high| Savings { guidance_interval: Some((low, high)), ..Savings::default() };
    let full = paint(small(Savings::default()));
    // The built-in model's first step is pure noise: it belongs to the run as well.
    assert!(paint(small(interval(0.0, 10_000.0))) == full);
    let unguided = paint(PaintRequest { guidance: Some(1.0), ..small(Savings::default()) });
    let nowhere = paint(small(interval(9_000.0, 10_000.0)));
    // The text encoder read one prompt or two, which may round differently.
    let near = psnr(&nowhere, &unguided);
    assert!(near > 50.0, "{near:.1} dB");
    assert!(psnr(&unguided, &full) < 40.0, "guidance makes a difference");
}

/// What the built-in model's UNet predicts, with a share of its tokens merged.
fn predicted<O: Ops>(ops: &O, share: Option<f32>) -> Vec<f32> {
    let go = CancelToken::default();
    let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
    let config = UNetConfig::read(&folder).unwrap();
    let unet = UNet::load(ops, config, &folder.tensors("unet").unwrap(), &go).unwrap();
    let waves = |count: usize| -> Vec<f32> { (0..count).map(|i| (i as f32).sin()).collect() };
    let width = unet.config().cross_attention_dim;
    let states = ops.tokens([2, 5, width], &waves(2 * 5 * width)).unwrap();
    let words = unet.words(ops, &states, &go).unwrap();
    let words = unet.told(ops, &words, &[(&[], vec![]), (&[], vec![])], 1.0, share).unwrap();
    // Odd, so that not all tokens lie in windows.
    let dims = ImageDims { batch: 2, channels: 4, height: 13, width: 22 };
    let x = ops.image(dims, &waves(2 * 4 * 13 * 22)).unwrap();
    ops.read_image(&unet.forward(ops, &x, &[500.0; 2], &words, &go).unwrap()).unwrap()
}

#[test]
fn tokens_are_merged_alike_on_both_backends() {
    let cpu = Cpu::new(Isa::best(), DType::F32);
    let candle = Candle::new().unwrap();
    let plain = predicted(&cpu, None);
    for share in [0.2, 0.75] {
        let (ours, twin) = (predicted(&cpu, Some(share)), predicted(&candle, Some(share)));
        assert!(apart(&ours, &twin) < 1e-4, "{share}: {}", apart(&ours, &twin));
        assert!(apart(&ours, &plain) > 1e-3, "{share}: merging makes a difference");
    }
}

/// The largest difference, as a share of the largest value.
fn apart(ours: &[f32], other: &[f32]) -> f32 {
    let largest = ours.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let pairs = ours.iter().zip(other);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

/// What a linear layer in 8 bits makes of waves.
fn projected<O: Ops>(ops: &O) -> Vec<f32> {
    let waves = |count: usize| -> Vec<f32> { (0..count).map(|i| (i as f32).sin()).collect() };
    let shape = [80, 96];
    let weight = waves(80 * 96);
    let weights = LinearWeights { weight: &weight, bias: None, shape, may_round: true };
    let linear = ops.linear(weights).unwrap();
    let x = ops.tokens([1, 64, 96], &waves(64 * 96)).unwrap();
    ops.read_tokens(&ops.project(&x, &linear, None, None).unwrap()).unwrap()
}

#[test]
fn weights_are_rounded_alike_on_both_backends() {
    let cpu = |isa| Cpu::new(isa, DType::F32).with_weights(WeightBits::Eight);
    let candle = Candle::new().unwrap().with_weights(WeightBits::Eight);
    let (ours, twin) = (projected(&cpu(Isa::best())), projected(&candle));
    assert_eq!(ours, projected(&cpu(Isa::Plain)), "whole numbers are the same everywhere");
    let largest = ours.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let far = ours.iter().zip(&twin).filter(|(a, b)| (*a - *b).abs() > 1e-5 * largest).count();
    // Between two bytes, the last bit of a token's scale decides.
    assert!(far * 20 <= ours.len() && apart(&ours, &twin) < 2e-3, "{far}: {}", apart(&ours, &twin));

    // Through the net, one byte that is rounded otherwise leads to others: in the end the backends
    // differ by no more than rounding itself does, twice.
    let ours = predicted(&cpu(Isa::best()), None);
    let rounding = apart(&predicted(&Cpu::new(Isa::best(), DType::F32), None), &ours);
    assert!((1e-3..0.1).contains(&rounding), "{rounding}");
    for other in [predicted(&cpu(Isa::Plain), None), predicted(&candle, None)] {
        let apart = apart(&ours, &other);
        assert!(apart < 2.0 * rounding, "{apart} of {rounding}");
    }
}

#[test]
fn the_last_layer_over_features_of_the_same_step_is_the_whole_unet() {
    let (ops, go) = (Cpu::new(Isa::best(), DType::F32), CancelToken::default());
    let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
    let config = UNetConfig::read(&folder).unwrap();
    let unet = UNet::load(&ops, config, &folder.tensors("unet").unwrap(), &go).unwrap();
    let waves = |count: usize| -> Vec<f32> { (0..count).map(|i| (i as f32).sin()).collect() };
    let width = unet.config().cross_attention_dim;
    let states = ops.tokens([2, 5, width], &waves(2 * 5 * width)).unwrap();
    let words = unet.words(&ops, &states, &go).unwrap();
    let dims = ImageDims { batch: 2, channels: 4, height: 12, width: 20 };
    let x = ops.image(dims, &waves(2 * 4 * 12 * 20)).unwrap();
    let mut kept = Kept::default();
    let mut call = |timestep: f32| {
        let out = unet.forward_reusing(&ops, &x, &[timestep; 2], &words, &mut kept, &go).unwrap();
        ops.read_image(&out).unwrap()
    };
    let (whole, last, later) = (call(500.0), call(500.0), call(100.0));
    assert_eq!(last, whole);
    let plain = |timestep: f32| {
        ops.read_image(&unet.forward(&ops, &x, &[timestep; 2], &words, &go).unwrap()).unwrap()
    };
    assert_eq!(plain(500.0), whole);
    assert_ne!(plain(100.0), later, "deep features were not used again");
}
