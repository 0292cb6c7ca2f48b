//! What is wrong with a file that is no model, or none that can be used ([`crate::models`]).

/// As the others of [`super`]; the path behind each is put there by whoever passes it on.
pub(super) const SENTENCES: [(&str, &str); 18] = [
    (
        "The file is a web page, not a model; download the model again",
        "此文件是网页，不是模型；请重新下载模型",
    ),
    (
        "The file is only a pointer that Git LFS left behind; download the model itself",
        "此文件只是 Git LFS 的指针；请下载模型本身",
    ),
    (
        "GGUF files cannot be read; get the model as .safetensors",
        "无法读取 GGUF 文件；请获取 .safetensors 版本的模型",
    ),
    (
        "The checkpoint is in a format from before 2018; open it with torch and save it again",
        "此检查点采用 2018 年以前的格式；请用 torch 打开并重新保存",
    ),
    (
        "The checkpoint was compressed after it was saved; unpack it, or get the model as \
         .safetensors",
        "此检查点保存后又被压缩；请解压，或获取 .safetensors 版本的模型",
    ),
    (
        "The file is an archive, but no checkpoint of torch; unpack it, or choose another file",
        "此文件是压缩包，不是 torch 的检查点；请解压，或选择其他文件",
    ),
    (
        "The checkpoint has numbers of a kind that is not known ('{}'); get the model as \
         .safetensors",
        "此检查点含有未知类型的数值（“{0}”）；请获取 .safetensors 版本的模型",
    ),
    (
        "The checkpoint has no named tensors; it is no model, or a whole program object: get the \
         model as .safetensors",
        "此检查点没有带名称的张量；它不是模型，或是整个程序对象：请获取 .safetensors 版本的模型",
    ),
    (
        "Models that were trained with EDM's noise cannot be used; choose another one",
        "不能使用以 EDM 噪声训练的模型；请选择其他模型",
    ),
    ("The configuration's '{}' is {}, where {} is needed", "配置中的“{0}”为 {1}，而需要的是 {2}"),
    (
        "The file is not Depth Anything V2 in one of its sizes Small, Base and Large; choose another \
         one",
        "此文件不是 Depth Anything V2（Small、Base 或 Large）；请选择其他文件",
    ),
    (
        "The model has no form for few steps; paint with the model as it is",
        "此模型没有少步形式；请按原样使用模型",
    ),
    (
        "'{}' is not a low-rank addition to this model; download the model again",
        "“{0}”不是此模型的低秩附加权重；请重新下载模型",
    ),
    (
        "The file is {}, not an autoencoder (VAE); choose another one",
        "此文件是{0}，不是自编码器（VAE）；请选择其他文件",
    ),
    (
        "This autoencoder (VAE) is of another family: its latents have {} channels, the model's {}; \
         choose one for this model",
        "此自编码器（VAE）属于另一系列：其潜变量有 {0} 个通道，模型的有 {1} 个；请选择适合此模型的",
    ),
    (
        "The tokenizer leaves room for {} tokens where at least {} are needed; download the model \
         again",
        "分词器只容得下 {0} 个词元，至少需要 {1} 个；请重新下载模型",
    ),
    (
        "The token '{}' is not in the tokenizer's vocabulary; the files do not belong together, \
         download the model again",
        "词元“{0}”不在分词器的词表中；这些文件不匹配，请重新下载模型",
    ),
    (
        "The tokenizer knows {} tokens, but the text encoder {}: {}",
        "分词器有 {0} 个词元，而文本编码器有 {1} 个：{2}",
    ),
];

/// What files are that are no models, as they stand in such sentences: Chinese has a space before
/// Latin letters.
pub(super) const KINDS: [(&str, &str); 13] = [
    ("a LoRA", " LoRA"),
    ("a ControlNet", " ControlNet"),
    ("an embedding (textual inversion)", "文本嵌入（textual inversion）"),
    ("an IP-Adapter", " IP-Adapter"),
    ("a motion module for films", "视频运动模块"),
    ("a model of the Stable Diffusion 3 family", " Stable Diffusion 3 系列的模型"),
    ("a model of the Flux family", " Flux 系列的模型"),
    ("an enlarger (ESRGAN)", "放大模型（ESRGAN）"),
    ("a small decoder for previews", "预览用的小解码器"),
    ("an autoencoder (VAE) alone", "单独的自编码器（VAE）"),
    ("a text encoder alone", "单独的文本编码器"),
    ("a hypernetwork", "超网络（hypernetwork）"),
    ("something unknown", "未知的东西"),
];

#[cfg(test)]
mod tests {
    use super::{KINDS, SENTENCES};
    use crate::app::trouble::said;
    use crate::app::words::Lang;

    /// A source with its texts on one line and bare holes.
    fn texts(source: &str) -> String {
        let mut plain = String::new();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            match line.strip_suffix('\\') {
                Some(begun) => {
                    plain.push_str(begun);
                    let next = lines.next().unwrap_or_default().trim_start();
                    plain.push_str(next.strip_suffix('\\').unwrap_or(next));
                }
                None => plain.push_str(line),
            }
            plain.push('\n');
        }
        let mut parts = plain.split('{');
        let mut bare = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
            match part.split_once('}').filter(|(inside, _)| name(inside)) {
                Some((_, rest)) => bare.extend(["{}", rest]),
                None => bare.extend(["{", part]),
            }
        }
        bare
    }

    #[test]
    fn each_sentence_is_one_that_the_readers_say() {
        let sources = [
            include_str!("../../models/folder.rs"),
            include_str!("../../models/tensors.rs"),
            include_str!("../../models/tensors/low_rank.rs"),
            include_str!("../../models/tensors/zip.rs"),
            include_str!("../../models/tensors/torch.rs"),
            include_str!("../../models/single.rs"),
            include_str!("../../models/depth.rs"),
            include_str!("../../models/config/mod.rs"),
            include_str!("../../models/folder/beside.rs"),
            include_str!("../../diffusion/text/tokenizer.rs"),
            include_str!("../../diffusion/text/encoders.rs"),
        ];
        let texts: Vec<String> = sources.into_iter().map(texts).collect();
        for (english, _) in SENTENCES {
            let said = english.trim_end_matches(": {}");
            assert!(texts.iter().any(|text| text.contains(said)), "nobody says: {said}");
        }
    }

    #[test]
    fn each_kind_is_one_that_is_found() {
        let found = concat!(
            include_str!("../../models/single/kind.rs"),
            include_str!("../../models/folder/beside.rs"),
        );
        for (english, _) in KINDS {
            assert!(found.contains(&format!("\"{english}\"")), "nothing is {english}");
        }
        let message = "The file is a LoRA, not a model that paints; choose a model: a.safetensors";
        let expected = "此文件是 LoRA，不是可用于绘画的模型；请选择模型：a.safetensors";
        assert_eq!(said(Lang::Zh, message), expected);
    }

    #[test]
    fn the_path_stays_behind_the_sentence() {
        let message = "The tokenizer knows 9 tokens, but the text encoder 7: a/b.safetensors";
        let expected = "分词器有 9 个词元，而文本编码器有 7 个：a/b.safetensors";
        assert_eq!(said(Lang::Zh, message), expected);
    }
}
