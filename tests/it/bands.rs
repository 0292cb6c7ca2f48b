//! Layers of the autoencoder computed in bands of 8 rows give what diffusers' whole layers give.

use pentimento::engine::painter::Backend;

use super::support::{Goldens, MODELS, Table, bound, relative, stages};

#[test]
fn bands_decode_and_encode_as_whole_layers_do() {
    for (model, backend) in MODELS.iter().flat_map(|m| [(m, Backend::Cpu), (m, Backend::Candle)]) {
        let golden = Goldens::read(&format!("stages_{model}.safetensors"));
        let mut stages = stages(model, backend);
        stages.keep_whole(1);
        let mut table = Table::default();
        for case in golden.cases("encode", "mean") {
            let of = |name: &str| golden.get(&format!("encode/{case}/{name}"));
            if of("picture").shape[0] > 1 {
                continue; // Only single pictures are cut.
            }
            let name = format!("encode, {:?}", &of("picture").shape[2..]);
            let ours = stages.encode(of("picture"));
            table.within(name, relative(&ours, &of("mean").values), bound::STAGE);
        }
        for case in golden.cases("decode", "out") {
            let of = |name: &str| golden.get(&format!("decode/{case}/{name}"));
            if of("latent").shape[0] > 1 {
                continue;
            }
            let name = format!("decode, {:?}", &of("latent").shape[2..]);
            let ours = stages.decode(of("latent"));
            table.within(name, relative(&ours, &of("out").values), bound::STAGE);
        }
        table.finish(&format!("Bands of {model}, {backend:?}: max |a − b| / max |b|"));
    }
}
