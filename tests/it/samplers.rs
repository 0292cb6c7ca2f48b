//! Every sampler and schedule against its reference on a model that is one formula: diffusers'
//! schedulers, and k-diffusion's functions for what A1111 and ComfyUI do. The numbers come from
//! `tests/fixtures/samplers.py`.

use pentimento::diffusion::noise::{Noise, Part, sources};
use pentimento::diffusion::samplers::State;
use pentimento::diffusion::schedule::{Course, Family, NoiseLevel, TrainingNoise};
use pentimento::models::config::noise::{NoiseConfig, Prediction};
use pentimento::types::{SameAs, Sampler, Schedule};
use serde_json::Value;

use super::support::{Goldens, Table, bound, json, relative, sampler, schedule};

const SEED: u64 = 5;
const LENGTH: usize = 64;

/// The training noise of Stable Diffusion 1.5.
fn training(prediction: Prediction, zero_terminal_snr: bool) -> TrainingNoise {
    let (start, end) = (0.00085f64.sqrt() as f32, 0.012f64.sqrt() as f32);
    let step = (end - start) / 999.0;
    let beta = |i: usize| {
        let root = if i < 500 {
            step.mul_add(i as f32, start)
        } else {
            (-step).mul_add((999 - i) as f32, end)
        };
        root * root
    };
    TrainingNoise::new(NoiseConfig {
        betas: (0..1000).map(beta).collect(),
        zero_terminal_snr,
        prediction,
        steps_offset: 1,
        set_alpha_to_one: Some(false),
        sampler: Sampler::Euler,
        schedule: Schedule::Leading,
    })
}

fn same_as(name: &str) -> SameAs {
    match name {
        "A1111" => SameAs::A1111Cpu,
        name => serde_json::from_value(name.into()).expect("a program's name"),
    }
}

/// The estimate that follows from what the formula predicts.
fn estimate(latent: &[f32], level: NoiseLevel, prediction: Prediction) -> Vec<f32> {
    let (alpha, sigma) = (level.alpha as f32, level.sigma as f32);
    let share = level.timestep / 1000.0;
    let said = latent.iter().enumerate().map(|(i, x)| {
        let wave = (1.7 * i as f32).sin();
        (1.3 * x + 2.0 * wave * (share - 0.3)).tanh()
    });
    let pairs = latent.iter().zip(said);
    match prediction {
        Prediction::Epsilon => pairs.map(|(x, said)| (x - sigma * said) / alpha).collect(),
        Prediction::V | Prediction::Sample => {
            pairs.map(|(x, said)| alpha * x - sigma * said).collect()
        }
    }
}

/// A complete run; with `pause`, every state on the way goes through its stored form.
fn run(noise: &TrainingNoise, course: &Course, pause: bool) -> Vec<f32> {
    let plan = noise.plan(course);
    // ComfyUI's samplers draw from another seed; the references go on with the one generator.
    let (mut noise_source, _) = sources(course.same_as, SEED, Part::ALONE);
    let first = noise_source.normal(LENGTH);
    let latent = first.iter().map(|value| (f64::from(*value) * plan.initial_scale) as f32);
    let latent = latent.collect();
    let mut state = State { latent, step: 0, earlier: Vec::new(), noise: noise_source };
    for _ in 0..plan.levels.len() {
        let mut denoise =
            |latent: &[f32], level: NoiseLevel| Ok(estimate(latent, level, noise.prediction()));
        course.sampler.step(&mut state, &plan, &mut denoise).expect("the formula never fails");
        assert!(state.fits(LENGTH, plan.levels.len()), "{course:?}");
        if pause {
            let place = state.noise.place();
            state.noise = Noise::at_place(&place).expect("its own place");
        }
    }
    state.latent
}

fn course_of(case: &Value) -> Course {
    let word = |key: &str| case[key].as_str().expect("a word");
    Course {
        sampler: sampler(word("sampler")),
        schedule: schedule(word("schedule")),
        steps: case["steps"].as_u64().expect("a number") as usize,
        eta: case["eta"].as_f64().map(|eta| eta as f32),
        same_as: same_as(word("same_as")),
        family: Family::Sd,
    }
}

fn noise_of(case: &Value) -> TrainingNoise {
    let prediction =
        if case["prediction"] == "epsilon" { Prediction::Epsilon } else { Prediction::V };
    training(prediction, case["config"]["rescale_betas_zero_snr"] == true)
}

#[test]
fn every_sampler_is_its_reference() {
    let goldens = Goldens::read("samplers.safetensors");
    let Value::Array(cases) = json("samplers.json") else { panic!("samplers.json is a list") };
    let mut table = Table::default();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let ours = run(&noise_of(case), &course_of(case), true);
        table.within(name, relative(&ours, &goldens.get(name).values), bound::SAMPLER);
    }
    table.finish("Samplers on a formula: max |a − b| / max |b|");
    for sampler in Sampler::ALL {
        let name = format!("{sampler:?}");
        let there = cases.iter().any(|case| case["sampler"] == name.as_str());
        assert!(there, "no reference for {name}");
    }
}

