//! The only place with colours, spacing, radii and type sizes. Everything in `ui` takes them from
//! here; a unit test computes the contrast of the colour table.

use egui::{Color32, FontFamily, FontId, Shadow};

use crate::app::settings::Surround;

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The colours of one theme, named by their role.
#[derive(Debug)]
#[expect(missing_docs, reason = "the roles are named as in the design's table")]
pub struct Palette {
    pub surround: Color32,
    pub panel: Color32,
    pub raised: Color32,
    pub hover: Color32,
    pub active: Color32,
    pub line: Color32,
    pub edge: Color32,
    pub text_1: Color32,
    pub text_2: Color32,
    pub text_3: Color32,
    pub accent: Color32,
    pub accent_hover: Color32,
    pub accent_press: Color32,
    pub on_accent: Color32,
    pub accent_text: Color32,
    pub focus: Color32,
    pub info: Color32,
    pub ok: Color32,
    pub warn: Color32,
    pub error: Color32,
    pub danger_fill: Color32,
    pub on_danger: Color32,
    pub mask: [Color32; 3],
    /// The shadow of popovers and the dock.
    pub shadow: Color32,
    /// Laid over the canvas while a file hovers: 40 %.
    pub dim: Color32,
    /// The sheet that waits for a picture, a shade lighter than the surround.
    pub sheet: Color32,
    /// Whether the accent needs an outline to stand out.
    pub accent_outlined: bool,
}

/// The dark theme.
pub const DARK: Palette = Palette {
    surround: rgb(0x2E_2E2E),
    panel: rgb(0x1E_1E1E),
    raised: rgb(0x29_2929),
    hover: rgb(0x33_3333),
    active: rgb(0x3D_3D3D),
    line: rgb(0x38_3838),
    edge: rgb(0x7E_7E7E),
    text_1: rgb(0xEC_ECEC),
    text_2: rgb(0xB4_B4B4),
    text_3: rgb(0x9A_9A9A),
    accent: rgb(0xE3_A43B),
    accent_hover: rgb(0xEE_B75A),
    accent_press: rgb(0xC9_8C26),
    on_accent: rgb(0x1B_1405),
    accent_text: rgb(0xED_B65C),
    focus: rgb(0x9A_D0FF),
    info: rgb(0x86_BDFF),
    ok: rgb(0x74_CF98),
    warn: rgb(0xF0_B54A),
    error: rgb(0xFF_8F85),
    danger_fill: rgb(0xC8_3A31),
    on_danger: Color32::WHITE,
    mask: MASK,
    shadow: Color32::from_black_alpha(89),
    dim: Color32::from_black_alpha(102),
    sheet: rgb(0x37_3737),
    accent_outlined: false,
};

/// The light theme.
pub const LIGHT: Palette = Palette {
    surround: rgb(0xCF_CFCF),
    panel: rgb(0xF3_F3F3),
    raised: rgb(0xFF_FFFF),
    hover: rgb(0xE7_E7E7),
    active: rgb(0xDA_DADA),
    line: rgb(0xD2_D2D2),
    edge: rgb(0x74_7474),
    text_1: rgb(0x1B_1B1B),
    text_2: rgb(0x50_5050),
    text_3: rgb(0x6A_6A6A),
    accent: rgb(0xDE_9A2A),
    accent_hover: rgb(0xE8_AC4B),
    accent_press: rgb(0xC5_831A),
    on_accent: rgb(0x1B_1405),
    accent_text: rgb(0x7A_4E00),
    focus: rgb(0x0B_5CAD),
    info: rgb(0x0B_57A8),
    ok: rgb(0x1C_6B3C),
    warn: rgb(0x74_4B00),
    error: rgb(0xA8_211A),
    danger_fill: rgb(0xB3_261E),
    on_danger: Color32::WHITE,
    mask: MASK,
    shadow: Color32::from_black_alpha(36),
    dim: Color32::from_black_alpha(102),
    sheet: rgb(0xDC_DCDC),
    accent_outlined: true,
};

/// Tried in this order, so that the mask is never lost in the picture.
const MASK: [Color32; 3] = [rgb(0xFF_2E63), rgb(0x00_B8D9), rgb(0xA6_E22E)];

