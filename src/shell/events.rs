//! The event loop under the window: which display server it asks for, and when the frames that
//! egui asks for are drawn.

use std::time::{Duration, Instant};

use eframe::UserEvent;
use egui::Context;
use winit::error::EventLoopError;
use winit::event_loop::{EventLoop, EventLoopProxy};

/// How long a frame that only lets the interface settle may wait, where the processor draws it.
///
/// egui follows each input event's frame by two more, "to give some things time to settle". A
/// graphics card does not notice; a processor would spend two thirds of its time on pictures that
/// no one can tell from the one before, and the next event would wait for them.
const SETTLE: Duration = Duration::from_millis(40);

/// The loop that the window lives in.
///
/// On Linux it asks for X11 wherever there is a server for it: winit does not tell of files
/// dropped on a Wayland window.
///
/// # Errors
/// There is no display server, or none that answers.
pub(super) fn build(wayland: bool) -> Result<EventLoop<UserEvent>, EventLoopError> {
    let mut builder = EventLoop::with_user_event();
    #[cfg(target_os = "linux")]
    {
        use winit::platform::x11::EventLoopBuilderExtX11 as _;
        if !wayland && std::env::var_os("DISPLAY").is_some_and(|name| !name.is_empty()) {
            builder.with_x11();
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = wayland;
    builder.build()
}

/// Puts off the frames that are asked for "at once": what an input event shows does not come this
/// way (its frame is drawn as soon as the event is read), only what settles after it.
pub(super) fn settle_later(ctx: &Context, proxy: EventLoopProxy<UserEvent>) {
    ctx.set_request_repaint_callback(move |info| {
        let delay = if info.delay.is_zero() { SETTLE } else { info.delay };
        // An error means that the loop has ended, and with it all that could be drawn.
        let frame = UserEvent::RequestRepaint {
            viewport_id: info.viewport_id,
            when: Instant::now() + delay,
            cumulative_pass_nr: info.current_cumulative_pass_nr,
        };
        proxy.send_event(frame).ok();
    });
}
