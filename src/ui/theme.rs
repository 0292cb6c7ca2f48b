//! Makes egui wear the tokens, in both themes. Called once by the shell.

use egui::style::{HandleShape, WidgetVisuals};
use egui::{Context, CornerRadius, Margin, Stroke, TextStyle, Theme, vec2};

use super::tokens::{self, Palette, motion, radius, size, space};

/// Turns the movements of controls on or off.
pub fn set_motion(ctx: &Context, moves: bool) {
    let secs = if moves { motion::HOVER } else { 0.0 };
    ctx.all_styles_mut(|style| {
        style.animation_time = secs;
        if !moves {
            style.scroll_animation = egui::style::ScrollAnimation::none();
        }
    });
}

/// Sets the interface's scale.
pub fn set_scale(ctx: &Context, scale: f32) {
    if ctx.cumulative_frame_nr() == 0 {
        // Before the first frame egui would scale a window size that it has yet to learn.
        ctx.options_mut(|options| options.zoom_factor = scale);
    } else {
        ctx.set_zoom_factor(scale);
    }
}

/// Sets both themes' styles and the options that egui needs to be told.
pub fn install(ctx: &Context) {
    for (theme, palette) in [(Theme::Dark, &tokens::DARK), (Theme::Light, &tokens::LIGHT)] {
        ctx.style_mut_of(theme, |style| wear(style, palette));
    }
    ctx.options_mut(|options| {
        // By default Ctrl+0, Ctrl+plus and Ctrl+minus would scale the interface and be taken from
        // the canvas.
        options.zoom_with_keyboard = false;
        // Ctrl+Q goes through the command table like every other key.
        options.quit_shortcuts.clear();
    });
}

fn wear(style: &mut egui::Style, p: &Palette) {
    style.text_styles = [
        (TextStyle::Small, tokens::caption()),
        (TextStyle::Body, tokens::body()),
        (TextStyle::Button, tokens::body()),
        (TextStyle::Monospace, tokens::body()),
        (TextStyle::Heading, tokens::heading()),
    ]
    .into();
    style.animation_time = motion::HOVER;
    style.interaction.tooltip_delay = 0.5;
    // The wheel walks along the strip.
    style.always_scroll_the_only_direction = true;
    style.interaction.selectable_labels = false;
    spacing(&mut style.spacing);
    let v = &mut style.visuals;
    v.panel_fill = p.panel;
    v.window_fill = p.raised;
    v.window_stroke = Stroke::new(1.0, p.line);
    v.window_shadow = tokens::shadow(p);
    v.popup_shadow = tokens::shadow(p);
    v.window_corner_radius = CornerRadius::same(radius::L);
    v.menu_corner_radius = CornerRadius::same(radius::L);
    v.extreme_bg_color = p.raised;
    v.text_edit_bg_color = Some(p.raised);
    v.faint_bg_color = p.hover;
    v.code_bg_color = p.hover;
    v.hyperlink_color = p.accent_text;
    v.warn_fg_color = p.warn;
    v.error_fg_color = p.error;
    v.weak_text_color = Some(p.text_3);
    v.selection.bg_fill = tokens::faded(p.accent, 0.35);
    v.selection.stroke = Stroke::new(1.0, p.text_1);
    v.slider_trailing_fill = true;
    v.handle_shape = HandleShape::Circle;
    v.button_frame = true;
    // A blinking cursor would keep a focused prompt from ever being idle.
    v.text_cursor.blink = false;
    v.text_cursor.stroke = Stroke::new(1.5, p.text_1);
    let look = |fill, stroke: Stroke, text| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: stroke,
        corner_radius: CornerRadius::same(radius::S),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    v.widgets.noninteractive = look(p.panel, Stroke::new(1.0, p.line), p.text_1);
    let outline = Stroke::new(1.0, p.edge);
    v.widgets.inactive = look(p.raised, outline, p.text_1);
    v.widgets.hovered = look(p.hover, Stroke::new(1.0, p.text_3), p.text_1);
    v.widgets.active = look(p.active, Stroke::NONE, p.text_1);
    v.widgets.open = look(p.active, Stroke::NONE, p.text_1);
}

fn spacing(spacing: &mut egui::style::Spacing) {
    spacing.item_spacing = vec2(space::S, space::S);
    spacing.button_padding = vec2(space::S, space::XS);
    spacing.interact_size = vec2(size::CONTROL, size::CONTROL);
    spacing.window_margin = Margin::same(space::S as i8);
    spacing.menu_margin = Margin::same(space::XS as i8);
    spacing.icon_width = 16.0;
    spacing.tooltip_width = 280.0;
    spacing.combo_height = 320.0;
    spacing.scroll = egui::style::ScrollStyle::thin();
}
