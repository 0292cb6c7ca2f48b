//! A second oracle: candle-transformers' own UNet and autoencoder, written by others from the
//! same papers, on the same files. It is held against diffusers' golden data and against us, at a
//! looser bound: its GEGLU uses the tanh form of GELU.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::stable_diffusion::unet_2d::{
    BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig,
};
use candle_transformers::models::stable_diffusion::vae::{AutoEncoderKL, AutoEncoderKLConfig};
use pentimento::engine::painter::Backend;

use super::support::{Golden, Goldens, Stages, Table, bound, model_folder, relative, stages};

fn tensors(model: &str, part: &str) -> HashMap<String, Tensor> {
    let file = model_folder(model).join(part).join("diffusion_pytorch_model.safetensors");
    let tensors = candle_core::safetensors::load(file, &Device::Cpu).expect("weights");
    tensors.into_iter().map(|(k, v)| (k, v.to_dtype(DType::F32).expect("numbers"))).collect()
}

fn on_cpu(golden: &Golden) -> Tensor {
    Tensor::from_slice(&golden.values, golden.shape.as_slice(), &Device::Cpu).expect("a tensor")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("values")
}

/// What candle cannot read from a config.json.
struct Shape {
    /// Channels, heads, whether there is cross-attention.
    blocks: Vec<(usize, usize, bool)>,
    layers: usize,
    groups: usize,
    text_width: usize,
    vae_channels: Vec<usize>,
    vae_layers: usize,
    vae_groups: usize,
}

fn unet(model: &str, shape: &Shape) -> UNet2DConditionModel {
    let block = |&(out_channels, heads, attends): &(usize, usize, bool)| BlockConfig {
        out_channels,
        use_cross_attn: attends.then_some(1),
        attention_head_dim: heads,
    };
    let config = UNet2DConditionModelConfig {
        blocks: shape.blocks.iter().map(block).collect(),
        layers_per_block: shape.layers,
        norm_num_groups: shape.groups,
        cross_attention_dim: shape.text_width,
        ..UNet2DConditionModelConfig::default()
    };
    let weights = VarBuilder::from_tensors(tensors(model, "unet"), DType::F32, &Device::Cpu);
    UNet2DConditionModel::new(weights, 4, 4, false, config).expect("candle reads the UNet")
}

fn vae(model: &str, shape: &Shape) -> AutoEncoderKL {
    let config = AutoEncoderKLConfig {
        block_out_channels: shape.vae_channels.clone(),
        layers_per_block: shape.vae_layers,
        latent_channels: 4,
        norm_num_groups: shape.vae_groups,
        use_quant_conv: true,
        use_post_quant_conv: true,
    };
    let mut weights = tensors(model, "vae");
    // candle only gives samples of the posterior: without variance they are its mean.
    silence_variance(&mut weights);
    let weights = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    AutoEncoderKL::new(weights, 3, 3, config).expect("candle reads the autoencoder")
}

fn silence_variance(weights: &mut HashMap<String, Tensor>) {
    let half = |tensor: &Tensor, fill: f64| {
        let mean = tensor.narrow(0, 0, 4)?;
        let constant = (mean.zeros_like()? + fill)?;
        Tensor::cat(&[&mean, &constant], 0)
    };
    let weight = half(&weights["quant_conv.weight"], 0.0).expect("eight channels");
    let bias = half(&weights["quant_conv.bias"], -1000.0).expect("eight channels");
    weights.insert("quant_conv.weight".to_owned(), weight);
    weights.insert("quant_conv.bias".to_owned(), bias);
}

fn check(model: &str, shape: &Shape) {
    let golden = Goldens::read(&format!("stages_{model}.safetensors"));
    let ours: Box<dyn Stages> = stages(model, Backend::Cpu);
    let mut table = Table::default();
    let unet = unet(model, shape);
    let states = golden.get("unet/states");
    for case in golden.cases("unet", "out") {
        let of = |name: &str| golden.get(&format!("unet/{case}/{name}"));
        let timesteps = &of("timesteps").values;
        if timesteps[0] != timesteps[1] {
            continue; // candle takes one timestep for all
        }
        let call = |timestep: f32| {
            let out = unet.forward(&on_cpu(of("latent")), f64::from(timestep), &on_cpu(states));
            values(&out.expect("a prediction"))
        };
        let theirs = call(timesteps[0]);
        let [_, _, height, width] = of("latent").dims4();
        let name = format!("UNet, {height} × {width}");
        let wanted = &of("out").values;
        table.within(format!("{name}, to diffusers"), relative(&theirs, wanted), bound::ORACLE_UNET);
        let ours = ours.unet(of("latent"), timesteps, states);
        table.within(format!("{name}, to us"), relative(&theirs, &ours), bound::ORACLE_UNET);
        // The bound tells right from wrong.
        let error = relative(&call(timesteps[0] + 100.0), wanted);
        table.beyond(format!("{name}, timestep 100 off"), error, 5.0 * bound::ORACLE_UNET);
    }
    let vae = vae(model, shape);
    for case in golden.cases("encode", "mean") {
        let of = |name: &str| golden.get(&format!("encode/{case}/{name}"));
        let theirs = vae.encode(&on_cpu(of("picture"))).and_then(|posterior| posterior.sample());
        let theirs = values(&theirs.expect("a latent"));
        let name = format!("encode, {:?}", &of("picture").shape[2..]);
        let wanted = &of("mean").values;
        table.within(format!("{name}, to diffusers"), relative(&theirs, wanted), bound::ORACLE_VAE);
        let ours = ours.encode(of("picture"));
        table.within(format!("{name}, to us"), relative(&theirs, &ours), bound::ORACLE_VAE);
    }
    for case in golden.cases("decode", "out") {
        let of = |name: &str| golden.get(&format!("decode/{case}/{name}"));
        let theirs = values(&vae.decode(&on_cpu(of("latent"))).expect("a picture"));
        let name = format!("decode, {:?}", &of("latent").shape[2..]);
        let wanted = &of("out").values;
        table.within(format!("{name}, to diffusers"), relative(&theirs, wanted), bound::ORACLE_VAE);
        let ours = ours.decode(of("latent"));
        table.within(format!("{name}, to us"), relative(&theirs, &ours), bound::ORACLE_VAE);
    }
    table.finish(&format!("candle-transformers on {model}: max |a − b| / max |b|"));
}

#[test]
fn sd1_tiny() {
    let shape = Shape {
        blocks: vec![(16, 4, true), (24, 4, false)],
        layers: 1,
        groups: 8,
        text_width: 32,
        vae_channels: vec![8, 16, 16],
        vae_layers: 1,
        vae_groups: 8,
    };
    check("sd1_tiny", &shape);
}

#[test]
fn pocket() {
    let shape = Shape {
        blocks: vec![(32, 1, false), (64, 2, true), (128, 4, true), (192, 6, false)],
        layers: 1,
        groups: 8,
        text_width: 256,
        vae_channels: vec![24, 48, 96, 128],
        vae_layers: 1,
        vae_groups: 1,
    };
    check("pocket", &shape);
}
