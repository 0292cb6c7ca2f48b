//! The part of the settings page that is about models: watched folders, the hub's address and token.

use std::path::Path;

use egui::{Id, Rect, RichText, Sense, Ui, WidgetInfo, accesskit::Role, vec2};

use super::settings_page::row_of;
use super::tokens::{self, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::entry::Entry;
use super::{Cx, icons, widgets};
use crate::app::command::{Action, Command};
use crate::app::hub::HubCommand;
use crate::app::state::Secret;
use crate::app::words::Text;

/// The words that find this part.
pub(super) const WORDS: [Text; 4] =
    [Text::PartModels, Text::WatchName, Text::HubEndpoint, Text::HubToken];

/// Draws its rows.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    folders(ui, cx);
    ui.add_space(space::S);
    endpoint(ui, cx);
    token(ui, cx);
}

fn folders(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (rect, mut child) = row_of(ui, cx, cx.t(Text::WatchName));
    let add = cx.t(Text::WatchAdd);
    child.add_space(-space::S);
    if button::word(&mut child, Some(icons::PLUS), add, true, false).clicked() {
        cx.act(Action::WatchFolder);
    }
    let label = rect.with_max_x(child.min_rect().left());
    let tip = ui.interact(label, ui.scope_id().with("watch tip"), Sense::hover());
    tip.on_hover_text(cx.t(Text::WatchTip));
    let watched = cx.state.settings.watched.clone();
    for folder in &watched {
        folder_row(ui, cx, folder);
    }
    let library = &cx.state.library;
    let words = if library.looking {
        cx.t(Text::ModelsLooking).to_owned()
    } else if watched.is_empty() {
        cx.t(Text::WatchNone).to_owned()
    } else if library.outcome.left_out > 0 {
        cx.lang().fill(Text::ModelsLeftOut, &[&library.outcome.left_out.to_string()])
    } else {
        return;
    };
    ui.label(RichText::new(words).font(tokens::caption()).color(cx.palette.text_3));
}

fn folder_row(ui: &mut Ui, cx: &mut Cx<'_>, folder: &Path) {
    let p = cx.palette;
    let shown = folder.display().to_string();
    let (rect, row) =
        ui.allocate_exact_size(vec2(ui.available_width(), size::ICON_BUTTON), Sense::hover());
    row.widget_info(|| WidgetInfo::labeled(Role::Label, true, &shown));
    let icon = rect.with_max_x(rect.left() + 24.0);
    widgets::icon_in(ui.painter(), icon, icons::FOLDER, 16.0, p.text_2);
    let place = Rect::from_min_max(rect.max - vec2(28.0, 30.0), rect.max - vec2(0.0, 2.0));
    let mut child = ui.new_child(egui::UiBuilder::new().id_salt(folder).max_rect(place));
    let name = cx.lang().fill(Text::WatchForget, &[&shown]);
    if IconButton::new(icons::X, &name).side(size::CONTROL).show(&mut child).clicked() {
        cx.ask(Command::Unwatch(folder.to_owned()));
    }
    let words = rect.with_min_x(icon.right() + space::XS).with_max_x(place.left() - space::S);
    match cx.state.library.unreadable(folder) {
        None => {
            widgets::line(ui, words, &shown, tokens::body(), p.text_1);
        }
        Some(reason) => {
            let reason = cx.lang().fill(Text::WatchUnreadable, &[reason]);
            let said = format!("{shown} · {reason}");
            widgets::line(ui, words, &said, tokens::body(), p.error);
        }
    }
}

/// What is typed in a field that acts when it is left.
fn typed(ui: &Ui, id: Id) -> Option<String> {
    ui.data(|data| data.get_temp(id.with("typed")))
}

fn endpoint(ui: &mut Ui, cx: &mut Cx<'_>) {
    let name = cx.t(Text::HubEndpoint);
    let (_, mut child) = row_of(ui, cx, name);
    let id = Id::unique("hub endpoint");
    let own = cx.state.settings.hub.endpoint.clone().unwrap_or_default();
    let mut text = typed(ui, id).unwrap_or_else(|| own.clone());
    let good = |text: &str| {
        let text = text.trim();
        text.is_empty() || text.starts_with("https://") || text.starts_with("http://")
    };
    let wrong = !good(&text);
    let usual = cx.state.hub.usual_endpoint.clone();
    let (rect, _) =
        child.allocate_exact_size(vec2(child.available_width(), size::CONTROL), Sense::hover());
    let entry = Entry { id, name, hint: &usual, secret: false, wrong };
    let response = entry.show(&mut child, rect, &mut text);
    let tip = cx.lang().fill(Text::HubEndpointTip, &[&usual]);
    let response = response.on_hover_text(tip);
    if response.changed() {
        ui.data_mut(|data| data.insert_temp(id.with("typed"), text.clone()));
    }
    if response.lost_focus() && !wrong {
        ui.data_mut(|data| data.remove::<String>(id.with("typed")));
        if text.trim() != own {
            cx.ask(Command::Hub(HubCommand::Endpoint(text)));
        }
    }
    if wrong {
        let words = RichText::new(cx.t(Text::HubEndpointError)).font(tokens::caption());
        ui.label(words.color(cx.palette.error));
    }
}

fn token(ui: &mut Ui, cx: &mut Cx<'_>) {
    let name = cx.t(Text::HubToken);
    let (_, mut child) = row_of(ui, cx, name);
    let id = Id::unique("hub token");
    let kept = cx.state.hub.token.clone();
    let mut text = typed(ui, id).unwrap_or_default();
    let room = if kept.is_some() { size::CONTROL + space::S } else { 0.0 };
    let wide = child.available_width() - room;
    let (rect, _) = child.allocate_exact_size(vec2(wide, size::CONTROL), Sense::hover());
    let hint = kept.as_deref().unwrap_or(cx.t(Text::HubTokenNone));
    let entry = Entry { id, name, hint, secret: true, wrong: false };
    let response = entry.show(&mut child, rect, &mut text);
    let response = response.on_hover_text(cx.t(Text::HubTokenTip));
    if response.changed() {
        ui.data_mut(|data| data.insert_temp(id.with("typed"), text.clone()));
    }
    if response.lost_focus() {
        ui.data_mut(|data| data.remove::<String>(id.with("typed")));
        if !text.trim().is_empty() {
            cx.ask(Command::Hub(HubCommand::Token(Secret(text))));
        }
    }
    if kept.is_some() {
        let remove = IconButton::new(icons::X, cx.t(Text::HubTokenRemove)).side(size::CONTROL);
        if remove.show(&mut child).clicked() {
            cx.ask(Command::Hub(HubCommand::Token(Secret(String::new()))));
        }
    }
}
