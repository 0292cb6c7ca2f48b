//! Random numbers and schedules against torch and diffusers: what a seed and a number of steps
//! mean must be the same here and there.

use serde_json::{Value, json};

use super::support::{
    Golden, Goldens, Run, Table, absolute, bound, json, random, relative, sampler, schedule, steps,
};

/// The seed and the count in names like `normal/42/100`.
fn draws(goldens: &Goldens, kind: &str) -> Vec<(u64, usize, Golden)> {
    let parse = |name: &String| {
        let (seed, count) = name.strip_prefix(kind)?.strip_prefix('/')?.split_once('/')?;
        Some((seed.parse().ok()?, count.parse().ok()?, goldens.get(name).clone()))
    };
    goldens.names().filter_map(parse).collect()
}

#[test]
fn uniform_numbers_are_torchs() {
    let goldens = Goldens::read("noise.safetensors");
    let draws = draws(&goldens, "uniform");
    assert!(draws.len() > 30);
    for (seed, count, golden) in draws {
        assert_eq!(random(seed, &[], count), golden.values, "seed {seed}, {count} values");
    }
}

#[test]
fn normal_numbers_are_torchs() {
    let goldens = Goldens::read("noise.safetensors");
    let mut table = Table::default();
    for (seed, count, golden) in draws(&goldens, "normal") {
        let error = absolute(&random(seed, &[count], 0), &golden.values);
        table.within(format!("seed {seed}, {count} values"), error, bound::NORMAL);
    }
    for seed in [0, 1, 42, 1 << 31, (1 << 32) + 5, u64::MAX] {
        let golden = goldens.get(&format!("sequence/{seed}"));
        let error = absolute(&random(seed, &[100, 5, 468, 1], 3), &golden.values);
        table.within(format!("seed {seed}, one draw after another"), error, bound::NORMAL);
    }
    table.finish("Normal random numbers: max |a − b|");
}

/// A `scheduler_config.json` with the fields in which the entries of `schedule.json` differ.
fn config(entry: &Value, betas: &Value) -> Value {
    json!({
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": betas["beta_start"],
        "beta_end": betas["beta_end"],
        "beta_schedule": entry["beta_schedule"],
        "rescale_betas_zero_snr": entry["zero_snr"],
        "steps_offset": entry["steps_offset"],
        // Epsilon contradicts zero terminal SNR; no schedule depends on it.
        "prediction_type": "v_prediction",
        "clip_sample": false,
    })
}

fn floats(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("a list");
    list.iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}

/// diffusers lists Heun's timesteps and sigmas once for each call of the UNet.
fn once_a_step(sampler: &str, calls: Vec<f32>) -> Vec<f32> {
    if sampler != "Heun" {
        return calls;
    }
    // First, then each of the others twice.
    calls.iter().take(1).chain(calls.iter().skip(1).step_by(2)).copied().collect()
}

/// The largest `|a − b| / |b|`.
fn each_relative(ours: &[f32], golden: &[f32]) -> f64 {
    if ours.len() != golden.len() {
        return f64::INFINITY;
    }
    let pairs = ours.iter().zip(golden);
    pairs.fold(0.0, |max, (a, b)| {
        let error = if a == b { 0.0 } else { f64::from((a - b).abs()) / f64::from(b.abs()) };
        max.max(if error.is_nan() { f64::INFINITY } else { error })
    })
}

