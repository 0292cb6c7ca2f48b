//! Text states of weighted and long prompts, against `tests/fixtures/prompts.py`.

use std::path::PathBuf;

use pentimento::cancel::CancelToken;
use pentimento::diffusion::text::chunks;
use pentimento::diffusion::text::encoders::{
    KEPT_PARAMETERS, Prompt, Reading, TextEncoders, TextStates,
};
use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{ModelSource, PaintRequest, PromptStyle};
use pentimento::models::ModelFolder;
use pentimento::models::config::unet::UNetConfig;
use pentimento::ops::{Ops, candle::Candle, cpu::Cpu};

use super::support::{
    Goldens, Program, Table, absolute, bound, fixtures, json, model_folder, relative, rgb,
};

/// A model's text encoders on a backend.
struct Reader<O: Ops> {
    ops: O,
    texts: TextEncoders<O>,
}

impl<O: Ops> Reader<O> {
    fn load(folder: PathBuf, ops: O) -> Self {
        let folder = ModelFolder::open(&ModelSource::Path(folder)).unwrap();
        let unet = UNetConfig::read(&folder).unwrap();
        let go = CancelToken::default();
        let texts = TextEncoders::load(&ops, &folder, &unet, KEPT_PARAMETERS, &go);
        Self { ops, texts: texts.unwrap() }
    }

    fn read(&self, prompts: &[&str], style: PromptStyle, clip_skip: usize) -> TextStates {
        let prompt = |text: &&str| Prompt { text: (*text).to_owned(), negative: false };
        let prompts = prompts.iter().map(prompt).collect();
        let reading = Reading { prompts, style, clip_skip };
        self.texts.read(&self.ops, &reading, &CancelToken::default()).unwrap()
    }
}

fn check<O: Ops>(ops: impl Fn() -> O, name: &str) {
    let golden = Goldens::read("prompts.safetensors");
    let mut table = Table::default();
    for model in ["sd1_tiny", "sd2_tiny"] {
        let reader = Reader::load(model_folder(model), ops());
        for case in json("prompts.json").as_array().unwrap() {
            if case["model"] != model {
                continue;
            }
            let word = |key: &str| case[key].as_str().unwrap();
            let style: PromptStyle = word("style").parse().unwrap();
            let skip = case["clip_skip"].as_u64().unwrap() as usize;
            let chunked = chunks::read(reader.texts.tokenizer(), word("prompt"), style);
            assert_eq!(case["chunks"], chunked.chunks.len(), "{}", word("name"));
            let states = reader.read(&[word("prompt")], style, skip).states;
            let wanted = &golden.get(word("name")).values;
            table.within(word("name"), relative(&states, wanted), bound::STAGE);
        }
        // Two prompts at once are what each is alone, the shorter one over and over.
        let (short, long) = ("a (red) fox", "a (red BREAK fox) BREAK in the snow");
        let both = reader.read(&[short, long], PromptStyle::A1111, 1).states;
        let alone = |prompt| reader.read(&[prompt], PromptStyle::A1111, 1).states;
        let wanted = [alone(short).repeat(3), alone(long)].concat();
        table.within(format!("{model}, two prompts"), relative(&both, &wanted), bound::STAGE);
    }
    table.finish(&format!("Prompts, {name}: max |a − b| / max |b|"));
}

#[test]
fn states_of_weighted_and_long_prompts_cpu() {
    check(Cpu::default, "cpu");
}

#[test]
fn states_of_weighted_and_long_prompts_candle() {
    check(|| Candle::new().unwrap(), "candle");
}

/// Two encoders side by side read the same chunks; a text as a whole is its first chunk's, without
/// weights; CLIP skip counts from the end and goes no nearer to it than the model itself.
#[test]
fn two_encoders_read_in_chunks() {
    let reader = Reader::load(fixtures().join("families/sdxl"), Cpu::default());
    let read = |prompt: &str, skip| reader.read(&[prompt], PromptStyle::A1111, skip);
    let (first, second) = (read("a red fox", 1), read("in the snow", 1));
    let both = read("a red fox BREAK in the snow", 1);
    assert_eq!(both.shape, [1, 2 * first.shape[1], first.shape[2]]);
    let mut table = Table::default();
    let wanted = [first.states.clone(), second.states].concat();
    table.within("chunks", relative(&both.states, &wanted), bound::STAGE);
    table.within("whole text", relative(&both.pooled, &first.pooled), bound::STAGE);
    let weighted = read("a (red:1.5) fox", 1);
    table.within("whole text, weighted", relative(&weighted.pooled, &first.pooled), bound::STAGE);
    table.beyond("a weight", relative(&weighted.states, &first.states), 0.01);
    let skipped = |skip| relative(&read("a red fox", skip).states, &first.states);
    table.within("CLIP skip 2", skipped(2), 0.0);
    table.beyond("CLIP skip 3", skipped(3), 0.01);
    table.finish("Prompts of two encoders: max |a − b| / max |b|");
}

/// Each of them reaches the picture, and what is the same stays the same.
#[test]
fn weights_chunks_and_skip_reach_the_picture() {
    let mut program = Program::start(Backend::Cpu);
    let request = |prompt: &str| PaintRequest {
        model: ModelSource::Path(model_folder("sd1_tiny")),
        prompt: prompt.to_owned(),
        negative: "snow".to_owned(),
        size: Some((64, 64)),
        steps: Some(2),
        guidance: Some(7.5),
        previews: false,
        ..PaintRequest::default()
    };
    let mut paint = |request| rgb(&program.paint(request).unwrap().picture);
    let plain = paint(request("a red fox"));
    let other = |change: fn(&mut PaintRequest)| {
        let mut request = request("a (red:1.8) fox");
        change(&mut request);
        request
    };
    let weighted = paint(other(|_| ()));
    let mut table = Table::default();
    for (name, changed) in [
        ("a weight", weighted.clone()),
        ("a second chunk", paint(request("a red BREAK fox"))),
        ("CLIP skip", paint(other(|request| request.clip_skip = 2))),
        ("ComfyUI's way", paint(other(|request| request.prompt_style = PromptStyle::Comfy))),
        ("plain words", paint(other(|request| request.prompt_style = PromptStyle::Plain))),
    ] {
        let against =
            if name == "a weight" || name == "a second chunk" { &plain } else { &weighted };
        table.beyond(name, absolute(&changed, against), 2.0);
    }
    let longer = |request: &mut PaintRequest| request.negative = "the BREAK snow".to_owned();
    table.beyond("a longer negative prompt", absolute(&paint(other(longer)), &weighted), 2.0);
    for style in PromptStyle::ALL {
        let same = paint(PaintRequest { prompt_style: style, ..request("a red fox") });
        table.within(format!("no signs, {}", style.name()), absolute(&same, &plain), 0.0);
    }
    table.finish("Prompts in pictures, worst pixel, 1/255");
}
