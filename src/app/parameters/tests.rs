//! Texts as the programs write them, and texts that nobody should write.

use super::*;
use crate::engine::protocol::{
    Conditions, InitPicture, ModelChoices, ModelSource, PaintRequest, Posterior, Prediction,
    Refiner,
};
use crate::plane::Plane;

fn request() -> PaintRequest {
    PaintRequest {
        prompt: "a red fox, snow".to_owned(),
        negative: "text".to_owned(),
        steps: Some(20),
        sampler: Some(Sampler::DpmPp2M),
        schedule: Some(Schedule::Karras),
        guidance: Some(7.0),
        seed: 1,
        ..PaintRequest::default()
    }
}

fn raw(keyword: &str, text: &str) -> RawText {
    RawText { keyword: keyword.to_owned(), text: text.to_owned() }
}

/// The report as lines.
fn report(reading: &Reading) -> Vec<String> {
    reading.unhonoured.iter().map(|entry| format!("{}: {}", entry.key, entry.value)).collect()
}

#[test]
fn reads_like_a1111() {
    let text = infotext(&request(), (512, 512), "my, model");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        text,
        format!(
            "a red fox, snow\nNegative prompt: text\nSteps: 20, Sampler: DPM++ 2M, \
             Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, \
             Model: \"my, model\", RNG: CPU, Version: pentimento {version}"
        )
    );
}

#[test]
fn a_picture_that_was_encoded_by_chance_says_so() {
    let picture = Plane::new((1, 1));
    let init = InitPicture { picture, strength: 0.5, posterior: Posterior::Sample };
    let text = infotext(&PaintRequest { init: Some(init), ..request() }, (512, 512), "m");
    assert!(text.contains("Denoising strength: 0.5, VAE sample: true"), "{text}");
}

#[test]
fn what_is_written_comes_back() {
    let picture = Plane::new((1, 1));
    let request = PaintRequest {
        prompt: "a sign, \"Steps: 20\": here\nSteps: leading down\n雪".to_owned(),
        negative: "one: a, b\n\ntwo".to_owned(),
        init: Some(InitPicture { picture, strength: 0.6, posterior: Posterior::Mode }),
        variation: Some(Variation { seed: u64::MAX, strength: 0.2 }),
        guidance_rescale: 0.5,
        prompt_style: PromptStyle::Comfy,
        clip_skip: 2,
        eta: Some(0.25),
        same_as: SameAs::ComfyUiCuda,
        batch: Some(Part { index: 2, of: 4 }),
        choices: ModelChoices {
            vae: Some("models/VAE/mse, 840000.vae.pt".into()),
            ema: true,
            prediction: Some(Prediction::V),
            weights: WeightBits::Eight,
            few_steps: true,
        },
        seed: u64::MAX - 1,
        conditions: Conditions {
            original_size: Some((2048, 1536)),
            crop: (0, 64),
            target_size: Some((1024, 768)),
            picture_guidance: Some(1.25),
            refiner: Some(Refiner {
                model: ModelSource::Path("models/a, refiner.safetensors".into()),
                from: 0.75,
            }),
            depth: None,
            depth_model: Some("weights".into()),
        },
        ..request()
    };
    let reading = parse(&infotext(&request, (640, 384), "m: 1, \"x\""));
    assert_eq!(reading.origin, Origin::Pentimento);
    let expected = Recipe {
        prompt: request.prompt.clone(),
        negative: request.negative.clone(),
        size: Some((640, 384)),
        steps: Some(20),
        guidance: Some(7.0),
        guidance_rescale: Some(0.5),
        prompt_style: Some(PromptStyle::Comfy),
        clip_skip: Some(2),
        seed: Some(u64::MAX - 1),
        variation: request.variation,
        sampler: Some(Sampler::DpmPp2M),
        schedule: Some(Schedule::Karras),
        eta: request.eta,
        same_as: Some(request.same_as),
        batch: request.batch,
        strength: Some(0.6),
        savings: Savings::default(),
        original_size: Some((2048, 1536)),
        crop: Some((0, 64)),
        target_size: Some((1024, 768)),
        refiner: Some(("a, refiner".to_owned(), 0.75)),
        picture_guidance: Some(1.25),
        depth_estimated: true,
        weights: Some(WeightBits::Eight),
        vae: Some("mse, 840000.vae.pt".to_owned()),
        averaged: true,
        few_steps: true,
        prediction: Some(Prediction::V),
    };
    assert_eq!(reading.recipe, expected);
    assert_eq!(report(&reading), ["Model: m: 1, \"x\""]);
}

