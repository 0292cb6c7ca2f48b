//! The settings page: one scrolling page with a search field that slides over the canvas. The
//! picture beneath stays as it was.

use egui::{
    Align2, ComboBox, Id, Rect, Sense, Stroke, TextEdit, Ui, UiBuilder, WidgetInfo,
    accesskit::Role, vec2,
};

use super::page::{self, heading};
use super::settings_keys::{self, Binding};
use super::tokens::{self, space};
use super::widgets::slider::Slider;
use super::widgets::{self, button, toggle};
use super::{Cx, icons, settings_models};
use crate::app::command::{Action, Command};
use crate::app::palette::Finder;
use crate::app::settings::{Preferences, SCALE_RANGE, Surround, ThemeChoice};
use crate::app::state::Over;
use crate::app::words::{Lang, Text};

/// Where the controls of a row begin, as a share of its width.
const LABEL: f32 = 0.45;
const CONTROL: f32 = 200.0;
/// Threads that can be chosen, at most.
const MOST_THREADS: usize = 16;
/// Limits of memory that can be chosen, in GB.
const MEMORIES: [u32; 9] = [2, 4, 6, 8, 12, 16, 24, 32, 64];

/// A row of the page.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Language,
    Theme,
    Surround,
    Scale,
    LessMotion,
    AlwaysSharp,
    PenPressure,
    Previews,
    Threads,
    Memory,
    Bin,
    Wayland,
}

/// The page: its parts, their rows, and each row's words.
const PARTS: [(Text, &[(Row, Text)]); 3] = [
    (
        Text::PartLook,
        &[
            (Row::Language, Text::LanguageName),
            (Row::Theme, Text::Theme),
            (Row::Scale, Text::InterfaceScale),
            (Row::LessMotion, Text::LessMotion),
            #[cfg(target_os = "linux")]
            (Row::Wayland, Text::Wayland),
        ],
    ),
    (
        Text::PartCanvas,
        &[
            (Row::Surround, Text::Surround),
            (Row::AlwaysSharp, Text::AlwaysSharp),
            (Row::PenPressure, Text::PenPressure),
        ],
    ),
    (
        Text::PartPainting,
        &[
            (Row::Previews, Text::Previews),
            (Row::Threads, Text::Threads),
            (Row::Memory, Text::Memory),
            (Row::Bin, Text::Bin),
        ],
    ),
];

/// What the page remembers while it is open.
#[derive(Default)]
pub struct SettingsPage {
    open: bool,
    query: String,
    finder: Finder,
    /// The keys that are being bound.
    pub binding: Option<Binding>,
    /// Whether the keys are to be scrolled to.
    to_keys: bool,
    /// Whether the search field is to get the focus.
    focus: bool,
    /// What was open in the last frame.
    was: Option<Over>,
}

/// The layer that the page lies on.
pub(super) fn area_id() -> Id {
    Id::unique("settings page")
}

