//! The command line as users and scripts meet it: exit codes, messages, files.

use std::path::Path;
use std::process::{Command, Output};

use pentimento::document::codec::{Format, decode_picture, encode, encode_png};
use pentimento::engine::protocol::Picture;
use serde_json::Value;

use super::support::fixtures;

fn pentimento(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pentimento"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs with what every picture here has in common: small and quick.
fn paint(folder: &Path, arguments: &[&str]) -> Output {
    let common = ["--prompt", "a fox", "--steps", "2", "--out", "a.png"];
    pentimento(folder, &[&common, arguments].concat())
}

fn refused(folder: &Path, arguments: &[&str], code: i32, words: &str) {
    let output = paint(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(message.contains(words), "{arguments:?}: {message}");
    assert!(!folder.join("a.png").exists());
}

fn save(path: &Path, width: u32, height: u32, pixel: impl Fn(u32) -> [u8; 4]) -> Picture {
    let rgba = (0..width * height).flat_map(|index| pixel(index % width)).collect();
    let picture = Picture { width, height, rgba };
    std::fs::write(path, encode_png(&picture, None).unwrap()).unwrap();
    picture
}

fn read(path: &Path) -> (Picture, Option<String>) {
    let decoded = decode_picture(&std::fs::read(path).unwrap()).unwrap();
    let parameters = decoded.parameters().map(str::to_owned);
    (decoded.picture, parameters)
}

#[test]
fn wrong_arguments_end_with_2_and_failed_jobs_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    save(&here.join("init.png"), 64, 48, |_| [90, 90, 90, 255]);
    save(&here.join("mask.png"), 48, 64, |_| [255; 4]);
    std::fs::write(here.join("words.png"), "words").unwrap();
    refused(here, &["--steps", "0"], 2, "--steps");
    refused(here, &["--sampler", "magic"], 2, "Known: ");
    refused(here, &["--size", "0x0"], 2, "--size");
    refused(here, &["--cfg", "NaN"], 2, "--cfg");
    refused(here, &["--guidance-interval", "5,1"], 2, "--guidance-interval");
    refused(here, &["--deep-cache", "1"], 2, "--deep-cache");
    refused(here, &["--mask", "mask.png"], 2, "--init-image");
    refused(here, &["--init-image", "init.png", "--strength", "0"], 2, "--strength");
    refused(here, &["--init-image", "none.png"], 1, "none.png");
    let output = pentimento(here, &["download", "../none", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("owner/name"));
    refused(here, &["--init-image", "words.png"], 1, "not a picture");
    refused(here, &["--init-image", "init.png", "--mask", "mask.png"], 1, "48 × 64");
    refused(here, &["--model", "none"], 1, "none");
    refused(here, &["--latents", "none/l.safetensors"], 1, "none");
}

fn events(output: &Output) -> Vec<Value> {
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_memory_is_foretold_and_kept_to() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let large = ["--size", "1024x1024", "--memory", "0.5", "--dtype", "f32"];
    refused(here, &["--memory", "lots"], 2, "--memory");
    refused(here, &large, 1, "Needs 0.8 GB, 0.5 GB are free");
    let output = paint(here, &[&large[..], &["--anyway", "--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events = events(&output);
    let of = |name: &str, key: &str| {
        let event = events.iter().find(|event| event["event"] == name).unwrap();
        event[key].as_f64().unwrap()
    };
    assert_eq!(of("forecast", "free_bytes"), 0.5e9);
    if cfg!(target_os = "linux") {
        let ratio = of("forecast", "needs_bytes") / of("finished", "peak_bytes");
        println!("foretold / taken: {ratio:.3}");
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }
}

#[test]
fn one_picture_comes_with_its_story() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let output = paint(
        here,
        &[
            &["--size", "64x64", "--json", "--previews", "steps", "--latents", "l.safetensors"][..],
            &["--clip-skip", "2", "--prompt-style", "comfyui"],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events = events(&output);
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!([named("job"), named("model"), named("painted"), named("finished")], [1; 4]);
    assert_eq!((named("step"), named("preview"), named("error")), (2, 2, 0));
    assert_eq!(events.last().unwrap()["event"], "finished");
    let (picture, parameters) = read(&here.join("a.png"));
    assert_eq!((picture.width, picture.height), (64, 64));
    let parameters = parameters.unwrap();
    assert!(parameters.starts_with("a fox"));
    assert!(parameters.contains("Clip skip: 2, Prompt style: ComfyUI"), "{parameters}");
    assert!(here.join("steps/step-01.png").exists() && here.join("steps/step-02.png").exists());
    let latents = std::fs::read(here.join("l.safetensors")).unwrap();
    let latents = safetensors::SafeTensors::deserialize(&latents).unwrap();
    assert_eq!(latents.tensor("latent").unwrap().shape(), [1, 4, 8, 8]);
}

#[test]
fn a_chinese_prompt_paints_what_its_caption_does() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let painted = |prompt: &str, file: &str| {
        let common = ["--steps", "2", "--size", "64x64", "--prompt", prompt, "--out", file];
        let output = pentimento(here, &common);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (read(&here.join(file)), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let ((chinese, story), said) = painted("雪地里的狐狸和骑士", "chinese.png");
    assert!(said.contains("Painted as: a fox in the snow"), "{said}");
    assert!(said.contains("does not know: 骑士"), "{said}");
    assert!(story.unwrap().starts_with("a fox in the snow\n"));
    let ((english, _), _) = painted("a fox in the snow", "english.png");
    assert_eq!(chinese, english);
}

#[test]
fn words_that_the_built_in_model_does_not_know_are_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let prompt = ["--prompt", "a pengiun in the snow"];
    let other = ["--steps", "1", "--size", "64x64", "--out", "out.png", "--json"];
    let output = pentimento(folder.path(), &[prompt.as_slice(), other.as_slice()].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr);
    let told = "The built-in model does not know: pengiun (nearest: penguin). It is a small model";
    assert!(said.contains(told), "{said}");
    let events = String::from_utf8_lossy(&output.stdout);
    assert!(events.contains(r#""words":[["pengiun","penguin"]]"#), "{events}");
}

#[test]
fn few_steps_are_a_flag_and_stand_in_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["--prompt", "a fox in the snow", "--size", "64x64", "--few-steps", "--out"];
    let output = pentimento(folder.path(), &[&common[..], &["few.png"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, recipe) = read(&folder.path().join("few.png"));
    let recipe = recipe.unwrap();
    for field in ["Steps: 4,", "CFG scale: 1,", "Few steps: true"] {
        assert!(recipe.contains(field), "{field}: {recipe}");
    }
    let model = fixtures().join("sd1_tiny");
    let other = ["--model", model.to_str().unwrap(), "--few-steps"];
    refused(folder.path(), &other, 1, "no form for few steps");
}

#[test]
fn several_pictures_are_those_of_their_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert!(paint(here, &["--size", "64x64", "--seed", "7", "--count", "2"]).status.success());
    assert!(paint(here, &["--size", "64x64", "--seed", "8"]).status.success());
    let [first, second, alone] =
        ["a-0.png", "a-1.png", "a.png"].map(|name| read(&here.join(name)).0);
    assert_eq!(second, alone);
    assert_ne!(first, second);
}

#[test]
fn a_mask_keeps_what_is_black() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let init = save(&here.join("init.png"), 70, 64, |x| [x as u8, 90, 30, 255]);
    save(&here.join("mask.png"), 70, 64, |x| if x < 35 { [255; 4] } else { [0, 0, 0, 255] });
    let output = paint(here, &["--init-image", "init.png", "--mask", "mask.png"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (result, _) = read(&here.join("a.png"));
    assert_eq!((result.width, result.height), (70, 64));
    let changed: Vec<usize> = (0..70 * 64)
        .filter(|pixel| result.rgba[4 * pixel..][..4] != init.rgba[4 * pixel..][..4])
        .map(|pixel| pixel % 70)
        .collect();
    assert!(changed.iter().all(|x| *x < 35) && changed.len() > 1000, "{}", changed.len());
}

#[test]
fn models_and_folders_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let says = |arguments: &[&str], words: &[&str]| {
        let output = pentimento(folder.path(), arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments:?}");
        for word in words {
            assert!(text.contains(word), "{arguments:?} without '{word}': {text}");
        }
    };
    says(&["models"], &["Built-in model", "256 × 256"]);
    says(&["inspect", "pocket"], &["v_prediction", "366 F16", "Nothing is missing"]);
    let text = "a fox\nSteps: 7, Sampler: DPM fast, Seed: 5, Size: 8x8, CFG scale: NaN";
    let square = Picture { width: 8, height: 8, rgba: vec![255; 256] };
    let jpeg = encode(&square, Format::Jpeg, Some(text)).unwrap();
    // The content decides, not the name.
    std::fs::write(folder.path().join("a.png"), jpeg).unwrap();
    let words = ["8 × 8", "A1111", "a fox", "steps        7", "Not taken over: Sampler DPM fast"];
    says(&["inspect", "a.png"], &words);
    says(&["inspect", "a.png"], &["Not taken over: CFG scale NaN"]);
    std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
    says(&["inspect", "."], &["Missing: 'unet/config.json'", "Missing: 'vae/"]);
    let single = |name: &str| {
        std::fs::copy(fixtures().join("single").join(name), folder.path().join(name)).unwrap();
    };
    single("sd1.ckpt");
    single("vae.pt");
    single("views.ckpt");
    let words = [
        "one file with original names",
        "epsilon: its family does",
        "a checkpoint of torch",
        "CLIP's own",
        "Nothing is missing",
    ];
    says(&["inspect", "sd1.ckpt"], &words);
    says(
        &["inspect", "vae.pt"],
        &["an autoencoder (VAE) alone", "a checkpoint of torch before 1.6"],
    );
    says(&["inspect", "views.ckpt"], &["no part of a model known here", "8 F32"]);
}

/// Networks beside stock candle's, and whole pictures warm and from a cold start. Seconds are not
/// judged: that every part answers is.
#[test]
fn every_part_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let model = format!("{}/tests/fixtures/sd1_tiny", env!("CARGO_MANIFEST_DIR"));
    let common = ["bench", "--model", &model, "--against", "candle", "--runs", "1", "--json"];
    let parts = "unet-b1,unet-b2,vae-decode,vae-encode,picture,run";
    let sizes = ["--parts", parts, "--steps", "1", "--sizes", "64x64,64x96"];
    let output = pentimento(folder.path(), &[&common[..], &sizes].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["parts"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    let mut work = Vec::new();
    for row in rows {
        assert!(row["secs"].as_f64().unwrap() > 0.0, "{row}");
        // candle has no whole pictures.
        let whole = ["picture", "run"].contains(&row["part"].as_str().unwrap());
        assert_eq!(row["peers"]["candle"]["ratio"].is_null(), whole, "{row}");
        assert_eq!(row["peak_bytes"].is_null(), row["part"] != "run", "{row}");
        work.push(row["gflop"].as_f64().unwrap());
    }
    assert!(work[1] > 1.9 * work[0] && work[7] > 1.4 * work[1], "{work:?}");
}
