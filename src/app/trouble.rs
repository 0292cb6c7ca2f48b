//! What went wrong, in the user's language.
//!
//! The rooms below speak English only, so that one message serves logs, command line and window. Here
//! their sentences are known by their unchanging parts, as message catalogues do, and said anew with
//! the same names and numbers. A sentence that is not in the list is shown as it came.

mod hub;
mod models;

use std::borrow::Cow;

use super::words::Lang;

/// English with `{}` where names and numbers stand, and Chinese with their order in braces.
const SENTENCES: &[(&str, &str)] = &[
    // Pictures.
    (
        "This file is not a picture that can be read (PNG, JPEG, WebP, TIFF, OpenRaster)",
        "此文件不是可读取的图片（PNG、JPEG、WebP、TIFF、OpenRaster）",
    ),
    (
        "Too large: {} × {} pixels. Make it at most {} × {}",
        "图片过大：{0} × {1} 像素。请缩小到 {2} × {3} 以内",
    ),
    (
        "This picture takes {} MiB in memory; up to 1024 can be opened, save it with 8 bits a channel",
        "此图片占用 {0} MiB 内存，最多可打开 1024 MiB；请以每通道 8 位保存",
    ),
    (
        "This kind of picture cannot be read ({}); save it as PNG with another program",
        "无法读取这种图片（{0}）；请用其他程序另存为 PNG",
    ),
    (
        "This picture is damaged or incomplete ({}); try another copy of it",
        "此图片已损坏或不完整（{0}）；请换一份副本",
    ),
    (
        "The picture could not be made into a file ({}); save it at a smaller size",
        "无法把画面写成文件（{0}）；请以较小的尺寸保存",
    ),
    (
        "A JPEG has no room for so long a prompt; save it as PNG or WebP",
        "JPEG 放不下这么长的提示词；请保存为 PNG 或 WebP",
    ),
    (
        "The file could not be written ({}); choose another folder or make room: {}",
        "无法写入文件（{0}）；请换一个文件夹或腾出空间：{1}",
    ),
    (
        "The picture could not be copied ({}); save it to a file instead",
        "无法复制画面（{0}）；请改为保存到文件",
    ),
    (
        "The file cannot be read ({}); check the disk and the permissions: {}",
        "无法读取文件（{0}）；请检查磁盘和权限：{1}",
    ),
    (
        "This is a folder; open or drop the picture itself: {}",
        "这是文件夹；请打开或拖入图片本身：{0}",
    ),
    (
        "Too many files wait to be read or written; try again in a moment",
        "等待读写的文件太多；请稍后再试",
    ),
    (
        "No file dialog can be shown; install xdg-desktop-portal or zenity and try again",
        "无法显示文件对话框；请安装 xdg-desktop-portal 或 zenity 后重试",
    ),
    (
        "A file could not be handled because of a fault in the program. Your work is safe",
        "程序出错，无法处理文件。您的作品是安全的",
    ),
    ("This file cannot be read ({}): {}", "无法读取此文件（{0}）：{1}"),
    ("This file is too large to be a picture: {}", "此文件太大，不会是图片：{0}"),
    // Models.
    (
        "There is no model here; choose a file with a whole model, or a folder with a \
         model_index.json inside: {}",
        "这里没有模型；请选择含有完整模型的文件，或含有 model_index.json 的文件夹：{0}",
    ),
    (
        "The file is {}, not a model that paints; choose a model: {}",
        "此文件是{0}，不是可用于绘画的模型；请选择模型：{1}",
    ),
    (
        "The file holds no {}, and no model of its family in the same folder does; put one there, or \
         choose a complete file: {}",
        "此文件不含 {0}，同一文件夹中也没有同类模型提供；请放入一个，或选择完整的文件：{1}",
    ),
    (
        "'{}' is missing from the model; download the model again: {}",
        "模型缺少“{0}”；请重新下载模型：{1}",
    ),
    (
        "The weights of '{}' are stored as {}; get them as .safetensors: {}",
        "“{0}”的权重以 {1} 保存；请获取 .safetensors 版本：{2}",
    ),
    (
        "The file is not valid ({}); download the model again: {}",
        "文件无效（{0}）；请重新下载模型：{1}",
    ),
    (
        "The model's defaults cannot be used ({}); correct or remove the file: {}",
        "模型的默认值无法使用（{0}）；请改正或删除此文件：{1}",
    ),
    (
        "The weights are truncated or damaged ({}); download the file again: {}",
        "权重被截断或已损坏（{0}）；请重新下载此文件：{1}",
    ),
    (
        "{} tensor{} missing: {}; the file belongs to another kind of model or is incomplete: {}",
        "缺少 {0} 个张量：{2}；此文件属于另一种模型或不完整：{3}",
    ),
    (
        "Tensor '{}' has the shape {} where the model's config.json asks for {}; the files do not \
         belong together, download the model again: {}",
        "张量“{0}”的形状为 {1}，而模型的 config.json 要求 {2}；这些文件不匹配，请重新下载模型：{3}",
    ),
    (
        "Tensor '{}' is stored as {}; only F8, F16, BF16, F32 and F64 weights can be used, get the model \
         in one of these: {}",
        "张量“{0}”以 {1} 保存；只能使用 F8、F16、BF16、F32 和 F64 权重，请获取这些格式的模型：{2}",
    ),
    (
        "Tensor '{}' holds infinite or undefined values; download the file again: {}",
        "张量“{0}”含有无穷大或未定义的值；请重新下载此文件：{1}",
    ),
    // Painting.
    (
        "The picture turned to noise at step {} (numbers overflowed). Lower the guidance or choose \
         another sampler",
        "画面在第 {0} 步变成噪声（数值溢出）。请降低引导强度或换一种采样器",
    ),
    (
        "The picture cannot be decoded (the autoencoder's numbers overflow). Choose another \
         autoencoder or model",
        "无法解码画面（自编码器数值溢出）。请换一个自编码器或模型",
    ),
    (
        "This model changes a picture as it is told: open one first",
        "此模型按指令修改画面：请先打开一幅",
    ),
    (
        "This model paints after a depth map: open a picture to take it from, or give it a map \
         (--depth-image on the command line), light where things are near",
        "此模型依照深度图绘画：请打开一幅图片以估计深度，或提供深度图（命令行 --depth-image），越近越亮",
    ),
    (
        "This model paints after a depth map, and nothing is here that estimates it from the \
         picture: download depth-anything/Depth-Anything-V2-Small-hf, or name its weights \
         (--depth-model on the command line)",
        "此模型依照深度图绘画，但这里没有能从图片估计深度的权重：请下载 \
         depth-anything/Depth-Anything-V2-Small-hf，或指定其权重（命令行 --depth-model）",
    ),
    ("Needs {} GB, {} GB are free", "需要 {0} GB 内存，可用 {1} GB"),
    ("The computation failed: {}", "计算失败：{0}"),
    ("Too many pictures are waiting; let one finish first", "等待中的画太多；请先完成一张"),
    (
        "Painting has stopped; save your work and start the program again",
        "绘制已停止；请保存作品并重新启动程序",
    ),
    (
        "Painting stopped because of a fault in the program. Your work is safe",
        "程序出错，绘制已停止。您的作品是安全的",
    ),
    ("A mask needs a picture that it lies on; open one first", "蒙版需要一幅画；请先打开一幅"),
    (
        "The mask is {} × {} pixels, but the picture {} × {}; they must have one size",
        "蒙版为 {0} × {1} 像素，画面为 {2} × {3}；二者尺寸必须相同",
    ),
    (
        "Strength goes from just above 0 to 1, not {}; at 0 nothing would change",
        "重绘强度须大于 0、不超过 1，不能是 {0}；为 0 时什么也不会改变",
    ),
    // The journal.
    ("Another window works with this journal: {}", "另一个窗口正在使用此日志：{0}"),
    (
        "A newer version of the program wrote this journal (format {}, known up to {}). It is left \
         as it is: {}",
        "此日志由更新的版本写入（格式 {0}，最高支持 {1}），保持原样：{2}",
    ),
    (
        "This is no journal, or its beginning is damaged. It is left as it is: {}",
        "这不是日志，或开头已损坏，保持原样：{0}",
    ),
    (
        "This journal has too many entries. It is left as it is: {}",
        "此日志的条目过多，保持原样：{0}",
    ),
    ("This journal cannot be read ({}): {}", "无法读取此日志（{0}）：{1}"),
    ("A part of the journal is damaged: {}", "日志的一部分已损坏：{0}"),
    ("A part of the journal cannot be read ({}): {}", "无法读取日志的一部分（{0}）：{1}"),
    ("A journal key must have 1 to 512 bytes: {}", "日志的键须为 1 至 512 字节：{0}"),
    ("A journal value may have 1 GiB at most: {}", "日志的值最大为 1 GiB：{0}"),
    ("A journal batch has too many entries", "日志批次的条目过多"),
];

