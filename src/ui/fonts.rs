//! The fonts, embedded, so that the first frame depends on nothing outside the program.
//!
//! The shell installs them once before the first frame. Sizes and styles are the tokens' business.

use std::sync::Arc;

use egui::epaint::text::{FontTweak, VariationCoords};
use egui::{FontData, FontDefinitions, FontFamily};

/// Inter from weight 400 to 600, with tabular digits. See `assets/fonts/README.md`.
const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter.ttf");
/// The Chinese characters that Inter lacks.
const NOTO: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC.ttf");
const PHOSPHOR: &[u8] = include_bytes!("../../assets/fonts/Phosphor.ttf");
const PHOSPHOR_FILL: &[u8] = include_bytes!("../../assets/fonts/Phosphor-Fill.ttf");

/// Name of the family of headings: Inter at weight 600.
pub const SEMIBOLD: &str = "semibold";
/// Name of the family of [`super::icons`].
pub const ICONS: &str = "icons";
/// Name of the family of the same icons, filled: for what is on.
pub const ICONS_FILL: &str = "icons-fill";

/// Installs all families. Takes effect with the next frame.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let weight = |value: f32| FontTweak {
        coords: VariationCoords::new([(b"wght", value)]),
        ..FontTweak::default()
    };
    let mut fonts = FontDefinitions::empty();
    let mut add = |name: &str, data: FontData| {
        fonts.font_data.insert(name.to_owned(), Arc::new(data));
    };
    add("inter-400", FontData::from_static(INTER).tweak(weight(400.0)));
    add("inter-600", FontData::from_static(INTER).tweak(weight(600.0)));
    add("noto", FontData::from_static(NOTO));
    add("phosphor", FontData::from_static(PHOSPHOR));
    add("phosphor-fill", FontData::from_static(PHOSPHOR_FILL));
    let families = [
        (FontFamily::Proportional, vec!["inter-400", "noto"]),
        // Nothing here is code; what asks for it anyway gets text that can be read.
        (FontFamily::Monospace, vec!["inter-400", "noto"]),
        (FontFamily::Name(SEMIBOLD.into()), vec!["inter-600", "noto"]),
        (FontFamily::Name(ICONS.into()), vec!["phosphor"]),
        (FontFamily::Name(ICONS_FILL.into()), vec!["phosphor-fill"]),
    ];
    for (family, names) in families {
        fonts.families.insert(family, names.into_iter().map(str::to_owned).collect());
    }
    fonts
}

#[cfg(test)]
mod tests {
    use egui::epaint::text::{Fonts, TextOptions};
    use egui::{Color32, FontId};

    use super::*;
    use crate::ui::icons;

    fn fonts() -> Fonts {
        Fonts::new(TextOptions::default(), definitions())
    }

    fn width(fonts: &mut Fonts, text: &str, family: FontFamily) -> f32 {
        let font = FontId::new(40.0, family);
        let mut view = fonts.with_pixels_per_point(1.0);
        view.layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x
    }

    #[test]
    fn digits_are_equally_wide_in_both_weights() {
        let mut fonts = fonts();
        for family in [FontFamily::Proportional, FontFamily::Name(SEMIBOLD.into())] {
            let ones = width(&mut fonts, "11111", family.clone());
            let eights = width(&mut fonts, "80808", family);
            assert!((ones - eights).abs() < 0.5, "{ones} against {eights}");
        }
    }

    #[test]
    fn semibold_is_bolder_than_regular() {
        let mut fonts = fonts();
        let regular = width(&mut fonts, "Pentimento", FontFamily::Proportional);
        let semibold = width(&mut fonts, "Pentimento", FontFamily::Name(SEMIBOLD.into()));
        assert!(semibold > regular + 1.0, "{semibold} against {regular}");
    }

    #[test]
    fn both_languages_and_the_icons_have_glyphs() {
        let mut fonts = fonts();
        let text = FontId::new(13.0, FontFamily::Proportional);
        assert!(fonts.has_glyphs(&text, "Paint “…” × · – → 12 % ⌘ ✓ 绘制 随便画画，。（蒙版）"));
        for family in [ICONS, ICONS_FILL] {
            let font = FontId::new(20.0, FontFamily::Name(family.into()));
            for icon in [icons::PAINT_BRUSH, icons::SELECTION_INVERSE, icons::GEAR_SIX] {
                assert!(fonts.has_glyphs(&font, icon));
            }
        }
    }
}
