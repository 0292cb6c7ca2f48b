//! The page that gets models from the hub: a name to look at, the well-known ones, what is on offer
//! with its licence, and the downloads.

use egui::{
    Frame, Id, Key, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::tokens::{self, radius, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::entry::Entry;
use super::{Cx, icons, page, widgets};
use crate::app::command::Command;
use crate::app::hub::known::{KNOWN, Known};
use crate::app::hub::{Download, HubCommand, Look, Pending, Stage};
use crate::app::state::Over;
use crate::app::trouble;
use crate::app::words::Text;
use crate::engine::protocol::ModelSource;
use crate::files::hub::Offer;

/// Height of a row of the list.
const ROW: f32 = 44.0;
/// Height of a download's bar.
const BAR: f32 = 4.0;

/// What the page remembers while it is open.
#[derive(Default)]
pub struct HubPage {
    name: String,
    was_open: bool,
}

/// The layer that the page lies on.
pub(super) fn area_id() -> Id {
    Id::unique("hub page")
}

fn ask(cx: &mut Cx<'_>, command: HubCommand) {
    cx.ask(Command::Hub(command));
}

impl HubPage {
    /// Draws the page over `rect`, if it is open.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>, rect: Rect) {
        let open = cx.state.over == Some(Over::Hub);
        let opened = open && !self.was_open;
        self.was_open = open;
        page::slide(ui, cx, rect, (area_id(), open), |ui, cx, place| {
            page::head(ui, cx, place, Text::HubTitle);
            page::body(ui, place, |ui| {
                ui.add_space(space::M);
                self.field(ui, cx, opened);
                look(ui, cx);
                if !cx.state.hub.downloads.is_empty() {
                    page::heading(ui, cx, Text::HubDownloads);
                    for one in &cx.state.hub.downloads {
                        download(ui, cx, one);
                    }
                }
                page::heading(ui, cx, Text::HubKnown);
                for known in KNOWN {
                    row(ui, cx, known);
                }
            });
        });
    }

    fn field(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, focus: bool) {
        let name = cx.t(Text::HubName);
        let id = Id::unique("hub name");
        let (rect, _) =
            ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::hover());
        // From the right, so that the field takes what the button leaves.
        let from_right = egui::Layout::right_to_left(egui::Align::Center);
        let row = egui::UiBuilder::new().id_salt("hub field").max_rect(rect).layout(from_right);
        ui.scope_builder(row, |ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            let some = !self.name.trim().is_empty();
            let pressed =
                button::chip(ui, Some(icons::MAGNIFYING_GLASS), cx.t(Text::HubLook), some);
            let rect = rect.with_max_x(pressed.rect.left() - space::S);
            let entry = Entry { id, name, hint: name, secret: false, wrong: false };
            let response = entry.show(ui, rect, &mut self.name);
            let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            if focus {
                response.request_focus();
            }
            if some && (entered || pressed.clicked()) {
                ask(cx, HubCommand::Look(Pending::of(&self.name)));
            }
        });
    }
}

/// What was found of the repository that is looked at.
fn look(ui: &mut Ui, cx: &mut Cx<'_>) {
    let look = &cx.state.hub.look;
    if matches!(look, Look::Nothing) {
        return;
    }
    let p = cx.palette;
    let frame = Frame::new()
        .fill(p.raised)
        .stroke(Stroke::new(1.0, p.line))
        .corner_radius(radius::L)
        .inner_margin(space::M as i8);
    ui.add_space(space::S);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = space::XS;
        match look {
            Look::Nothing => {}
            Look::Asking(wanted) => {
                let words = cx.lang().fill(Text::HubAsking, &[wanted.name()]);
                ui.label(RichText::new(words).color(p.text_2));
            }
            Look::Offered(wanted, found) => offer(ui, cx, wanted, found),
            Look::Files(wanted, files) => {
                title(ui, cx, &wanted.repo);
                ui.label(RichText::new(cx.t(Text::HubFiles)).color(p.text_2));
                for file in files {
                    if button::word(ui, Some(icons::FILE), file, true, true).clicked() {
                        let wanted = Pending { file: Some(file.clone()), ..wanted.clone() };
                        ask(cx, HubCommand::Look(wanted));
                    }
                }
                back(ui, cx);
            }
            Look::Failed(wanted, message) => {
                title(ui, cx, &wanted.repo);
                failure(ui, cx, message);
                ui.horizontal(|ui| {
                    ui.add_space(-space::S);
                    if button::word(ui, None, cx.t(Text::HubAgain), true, true).clicked() {
                        ask(cx, HubCommand::Look(wanted.clone()));
                    }
                    back(ui, cx);
                });
            }
        }
    });
}

