//! Carries commands out: each arm calls a function and returns what the shell must do.
//!
//! Called by the shell for every [`Command`] that `ui` returned.

use std::path::PathBuf;

use super::command::{Action, Command};
use super::examples;
use super::intent;
use super::jobs::EntryId;
use super::notices::Kind;
use super::scene::MaskShow;
use super::settings::ThemeChoice;
use super::state::{AppState, Effect, Focus, Over};
use super::strokes;
use super::told::Told;
use super::tool::Tool;
use super::words::{Lang, Text};
use crate::document::codec::openraster::{EXTENSION, is_project};
use crate::document::mask::Mask;
use crate::document::mask_shapes::MaskShape;
use crate::engine::protocol::FillArea;
use crate::files::{FileRequest, Wish};

/// The longest suggested name of a file, in bytes; systems take about 255 with the rest of it.
const LONGEST_NAME: usize = 200;
/// How far a key moves the view, in points.
const PAN_STEP: f32 = 64.0;

/// Carries one command out, as a step that can be undone if it changes what undo keeps.
pub fn update(state: &mut AppState, command: Command) -> Vec<Effect> {
    let begun = state.begin_step(&command);
    let mut effects = carry_out(state, command);
    state.end_step(begun);
    effects.extend(state.need_depth());
    effects
}

/// Ends a stroke that is under way as its own step, before another picture takes the document's place.
pub(super) fn let_go(state: &mut AppState) {
    if state.stroking {
        update(state, Command::StrokeEnded);
    }
}

