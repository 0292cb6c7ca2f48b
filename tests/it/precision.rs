//! How far bf16 lies from f32 on whole pictures, and every instruction set from the plain one.

use pentimento::engine::painter::{Options, Precision};
use pentimento::engine::protocol::PaintRequest;
use pentimento::ops::cpu::Isa;

use super::support::{Program, psnr, rgb};

/// Median and worst PSNR of bf16 to f32 over twenty seeds, in dB.
const MEDIAN: f64 = 35.0;
const WORST: f64 = 28.0;

const PROMPTS: [&str; 4] =
    ["a fox in the snow", "a red house by the sea", "a portrait", "a forest"];

fn request(seed: u64) -> PaintRequest {
    PaintRequest {
        prompt: PROMPTS[seed as usize % PROMPTS.len()].to_owned(),
        seed,
        previews: false,
        ..PaintRequest::default()
    }
}

#[test]
fn bf16_paints_nearly_the_same_pictures() {
    let of = |precision| Program::with(Options { precision, ..Options::default() });
    let (mut exact, mut short) = (of(Precision::F32), of(Precision::Bf16));
    let mut values: Vec<f64> = (0..20)
        .map(|seed| {
            let exact = rgb(&exact.paint(request(seed)).expect("a picture").picture);
            let short = rgb(&short.paint(request(seed)).expect("a picture").picture);
            psnr(&exact, &short)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let median = f64::midpoint(values[9], values[10]);
    println!("bf16 to f32, built-in model: median {median:.1} dB, worst {:.1} dB", values[0]);
    assert!(median >= MEDIAN && values[0] >= WORST, "{values:.1?}");
}

#[test]
fn all_instructions_paint_the_same_picture() {
    let small = || PaintRequest { size: Some((128, 128)), steps: Some(4), ..request(3) };
    let of =
        |isa, precision| Program::with(Options { isa: Some(isa), precision, ..Options::default() });
    for precision in [Precision::F32, Precision::Bf16] {
        let plain = rgb(&of(Isa::Plain, precision).paint(small()).expect("a picture").picture);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            let own = rgb(&of(isa, precision).paint(small()).expect("a picture").picture);
            let value = psnr(&plain, &own);
            println!("{isa} {precision:?} to plain: {value:.1} dB");
            let wanted = if precision == Precision::F32 { 55.0 } else { 30.0 };
            assert!(value >= wanted, "{isa} {precision:?}: {value:.1} dB");
        }
    }
}