fn title(ui: &mut Ui, cx: &Cx<'_>, words: &str) {
    ui.label(RichText::new(words).font(tokens::heading()).color(cx.palette.text_1));
}

fn failure(ui: &mut Ui, cx: &Cx<'_>, message: &str) {
    let said = trouble::said(cx.lang(), message).into_owned();
    let words = RichText::new(&said).color(cx.palette.error);
    ui.horizontal_top(|ui| {
        let (at, _) = ui.allocate_exact_size(vec2(16.0, 20.0), Sense::hover());
        widgets::icon_in(ui.painter(), at, icons::WARNING_CIRCLE, 16.0, cx.palette.error);
        ui.add(egui::Label::new(words).wrap());
    });
}

fn back(ui: &mut Ui, cx: &mut Cx<'_>) {
    if button::word(ui, None, cx.t(Text::HubBack), true, false).clicked() {
        ask(cx, HubCommand::Leave);
    }
}

/// What can be had, and under which licence.
fn offer(ui: &mut Ui, cx: &mut Cx<'_>, wanted: &Pending, offer: &Offer) {
    let p = cx.palette;
    let lang = cx.lang();
    title(ui, cx, wanted.name());
    let missing = offer.size().saturating_sub(offer.present);
    let sizes = [offer.files.len().to_string(), lang.bytes(offer.size()), lang.bytes(missing)];
    let words = lang.fill(Text::HubOffer, &sizes.each_ref().map(String::as_str));
    ui.label(RichText::new(words).color(p.text_2));
    let named = crate::app::hub::known::of(&offer.repo).map(|known| known.licence);
    let own = offer.licence.as_deref();
    let licence = match (named, own) {
        // The hub's own word is the newer one; "other" says nothing.
        (Some(named), None | Some("other")) => named.to_owned(),
        (Some(named), Some(own)) => format!("{named} ({own})"),
        (None, Some(own)) => own.to_owned(),
        (None, None) => cx.t(Text::HubNoLicence).to_owned(),
    };
    ui.horizontal(|ui| {
        let (at, _) = ui.allocate_exact_size(vec2(16.0, 20.0), Sense::hover());
        widgets::icon_in(ui.painter(), at, icons::LOCK_SIMPLE, 16.0, p.text_2);
        let words = lang.fill(Text::HubLicence, &[&licence]);
        ui.label(RichText::new(words).color(p.text_1));
        if button::word(ui, None, cx.t(Text::HubRead), true, true).clicked() {
            ask(cx, HubCommand::Browse(offer.repo.clone()));
        }
    });
    if offer.gated {
        ui.label(RichText::new(cx.t(Text::HubGated)).color(p.warn));
    }
    ui.horizontal(|ui| {
        let word = cx.t(Text::HubAccept);
        if button::chip(ui, Some(icons::DOWNLOAD_SIMPLE), word, true).clicked() {
            ask(cx, HubCommand::Accept);
        }
        back(ui, cx);
    });
}

/// What a download is doing, in a line.
fn doing(cx: &Cx<'_>, one: &Download) -> String {
    let lang = cx.lang();
    let (here, of) = one.bytes;
    let figures = lang.fill(Text::HubProgress, &[&lang.bytes(here), &lang.bytes(of)]);
    match &one.stage {
        Stage::Queued => cx.t(Text::HubQueued).to_owned(),
        Stage::Looking => cx.t(Text::HubLooking).to_owned(),
        Stage::Running => match (one.speed, one.secs_left()) {
            (Some(speed), Some(left)) => {
                let values = [figures, lang.bytes(speed as u64), lang.duration(left)];
                lang.fill(Text::HubSpeed, &values.each_ref().map(String::as_str))
            }
            _ => figures,
        },
        Stage::Retrying(secs) => lang.fill(Text::HubRetrying, &[&lang.duration(*secs)]),
        Stage::Shared => cx.t(Text::HubShared).to_owned(),
        Stage::Pausing => cx.t(Text::HubPausing).to_owned(),
        Stage::Paused if one.offer.is_none() => cx.t(Text::HubInterrupted).to_owned(),
        Stage::Paused => lang.fill(Text::HubPaused, &[&figures]),
        Stage::Discarding | Stage::Removing => cx.t(Text::HubDiscarding).to_owned(),
        Stage::Failed(_) => figures,
        Stage::Done(_) => lang.bytes(of),
    }
}

