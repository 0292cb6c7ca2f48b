//! Notices: cards above the strip's left end, three at most, the newest lowest.

use egui::accesskit::Live;
use egui::{Align2, Area, Frame, Id, Order, Rect, Stroke, Ui, pos2, vec2};

use super::tokens::{self, Palette, radius, size, space};
use super::widgets::button::{self, IconButton};
use super::{Cx, icons};
use crate::app::command::Command;
use crate::app::notices::{Kind, Label, Notice, Offer};
use crate::app::words::Text;

/// Cards at once; the rest are counted.
const MOST: usize = 3;
/// Width of the result bar with all its words, in points.
const WIDEST_BAR: f32 = 600.0;

/// The cards' layer.
#[must_use]
pub(super) fn area_id() -> Id {
    Id::unique("notices")
}

/// Draws the cards over the canvas.
pub fn show(ui: &Ui, cx: &mut Cx<'_>, canvas: Rect) {
    let list = &cx.state.notices.list;
    if list.is_empty() {
        return;
    }
    let hidden = list.len().saturating_sub(MOST);
    // Beside the result bar where there is room, else above its place, whether it is there or not:
    // a card that is being read does not move.
    let beside = canvas.center().x - canvas.left() - space::M - size::NOTICE;
    let lift =
        if beside < WIDEST_BAR / 2.0 { size::RESULT_BAR_GAP + size::RESULT_BAR } else { 0.0 };
    let at = pos2(canvas.left() + space::M, canvas.bottom() - space::M - lift);
    Area::new(area_id()).order(Order::Foreground).pivot(Align2::LEFT_BOTTOM).fixed_pos(at).show(
        ui.ctx(),
        |ui| {
            ui.spacing_mut().item_spacing.y = space::S;
            if hidden > 0 {
                let more = cx.lang().fill(Text::MoreNotices, &[&hidden.to_string()]);
                let p = cx.palette;
                let words = egui::RichText::new(more).font(tokens::caption()).color(p.text_2);
                // On a ground of its own, because the picture under it can have any colour.
                let ground = Frame::new().fill(p.raised).stroke(Stroke::new(1.0, p.line));
                let margin = egui::Margin::symmetric(space::S as i8, space::XXS as i8);
                ground.corner_radius(radius::M).inner_margin(margin).show(ui, |ui| ui.label(words));
            }
            for notice in &list[hidden..] {
                card(ui, cx, notice);
            }
        },
    );
}

/// The icon of a message and its colour.
#[must_use]
pub(super) fn look(p: &Palette, kind: Kind) -> (&'static str, egui::Color32) {
    match kind {
        Kind::Info => (icons::INFO, p.info),
        Kind::Warning => (icons::WARNING, p.warn),
        Kind::Error => (icons::WARNING_CIRCLE, p.error),
    }
}

fn card(ui: &mut Ui, cx: &mut Cx<'_>, notice: &Notice) {
    let p = cx.palette;
    let (icon, colour) = look(p, notice.kind);
    let frame = Frame::new()
        .fill(p.raised)
        .stroke(Stroke::new(1.0, p.line))
        .corner_radius(radius::L)
        .shadow(tokens::shadow(p))
        .inner_margin(egui::Margin { left: 12, right: 4, top: 4, bottom: 4 });
    let shown = frame.show(ui, |ui| {
        ui.set_width(size::NOTICE - 18.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            let (place, _) = ui.allocate_exact_size(vec2(size::ICON, 36.0), egui::Sense::hover());
            super::widgets::icon_in(ui.painter(), place, icon, size::ICON, colour);
            let width = |offer: &Offer| {
                let word = label(cx, offer).to_owned();
                let galley = ui.painter().layout_no_wrap(word, tokens::heading(), p.text_1);
                galley.size().x + 3.0 * space::S
            };
            let action_width = notice.offers.iter().map(width).sum::<f32>();
            let whole = ui.available_width() - size::ICON_BUTTON - space::S;
            let beside = words(ui, notice, p, whole - action_width);
            // Rather than be cut, the words take the whole width, and the action stands below.
            let below = !notice.offers.is_empty() && beside.elided;
            let galley = if below { words(ui, notice, p, whole) } else { beside };
            let wide = if below { whole } else { whole - action_width };
            let height = galley.size().y.max(36.0);
            ui.vertical(|ui| {
                let (rect, label) =
                    ui.allocate_exact_size(vec2(wide, height), egui::Sense::hover());
                label.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Status, true, &notice.text)
                });
                let top = pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
                ui.ctx().accesskit_node_builder(label.id, |node| node.set_live(Live::Polite));
                if galley.elided {
                    label.on_hover_text(&notice.text);
                }
                ui.painter().galley(top, galley, p.text_1);
                if below {
                    act(ui, cx, notice, -space::S);
                }
            });
            if !below {
                act(ui, cx, notice, 0.0);
            }
            if IconButton::new(icons::X, cx.t(Text::Dismiss)).show(ui).clicked() {
                cx.ask(Command::Dismiss(notice.id));
            }
        });
    });
    let leaves_soon = notice.until.is_some_and(|until| until - cx.state.now < 1.0);
    let focused = ui.memory(egui::Memory::focused).and_then(|id| ui.ctx().read_response(id));
    let inside = focused.is_some_and(|focused| shown.response.rect.contains_rect(focused.rect));
    if leaves_soon && (shown.response.contains_pointer() || inside) {
        cx.ask(Command::HoldNotice(notice.id));
    }
}

fn words(ui: &Ui, notice: &Notice, p: &Palette, width: f32) -> std::sync::Arc<egui::Galley> {
    let format = egui::TextFormat {
        font_id: tokens::body(),
        color: p.text_1,
        line_height: Some(tokens::text::BODY.1),
        ..Default::default()
    };
    let mut job = egui::text::LayoutJob::single_section(notice.text.clone(), format);
    job.wrap.max_width = width;
    job.wrap.max_rows = 2;
    ui.painter().layout_job(job)
}

/// What can be done about it; `shift` brings the words in line with the text above.
fn act(ui: &mut Ui, cx: &mut Cx<'_>, notice: &Notice, shift: f32) {
    ui.horizontal(|ui| {
        ui.add_space(shift);
        for offer in &notice.offers {
            if button::word(ui, None, label(cx, offer), true, true).clicked() {
                cx.ask(offer.command.clone());
                cx.ask(Command::Dismiss(notice.id));
            }
        }
    });
}

fn label<'a>(cx: &Cx<'_>, offer: &'a Offer) -> &'a str {
    match &offer.label {
        Label::Word(text) => cx.t(*text),
        Label::Said(words) => words,
    }
}
