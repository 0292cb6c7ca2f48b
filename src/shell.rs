//! The window: the only `impl eframe::App`. It owns the state, the engine's handle and the files
//! thread; `logic` brings in what they said, `ui` draws and carries out what was asked for.
//!
//! It holds no drawing details and decides nothing about pictures.

mod events;
mod library;
mod meter;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{SurfaceConfig, WgpuConfiguration};
use eframe::wgpu;
use eframe::{CreationContext, Frame, NativeOptions};
use egui::{Context, Ui, ViewportBuilder, ViewportCommand};

use crate::app::notices::Kind;
use crate::app::settings::{Settings, ThemeChoice};
use crate::app::state::{AppState, Effect};
use crate::app::update::update;
use crate::app::words::{Lang, Text};
use crate::app::{command::Command, jobs::Stage, paths};
use crate::engine::Engine;
use crate::engine::painter::{Options, Priority};
use crate::engine::protocol::Request;
use crate::files::FileWorker;
use crate::files::hub::HubSettings;
use crate::ui::{Window, canvas, flat, fonts, theme};
use library::Library;
use meter::Meter;
use session::{Leave, Opening, Session};

/// Where the figures of F12 are written at exit, if anywhere.
const TIMINGS: &str = "PENTIMENTO_TIMINGS";
/// How long the worker's news are gathered before a frame shows them.
const NEWS: Duration = Duration::from_millis(8);
/// Likewise where the processor draws the frames too: each one costs the painting a step.
const NEWS_ON_CPU: Duration = Duration::from_millis(100);
/// Threads that a settings file can ask for.
const MOST_THREADS: usize = 256;
/// How long the journal's news are gathered: nobody waits for them.
const JOURNAL_NEWS: Duration = Duration::from_millis(500);
/// Between two looks at what a closing window waits for.
const LEAVE_AFTER: Duration = Duration::from_millis(20);
/// How long changes to the settings are gathered before they are written.
const REMEMBER_SECS: f64 = 1.0;

/// Opens the window, with a file if one is given, and stays until it is closed.
///
/// # Errors
/// There is no such file; the window, the graphics or a thread cannot be had.
pub fn run(file: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(file) = &file {
        anyhow::ensure!(file.exists(), "There is no such file or command: {}", file.display());
    }
    run_with(file, Engine::spawn)
}

/// Opens the window over any engine; `spawn` is given what the user lets painting take, and what
/// wakes the window.
///
/// # Errors
/// The window, the graphics or a thread cannot be had.
pub fn run_with(
    file: Option<PathBuf>,
    spawn: impl FnOnce(Options, Box<dyn Fn() + Send>) -> std::io::Result<Engine> + 'static,
) -> anyhow::Result<()> {
    let settings_file = paths::settings_file();
    let settings = settings_file.as_deref().map(Settings::load).unwrap_or_default();
    let journal = paths::data_folder().map(|folder| session::open(&folder)).transpose()?;
    let (width, height) = settings.window.unwrap_or((1280.0, 800.0));
    let native = NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Pentimento")
            .with_app_id("pentimento")
            .with_inner_size([width, height])
            .with_min_inner_size([960.0, 640.0]),
        // Flat colours everywhere: nothing to dither, and every pixel would pay for it.
        dithering: false,
        wgpu_options: WgpuConfiguration {
            surface: SurfaceConfig::LOW_LATENCY,
            ..WgpuConfiguration::default()
        },
        ..NativeOptions::default()
    };
    // A count from a file is only as good as the machine it was written on.
    let threads = settings.prefer.threads.map(|count| (count as usize).clamp(1, MOST_THREADS));
    let memory = settings.prefer.memory_gb.map(|gigabytes| u64::from(gigabytes) * 1_000_000_000);
    let priority = Priority::BelowWindow;
    let options = Options { threads, priority, memory, ..Options::default() };
    let event_loop = events::build(settings.prefer.wayland).map_err(|error| no_window(&error))?;
    let proxy = event_loop.create_proxy();
    let opened = Arc::new(AtomicBool::new(false));
    let made = opened.clone();
    let make = move |context: &CreationContext<'_>| {
        let mut cpu_renderer = false;
        if let Some(render_state) = &context.wgpu_render_state {
            canvas::install(render_state);
            cpu_renderer = render_state.adapter.get_info().device_type == wgpu::DeviceType::Cpu;
            if cpu_renderer {
                flat::install(&context.egui_ctx, render_state);
                events::settle_later(&context.egui_ctx, proxy);
            }
        }
        let wake = context.egui_ctx.clone();
        let gather = if cpu_renderer { NEWS_ON_CPU } else { NEWS };
        let engine = spawn(options, Box::new(move || wake.request_repaint_after(gather)))?;
        let mut shell = Shell::new(&context.egui_ctx, engine, settings)?;
        shell.library = Library::new(HubSettings::from_environment(), paths::token_file());
        shell.state.cpu_renderer = cpu_renderer;
        theme::set_motion(&context.egui_ctx, shell.state.motion());
        shell.settings_file = settings_file;
        shell.timings = std::env::var_os(TIMINGS).map(PathBuf::from);
        if let Some(journal) = journal {
            shell.begin_session(&context.egui_ctx, journal)?;
        }
        shell.start(&context.egui_ctx);
        if let Some(file) = file {
            shell.carry(&context.egui_ctx, vec![Command::DropFiles(vec![file])]);
        }
        made.store(true, Ordering::Release);
        Ok(Box::new(shell) as Box<dyn eframe::App>)
    };
    let mut app = eframe::create_native("pentimento", native, Box::new(make), &event_loop);
    event_loop.run_app(&mut app).map_err(|error| no_window(&error))?;
    // eframe ends the loop in silence when the graphics cannot be had; it logs the reason.
    anyhow::ensure!(
        opened.load(Ordering::Acquire),
        "The window cannot be opened: no graphics driver answers (Vulkan, Metal or DirectX)"
    );
    Ok(())
}

