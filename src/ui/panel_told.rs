//! The rows of More for what only some models are told: sizes and a refiner, how closely to keep to a
//! picture, where the depth map comes from. Each is there only where the model in use has it.

use egui::{Align2, Sense, Ui, vec2};

use super::Cx;
use super::panel::{Change, decimal_row, error_line, label, out_of};
use super::panel_more::choice;
use super::tokens::{self, size};
use super::widgets::field::{self, Field};
use crate::app::command::Command;
use crate::app::models::ModelRow;
use crate::app::settings::PaintSettings;
use crate::app::told::{DepthFrom, MOST_TOLD, REFINER_FROM, Told};
use crate::app::words::Text;
use crate::engine::protocol::{ModelInfo, ModelSource, Refiner, Task};
use crate::files::Wish;

/// How closely edit models keep to the picture unless the user says otherwise, as in diffusers.
const PICTURE_GUIDANCE: f32 = 1.5;
/// Pixels that an arrow key adds to a size.
const STEP: i64 = 8;
/// Room for the sign between two fields.
const BETWEEN: f32 = 24.0;

/// A row of two whole numbers.
struct Pair {
    text: Text,
    tip: Text,
    names: [Text; 2],
    sign: &'static str,
    least: u32,
}

/// What a row of a list means, beside its own entries.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    /// The usual.
    Usual,
    /// The picture on the canvas.
    Canvas,
    /// One of the list.
    Of(usize),
    /// A file that is still to be chosen.
    Other,
}

/// Draws the rows.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, paint: &mut PaintSettings) {
    let Some(info) = cx.state.model.info.clone() else { return };
    if info.told_sizes {
        sizes(ui, cx, &mut paint.told);
        refiner(ui, cx, &info, &mut paint.told);
    }
    if info.task == Task::Edit {
        let row = (Text::PictureGuidance, (1.0, 10.0), 0.1);
        let value = paint.told.picture_guidance.unwrap_or(PICTURE_GUIDANCE);
        if let Some(changed) = decimal_row(ui, cx, row, value, Some(PICTURE_GUIDANCE)) {
            let changed = changed.or_models_own();
            paint.told.picture_guidance =
                changed.filter(|value| (value - PICTURE_GUIDANCE).abs() > 1e-4);
        }
    }
    if info.task == Task::Depth {
        depth(ui, cx, &mut paint.told);
    }
}

fn sizes(ui: &mut Ui, cx: &Cx<'_>, told: &mut Told) {
    let own = cx.state.new_size();
    let rows = [
        Pair {
            text: Text::OriginalSize,
            tip: Text::OriginalSizeTip,
            names: [Text::OriginalWidth, Text::OriginalHeight],
            sign: "×",
            least: 1,
        },
        Pair {
            text: Text::Crop,
            tip: Text::CropTip,
            names: [Text::CropLeft, Text::CropTop],
            sign: ",",
            least: 0,
        },
        Pair {
            text: Text::TargetSize,
            tip: Text::TargetSizeTip,
            names: [Text::TargetWidth, Text::TargetHeight],
            sign: "×",
            least: 1,
        },
    ];
    let [original, crop, target] = rows;
    if let Some(changed) = pair(ui, cx, &original, told.original_size, own) {
        told.original_size = changed.or_models_own();
    }
    let cut = Some(told.crop).filter(|crop| *crop != (0, 0));
    if let Some(changed) = pair(ui, cx, &crop, cut, (0, 0)) {
        told.crop = changed.or_models_own().unwrap_or_default();
    }
    if let Some(changed) = pair(ui, cx, &target, told.target_size, own) {
        told.target_size = changed.or_models_own();
    }
}

