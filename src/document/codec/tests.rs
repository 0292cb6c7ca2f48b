//! Pictures of many flavours, good and bad (`tests/fixtures/pictures.py`).

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/pictures/", $name)).as_slice()
    };
}

fn picture(width: u32, height: u32, alpha: u8) -> Picture {
    let value = |i: u32| if i % 4 == 3 { alpha } else { (i * 7 % 256) as u8 };
    Picture { width, height, rgba: (0..width * height * 4).map(value).collect() }
}

fn at(picture: &Picture, x: u32, y: u32) -> [u8; 4] {
    let begin = 4 * (y * picture.width + x) as usize;
    picture.rgba[begin..begin + 4].try_into().unwrap()
}

/// The four quarters must be red, green, blue and yellow, or `tolerance` away.
fn is_upright(bytes: &[u8], tolerance: u8) {
    let picture = decode_picture(bytes).unwrap().picture;
    assert_eq!((picture.width, picture.height), (24, 16));
    let wanted =
        [(2, 2, [255, 0, 0]), (21, 2, [0, 255, 0]), (2, 13, [0, 0, 255]), (21, 13, [255, 255, 0])];
    for (x, y, rgb) in wanted {
        let found = at(&picture, x, y);
        assert!(
            found[..3].iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= tolerance),
            "{x} {y} {found:?}"
        );
        assert_eq!(found[3], 255);
    }
}

fn refused(bytes: &[u8], words: &str) {
    let message = decode_picture(bytes).unwrap_err().to_string();
    assert!(message.contains(words), "{message}");
}

/// A PNG that is nothing but a header, with the right checksum.
fn png_header(width: u32, height: u32, depth: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(::png::ColorType::Rgba);
    encoder.set_depth(if depth == 16 { ::png::BitDepth::Sixteen } else { ::png::BitDepth::Eight });
    drop(encoder.write_header().unwrap());
    bytes.truncate(33);
    bytes.extend_from_slice(&[0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xAF, 0x06, 0x1E]);
    bytes
}

#[test]
fn all_formats_and_flavours_open() {
    is_upright(fixture!("plain.webp"), 0);
    is_upright(fixture!("plain.tif"), 0);
    is_upright(fixture!("plain.jpg"), 6);
    is_upright(fixture!("cmyk.jpg"), 6);
    is_upright(fixture!("palette.png"), 0);
    let grey = decode_picture(fixture!("grey.jpg")).unwrap().picture;
    let [r, g, b, a] = at(&grey, 2, 2);
    assert!(r == g && g == b && a == 255 && r.abs_diff(76) < 4, "{r}");
    let alpha = decode_picture(fixture!("alpha.webp")).unwrap().picture;
    assert_eq!(at(&alpha, 2, 2), [255, 0, 0, 20]);
    assert_eq!(at(&alpha, 0, 2), [255, 0, 0, 0]);
}

#[test]
fn orientation_is_applied() {
    is_upright(fixture!("turned.jpg"), 6);
    is_upright(fixture!("turned.webp"), 0);
    is_upright(fixture!("turned.png"), 0);
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let deep = decode_picture(fixture!("deep.png")).unwrap().picture;
    assert_eq!(at(&deep, 0, 0), [0, 0x80, 255, 0x80]);
}

#[test]
fn colours_of_other_profiles_become_srgb() {
    let wanted = decode_picture(fixture!("narrow.png")).unwrap().picture;
    for bytes in [fixture!("wide.png"), fixture!("wide.webp"), fixture!("wide.tif")] {
        let found = decode_picture(bytes).unwrap().picture;
        let pairs = || found.rgba.iter().zip(&wanted.rgba);
        // Little CMS rounds in other places.
        let worst = pairs().map(|(found, wanted)| found.abs_diff(*wanted)).max();
        assert!(worst <= Some(1), "{worst:?}");
        assert!(pairs().skip(3).step_by(4).all(|(found, wanted)| found == wanted), "alpha");
    }
}

