//! The command palette: one field that finds every command, setting, model and recent prompt.
//!
//! Drawn last, over everything. What is found comes from [`crate::app::palette`].

use egui::{
    Align2, Area, Id, Key, Modifiers, Order, Rect, ScrollArea, Sense, Stroke, TextEdit, Ui,
    UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::tokens::{self, radius, size, space};
use super::widgets;
use super::{Cx, icons};
use crate::app::command::Command;
use crate::app::palette::{Finder, Item, items};
use crate::app::state::Over;
use crate::app::words::Text;

/// Lines seen at once.
const LINES: f32 = 11.0;

/// What the palette remembers while it is open.
#[derive(Default)]
pub struct Palette {
    open: bool,
    query: String,
    /// The chosen line, from the top.
    at: usize,
    /// Whether a key moved the choice, so that it has to be brought into sight.
    moved: bool,
    /// How far the list is scrolled.
    scrolled: f32,
    finder: Finder,
    /// What had the focus before, which gets it back.
    before: Option<Id>,
}

/// The layer that the palette lies on.
pub(super) fn area_id() -> Id {
    Id::unique("palette")
}

fn field_id() -> Id {
    Id::unique("palette field")
}

impl Palette {
    /// Draws it, if it is open.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>) {
        if cx.state.over != Some(Over::Palette) {
            if std::mem::take(&mut self.open) {
                self.give_back(ui);
            }
            return;
        }
        if !self.open {
            self.open = true;
            self.query.clear();
            self.at = 0;
            self.before = ui.memory(egui::Memory::focused);
            ui.memory_mut(|memory| memory.request_focus(field_id()));
        }
        let items = items(cx.state, &self.query);
        let names = items.iter().map(|item| [Some(item.label.as_str()), item.english.as_deref()]);
        let found = self.finder.find(&self.query, names);
        let chosen = self.keys(ui, found.len());

        let window = ui.ctx().content_rect();
        let width = size::PALETTE.min(window.width() - 2.0 * space::L);
        let top = if window.height() < 520.0 { space::L } else { size::PALETTE_TOP };
        let room = (window.height() - top - space::L - size::PALETTE_FIELD).max(size::PALETTE_ROW);
        let lines = (found.len().max(1) as f32).min(LINES);
        let list = (lines * size::PALETTE_ROW + 2.0 * space::XS).min(room);
        let corner = pos2((window.center().x - width / 2.0).round(), window.top() + top);
        let rect = Rect::from_min_size(corner, vec2(width, size::PALETTE_FIELD + list));
        let area = Area::new(area_id()).order(Order::Foreground).fixed_pos(rect.min);
        area.constrain(false).show(ui.ctx(), |ui| {
            ui.set_min_size(rect.size());
            let p = cx.palette;
            widgets::card(ui.painter(), p, rect);
            ui.interact(rect, ui.scope_id().with("ground"), Sense::CLICK);
            self.field(ui, cx, rect.with_max_y(rect.top() + size::PALETTE_FIELD));
            let below = rect.with_min_y(rect.top() + size::PALETTE_FIELD);
            ui.painter().hline(below.x_range(), below.top(), Stroke::new(1.0, p.line));
            self.list(ui, cx, below, &items, &found, chosen);
        });
        let outside = ui.input(|i| {
            let at = i.pointer.interact_pos();
            i.pointer.any_pressed() && at.is_some_and(|at| !rect.contains(at))
        });
        if outside {
            cx.ask(Command::Over(None));
        }
    }

    /// Arrows move the choice; whether Enter takes it.
    fn keys(&mut self, ui: &Ui, count: usize) -> bool {
        let (down, up, page_down, page_up, enter) = ui.input_mut(|input| {
            let mut take = |key| input.count_and_consume_key(Modifiers::NONE, key);
            (
                take(Key::ArrowDown),
                take(Key::ArrowUp),
                take(Key::PageDown),
                take(Key::PageUp),
                take(Key::Enter),
            )
        });
        let last = count.saturating_sub(1);
        let on = self.at + down + page_down * LINES as usize;
        self.at = on.saturating_sub(up + page_up * LINES as usize).min(last);
        if down == 1 && on > last && up == 0 {
            self.at = 0;
        }
        self.moved |= down + up + page_down + page_up > 0;
        enter > 0
    }

    fn field(&mut self, ui: &mut Ui, cx: &Cx<'_>, rect: Rect) {
        let p = cx.palette;
        let icon = Rect::from_min_size(rect.min, vec2(rect.height(), rect.height()));
        widgets::icon_in(ui.painter(), icon, icons::MAGNIFYING_GLASS, size::ICON, p.text_2);
        let inner = rect.with_min_x(icon.right()).with_max_x(rect.right() - space::M);
        let before = self.query.clone();
        let edit = TextEdit::singleline(&mut self.query)
            .id(field_id())
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .align(Align2::LEFT_CENTER)
            .font(tokens::prompt())
            .text_color(p.text_1)
            .char_limit(200)
            .hint_text(egui::RichText::new(cx.t(Text::PaletteHint)).color(p.text_3))
            .desired_width(inner.width());
        let response = ui.put(inner, edit);
        let (name, said) = (cx.t(Text::Palette), self.query.clone());
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &said, &said, cx.t(Text::PaletteHint));
            info.label = Some(name.to_owned());
            info
        });
        if self.query != before {
            self.at = 0;
            self.moved = true;
            ui.ctx().request_repaint();
        }
        // The field is all that the keyboard is for here.
        if !response.has_focus() {
            ui.memory_mut(|memory| memory.request_focus(field_id()));
        }
    }

    fn list(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        rect: Rect,
        items: &[Item],
        found: &[usize],
        chosen: bool,
    ) {
        let p = cx.palette;
        let inner = rect.shrink(space::XS);
        if found.is_empty() {
            let words = cx.lang().fill(Text::PaletteNothing, &[&self.query]);
            let line = inner.shrink2(vec2(space::M, 0.0));
            widgets::line(ui, line, &words, tokens::body(), p.text_3);
            return;
        }
        let mut child = ui.new_child(UiBuilder::new().id_salt("list").max_rect(inner));
        child.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().id_salt("found").auto_shrink(false);
        if std::mem::take(&mut self.moved) {
            // The list draws only what is seen, so a choice out of sight cannot call for itself.
            let top = self.at as f32 * size::PALETTE_ROW;
            let least = (top + size::PALETTE_ROW - inner.height()).max(0.0);
            area = area.vertical_scroll_offset(self.scrolled.clamp(least, top.max(least)));
        }
        let shown = area.show_rows(&mut child, size::PALETTE_ROW, found.len(), |ui, range| {
            for line in range {
                let Some(item) = found.get(line).and_then(|index| items.get(*index)) else {
                    continue;
                };
                let here = line == self.at;
                let response = row(ui, cx, item, here);
                if response.hovered() && ui.input(|i| i.pointer.delta() != egui::Vec2::ZERO) {
                    self.at = line;
                }
                if item.obstacle.is_none() && (response.clicked() || here && chosen) {
                    self.give_back(ui);
                    self.open = false;
                    cx.ask(Command::Over(None));
                    cx.ask(item.command.clone());
                }
            }
        });
        self.scrolled = shown.state.clamped_offset().y;
    }

    fn give_back(&mut self, ui: &Ui) {
        ui.memory_mut(|memory| match self.before.take() {
            Some(id) => memory.request_focus(id),
            None => memory.surrender_focus(field_id()),
        });
    }
}