/// Two fields; `own` is what they show while there is no value.
fn pair(
    ui: &mut Ui,
    cx: &Cx<'_>,
    row: &Pair,
    value: Option<(u32, u32)>,
    own: (u32, u32),
) -> Option<Change<(u32, u32)>> {
    let mut changed = None;
    let mut error = None;
    let now = value.unwrap_or(own);
    let shown = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let differs = value.is_some().then(|| format!("{} {} {}", own.0, row.sign, own.1));
        if label(ui, cx, row.text, differs.as_deref()) {
            changed = Some(Change::ModelsOwn);
        }
        let width = (ui.available_width() - BETWEEN) / 2.0;
        let out = out_of(cx, &row.least.to_string(), &MOST_TOLD.to_string());
        let mut side = |ui: &mut Ui, name: Text, side: u32| {
            let (least, most) = (u64::from(row.least), u64::from(MOST_TOLD));
            let parse =
                |text: &str| field::whole(text, (least, most), cx.t(Text::ErrorNumber), &out);
            let step = |by: i32| {
                let moved = i64::from(side) + i64::from(by) * STEP;
                Some(moved.clamp(least as i64, most as i64) as u64)
            };
            let shown = side.to_string();
            let dimmed = value.is_none();
            let outcome = field::number(
                ui,
                Field { name: cx.t(name), width, shown: &shown, dimmed },
                parse,
                step,
            );
            error = error.take().or(outcome.error);
            outcome.value.map(|value| value as u32)
        };
        let first = side(ui, row.names[0], now.0);
        let (sign, _) = ui.allocate_exact_size(vec2(BETWEEN, size::CONTROL), Sense::hover());
        let centre = Align2::CENTER_CENTER;
        ui.painter().text(sign.center(), centre, row.sign, tokens::body(), cx.palette.text_3);
        let second = side(ui, row.names[1], now.1);
        if first.is_some() || second.is_some() {
            changed = Some(Change::To((first.unwrap_or(now.0), second.unwrap_or(now.1))));
        }
    });
    shown.response.on_hover_text(cx.t(row.tip));
    error_line(ui, cx, error.as_ref());
    changed
}

/// Which model does the last steps, and from where on.
fn refiner(ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, told: &mut Told) {
    let is_refiner = |row: &ModelRow| row.family.contains("refiner");
    let of_use = |row: &ModelRow| row.family.starts_with("SDXL") && row.source != info.source;
    let mut rows: Vec<ModelRow> = cx.state.model_rows().into_iter().filter(of_use).collect();
    rows.sort_by_key(|row| !is_refiner(row));
    let mut known: Vec<(ModelSource, String)> =
        rows.into_iter().map(|row| (row.source, row.name)).collect();
    if let Some(chosen) = &told.refiner
        && known.iter().all(|(source, _)| *source != chosen.model)
    {
        known.push((chosen.model.clone(), chosen.model.called()));
    }
    let chosen = told.refiner.as_ref().map(|refiner| &refiner.model);
    let at = chosen.and_then(|model| known.iter().position(|(source, _)| source == model));
    let listed = known.iter().enumerate().map(|(index, (_, name))| (Row::Of(index), name.as_str()));
    let names: Vec<(Row, &str)> = [(Row::Usual, cx.t(Text::RefinerNone))]
        .into_iter()
        .chain(listed)
        .chain([(Row::Other, cx.t(Text::VaeFile))])
        .collect();
    let now = at.map_or(Row::Usual, Row::Of);
    let from = told.refiner.as_ref().map_or(REFINER_FROM, |refiner| refiner.from);
    match choice(ui, cx, Text::Refiner, &names, now, Some(Row::Usual)) {
        Some(Change::To(Row::Of(index))) => {
            told.refiner =
                known.get(index).map(|(model, _)| Refiner { model: model.clone(), from });
        }
        Some(Change::To(Row::Other)) => cx.ask(Command::ChooseFile(Wish::Refiner)),
        Some(_) => told.refiner = None,
        None => {}
    }
    if let Some(refiner) = &mut told.refiner {
        let row = (Text::RefinerFrom, (0.0, 1.0), 0.05);
        if let Some(changed) = decimal_row(ui, cx, row, refiner.from, Some(REFINER_FROM)) {
            refiner.from = changed.or_models_own().unwrap_or(REFINER_FROM);
        }
    }
}

fn depth(ui: &mut Ui, cx: &mut Cx<'_>, told: &mut Told) {
    let file = match &told.depth {
        DepthFrom::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        _ => None,
    };
    let usual = [(Row::Usual, cx.t(Text::DepthEstimated)), (Row::Canvas, cx.t(Text::DepthCanvas))];
    let names: Vec<(Row, &str)> = usual
        .into_iter()
        .chain(file.as_deref().map(|name| (Row::Of(0), name)))
        .chain([(Row::Other, cx.t(Text::DepthFile))])
        .collect();
    let now = match &told.depth {
        DepthFrom::Estimated => Row::Usual,
        DepthFrom::Canvas => Row::Canvas,
        DepthFrom::File(_) => Row::Of(0),
    };
    match choice(ui, cx, Text::DepthFrom, &names, now, Some(Row::Usual)) {
        Some(Change::ModelsOwn | Change::To(Row::Usual)) => told.depth = DepthFrom::Estimated,
        Some(Change::To(Row::Canvas)) => told.depth = DepthFrom::Canvas,
        Some(Change::To(Row::Other)) => cx.ask(Command::ChooseFile(Wish::Depth)),
        Some(Change::To(Row::Of(_))) | None => {}
    }
}
