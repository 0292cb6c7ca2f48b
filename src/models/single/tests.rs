//! Single files against diffusers' own conversion (`tests/fixtures/single.py`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use serde_json::{Value, json};

use super::*;
use crate::models::ModelFolder;
use crate::models::folder::{Bytes, Remark};
use crate::types::{ModelSource, Prediction};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/single/", $name)).as_slice()
    };
}

/// What the script expects.
fn expected() -> Value {
    serde_json::from_slice(fixture!("single.json")).unwrap()
}

/// Names and shapes of the published models.
fn published() -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fixture!("names.json.gz")).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn shapes(of: &Value) -> BTreeMap<String, Vec<usize>> {
    serde_json::from_value(of.clone()).unwrap()
}

/// A file with these names and shapes whose numbers are of a kind that takes no room.
fn write(path: &Path, tensors: &BTreeMap<String, Vec<usize>>, notes: &Value) {
    let mut header: BTreeMap<&str, Value> = tensors
        .iter()
        .map(|(name, shape)| {
            (name.as_str(), json!({"dtype": "none", "shape": shape, "data_offsets": [0, 0]}))
        })
        .collect();
    header.insert("__metadata__", notes.clone());
    let header = serde_json::to_string(&header).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    std::fs::write(path, bytes).unwrap();
}

fn prefixed(prefix: &str, of: &Value) -> BTreeMap<String, Vec<usize>> {
    shapes(of).into_iter().map(|(name, shape)| (format!("{prefix}{name}"), shape)).collect()
}

fn found(table: &TensorFile) -> BTreeMap<String, Vec<usize>> {
    table.names().map(|name| (name.to_owned(), table.shape(name).unwrap().to_vec())).collect()
}

fn open(path: &Path) -> Result<ModelFolder, ModelError> {
    open_with(path, &ModelChoices::default())
}

fn open_with(path: &Path, choices: &ModelChoices) -> Result<ModelFolder, ModelError> {
    ModelFolder::open_with(&ModelSource::Path(path.to_owned()), choices)
}

/// A folder of its own with a file in it.
fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// A file with the UNet of a published model and nothing else.
fn unet_alone(name: &str, model: &str) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = place(name);
    let unet = prefixed("model.diffusion_model.", &published()["unet"][model]["original"]);
    write(&path, &unet, &json!({}));
    (folder, path)
}

/// Transformer layers of each stage, as diffusers reads the key.
fn depths(config: &Value) -> Vec<Value> {
    let kinds = config["down_block_types"].as_array().unwrap();
    let value = &config["transformer_layers_per_block"];
    let at = |index: usize| value.as_array().map_or(value.clone(), |list| list[index].clone());
    let attends = |index: &usize| kinds[*index] != "DownBlock2D";
    // An even list is as good as its number.
    let short = |value: Value| match value.as_array().map(Vec::as_slice) {
        Some([first, rest @ ..]) if rest.iter().all(|v| v == first) => first.clone(),
        _ => value,
    };
    (0..kinds.len()).filter(attends).map(|index| short(at(index))).collect()
}

#[test]
fn published_unets_become_diffusers() {
    let published = published();
    let (folder, path) = place("model.safetensors");
    for (name, model) in published["unet"].as_object().unwrap() {
        write(&path, &prefixed("model.diffusion_model.", &model["original"]), &json!({}));
        let opened = open(&path).unwrap();
        let table = opened.tensors("unet").unwrap();
        assert_eq!(found(&table), shapes(&model["diffusers"]), "{name}");
        let config = opened.json("unet/config.json").unwrap();
        let usual = json!({
            "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
            "block_out_channels": [320, 640, 1280, 1280],
            "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D"],
            "mid_block_type": "UNetMidBlock2DCrossAttn", "use_linear_projection": false,
            "transformer_layers_per_block": 1, "time_cond_proj_dim": null,
        });
        let mut wanted = usual.as_object().unwrap().clone();
        wanted.extend(model["config"].as_object().unwrap().clone());
        let wanted = Value::Object(wanted);
        assert_eq!(depths(&config), depths(&wanted), "{name}");
        for (key, value) in wanted.as_object().unwrap() {
            if !key.contains("transformer_layers_per_block") {
                assert_eq!(config[key], *value, "{name}: {key}");
            }
        }
        if name == "ssd1b" {
            assert_eq!(
                config["reverse_transformer_layers_per_block"],
                json!([[4, 4, 10], [2, 1, 1], [1, 1, 1]])
            );
        }
        // The same in a file with diffusers' names.
        write(&path, &prefixed("", &model["diffusers"]), &json!({}));
        let again = open(&path).unwrap();
        assert_eq!(found(&again.tensors("unet").unwrap()), shapes(&model["diffusers"]), "{name}");
        assert_eq!(again.json("unet/config.json").unwrap(), config, "{name}");
    }
    drop(folder);
}