#[test]
fn schedules_are_diffusers() {
    let file = json("schedule.json");
    let kinds = file["betas"].as_array().expect("betas");
    let mut table = Table::default();
    for entry in file["runs"].as_array().expect("runs") {
        let same = |kind: &&Value| kind["kind"] == entry["beta_schedule"];
        let config = config(entry, kinds.iter().find(same).expect("its betas"));
        let name = |key: &str| entry[key].as_str().expect("a name");
        let count = entry["steps"].as_u64().expect("a number") as usize;
        let ours = steps(&config, sampler(name("sampler")), schedule(name("schedule")), count);
        let title = format!(
            "{} {} {count}, {}, offset {}{}",
            name("sampler"),
            name("schedule"),
            name("beta_schedule"),
            entry["steps_offset"],
            if entry["zero_snr"] == true { ", zero SNR" } else { "" },
        );
        let timesteps = once_a_step(name("sampler"), floats(&entry["timesteps"]));
        // Absolute: the timestep of a Karras sigma is found in a table of f32 logarithms.
        let error = absolute(&ours.timesteps, &timesteps);
        table.within(format!("{title}: timesteps"), error, bound::TIMESTEP);
        let sigmas = once_a_step(name("sampler"), floats(&entry["sigmas"]));
        let Some((last, sigmas)) = sigmas.split_last() else { continue };
        let sigmas = if name("sampler") == "Heun" { &sigmas[..count] } else { sigmas };
        assert!(*last == 0.0 || name("sampler") == "Heun", "{title} ends without noise");
        let error = each_relative(&ours.sigmas, sigmas);
        table.within(format!("{title}: sigmas"), error, bound::SCHEDULE);
        if name("sampler") != "DpmPp2M" {
            // Their first latent has this deviation, ours that of a latent of variance 1 or less.
            let first = f64::from(sigmas[0]);
            let theirs = entry["init_noise_sigma"].as_f64().expect("a number") / first.hypot(1.0);
            let error = (ours.initial_scale - theirs).abs() / theirs;
            table.within(format!("{title}: first noise"), error, bound::SCHEDULE);
        }
    }
    table.finish("Schedules: timesteps max |a − b|, others max |a − b| / |b|");
}

#[test]
fn alphas_are_diffusers() {
    let file = json("schedule.json");
    let mut table = Table::default();
    for kind in file["betas"].as_array().expect("betas") {
        let entry = json!({
            "beta_schedule": kind["kind"], "zero_snr": kind["zero_snr"], "steps_offset": 0,
        });
        // DDIM with as many steps as timesteps stands at each of them, the noisiest first.
        let all = steps(&config(&entry, kind), sampler("Ddim"), schedule("Leading"), 1000);
        let places = kind["places"].as_array().expect("places");
        let ours: Vec<f32> = places
            .iter()
            .map(|place| all.sigmas[999 - place.as_u64().expect("a number") as usize])
            .map(|sigma| 1.0 / sigma.mul_add(sigma, 1.0))
            .collect();
        let golden = floats(&kind["cumulative_alphas"]);
        let name = format!("{}, zero SNR {}", kind["kind"], kind["zero_snr"]);
        table.within(name, relative(&ours, &golden), bound::SCHEDULE);
    }
    table.finish("Cumulative alphas: max |a − b| / max |b|");
}

/// The runs' own timesteps are those of the schedules.
#[test]
fn runs_stand_where_the_schedules_say() {
    let mut table = Table::default();
    // Those that look between their steps, and those that are not diffusers', list other ones.
    let others = ["Dpm2", "Dpm2Ancestral", "Pndm", "DpmPp2SAncestral", "DpmPpSde", "DpmPp3MSde"];
    let one_a_step = |run: &&Run| !others.contains(&run.word("sampler"));
    let runs = Run::of("sd1_tiny");
    for run in runs.iter().filter(|run| run.word("task") == "text").filter(one_a_step) {
        let mut config = json!({});
        let scheduler = run.0["scheduler"].as_object().expect("arguments");
        for key in
            ["num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "steps_offset"]
        {
            config[key] = scheduler[key].clone();
        }
        config["_class_name"] = "DDIMScheduler".into();
        let count = run.number("steps") as usize;
        let ours =
            steps(&config, sampler(run.word("sampler")), schedule(run.word("schedule")), count);
        let golden = once_a_step(run.word("sampler"), floats(&run.0["timesteps"]));
        table.within(run.word("name"), absolute(&ours.timesteps, &golden), bound::TIMESTEP);
    }
    table.finish("Timesteps of the runs: max |a − b|");
}
