//! Strokes of brush, eraser and mask, and the colours they are drawn with.
//!
//! Called by [`super::update`]. To touch is to keep: a stroke on a result makes it the document
//! first, and one on the empty sheet makes a white picture.

use super::jobs::Stage;
use super::scene::MaskShow;
use super::state::{AppState, Effect, Welcome};
use super::tool::{Brush, Tool};
use crate::document::StrokePoint;
use crate::document::mask::Mask;
use crate::document::raster::Raster;

/// What a picture begins with that is painted from nothing.
const WHITE: [u8; 4] = [255; 4];

/// Begins a stroke of the active tool.
pub fn begin(state: &mut AppState, at: StrokePoint) {
    match state.tool {
        Tool::Mask => begin_mask_stroke(state, at),
        Tool::Brush | Tool::Eraser => begin_paint_stroke(state, at),
        Tool::Eyedropper | Tool::Hand => {}
    }
}

/// Draws it on. A change of tool meanwhile does not change what it is drawn on.
pub fn extend(state: &mut AppState, points: &[StrokePoint]) {
    if !state.stroking {
        return;
    }
    if state.document.mask.is_stroking() {
        state.document.mask.extend_stroke(points, &state.settings.mask_brush);
    } else if let Some(raster) = &mut state.document.raster {
        raster.extend_stroke(points);
    }
}

/// Ends it.
pub fn end(state: &mut AppState) {
    if !std::mem::take(&mut state.stroking) {
        return;
    }
    state.document.mask.end_stroke();
    if let Some(raster) = &mut state.document.raster {
        raster.end_stroke();
    }
    follow_mask(state);
}

/// Drops it and what it drew.
pub fn cancel(state: &mut AppState) {
    if !std::mem::take(&mut state.stroking) {
        return;
    }
    state.document.mask.cancel_stroke();
    if let Some(raster) = &mut state.document.raster {
        raster.cancel_stroke();
    }
    follow_mask(state);
}

fn begin_mask_stroke(state: &mut AppState, at: StrokePoint) {
    let had_mask = state.has_mask();
    if state.shown_entry().is_some_and(|entry| entry.stage == Stage::Running) {
        // A stroke over what emerges would be lost with it; the document is what can be masked.
        if state.document.is_empty() {
            return;
        }
    } else if !state.keep_shown() {
        return;
    }
    state.follow = false;
    state.document.feather_px = state.settings.feather_px;
    state.mask_show = MaskShow::Auto;
    state.stroking = true;
    if !had_mask {
        begin_mask(state);
    }
    state.document.mask.begin_stroke(at, &state.settings.mask_brush);
}

fn begin_paint_stroke(state: &mut AppState, at: StrokePoint) {
    if state.first_emerges() {
        return;
    }
    let emerges = state.shown_entry().is_some_and(|entry| entry.stage == Stage::Running);
    // What emerges cannot be touched yet; the document beneath it can.
    if !emerges && !state.keep_shown() {
        let sheet = Raster::filled(state.new_size(), WHITE);
        state.document.replace_raster(sheet);
        state.document_recipe.clear();
        state.title.clear();
        state.begin_sheet();
        begin_from_pixels(state);
    }
    if state.document_entry.take().is_some() {
        // From here on the document is no longer that result.
        begin_from_pixels(state);
    }
    // The next picture of a batch does not take the canvas from under the brush.
    state.follow = false;
    state.show(None);
    state.unsaved = true;
    if state.welcome == Welcome::Shown {
        state.welcome = Welcome::Over;
    }
    let settings = &mut state.settings;
    let color = settings.foreground;
    if state.tool == Tool::Brush {
        settings.used_color(color);
    }
    let brush = *settings.brush_of(state.tool);
    if let Some(raster) = &mut state.document.raster {
        raster.begin_stroke(at, &brush, color);
        state.stroking = true;
    }
}

/// A picture that was painted on is something to start from, as an opened one is.
fn begin_from_pixels(state: &mut AppState) {
    let strength = state.settings.strength.clamp(1, 99);
    if state.has_mask() {
        state.strength_before_mask = Some(strength);
    } else {
        state.strength = strength;
    }
}

/// A first mask sets the strength to 100.
fn begin_mask(state: &mut AppState) {
    state.strength_before_mask = Some(state.strength);
    state.strength = 100;
}

