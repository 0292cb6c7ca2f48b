//! The history as a list: undo steps with icons and names, the present one marked.

use egui::{Align2, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::tokens::{self, radius, size, space};
use super::widgets::{self, focus_ring};
use super::{Cx, icons};
use crate::app::command::Command;
use crate::app::history::{HistoryIcon, HistoryRow};
use crate::app::words::Text;

/// Draws the rows, old to new; a click jumps.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    let rows = cx.state.history_rows();
    if rows.is_empty() {
        let p = cx.palette;
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::hover());
        let words = cx.t(Text::HistoryEmpty);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
        widgets::line(ui, rect, words, tokens::body(), p.text_3);
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let present = rows.iter().position(|row| row.present).unwrap_or(rows.len());
    for (index, row) in rows.iter().enumerate() {
        if line(ui, cx, row, index > present) {
            cx.ask(Command::JumpHistory(index));
        }
    }
}

fn icon(icon: HistoryIcon) -> &'static str {
    match icon {
        HistoryIcon::Picture => icons::IMAGE,
        HistoryIcon::Brush => icons::PAINT_BRUSH,
        HistoryIcon::Eraser => icons::ERASER,
        HistoryIcon::Mask => icons::SELECTION_INVERSE,
        HistoryIcon::Keep => icons::CHECK,
        HistoryIcon::Discard => icons::TRASH,
        HistoryIcon::Setting => icons::SLIDERS,
    }
}

/// One step; whether it was clicked.
fn line(ui: &mut Ui, cx: &Cx<'_>, row: &HistoryRow, undone: bool) -> bool {
    let p = cx.palette;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::click());
    response
        .widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, row.present, &row.text));
    if row.present || response.hovered() {
        let fill = if row.present { p.active } else { p.hover };
        ui.painter().rect_filled(rect, radius::S, fill);
    }
    // What was undone is there still, but not in the picture.
    let colour = if undone { p.text_3 } else { p.text_1 };
    let at = pos2(rect.left() + space::L, rect.center().y);
    let font = tokens::icon(16.0);
    ui.painter().text(at, Align2::CENTER_CENTER, icon(row.icon), font, colour);
    let words = rect.with_min_x(rect.left() + 32.0).with_max_x(rect.right() - space::S);
    widgets::line(ui, words, &row.text, tokens::body(), colour);
    focus_ring(ui, &response, radius::S);
    if row.present && !ui.clip_rect().contains_rect(rect) {
        response.scroll_to_me(None);
    }
    response.clicked()
}
