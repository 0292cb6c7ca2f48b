//! The model picker: a popover from the model's row with a field to search, the models, and the way
//! to add a folder.

use egui::{
    Align2, Popup, PopupCloseBehavior, Rect, RectAlign, Response, ScrollArea, Sense, Ui,
    WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::settings_page::search_field;
use super::tokens::{self, radius, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::{self, focus_ring};
use super::{Cx, icons};
use crate::app::command::{Action, Command};
use crate::app::hub::HubCommand;
use crate::app::models::ModelRow;
use crate::app::palette::Finder;
use crate::app::words::Text;
use crate::engine::protocol::ModelSource;
use crate::models::lexicon;

/// Ways to more models.
const ADD: [(&str, Text, Action); 3] = [
    (icons::FOLDER, Text::AddFolder, Action::AddModel),
    (icons::FILE, Text::AddFile, Action::AddModelFile),
    (icons::DOWNLOAD_SIMPLE, Text::GetModel, Action::GetModel),
];

/// What the picker remembers while it is open.
#[derive(Default)]
pub struct Picker {
    query: String,
    finder: Finder,
    open: bool,
    /// Whether the field is still to get the focus: it cannot while the popover is being measured.
    focus: bool,
}

impl Picker {
    /// The popover of the model's row.
    pub fn show(&mut self, cx: &mut Cx<'_>, anchor: &Response) {
        let (width, most) = size::PICKER;
        let popup = Popup::menu(anchor)
            .width(width)
            .align(RectAlign::LEFT_START)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let shown = popup.show(|ui| {
            ui.set_width(width);
            if !self.open {
                self.query.clear();
                self.focus = true;
                cx.ask(Command::LookForModels);
            }
            ui.spacing_mut().item_spacing.y = space::XXS;
            let (field, _) = ui.allocate_exact_size(vec2(width, 32.0), Sense::hover());
            let inner = field.shrink2(vec2(space::XS, 2.0));
            search_field(ui, cx, "model search", Text::ModelSearch, inner, &mut self.query);
            let id = egui::Id::unique("model search");
            if self.focus && ui.memory(|memory| memory.has_focus(id)) {
                self.focus = false;
            } else if self.focus {
                ui.memory_mut(|memory| memory.request_focus(id));
                ui.ctx().request_repaint();
            }
            let room = ui.ctx().content_rect().height() - 160.0;
            let rows = cx.state.model_rows();
            let names = rows.iter().map(|row| [Some(row.name.as_str()), Some(row.family.as_str())]);
            let found = self.finder.find(&self.query, names);
            let area = ScrollArea::vertical().id_salt("models").max_height(most.min(room) - 80.0);
            area.show(ui, |ui| {
                for row in found.iter().filter_map(|index| rows.get(*index)) {
                    if line(ui, cx, row) {
                        ui.close();
                    }
                    if row.source == ModelSource::BuiltIn {
                        told(ui, cx, &limits(cx));
                    }
                }
                if found.is_empty() {
                    let words = cx.lang().fill(Text::ModelNone, &[&self.query]);
                    ui.label(egui::RichText::new(words).color(cx.palette.text_3));
                    if button::word(ui, None, cx.t(Text::ModelsShowAll), true, true).clicked() {
                        self.query.clear();
                    }
                }
            });
            ui.separator();
            let taken = cx.state.model.resident.iter().map(|(_, bytes)| bytes).sum::<u64>();
            if taken > 0 {
                let words = cx.lang().fill(Text::InMemory, &[&cx.lang().bytes(taken)]);
                let words = egui::RichText::new(words).font(tokens::caption());
                ui.horizontal(|ui| {
                    ui.add_space(space::M);
                    ui.label(words.color(cx.palette.text_2));
                });
            }
            // A list that is only looked through again does not jump.
            let library = &cx.state.library;
            if library.looking && !library.looked && library.outcome.found.is_empty() {
                let words = egui::RichText::new(cx.t(Text::ModelsLooking)).font(tokens::caption());
                ui.horizontal(|ui| {
                    ui.add_space(space::M);
                    ui.label(words.color(cx.palette.text_3));
                });
            }
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                for (icon, text, action) in ADD {
                    if button::word(ui, Some(icon), cx.t(text), true, false).clicked() {
                        cx.act(action);
                        ui.close();
                    }
                }
            });
        });
        self.open = shown.is_some();
    }
}

/// What the built-in model is good for.
pub(super) fn limits(cx: &Cx<'_>) -> String {
    cx.lang().fill(Text::ModelLimits, &[&lexicon::object_count().to_string()])
}