#[test]
fn published_autoencoders_and_text_encoders_become_diffusers() {
    let published = published();
    let (_folder, path) = place("model.safetensors");
    let text = |name: &str, kind: &str| published["text"][name][kind].clone();
    let whole = |unet: &str, encoders: &[(&str, &str)]| {
        let unet = &published["unet"][unet]["original"];
        let mut all = prefixed("model.diffusion_model.", unet);
        all.extend(prefixed("first_stage_model.", &published["vae"]["original"]));
        for (prefix, name) in encoders {
            all.extend(prefixed(prefix, &text(name, "original")));
        }
        write(&path, &all, &json!({}));
        open(&path).unwrap()
    };
    let check = |folder: &ModelFolder, component: &str, wanted: &Value| {
        assert_eq!(found(&folder.tensors(component).unwrap()), shapes(wanted), "{component}");
    };
    let sd1 = whole("sd15", &[("cond_stage_model.transformer.", "clip_l")]);
    check(&sd1, "vae", &published["vae"]["diffusers"]);
    check(&sd1, "text_encoder", &text("clip_l", "diffusers"));
    let vae = sd1.json("vae/config.json").unwrap();
    assert_eq!(vae["block_out_channels"], json!([128, 256, 512, 512]));
    assert_eq!((&vae["layers_per_block"], &vae["scaling_factor"]), (&json!(2), &json!(0.18215)));
    let clip = sd1.json("text_encoder/config.json").unwrap();
    for (key, value) in [
        ("hidden_size", json!(768)),
        ("num_hidden_layers", json!(12)),
        ("num_attention_heads", json!(12)),
        ("hidden_act", json!("quick_gelu")),
    ] {
        assert_eq!(clip[key], value, "{key}");
    }
    assert!(sd1.remarks().is_empty() && sd1.family().unwrap() == Family::Sd1);

    let sd2 = whole("sd21", &[("cond_stage_model.model.", "open_clip_h")]);
    check(&sd2, "text_encoder", &text("open_clip_h", "diffusers"));
    let config = sd2.json("text_encoder/config.json").unwrap();
    assert_eq!((&config["num_hidden_layers"], &config["hidden_act"]), (&json!(23), &json!("gelu")));
    assert_eq!(sd2.json("tokenizer/tokenizer_config.json").unwrap()["pad_token"], "!");

    let sdxl = whole(
        "sdxl",
        &[
            ("conditioner.embedders.0.transformer.", "clip_l"),
            ("conditioner.embedders.1.model.", "open_clip_g"),
        ],
    );
    check(&sdxl, "text_encoder", &text("clip_l", "diffusers"));
    check(&sdxl, "text_encoder_2", &text("open_clip_g", "diffusers"));
    assert_eq!(sdxl.json("vae/config.json").unwrap()["scaling_factor"], 0.13025);
    let config = sdxl.json("text_encoder_2/config.json").unwrap();
    assert_eq!(
        (&config["projection_dim"], &config["num_hidden_layers"]),
        (&json!(1280), &json!(32))
    );
    assert_eq!(sdxl.json("unet/config.json").unwrap()["addition_time_embed_dim"], 256);
    assert_eq!(sdxl.json("model_index.json").unwrap()["_class_name"], "StableDiffusionXLPipeline");

    let refiner = whole("refiner", &[("conditioner.embedders.0.model.", "open_clip_g")]);
    check(&refiner, "text_encoder_2", &text("open_clip_g", "diffusers"));
    assert!(refiner.tensors("text_encoder").is_err() && refiner.remarks().is_empty());
    assert_eq!(refiner.json("unet/config.json").unwrap()["addition_time_embed_dim"], 256);
}