/// The colour around the picture with its sheet: the user's choice, else the theme's.
#[must_use]
pub fn surround(palette: &Palette, choice: Surround) -> (Color32, Color32) {
    match choice {
        Surround::Theme => (palette.surround, palette.sheet),
        Surround::Black => (rgb(0x16_1616), rgb(0x20_2020)),
        Surround::Dark => (DARK.surround, DARK.sheet),
        Surround::Middle => (rgb(0x77_7777), rgb(0x84_8484)),
        Surround::Light => (LIGHT.surround, LIGHT.sheet),
    }
}

/// Lets a picture through as it is.
pub const UNTINTED: Color32 = Color32::WHITE;
/// Draws nothing.
pub const NOTHING: Color32 = Color32::TRANSPARENT;

/// The colours of the theme that a `Ui` wears.
#[must_use]
pub fn palette(dark: bool) -> &'static Palette {
    if dark { &DARK } else { &LIGHT }
}

/// `colour` at a part of its opacity, for what is disabled or lost.
#[must_use]
pub fn faded(colour: Color32, opacity: f32) -> Color32 {
    colour.gamma_multiply(opacity)
}

/// The shadow of popovers and the dock.
#[must_use]
pub fn shadow(palette: &Palette) -> Shadow {
    Shadow { offset: [0, 4], blur: 16, spread: 0, color: palette.shadow }
}

/// The dark line of the brush ring, the same on any picture.
pub const RING_DARK: Color32 = Color32::from_black_alpha(200);

/// The light line of the brush ring where it has no mask's colour.
pub const RING_LIGHT: Color32 = Color32::from_gray(242);

/// A colour of the user's own.
#[must_use]
pub fn of_rgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// Spacing, in points.
pub mod space {
    /// 2.
    pub const XXS: f32 = 2.0;
    /// 4.
    pub const XS: f32 = 4.0;
    /// 8: between rows.
    pub const S: f32 = 8.0;
    /// 12: padding of the panel.
    pub const M: f32 = 12.0;
    /// 16: between groups.
    pub const L: f32 = 16.0;
    /// 24.
    pub const XL: f32 = 24.0;
    /// 32.
    pub const XXL: f32 = 32.0;
}

/// Corner radii, in points.
pub mod radius {
    /// Fields and buttons.
    pub const S: u8 = 4;
    /// Thumbs and rows.
    pub const M: u8 = 6;
    /// Dock and popovers.
    pub const L: u8 = 10;
    /// Bars and chips.
    pub const FULL: u8 = 20;
}

/// Lengths of the regions and controls, in points.
pub mod size {
    /// The top bar's height.
    pub const TOP_BAR: f32 = 44.0;
    /// The rail's width.
    pub const RAIL: f32 = 48.0;
    /// The dock's height with two lines of prompt and its margins.
    pub const DOCK: f32 = 128.0;
    /// The dock's card.
    pub const DOCK_CARD: f32 = 108.0;
    /// The row of examples above the dock.
    pub const CHIPS: f32 = 44.0;
    /// The result bar's height.
    pub const RESULT_BAR: f32 = 40.0;
    /// How far it floats above the canvas's lower edge.
    pub const RESULT_BAR_GAP: f32 = 12.0;
    /// A control's height.
    pub const CONTROL: f32 = 28.0;
    /// The primary button and the row it stands in.
    pub const PRIMARY: f32 = 36.0;
    /// The primary button's width.
    pub const PRIMARY_WIDTH: f32 = 120.0;
    /// An icon button.
    pub const ICON_BUTTON: f32 = 32.0;
    /// A swatch of the rail's foot, and how far the one behind stands out.
    pub const SWATCH: f32 = 28.0;
    /// See [`SWATCH`].
    pub const SWATCH_BEHIND: f32 = 10.0;
    /// A colour among others.
    pub const SWATCH_SMALL: f32 = 24.0;
    /// The square of saturations and brightnesses: its height.
    pub const COLOR_SQUARE: f32 = 148.0;
    /// A button of the rail.
    pub const RAIL_BUTTON: f32 = 36.0;
    /// An icon in a row of text.
    pub const ICON: f32 = 18.0;
    /// An icon on the rail.
    pub const RAIL_ICON: f32 = 20.0;
    /// The strength slider.
    pub const STRENGTH: f32 = 160.0;
    /// A notice's width.
    pub const NOTICE: f32 = 360.0;
    /// Width of the command palette.
    pub const PALETTE: f32 = 560.0;
    /// Distance of the palette from the window's top.
    pub const PALETTE_TOP: f32 = 96.0;
    /// Height of the palette's field.
    pub const PALETTE_FIELD: f32 = 44.0;
    /// Height of a line of the palette.
    pub const PALETTE_ROW: f32 = 32.0;
    /// The settings page's column.
    pub const PAGE: f32 = 640.0;
    /// The model picker: width and greatest height.
    pub const PICKER: (f32, f32) = (360.0, 560.0);
    /// A row of the model picker.
    pub const PICKER_ROW: f32 = 48.0;
    /// The strip folded to a handle.
    pub const STRIP_HANDLE: f32 = 24.0;
}