/// Passing means something: what Python measured when it made each run wrong on purpose.
#[test]
fn each_sampler_notices_a_mistake() {
    let Value::Array(cases) = json("samplers.json") else { panic!("samplers.json is a list") };
    let mut table = Table::default();
    for case in &cases {
        let mistakes = case["mistakes"].as_object().expect("mistakes");
        let worst = mistakes.values().filter_map(Value::as_f64).fold(0.0, f64::max);
        table.beyond(&case["name"], worst, bound::MISTAKE / 255.0);
    }
    table.finish("What a deliberate mistake moves, relative to the largest value");
}

#[test]
fn spacings_are_those_of_the_programs() {
    let goldens = Goldens::read("samplers.safetensors");
    let noise = training(Prediction::Epsilon, false);
    let mut table = Table::default();
    for name in goldens.names().filter(|name| name.starts_with("sigmas/")) {
        let parts: Vec<&str> = name.split('/').collect();
        let course = Course {
            sampler: Sampler::Euler,
            schedule: schedule(parts[2]),
            steps: parts[3].parse().expect("a number"),
            eta: None,
            same_as: same_as(parts[1]),
            family: Family::Sd,
        };
        let plan = noise.plan(&course);
        let end = plan.targets.last().expect("steps").ratio() as f32;
        let levels = plan.levels.iter().map(|level| level.ratio() as f32);
        let ours: Vec<f32> = levels.chain([end]).collect();
        let golden = &goldens.get(name).values;
        assert_eq!(ours.len(), golden.len(), "{name}");
        let each = ours
            .iter()
            .zip(golden)
            .map(|(a, b)| if a == b { 0.0 } else { f64::from((a - b).abs() / b.abs()) });
        table.within(name, each.fold(0.0, f64::max), bound::SCHEDULE);
    }
    table.finish("Spacings of A1111 and ComfyUI: max |a − b| / |b|");
}

/// Where no reference can be run here (`UniPC` as A1111 and ComfyUI have it), the method still has to
/// find what the equation's solution is, and faster than Euler's.
#[test]
fn solvers_meet_where_the_equation_leads() {
    let noise = training(Prediction::V, false);
    let course = |sampler, steps, same_as| Course {
        sampler,
        schedule: Schedule::Linspace,
        steps,
        eta: None,
        same_as,
        family: Family::Sd,
    };
    let exact = run(&noise, &course(Sampler::Heun, 900, SameAs::A1111Cpu), false);
    let mut table = Table::default();
    for same_as in [SameAs::A1111Cpu, SameAs::ComfyUi] {
        let euler = run(&noise, &course(Sampler::Euler, 40, same_as), false);
        let unipc = run(&noise, &course(Sampler::UniPc, 40, same_as), false);
        let (euler, unipc) = (relative(&euler, &exact), relative(&unipc, &exact));
        table.within(format!("UniPC, {same_as:?}"), unipc, 0.02);
        table.beyond(format!("Euler's part of it, {same_as:?}"), euler / unipc, 2.0);
    }
    table.finish("40 steps against 900 of Heun's");
}

/// What the window's clock takes for granted, but for one call: PNDM's first step asks twice, a last
/// step of two calls, down to the picture, once.
#[test]
fn each_sampler_asks_the_model_as_often_as_it_says() {
    let noise = training(Prediction::Epsilon, false);
    for sampler in Sampler::ALL {
        let plan = noise.plan(&Course {
            sampler,
            schedule: Schedule::Linspace,
            steps: 20,
            eta: None,
            same_as: SameAs::Diffusers,
            family: Family::Sd,
        });
        let (mut noise_source, _) = sources(SameAs::Diffusers, SEED, Part::ALONE);
        let latent = noise_source.normal(LENGTH);
        let mut state = State { latent, step: 0, earlier: Vec::new(), noise: noise_source };
        let mut asked = 0;
        for _ in 0..plan.levels.len() {
            let mut denoise = |latent: &[f32], level: NoiseLevel| {
                asked += 1;
                Ok(estimate(latent, level, noise.prediction()))
            };
            sampler.step(&mut state, &plan, &mut denoise).expect("the formula never fails");
        }
        let said = sampler.calls() as usize * plan.levels.len();
        assert!(said.abs_diff(asked) <= 1, "{sampler:?}: {asked}, not {said}");
    }
}

/// A1111's DDIM walks diffusers' leading spacing where that divides the timesteps.
#[test]
fn ddim_of_a1111_is_the_leading_one() {
    let noise = training(Prediction::Epsilon, false);
    for sampler in [Sampler::Ddim, Sampler::Pndm] {
        let course = |same_as, schedule| Course {
            sampler,
            schedule,
            steps: 20,
            eta: None,
            same_as,
            family: Family::Sd,
        };
        let ours = noise.plan(&course(SameAs::A1111Cpu, Schedule::Karras));
        let theirs = noise.plan(&course(SameAs::Pentimento, Schedule::Leading));
        assert_eq!((ours.levels, ours.targets), (theirs.levels, theirs.targets));
    }
}