impl SettingsPage {
    /// Draws the page over `rect`, if it is open.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>, rect: Rect) {
        let over = cx.state.over.filter(|over| matches!(over, Over::Settings | Over::Keys));
        if over != self.was {
            self.was = over;
            self.to_keys = over == Some(Over::Keys);
            self.focus = over == Some(Over::Settings);
            self.binding = None;
            if over.is_some() && !self.open {
                self.query.clear();
            }
        }
        self.open = over.is_some();
        let open = self.open;
        page::slide(ui, cx, rect, (area_id(), open), |ui, cx, place| self.contents(ui, cx, place));
    }

    fn contents(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
        let field = page::head(ui, cx, rect, Text::Settings);
        search_field(ui, cx, "settings search", Text::SettingsSearch, field, &mut self.query);
        if std::mem::take(&mut self.focus) {
            ui.memory_mut(|memory| memory.request_focus(Id::unique("settings search")));
        }
        page::body(ui, rect, |ui| {
            let mut any = false;
            for (part, rows) in PARTS {
                any |= self.part(ui, cx, part, rows);
            }
            any |= self.models(ui, cx);
            any |= self.keys(ui, cx);
            if !any {
                ui.add_space(space::L);
                let words = cx.lang().fill(Text::SettingsNothing, &[&self.query]);
                ui.label(egui::RichText::new(words).color(cx.palette.text_3));
            }
        });
    }

    /// What is about models; whether it is shown.
    fn models(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> bool {
        let shown = settings_models::WORDS.iter().any(|text| self.found(cx, *text));
        if shown {
            heading(ui, cx, Text::PartModels);
            settings_models::show(ui, cx);
        }
        shown
    }

    /// Whether a row's words answer the search.
    fn found(&mut self, cx: &Cx<'_>, text: Text) -> bool {
        let names = [Some(cx.t(text)), Some(Lang::En.get(text))];
        !self.finder.find(&self.query, std::iter::once(names)).is_empty()
    }

    /// One part; whether it has a row to show.
    fn part(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, name: Text, rows: &[(Row, Text)]) -> bool {
        let whole = !self.query.is_empty() && self.found(cx, name);
        let rows: Vec<_> = rows.iter().filter(|(_, text)| whole || self.found(cx, *text)).collect();
        if rows.is_empty() {
            return false;
        }
        heading(ui, cx, name);
        for (row, text) in rows {
            show_row(ui, cx, *row, *text);
        }
        true
    }

    /// The keys of all commands; whether there is one to show.
    fn keys(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> bool {
        let whole = self.query.is_empty() || self.found(cx, Text::Help);
        let rows: Vec<Action> = settings_keys::bindable()
            .filter(|action| whole || self.found(cx, action.row().label))
            .collect();
        if rows.is_empty() {
            return false;
        }
        let title = heading(ui, cx, Text::Help);
        if std::mem::take(&mut self.to_keys) {
            ui.scroll_to_rect(title, Some(egui::Align::TOP));
        }
        settings_keys::reset_all(ui, cx, title);
        for action in rows {
            settings_keys::row(ui, cx, action, &mut self.binding);
        }
        true
    }
}

/// A field to search in, with its icon.
pub(super) fn search_field(
    ui: &mut Ui,
    cx: &Cx<'_>,
    id: &str,
    name: Text,
    rect: Rect,
    query: &mut String,
) {
    let p = cx.palette;
    let back = ui.painter().add(egui::Shape::Noop);
    let icon = rect.with_max_x(rect.left() + rect.height());
    widgets::icon_in(ui.painter(), icon, icons::MAGNIFYING_GLASS, 16.0, p.text_2);
    let inner = rect.with_min_x(icon.right()).with_max_x(rect.right() - space::S);
    let hint = cx.t(name);
    let edit = TextEdit::singleline(query)
        .id(Id::unique(id))
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .align(Align2::LEFT_CENTER)
        .text_color(p.text_1)
        .char_limit(200)
        .hint_text(egui::RichText::new(hint).color(p.text_3))
        .desired_width(inner.width());
    let response = ui.put(inner, edit);
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, &*query, &*query, hint);
        info.label = Some(hint.to_owned());
        info
    });
    let line =
        if response.has_focus() { Stroke::new(2.0, p.focus) } else { Stroke::new(1.0, p.edge) };
    let kind = egui::StrokeKind::Inside;
    let frame = egui::epaint::RectShape::new(rect, tokens::radius::S, p.raised, line, kind);
    ui.painter().set(back, frame);
}

/// A row's rectangle with its words at the left; returns where its control goes.
pub(super) fn row_of(ui: &mut Ui, cx: &Cx<'_>, words: &str) -> (Rect, Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
    let split = rect.left() + rect.width() * LABEL;
    let label = rect.with_max_x(split - space::S);
    widgets::line(ui, label, words, tokens::body(), cx.palette.text_2);
    let control = rect.with_min_x(split);
    let mut child = ui.new_child(
        UiBuilder::new()
            .id_salt(("row", words))
            .max_rect(control)
            .layout(egui::Layout::left_to_right(egui::Align::Center)),
    );
    child.spacing_mut().item_spacing.x = space::S;
    (rect, child)
}