/// Durations, in seconds.
pub mod motion {
    /// Hover.
    pub const HOVER: f32 = 0.08;
    /// Panel and Fit.
    pub const PANEL: f32 = 0.16;
}

/// Type sizes and line heights, in points.
pub mod text {
    /// Captions: size and line.
    pub const CAPTION: (f32, f32) = (12.0, 16.0);
    /// Body and headings.
    pub const BODY: (f32, f32) = (13.0, 20.0);
    /// The prompt.
    pub const PROMPT: (f32, f32) = (15.0, 22.0);
    /// Titles.
    pub const TITLE: (f32, f32) = (20.0, 28.0);
}

/// Captions.
#[must_use]
pub fn caption() -> FontId {
    FontId::new(text::CAPTION.0, FontFamily::Proportional)
}

/// Body text.
#[must_use]
pub fn body() -> FontId {
    FontId::new(text::BODY.0, FontFamily::Proportional)
}

/// Headings and the button's word.
#[must_use]
pub fn heading() -> FontId {
    FontId::new(text::BODY.0, FontFamily::Name("semibold".into()))
}

/// Titles.
#[must_use]
pub fn title() -> FontId {
    FontId::new(text::TITLE.0, FontFamily::Name("semibold".into()))
}

/// The prompt.
#[must_use]
pub fn prompt() -> FontId {
    FontId::new(text::PROMPT.0, FontFamily::Proportional)
}

/// Icons of a size.
#[must_use]
pub fn icon(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name("icons".into()))
}

/// Filled icons, for "on".
#[must_use]
pub fn icon_fill(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name("icons-fill".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2 relative luminance.
    fn luminance(colour: Color32) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn check(name: &str, colour: Color32, on: Color32, expected: f64) {
        let ratio = contrast(colour, on);
        assert!((ratio - expected).abs() < 0.11, "{name}: {ratio:.2}, the table says {expected}");
    }

    #[test]
    fn contrasts_are_those_of_the_table() {
        for (p, expected) in [
            (&DARK, [1.4, 4.1, 14.1, 8.0, 5.9, 7.7, 9.1, 10.2, 8.5, 8.8, 9.1, 7.6]),
            (&LIGHT, [1.4, 4.2, 15.5, 7.3, 4.9, 2.2, 6.5, 6.0, 6.4, 5.9, 6.9, 6.5]),
        ] {
            let roles = [
                ("line", p.line),
                ("edge", p.edge),
                ("text.1", p.text_1),
                ("text.2", p.text_2),
                ("text.3", p.text_3),
                ("accent", p.accent),
                ("accent.text", p.accent_text),
                ("focus", p.focus),
                ("info", p.info),
                ("ok", p.ok),
                ("warn", p.warn),
                ("error", p.error),
            ];
            for ((name, colour), expected) in roles.into_iter().zip(expected) {
                check(name, colour, p.panel, expected);
            }
        }
        check("on.accent dark", DARK.on_accent, DARK.accent, 8.4);
        check("on.accent light", LIGHT.on_accent, LIGHT.accent, 7.6);
        check("on.accent pressed dark", DARK.on_accent, DARK.accent_press, 6.3);
        check("on.accent pressed light", LIGHT.on_accent, LIGHT.accent_press, 5.8);
        check("danger dark", DARK.on_danger, DARK.danger_fill, 5.1);
        check("danger light", LIGHT.on_danger, LIGHT.danger_fill, 6.5);
    }

    #[test]
    fn words_hold_on_every_fill_they_lie_on() {
        for p in [&DARK, &LIGHT] {
            for colour in [p.text_1, p.text_2, p.accent_text, p.info, p.ok, p.warn, p.error] {
                for fill in [p.panel, p.raised, p.hover] {
                    assert!(contrast(colour, fill) >= 4.5, "{colour:?} on {fill:?}");
                }
            }
            for fill in [p.panel, p.raised] {
                assert!(contrast(p.text_3, fill) >= 4.5);
            }
        }
    }
}