fn carry_out(state: &mut AppState, command: Command) -> Vec<Effect> {
    match command {
        Command::Do(action) if action.enabled(state) => return act(state, action),
        Command::Do(_) => {}
        Command::Prompt(words) => {
            state.offer_pasted(&words);
            state.set_prompt(words);
        }
        Command::Replace(words, letter) => {
            state.set_prompt(words);
            state.typing = None;
            let letters = (letter, letter);
            return vec![Effect::Focus(Focus::Letters { negative: false, letters })];
        }
        Command::Typing(at) => state.typing = at,
        Command::Negative(words) => {
            state.negative = words;
            state.count_words();
        }
        Command::Weigh { negative, selection, up } => return state.weigh(negative, &selection, up),
        Command::AvoidOpen(open) => {
            state.avoid_open = open || !state.negative.is_empty();
            return vec![Effect::Focus(if open { Focus::Negative } else { Focus::Prompt })];
        }
        Command::Strength(percent) => set_strength(state, percent),
        Command::Paint(paint) => {
            state.settings.paint = paint;
            state.count_words();
            return vec![Effect::Remember];
        }
        Command::Brush(brush) => state.settings.set_brush(state.tool, brush),
        Command::Foreground(color) => state.settings.foreground = color,
        Command::Background(color) => state.settings.background = color,
        Command::Feather(px) => {
            state.settings.feather_px = px;
            state.document.feather_px = px;
        }
        Command::View(view) => state.view = view,
        Command::CanvasRoom(room) => state.canvas_room = room,
        Command::CanvasPressed => return vec![Effect::Focus(Focus::Canvas)],
        Command::StrokeBegan(at) => strokes::begin(state, at),
        Command::StrokeMoved(points) => strokes::extend(state, &points),
        Command::StrokeEnded => strokes::end(state),
        Command::StrokeCancelled => strokes::cancel(state),
        Command::Show(id) => state.pick(id),
        Command::KeepEntry(id) => {
            state.pick(id);
            state.keep_shown();
        }
        Command::DiscardEntry(id) => state.discard(id),
        Command::AgainEntry { id, same_seed } => return state.paint_again(id, same_seed),
        Command::UseSettings(id) => use_settings(state, id),
        Command::Unqueue(id) => state.unqueue(id),
        Command::Scrub(step) => state.scrub = step,
        Command::Pin(step) => state.pinned = step,
        Command::Compare(held) => state.compare = held,
        Command::Values(held) => state.values = held,
        Command::MoreOpen(open) => state.settings.more_open = open,
        Command::PanelWidth(width) => state.settings.panel_width = width.clamp(240.0, 420.0),
        Command::ClosePanelOver => state.panel_over = false,
        Command::PaintRequest(request) => return state.paint_request(*request),
        Command::Dismiss(id) => state.notices.dismiss(id),
        Command::HoldNotice(id) => state.notices.hold(id, state.now),
        Command::Example(index) => return paint_example(state, index),
        Command::DropHover(hover) => state.drop_hover = hover,
        Command::DropFiles(paths) => return drop_files(state, paths),
        Command::PasteWords(words) => state.paste_words(&words),
        Command::PastePicture(picture) => {
            let name = state.lang.get(Text::PastedName).to_owned();
            return vec![Effect::File(FileRequest::Tile { name, picture })];
        }
        Command::Recipe(reading) => state.take_recipe(&reading),
        Command::PaintOffered => return state.paint_offered(),
        Command::VaryEntry(id) => return state.vary(id),
        Command::Over(over) => state.over = over,
        Command::Prefer(prefer) => return state.prefer(prefer),
        Command::Bind(action, keys) => return state.bind(action, keys),
        Command::ResetKeys(action) => return state.reset_keys(action),
        Command::PanelTab(tab) => {
            state.settings.panel_tab = tab;
            return vec![Effect::Remember];
        }
        Command::PanelSplit(share) => state.settings.panel_split = share.clamp(0.2, 0.85),
        Command::EmptyBin => state.empty_bin(),
        Command::UndoStep(id) => state.undo_step(id),
        Command::JumpHistory(row) => state.jump(row),
        Command::MoveWaiting(id, before) => state.move_waiting(id, before),
        Command::ReturnTool(tool) => state.tool = tool,
        Command::MaskOpacity(percent) => state.settings.mask_opacity = percent.clamp(20, 80),
        Command::UseModel(source) => return state.use_model(source),
        Command::ForgetModel(path) => return state.forget_model(&path),
        Command::ShowFolder(path) => return vec![Effect::ShowFolder(path)],
        Command::Choose(choices) => return state.choose(choices),
        Command::ChooseFile(wish) => return ask(wish),
        Command::LoadAnyway(source, choices) => return state.load_anyway(source, choices),
        Command::LookForModels => return state.look_for_models(),
        Command::Unwatch(path) => return state.unwatch(&path),
        Command::Hub(command) => return state.hub(command),
    }
    Vec::new()
}