fn show_row(ui: &mut Ui, cx: &mut Cx<'_>, row: Row, text: Text) {
    let (rect, mut child) = row_of(ui, cx, cx.t(text));
    let ui = &mut child;
    let before = cx.state.settings.prefer.clone();
    let mut prefer = before.clone();
    let tip = match row {
        Row::LessMotion => Some(Text::LessMotionTip),
        Row::Wayland => Some(Text::WaylandTip),
        Row::AlwaysSharp => Some(Text::AlwaysSharpTip),
        Row::PenPressure => Some(Text::PenPressureTip),
        Row::Previews => Some(Text::PreviewsTip),
        Row::Threads => Some(Text::ThreadsTip),
        Row::Memory => Some(Text::MemoryTip),
        Row::Bin => Some(Text::BinTip),
        _ => None,
    };
    let name = cx.t(text);
    match row {
        Row::Language => language(ui, cx, name),
        Row::Theme => theme(ui, cx, name),
        Row::Surround => {
            let names = Surround::ALL.map(|one| (one, cx.t(one.word()).to_owned()));
            combo(ui, name, &names, &mut prefer.surround);
        }
        Row::Scale => scale(ui, cx, name, &mut prefer),
        Row::LessMotion => {
            let on = !cx.state.motion();
            if toggle::show(ui, name, on).clicked() {
                prefer.less_motion = Some(!on);
            }
        }
        Row::AlwaysSharp => flip(ui, name, &mut prefer.always_sharp),
        Row::PenPressure => flip(ui, name, &mut prefer.pen_pressure),
        Row::Previews => flip(ui, name, &mut prefer.previews),
        Row::Wayland => flip(ui, name, &mut prefer.wayland),
        Row::Threads => threads(ui, cx, name, &mut prefer.threads),
        Row::Memory => memory(ui, cx, name, &mut prefer.memory_gb),
        Row::Bin => bin(ui, cx),
    }
    if let Some(tip) = tip {
        ui.interact(rect, ui.scope_id().with("tip"), Sense::hover()).on_hover_text(cx.t(tip));
    }
    if prefer != before {
        cx.ask(Command::Prefer(prefer));
    }
}

fn flip(ui: &mut Ui, name: &str, value: &mut bool) {
    if toggle::show(ui, name, *value).clicked() {
        *value = !*value;
    }
}

fn language(ui: &mut Ui, cx: &mut Cx<'_>, name: &str) {
    let before = cx.state.settings.language;
    let mut choice = before;
    let names = [
        (None, Text::AsTheSystem),
        (Some(Lang::En), Text::Language),
        (Some(Lang::Zh), Text::LanguageZh),
    ];
    let names = names.map(|(lang, text)| (lang, cx.t(text).to_owned()));
    combo(ui, name, &names, &mut choice);
    if choice != before {
        cx.act(match choice {
            None => Action::SystemLanguage,
            Some(Lang::En) => Action::English,
            Some(Lang::Zh) => Action::Chinese,
        });
    }
}

fn theme(ui: &mut Ui, cx: &mut Cx<'_>, name: &str) {
    let before = cx.state.settings.theme;
    let mut choice = before;
    let names = [
        (ThemeChoice::System, Text::AsTheSystem),
        (ThemeChoice::Dark, Text::ThemeChoiceDark),
        (ThemeChoice::Light, Text::ThemeChoiceLight),
    ];
    let names = names.map(|(theme, text)| (theme, cx.t(text).to_owned()));
    combo(ui, name, &names, &mut choice);
    if choice != before {
        cx.act(match choice {
            ThemeChoice::System => Action::ThemeSystem,
            ThemeChoice::Dark => Action::ThemeDark,
            ThemeChoice::Light => Action::ThemeLight,
        });
    }
}