/// A sentence under a model's row, over as many lines as it needs.
fn told(ui: &mut Ui, cx: &Cx<'_>, words: &str) {
    let words = egui::RichText::new(words).font(tokens::caption()).color(cx.palette.text_2);
    let margin = egui::Margin { left: space::M as i8, right: space::M as i8, top: 4, bottom: 4 };
    egui::Frame::NONE.inner_margin(margin).show(ui, |ui| {
        // A menu's own layout would spread the words over the whole width.
        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
            ui.add(egui::Label::new(words).wrap());
        });
    });
}

/// One model; whether it was chosen.
fn line(ui: &mut Ui, cx: &mut Cx<'_>, row: &ModelRow) -> bool {
    let p = cx.palette;
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::PICKER_ROW), Sense::click());
    let state = match (&row.trouble, row.loading, row.in_memory) {
        (Some(trouble), ..) => trouble.clone(),
        (None, Some(done), _) => {
            cx.lang().fill(Text::PhaseModel, &[&format!("{:.0}", done * 100.0)])
        }
        (None, None, true) => cx.t(Text::ModelReady).to_owned(),
        _ => String::new(),
    };
    let spoken = [row.name.as_str(), &row.family, &state].join(", ");
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListBoxOption, true, row.in_use, spoken.trim_end_matches(", "))
    });
    if response.hovered() || response.has_focus() || row.in_use {
        let fill = if row.in_use { p.active } else { p.hover };
        ui.painter().rect_filled(rect, radius::S, fill);
    }
    let left = rect.left() + space::M;
    let mut right = rect.right() - space::M;
    if let ModelSource::Path(path) = &row.source
        && row.added
        && !row.in_use
        && row.loading.is_none()
    {
        let place = Rect::from_center_size(pos2(right - 10.0, rect.center().y), vec2(28.0, 28.0));
        let mut child = ui.new_child(egui::UiBuilder::new().id_salt(path).max_rect(place));
        let forget = IconButton::new(icons::X, cx.t(Text::ModelForget)).side(size::CONTROL);
        if forget.show(&mut child).clicked() {
            cx.ask(Command::ForgetModel(path.clone()));
        }
        right = place.left() - space::XS;
    }
    if row.bytes > 0 {
        let at = pos2(right, rect.top() + 15.0);
        let words = cx.lang().bytes(row.bytes);
        let taken = ui.painter().text(at, Align2::RIGHT_CENTER, words, tokens::caption(), p.text_3);
        right = taken.left() - space::S;
    }
    if let Some(known) = row.licence {
        let place = Rect::from_center_size(pos2(right - 10.0, rect.top() + 15.0), vec2(20.0, 20.0));
        let mut child = ui.new_child(egui::UiBuilder::new().id_salt(known.repo).max_rect(place));
        let name = cx.lang().fill(Text::ModelLicence, &[known.licence]);
        let lock = IconButton::new(icons::LOCK_SIMPLE, &name).side(20.0);
        if lock.show(&mut child).clicked() {
            cx.ask(Command::Hub(HubCommand::ReadLicence(known.repo.to_owned())));
        }
        right = place.left() - space::XS;
    }
    let upper =
        Rect::from_min_max(pos2(left, rect.top() + 5.0), pos2(right, rect.center().y + 1.0));
    widgets::line(ui, upper, &row.name, tokens::heading(), p.text_1);
    let lower =
        Rect::from_min_max(pos2(left, rect.center().y + 1.0), pos2(right, rect.bottom() - 5.0));
    let colour = if row.trouble.is_some() { p.error } else { p.text_2 };
    let words: Vec<&str> =
        [row.family.as_str(), &state].into_iter().filter(|part| !part.is_empty()).collect();
    let mut words_at = lower;
    if row.trouble.is_some() {
        let at = lower.with_max_x(left + 14.0);
        widgets::icon_in(ui.painter(), at, icons::WARNING_CIRCLE, 14.0, p.error);
        words_at.min.x += 18.0;
    } else if row.in_memory {
        ui.painter().circle_filled(pos2(left + 3.0, lower.center().y), 3.0, p.ok);
        words_at.min.x += 12.0;
    }
    widgets::line(ui, words_at, &words.join(" · "), tokens::caption(), colour);
    focus_ring(ui, &response, radius::S);
    let response = match &row.trouble {
        Some(trouble) => response.on_hover_text(trouble),
        None => response,
    };
    if response.clicked() {
        cx.ask(Command::UseModel(row.source.clone()));
        return true;
    }
    false
}
