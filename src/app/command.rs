//! The one table of commands: label, explanation, keys, group, when each is enabled.
//!
//! It feeds menu, shortcuts, tooltips, palette and the list of keys. `ui` returns
//! [`Command`]s; [`super::update`] carries them out. Nothing here changes anything.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::hub::HubCommand;
use super::jobs::EntryId;
use super::keys::{Bindings, Keys, alt, ctrl, ctrl_alt, ctrl_shift, plain, shift};
use super::parameters::Reading;
use super::settings::{PaintSettings, PanelTab, Preferences, ThemeChoice};
use super::state::{AppState, Over};
use super::tool::{Brush, Tool};
use super::view::View;
use super::words::{Lang, Text};
use crate::document::StrokePoint;
use crate::engine::protocol::{FillArea, ModelChoices, ModelSource, PaintRequest, Picture};
use crate::files::Wish;

/// Something that can be done from anywhere, without further particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is described by its row in the table below")]
pub enum Action {
    Paint,
    PaintFront,
    PaintFour,
    Vary,
    PaintForever,
    PauseQueue,
    FocusPrompt,
    EarlierPrompt,
    LaterPrompt,
    Heavier,
    Lighter,
    Surprise,
    SurpriseRest,
    Stop,
    Keep,
    Discard,
    UndoDiscard,
    Undo,
    Redo,
    Compare,
    Values,
    PreviousResult,
    NextResult,
    LeaveOrStop,
    Open,
    Save,
    SaveAs,
    NewWindow,
    Copy,
    Paste,
    ToolBrush,
    ToolEraser,
    ToolMask,
    ToolEyedropper,
    ToolHand,
    BrushSmaller,
    BrushLarger,
    BrushSofter,
    BrushHarder,
    BrushSwap,
    ColorsDefault,
    MaskInvert,
    MaskClear,
    MaskWhole,
    MaskHide,
    FillAround,
    MaskLeft,
    MaskRight,
    MaskTop,
    MaskBottom,
    MaskCentre,
    MaskBorder,
    ZoomFit,
    ZoomFull,
    ZoomDouble,
    ZoomIn,
    ZoomOut,
    PanLeft,
    PanRight,
    PanUp,
    PanDown,
    TogglePanel,
    ToggleStrip,
    CanvasOnly,
    NextRegion,
    PreviousRegion,
    ScaleLarger,
    ScaleSmaller,
    ScaleNormal,
    AddModel,
    AddModelFile,
    WatchFolder,
    GetModel,
    Palette,
    SettingsPage,
    KeysPage,
    DebugOverlay,
    ThemeSystem,
    ThemeDark,
    ThemeLight,
    SystemLanguage,
    English,
    Chinese,
    Quit,
}

