//! Everything the user sees, in one place, owned by the window's thread.
//!
//! Changed only through [`super::update`] and [`super::events`]; read by all of `ui`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::examples::random_seed;
use super::hub::Hub;
use super::intent;
use super::jobs::{Entry, EntryId, Jobs, Stage};
use super::library::Library;
use super::models::ModelMemory;
use super::notices::Notices;
use super::parameters::Reading;
use super::prompts::PromptWalk;
use super::scene::MaskShow;
use super::settings::{Settings, ThemeChoice};
use super::told::DepthPicture;
use super::tool::Tool;
use super::undo::Undo;
use super::view::View;
use super::words::Lang;
use crate::document::document::Document;
use crate::document::raster::Raster;
use crate::engine::protocol::{
    Example, JobId, ModelChoices, ModelInfo, ModelSource, PaintRequest, chunks,
};
use crate::engine::resolve;
use crate::files::hub::{HubRequest, Wanted};
use crate::files::{FileRequest, Version};
use crate::models::defaults::Extras;
use crate::models::lexicon;

/// The model in use.
#[derive(Clone, Debug, Default)]
pub struct ModelState {
    /// Where it comes from.
    pub source: ModelSource,
    /// What is known of it, once it is in memory.
    pub info: Option<Arc<ModelInfo>>,
    /// The job that reads it, and how much is read.
    pub loading: Option<(JobId, f32)>,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// What of it is taken otherwise than its files have it.
    pub choices: ModelChoices,
    /// The model and the choices that are used once it is read.
    pub pending: Option<ModelMemory>,
    /// The models that the engine has in memory and the bytes of their weights, the last used last.
    pub resident: Vec<(ModelSource, u64)>,
    /// Models that could not be read, and why.
    pub failed: Vec<(ModelSource, String)>,
}

impl ModelState {
    /// The name to show, if the model said one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.info.as_ref().map_or("", |info| info.name.as_str())
    }

    /// The steps that the model recommends, once that is known.
    #[must_use]
    pub fn default_steps(&self) -> Option<u32> {
        let info = self.info.as_ref().map(|info| info.default_steps);
        info.or_else(|| self.promises()?.steps)
    }

    /// The guidance scale that the model recommends, once that is known.
    #[must_use]
    pub fn default_guidance(&self) -> Option<f32> {
        let info = self.info.as_ref().map(|info| info.default_guidance);
        info.or_else(|| self.promises()?.guidance)
    }

    /// Prompts to begin with: the model's own, else those of the built-in one.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        let own = self.info.as_ref().map(|info| info.examples.as_slice());
        own.filter(|list| !list.is_empty()).unwrap_or(&resolve::built_in().examples)
    }

    /// What is known before the model is read.
    fn promises(&self) -> Option<&'static Extras> {
        (self.source == ModelSource::BuiltIn).then(resolve::built_in)
    }
}

/// How many words the prompt holds for the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordCount {
    /// Word pieces used.
    pub used: usize,
    /// Word pieces the model reads; 0 while that is unknown.
    pub room: usize,
    /// Parts in which it reads them, each by itself.
    pub chunks: usize,
    /// Bytes at which the second part and later ones begin.
    pub marks: Vec<usize>,
    /// Byte at which words begin to fall off.
    pub lost_from: Option<usize>,
}

/// What the first start is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Welcome {
    /// Nothing; every later start.
    #[default]
    Over,
    /// Waiting for the model.
    Waiting,
    /// Painting the first example.
    Painting,
    /// The example stands there.
    Shown,
}

/// What lies over the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The command palette.
    Palette,
    /// The settings page.
    Settings,
    /// The settings page, at its keys.
    Keys,
    /// The page that gets models from the hub.
    Hub,
}

/// Where the keyboard's focus should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The prompt, cursor at the end.
    Prompt,
    /// The prompt, all selected.
    PromptSelected,
    /// The line of words to avoid.
    Negative,
    /// These letters of the prompt or of the words to avoid, selected.
    Letters {
        /// Whether of the words to avoid.
        negative: bool,
        /// From and to; the same for a cursor.
        letters: (usize, usize),
    },
    /// The canvas: no text field.
    Canvas,
    /// The prompt; empty, it offers what was painted before.
    PromptRecent,
    /// The next region of the window, or the previous one.
    Region {
        /// Whether the previous one.
        back: bool,
    },
}