#[test]
fn srgb_by_name_and_damaged_profiles_change_nothing() {
    let named = fixture!("named.png");
    let plain = image::load_from_memory(named).unwrap().into_rgba8().into_raw();
    assert_eq!(decode_picture(named).unwrap().picture.rgba, plain);
    let mut decoder = ImageReader::with_format(Cursor::new(fixture!("wide.png")), ImageFormat::Png)
        .into_decoder()
        .unwrap();
    let icc = decoder.icc_profile().unwrap().unwrap();
    let mut right = plain.clone();
    profile::to_srgb(&icc, &mut right);
    assert_ne!(right, plain);
    for end in 0..icc.len() - 1 {
        let mut pixels = plain.clone();
        profile::to_srgb(&icc[..end], &mut pixels);
        // The copyright's end says nothing about colours.
        assert!(pixels == plain || pixels == right || end > 128, "{end}");
        for value in [0, 0x7F, 0xFF] {
            let mut damaged = icc.clone();
            damaged[end] = value;
            profile::to_srgb(&damaged, &mut pixels);
        }
    }
}

#[test]
fn multiplied_colours_of_a_tiff_are_divided_by_alpha() {
    use ::tiff::encoder::{TiffEncoder, colortype::RGB8};
    use ::tiff::tags::ExtraSamples;
    let pixels = [[128, 64, 0, 128], [10, 20, 30, 255], [7, 0, 0, 0], [90, 10, 3, 20]];
    let divided = [[255, 128, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0], [255, 128, 38, 20]];
    for (kind, wanted) in
        [(ExtraSamples::AssociatedAlpha, divided), (ExtraSamples::UnassociatedAlpha, pixels)]
    {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        let mut image = encoder.new_image::<RGB8>(2, 2).unwrap();
        image.extra_samples(&[kind]).unwrap();
        image.write_data(pixels.as_flattened()).unwrap();
        let found = decode_picture(&bytes.into_inner()).unwrap().picture;
        assert_eq!(found.rgba.as_chunks::<4>().0, wanted);
    }
}

#[test]
fn what_is_no_picture_says_so() {
    for bytes in [&b""[..], b"hello", b"GIF89a", b"BM......", b"%PDF-1.7", &[0; 100]] {
        refused(bytes, "not a picture that can be read (PNG, JPEG, WebP, TIFF, OpenRaster)");
    }
}

#[test]
fn cut_off_pictures_say_so() {
    for bytes in [
        fixture!("plain.webp"),
        fixture!("plain.tif"),
        fixture!("turned.png"),
        fixture!("deep.png"),
    ] {
        refused(&bytes[..bytes.len() / 2], "damaged or incomplete");
    }
    refused(&fixture!("plain.jpg")[..20], "damaged or incomplete");
    for bytes in
        [fixture!("plain.jpg"), fixture!("plain.tif"), fixture!("plain.webp"), fixture!("deep.png")]
    {
        // Any cut must give an answer, never a panic.
        for end in 0..bytes.len() {
            drop(decode_picture(&bytes[..end]));
        }
    }
}

#[test]
fn size_is_looked_at_before_decoding() {
    refused(
        &png_header(30_000, 30_000, 8),
        "Too large: 30000 × 30000 pixels. Make it at most 16384 × 16384",
    );
    refused(&png_header(16_385, 1, 8), "16385 × 1 pixels");
    refused(&png_header(16_384, 16_384, 16), "2048 MiB in memory");
    refused(&png_header(8, 8, 8), "damaged or incomplete");
}

#[test]
fn png_keeps_pixels_and_parameters() {
    for (alpha, text) in
        [(255, Some("a fox\nSteps: 20, Size: 5x3")), (90, Some("eine Füchsin, 狐")), (0, None)]
    {
        let picture = picture(5, 3, alpha);
        let bytes = encode_png(&picture, text).unwrap();
        let kind: &[u8] = if text.is_some_and(|t| t.contains('狐')) { b"iTXt" } else { b"tEXt" };
        assert_eq!(bytes.windows(4).any(|w| w == kind), text.is_some());
        assert_eq!(bytes[25], if alpha == 255 { 2 } else { 6 }, "colour type");
        let decoded = decode_picture(&bytes).unwrap();
        assert_eq!(decoded.picture, picture);
        assert_eq!(decoded.parameters(), text);
    }
    let bytes = encode_png(&picture(1, 1, 255), Some("a\0b")).unwrap();
    assert_eq!(decode_picture(&bytes).unwrap().parameters(), Some("a b"));
    let short = Picture { width: 4, height: 4, rgba: vec![0; 8] };
    assert!(matches!(encode_png(&short, None), Err(CodecError::Encode(_))));
}

