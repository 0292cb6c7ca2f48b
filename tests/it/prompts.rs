//! Text states of weighted and long prompts, against `tests/fixtures/prompts.py`.

use pentimento::cancel::CancelToken;
use pentimento::diffusion::text::chunks::{self, Chunk};
use pentimento::diffusion::text::clip::ClipText;
use pentimento::diffusion::text::{Tokenizer, weights};
use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{ModelSource, PaintRequest, PromptStyle};
use pentimento::models::ModelFolder;
use pentimento::models::config::clip::ClipConfig;
use pentimento::ops::{Ops, candle::Candle, cpu::Cpu};

use super::support::{Goldens, Program, Table, absolute, bound, json, model_folder, relative, rgb};

/// A model's tokenizer and text encoder on a backend.
struct Reader<O: Ops> {
    ops: O,
    tokenizer: Tokenizer,
    text: ClipText<O>,
}

impl<O: Ops> Reader<O> {
    fn load(model: &str, ops: O) -> Self {
        let folder = ModelFolder::open(&ModelSource::Path(model_folder(model))).unwrap();
        let config = ClipConfig::read(&folder).unwrap();
        let tokenizer = Tokenizer::load(&folder, config.positions).unwrap();
        let file = folder.tensors("text_encoder").unwrap();
        let text = ClipText::load(&ops, config, &file, &CancelToken::default()).unwrap();
        Self { ops, tokenizer, text }
    }

    /// States, and chunks of each prompt.
    fn states(&self, prompts: &[&str], style: PromptStyle, skip: usize) -> (Vec<f32>, Vec<usize>) {
        let read = |prompt: &&str| chunks::read(&self.tokenizer, prompt, style);
        let prompts: Vec<_> = prompts.iter().map(read).collect();
        let counts = prompts.iter().map(|prompt| prompt.chunks.len()).collect();
        let empty = Chunk::empty(&self.tokenizer);
        let states = weights::states(&self.ops, &prompts, &empty, style, |ids| {
            self.text.forward_skipping(&self.ops, ids, skip, &CancelToken::default())
        });
        (self.ops.read_tokens(&states.unwrap()).unwrap(), counts)
    }
}

fn check<O: Ops>(ops: impl Fn() -> O, name: &str) {
    let golden = Goldens::read("prompts.safetensors");
    let mut table = Table::default();
    for model in ["sd1_tiny", "sd2_tiny"] {
        let reader = Reader::load(model, ops());
        for case in json("prompts.json").as_array().unwrap() {
            if case["model"] != model {
                continue;
            }
            let word = |key: &str| case[key].as_str().unwrap();
            let style: PromptStyle = word("style").parse().unwrap();
            let skip = case["clip_skip"].as_u64().unwrap() as usize;
            let (states, counts) = reader.states(&[word("prompt")], style, skip);
            assert_eq!(counts, [case["chunks"].as_u64().unwrap() as usize], "{}", word("name"));
            let wanted = &golden.get(word("name")).values;
            table.within(word("name"), relative(&states, wanted), bound::STAGE);
        }
        // Two prompts at once are what each is alone, the shorter one over and over.
        let (short, long) = ("a (red) fox", "a (red BREAK fox) BREAK in the snow");
        let both = reader.states(&[short, long], PromptStyle::A1111, 1).0;
        let alone = |prompt| reader.states(&[prompt], PromptStyle::A1111, 1).0;
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
