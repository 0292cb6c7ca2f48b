//! `pentimento models` and `pentimento inspect`: what is there, and how that was decided. Pictures
//! are in [`super::recipe`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::args::model;
use crate::cancel::CancelToken;
use crate::diffusion::text::encoders::parts;
use crate::engine::protocol::ModelSource;
use crate::files::hub::HubSettings;
use crate::models::find::{Kind, Known, Search};
use crate::models::folder::{Bytes, Remark};
use crate::models::identify::identify;
use crate::models::lexicon;
use crate::models::single::kind;
use crate::models::{ModelFolder, TensorFile};

/// The keys of each configuration that tell most about a model.
const KEYS: [(&str, &[&str]); 5] = [
    ("text_encoder/config.json", TEXT_KEYS),
    ("text_encoder_2/config.json", TEXT_KEYS),
    (
        "unet/config.json",
        &[
            "in_channels",
            "block_out_channels",
            "layers_per_block",
            "transformer_layers_per_block",
            "cross_attention_dim",
            "addition_embed_type",
            "time_cond_proj_dim",
            "sample_size",
        ],
    ),
    (
        "vae/config.json",
        &[
            "latent_channels",
            "block_out_channels",
            "norm_num_groups",
            "scaling_factor",
            "sample_size",
        ],
    ),
    (
        "scheduler/scheduler_config.json",
        &[
            "_class_name",
            "prediction_type",
            "timestep_spacing",
            "beta_schedule",
            "beta_start",
            "beta_end",
            "num_train_timesteps",
            "rescale_betas_zero_snr",
        ],
    ),
];

const TEXT_KEYS: &[&str] =
    &["hidden_size", "num_hidden_layers", "max_position_embeddings", "vocab_size", "hidden_act"];
/// How files of weights end.
const WEIGHTS: [&str; 5] = ["safetensors", "ckpt", "pt", "pth", "bin"];

/// Lists the built-in model and those in the cache of the Hugging Face hub.
pub(super) fn models() -> Result<()> {
    let folder = ModelFolder::open(&ModelSource::BuiltIn)?;
    let extras = folder.extras();
    let mut text = String::new();
    let or_own = |value: Option<String>| value.unwrap_or_else(|| "its own".to_owned());
    let size = extras.native_size.map(|(width, height)| format!("{width} × {height} pixels"));
    writeln!(text, "pocket  {}", folder.name())?;
    writeln!(text, "  family       {}", identify(&folder)?.family)?;
    writeln!(text, "  weights      {}", mib(folder.weight_bytes()))?;
    writeln!(text, "  knows        {} kinds of things", lexicon::object_count())?;
    writeln!(text, "  native size  {}", or_own(size))?;
    writeln!(text, "  steps        {}", or_own(extras.steps.map(|steps| steps.to_string())))?;
    let few = extras.few_steps.as_ref().map_or(0, |few| few.steps);
    writeln!(text, "  few steps    {few}, without guidance")?;
    writeln!(text, "  guidance     {}", or_own(extras.guidance.map(|scale| scale.to_string())))?;
    writeln!(text, "  sampler      {}", or_own(extras.sampler.map(|s| s.name().to_owned())))?;
    writeln!(text, "  schedule     {}", or_own(extras.schedule.map(|s| s.name().to_owned())))?;
    for example in &extras.examples {
        writeln!(text, "  example      {} (seed {})", example.prompt, example.seed)?;
    }
    let (cancel, mut known) = (CancelToken::default(), Known::new());
    let mut tell = |_: &_| ();
    let mut search = Search::new(&cancel, &mut known, &mut tell);
    search.look(&HubSettings::from_environment().cache);
    for found in search.done().found.iter().filter(|found| found.kind == Kind::Model) {
        writeln!(text, "{}  {}", found.path.display(), found.repo.as_ref().unwrap_or(&found.name))?;
        match &found.trouble {
            Some(trouble) => writeln!(text, "  cannot be used: {trouble}")?,
            None => writeln!(text, "  family       {}", found.family)?,
        }
        writeln!(text, "  weights      {}", mib(found.bytes))?;
    }
    print(&text)
}

