//! Where the regions lie. One function from the window's size and state to rectangles, so that
//! nothing jumps: a region never depends on what another one happened to draw.

use egui::{Rect, pos2};

use crate::app::state::AppState;
use crate::ui::tokens::size;

/// Window heights under which the strip folds to its handle by itself.
const FOLDS_BELOW: f32 = 560.0;
/// Height that the settings page wants; over a lower canvas it takes the strip and the dock too.
const PAGE_NEEDS: f32 = 360.0;

/// The regions' rectangles.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The tool's options, above everything.
    pub top_bar: Rect,
    /// The tools, at the left.
    pub rail: Rect,
    /// The picture.
    pub canvas: Rect,
    /// The examples, while they stand.
    pub chips: Option<Rect>,
    /// The results, from the first one on.
    pub strip: Option<Rect>,
    /// The dock; reaches over what is above it when the prompt grows.
    pub dock: Rect,
    /// The panel, when open.
    pub panel: Option<Rect>,
    /// Whether the panel lies over the canvas.
    pub panel_over: bool,
    /// Whether the panel's parts stand one above the other instead of behind tabs.
    pub stacked: bool,
    /// Whether nothing but the canvas is shown.
    pub bare: bool,
    /// What slides over the canvas.
    pub page: Rect,
}

impl Layout {
    /// Lays a window out; the dock has grown by `dock_extra` points.
    #[must_use]
    pub fn of(whole: Rect, state: &AppState, dock_extra: f32) -> Self {
        if state.canvas_only {
            return Self::bare(whole);
        }
        let wide = whole.width() >= crate::app::update::WIDE;
        let large = whole.width() >= 1600.0 && whole.height() >= 1000.0;
        let small = whole.width() < 1100.0 || whole.height() < 740.0;
        let top = whole.top() + size::TOP_BAR;
        let top_bar = Rect::from_min_max(whole.min, pos2(whole.right(), top));
        let rail = Rect::from_min_max(
            pos2(whole.left(), top),
            pos2(whole.left() + size::RAIL, whole.bottom()),
        );
        let panel_over = !wide;
        let open = if wide { state.settings.panel_open } else { state.panel_over };
        let width =
            if large { state.settings.panel_width.max(336.0) } else { state.settings.panel_width };
        let panel = open.then(|| Rect::from_min_max(pos2(whole.right() - width, top), whole.max));
        let right = match panel {
            Some(panel) if !panel_over => panel.left(),
            _ => whole.right(),
        };
        let middle =
            |from: f32, to: f32| Rect::from_min_max(pos2(rail.right(), from), pos2(right, to));
        let dock_top = whole.bottom() - size::DOCK;
        // The last thing to give way before the canvas does.
        let unfolded = state.settings.strip_open && whole.height() >= FOLDS_BELOW;
        let strip_height = match (unfolded, large, small) {
            (false, ..) => size::STRIP_HANDLE,
            (_, true, _) => 108.0,
            (_, _, true) => 72.0,
            _ => 84.0,
        };
        let strip_top = if state.entries.is_empty() { dock_top } else { dock_top - strip_height };
        let chips_top = if state.chips_shown() { strip_top - size::CHIPS } else { strip_top };
        Self {
            top_bar,
            rail,
            canvas: middle(top, chips_top),
            chips: state.chips_shown().then(|| middle(chips_top, strip_top)),
            strip: (!state.entries.is_empty()).then(|| middle(strip_top, dock_top)),
            dock: middle(dock_top - dock_extra, whole.bottom()),
            panel,
            panel_over,
            stacked: large,
            bare: false,
            // It covers the chips: without them the canvas beneath would jump.
            page: if strip_top - top >= PAGE_NEEDS {
                middle(top, strip_top)
            } else {
                middle(top, whole.bottom())
            },
        }
    }

    /// The canvas alone.
    fn bare(whole: Rect) -> Self {
        let nothing = Rect::from_min_size(whole.min, egui::Vec2::ZERO);
        Self {
            top_bar: nothing,
            rail: nothing,
            canvas: whole,
            chips: None,
            strip: None,
            dock: nothing,
            panel: None,
            panel_over: false,
            stacked: false,
            bare: true,
            page: whole,
        }
    }
}
