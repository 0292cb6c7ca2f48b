//! Stub.
use std::sync::Arc;
/// Stub.
pub fn install(ctx: &egui::Context) {
    let mut fonts = egui::FontDefinitions::empty();
    let bytes = std::fs::read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").unwrap_or_default();
    if bytes.is_empty() {
        return;
    }
    fonts.font_data.insert("t".to_owned(), Arc::new(egui::FontData::from_owned(bytes)));
    for family in [
        egui::FontFamily::Proportional,
        egui::FontFamily::Monospace,
        egui::FontFamily::Name("semibold".into()),
        egui::FontFamily::Name("icons".into()),
        egui::FontFamily::Name("icons-fill".into()),
    ] {
        fonts.families.insert(family, vec!["t".to_owned()]);
    }
    ctx.set_fonts(fonts);
}