/// The stored bytes again: what was widened to f32 is exact.
fn checksum(values: &[f32], dtype: &str) -> u32 {
    let bytes: Vec<u8> = match dtype {
        "F16" => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        "BF16" => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    crc32fast::hash(&bytes)
}

fn check_tensors(folder: &ModelFolder, component: &str, wanted: &Value) {
    let table = folder.tensors(component).unwrap();
    let wanted = wanted.as_object().unwrap();
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    assert_eq!(table.names().collect::<Vec<_>>(), names, "{component}");
    for (name, value) in wanted {
        let shape: Vec<usize> = serde_json::from_value(value[1].clone()).unwrap();
        assert_eq!(table.dtype(name), value[0].as_str(), "{name}");
        let values = table.read_f32(name, &shape).unwrap();
        assert_eq!(checksum(&values, value[0].as_str().unwrap()), value[2], "{name}");
    }
}

#[test]
fn every_tensor_is_bit_for_bit_diffusers() {
    for (name, bytes) in [("sd1", fixture!("sd1.ckpt")), ("sd2", fixture!("sd2.safetensors"))] {
        let (_folder, path) = place(if name == "sd1" { "m.ckpt" } else { "m.safetensors" });
        std::fs::write(&path, bytes).unwrap();
        let opened = open(&path).unwrap();
        for (component, wanted) in expected()[name]["parts"].as_object().unwrap() {
            check_tensors(&opened, component, wanted);
        }
        let scheduler = opened.json("scheduler/scheduler_config.json").unwrap();
        let prediction = if name == "sd1" { "epsilon" } else { "v_prediction" };
        assert_eq!(scheduler["prediction_type"], prediction);
        assert_eq!(opened.name(), "m");
    }
}

#[test]
fn checkpoints_keep_every_kind_of_view() {
    for bytes in [fixture!("views.ckpt"), fixture!("views_old.ckpt")] {
        let file = TensorFile::open(&Bytes::Embedded(bytes), "views".to_owned()).unwrap();
        let wanted = expected()["views"].clone();
        for (name, wanted) in wanted.as_object().unwrap() {
            let shape: Vec<usize> = serde_json::from_value(wanted["shape"].clone()).unwrap();
            let values: Vec<f32> = serde_json::from_value(wanted["values"].clone()).unwrap();
            assert_eq!(file.read_f32(name, &shape).unwrap(), values, "{name}");
        }
        assert_eq!(file.dtype("count"), Some("I64"));
        assert_eq!(file.notes()["global_step"], "875000");
        // The optimizer's own are not the model's.
        assert_eq!(file.names().count(), wanted.as_object().unwrap().len() + 1);
        // Wherever it is cut off, it is damaged or of another kind, and nothing worse.
        for end in 0..bytes.len() {
            let cut = TensorFile::open(&Bytes::Embedded(&bytes[..end]), "views".to_owned());
            assert!(cut.is_err(), "{end}");
        }
    }
}

#[test]
fn averages_are_used_when_they_are_chosen() {
    let (_folder, path) = place("model.safetensors");
    let mut all = prefixed("model.diffusion_model.", &published()["unet"]["sd15"]["original"]);
    // Averages that are seen to be others.
    let averages: Vec<(String, Vec<usize>)> = all
        .iter()
        .map(|(name, shape)| {
            let flat = name.strip_prefix("model.").unwrap().replace('.', "");
            (format!("model_ema.{flat}"), [&shape[..], &[1]].concat())
        })
        .collect();
    all.extend(averages);
    write(&path, &all, &json!({}));
    let bias = |choices: &ModelChoices| {
        let opened = open_with(&path, choices).unwrap();
        let table = opened.tensors("unet").unwrap();
        (table.shape("down_blocks.0.resnets.0.norm1.bias").unwrap().to_vec(), opened)
    };
    let (shape, opened) = bias(&ModelChoices::default());
    assert_eq!(shape, [320]);
    assert!(opened.single().unwrap().layout.contains("not used"));
    let (shape, opened) = bias(&ModelChoices { ema: true, ..ModelChoices::default() });
    assert_eq!(shape, [320, 1]);
    assert!(opened.single().unwrap().layout.contains("are used"));
}

#[test]
fn what_is_missing_is_taken_from_beside() {
    let (folder, path) = unet_alone("model.safetensors", "sd15");
    let message = open(&path).unwrap().tensors("vae").unwrap_err().to_string();
    assert!(message.contains("no autoencoder (VAE)"), "{message}");
    let message = open(&path).unwrap().json("text_encoder/config.json").unwrap_err().to_string();
    assert!(message.contains("no text encoder"), "{message}");

    std::fs::write(folder.path().join("model.vae.pt"), fixture!("vae.pt")).unwrap();
    let published = published();
    let other = folder.path().join("other.safetensors");
    let mut whole = prefixed("model.diffusion_model.", &published["unet"]["sd15"]["original"]);
    let clip = &published["text"]["clip_l"]["original"];
    whole.extend(prefixed("cond_stage_model.transformer.", clip));
    write(&other, &whole, &json!({}));
    let opened = open(&path).unwrap();
    let wanted = shapes(&published["text"]["clip_l"]["diffusers"]);
    assert_eq!(found(&opened.tensors("text_encoder").unwrap()), wanted);
    assert!(opened.tensors("vae").is_ok());
    let from = |component: &str, from: PathBuf| Remark::Borrowed {
        component: component.to_owned(),
        from: from.display().to_string(),
    };
    let vae = folder.path().join("model.vae.pt");
    assert_eq!(opened.remarks(), [from("text_encoder", other), from("vae", vae)]);

    // A model of another family has nothing to give.
    std::fs::remove_file(folder.path().join("model.vae.pt")).unwrap();
    let mut whole = prefixed("model.diffusion_model.", &published["unet"]["sdxl"]["original"]);
    whole.extend(prefixed("first_stage_model.", &published["vae"]["original"]));
    write(&folder.path().join("xl.safetensors"), &whole, &json!({}));
    assert!(open(&path).unwrap().tensors("vae").is_err());
}

#[test]
fn another_autoencoder_can_be_chosen_if_it_fits() {
    let (folder, path) = place("model.ckpt");
    std::fs::write(&path, fixture!("sd1.ckpt")).unwrap();
    let vae = folder.path().join("any.pt");
    std::fs::write(&vae, fixture!("vae.pt")).unwrap();
    let choose = |vae: &Path| {
        let vae = Some(vae.to_owned());
        open_with(&path, &ModelChoices { vae, ..ModelChoices::default() })
    };
    let opened = choose(&vae).unwrap();
    check_tensors(&opened, "vae", &expected()["sd1"]["parts"]["vae"]);
    assert!(opened.tensors("vae").unwrap().path().ends_with("any.pt"));

    let refused = |vae: &Path, word: &str| {
        let message = choose(vae).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
        assert!(message.ends_with(&vae.display().to_string()), "{message}");
    };
    // Latents of 16 channels, as later families have them.
    let mut shapes = shapes(&published()["vae"]["original"]);
    shapes.insert("decoder.conv_in.weight".to_owned(), vec![512, 16, 3, 3]);
    let other = folder.path().join("other.safetensors");
    write(&other, &shapes, &json!({}));
    refused(&other, "another family: its latents have 16 channels, the model's 4");
    // A folder says how its latents are scaled.
    let part = folder.path().join("sdxl-vae");
    std::fs::create_dir(&part).unwrap();
    let config = json!({"latent_channels": 4, "scaling_factor": 0.13025});
    std::fs::write(part.join("config.json"), config.to_string()).unwrap();
    std::fs::write(part.join("diffusion_pytorch_model.bin"), fixture!("vae.pt")).unwrap();
    refused(&part, "another family: its latents are scaled by 0.13025, the model's by 0.18215");
    write(
        &other,
        &BTreeMap::from([("lora_unet_x.lora_down.weight".to_owned(), vec![1])]),
        &json!({}),
    );
    refused(&other, "The file is a LoRA, not an autoencoder");
}

#[test]
fn what_it_predicts_is_found_out_or_set() {
    let (_folder, path) = place("m.safetensors");
    let check = |model: &str, marks: &[&str], notes: Value, name: &str, wanted, guessed| {
        let mut all = prefixed("model.diffusion_model.", &published()["unet"][model]["original"]);
        all.extend(marks.iter().map(|mark| ((*mark).to_owned(), vec![0])));
        let path = path.with_file_name(name);
        write(&path, &all, &notes);
        let opened = open(&path).unwrap();
        let predicts = opened.single().unwrap().predicts.clone();
        assert_eq!((predicts.prediction, predicts.guessed), (wanted, guessed), "{predicts:?}");
        let remark = Remark::Guessed { prediction: wanted.name().to_owned() };
        assert_eq!(opened.remarks() == [remark], guessed);
        opened.json("scheduler/scheduler_config.json").unwrap()
    };
    let (epsilon, v) = (Prediction::Epsilon, Prediction::V);
    check("sd15", &[], json!({}), "v.safetensors", epsilon, false);
    check("sdxl", &[], json!({}), "v.safetensors", epsilon, false);
    let marked = check("sdxl", &["v_pred", "ztsnr"], json!({}), "m.safetensors", v, false);
    assert_eq!(marked["rescale_betas_zero_snr"], true);
    let says = |value: &str| json!({"modelspec.prediction_type": value});
    check("sd21", &[], says("epsilon"), "m.safetensors", epsilon, false);
    check("sd21", &[], says("v"), "m.safetensors", v, false);
    check("sd21", &[], json!({"global_step": "875000"}), "m.safetensors", epsilon, false);
    check("sd21", &[], json!({"global_step": "110000"}), "m.safetensors", v, false);
    check("sd21", &[], json!({}), "v2-1_768-ema.safetensors", v, true);
    check("sd21", &[], json!({}), "v2-1_512-ema.safetensors", epsilon, true);
    check("sd21", &[], json!({}), "sd_turbo.safetensors", epsilon, true);
    check("sd2_depth", &[], json!({}), "m.safetensors", epsilon, false);
    let yaml = "model:\n  params:\n    parameterization: \"v\"\n";
    std::fs::write(path.with_file_name("y.yaml"), yaml).unwrap();
    check("sd21", &[], json!({}), "y.safetensors", v, false);
    let lcm = check("lcm", &[], json!({}), "m.safetensors", epsilon, false);
    assert_eq!(lcm["_class_name"], "LCMScheduler");
    let choices = ModelChoices { prediction: Some(epsilon), ..ModelChoices::default() };
    let opened = open_with(&path, &choices).unwrap();
    let scheduler = opened.json("scheduler/scheduler_config.json").unwrap();
    assert_eq!(scheduler["prediction_type"], "epsilon");
}

#[test]
fn what_is_no_model_is_named() {
    let (_folder, path) = place("m.safetensors");
    let refused = |names: &[&str], word: &str| {
        let names = names.iter().map(|name| ((*name).to_owned(), vec![1, 1])).collect();
        write(&path, &names, &json!({}));
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains(word) && message.ends_with("m.safetensors"), "{message}");
    };
    refused(&["lora_unet_a.lora_down.weight"], "is a LoRA, not a model");
    refused(&["control_model.input_blocks.0.0.weight"], "a ControlNet");
    refused(&["emb_params"], "an embedding");
    refused(&["decoder.up.0.block.0.norm1.weight"], "an autoencoder (VAE) alone");
    refused(&["text_model.embeddings.token_embedding.weight"], "a text encoder alone");
    refused(&["model.diffusion_model.joint_blocks.0.x"], "Stable Diffusion 3");
    refused(&["model.diffusion_model.double_blocks.0.x"], "Flux");
    refused(&["conv_first.weight"], "an enlarger");
    refused(&["a"], "something unknown");
    let unknown = "model.diffusion_model.output_blocks.0.0.in_layers.2.weight";
    refused(&[unknown, "model.diffusion_model.input_blocks.1.1.fuser.weight"], "not known");
    refused(&[unknown], "arranged");
}