#[test]
fn refiners_of_other_programs_and_maps_that_no_text_holds() {
    let text = "x\nSteps: 9, Seed: 4, Size: 64x64, Refiner: sd_xl_refiner_1.0 [7440042bbd], \
        Refiner switch at: 0.6, Depth: picture";
    let reading = parse(text);
    assert_eq!(reading.recipe.refiner, Some(("sd_xl_refiner_1.0".to_owned(), 0.6)));
    assert_eq!(report(&reading), ["Depth: picture"]);
    let without = parse("x\nSteps: 9, Seed: 4, Size: 64x64, Refiner: other");
    assert_eq!(without.recipe.refiner, Some(("other".to_owned(), 0.8)));
    let alone = parse("x\nSteps: 9, Seed: 4, Size: 64x64, Refiner switch at: 0.6");
    assert_eq!(alone.recipe.refiner, None);
}

#[test]
fn a1111_with_everything() {
    let text = "masterpiece, (cat:1.2) <lora:fur:0.8>, Steps: of stone\nsecond line\n\
        Negative prompt: low quality, bad: hands\nmore: words, and: more\n\
        Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 3054126421, \
        Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, Denoising strength: 0.45, \
        Clip skip: 2, Hires upscale: 2, Hires upscaler: \"R-ESRGAN 4x+, anime\", \
        ADetailer prompt: \"a face, \\\"Steps: 3\\\", [SEP]\", ADetailer model: face_yolov8n.pt, \
        Lora hashes: \"fur: 1ab2, eyes: 9f\", Hashes: {\"model\": \"6ce0, 1\", \"x\": [1, 2]}, \
        RNG: CPU, Version: v1.10.1";
    let reading = parse(text);
    let recipe = &reading.recipe;
    assert_eq!(reading.origin, Origin::A1111);
    assert_eq!(
        recipe.prompt,
        "masterpiece, (cat:1.2) <lora:fur:0.8>, Steps: of stone\nsecond line"
    );
    assert_eq!(recipe.negative, "low quality, bad: hands\nmore: words, and: more");
    assert_eq!((recipe.steps, recipe.guidance), (Some(28), Some(6.5)));
    assert_eq!((recipe.seed, recipe.size), (Some(3_054_126_421), Some((512, 768))));
    assert_eq!(recipe.sampler, Some(Sampler::DpmPp2M));
    assert_eq!(recipe.schedule, Some(Schedule::Karras));
    assert_eq!(recipe.same_as, Some(SameAs::A1111Cpu));
    assert_eq!(recipe.strength, None, "it belongs to the hires pass");
    assert_eq!((recipe.clip_skip, recipe.prompt_style), (Some(2), None));
    assert_eq!(
        report(&reading),
        [
            "Model hash: 6ce0161689",
            "Model: v1-5-pruned",
            "Denoising strength: 0.45",
            "Hires upscale: 2",
            "Hires upscaler: R-ESRGAN 4x+, anime",
            "ADetailer prompt: a face, \"Steps: 3\", [SEP]",
            "ADetailer model: face_yolov8n.pt",
            "Lora hashes: fur: 1ab2, eyes: 9f",
            "Hashes: {\"model\": \"6ce0, 1\", \"x\": [1, 2]}",
            "Lora: fur:0.8",
        ]
    );
}