/// What the shell has to do after a change: nothing in `app` reaches outside by itself.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Give a job to the engine.
    Submit {
        /// The window's number for it.
        number: u64,
        /// What to paint.
        request: Arc<PaintRequest>,
    },
    /// Have a model read.
    Load {
        /// Which.
        source: ModelSource,
        /// What of it is taken otherwise than its files have it.
        choices: ModelChoices,
        /// Whether even where the memory seems too small for it.
        anyway: bool,
    },
    /// Look through these folders and the standard places for models.
    Scan(Vec<PathBuf>),
    /// Ask the hub what a repository holds.
    HubLook(Wanted),
    /// Ask the hub, for a download.
    Hub(HubRequest),
    /// Ask the hub, for a download that was cancelled while another one may be under way.
    HubRemove(HubRequest),
    /// Pause the download that is under way.
    HubPause,
    /// Keep this token, or none.
    HubToken(Option<Secret>),
    /// Show a page in the system's browser.
    Browse(String),
    /// Stop an engine job.
    Cancel(JobId),
    /// Ask the files thread.
    File(FileRequest),
    /// Ask the system for the clipboard's content.
    Paste,
    /// Move the keyboard's focus.
    Focus(Focus),
    /// Close whatever popup is open.
    ClosePopups,
    /// Wear this theme.
    Theme(ThemeChoice),
    /// Wear the preferences: scale and motion.
    Look,
    /// A long job ended: call for attention if the window is in the background.
    CallBack,
    /// Write the settings soon.
    Remember,
    /// Open another window, which takes up what a closed one left.
    NewWindow,
    /// Show a folder, or the one that a file lies in, in the system's own program for that.
    ShowFolder(PathBuf),
    /// Close the window.
    Quit,
}

/// What must not be read off a screen or out of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The state of the window.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, each shown somewhere of its own"
)]
pub struct AppState {
    /// Seconds since the program began, set by the shell before each frame.
    pub now: f64,
    /// The system's language, which the window speaks unless the settings say otherwise.
    pub system_lang: Lang,
    /// The language in use.
    pub lang: Lang,
    /// What is remembered between runs.
    pub settings: Settings,
    /// The model in use.
    pub model: ModelState,
    /// The models that lie in watched folders.
    pub library: Library,
    /// Getting models from the hub.
    pub hub: Hub,
    /// The picture of a depth map that was chosen.
    pub depth: DepthPicture,
    /// The picture and its mask.
    pub document: Document,
    /// The A1111 text of the document's picture; empty if it was not painted.
    pub document_recipe: String,
    /// What a placed picture was made from, offered in the empty prompt.
    pub offered: Option<Arc<Reading>>,
    /// The entry that the document was kept from.
    pub document_entry: Option<EntryId>,
    /// What the document is called in the window's title.
    pub title: String,
    /// Whether it has changed since it was saved.
    pub unsaved: bool,
    /// Which picture the document is: another number when another one takes its place.
    pub sheet: u64,
    /// The file that was last written or opened as a project, and which picture it holds.
    pub saved_to: Option<(u64, PathBuf)>,
    /// The prompt.
    pub prompt: String,
    /// The words to avoid.
    pub negative: String,
    /// Whether their line is open.
    pub avoid_open: bool,
    /// The prompt's length in the model's words.
    pub words: WordCount,
    /// The same of the words to avoid.
    pub negative_words: WordCount,
    /// Words of the prompt that the built-in model does not know, in bytes; none for other models.
    pub unknown: Vec<Range<usize>>,
    /// Where in the prompt a word is being typed, in bytes.
    pub typing: Option<usize>,
    /// Strength in percent, 1..=100.
    pub strength: u32,
    /// Strength before a mask set it to 100, to go back to.
    pub strength_before_mask: Option<u32>,
    /// The active tool.
    pub tool: Tool,
    /// Whether the mask is seen.
    pub mask_show: MaskShow,
    /// Whether a stroke is being drawn.
    pub stroking: bool,
    /// How the picture lies on the screen.
    pub view: View,
    /// Room of the canvas in points.
    pub canvas_room: [f32; 2],
    /// The queue.
    pub jobs: Jobs,
    /// The strip, old to new.
    pub entries: Vec<Entry>,
    /// Discarded entries with the place they had.
    pub bin: Vec<(usize, Entry)>,
    /// What can be undone and redone.
    pub undo: Undo,
    /// The entry on the canvas; `None` shows the document.
    pub shown: Option<EntryId>,
    /// Whether the canvas goes on to newer results by itself.
    pub follow: bool,
    /// The step under the pointer.
    pub scrub: Option<u32>,
    /// The step that a click holds.
    pub pinned: Option<u32>,
    /// Whether the original is held up for comparison.
    pub compare: bool,
    /// Whether the canvas is shown in greys, to judge its values.
    pub values: bool,
    /// The messages.
    pub notices: Notices,
    /// The first start.
    pub welcome: Welcome,
    /// Whether the panel lies open over the canvas of a narrow window.
    pub panel_over: bool,
    /// What lies over the window.
    pub over: Option<Over>,
    /// Whether nothing but the canvas is shown.
    pub canvas_only: bool,
    /// A walk through earlier prompts that is under way.
    pub prompt_walk: Option<PromptWalk>,
    /// The window's size in points, set by the shell before each frame.
    pub window_size: Option<(f32, f32)>,
    /// Whether a file hovers over the window.
    pub drop_hover: bool,
    /// Whether the debug figures are shown.
    pub debug: bool,
    /// Whether the graphics are drawn by the processor, which has better things to do than motion.
    pub cpu_renderer: bool,
    /// Processors of this machine, set by the shell.
    pub processors: usize,
    pub(super) next_key: u64,
}

