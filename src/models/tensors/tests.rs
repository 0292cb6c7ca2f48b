//! Weights files, good and bad.

use std::fs::File;

use super::source::CHUNK_BYTES;
use super::*;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn open(bytes: Vec<u8>) -> Result<TensorFile, ModelError> {
    TensorFile::open(&Bytes::Embedded(bytes.leak()), "w.safetensors".to_owned())
}

fn one(dtype: &str, shape: &str, data: &[u8]) -> Result<TensorFile, ModelError> {
    let length = data.len();
    let header = format!(
        r#"{{"a": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [0, {length}]}}}}"#
    );
    open(file(&header, data))
}

fn refused(result: Result<TensorFile, ModelError>, word: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains("truncated or damaged") && message.contains(word), "{message}");
    assert!(message.ends_with("w.safetensors"), "{message}");
}

#[test]
fn all_float_types_become_f32() {
    let wanted = [0.0, 1.0, -2.5, 65504.0, 6.103_515_6e-5, -0.5];
    let check = |dtype: &str, data: Vec<u8>| {
        let file = one(dtype, "[2, 3]", &data).unwrap();
        assert_eq!(file.shape("a"), Some(&[2, 3][..]));
        let read = file.read_f32("a", &[2, 3]).unwrap();
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= b.abs() / 256.0;
        assert!(read.iter().zip(&wanted).all(close), "{dtype}: {read:?}");
    };
    check("F32", wanted.iter().flat_map(|v: &f32| v.to_le_bytes()).collect());
    check("F64", wanted.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect());
    check("F16", wanted.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect());
    check("BF16", wanted.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect());
}

#[test]
fn numbers_of_eight_bits_become_f32() {
    let check = |dtype: &str, data: &[u8], wanted: &[f32]| {
        let file = one(dtype, &format!("[{}]", data.len()), data).unwrap();
        assert_eq!(file.read_f32("a", &[data.len()]).unwrap(), wanted);
    };
    // 1, -2.5, the largest, the smallest normal and the smallest number.
    check(
        "F8_E4M3",
        &[0x38, 0xC2, 0x7E, 0x08, 0x01],
        &[1.0, -2.5, 448.0, 0.015_625, 0.001_953_125],
    );
    check("F8_E5M2", &[0x3C, 0xC1, 0x7B, 0x04], &[1.0, -2.5, 57344.0, 6.103_515_6e-5]);
    let nan = one("F8_E4M3", "[1]", &[0x7F]).unwrap();
    assert!(matches!(nan.read_f32("a", &[1]), Err(ModelError::NotFinite { .. })));
}

#[test]
fn a_tensor_longer_than_a_chunk_is_read_in_full() {
    let count = CHUNK_BYTES + 7;
    let wanted: Vec<f32> = (0..count).map(|i| (i % 2048) as f32).collect();
    let data: Vec<u8> = wanted.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
    let file = one("F16", &format!("[{count}]"), &data).unwrap();
    assert_eq!(file.read_f32("a", &[count]).unwrap(), wanted);
}

#[test]
fn damage_is_found_at_once() {
    refused(open(vec![]), "end of file");
    refused(open(vec![1, 2, 3]), "end of file");
    refused(open(u64::MAX.to_le_bytes().to_vec()), "header of");
    refused(open(file("{", &[])), "header cannot be read");
    refused(open(file("[]", &[])), "header cannot be read");
    refused(one("F32", "[2]", &[0; 4]), "4 bytes for [2]");
    refused(one("F32", "[4611686018427387904, 4]", &[0; 4]), "4 bytes for");
    let header = r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                     "b": {"dtype": "F32", "shape": [1], "data_offsets": [BEGIN, END]}}"#;
    let two = |begin: &str, end: &str, data: &[u8]| {
        open(file(&header.replace("BEGIN", begin).replace("END", end), data))
    };
    assert!(two("4", "8", &[0; 8]).is_ok());
    refused(two("4", "8", &[0; 6]), "ends at 8 of 6");
    refused(two("4", "8", &[0; 9]), "9 bytes of data");
    refused(two("8", "12", &[0; 12]), "lies at 8..12");
    refused(two("2", "6", &[0; 6]), "lies at 2..6");
    refused(two("4", "2", &[0; 6]), "lies at 4..2");
    refused(two("4", "18446744073709551615", &[0; 8]), "ends at");
    refused(two("-1", "8", &[0; 8]), "header cannot be read");
}