#[test]
fn sampler_names_of_all_programs() {
    let check = |name: &str, sampler: Option<Sampler>, schedule: Option<Schedule>| {
        let reading = parse(&format!("x\nSteps: 9, Sampler: {name}, Seed: 4, Size: 64x64"));
        assert_eq!(
            (reading.recipe.sampler, reading.recipe.schedule),
            (sampler, schedule),
            "{name}"
        );
        let reported = report(&reading).iter().any(|line| line.contains(name));
        assert_eq!(reported, sampler.is_none(), "{name}");
    };
    check("DPM++ 2M Karras", Some(Sampler::DpmPp2M), Some(Schedule::Karras));
    check("DPM++ 2M", Some(Sampler::DpmPp2M), Some(Schedule::Linspace));
    check("Euler a", Some(Sampler::EulerAncestral), Some(Schedule::Linspace));
    check("DDIM", Some(Sampler::Ddim), Some(Schedule::Leading));
    check("LCM", Some(Sampler::Lcm), None);
    check("DPM++ 2M SDE Karras", Some(Sampler::DpmPp2MSde), Some(Schedule::Karras));
    check("DPM++ 3M SDE Exponential", Some(Sampler::DpmPp3MSde), Some(Schedule::Exponential));
    check("DPM++ 2S a Karras", Some(Sampler::DpmPp2SAncestral), Some(Schedule::Karras));
    check("dpm_2_ancestral", Some(Sampler::Dpm2Ancestral), Some(Schedule::Linspace));
    check("kdpm_2_k", Some(Sampler::Dpm2), Some(Schedule::Karras));
    check("dpmpp_sde_gpu", Some(Sampler::DpmPpSde), Some(Schedule::Linspace));
    check("UniPC", Some(Sampler::UniPc), Some(Schedule::Linspace));
    check("PLMS", Some(Sampler::Pndm), Some(Schedule::Leading));
    check("DPM adaptive", None, None);
    check("k_euler_ancestral", Some(Sampler::EulerAncestral), Some(Schedule::Linspace));
    check("Heun", Some(Sampler::Heun), Some(Schedule::Linspace));
    let schedule = |name: &str| {
        let text = format!("x\nSteps: 9, Sampler: DPM++ 2M, Schedule type: {name}, Seed: 4");
        parse(&text).recipe.schedule
    };
    assert_eq!(schedule("Automatic"), Some(Schedule::Karras));
    assert_eq!(schedule("SGM Uniform"), Some(Schedule::SgmUniform));
    assert_eq!(schedule("KL Optimal"), Some(Schedule::KlOptimal));
    assert_eq!(schedule("Turbo"), None);
    for schedule in Schedule::ALL {
        assert_eq!(names::schedule(schedule.name(), None).ok().flatten(), Some(schedule));
    }
    for sampler in Sampler::ALL {
        assert_eq!(names::sampler(sampler.name()), Some((sampler, None)));
    }
}

#[test]
fn numbers_that_are_none_are_reported() {
    for (field, value) in [
        ("Steps", "NaN"),
        ("Steps", "-5"),
        ("Steps", "100000000000000000000"),
        ("Steps", "20.5"),
        ("CFG scale", "NaN"),
        ("CFG scale", "inf"),
        ("CFG scale", "-1"),
        ("CFG scale", "1e39"),
        ("Seed", "-1"),
        ("Seed", "18446744073709551616"),
        ("Size", "512"),
        ("Size", "0x512"),
        ("Size", "-4x512"),
        ("Size", "512x99999999"),
        ("Size", "1x2x3"),
        ("Denoising strength", "0"),
        ("Denoising strength", "-0.5"),
        ("CFG Rescale phi", "2"),
    ] {
        let text = format!("a\nVersion: v1, Model: b, Steps: 7, Clip skip: 1, {field}: {value}");
        let reading = parse(&text);
        let Recipe { guidance, seed, size, strength, guidance_rescale, .. } = reading.recipe;
        assert_eq!(
            (guidance, seed, size, strength, guidance_rescale),
            (None, None, None, None, None)
        );
        assert_eq!(report(&reading), ["Model: b".to_owned(), format!("{field}: {value}")]);
    }
    let text =
        "a\nSteps: 7, Seed: 1, Variation seed: 5, Variation seed strength: NaN, CFG scale: 2";
    let reading = parse(text);
    assert_eq!(reading.recipe.variation, None);
    assert_eq!(report(&reading), ["Variation seed strength: NaN", "Variation seed: 5"]);
}