/// The last of a mask gone gives the old strength back.
fn follow_mask(state: &mut AppState) {
    if !state.has_mask()
        && let Some(before) = state.strength_before_mask.take()
    {
        state.strength = before;
    }
}

/// Changes the whole mask.
pub fn change_mask(state: &mut AppState, change: impl FnOnce(&mut Mask)) {
    if !state.keep_shown() {
        return;
    }
    state.follow = false;
    if !state.has_mask() {
        begin_mask(state);
    }
    state.document.feather_px = state.settings.feather_px;
    change(&mut state.document.mask);
    state.mask_show = MaskShow::Auto;
    follow_mask(state);
}

/// Changes the active tool's brush.
pub fn change_brush(state: &mut AppState, change: impl Fn(Brush) -> Brush) {
    let brush = change(*state.settings.brush_of(state.tool));
    state.settings.set_brush(state.tool, brush);
}

/// X: swaps the colours, in the mask tool paint and erase.
pub fn swap(state: &mut AppState) -> Vec<Effect> {
    if state.tool == Tool::Mask {
        let brush = &mut state.settings.mask_brush;
        brush.erases = !brush.erases;
    } else {
        state.settings.swap_colors();
    }
    vec![Effect::Remember]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;

    fn state(tool: Tool) -> AppState {
        let settings = Settings { foreground: [9, 8, 7], ..Settings::default() };
        let mut state = AppState::new(settings, Lang::En);
        state.tool = tool;
        state
    }

    fn pixel(state: &AppState, x: u32, y: u32) -> [u8; 4] {
        state.document.raster.as_ref().map_or([1; 4], |raster| raster.plane().pixel(x, y))
    }

    #[test]
    fn a_stroke_on_the_empty_sheet_makes_a_white_picture() {
        let mut state = state(Tool::Brush);
        state.settings.paint.size = Some((320, 192));
        state.follow = true;
        begin(&mut state, [50.0, 60.0].into());
        assert!(!state.follow, "a picture that arrives would take the canvas from under the brush");
        extend(&mut state, &[[70.0, 60.0].into()]);
        assert!(state.stroking);
        end(&mut state);
        assert_eq!(state.document.size(), (320, 192));
        assert_eq!(pixel(&state, 60, 60), [9, 8, 7, 255]);
        assert_eq!(pixel(&state, 200, 100), WHITE);
        assert_eq!((state.strength, state.unsaved), (60, true));
        assert_eq!(state.settings.recent_colors, [[9, 8, 7]]);
        // What the user then says about the strength is not overruled by the next stroke.
        state.strength = 100;
        begin(&mut state, [10.0, 10.0].into());
        cancel(&mut state);
        assert_eq!(state.strength, 100);
        assert_eq!(pixel(&state, 10, 10), WHITE);
    }

    #[test]
    fn the_eraser_and_the_mask_have_their_own_ways() {
        let mut state = state(Tool::Mask);
        begin(&mut state, [50.0, 60.0].into());
        assert!(!state.stroking && state.document.is_empty(), "nothing there to mask");
        state.tool = Tool::Eraser;
        begin(&mut state, [50.0, 60.0].into());
        // The tool that began the stroke goes on with it.
        state.tool = Tool::Mask;
        extend(&mut state, &[[90.0, 60.0].into()]);
        end(&mut state);
        assert_eq!(pixel(&state, 85, 60), [0; 4]);
        assert!(!state.has_mask());
        begin(&mut state, [20.0, 20.0].into());
        end(&mut state);
        assert!(state.has_mask());
        assert_eq!(state.strength, 100);
    }

    #[test]
    fn each_tool_remembers_its_own_brush() {
        let mut state = state(Tool::Brush);
        change_brush(&mut state, |brush| brush.sized(1.2));
        state.tool = Tool::Eraser;
        change_brush(&mut state, |brush| brush.hardened(-0.1));
        assert!(!state.settings.brush.erases && state.settings.eraser.erases);
        assert_eq!(state.settings.brush.size_px, 24.0);
        assert_eq!(state.settings.eraser.hardness, 0.7);
        assert_eq!(state.settings.mask_brush, Brush::default());
        swap(&mut state);
        assert_eq!(state.settings.background, [9, 8, 7]);
        state.tool = Tool::Mask;
        swap(&mut state);
        assert!(state.settings.mask_brush.erases);
    }
}