/// The English sentences that can be said in every language, with `{}` where names stand.
pub fn known() -> impl Iterator<Item = &'static str> {
    all().map(|(english, _)| *english)
}

/// A message without the numbers that systems put behind their errors: " (os error 13)".
#[must_use]
pub fn without_codes(message: String) -> String {
    const BEFORE: &str = " (os error ";
    if !message.contains(BEFORE) {
        return message;
    }
    let mut parts = message.split(BEFORE);
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                said.push_str(rest);
            }
            _ => said.extend([BEFORE, part]),
        }
    }
    said
}

/// A message of another room in the user's language.
#[must_use]
pub fn said(lang: Lang, message: &str) -> Cow<'_, str> {
    if lang == Lang::En {
        return Cow::Borrowed(message);
    }
    // Whoever passes a sentence on may have put the file's name behind it.
    let with_name = || {
        let (sentence, name) = message.rsplit_once(": ")?;
        Some(format!("{}：{name}", in_chinese(sentence)?))
    };
    in_chinese(message).or_else(with_name).map_or(Cow::Borrowed(message), Cow::Owned)
}

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    SENTENCES.iter().chain(&hub::SENTENCES).chain(&models::SENTENCES)
}

fn in_chinese(message: &str) -> Option<String> {
    all().find_map(|(english, chinese)| {
        let names = names_in(english, message)?;
        Some(fill(chinese, &names))
    })
}