#[test]
fn words_are_not_taken_for_fields() {
    for words in ["just words", "Style: oil, Mood: calm, Light: soft", "Steps: 20", "a: b"] {
        let reading = parse(words);
        assert_eq!(reading.recipe, Recipe { prompt: words.to_owned(), ..Recipe::default() });
        assert_eq!(report(&reading), [""; 0]);
    }
    let below = parse("fox\nSteps: 20, Seed: 1, CFG scale: 7\nTemplate: a {b|c}");
    assert_eq!((below.recipe.prompt.as_str(), below.recipe.seed), ("fox", Some(1)));
    assert_eq!(report(&below), ["Template: a {b|c}"]);
    let only_negative = parse("Negative prompt: x\nSteps: 20, Seed: 1, CFG scale: 7");
    assert_eq!(
        (only_negative.recipe.prompt.as_str(), only_negative.recipe.negative.as_str()),
        ("", "x")
    );
}

const COMFY: &str = r#"{
 "3": {"class_type": "KSampler", "is_changed": [NaN], "inputs": {"seed": 156680208700286,
   "steps": 25, "cfg": 8.0, "sampler_name": "euler_ancestral", "scheduler": "karras", "denoise": 1.0,
   "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
 "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
 "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 640, "height": 448, "batch_size": 1}},
 "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["20", 0], "clip": ["11", 0]}},
 "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, \"NaN\"", "clip": ["11", 0]}},
 "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
 "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
 "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "fur.pt", "strength_model": 0.8,
   "strength_clip": 1, "model": ["4", 0], "clip": ["4", 1]}},
 "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
 "20": {"class_type": "StringNode", "inputs": {"value": "a fox"}},
 "30": {"class_type": "KSampler", "inputs": {"seed": 9, "steps": 1, "cfg": 1, "sampler_name": "lms",
   "scheduler": "normal", "denoise": 1, "positive": ["7", 0], "latent_image": ["5", 0]}},
 "31": {"class_type": "PreviewImage", "inputs": {"images": ["30", 0]}}
}"#;

#[test]
fn comfy_is_read_off_its_graph() {
    let reading = read(&[raw("workflow", "{}"), raw("prompt", COMFY)]).unwrap();
    assert_eq!(reading.origin, Origin::ComfyUi);
    let expected = Recipe {
        prompt: "a fox".to_owned(),
        negative: "text, \"NaN\"".to_owned(),
        size: Some((640, 448)),
        steps: Some(25),
        guidance: Some(8.0),
        seed: Some(156_680_208_700_286),
        prompt_style: Some(PromptStyle::Comfy),
        clip_skip: Some(2),
        sampler: Some(Sampler::EulerAncestral),
        schedule: Some(Schedule::Karras),
        same_as: Some(SameAs::ComfyUiCuda),
        ..Recipe::default()
    };
    assert_eq!(reading.recipe, expected);
    assert_eq!(report(&reading), ["Lora: fur.pt:0.8", "Model: sd15.safetensors"]);
}

#[test]
fn comfy_with_its_parts_apart() {
    let text = r#"{
     "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0],
       "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["6", 0]}},
     "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 77}},
     "3": {"class_type": "CFGGuider", "inputs": {"cfg": 3.5, "model": ["7", 0],
       "positive": ["8", 0], "negative": ["8", 1]}},
     "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"}},
     "5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "sgm_uniform", "steps": 12,
       "denoise": 0.5, "model": ["7", 0]}},
     "6": {"class_type": "VAEEncode", "inputs": {"pixels": ["12", 0]}},
     "7": {"class_type": "RescaleCFG", "inputs": {"multiplier": 0.7, "model": ["11", 0]}},
     "8": {"class_type": "ControlNetApplyAdvanced", "inputs": {"strength": 0.9, "positive": ["9", 0],
       "negative": ["10", 0], "image": ["12", 0]}},
     "9": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "wide", "text_l": "near"}},
     "10": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad"}},
     "11": {"class_type": "UNETLoader", "inputs": {"unet_name": "u"}},
     "12": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
     "13": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}
    }"#;
    let reading = read(&[raw("prompt", text)]).unwrap();
    let recipe = &reading.recipe;
    assert_eq!((recipe.prompt.as_str(), recipe.negative.as_str()), ("wide, near", "bad"));
    assert_eq!((recipe.seed, recipe.steps), (Some(77), Some(12)));
    assert_eq!((recipe.guidance, recipe.guidance_rescale), (Some(3.5), Some(0.7)));
    assert_eq!(
        (recipe.sampler, recipe.schedule),
        (Some(Sampler::DpmPp2M), Some(Schedule::SgmUniform))
    );
    assert_eq!((recipe.strength, recipe.size), (Some(0.5), None));
    assert_eq!(
        report(&reading),
        ["ControlNetApplyAdvanced: 0.9", "Model: u", "Initial picture: VAEEncode"]
    );
}

