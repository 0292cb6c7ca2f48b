//! The flicker test: while a picture emerges and while it is worked on, no frame on the screen
//! differs from both its neighbours by more than they differ from each other plus 2/255.

use std::time::{Duration, Instant};

use super::desk::{Desk, SIZE, Shot};

/// Mean difference that counts as nothing, in 255ths.
const NOTHING: f64 = 2.0;

/// Parts that are looked at apart, so that a small flash is not lost in a large calm window.
const TILE: usize = 80;

/// What stands longer is a state that can be looked at (the bar before it folds), not a flash.
const STANDS: Duration = Duration::from_millis(500);

/// A frame, and when it was first seen.
type Frame = (Shot, Instant);

/// The different frames that the screen shows, in order, until the picture is finished.
fn recorded(desk: &Desk) -> Vec<Frame> {
    let mut frames = vec![];
    desk.watch_until_rest(|shot| frames.push((shot.clone(), Instant::now())));
    frames
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// By how much the worst tile of a frame leaves its neighbours and comes back, in 255ths.
fn flicker([before, frame, after]: [&Shot; 3]) -> (f64, [usize; 4]) {
    let tiles = (0..SIZE.1 / TILE).flat_map(|y| (0..SIZE.0 / TILE).map(move |x| (x, y)));
    let worst = |(x, y)| {
        let tile = [x * TILE, y * TILE, (x + 1) * TILE, (y + 1) * TILE];
        let [before, frame, after] = [before, frame, after].map(|shot| shot.part(tile));
        let away = mean_difference(&frame, &before).min(mean_difference(&frame, &after));
        (away - mean_difference(&before, &after), tile)
    };
    tiles.map(worst).max_by(|a, b| a.0.total_cmp(&b.0)).expect("a window has tiles")
}

fn calm(desk: &Desk, what: &str, frames: &[Frame]) {
    let mut worst = (f64::MIN, [0; 4], 0);
    for (index, trio) in frames.windows(3).enumerate() {
        if trio[2].1 - trio[1].1 > STANDS {
            continue;
        }
        let (by, tile) = flicker([&trio[0].0, &trio[1].0, &trio[2].0]);
        if by > worst.0 {
            worst = (by, tile, index + 1);
        }
    }
    println!("{what}: {} frames, worst {:.2} of 255 at {:?}", frames.len(), worst.0, worst.1);
    assert!(frames.len() > 3, "{what}: the screen does change");
    if worst.0 > NOTHING {
        for (name, index) in [("before", worst.2 - 1), ("flicker", worst.2), ("after", worst.2 + 1)]
        {
            desk.keep_shot(&format!("flicker-{name}"), &frames[index].0);
        }
        panic!("{what}: frame {} flickers by {:.2} at {:?}", worst.2, worst.0, worst.1);
    }
}

#[test]
fn a_picture_emerges_without_a_flicker() {
    let mut desk = Desk::set_up();
    desk.open();
    desk.previews_seen();
    desk.focus_when_open();
    desk.type_text("a fox in a meadow");
    desk.at_rest();

    desk.act("key Return");
    calm(&desk, "a new picture over an old one", &recorded(&desk));
    desk.at_rest();

    // A fill: the emerging part within, the picture around it.
    desk.act("mousemove 520 250");
    desk.act("key Escape");
    desk.act("key q");
    desk.stroke((460, 300), (580, 300));
    desk.act("mousemove 1100 700");
    desk.at_rest();
    desk.act("key ctrl+Return");
    calm(&desk, "a fill", &recorded(&desk));
}