fn act(state: &mut AppState, action: Action) -> Vec<Effect> {
    match action {
        Action::Paint => return state.paint(None, false, None),
        Action::PaintFront => return state.paint(None, true, None),
        Action::PaintFour => return state.paint(Some(4), false, None),
        Action::Vary => return state.shown.map(|id| state.vary(id)).unwrap_or_default(),
        Action::Surprise => return surprise(state, ""),
        Action::SurpriseRest => {
            let about = examples::subject(&state.prompt);
            return surprise(state, &about);
        }
        Action::Stop => return state.stop(),
        Action::PaintForever => return state.paint_until_stopped(),
        Action::PauseQueue => return state.pause_queue(),
        Action::FocusPrompt => return vec![Effect::Focus(Focus::PromptRecent)],
        Action::EarlierPrompt => state.earlier_prompt(),
        Action::LaterPrompt => state.later_prompt(),
        Action::Undo => state.undo(),
        Action::Redo => state.redo(),
        // Held ones are said by their keys; and only the window knows where the cursor is.
        Action::Compare | Action::Values | Action::Heavier | Action::Lighter => {}
        Action::Keep => {
            state.keep_shown();
        }
        Action::Discard => {
            if let Some(id) = state.shown {
                state.discard(id);
            }
        }
        Action::UndoDiscard => state.undo_discard(),
        Action::PreviousResult => state.walk(-1),
        Action::NextResult => state.walk(1),
        Action::LeaveOrStop => return leave_or_stop(state),
        Action::Open => return vec![Effect::File(FileRequest::OpenDialog)],
        Action::Save => return save(state, false),
        Action::SaveAs => return save(state, true),
        Action::NewWindow => return vec![Effect::NewWindow],
        Action::Copy => return copy(state),
        Action::Paste => return vec![Effect::Paste],
        Action::ToolBrush => state.tool = Tool::Brush,
        Action::ToolEraser => state.tool = Tool::Eraser,
        Action::ToolMask => {
            state.tool = Tool::Mask;
            state.mask_show = MaskShow::Auto;
        }
        Action::ToolEyedropper => state.tool = Tool::Eyedropper,
        Action::ToolHand => state.tool = Tool::Hand,
        Action::BrushSmaller => strokes::change_brush(state, |brush| brush.sized(1.0 / 1.2)),
        Action::BrushLarger => strokes::change_brush(state, |brush| brush.sized(1.2)),
        Action::BrushSofter => strokes::change_brush(state, |brush| brush.hardened(-0.1)),
        Action::BrushHarder => strokes::change_brush(state, |brush| brush.hardened(0.1)),
        Action::BrushSwap => return strokes::swap(state),
        Action::ColorsDefault => {
            state.settings.default_colors();
            return vec![Effect::Remember];
        }
        Action::MaskInvert => strokes::change_mask(state, Mask::invert),
        Action::MaskClear => strokes::change_mask(state, Mask::clear),
        Action::MaskWhole => strokes::change_mask(state, Mask::fill_whole),
        Action::MaskHide => hide_mask(state),
        Action::FillAround => return fill_around(state),
        Action::MaskLeft => mask_part(state, MaskShape::Left),
        Action::MaskRight => mask_part(state, MaskShape::Right),
        Action::MaskTop => mask_part(state, MaskShape::Top),
        Action::MaskBottom => mask_part(state, MaskShape::Bottom),
        Action::MaskCentre => mask_part(state, MaskShape::Centre),
        Action::MaskBorder => mask_part(state, MaskShape::Border),
        Action::ZoomFit
        | Action::ZoomFull
        | Action::ZoomDouble
        | Action::ZoomIn
        | Action::ZoomOut
        | Action::PanLeft
        | Action::PanRight
        | Action::PanUp
        | Action::PanDown => move_view(state, action),
        Action::TogglePanel => return toggle_panel(state),
        Action::ToggleStrip => return toggle_strip(state),
        Action::CanvasOnly => state.canvas_only = !state.canvas_only,
        Action::NextRegion => return vec![Effect::Focus(Focus::Region { back: false })],
        Action::PreviousRegion => return vec![Effect::Focus(Focus::Region { back: true })],
        Action::ScaleLarger => return state.scale(1),
        Action::ScaleSmaller => return state.scale(-1),
        Action::ScaleNormal => return state.scale(0),
        Action::AddModel => return ask(Wish::Folder),
        Action::AddModelFile => return ask(Wish::File),
        Action::WatchFolder => return ask(Wish::Watch),
        Action::GetModel => return state.toggle_over(Over::Hub),
        Action::Palette => return state.toggle_over(Over::Palette),
        Action::SettingsPage => return state.toggle_over(Over::Settings),
        Action::KeysPage => return state.toggle_over(Over::Keys),
        Action::DebugOverlay => state.debug = !state.debug,
        Action::ThemeSystem => return theme(state, ThemeChoice::System),
        Action::ThemeDark => return theme(state, ThemeChoice::Dark),
        Action::ThemeLight => return theme(state, ThemeChoice::Light),
        Action::SystemLanguage => return language(state, None),
        Action::English => return language(state, Some(Lang::En)),
        Action::Chinese => return language(state, Some(Lang::Zh)),
        Action::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

/// Asks the user for something about models.
fn ask(wish: Wish) -> Vec<Effect> {
    vec![Effect::File(FileRequest::ModelDialog(wish))]
}

/// Width from which the panel stands beside the canvas instead of over it, in points.
pub const WIDE: f32 = 1200.0;

/// Whether a window of this width has room for the panel beside the canvas.
#[must_use]
pub fn is_wide(state: &AppState) -> bool {
    state.window_size.is_none_or(|(width, _)| width >= WIDE)
}

fn toggle_panel(state: &mut AppState) -> Vec<Effect> {
    if is_wide(state) {
        state.settings.panel_open = !state.settings.panel_open;
    } else {
        state.panel_over = !state.panel_over;
    }
    vec![Effect::Remember]
}

fn toggle_strip(state: &mut AppState) -> Vec<Effect> {
    state.settings.strip_open = !state.settings.strip_open;
    vec![Effect::Remember]
}

fn theme(state: &mut AppState, choice: ThemeChoice) -> Vec<Effect> {
    state.settings.theme = choice;
    vec![Effect::Theme(choice), Effect::Remember]
}

fn language(state: &mut AppState, chosen: Option<Lang>) -> Vec<Effect> {
    state.lang = chosen.unwrap_or(state.system_lang);
    state.settings.language = chosen;
    vec![Effect::Remember]
}

fn set_strength(state: &mut AppState, percent: u32) {
    state.strength = percent.clamp(1, 100);
    if !state.has_mask() && state.strength < 100 {
        state.settings.strength = state.strength;
    }
}

fn zoom_to(state: &mut AppState, zoom: f32) {
    let centre = state.canvas_room.map(|side| side / 2.0);
    state.view = state.view.zoomed_at(centre, zoom / state.view.zoom());
}

/// Zooms or fits, or moves the view over the picture, which goes the other way.
fn move_view(state: &mut AppState, action: Action) {
    let view = &mut state.view;
    match action {
        Action::ZoomFull => zoom_to(state, 1.0),
        Action::ZoomDouble => zoom_to(state, 2.0),
        Action::ZoomIn => zoom_to(state, state.view.zoom() * 1.25),
        Action::ZoomOut => zoom_to(state, state.view.zoom() / 1.25),
        Action::PanLeft => *view = view.panned([PAN_STEP, 0.0]),
        Action::PanRight => *view = view.panned([-PAN_STEP, 0.0]),
        Action::PanUp => *view = view.panned([0.0, PAN_STEP]),
        Action::PanDown => *view = view.panned([0.0, -PAN_STEP]),
        Action::ZoomFit => view.fit = true,
        _ => {}
    }
}

/// Adds a shape to the mask, or takes it away while the mask's brush erases.
fn mask_part(state: &mut AppState, shape: MaskShape) {
    let erases = state.settings.mask_brush.erases;
    strokes::change_mask(state, |mask| {
        mask.add_shape(shape, erases);
    });
}

fn hide_mask(state: &mut AppState) {
    let seen = state.mask_is_seen();
    state.mask_show = if seen { MaskShow::Hidden } else { MaskShow::Shown };
}

fn fill_around(state: &mut AppState) -> Vec<Effect> {
    state.settings.fill_area = match state.settings.fill_area {
        FillArea::Whole => FillArea::Around,
        FillArea::Around => FillArea::Whole,
    };
    vec![Effect::Remember]
}

/// What Esc does once popups and text fields had their turn.
fn leave_or_stop(state: &mut AppState) -> Vec<Effect> {
    if state.over.is_some() {
        state.over = None;
    } else if state.panel_over {
        state.panel_over = false;
    } else if state.stroking {
        strokes::cancel(state);
    } else if state.pinned.is_some() {
        state.pinned = None;
    } else if state.canvas_only && state.jobs.running.is_none() {
        state.canvas_only = false;
    } else {
        return state.stop();
    }
    Vec::new()
}

/// Rolls words, about something if it is named, and paints them; Enter then paints them again.
fn surprise(state: &mut AppState, about: &str) -> Vec<Effect> {
    state.prompt = examples::surprise(about);
    state.count_words();
    let mut effects = state.paint(None, false, None);
    effects.push(Effect::Focus(Focus::Prompt));
    effects
}

/// Saving keeps.
fn save(state: &mut AppState, ask: bool) -> Vec<Effect> {
    state.keep_shown();
    if state.document.is_empty() {
        return Vec::new();
    }
    let project = Box::new(state.project());
    let version = state.version();
    let request = match state.file().cloned().filter(|_| !ask) {
        Some(path) => FileRequest::Save { path, project, version },
        None => FileRequest::SaveDialog { project, suggested_name: suggested_name(state), version },
    };
    vec![Effect::File(request)]
}

/// What the dialog begins with: the title in the format that it was saved in before.
fn suggested_name(state: &AppState) -> String {
    let is_project = state.file().is_some_and(|path| is_project(path));
    file_name(&state.title, if is_project { EXTENSION } else { "png" })
}

/// The first words of the title, as a file name that every system takes.
fn file_name(title: &str, extension: &str) -> String {
    let stem = title.rsplit_once('.').map_or(title, |(stem, _)| stem);
    let safe: String =
        stem.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { ' ' }).collect();
    let words: Vec<&str> = safe.split_whitespace().take(8).collect();
    let mut name = if words.is_empty() { "painting".to_owned() } else { words.join(" ") };
    // Chinese is written without spaces, and systems count bytes.
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    format!("{name}.{extension}")
}

/// The document is one picture: of several files the first is placed.
fn drop_files(state: &mut AppState, paths: Vec<PathBuf>) -> Vec<Effect> {
    if paths.len() > 1 {
        let words = state.lang.fill(Text::DroppedMany, &[&paths.len().to_string()]);
        state.notices.say(state.now, Kind::Info, words, None);
    }
    paths.into_iter().take(1).map(|path| Effect::File(FileRequest::Open(path))).collect()
}

fn copy(state: &AppState) -> Vec<Effect> {
    let Some(shown) = state.shown_picture() else { return Vec::new() };
    vec![Effect::File(FileRequest::Copy(shown))]
}

fn paint_example(state: &mut AppState, index: usize) -> Vec<Effect> {
    let Some(example) = state.model.examples().get(index).cloned() else { return Vec::new() };
    if intent::trouble(state).is_some() {
        return Vec::new();
    }
    state.prompt = example.prompt;
    state.count_words();
    // An example is a new picture: what lies on the canvas must not bend it.
    if !state.has_mask() {
        state.strength = 100;
    }
    let mut effects = state.paint(None, false, Some(example.seed));
    effects.push(Effect::Focus(Focus::Prompt));
    effects
}

fn use_settings(state: &mut AppState, id: EntryId) {
    let Some(entry) = state.entry(id) else { return };
    let (request, seed) = (entry.request.clone(), entry.seed);
    state.prompt.clone_from(&request.prompt);
    state.negative.clone_from(&request.negative);
    state.avoid_open = !state.negative.is_empty();
    let paint = &mut state.settings.paint;
    paint.steps = request.steps;
    paint.guidance = request.guidance;
    paint.sampler = request.sampler;
    paint.schedule = request.schedule;
    paint.eta = request.eta;
    paint.same_as = request.same_as;
    paint.guidance_rescale = request.guidance_rescale;
    paint.savings = request.savings;
    paint.prompt_style = request.prompt_style;
    paint.clip_skip = request.clip_skip;
    paint.told = Told::of(&request, &paint.told);
    paint.seed = seed;
    if request.init.is_none() {
        paint.size = request.size;
    }
    state.count_words();
}