#[test]
fn hostile_graphs_end() {
    let circle = r#"{"1": {"class_type": "KSampler", "inputs": {"sampler_name": ["1", 0], "steps":
        ["2", 0], "seed": {"a": [1]}, "cfg": ["9", 0], "model": ["1", 0], "positive": ["1", 0],
        "negative": ["2", 0], "latent_image": ["2", 0]}},
        "2": {"class_type": "Reroute", "inputs": {"steps": ["2", 0], "x": ["2", 0]}}}"#;
    let reading = read(&[raw("prompt", circle)]).unwrap();
    let nothing = Recipe {
        prompt_style: Some(PromptStyle::Comfy),
        same_as: Some(SameAs::ComfyUiCuda),
        ..Recipe::default()
    };
    assert_eq!(reading.recipe, nothing);
    let node = |id: u32| {
        let link = format!(r#"["{}",0]"#, id + 1);
        let inputs =
            format!(r#"{{"sampler_name":"x","steps":{link},"model":{link},"positive":{link}}}"#);
        format!(r#""{id}":{{"class_type":"KSampler","inputs":{inputs}}}"#)
    };
    let long = format!("{{{}}}", (0..20_000).map(node).collect::<Vec<_>>().join(","));
    assert!(read(&[raw("prompt", &long)]).is_some());
    for text in
        ["{}", "[]", "{\"1\":2}", "{\"1\":{\"class_type\":\"KSampler\"}}", &"[".repeat(100_000)]
    {
        assert_eq!(read(&[raw("prompt", text)]), None);
    }
}

#[test]
fn invoke_old_and_new() {
    let new = r#"{"app_version": "5.0.0", "generation_mode": "txt2img", "positive_prompt": "landscape",
      "negative_prompt": "low quality", "width": 768, "height": 432, "seed": 356120443,
      "rand_device": "cpu", "cfg_scale": 7.5, "cfg_rescale_multiplier": 0, "steps": 50,
      "scheduler": "dpmpp_2m_k", "clip_skip": 0, "seamless_x": false, "controlnets": [],
      "model": {"key": "k", "hash": "h", "name": "Dreamy", "base": "sd-1", "type": "main"},
      "loras": [{"model": {"name": "fur"}, "weight": 0.75}],
      "vae": {"name": "mse"}, "hrf_enabled": true}"#;
    let reading = read(&[raw("invokeai_metadata", new), raw("parameters", "no")]).unwrap();
    let expected = Recipe {
        prompt: "landscape".to_owned(),
        negative: "low quality".to_owned(),
        size: Some((768, 432)),
        steps: Some(50),
        guidance: Some(7.5),
        guidance_rescale: Some(0.0),
        clip_skip: Some(1),
        seed: Some(356_120_443),
        sampler: Some(Sampler::DpmPp2M),
        schedule: Some(Schedule::Karras),
        ..Recipe::default()
    };
    assert_eq!((reading.origin, &reading.recipe), (Origin::InvokeAi, &expected));
    let lines = report(&reading);
    for line in ["Model: Dreamy", "Lora: fur:0.75", "hrf_enabled: true", "vae: {\"name\":\"mse\"}"]
    {
        assert!(lines.iter().any(|said| said == line), "{line} in {lines:?}");
    }
    assert_eq!(lines.len(), 4);
    let old = r#"{"model": "stable diffusion", "model_weights": "sd-1.5", "app_id": "invoke-ai/InvokeAI",
      "image": {"prompt": [{"prompt": "a cat [dog, ugly] on a mat", "weight": 1}], "steps": 30,
      "cfg_scale": 7, "height": 512, "width": 640, "seed": 5, "type": "txt2img", "threshold": 2,
      "postprocessing": null, "sampler": "k_euler_a", "variations": []}}"#;
    let reading = read(&[raw("sd-metadata", old)]).unwrap();
    assert_eq!(reading.recipe.prompt, "a cat  on a mat");
    assert_eq!(reading.recipe.negative, "dog, ugly");
    assert_eq!(reading.recipe.sampler, Some(Sampler::EulerAncestral));
    assert_eq!(report(&reading), ["Model: sd-1.5", "threshold: 2"]);
}

