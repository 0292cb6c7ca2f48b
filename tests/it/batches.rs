//! A picture of a batch is the same when it is painted alone, whichever program's batches are
//! followed; and the programs' noise differs where it should.

use pentimento::engine::painter::Backend;
use pentimento::engine::protocol::{PaintRequest, Part, SameAs, Sampler};

use super::support::Program;

fn request(same_as: SameAs) -> PaintRequest {
    PaintRequest {
        prompt: "a fox".to_owned(),
        size: Some((64, 56)),
        steps: Some(2),
        sampler: Some(Sampler::EulerAncestral),
        same_as,
        seed: 7,
        previews: false,
        latents: true,
        ..PaintRequest::default()
    }
}

fn latent(program: &mut Program, request: PaintRequest) -> Vec<f32> {
    program.paint(request).expect("a picture").latent.expect("its latent").values
}

#[test]
fn a_picture_of_a_batch_is_the_same_alone() {
    let mut program = Program::start(Backend::Cpu);
    let mut firsts: Vec<(SameAs, Vec<f32>)> = Vec::new();
    for same_as in SameAs::ALL {
        let batch = PaintRequest { count: 3, ..request(same_as) };
        // The program returns the last picture of a job.
        let last = latent(&mut program, batch.clone());
        let alone = batch.alone(2);
        let shared = Part { index: 2, of: 3 };
        assert_eq!(alone.batch, same_as.shares_batch().then_some(shared));
        assert_eq!(alone.seed, if same_as.shares_batch() { 7 } else { 9 });
        assert_eq!(alone.alone(0), alone);
        assert_eq!(latent(&mut program, alone), last, "{same_as:?}");
        // The last two of a batch that was stopped.
        let rest = PaintRequest { count: 2, ..batch.alone(1) };
        assert_eq!(latent(&mut program, rest), last, "{same_as:?}");
        firsts.push((same_as, latent(&mut program, request(same_as))));
    }
    // Those of different noise differ; the others may differ in their steps.
    let noise = |same_as: SameAs| match same_as {
        SameAs::Pentimento | SameAs::Diffusers | SameAs::A1111Cpu => "CPU",
        SameAs::DiffusersCuda | SameAs::A1111 => "CUDA",
        SameAs::ComfyUi => "CPU, then the next seed's",
        SameAs::ComfyUiCuda => "CPU, then CUDA",
    };
    for (at, (one, mine)) in firsts.iter().enumerate() {
        for (other, theirs) in &firsts[..at] {
            assert!(noise(*one) == noise(*other) || mine != theirs, "{one:?} {other:?}");
        }
    }
}

#[test]
fn variations_of_a_batchs_picture_begin_at_that_picture() {
    use pentimento::engine::protocol::Variation;

    for same_as in SameAs::ALL {
        let batch = PaintRequest { count: 3, ..request(same_as) };
        let variation = Some(Variation { seed: 40, strength: 0.1 });
        let varied = PaintRequest { count: 4, variation, ..batch.alone(1) };
        for index in 0..4 {
            assert_eq!(varied.part(index), batch.part(1), "{same_as:?}");
            let (seed, by) = varied.seeds(index);
            assert_eq!(seed, batch.seeds(1).0);
            assert_eq!(by.map(|by| by.seed), Some(40 + u64::from(index)));
        }
    }
}
