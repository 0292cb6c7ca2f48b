//! The menu: every command of the table, grouped, with its keys. Also what helps.

use egui::{Popup, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::tokens::{self, radius, size, space};
use super::widgets::button::IconButton;
use super::{Cx, icons};
use crate::app::command::{Action, Group, ROWS};
use crate::app::words::Text;

const WIDTH: f32 = 300.0;
/// Room that stays free under an open menu.
const MARGIN: f32 = 72.0;
/// Room for the messages of before.
const MESSAGES: f32 = 240.0;

/// The ≡ button with its menu.
pub fn button(ui: &mut Ui, cx: &mut Cx<'_>) {
    let response = IconButton::new(icons::LIST, cx.t(Text::Menu)).show(ui);
    Popup::menu(&response).width(WIDTH).show(|ui| {
        let height = ui.ctx().content_rect().height() - MARGIN;
        let area = egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height);
        area.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for group in Group::ALL {
                heading(ui, cx, group.label());
                for row in ROWS.iter().filter(|row| row.group == Some(group)) {
                    item(ui, cx, row.action);
                }
            }
            ui.add_space(space::XS);
        });
    });
}

fn heading(ui: &mut Ui, cx: &Cx<'_>, text: Text) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let at = pos2(rect.left() + space::S, rect.bottom() - space::S);
    let painter = ui.painter();
    painter.text(at, egui::Align2::LEFT_CENTER, cx.t(text), tokens::caption(), cx.palette.text_3);
}

/// One command: check, label, keys.
pub fn item(ui: &mut Ui, cx: &mut Cx<'_>, action: Action) {
    let p = cx.palette;
    let obstacle = action.obstacle(cx.state);
    let enabled = obstacle.is_none();
    let checked = action.checked(cx.state);
    let label = cx.t(action.row().label);
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let width = ui.available_width().max(200.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::CONTROL), sense);
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, enabled, checked, label));
    if enabled && (response.hovered() || response.has_focus()) {
        ui.painter().rect_filled(rect, radius::S, p.hover);
    }
    let colour = if enabled { p.text_1 } else { tokens::faded(p.text_3, 0.6) };
    let painter = ui.painter();
    let middle = rect.center().y;
    if checked {
        let at = pos2(rect.left() + space::L, middle);
        painter.text(
            at,
            egui::Align2::CENTER_CENTER,
            icons::CHECK,
            tokens::icon(14.0),
            p.accent_text,
        );
    }
    let left = pos2(rect.left() + 28.0, middle);
    painter.text(left, egui::Align2::LEFT_CENTER, label, tokens::body(), colour);
    if let Some(keys) = action.keys_text(&cx.state.settings.keys) {
        let right = pos2(rect.right() - space::S, middle);
        let colour = if enabled { p.text_3 } else { colour };
        painter.text(right, egui::Align2::RIGHT_CENTER, keys, tokens::caption(), colour);
    }
    if response.clicked() {
        cx.act(action);
        ui.close();
    }
    if let Some(why) = obstacle {
        response.on_hover_text(why);
    }
}

/// What helps: the list of keys, and the messages of before.
pub fn help(ui: &mut Ui, cx: &mut Cx<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    for action in [Action::Palette, Action::KeysPage] {
        item(ui, cx, action);
    }
    heading(ui, cx, Text::Messages);
    let p = cx.palette;
    let log = &cx.state.notices.log;
    if log.is_empty() {
        ui.label(egui::RichText::new(cx.t(Text::MessagesNone)).color(p.text_3));
    }
    let area = egui::ScrollArea::vertical().max_height(MESSAGES);
    area.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        for (kind, text) in log.iter().rev() {
            let (icon, colour) = super::notice::look(p, *kind);
            ui.horizontal_top(|ui| {
                let (at, _) = ui.allocate_exact_size(vec2(28.0, 20.0), Sense::hover());
                super::widgets::icon_in(ui.painter(), at, icon, 16.0, colour);
                ui.add(egui::Label::new(egui::RichText::new(text).color(p.text_1)).wrap());
            });
        }
    });
    ui.add_space(space::XS);
}
