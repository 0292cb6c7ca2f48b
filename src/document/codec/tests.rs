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
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(if depth == 16 { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
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
fn what_is_no_picture_says_so() {
    for bytes in [&b""[..], b"hello", b"GIF89a", b"BM......", b"%PDF-1.7", &[0; 100]] {
        refused(bytes, "not a picture that can be read (PNG, JPEG, WebP, TIFF)");
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
        "This picture is 30000 × 30000 pixels; up to 16384 × 16384 can be opened",
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
        assert_eq!(decoded.parameters.as_deref(), text);
    }
    let bytes = encode_png(&picture(1, 1, 255), Some("a\0b")).unwrap();
    assert_eq!(decode_picture(&bytes).unwrap().parameters.as_deref(), Some("a b"));
    let short = Picture { width: 4, height: 4, rgba: vec![0; 8] };
    assert!(matches!(encode_png(&short, None), Err(CodecError::Encode(_))));
}

#[test]
fn packed_text_is_read_and_a_bomb_is_not() {
    let with_text = |text: &str| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.add_ztxt_chunk("parameters".to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        decode_picture(&bytes).unwrap().parameters
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