impl AppState {
    /// The state of a program that has just started.
    #[must_use]
    pub fn new(settings: Settings, system_lang: Lang) -> Self {
        let welcome = if settings.welcome_painted { Welcome::Over } else { Welcome::Waiting };
        let first = resolve::built_in().examples.first().filter(|_| welcome != Welcome::Over);
        let source = settings.in_use.clone();
        let memory = settings.memories.iter().find(|memory| memory.source == source);
        let choices = memory.map(|memory| memory.choices.clone()).unwrap_or_default();
        let prompt = first.map(|example| example.prompt.clone()).unwrap_or_default();
        Self {
            now: 0.0,
            system_lang,
            lang: settings.language.unwrap_or(system_lang),
            model: ModelState { source, choices, ..ModelState::default() },
            library: Library::default(),
            hub: Hub::default(),
            depth: DepthPicture::default(),
            document: Document::empty((256, 256)).with_feather(settings.feather_px),
            document_recipe: String::new(),
            offered: None,
            document_entry: None,
            title: String::new(),
            unsaved: false,
            sheet: 0,
            saved_to: None,
            prompt,
            negative: String::new(),
            avoid_open: false,
            words: WordCount::default(),
            negative_words: WordCount::default(),
            unknown: Vec::new(),
            typing: None,
            strength: 100,
            strength_before_mask: None,
            tool: Tool::default(),
            mask_show: MaskShow::Auto,
            stroking: false,
            view: View::default(),
            canvas_room: [0.0; 2],
            jobs: Jobs::default(),
            entries: Vec::new(),
            bin: Vec::new(),
            undo: Undo::default(),
            shown: None,
            follow: true,
            scrub: None,
            pinned: None,
            compare: false,
            values: false,
            notices: Notices::default(),
            welcome,
            panel_over: false,
            over: None,
            canvas_only: false,
            prompt_walk: None,
            window_size: None,
            drop_hover: false,
            debug: false,
            cpu_renderer: false,
            processors: 1,
            // Above every key that the document counts for itself.
            next_key: 1 << 32,
            settings,
        }
    }

    /// What is to be done when the window opens.
    #[must_use]
    pub fn start(&mut self) -> Vec<Effect> {
        self.hub.take_up(&self.settings);
        let mut effects = vec![
            Effect::Theme(self.settings.theme),
            Effect::Look,
            Effect::Load {
                source: self.model.source.clone(),
                choices: self.model.choices.clone(),
                anyway: false,
            },
            // The example gives way to whatever is typed; the user's own words do not.
            Effect::Focus(match self.welcome {
                Welcome::Over => Focus::Prompt,
                _ => Focus::PromptSelected,
            }),
        ];
        effects.extend(self.look_for_models());
        effects
    }

