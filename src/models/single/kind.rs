//! What a weights file is, from the names of its tensors.

use crate::models::TensorFile;

/// How the names of a part are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As in the first releases of Stable Diffusion (CompVis' ldm, Stability's sgm).
    Original,
    /// As diffusers and transformers write them.
    Diffusers,
    /// OpenCLIP's.
    OpenClip,
}

/// A part of a model in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What its names begin with, with the dot.
    pub prefix: String,
    /// How they go on.
    pub naming: Naming,
}

/// The parts of a model that a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The UNet.
    pub unet: Option<Part>,
    /// The autoencoder.
    pub vae: Option<Part>,
    /// CLIP ViT-L, or whatever is named like it.
    pub clip: Option<Part>,
    /// OpenCLIP, or the second text encoder of SDXL.
    pub open_clip: Option<Part>,
}

/// A name that shows that a part is there, by the way of naming.
type Sign = (Naming, &'static str);

const UNET: [(&str, &[Sign]); 4] = [
    ("model.diffusion_model.", &[(Naming::Original, "output_blocks.0.0.in_layers.2.weight")]),
    ("diffusion_model.", &[(Naming::Original, "output_blocks.0.0.in_layers.2.weight")]),
    ("unet.", &[(Naming::Diffusers, "up_blocks.0.resnets.0.time_emb_proj.weight")]),
    (
        "",
        &[
            (Naming::Original, "output_blocks.0.0.in_layers.2.weight"),
            (Naming::Diffusers, "up_blocks.0.resnets.0.time_emb_proj.weight"),
        ],
    ),
];
const VAE_SIGNS: &[Sign] = &[
    (Naming::Original, "decoder.up.0.block.0.norm1.weight"),
    (Naming::Diffusers, "decoder.up_blocks.0.resnets.0.norm1.weight"),
];
const VAE: [(&str, &[Sign]); 3] =
    [("first_stage_model.", VAE_SIGNS), ("vae.", VAE_SIGNS), ("", VAE_SIGNS)];
const CLIP_SIGNS: &[Sign] = &[
    (Naming::Diffusers, "text_model.embeddings.token_embedding.weight"),
    (Naming::Diffusers, "embeddings.token_embedding.weight"),
];
const CLIP: [(&str, &[Sign]); 6] = [
    ("cond_stage_model.transformer.", CLIP_SIGNS),
    ("conditioner.embedders.0.transformer.", CLIP_SIGNS),
    // Some merging tools left the middle of the name out.
    ("cond_stage_model.", CLIP_SIGNS),
    ("text_encoder.", CLIP_SIGNS),
    ("text_encoders.clip_l.transformer.", CLIP_SIGNS),
    ("", CLIP_SIGNS),
];
const OPEN_CLIP_SIGNS: &[Sign] = &[(Naming::OpenClip, "transformer.resblocks.0.ln_1.weight")];
const OPEN_CLIP: [(&str, &[Sign]); 5] = [
    ("cond_stage_model.model.", OPEN_CLIP_SIGNS),
    ("conditioner.embedders.1.model.", OPEN_CLIP_SIGNS),
    ("conditioner.embedders.0.model.", OPEN_CLIP_SIGNS),
    ("text_encoder_2.", CLIP_SIGNS),
    ("text_encoders.clip_g.transformer.", CLIP_SIGNS),
];

fn find(file: &TensorFile, places: &[(&str, &[Sign])]) -> Option<Part> {
    for (prefix, signs) in places {
        let sign = signs.iter().find(|(_, name)| file.get(&format!("{prefix}{name}")).is_some());
        if let Some((naming, _)) = sign {
            return Some(Part { prefix: (*prefix).to_owned(), naming: *naming });
        }
    }
    None
}

impl Parts {
    /// Finds the parts that a file holds.
    #[must_use]
    pub fn of(file: &TensorFile) -> Self {
        Self {
            unet: find(file, &UNET),
            vae: find(file, &VAE),
            clip: find(file, &CLIP),
            open_clip: find(file, &OPEN_CLIP),
        }
    }
}

/// Whether a file with these names is a whole model, or at least its UNet. A ControlNet may be stored
/// together with the model that it was trained for.
#[must_use]
pub fn is_model(file: &TensorFile) -> bool {
    find(file, &UNET).is_some() && !file.names().any(|name| name.starts_with("control_model."))
}

/// What an autoencoder alone is called.
const VAE_ALONE: &str = "an autoencoder (VAE) alone";

/// Whether a file holds an autoencoder and nothing else that is of use.
#[must_use]
pub fn is_vae(file: &TensorFile) -> bool {
    find(file, &UNET).is_none() && other(file) == Some(VAE_ALONE)
}

/// What a file without a UNet of Stable Diffusion is, for people: a noun with its article.
#[must_use]
pub fn other(file: &TensorFile) -> Option<&'static str> {
    let any = |test: &dyn Fn(&str) -> bool| file.names().any(test);
    let has = |part: &str| any(&|name| name.contains(part));
    let begins = |part: &str| any(&|name| name.starts_with(part));
    let parts = Parts::of(file);
    Some(
        if has("lora_down")
            || has(".lora_A.")
            || has("_lora.")
            || has("lora_unet_")
            || has(".hada_w1")
        {
            "a LoRA"
        } else if begins("control_model.")
            || has("controlnet_cond_embedding.")
            || has("input_hint_block.")
        {
            "a ControlNet"
        } else if begins("string_to_param") || file.has("emb_params") {
            "an embedding (textual inversion)"
        } else if begins("ip_adapter.") || begins("image_proj.") {
            "an IP-Adapter"
        } else if has("motion_modules.") {
            "a motion module for films"
        } else if has("joint_blocks.") {
            "a model of the Stable Diffusion 3 family"
        } else if has("double_blocks.") {
            "a model of the Flux family"
        } else if begins("conv_first.") || begins("model.1.sub.") {
            "an enlarger (ESRGAN)"
        } else if begins("decoder.layers.")
            || file.has("1.conv.0.weight")
            || begins("taesd_decoder.")
        {
            "a small decoder for previews"
        } else if parts.vae.is_some() {
            VAE_ALONE
        } else if parts.clip.is_some() || parts.open_clip.is_some() {
            "a text encoder alone"
        } else if any(&|name| name.starts_with("320.") || name.starts_with("768.")) {
            "a hypernetwork"
        } else {
            return None;
        },
    )
}