#[test]
fn fooocus_in_its_own_form() {
    let text = r#"{"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernaut", "guidance_scale": 4.0,
      "clip_skip": 2, "loras": [["offset", 0.1, "hash"]], "metadata_scheme": "fooocus",
      "negative_prompt": "", "performance": "Speed", "prompt": "a cat", "refiner_model": "None",
      "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
      "seed": "4159895726312427221", "steps": 30, "styles": "['Fooocus V2']",
      "version": "Fooocus v2.5.5"}"#;
    let reading = read(&[raw("fooocus_scheme", "fooocus"), raw("parameters", text)]).unwrap();
    assert_eq!(reading.origin, Origin::Fooocus);
    let expected = Recipe {
        prompt: "a cat".to_owned(),
        size: Some((1152, 896)),
        steps: Some(30),
        guidance: Some(4.0),
        seed: Some(4_159_895_726_312_427_221),
        clip_skip: Some(2),
        sampler: Some(Sampler::DpmPp2MSde),
        schedule: Some(Schedule::Karras),
        ..Recipe::default()
    };
    assert_eq!(reading.recipe, expected);
    let lines = report(&reading);
    for line in ["base_model: juggernaut", "Lora: offset:0.1"] {
        assert!(lines.iter().any(|said| said == line), "{line} in {lines:?}");
    }
    let other = r#"{"prompt": "x", "steps": 28, "scale": 11.0, "uc": "bad", "seed": 3, "width": 64,
      "height": 64, "sampler": "k_euler"}"#;
    let reading = read(&[raw("Comment", other)]).unwrap();
    assert_eq!((reading.origin, reading.recipe.guidance), (Origin::Other, Some(11.0)));
    assert_eq!(reading.recipe.negative, "bad");
}

#[test]
fn reports_are_bounded() {
    let many: Vec<String> = (0..5000).map(|n| format!("Key {n}: {}", "x".repeat(1000))).collect();
    let reading = parse(&format!("a\nSteps: 1, {}", many.join(", ")));
    assert_eq!(reading.unhonoured.len(), 200);
    assert!(reading.unhonoured.iter().all(|entry| entry.value.chars().count() == 301));
}

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn no_text_makes_it_panic() {
    let pieces = [
        "Steps: ",
        "20",
        ", ",
        "\n",
        "Negative prompt: ",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        "Seed: ",
        "Size: ",
        "512x512",
        "NaN",
        "-",
        "é",
        "狐",
        "\u{0}",
        "\u{FEFF}",
        "<lora:",
        ">",
        "\"class_type\":",
        "\"inputs\":",
        "\"KSampler\"",
        "\"sampler_name\"",
        "\"steps\"",
        "[\"1\",0]",
        "\"1\":",
        "null",
        "1e999",
        "Sampler: ",
        "DPM++ 2M Karras",
        "_k",
        "\"prompt\":",
        "\"image\":",
        "Infinity",
    ];
    let mut dice = Dice(88_172_645_463_325_252);
    for _ in 0..20_000 {
        let count = dice.roll(40);
        let text: String = (0..count).map(|_| pieces[dice.roll(pieces.len())]).collect();
        drop(parse(&text));
        for keyword in ["parameters", "prompt", "invokeai_metadata", "sd-metadata", "Comment"] {
            drop(read(&[raw(keyword, &text)]));
        }
    }
    // Known texts with single letters changed.
    for known in [COMFY, "a\nSteps: 1, Sampler: Euler, Hashes: {\"a\": [1]}, Seed: 5, Size: 8x8"] {
        for _ in 0..2000 {
            let mut bytes = known.as_bytes().to_vec();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.roll(256) as u8;
            }
            let text = String::from_utf8_lossy(&bytes);
            drop(parse(&text));
            drop(read(&[raw("prompt", &text)]));
        }
    }
}