fn no_window(error: &winit::error::EventLoopError) -> anyhow::Error {
    anyhow::anyhow!("The window cannot be opened: {error}")
}

/// The window's app.
pub struct Shell {
    state: AppState,
    window: Window,
    engine: Engine,
    files: FileWorker,
    library: Library,
    settings_file: Option<PathBuf>,
    /// The settings as they were read or written last.
    settings_written: Settings,
    remember_at: Option<f64>,
    began: Instant,
    title: String,
    meter: Option<Meter>,
    input_at: Option<Instant>,
    /// The thread's processor time when this frame began, and the frame before it.
    work_from: Option<Duration>,
    worked: Option<Duration>,
    timings: Option<PathBuf>,
    session: Option<Session>,
    /// Whether the window closes as soon as everything is written.
    leaving: bool,
}

impl Shell {
    /// A window over any engine, for tests; nothing is remembered.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn with_engine(ctx: &Context, engine: Engine, settings: Settings) -> std::io::Result<Self> {
        Self::with_hub(ctx, engine, settings, HubSettings::nowhere())
    }

    /// The same with a hub and its cache.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn with_hub(
        ctx: &Context,
        engine: Engine,
        settings: Settings,
        hub: HubSettings,
    ) -> std::io::Result<Self> {
        let mut shell = Self::new(ctx, engine, settings)?;
        shell.library = Library::new(hub, None);
        shell.start(ctx);
        Ok(shell)
    }

    fn new(ctx: &Context, engine: Engine, settings: Settings) -> std::io::Result<Self> {
        fonts::install(ctx);
        theme::install(ctx);
        let locale = sys_locale::get_locale().unwrap_or_default();
        let wake = ctx.clone();
        let settings_written = settings.clone();
        Ok(Self {
            state: AppState::new(settings, Lang::of_locale(&locale)),
            window: Window::default(),
            engine,
            files: FileWorker::spawn(move || wake.request_repaint())?,
            library: Library::new(HubSettings::nowhere(), None),
            settings_file: None,
            settings_written,
            remember_at: None,
            began: Instant::now(),
            title: String::new(),
            meter: None,
            input_at: None,
            work_from: None,
            worked: None,
            timings: None,
            session: None,
            leaving: false,
        })
    }

    fn start(&mut self, ctx: &Context) {
        self.state.processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.library.begin(&mut self.state);
        let effects = self.state.start();
        self.carry_out(ctx, effects);
    }

    /// Brings the last session back; from here on nothing is lost.
    fn begin_session(&mut self, ctx: &Context, opening: Opening) -> std::io::Result<()> {
        let found =
            opening.join().unwrap_or_else(|_panic| Err("a fault in the program".to_owned()));
        match found {
            Ok(found) => {
                let wake = ctx.clone();
                let wake: session::Wake =
                    Arc::new(move || wake.request_repaint_after(JOURNAL_NEWS));
                self.session = Some(Session::begin(found, &mut self.state, wake)?);
            }
            Err(reason) => {
                let words = self.state.lang.fill(Text::SessionNone, &[&reason]);
                self.state.notices.say(self.state.now, Kind::Warning, words, None);
            }
        }
        Ok(())
    }

    /// Hands what is new to the journal.
    fn keep(&mut self) {
        if let Some(session) = &mut self.session {
            session.observe(&self.state);
        }
    }

    /// What the user sees, for tests.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    fn carry_out(&mut self, ctx: &Context, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Submit { number, request } => {
                    let job = self.engine.next_job();
                    let outcome =
                        self.engine.submit(job, Request::Paint(Box::new((*request).clone())));
                    let outcome = outcome.map(|()| job).map_err(|error| error.to_string());
                    self.state.submitted(number, outcome);
                }
                Effect::Load { source, choices, anyway } => {
                    let job = self.engine.next_job();
                    let request = Request::Load { source, choices, anyway };
                    match self.engine.submit(job, request) {
                        Ok(()) => self.state.load_submitted(job),
                        Err(error) => self.state.model.trouble = Some(error.to_string()),
                    }
                }
                Effect::Cancel(job) => self.engine.cancel(job),
                Effect::File(request) => self.files.submit(request),
                Effect::Scan(roots) => self.library.scan(ctx, roots),
                Effect::HubLook(wanted) => {
                    self.library.look(ctx, &self.state.settings, wanted);
                }
                Effect::Hub(request) => self.library.ask(ctx, &self.state.settings, request),
                Effect::HubRemove(request) => {
                    self.library.remove(ctx, &self.state.settings, request);
                }
                Effect::HubPause => self.library.pause(),
                Effect::HubToken(token) => {
                    let kept = self.library.keep_token(token);
                    self.tell_failure(Text::TokenLost, kept.map_err(|error| error.to_string()));
                }
                Effect::Browse(page) => {
                    let shown = open::that_detached(&page);
                    let shown = shown.map_err(|error| format!("{error}: {page}"));
                    self.tell_failure(Text::NoBrowser, shown);
                }
                Effect::Paste => ctx.send_viewport_cmd(ViewportCommand::RequestPaste),
                Effect::Focus(focus) => self.window.focus(ctx, focus),
                Effect::ClosePopups => egui::Popup::close_all(ctx),
                Effect::Theme(choice) => ctx.set_theme(match choice {
                    ThemeChoice::System => egui::ThemePreference::System,
                    ThemeChoice::Dark => egui::ThemePreference::Dark,
                    ThemeChoice::Light => egui::ThemePreference::Light,
                }),
                Effect::Look => {
                    theme::set_scale(ctx, self.state.settings.prefer.scale());
                    theme::set_motion(ctx, self.state.motion());
                }
                Effect::CallBack => {
                    if !ctx.input(|input| input.focused) {
                        let way = egui::UserAttentionType::Informational;
                        ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(way));
                    }
                }
                Effect::NewWindow => self.open_window(),
                Effect::ShowFolder(path) => self.show_folder(&path),
                Effect::Remember => self.remember_at = Some(self.state.now + REMEMBER_SECS),
                Effect::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }

    fn carry(&mut self, ctx: &Context, commands: Vec<Command>) {
        for command in commands {
            let effects = update(&mut self.state, command);
            self.carry_out(ctx, effects);
        }
    }

    /// Brings in what the threads said.
    fn drain(&mut self, ctx: &Context) {
        for event in self.engine.drain() {
            let effects = self.state.engine_event(event);
            self.carry_out(ctx, effects);
        }
        for event in self.files.drain() {
            let effects = self.state.file_event(event);
            self.carry_out(ctx, effects);
        }
        let effects = self.library.drain(&mut self.state);
        self.carry_out(ctx, effects);
        if let Some(session) = &mut self.session {
            session.drain(&mut self.state);
        }
    }

    fn tell_failure(&mut self, text: Text, outcome: Result<(), String>) {
        if let Err(reason) = outcome {
            let words = self.state.lang.fill(text, &[&reason]);
            self.state.notices.say(self.state.now, Kind::Error, words, None);
        }
    }

    /// Another window is another process: it works in the first journal that is free.
    fn open_window(&mut self) {
        // Without a session this is a part of some other program: a test.
        if self.session.is_none() {
            return;
        }
        if let Err(error) = session::open_window() {
            let words = self.state.lang.fill(Text::NoWindow, &[&error.to_string()]);
            self.state.notices.say(self.state.now, Kind::Error, words, None);
        }
    }

    fn show_folder(&mut self, path: &Path) {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        if let Err(error) = open::that_detached(folder) {
            let values = [error.to_string(), folder.display().to_string()];
            let words =
                self.state.lang.fill(Text::NoFolder, &values.each_ref().map(String::as_str));
            self.state.notices.say(self.state.now, Kind::Error, words, None);
        }
    }

    /// The window closes when all is written. Where the disk refuses it stays and says so; whoever
    /// closes it once more has been told.
    fn close_when_written(&mut self, ctx: &Context) {
        let asked = ctx.input(|input| input.viewport().close_requested());
        if !asked && !self.leaving {
            return;
        }
        self.keep();
        let Some(session) = &mut self.session else { return };
        match session.leave() {
            Leave::Now if asked => self.leaving = false,
            Leave::Now => ctx.send_viewport_cmd(ViewportCommand::Close),
            Leave::Soon => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                ctx.request_repaint_after(LEAVE_AFTER);
                self.leaving = true;
            }
            Leave::Stay if asked && session.was_held_back() => self.leaving = false,
            Leave::Stay => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                session.hold_back(&mut self.state);
                self.leaving = false;
            }
        }
    }

    fn remember(&mut self, ctx: &Context) {
        let Some(at) = self.remember_at else { return };
        if self.state.now < at {
            ctx.request_repaint_after_secs((at - self.state.now) as f32 + 0.01);
            return;
        }
        self.remember_at = None;
        self.write_settings();
    }

    fn write_settings(&mut self) {
        let Some(path) = &self.settings_file else { return };
        match self.state.settings.save(path, &self.settings_written) {
            Ok(()) => self.settings_written = self.state.settings.clone(),
            Err(error) => {
                let values = [error.to_string(), path.display().to_string()];
                let values = values.each_ref().map(String::as_str);
                let words = self.state.lang.fill(Text::SettingsLost, &values);
                self.state.notices.say(self.state.now, Kind::Warning, words, None);
            }
        }
    }

    fn dropped(&mut self, ctx: &Context) {
        let (hovering, dropped) =
            ctx.input(|i| (!i.raw.hovered_files.is_empty(), i.raw.dropped_files.clone()));
        if hovering != self.state.drop_hover {
            self.carry(ctx, vec![Command::DropHover(hovering)]);
        }
        if !dropped.is_empty() {
            let files = dropped.iter().map(|file| file.path().to_owned()).collect();
            self.carry(ctx, vec![Command::DropHover(false), Command::DropFiles(files)]);
        }
    }

    fn say_title(&mut self, ctx: &Context) {
        let state = &self.state;
        let lang = state.lang;
        let words = |text: &str| -> String { text.chars().take(48).collect() };
        let running = state.entries.iter().find(|entry| entry.stage == Stage::Running);
        let title = match running {
            Some(entry) if entry.of > 0 => {
                let percent = 100 * entry.steps.len() / entry.of as usize;
                lang.fill(Text::TitleRunning, &[&percent.to_string(), &words(entry.words())])
            }
            _ if state.title.is_empty() => lang.get(Text::TitleEmpty).to_owned(),
            _ => {
                let text = if state.unsaved { Text::TitleUnsaved } else { Text::TitleIdle };
                lang.fill(text, &[&words(&state.title)])
            }
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// The figures of F12: what the last frame cost, and what the meter has seen.
    fn measure(&mut self, frame: &Frame) {
        let busy = self.state.jobs.running.is_some();
        let figures = &mut self.window.figures;
        figures.frames += 1;
        if let Some(secs) = frame.info().cpu_usage {
            let moment = if busy { &mut figures.busy } else { &mut figures.idle };
            moment.frame.add(secs);
        }
        let handed_over = self.meter.as_ref().and_then(Meter::handed_over);
        if let (Some(end), Some(start)) = (handed_over, self.worked.take()) {
            let moment = if busy { &mut figures.busy } else { &mut figures.idle };
            moment.work.add(end.saturating_sub(start).as_secs_f32());
        }
        self.worked = self.work_from.take();
        for (secs, busy) in self.meter.iter().flat_map(Meter::drain) {
            let moment = if busy { &mut figures.busy } else { &mut figures.idle };
            moment.latency.add(secs);
        }
    }

    /// Has the meter follow this frame to the screen, if an input event began it.
    fn follow(&mut self, ui: &Ui, frame: &Frame) {
        if !self.state.debug && self.timings.is_none() {
            self.input_at = None;
            return;
        }
        let Some(render) = frame.wgpu_render_state() else { return };
        if self.meter.is_none() {
            self.meter = Meter::spawn(render.device.clone()).ok();
        }
        if let Some(meter) = &self.meter {
            let busy = self.state.jobs.running.is_some();
            ui.painter().add(meter.follow(self.input_at.take(), busy, ui.max_rect()));
        }
    }

    fn write_timings(&self) {
        let Some(path) = &self.timings else { return };
        let figures = &self.window.figures;
        let report = serde_json::json!({
            "frames": figures.frames,
            "idle": figures.idle.report(),
            "painting": figures.busy.report(),
        });
        if let Err(error) = std::fs::write(path, format!("{report:#}\n")) {
            eprintln!("The timings cannot be written: {error}: {}", path.display());
        }
    }
}

impl eframe::App for Shell {
    fn raw_input_hook(&mut self, _ctx: &Context, raw: &mut egui::RawInput) {
        self.work_from = meter::thread_time();
        if !raw.events.is_empty() {
            self.input_at.get_or_insert_with(Instant::now);
        }
    }

    fn logic(&mut self, ctx: &Context, _frame: &mut Frame) {
        self.state.now = self.began.elapsed().as_secs_f64();
        self.drain(ctx);
        if let Some(next) = self.state.notices.expire(self.state.now) {
            ctx.request_repaint_after(Duration::from_secs_f64((next - self.state.now).max(0.01)));
        }
        self.remember(ctx);
        self.keep();
        self.close_when_written(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut Frame) {
        let ctx = ui.ctx().clone();
        if ctx.current_pass_index() == 0 {
            self.measure(frame);
            let size = ctx.content_rect().size();
            self.state.window_size = Some((size.x, size.y));
            let scale = ctx.zoom_factor();
            self.state.settings.window = Some((size.x * scale, size.y * scale));
            self.dropped(&ctx);
        }
        let commands = self.window.keys(&ctx, &self.state);
        self.carry(&ctx, commands);
        let commands = self.window.show(ui, &self.state);
        let strokes_on = |command: &Command| matches!(command, Command::StrokeMoved(_));
        if commands.is_empty() {
            // Nothing is to be done.
        } else if self.state.draws_on_picture() && commands.iter().all(strokes_on) {
            let mut effects = Vec::new();
            self.window.change_picture(&mut self.state, |state| {
                effects = commands.into_iter().flat_map(|one| update(state, one)).collect();
            });
            self.carry_out(&ctx, effects);
        } else {
            // What was asked for is shown in this very frame, not in the next.
            if ctx.current_pass_index() == 0 {
                ctx.request_discard("a command changed what is to be drawn");
            } else {
                ctx.request_repaint();
            }
            if ctx.will_discard() {
                self.window.let_go();
            }
            self.carry(&ctx, commands);
        }
        if !ctx.will_discard() {
            self.follow(ui, frame);
            self.say_title(&ctx);
            self.keep();
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        self.write_settings();
        self.write_timings();
        self.keep();
        if let Some(session) = self.session.take() {
            session.close();
        }
    }
}