    /// A key that nothing else has.
    pub fn fresh_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    /// Another picture takes the document's place: the old one's file is not to be written over.
    pub fn begin_sheet(&mut self) {
        // By chance, so that no session gives a number twice.
        self.sheet = random_seed();
    }

    /// The document's own file.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.saved_to.as_ref().filter(|(sheet, _)| *sheet == self.sheet).map(|(_, path)| path)
    }

    /// Which document there is now, in which state.
    #[must_use]
    pub fn version(&self) -> Version {
        let (picture, mask) = (self.document.picture_key(), self.document.mask.key());
        Version { sheet: self.sheet, picture, mask }
    }

    /// Whether a mask is painted on the document.
    #[must_use]
    pub fn has_mask(&self) -> bool {
        !self.document.is_empty() && !self.document.mask.is_empty()
    }

    /// Whether a stroke is being drawn on the picture itself, not on its mask.
    #[must_use]
    pub fn draws_on_picture(&self) -> bool {
        self.document.raster.as_ref().is_some_and(Raster::is_stroking)
    }

    /// Whether there is a picture to save, copy or mask.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        // Asked for by every menu row and key: nothing is cloned for it.
        match self.shown_entry() {
            Some(entry) if entry.stage == Stage::Finished => entry.picture.is_some(),
            Some(entry) => !self.document.is_empty() || entry.before.is_some(),
            None => !self.document.is_empty(),
        }
    }

    /// Whether there is a document, or what is shown can become it: to be saved, to be masked.
    #[must_use]
    pub fn can_keep(&self) -> bool {
        match self.shown_entry() {
            Some(entry) => entry.stage == Stage::Finished || !self.document.is_empty(),
            None => !self.document.is_empty(),
        }
    }

    /// Whether a picture emerges on the empty sheet, so that there is nothing to paint on yet.
    #[must_use]
    pub fn first_emerges(&self) -> bool {
        self.document.is_empty()
            && self.shown_entry().is_some_and(|entry| entry.stage == Stage::Running)
    }

    /// Counts the prompt's words for the model.
    pub fn count_words(&mut self) {
        let style = self.settings.paint.prompt_style;
        let count = |info: &Arc<ModelInfo>, typed: &str| {
            let english = intent::english(self, typed).filter(|read| !read.caption.is_empty());
            let text = english.as_ref().map_or(typed, |english| &english.caption);
            let read = chunks::read(&info.tokenizer, text, style);
            // Places in a translation are none in what was typed.
            let as_typed = english.is_none();
            WordCount {
                used: read.used,
                room: read.room,
                chunks: read.chunks.len(),
                marks: if as_typed { read.marks() } else { Vec::new() },
                lost_from: read.lost_from.filter(|_| as_typed),
            }
        };
        let counted = |text: &str| self.model.info.as_ref().map(|info| count(info, text));
        let words = [&self.prompt, &self.negative].map(|text| counted(text).unwrap_or_default());
        [self.words, self.negative_words] = words;
        let built_in = self.model.source == ModelSource::BuiltIn;
        self.unknown = if built_in { lexicon::unknown(&self.prompt) } else { Vec::new() };
    }

    /// The unknown words that are to be told: not one that is still being typed.
    pub fn told_unknown(&self) -> impl Iterator<Item = &Range<usize>> {
        let typing =
            |word: &&Range<usize>| self.typing.is_some_and(|at| word.start <= at && at <= word.end);
        self.unknown.iter().filter(move |word| !typing(word))
    }

    /// Whether things move to their places instead of jumping there.
    #[must_use]
    pub fn motion(&self) -> bool {
        !self.settings.prefer.less_motion.unwrap_or(self.cpu_renderer)
    }

    /// Whether the chips and their words stand above the dock.
    #[must_use]
    pub fn chips_shown(&self) -> bool {
        self.settings.own_pictures < 2
    }
}