#[test]
fn what_cannot_be_used_is_named() {
    let message = |name: &str, file: &TensorFile, shape: &[usize]| {
        file.read_f32(name, shape).unwrap_err().to_string()
    };
    let f32s = one("F32", "[2]", &[0; 8]).unwrap();
    let text = message("a", &f32s, &[1, 2]);
    assert!(text.contains("'a'") && text.contains("[2]") && text.contains("[1, 2]"), "{text}");
    assert!(message("b", &f32s, &[2]).starts_with("1 tensor is missing: 'b';"));
    let text = f32s.missing(["a", "x", "y"]).unwrap_err().to_string();
    assert!(text.starts_with("2 tensors are missing: 'x', 'y';"), "{text}");
    assert!(f32s.missing(["a"]).is_ok());
    let i64s = one("I64", "[1]", &[0; 8]).unwrap();
    assert!(message("a", &i64s, &[1]).contains("stored as I64"));
    let nan = one("F32", "[2]", &[0, 0, 0, 0, 0, 0, 0xC0, 0x7F]).unwrap();
    assert!(message("a", &nan, &[2]).contains("infinite or undefined"));
    let infinite = one("F16", "[1]", &[0, 0x7C]).unwrap();
    assert!(matches!(infinite.read_f32("a", &[1]), Err(ModelError::NotFinite { .. })));
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let header = r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
    std::fs::write(&path, file(header, &[0; 8])).unwrap();
    let opened = TensorFile::open(&Bytes::File(path.clone()), "w".to_owned()).unwrap();
    assert_eq!(opened.read_f32("a", &[2]).unwrap(), [0.0, 0.0]);
    let handle = File::options().write(true).open(&path).unwrap();
    handle.set_len(header.len() as u64 + 12).unwrap();
    assert!(matches!(opened.read_f32("a", &[2]), Err(ModelError::Damaged { .. })));
}