/// The slider would move under the pointer if it acted while it is dragged: it acts on release.
fn scale(ui: &mut Ui, cx: &Cx<'_>, name: &str, prefer: &mut Preferences) {
    let held: Id = ui.scope_id().with("scale held");
    let dragged: Option<f32> = ui.data(|data| data.get_temp(held));
    let value = dragged.unwrap_or(prefer.scale_percent as f32);
    let range = (SCALE_RANGE.0 as f32, SCALE_RANGE.1 as f32);
    let slider = Slider { stops: &[100.0], ..Slider::new(name, range, 5.0) };
    let (response, moved) = slider.show(ui, CONTROL, value);
    let percent = moved.unwrap_or(value);
    if response.dragged() || response.is_pointer_button_down_on() {
        ui.data_mut(|data| data.insert_temp(held, percent));
    } else {
        ui.data_mut(|data| data.remove::<f32>(held));
        prefer.scale_percent = percent.round() as u32;
    }
    let words = cx.lang().fill(Text::Percent, &[&format!("{percent:.0}")]);
    ui.label(egui::RichText::new(words).color(cx.palette.text_1));
}

fn threads(ui: &mut Ui, cx: &Cx<'_>, name: &str, value: &mut Option<u32>) {
    let most = cx.state.processors.min(MOST_THREADS);
    let auto = (None, cx.t(Text::ThreadsAuto).to_owned());
    let counts = (1..=most as u32).map(|count| (Some(count), count.to_string()));
    let names: Vec<(Option<u32>, String)> = std::iter::once(auto).chain(counts).collect();
    combo(ui, name, &names, value);
}

fn memory(ui: &mut Ui, cx: &Cx<'_>, name: &str, value: &mut Option<u32>) {
    let auto = (None, cx.t(Text::MemoryAuto).to_owned());
    let gigabytes =
        |count: u32| (Some(count), cx.lang().fill(Text::Gigabytes, &[&count.to_string()]));
    let names: Vec<(Option<u32>, String)> =
        std::iter::once(auto).chain(MEMORIES.map(gigabytes)).collect();
    combo(ui, name, &names, value);
}

/// What was discarded, and the one way to lose it for good.
fn bin(ui: &mut Ui, cx: &mut Cx<'_>) {
    let count = cx.state.bin.len();
    if count == 0 {
        ui.label(egui::RichText::new(cx.t(Text::BinNothing)).color(cx.palette.text_3));
        return;
    }
    let megabytes = cx.state.bin_bytes().div_ceil(1_000_000);
    let words = cx.lang().fill(Text::BinHolds, &[&count.to_string(), &megabytes.to_string()]);
    ui.label(egui::RichText::new(words).color(cx.palette.text_1));
    if button::word(ui, Some(icons::TRASH), cx.t(Text::BinEmpty), true, false).clicked() {
        cx.ask(Command::EmptyBin);
    }
}

/// A list to choose from.
fn combo<T: Copy + PartialEq>(ui: &mut Ui, name: &str, names: &[(T, String)], value: &mut T) {
    let now = names.iter().find(|(one, _)| one == value).map_or("", |(_, words)| words.as_str());
    let combo =
        ComboBox::from_id_salt(name).width(CONTROL).selected_text(now).icon(|ui, rect, _, _| {
            let colour = widgets::palette(ui).text_2;
            widgets::icon_in(ui.painter(), rect, icons::CARET_DOWN, 14.0, colour);
        });
    let shown = combo.show_ui(ui, |ui| {
        for (one, words) in names {
            if ui.selectable_label(one == value, words).clicked() {
                *value = *one;
            }
        }
    });
    shown.response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(now.to_owned());
        info
    });
}