/// Says what a folder or a weights file holds.
pub(super) fn inspect(path: &Path) -> Result<()> {
    let mut text = String::new();
    // Checkpoints are archives, as some pictures are.
    if path.is_file() && path.extension().is_some_and(|end| WEIGHTS.iter().any(|w| end == *w)) {
        let shown = path.display().to_string();
        let file = TensorFile::open(&Bytes::File(path.to_owned()), shown)?;
        if !kind::is_model(&file) {
            let what =
                kind::other(&file).unwrap_or("tensors that are no part of a model known here");
            writeln!(text, "The names of its tensors say: {what}")?;
            describe_tensors(&mut text, &file)?;
            return print(&text);
        }
    } else if path.is_file() && super::recipe::is_picture(path) {
        return print(&super::recipe::describe(path)?);
    }
    let source = model(&path.to_string_lossy()).map_err(anyhow::Error::msg)?;
    let folder = ModelFolder::open(&source)?;
    let mut missing = Vec::new();
    writeln!(text, "{}", folder.name())?;
    writeln!(text, "  from         {}", folder.location())?;
    writeln!(text, "  weights      {}", mib(folder.weight_bytes()))?;
    match identify(&folder) {
        Ok(identity) => {
            writeln!(text, "  family       {}: {}", identity.family, identity.because)?;
            writeln!(
                text,
                "  task         {}: the channels its UNet takes",
                identity.task.words()
            )?;
        }
        Err(error) => writeln!(text, "  family       unknown: {error}")?,
    }
    if let Some(single) = folder.single() {
        let predicts = &single.predicts;
        writeln!(text, "  layout       {}", single.layout)?;
        writeln!(text, "  predicts     {}: {}", predicts.prediction.name(), predicts.because)?;
    }
    for remark in folder.remarks() {
        if let Remark::Borrowed { component, from } = remark {
            writeln!(text, "  borrowed     {component} of {from}")?;
        }
    }
    let recommended = if folder.has("pentimento.json") { "pentimento.json" } else { "not given" };
    writeln!(text, "  defaults     {recommended}")?;
    for component in folder.components() {
        writeln!(text, "{component}")?;
        describe_config(&mut text, &folder, &format!("{component}/config.json"), &mut missing)?;
        match folder.tensors(component) {
            Ok(file) => describe_tensors(&mut text, &file)?,
            Err(error) => missing.push(error.to_string()),
        }
    }
    writeln!(text, "scheduler")?;
    describe_config(&mut text, &folder, "scheduler/scheduler_config.json", &mut missing)?;
    for (_, part) in parts(&folder) {
        writeln!(text, "{part}")?;
        let files = [format!("{part}/vocab.json"), format!("{part}/tokenizer.json")];
        match files.iter().find(|file| folder.brings(file)) {
            Some(file) => writeln!(text, "  vocabulary   {file}")?,
            None if folder.single().is_some() => writeln!(text, "  vocabulary   CLIP's own")?,
            None => missing.push(files.join(" and ")),
        }
    }
    if missing.is_empty() {
        writeln!(text, "Nothing is missing")?;
    }
    for part in missing {
        writeln!(text, "Missing: {part}")?;
    }
    print(&text)
}

fn describe_config(
    text: &mut String,
    folder: &ModelFolder,
    relative: &str,
    missing: &mut Vec<String>,
) -> Result<()> {
    let config = match folder.json(relative) {
        Ok(config) => config,
        Err(error) => {
            missing.push(error.to_string());
            return Ok(());
        }
    };
    let keys = KEYS.iter().find(|(file, _)| *file == relative).map_or(&[][..], |(_, keys)| keys);
    for key in keys {
        match config.get(*key) {
            None | Some(Value::Null) => {}
            Some(Value::String(word)) => writeln!(text, "  {key}  {word}")?,
            Some(value) => writeln!(text, "  {key}  {value}")?,
        }
    }
    Ok(())
}

fn describe_tensors(text: &mut String, file: &TensorFile) -> Result<()> {
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parameters = 0_usize;
    for name in file.names() {
        *types.entry(file.dtype(name).unwrap_or("?")).or_default() += 1;
        // A header may claim any shape for numbers of an unknown kind.
        let shape = file.shape(name).unwrap_or_default();
        let count = shape.iter().fold(1_usize, |all, side| all.saturating_mul(*side));
        parameters = parameters.saturating_add(count);
    }
    let count: usize = types.values().sum();
    let types: Vec<String> = types.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    writeln!(text, "  tensors      {count} ({})", types.join(", "))?;
    writeln!(text, "  parameters   {:.2} million", parameters as f64 / 1e6)?;
    writeln!(text, "  file         {}, {}", file.path(), file.format())?;
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("Nobody reads the standard output any more")
}