fn download(ui: &mut Ui, cx: &mut Cx<'_>, one: &Download) {
    let p = cx.palette;
    let name = one.wanted.name();
    let words = doing(cx, one);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
    let said = format!("{name}, {words}");
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, &said));
    let upper = rect.with_max_y(rect.top() + size::ICON_BUTTON);
    let mut row = ui.new_child(
        egui::UiBuilder::new()
            .id_salt(("download", name))
            .max_rect(upper)
            .layout(egui::Layout::right_to_left(egui::Align::Center)),
    );
    row.spacing_mut().item_spacing.x = space::XS;
    buttons(&mut row, cx, one);
    let words_at = upper.with_max_x(row.min_rect().left() - space::S);
    widgets::line(ui, words_at, name, tokens::heading(), p.text_1);
    let bar = Rect::from_min_size(pos2(rect.left(), upper.bottom() + 2.0), vec2(rect.width(), BAR));
    ui.painter().rect_filled(bar, 2, p.active);
    let full = bar.with_max_x(bar.left() + bar.width() * one.share());
    let colour = match one.stage {
        Stage::Failed(_) => p.error,
        Stage::Done(_) => p.ok,
        Stage::Running => p.accent_text,
        _ => p.text_3,
    };
    ui.painter().rect_filled(full, 2, colour);
    let lower = Rect::from_min_max(pos2(rect.left(), bar.bottom() + 2.0), rect.max);
    widgets::line(ui, lower, &words, tokens::caption(), p.text_2);
    if let Stage::Failed(message) = &one.stage {
        failure(ui, cx, message);
    }
}

/// What can be done about a download, from the right.
fn buttons(ui: &mut Ui, cx: &mut Cx<'_>, one: &Download) {
    let wanted = || one.wanted.clone();
    let word = |ui: &mut Ui, cx: &mut Cx<'_>, text, strong, command: Command| {
        if button::word(ui, None, cx.t(text), true, strong).clicked() {
            cx.ask(command);
        }
    };
    let hub = Command::Hub;
    match &one.stage {
        Stage::Done(path) => {
            word(ui, cx, Text::HubClear, false, hub(HubCommand::Clear(wanted())));
            if one.wanted.paints() {
                let source = ModelSource::Path(path.clone());
                word(ui, cx, Text::HubUse, true, Command::UseModel(source));
            }
        }
        Stage::Discarding | Stage::Removing => {}
        Stage::Paused | Stage::Failed(_) => {
            word(ui, cx, Text::HubCancel, false, hub(HubCommand::Cancel(wanted())));
            word(ui, cx, Text::HubResume, true, hub(HubCommand::Resume(wanted())));
        }
        stage => {
            word(ui, cx, Text::HubCancel, false, hub(HubCommand::Cancel(wanted())));
            if *stage != Stage::Pausing {
                word(ui, cx, Text::HubPause, true, hub(HubCommand::Pause(wanted())));
            }
        }
    }
}

/// One of the well-known models.
fn row(ui: &mut Ui, cx: &mut Cx<'_>, known: &Known) {
    let p = cx.palette;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let library = &cx.state.library;
    let here = library.models().any(|found| found.repo.as_deref() == Some(known.repo));
    let place =
        Rect::from_center_size(pos2(rect.right() - 16.0, rect.center().y), vec2(32.0, 32.0));
    if here {
        let at = pos2(rect.right(), rect.center().y);
        let right = egui::Align2::RIGHT_CENTER;
        ui.painter().text(at, right, cx.t(Text::HubHere), tokens::caption(), p.ok);
    } else {
        let mut child = ui.new_child(egui::UiBuilder::new().id_salt(known.repo).max_rect(place));
        let name = cx.lang().fill(Text::HubGet, &[known.name]);
        if IconButton::new(icons::DOWNLOAD_SIMPLE, &name).show(&mut child).clicked() {
            ask(cx, HubCommand::Look(Pending::of(known.repo)));
        }
    }
    let texts = rect.with_max_x(place.left() - space::XXL);
    let upper = texts.with_max_y(rect.center().y).translate(vec2(0.0, 2.0));
    let lower = texts.with_min_y(rect.center().y);
    widgets::line(ui, upper, known.name, tokens::heading(), p.text_1);
    let size = cx.lang().bytes(known.megabytes * 1_000_000);
    let words = [known.family, &size, known.licence].join(" · ");
    widgets::line(ui, lower, &words, tokens::caption(), p.text_2);
}