#[test]
fn packed_text_is_read_and_a_bomb_is_not() {
    let with_text = |text: &str| {
        let mut bytes = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut bytes, 1, 1);
        encoder.add_ztxt_chunk("parameters".to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        decode_picture(&bytes).unwrap().parameters().map(str::to_owned)
    };
    assert_eq!(with_text("a fox").as_deref(), Some("a fox"));
    assert_eq!(with_text(&"a".repeat(100 << 20)), None);
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write_whole(&path, b"one").unwrap();
    write_whole(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let message = write_whole(&folder.path().join("no/a.png"), b"x").unwrap_err().to_string();
    assert!(message.ends_with("a.png"), "{message}");
    std::fs::create_dir(folder.path().join("b.png")).unwrap();
    assert!(write_whole(&folder.path().join("b.png"), b"x").is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn saving_again_changes_nobodys_rights() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write_whole(&path, b"one").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    write_whole(&path, b"two").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn all_formats_keep_their_parameters() {
    let text = "a fox, 狐 é \u{1F98A}\nNegative prompt: x\nSteps: 20, Seed: 1, Size: 5x3";
    for format in Format::ALL {
        for text in [text, "plain ASCII\nSteps: 1"] {
            let bytes = encode(&picture(5, 3, 255), format, Some(text)).unwrap();
            let decoded = decode_picture(&bytes).unwrap();
            assert_eq!(decoded.parameters(), Some(text), "{format:?}");
            assert_eq!((decoded.picture.width, decoded.picture.height), (5, 3));
            if format != Format::Jpeg {
                assert_eq!(decoded.picture, picture(5, 3, 255), "{format:?}");
            }
        }
        let plain = encode(&picture(5, 3, 255), format, None).unwrap();
        assert_eq!(decode_picture(&plain).unwrap().texts, []);
        let short = Picture { width: 4, height: 4, rgba: vec![0; 8] };
        assert!(matches!(encode(&short, format, None), Err(CodecError::Encode(_))));
    }
    let clear = picture(5, 3, 90);
    let webp = encode(&clear, Format::WebP, Some(text)).unwrap();
    assert_eq!(decode_picture(&webp).unwrap().picture, clear);
}

#[test]
fn a_jpeg_lies_on_white_with_all_its_colours() {
    let mut rgba = [255, 0, 0, 0].repeat(32);
    rgba.extend([0, 0, 0, 128].repeat(32));
    let half = Picture { width: 8, height: 8, rgba };
    let jpeg = encode(&half, Format::Jpeg, None).unwrap();
    let decoded = decode_picture(&jpeg).unwrap().picture;
    let near = |found: [u8; 4], value: u8| found[..3].iter().all(|v| v.abs_diff(value) < 6);
    assert!(near(at(&decoded, 1, 0), 255) && near(at(&decoded, 1, 7), 127));
    // The frame's header says 4:4:4: each component is sampled 1 × 1.
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    assert_eq!([jpeg[frame + 11], jpeg[frame + 14], jpeg[frame + 17]], [0x11; 3]);
}

#[test]
fn a_text_too_long_for_a_jpeg_says_so() {
    let small = picture(2, 2, 255);
    let ascii = "a".repeat(60_000);
    let jpeg = encode(&small, Format::Jpeg, Some(&ascii)).unwrap();
    assert_eq!(decode_picture(&jpeg).unwrap().parameters(), Some(ascii.as_str()));
    let long = "狐".repeat(40_000);
    assert!(matches!(encode(&small, Format::Jpeg, Some(&long)), Err(CodecError::TextTooLong)));
    for format in [Format::Png, Format::WebP] {
        let bytes = encode(&small, format, Some(&long)).unwrap();
        assert_eq!(decode_picture(&bytes).unwrap().parameters(), Some(long.as_str()));
    }
    let endless = "a".repeat(TEXT_LIMIT + 1);
    let bytes = encode(&small, Format::WebP, Some(&endless)).unwrap();
    assert_eq!(decode_picture(&bytes).unwrap().parameters(), None);
}

#[test]
fn names_say_the_format() {
    let of = |name: &str| Format::of_path(Path::new(name));
    assert_eq!(of("a/b.PNG"), Some(Format::Png));
    assert_eq!(of("b.jpeg"), Some(Format::Jpeg));
    assert_eq!(of("b.x.JPG"), Some(Format::Jpeg));
    assert_eq!(of("b.WebP"), Some(Format::WebP));
    assert_eq!((of("b"), of("b.tif"), of(".png")), (None, None, None));
}

/// A PNG of one pixel with these chunks before and after its pixel.
fn png_with(before: &[(&[u8; 4], &[u8])], after: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let plain = encode_png(&picture(1, 1, 255), None).unwrap();
    let (head, rest) = plain.split_at(33);
    let (pixels, end) = rest.split_at(rest.len() - 12);
    let chunk = |(kind, content): &(&[u8; 4], &[u8])| {
        let checked = [kind.as_slice(), content].concat();
        let length = (content.len() as u32).to_be_bytes();
        [&length[..], &checked, &crc32(&checked).to_be_bytes()].concat()
    };
    let chunks = |list: &[(&[u8; 4], &[u8])]| list.iter().flat_map(chunk).collect::<Vec<u8>>();
    [head, &chunks(before), pixels, &chunks(after), end].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}

fn texts(bytes: &[u8]) -> Vec<(String, String)> {
    let texts = decode_picture(bytes).unwrap().texts;
    texts.into_iter().map(|text| (text.keyword, text.text)).collect()
}

#[test]
fn png_texts_are_found_wherever_and_however_they_stand() {
    let bytes = png_with(
        &[
            (b"tEXt", b"Title\0not of interest"),
            (b"tEXt", b"prompt\0{\"1\": \"f\xC3\xBCchs\"}"),
            (b"tEXt", b"Comment\0f\xFCchs"),
            (b"iTXt", b"workflow\0\0\0\0\0{\"a\":1}"),
        ],
        &[(b"iTXt", "parameters\0\0\0\0\0狐".as_bytes())],
    );
    let expected = [
        ("prompt", "{\"1\": \"füchs\"}"),
        ("Comment", "füchs"),
        ("workflow", "{\"a\":1}"),
        ("parameters", "狐"),
    ];
    assert_eq!(
        texts(&bytes),
        expected.map(|(keyword, text)| (keyword.to_owned(), text.to_owned()))
    );
}

#[test]
fn a_damaged_text_spoils_nothing() {
    let long = [b"prompt\0".as_slice(), &vec![b'x'; 2 << 20]].concat();
    let bytes = png_with(
        &[
            (b"iTXt", b"parameters\0\0\0\0\0\xFF\xFE\xFD"),
            (b"zTXt", b"sd-metadata\0\0not zlib"),
            (b"zTXt", b"prompt\0"),
            (b"iTXt", b"prompt\0\x01"),
            (b"tEXt", &long),
            (b"tEXt", b"parameters\0whole"),
        ],
        &[],
    );
    assert_eq!(texts(&bytes), [("parameters".to_owned(), "whole".to_owned())]);
    for end in 0..200 {
        drop(png::texts(&bytes[..end]));
    }
    let many: Vec<(&[u8; 4], &[u8])> = vec![(b"tEXt", b"prompt\0x"); 500];
    assert_eq!(texts(&png_with(&many, &[])).len(), 64);
}

/// An EXIF block of one or two entries in the given byte order: a comment, and a model.
fn exif_block(little: bool, comment: &[u8], model: &[u8]) -> Vec<u8> {
    let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let entry = |tag: u16, kind: u16, count: usize, value: u32| {
        [&short(tag)[..], &short(kind), &long(count as u32), &long(value)].concat()
    };
    let (sub, data) = (8 + 2 + 24 + 4, 8 + 2 + 24 + 4 + 2 + 12 + 4);
    let mut block = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    block.extend(long(8));
    block.extend(short(2));
    block.extend(entry(0x0110, 2, model.len(), (data + comment.len()) as u32));
    block.extend(entry(0x8769, 4, 1, sub as u32));
    block.extend(long(0));
    block.extend(short(1));
    block.extend(entry(0x9286, 7, comment.len(), data as u32));
    block.extend(long(0));
    block.extend(comment);
    block.extend(model);
    block
}

#[test]
fn exif_comments_of_all_kinds_are_read() {
    let text = "a fox, 狐\nSteps: 20";
    let wide = |little: bool| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    };
    let unicode = |little: bool| [b"UNICODE\0".as_slice(), &wide(little)].concat();
    let marked = [b"UNICODE\0\xFF\xFE".as_slice(), &wide(true)].concat();
    let ascii = [b"ASCII\0\0\0".as_slice(), text.as_bytes(), b"\0\0"].concat();
    let nothing = [[0; 8].as_slice(), text.as_bytes()].concat();
    let comments =
        [unicode(true), unicode(false), marked, ascii, nothing, text.as_bytes().to_vec()];
    for comment in comments {
        for little in [false, true] {
            let found = metadata::from_exif(exif_block(little, &comment, b"prompt:{\"1\":2}\0"));
            let found: Vec<(&str, &str)> =
                found.iter().map(|text| (text.keyword.as_str(), text.text.as_str())).collect();
            assert_eq!(found, [("parameters", text), ("prompt", "{\"1\":2}")]);
        }
    }
    let camera = exif_block(false, b"JIS\0\0\0\0\0abc", b"X-100: the camera\0");
    assert_eq!(metadata::from_exif(camera), []);
}

#[test]
fn damaged_exif_spoils_nothing() {
    let block = exif_block(true, b"UNICODE\0\x00\xD8\x00\xD8a", b"prompt:{}\0");
    for end in 0..block.len() {
        drop(metadata::from_exif(block[..end].to_vec()));
    }
    for at in 0..block.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut block = block.clone();
            block[at] = value;
            drop(metadata::from_exif(block));
        }
    }
    let jpeg = encode(&picture(8, 8, 255), Format::Jpeg, Some("a fox")).unwrap();
    for at in 2..120 {
        let mut jpeg = jpeg.clone();
        jpeg[at] ^= 0xFF;
        drop(decode_picture(&jpeg));
    }
}

