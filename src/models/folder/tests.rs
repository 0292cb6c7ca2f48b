//! Folders, whole and not.

use super::*;

fn opened(path: &Path) -> Result<ModelFolder, ModelError> {
    ModelFolder::open(&ModelSource::Path(path.to_owned()))
}

#[test]
fn the_built_in_model_reads_in_full() {
    let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
    assert_eq!(folder.name(), "Built-in model");
    assert!(folder.weight_bytes() > 30_000_000);
    for component in ["text_encoder", "unet", "vae"] {
        let file = folder.tensors(component).unwrap();
        for name in file.names() {
            let shape = file.shape(name).unwrap().to_vec();
            file.read_f32(name, &shape).unwrap();
        }
    }
    assert!(folder.json("unet/config.json").unwrap()["in_channels"] == 4);
}

#[test]
fn what_is_missing_is_named_with_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(opened(folder.path()), Err(ModelError::NotFound { .. })));
    assert!(matches!(opened(&folder.path().join("no")), Err(ModelError::NotFound { .. })));
    std::fs::create_dir(folder.path().join("unet")).unwrap();
    std::fs::write(folder.path().join("unet/config.json"), "{").unwrap();
    let model = opened(folder.path()).unwrap();
    assert!(matches!(model.json("unet/config.json"), Err(ModelError::BadText { .. })));
    assert!(model.optional_json("vae/config.json").unwrap().is_none());
    let message = model.tensors("vae").unwrap_err().to_string();
    assert!(message.contains("vae/diffusion_pytorch_model.safetensors"), "{message}");
    assert!(message.ends_with(&folder.path().display().to_string()), "{message}");
    std::fs::write(folder.path().join("unet/model.onnx"), "").unwrap();
    assert!(matches!(model.tensors("unet"), Err(ModelError::OtherFormat { .. })));
}

#[test]
fn a_path_may_point_at_the_index_but_a_file_must_be_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("model_index.json");
    std::fs::write(&index, "{}").unwrap();
    assert!(opened(&index).is_ok());
    let file = folder.path().join("v1-5.safetensors");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(opened(&file), Err(ModelError::Damaged { .. })));
}

#[test]
fn wrong_defaults_name_the_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
    std::fs::write(folder.path().join("pentimento.json"), r#"{"stepps": 3}"#).unwrap();
    let message = opened(folder.path()).unwrap_err().to_string();
    assert!(message.contains("stepps") && message.ends_with("pentimento.json"), "{message}");
}

/// A safetensors file with these tensors of one F32 each.
fn weights(values: &[(&str, f32)]) -> Vec<u8> {
    let header = values.iter().enumerate().map(|(index, (name, _))| {
        let (from, to) = (4 * index, 4 * index + 4);
        format!(r#""{name}": {{"dtype": "F32", "shape": [1], "data_offsets": [{from}, {to}]}}"#)
    });
    let header = format!("{{{}}}", header.collect::<Vec<_>>().join(", "));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|(_, value)| value.to_le_bytes()));
    bytes
}

#[test]
fn weights_are_found_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
    let unet = folder.path().join("unet");
    std::fs::create_dir(&unet).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(unet.join(name), bytes).unwrap();
    let values = || -> Vec<f32> {
        let table = opened(folder.path()).unwrap().tensors("unet").unwrap();
        table.names().map(|name| table.read_f32(name, &[1]).unwrap()[0]).collect()
    };
    write("pytorch_model.bin", include_bytes!("../../../tests/fixtures/single/views.ckpt"));
    let table = opened(folder.path()).unwrap().tensors("unet").unwrap();
    assert_eq!(table.read_f32("scalar", &[]).unwrap(), [2.5]);

    write("a-1.safetensors", &weights(&[("b", 2.0)]));
    write("a-2.safetensors", &weights(&[("a", 1.0), ("c", 3.0)]));
    let index = "diffusion_pytorch_model.safetensors.index.json";
    let map = |c: &str| {
        format!(
            r#"{{"weight_map": {{"a": "a-2.safetensors", "b": "a-1.safetensors", "c": "{c}"}}}}"#
        )
    };
    write(index, map("a-2.safetensors").as_bytes());
    std::fs::remove_file(unet.join("pytorch_model.bin")).unwrap();
    assert_eq!(values(), [1.0, 2.0, 3.0]);
    assert_eq!(opened(folder.path()).unwrap().weight_bytes(), 12);
    let refused = |c: &str, word: &str| {
        write(index, map(c).as_bytes());
        let message = opened(folder.path()).unwrap().tensors("unet").unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    };
    refused("a-3.safetensors", "'unet/a-3.safetensors' is missing");
    refused("../a-2.safetensors", "not in the same folder");
    write(index, map("a-2.safetensors").replace(r#""c""#, r#""d""#).as_bytes());
    let message = opened(folder.path()).unwrap().tensors("unet").unwrap_err().to_string();
    assert!(message.contains("1 tensor is missing: 'd'"), "{message}");

    // What is whole wins over what is cut up, and half precision is taken where nothing else is.
    write("diffusion_pytorch_model.fp16.safetensors", &weights(&[("a", 16.0)]));
    assert_eq!(values(), [16.0]);
    write("diffusion_pytorch_model.safetensors", &weights(&[("a", 32.0)]));
    assert_eq!(values(), [32.0]);

    // A part's file means the model around it.
    let model = opened(&unet.join("diffusion_pytorch_model.safetensors")).unwrap();
    assert_eq!(model.location(), folder.path().display().to_string());
}

#[test]
fn clips_words_stand_in_where_a_model_brings_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
    let model = opened(folder.path()).unwrap();
    assert!(model.has("tokenizer/vocab.json") && !model.brings("tokenizer/vocab.json"));
    assert!(model.has("tokenizer_2/merges.txt") && !model.has("tokenizer/tokenizer.json"));
    assert!(model.text("tokenizer/merges.txt").unwrap().starts_with("i n\n"));
    std::fs::create_dir(folder.path().join("tokenizer")).unwrap();
    std::fs::write(folder.path().join("tokenizer/tokenizer.json"), "{}").unwrap();
    assert!(!model.has("tokenizer/vocab.json") && model.has("tokenizer_2/vocab.json"));
}