/// Everything the window can ask for.
#[derive(Clone, Debug)]
pub enum Command {
    /// A row of the table.
    Do(Action),
    /// New words.
    Prompt(String),
    /// A word of the prompt is being typed, with the cursor at this byte; or none is any more.
    Typing(Option<usize>),
    /// New words, put there for others: then the cursor goes to this letter.
    Replace(String, usize),
    /// New words to avoid.
    Negative(String),
    /// Change the weight of words.
    Weigh {
        /// Whether among the words to avoid.
        negative: bool,
        /// What is selected there, or where the cursor is, in letters.
        selection: Range<usize>,
        /// Whether they count more.
        up: bool,
    },
    /// Opens or closes the line of words to avoid.
    AvoidOpen(bool),
    /// A new strength in percent.
    Strength(u32),
    /// New numbers in the panel.
    Paint(PaintSettings),
    /// A new brush for the active tool.
    Brush(Brush),
    /// A new colour to paint with.
    Foreground([u8; 3]),
    /// A new colour behind it.
    Background([u8; 3]),
    /// A new feather in pixels.
    Feather(f32),
    /// The view moved.
    View(View),
    /// The canvas has this room, in points.
    CanvasRoom([f32; 2]),
    /// A press on the canvas.
    CanvasPressed,
    /// A stroke begins at a picture position.
    StrokeBegan(StrokePoint),
    /// It goes on through these positions.
    StrokeMoved(Vec<StrokePoint>),
    /// It ends.
    StrokeEnded,
    /// It was none, and what it drew goes again.
    StrokeCancelled,
    /// Show a result.
    Show(EntryId),
    /// Keep a result.
    KeepEntry(EntryId),
    /// Discard a result.
    DiscardEntry(EntryId),
    /// Paint an entry's request again.
    AgainEntry {
        /// Which.
        id: EntryId,
        /// Whether with its own seed.
        same_seed: bool,
    },
    /// Take over an entry's words and numbers.
    UseSettings(EntryId),
    /// Take a waiting entry's job out of the queue.
    Unqueue(EntryId),
    /// Look at a step of the shown result, or stop looking.
    Scrub(Option<u32>),
    /// Hold a step, or let go.
    Pin(Option<u32>),
    /// Hold the original up, or let go.
    Compare(bool),
    /// The canvas in greys begins or ends.
    Values(bool),
    /// Unfold the panel's More part.
    MoreOpen(bool),
    /// The panel's new width in points.
    PanelWidth(f32),
    /// Close the panel that lies over the canvas.
    ClosePanelOver,
    /// Take a message away.
    Dismiss(u64),
    /// A message is being read.
    HoldNotice(u64),
    /// Fill in an example and paint it.
    Example(usize),
    /// A file hovers over the window, or left.
    DropHover(bool),
    /// Files were dropped.
    DropFiles(Vec<PathBuf>),
    /// A picture was pasted.
    PastePicture(Arc<Picture>),
    /// Words were pasted outside of a text field.
    PasteWords(String),
    /// Take over the words and numbers that were read out of a picture.
    Recipe(Arc<Reading>),
    /// Take over what is offered in grey and paint it.
    PaintOffered,
    /// Paint this, next.
    PaintRequest(Box<PaintRequest>),
    /// Paint four near relatives of an entry.
    VaryEntry(EntryId),
    /// Open what lies over the window, or close it.
    Over(Option<Over>),
    /// New preferences of the settings page.
    Prefer(Preferences),
    /// Give a command these keys; whoever had them loses them.
    Bind(Action, Keys),
    /// Give a command its default keys back; `None`: all commands.
    ResetKeys(Option<Action>),
    /// Another tab of the panel.
    PanelTab(PanelTab),
    /// Where the panel's stacked parts meet, as a share of its height.
    PanelSplit(f32),
    /// Forget for good what was discarded.
    EmptyBin,
    /// Go back to before a step of the history, by its id.
    UndoStep(u64),
    /// Go to a row of the history.
    JumpHistory(usize),
    /// Put a waiting entry's job before another one's; `None`: last.
    MoveWaiting(EntryId, Option<EntryId>),
    /// Back to the tool that was active before a key was held.
    ReturnTool(Tool),
    /// How strongly the mask is shown, in percent.
    MaskOpacity(u32),
    /// Paint with another model.
    UseModel(ModelSource),
    /// Take a folder out of the list of models.
    ForgetModel(PathBuf),
    /// Show a folder, or the one that a file lies in, in the system's own program for that.
    ShowFolder(PathBuf),
    /// Take parts of the model in use otherwise than its files have them.
    Choose(ModelChoices),
    /// Ask for a file that the model in use is to be helped by.
    ChooseFile(Wish),
    /// Read a model though the memory seems too small for it.
    LoadAnyway(ModelSource, ModelChoices),
    /// Look through the watched folders again.
    LookForModels,
    /// Watch a folder no longer.
    Unwatch(PathBuf),
    /// Something about getting models.
    Hub(HubCommand),
}

/// Where a key acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere; in a text field only keys that type nothing.
    Anywhere,
    /// While no text field has the focus.
    NoText,
    /// While nothing but the canvas has the focus; the strip shares the way from one to the next.
    Canvas,
}

/// The groups of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their words are in the text table")]
pub enum Group {
    Picture,
    Edit,
    Paint,
    Tools,
    Mask,
    View,
    Program,
}