/// What a test archive holds.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::Writer::new(Vec::new());
    for (name, bytes) in parts {
        writer.add(name, bytes).unwrap();
    }
    writer.finish().unwrap()
}

fn project() -> openraster::Project {
    let mut document = crate::document::document::Document::empty((9, 7));
    document.replace_picture(crate::plane::Plane::from(&picture(9, 7, 90)));
    document.mask.fill_whole();
    let desk = serde_json::json!({ "prompt": "a fox" });
    openraster::Project { document, recipe: "a fox\nSteps: 3".to_owned(), desk }
}

fn project_file() -> Vec<u8> {
    let mut bytes = Vec::new();
    openraster::encode(&project()).unwrap().write(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_project_is_what_the_standard_asks_for() {
    let bytes = project_file();
    assert!(bytes.starts_with(b"PK\x03\x04") && &bytes[30..54] == b"mimetypeimage/openraster");
    assert_eq!(bytes, project_file(), "equal content makes equal files");
    let mut parts = zip::Archive::open(Cursor::new(&bytes)).unwrap();
    let mut part = |name: &str| parts.read(name, 1 << 20).unwrap();
    let stack = String::from_utf8(part("stack.xml")).unwrap();
    assert!(stack.contains(r#"w="9" h="7""#) && stack.contains(r#"src="data/layer0.png""#));
    for name in ["data/layer0.png", "mergedimage.png"] {
        let decoded = decode_picture(&part(name)).unwrap();
        assert_eq!((decoded.picture, decoded.texts.len()), (picture(9, 7, 90), 1));
    }
    assert_eq!(decode_picture(&part("Thumbnails/thumbnail.png")).unwrap().picture.width, 9);
    // For whoever wants only the picture, it is one with its recipe.
    let decoded = decode_picture(&bytes).unwrap();
    assert_eq!((decoded.parameters(), decoded.picture.height), (Some("a fox\nSteps: 3"), 7));
    assert!(is_picture(&bytes));
}

#[test]
fn archives_of_others_open_as_the_picture_they_make() {
    let merged = encode_png(&picture(5, 3, 200), None).unwrap();
    let deep = archive(&[("stack.xml", b"<image/>"), ("mergedimage.png", fixture!("deep.png"))]);
    assert_eq!(at(&decode_picture(&deep).unwrap().picture, 0, 0), [0, 0x80, 255, 0x80]);
    let newer = br#"{"form": 2, "layers": [1]}"#;
    for (ours, expected) in [(None, false), (Some(&newer[..]), false), (Some(b"{}"), true)] {
        let mut parts: Vec<(&str, &[u8])> = vec![("mimetype", b"x"), ("mergedimage.png", &merged)];
        parts.extend(ours.map(|json| ("pentimento/document.json", json)));
        match openraster::read(Cursor::new(archive(&parts))).unwrap() {
            openraster::Opened::Picture { decoded, damaged } => {
                assert_eq!((decoded.picture, damaged), (picture(5, 3, 200), expected));
            }
            openraster::Opened::Project(_) => panic!("it has no form that is known"),
        }
    }
}

#[test]
fn archives_that_lie_are_refused() {
    refused(&archive(&[("word/document.xml", b"<a/>")]), "not a picture that can be read");
    refused(&archive(&[("stack.xml", b"<image/>")]), "mergedimage.png is missing");
    let header = |width, height| {
        let png = png_header(width, height, 8);
        archive(&[("mergedimage.png", &png)])
    };
    refused(&header(30_000, 30_000), "Make it at most 16384 × 16384");
    refused(&header(16_384, 16_384), "damaged");
    refused(&archive(&[("mergedimage.png", fixture!("plain.jpg"))]), "is no PNG");
    refused(&archive(&[("mergedimage.png", &project_file())]), "is no PNG");
    // More beside its pixels than any PNG has.
    let padded = [png_header(1, 1, 8), vec![0; 17 << 20]].concat();
    refused(&archive(&[("mergedimage.png", &padded)]), "too long");
}

#[test]
fn a_damaged_project_is_whole_or_a_picture_or_nothing() {
    let whole = project_file();
    let (mut projects, mut pictures) = (0, 0);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        match openraster::read(Cursor::new(&bytes)) {
            Ok(openraster::Opened::Project(project)) => {
                projects += 1;
                let found = project.document.picture().unwrap().to_picture();
                assert_eq!(found, picture(9, 7, 90), "byte {at}");
                assert_eq!(project.document.mask.plane().to_flat(), [255; 63], "byte {at}");
                assert_eq!(project.desk["prompt"], "a fox", "byte {at}");
            }
            Ok(openraster::Opened::Picture { decoded, .. }) => {
                pictures += 1;
                assert_eq!(decoded.picture, picture(9, 7, 90), "byte {at}");
            }
            Err(_) => {}
        }
        drop(openraster::read(Cursor::new(&whole[..at])));
    }
    assert!(projects > 500 && pictures > 500, "{projects} {pictures}");
}

#[test]
fn a_mask_of_another_size_is_no_mask() {
    let mut parts = zip::Archive::open(Cursor::new(project_file())).unwrap();
    let grey = crate::types::Coverage { width: 4, height: 4, values: vec![9; 16] };
    let grey = super::png::encode_grey(&grey).unwrap();
    let mut part = |name: &str| parts.read(name, 1 << 20).unwrap();
    let (json, layer) = (part("pentimento/document.json"), part("data/layer0.png"));
    let bytes = archive(&[
        ("pentimento/document.json", &json),
        ("data/layer0.png", &layer),
        ("mergedimage.png", &layer),
        ("pentimento/mask.png", &grey),
    ]);
    let opened = openraster::read(Cursor::new(bytes)).unwrap();
    assert!(matches!(opened, openraster::Opened::Picture { damaged: true, .. }));
}