#[test]
fn what_is_no_weights_file_is_named() {
    let refused = |bytes: &[u8], word: &str| {
        let message = open(bytes.to_vec()).unwrap_err().to_string();
        assert!(message.contains(word) && message.ends_with("w.safetensors"), "{message}");
    };
    refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS");
    refused(b"\n<!DOCTYPE html><html>", "web page");
    refused(b"GGUF\x03\0\0\0", "GGUF");
    refused(b"\x80\x02K\x01.", "no checkpoint of torch");
    refused(b"\x80\x02\x8a\x0a\x6c\xfc", "too early");
    let mut tar = vec![b'x'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    refused(&tar, "before 2018");
    // An archive with nothing in it, and one without its end.
    let end = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    refused(&end, "no checkpoint of torch");
    refused(b"PK\x03\x04 and no end", "end of the archive");
}

/// The checkpoint of the fixtures after a change to its bytes.
fn changed(change: impl Fn(&mut Vec<u8>)) -> Result<TensorFile, ModelError> {
    let mut bytes = include_bytes!("../../../tests/fixtures/single/views.ckpt").to_vec();
    change(&mut bytes);
    open(bytes)
}

fn at(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

#[test]
fn a_damaged_checkpoint_is_found_at_once() {
    assert!(changed(|_| ()).is_ok());
    let refused = |change: &dyn Fn(&mut Vec<u8>), word: &str| {
        let message = changed(change).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    };
    // The directory's first entry, compressed.
    refused(
        &|bytes| {
            let entry = at(bytes, b"PK\x01\x02");
            bytes[entry + 10] = 8;
        },
        "compressed",
    );
    refused(
        &|bytes| {
            let entry = at(bytes, b"PK\x01\x02");
            bytes[entry + 42] = 1;
        },
        "not where its directory says",
    );
    refused(
        &|bytes| {
            let at = at(bytes, b"little");
            bytes[at..at + 6].copy_from_slice(b"big\0\0\0");
        },
        "big-endian",
    );
    // 24 numbers become 200 rows of them.
    refused(
        &|bytes| {
            let at = at(bytes, b"K\x04K\x06\x86");
            bytes[at + 1] = 200;
        },
        "beyond its numbers",
    );
    // A storage that is not there.
    refused(
        &|bytes| {
            let name = at(bytes, b"FloatStorage");
            let key = name + at(&bytes[name..], b"X\x01\0\0\x000");
            bytes[key + 5] = b'x';
        },
        "are missing",
    );
}

#[test]
fn parts_are_taken_without_reading() {
    let data: Vec<u8> = (0..6).flat_map(|value| (value as f32).to_le_bytes()).collect();
    let file = one("F32", "[3, 2]", &data).unwrap();
    let tensor = file.get("a").unwrap();
    let read = |tensor: Tensor, shape: &[usize]| {
        let table = file.part(BTreeMap::from([("a".to_owned(), tensor)]));
        table.read_f32("a", shape).unwrap()
    };
    assert_eq!(read(tensor.rows(1..3), &[2, 2]), [2.0, 3.0, 4.0, 5.0]);
    assert_eq!(read(tensor.transposed(), &[2, 3]), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    assert_eq!(read(tensor.transposed().rows(1..2), &[1, 3]), [1.0, 3.0, 5.0]);
    assert_eq!(read(tensor.transposed().transposed(), &[3, 2]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let pointwise = one("F32", "[3, 2, 1, 1]", &data).unwrap();
    assert_eq!(read(pointwise.get("a").unwrap().flattened(), &[3, 2]).len(), 6);
}

/// Tensors of `f32`, each with its name and shape.
fn several(tensors: &[(&str, &[usize], &[f32])]) -> TensorFile {
    let mut data = Vec::new();
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, shape, values)| {
            let begin = data.len();
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let end = data.len();
            format!(
                r#""{name}": {{"dtype": "F32", "shape": {shape:?}, "data_offsets": [{begin}, {end}]}}"#
            )
        })
        .collect();
    open(file(&format!("{{{}}}", entries.join(", ")), &data)).unwrap()
}

fn with_factors(factors: &[(&str, &[usize], &[f32])]) -> Result<TensorFile, ModelError> {
    let mut table = several(&[
        ("a.weight", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("b.weight", &[2, 1, 1, 2], &[1.0; 4]),
        ("b.bias", &[2], &[0.5; 2]),
    ]);
    table.add_factors(several(factors), "unet")?;
    Ok(table)
}

#[test]
fn products_of_factors_are_added_to_matrices_and_kernels() {
    let table = with_factors(&[
        ("unet.a.lora_A.weight", &[2, 2], &[1.0, 10.0, 0.0, 100.0]),
        ("unet.a.lora_B.weight", &[3, 2], &[1.0, 0.0, 0.0, 1.0, 2.0, -1.0]),
        ("unet.b.lora_A.weight", &[1, 1, 1, 2], &[1.0, -1.0]),
        ("unet.b.lora_B.weight", &[2, 1, 1, 1], &[0.5, 3.0]),
    ])
    .unwrap();
    let added = table.read_f32("a.weight", &[3, 2]).unwrap();
    assert_eq!(added, [2.0, 12.0, 3.0, 104.0, 7.0, -74.0]);
    assert_eq!(table.read_f32("b.weight", &[2, 1, 1, 2]).unwrap(), [1.5, 0.5, 4.0, -2.0]);
    assert_eq!(table.read_f32("b.bias", &[2]).unwrap(), [0.5; 2]);
}

#[test]
fn factors_of_another_model_are_refused() {
    let (down, up): (&[f32], &[f32]) = (&[1.0; 2], &[1.0; 3]);
    let refused = |factors: &[(&str, &[usize], &[f32])], word: &str| {
        let message = with_factors(factors).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    };
    let (a, b) = ("unet.a.lora_A.weight", "unet.a.lora_B.weight");
    let strange = "not a low-rank addition";
    refused(&[("unet.c.lora_A.weight", &[1, 2], down)], strange);
    refused(&[("text_encoder.a.lora_A.weight", &[1, 2], down)], strange);
    refused(&[("unet.a.alpha", &[], &[1.0])], strange);
    refused(&[("unet.b.bias.lora_A.weight", &[1, 2], down)], strange);
    refused(&[(a, &[3, 2], &[1.0; 6]), (b, &[3, 3], &[1.0; 9])], strange);
    refused(&[(a, &[1, 2], down)], "missing");
    refused(&[(b, &[3, 1], up)], "missing");
    refused(&[(a, &[1, 2], down), (b, &[2, 1], &[1.0; 2])], "shape");
    refused(&[(a, &[1, 2, 1, 1], down), (b, &[3, 1], up)], "shape");
    let large = with_factors(&[(a, &[1, 2], &[1e30; 2]), (b, &[3, 1], &[1e30; 3])]).unwrap();
    let message = large.read_f32("a.weight", &[3, 2]).unwrap_err().to_string();
    assert!(message.contains("finite"), "{message}");
}