/// What stands in the holes of a sentence, if the message is that sentence. A hole reaches to the
/// next unchanging part; the last one to the end.
fn names_in<'a>(sentence: &str, message: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = sentence.split("{}");
    let mut rest = message.strip_prefix(parts.next()?)?;
    let mut names = Vec::new();
    for part in parts {
        let at = if part.is_empty() { rest.len() } else { rest.find(part)? };
        names.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(names)
}

fn fill(sentence: &str, names: &[&str]) -> String {
    let numbered = names.iter().enumerate();
    numbered.fold(sentence.to_owned(), |text, (index, name)| {
        let kind = models::KINDS.iter().find(|(english, _)| english == name);
        text.replace(&format!("{{{index}}}"), kind.map_or(name, |(_, chinese)| chinese))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_carried_over() {
        let message = "Too large: 30000 × 20 pixels. Make it at most 16384 × 16384";
        assert_eq!(said(Lang::En, message), message);
        assert_eq!(
            said(Lang::Zh, message),
            "图片过大：30000 × 20 像素。请缩小到 16384 × 16384 以内"
        );
        let message = "The file could not be written (no: room); choose another folder or make \
                       room: /a: b.png";
        assert_eq!(
            said(Lang::Zh, message),
            "无法写入文件（no: room）；请换一个文件夹或腾出空间：/a: b.png"
        );
    }

    #[test]
    fn numbers_of_systems_are_left_out() {
        let message = "It failed (Permission denied (os error 13)): /a (os error x)/b.png";
        let said = without_codes(message.to_owned());
        assert_eq!(said, "It failed (Permission denied): /a (os error x)/b.png");
        assert_eq!(without_codes("All is well".to_owned()), "All is well");
    }

    #[test]
    fn the_file_may_be_named_behind_the_sentence() {
        let message = "This file is not a picture that can be read \
                       (PNG, JPEG, WebP, TIFF, OpenRaster): a.png";
        let chinese = said(Lang::Zh, message);
        assert!(chinese.starts_with("此文件") && chinese.ends_with("：a.png"), "{chinese}");
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_came() {
        assert_eq!(said(Lang::Zh, "The moon is missing"), "The moon is missing");
    }

    #[test]
    fn every_translation_uses_the_names_it_is_given() {
        for (english, chinese) in all() {
            let holes = english.matches("{}").count();
            let used = (0..holes).filter(|n| chinese.contains(&format!("{{{n}}}"))).count();
            let plural = english.contains("tensor{}");
            assert_eq!(used, holes - usize::from(plural), "{english}");
            assert!(!chinese.contains(&format!("{{{holes}}}")), "{english}");
        }
    }
}