impl Group {
    /// All, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Picture,
        Self::Edit,
        Self::Paint,
        Self::Tools,
        Self::Mask,
        Self::View,
        Self::Program,
    ];

    /// Its heading.
    #[must_use]
    pub fn label(self) -> Text {
        match self {
            Self::Picture => Text::GroupPicture,
            Self::Edit => Text::GroupEdit,
            Self::Paint => Text::GroupPaint,
            Self::Tools => Text::GroupTools,
            Self::Mask => Text::GroupMask,
            Self::View => Text::GroupView,
            Self::Program => Text::GroupProgram,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it does.
    pub action: Action,
    /// Its name in the settings file.
    pub name: &'static str,
    /// Its words.
    pub label: Text,
    /// Its default keys; the first is shown.
    pub keys: &'static [Keys],
    /// Where they act.
    pub scope: Scope,
    /// Its place in the menu; `None`: not in the menu.
    pub group: Option<Group>,
}

macro_rules! rows {
    ($($action:ident, $label:ident, [$($keys:expr),*], $scope:ident, $group:expr;)*) => {
        /// The table.
        pub const ROWS: &[Row] = &[$(Row {
            action: Action::$action,
            name: stringify!($action),
            label: Text::$label,
            keys: &[$($keys),*],
            scope: Scope::$scope,
            group: $group,
        },)*];
    };
}

rows! {
    Open, Open, [ctrl("O")], Anywhere, Some(Group::Picture);
    Save, Save, [ctrl("S")], Anywhere, Some(Group::Picture);
    SaveAs, SaveAs, [ctrl_shift("S")], Anywhere, Some(Group::Picture);
    NewWindow, NewWindow, [], Anywhere, Some(Group::Picture);
    Copy, Copy, [ctrl("C")], NoText, Some(Group::Picture);
    Paste, Paste, [ctrl("V")], NoText, Some(Group::Picture);
    Undo, Undo, [ctrl("Z")], NoText, Some(Group::Edit);
    Redo, Redo, [ctrl_shift("Z"), ctrl("Y")], NoText, Some(Group::Edit);
    EarlierPrompt, EarlierPrompt, [alt("Up")], Anywhere, Some(Group::Edit);
    LaterPrompt, LaterPrompt, [alt("Down")], Anywhere, Some(Group::Edit);
    Heavier, Heavier, [ctrl("Up")], Anywhere, Some(Group::Edit);
    Lighter, Lighter, [ctrl("Down")], Anywhere, Some(Group::Edit);
    Paint, PaintNow, [ctrl("Enter")], Anywhere, Some(Group::Paint);
    PaintFront, PaintFront, [ctrl_shift("Enter")], Anywhere, Some(Group::Paint);
    PaintFour, FourOfThem, [], Anywhere, Some(Group::Paint);
    Vary, Vary, [], Anywhere, Some(Group::Paint);
    PaintForever, UntilIStop, [], Anywhere, Some(Group::Paint);
    PauseQueue, PauseQueue, [], Anywhere, Some(Group::Paint);
    Surprise, SurpriseMe, [], Anywhere, Some(Group::Paint);
    SurpriseRest, SurpriseRest, [], Anywhere, Some(Group::Paint);
    Stop, Stop, [], Anywhere, Some(Group::Paint);
    FocusPrompt, FocusPrompt, [plain("P")], NoText, Some(Group::Paint);
    Keep, Keep, [plain("Enter")], Canvas, Some(Group::Paint);
    Discard, Discard, [plain("Delete")], Canvas, Some(Group::Paint);
    Compare, CompareHold, [plain("O")], NoText, None;
    Values, ValuesHold, [plain("Y")], NoText, None;
    UndoDiscard, Undo, [], Anywhere, None;
    PreviousResult, PreviousResult, [plain("Left")], Canvas, Some(Group::Paint);
    NextResult, NextResult, [plain("Right")], Canvas, Some(Group::Paint);
    LeaveOrStop, LeaveOrStop, [plain("Escape")], Anywhere, None;
    ToolBrush, ToolBrush, [plain("B")], NoText, Some(Group::Tools);
    ToolEraser, ToolEraser, [plain("E")], NoText, Some(Group::Tools);
    ToolMask, ToolMask, [plain("Q")], NoText, Some(Group::Tools);
    ToolEyedropper, ToolEyedropper, [plain("I")], NoText, Some(Group::Tools);
    ToolHand, ToolHand, [plain("H")], NoText, Some(Group::Tools);
    BrushSwap, BrushSwap, [plain("X")], NoText, Some(Group::Tools);
    ColorsDefault, ColorsDefault, [plain("D")], NoText, Some(Group::Tools);
    BrushSmaller, BrushSmaller, [plain("OpenBracket")], NoText, Some(Group::Tools);
    BrushLarger, BrushLarger, [plain("CloseBracket")], NoText, Some(Group::Tools);
    BrushSofter, BrushSofter, [shift("OpenBracket")], NoText, Some(Group::Tools);
    BrushHarder, BrushHarder, [shift("CloseBracket")], NoText, Some(Group::Tools);
    MaskInvert, MaskInvert, [ctrl_shift("I")], Anywhere, Some(Group::Mask);
    MaskClear, MaskClear, [ctrl("D")], Anywhere, Some(Group::Mask);
    MaskWhole, MaskWhole, [], Anywhere, Some(Group::Mask);
    MaskHide, MaskHide, [shift("Q")], NoText, Some(Group::Mask);
    FillAround, FillAround, [], Anywhere, Some(Group::Mask);
    MaskLeft, MaskLeft, [], Anywhere, Some(Group::Mask);
    MaskRight, MaskRight, [], Anywhere, Some(Group::Mask);
    MaskTop, MaskTop, [], Anywhere, Some(Group::Mask);
    MaskBottom, MaskBottom, [], Anywhere, Some(Group::Mask);
    MaskCentre, MaskCentre, [], Anywhere, Some(Group::Mask);
    MaskBorder, MaskBorder, [], Anywhere, Some(Group::Mask);
    ZoomFit, ZoomFit, [plain("0"), ctrl("0")], Anywhere, Some(Group::View);
    ZoomFull, ZoomFull, [plain("1"), ctrl("1")], Anywhere, Some(Group::View);
    ZoomDouble, ZoomDouble, [plain("2"), ctrl("2")], Anywhere, Some(Group::View);
    ZoomIn, ZoomIn, [ctrl("Plus"), ctrl("Equals")], Anywhere, Some(Group::View);
    ZoomOut, ZoomOut, [ctrl("Minus")], Anywhere, Some(Group::View);
    TogglePanel, TogglePanel, [plain("F7")], Anywhere, Some(Group::View);
    ToggleStrip, ToggleStrip, [plain("F8")], Anywhere, Some(Group::View);
    PanLeft, PanLeft, [shift("Left")], Canvas, None;
    PanRight, PanRight, [shift("Right")], Canvas, None;
    PanUp, PanUp, [shift("Up")], Canvas, None;
    PanDown, PanDown, [shift("Down")], Canvas, None;
    CanvasOnly, CanvasOnly, [plain("F")], NoText, Some(Group::View);
    NextRegion, NextRegion, [plain("F6")], Anywhere, Some(Group::View);
    PreviousRegion, PreviousRegion, [shift("F6")], Anywhere, Some(Group::View);
    ScaleLarger, ScaleLarger, [ctrl_alt("Plus"), ctrl_alt("Equals")], Anywhere, Some(Group::View);
    ScaleSmaller, ScaleSmaller, [ctrl_alt("Minus")], Anywhere, Some(Group::View);
    ScaleNormal, ScaleNormal, [ctrl_alt("0")], Anywhere, Some(Group::View);
    Palette, Palette, [ctrl("K")], Anywhere, Some(Group::Program);
    SettingsPage, SettingsPage, [ctrl("Comma")], Anywhere, Some(Group::Program);
    KeysPage, Help, [plain("F1")], Anywhere, Some(Group::Program);
    AddModel, AddModel, [], Anywhere, Some(Group::Program);
    AddModelFile, AddModelFile, [], Anywhere, Some(Group::Program);
    WatchFolder, WatchAdd, [], Anywhere, Some(Group::Program);
    GetModel, GetModel, [], Anywhere, Some(Group::Program);
    DebugOverlay, DebugOverlay, [plain("F12")], Anywhere, Some(Group::Program);
    ThemeSystem, ThemeSystem, [], Anywhere, Some(Group::Program);
    ThemeDark, ThemeDark, [], Anywhere, Some(Group::Program);
    ThemeLight, ThemeLight, [], Anywhere, Some(Group::Program);
    SystemLanguage, LanguageSystem, [], Anywhere, Some(Group::Program);
    English, Language, [], Anywhere, Some(Group::Program);
    Chinese, LanguageZh, [], Anywhere, Some(Group::Program);
    Quit, Quit, [ctrl("Q")], Anywhere, Some(Group::Program);
}

impl Action {
    /// Its row. Every action has one; a test looks.
    #[must_use]
    pub fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.action == self).unwrap_or(&ROWS[0])
    }

    /// "Save (Ctrl+S)", and beneath it why it cannot act now.
    #[must_use]
    pub fn tooltip(self, state: &AppState) -> String {
        let label = state.lang.get(self.row().label);
        let tip = match self.keys_text(&state.settings.keys) {
            Some(keys) => format!("{label} ({keys})"),
            None => label.to_owned(),
        };
        match self.obstacle(state) {
            Some(why) => format!("{tip}\n{why}"),
            None => tip,
        }
    }

    /// "Ctrl+S", if it has a key.
    #[must_use]
    pub fn keys_text(self, bindings: &Bindings) -> Option<String> {
        bindings.of(self).first().map(|keys| keys.text())
    }

    /// Whether it takes another tool into the hand.
    #[must_use]
    pub fn is_tool(self) -> bool {
        matches!(
            self,
            Self::ToolBrush
                | Self::ToolEraser
                | Self::ToolMask
                | Self::ToolEyedropper
                | Self::ToolHand
        )
    }

    /// Whether it is a choice that is made now, for the menu's check.
    #[must_use]
    pub fn checked(self, state: &AppState) -> bool {
        match self {
            Self::TogglePanel if super::update::is_wide(state) => state.settings.panel_open,
            Self::TogglePanel => state.panel_over,
            Self::ToggleStrip => state.settings.strip_open,
            Self::DebugOverlay => state.debug,
            Self::ThemeSystem => state.settings.theme == ThemeChoice::System,
            Self::ThemeDark => state.settings.theme == ThemeChoice::Dark,
            Self::ThemeLight => state.settings.theme == ThemeChoice::Light,
            Self::SystemLanguage => state.settings.language.is_none(),
            Self::English => state.settings.language == Some(Lang::En),
            Self::Chinese => state.settings.language == Some(Lang::Zh),
            Self::ToolBrush => state.tool == Tool::Brush,
            Self::ToolEraser => state.tool == Tool::Eraser,
            Self::ToolMask => state.tool == Tool::Mask,
            Self::ToolEyedropper => state.tool == Tool::Eyedropper,
            Self::ToolHand => state.tool == Tool::Hand,
            Self::MaskHide => state.has_mask() && !state.mask_is_seen(),
            Self::FillAround => state.settings.fill_area == FillArea::Around,
            Self::CanvasOnly => state.canvas_only,
            Self::PauseQueue => state.jobs.paused,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commands_share_a_key_and_none_has_two_rows() {
        let mut keys = HashSet::new();
        let mut actions = HashSet::new();
        for row in ROWS {
            assert!(actions.insert(row.action), "{:?} has two rows", row.action);
            for key in row.keys {
                assert!(keys.insert(*key), "{} is taken twice", key.text());
            }
        }
    }

    #[test]
    fn every_key_has_a_name_that_is_read() {
        for key in ROWS.iter().flat_map(|row| row.keys) {
            assert!(egui::Key::from_name(key.key).is_some(), "{}", key.key);
        }
    }
}
