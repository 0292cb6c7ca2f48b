//! Measures how long an input event takes to the screen: a thread that waits for the graphics to
//! finish the frame that shows it. Made by the shell only while somebody looks at the figures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait, ScreenDescriptor, wgpu};
use egui::{Rect, Shape};

/// Events that may be on their way at once; more are not measured.
const MOST: usize = 64;

/// What was measured: seconds, and whether a run was going.
type Measured = Arc<Mutex<Vec<(f32, bool)>>>;

/// Processor time of the window's thread when the last frame's drawing went to the driver.
type HandedOver = Arc<Mutex<Option<Duration>>>;

/// Follows frames to the screen.
pub(super) struct Meter {
    work: Sender<()>,
    under_way: Arc<AtomicUsize>,
    measured: Measured,
    handed_over: HandedOver,
}

impl Meter {
    /// Starts the thread.
    pub(super) fn spawn(device: wgpu::Device) -> std::io::Result<Self> {
        let (work, inbox) = bounded(MOST);
        let under_way = Arc::new(AtomicUsize::new(0));
        let counted = under_way.clone();
        std::thread::Builder::new().name("meter".to_owned()).spawn(move || {
            for () in inbox {
                // Nobody else polls between two frames, and then the answer would come with the
                // next frame: much too late.
                let until = Instant::now() + Duration::from_secs(2);
                while counted.load(Ordering::Acquire) > 0 && Instant::now() < until {
                    if device.poll(wgpu::PollType::Poll).is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_micros(250));
                }
            }
        })?;
        let (measured, handed_over) = (Measured::default(), HandedOver::default());
        Ok(Self { work, under_way, measured, handed_over })
    }

    /// A shape that draws nothing, and whose frame is followed: to the driver, and if it began with
    /// an event, at `at`, to the screen.
    pub(super) fn follow(&self, at: Option<Instant>, busy: bool, rect: Rect) -> Shape {
        let probe = Probe {
            at,
            busy,
            under_way: self.under_way.clone(),
            measured: self.measured.clone(),
            work: self.work.clone(),
            handed_over: self.handed_over.clone(),
        };
        Shape::Callback(egui_wgpu::Callback::new_paint_callback(rect, probe))
    }

    /// When the last followed frame went to the driver, in processor time of the window's thread.
    /// What comes after that, the presentation, is the driver's.
    pub(super) fn handed_over(&self) -> Option<Duration> {
        self.handed_over.lock().ok()?.take()
    }

    /// What was measured since the last call.
    pub(super) fn drain(&self) -> Vec<(f32, bool)> {
        self.measured.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default()
    }
}

struct Probe {
    at: Option<Instant>,
    busy: bool,
    under_way: Arc<AtomicUsize>,
    measured: Measured,
    work: Sender<()>,
    handed_over: HandedOver,
}

impl CallbackTrait for Probe {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        _resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Ok(mut handed_over) = self.handed_over.lock() {
            *handed_over = thread_time();
        }
        let busy = self.busy;
        let Some(at) = self.at else { return Vec::new() };
        let (under_way, measured) = (self.under_way.clone(), self.measured.clone());
        under_way.fetch_add(1, Ordering::AcqRel);
        encoder.on_submitted_work_done(move || {
            if let Ok(mut list) = measured.lock() {
                list.push((at.elapsed().as_secs_f32(), busy));
            }
            under_way.fetch_sub(1, Ordering::AcqRel);
        });
        // A full channel means the thread is at it already.
        match self.work.try_send(()) {
            Ok(()) | Err(_) => Vec::new(),
        }
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        _pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
    }
}

/// Processor time that the calling thread has used so far, where the system tells.
pub(super) fn thread_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}