/// One line: check, words, kind, key.
fn row(ui: &mut Ui, cx: &Cx<'_>, item: &Item, here: bool) -> egui::Response {
    let p = cx.palette;
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::PALETTE_ROW), Sense::click());
    let spoken = match &item.keys {
        Some(keys) => format!("{}, {keys}", item.label),
        None => item.label.clone(),
    };
    let enabled = item.obstacle.is_none();
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, enabled, here, &spoken));
    if here {
        ui.painter().rect_filled(rect, radius::S, p.hover);
    }
    let colour = if enabled { p.text_1 } else { tokens::faded(p.text_3, 0.6) };
    let mut right = rect.right() - space::M;
    let painter = ui.painter();
    if let Some(keys) = &item.keys {
        let at = pos2(right, rect.center().y);
        let taken = painter.text(at, Align2::RIGHT_CENTER, keys, tokens::caption(), p.text_2);
        right = taken.left() - space::M;
    }
    let kind = cx.t(item.kind.word());
    let kind_at = pos2(right, rect.center().y);
    if item.kind != crate::app::palette::Kind::Command {
        let taken = painter.text(kind_at, Align2::RIGHT_CENTER, kind, tokens::caption(), p.text_3);
        right = taken.left() - space::M;
    }
    if item.checked {
        let at = Rect::from_min_size(rect.min, vec2(28.0, rect.height()));
        widgets::icon_in(painter, at, icons::CHECK, 14.0, p.accent_text);
    }
    let words = rect.with_min_x(rect.left() + 28.0).with_max_x(right);
    widgets::line(ui, words, &item.label, tokens::body(), colour);
    match &item.obstacle {
        Some(why) => response.on_hover_text(why),
        None => response,
    }
}
