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

/// candle only gives samples of the posterior: without variance they are its mean.
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

fn check_unet(model: &str, config: UNet2DConditionModelConfig) {
    let golden = Goldens::read(&format!("stages_{model}.safetensors"));
    let ours: Box<dyn Stages> = stages(model, Backend::Cpu);
    let mut table = Table::default();
    let weights = VarBuilder::from_tensors(tensors(model, "unet"), DType::F32, &Device::Cpu);
    let unet = UNet2DConditionModel::new(weights, 4, 4, false, config).expect("candle reads it");
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
        table.within(
            format!("{name}, to diffusers"),
            relative(&theirs, wanted),
            bound::ORACLE_UNET,
        );
        let ours = ours.unet(of("latent"), timesteps, states);
        table.within(format!("{name}, to us"), relative(&theirs, &ours), bound::ORACLE_UNET);
        // The bound tells right from wrong.
        let error = relative(&call(timesteps[0] + 100.0), wanted);
        table.beyond(format!("{name}, timestep 100 off"), error, 20.0 * bound::ORACLE_UNET);
    }
    table.finish(&format!("candle-transformers' UNet on {model}: max |a − b| / max |b|"));
}

fn check_vae(model: &str, config: AutoEncoderKLConfig) {
    let golden = Goldens::read(&format!("stages_{model}.safetensors"));
    let ours: Box<dyn Stages> = stages(model, Backend::Cpu);
    let mut table = Table::default();
    let mut weights = tensors(model, "vae");
    silence_variance(&mut weights);
    let weights = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let vae = AutoEncoderKL::new(weights, 3, 3, config).expect("candle reads it");
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
    table.finish(&format!("candle-transformers' autoencoder on {model}: max |a − b| / max |b|"));
}

// Its blocks always norm in 32 groups, whatever the config says: of our models only this one's
// UNet is as it expects.
#[test]
fn unet_of_sd1_tiny() {
    let block = |out_channels, attends: bool| BlockConfig {
        out_channels,
        use_cross_attn: attends.then_some(1),
        attention_head_dim: 4,
    };
    let config = UNet2DConditionModelConfig {
        blocks: vec![block(32, true), block(64, false)],
        layers_per_block: 1,
        norm_num_groups: 32,
        cross_attention_dim: 32,
        ..UNet2DConditionModelConfig::default()
    };
    check_unet("sd1_tiny", config);
}

fn vae_config(channels: &[usize], layers_per_block: usize, groups: usize) -> AutoEncoderKLConfig {
    AutoEncoderKLConfig {
        block_out_channels: channels.to_vec(),
        layers_per_block,
        latent_channels: 4,
        norm_num_groups: groups,
        use_quant_conv: true,
        use_post_quant_conv: true,
    }
}

#[test]
fn vae_of_sd1_tiny() {
    check_vae("sd1_tiny", vae_config(&[8, 16, 16], 1, 8));
}

#[test]
fn vae_of_sd2_tiny() {
    check_vae("sd2_tiny", vae_config(&[8, 16, 16], 2, 8));
}

#[test]
fn vae_of_pocket() {
    check_vae("pocket", vae_config(&[32, 64, 96, 128], 1, 1));
}
