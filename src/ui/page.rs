//! A page that slides over the canvas and leaves the picture beneath as it was.
//!
//! Used by the settings page and by the page that gets models.

use egui::{
    Align2, Area, Id, Order, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::tokens::{self, motion, size, space};
use super::widgets::button::IconButton;
use super::{Cx, icons};
use crate::app::command::Command;
use crate::app::words::Text;

/// Draws a page over `rect` while it is open or still on its way.
pub(super) fn slide(
    ui: &Ui,
    cx: &mut Cx<'_>,
    rect: Rect,
    (id, open): (Id, bool),
    add: impl FnOnce(&mut Ui, &mut Cx<'_>, Rect),
) {
    let secs = if cx.state.motion() { motion::PANEL } else { 0.0 };
    let easing = egui::emath::easing::cubic_out;
    let shown = ui.ctx().animate_bool_with_time_and_easing(id, open, secs, easing);
    if shown <= 0.0 {
        return;
    }
    let place = rect.translate(vec2(0.0, -(1.0 - shown) * rect.height()));
    let area = Area::new(id).order(Order::Middle).fixed_pos(place.min);
    area.constrain(false).show(ui.ctx(), |ui| {
        ui.set_clip_rect(rect);
        ui.set_min_size(rect.size());
        ui.painter().rect_filled(place, 0, cx.palette.panel);
        ui.interact(place, ui.scope_id().with("ground"), Sense::CLICK);
        add(ui, cx, place);
    });
}

/// The column in the middle of a page.
pub(super) fn column(rect: Rect) -> Rect {
    let width = size::PAGE.min(rect.width() - 2.0 * space::L);
    let left = (rect.center().x - width / 2.0).round();
    Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()))
}

/// The page's title and the way out; returns the room between them.
pub(super) fn head(ui: &mut Ui, cx: &mut Cx<'_>, page: Rect, title: Text) -> Rect {
    let head = column(page).with_max_y(page.top() + 56.0);
    let p = cx.palette;
    ui.painter().hline(page.x_range(), head.bottom() - 0.5, Stroke::new(1.0, p.line));
    let at = pos2(head.left(), head.center().y);
    let font = tokens::title();
    let taken = ui.painter().text(at, Align2::LEFT_CENTER, cx.t(title), font, p.text_1);
    let close =
        Rect::from_center_size(pos2(head.right() - 16.0, head.center().y), vec2(32.0, 32.0));
    let mut corner = ui.new_child(UiBuilder::new().id_salt("close").max_rect(close));
    if IconButton::new(icons::X, cx.t(Text::Close)).show(&mut corner).clicked() {
        cx.ask(Command::Over(None));
    }
    let right = close.left() - space::S;
    let left = (taken.right() + space::XL).max(right - 280.0);
    Rect::from_min_max(pos2(left, at.y - 14.0), pos2(right, at.y + 14.0))
}

/// The rows under the head, scrolled. As wide as the page: the scroll bar stands at its edge, not in
/// the middle of nothing.
pub(super) fn body(ui: &mut Ui, page: Rect, add: impl FnOnce(&mut Ui)) {
    let body = page.with_min_y(page.top() + 56.0);
    let mut child = ui.new_child(UiBuilder::new().id_salt("body").max_rect(body));
    child.set_clip_rect(body.intersect(ui.clip_rect()));
    ScrollArea::vertical().id_salt("page").auto_shrink(false).show(&mut child, |ui| {
        let rows = ui.available_rect_before_wrap();
        let middle = column(page);
        let rows = rows.with_min_x(middle.left()).with_max_x(middle.right());
        let ui = &mut ui.new_child(UiBuilder::new().id_salt("rows").max_rect(rows));
        ui.spacing_mut().item_spacing.y = space::XS;
        add(ui);
        ui.add_space(space::XL);
    });
}

/// The name of a part.
pub(super) fn heading(ui: &mut Ui, cx: &Cx<'_>, name: Text) -> Rect {
    ui.add_space(space::M);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
    let words = cx.t(name);
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, words));
    let at = pos2(rect.left(), rect.center().y);
    ui.painter().text(at, Align2::LEFT_CENTER, words, tokens::heading(), cx.palette.text_1);
    rect
}
