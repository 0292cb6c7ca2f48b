//! The journeys of the window's page, in the real window with real events: each counts what the
//! painter does and leaves a screenshot at every arrow. (The fourth, extending the canvas, comes
//! with the frame.)

use std::process::Command;

use super::desk::{Desk, PICTURE, Shot, differing};

/// Counts clicks, key chords, strokes and runs of typing.
struct Painter<'a> {
    desk: &'a Desk,
    actions: u32,
}

impl Painter<'_> {
    fn key(&mut self, keys: &str) {
        self.actions += 1;
        self.desk.act(&format!("key {keys}"));
    }

    fn write(&mut self, words: &str) {
        self.actions += 1;
        self.desk.type_text(words);
    }

    fn stroke(&mut self, from: (usize, usize), to: (usize, usize)) {
        self.actions += 1;
        self.desk.stroke(from, to);
    }
}

/// The middle of the picture and a part of it that strokes in the journeys never touch.
const MIDDLE: [usize; 4] = [470, 290, 570, 310];
const CORNER: [usize; 4] = [400, 120, 640, 200];

fn changed(a: &Shot, b: &Shot, part: [usize; 4]) -> usize {
    differing(&a.part(part), &b.part(part))
}

fn photo(path: &std::path::Path) {
    let shade = |x: u32, y: u32| {
        let (dx, dy) = (x as f32 - 150.0, y as f32 - 100.0);
        let round = dx.hypot(dy) < 60.0;
        let (sky, ball) = ([110, 160, 220], [210, 60, 40]);
        image::Rgb(if round { ball } else { sky })
    };
    image::RgbImage::from_fn(300, 200, shade).save(path).unwrap();
}

#[test]
fn first_picture_detail_photo_and_back() {
    let mut desk = Desk::set_up();
    desk.open();

    // A. Start: a picture by itself. Words, Enter.
    assert!(desk.previews_seen() >= 2);
    let welcome = desk.keep("a1-start");
    desk.focus(&["--name", "Pentimento"]);
    let mut painter = Painter { desk: &desk, actions: 0 };
    painter.write("a blue bird on the beach");
    painter.key("Return");
    assert!(desk.previews_seen() >= 2);
    let bird = desk.keep("a2-bird");
    assert!(changed(&welcome, &bird, PICTURE) > 20_000);
    println!("A. first picture: {} actions (target 2)", painter.actions);
    assert!(painter.actions <= 2);
    // Another one, so that the examples have left and nothing moves any more.
    desk.act("key Return");
    desk.previews_seen();
    desk.act("mousemove 700 120");
    desk.act("key Escape");
    let bird = desk.at_rest();

    // B. Fix a detail: the mask tool, one stroke, Ctrl+Enter with the words as they are.
    let mut painter = Painter { desk: &desk, actions: 0 };
    painter.key("q");
    painter.stroke((460, 300), (580, 300));
    desk.act("mousemove 1100 600");
    let masked = desk.at_rest();
    desk.keep("b1-masked");
    assert!(changed(&bird, &masked, MIDDLE) > 500, "the overlay");
    painter.key("ctrl+Return");
    desk.previews_seen();
    let filled = desk.at_rest();
    desk.keep("b2-filled");
    assert_eq!(changed(&bird, &filled, CORNER), 0, "outside the mask");
    println!("B. a detail: {} actions (target 3 without new words)", painter.actions);
    assert!(painter.actions <= 3);

    // E. Browse and go back: Left, Left, Enter; and undo brings the results back.
    desk.act("key h");
    desk.act("mousemove 700 120 click 1");
    desk.at_rest();
    let mut painter = Painter { desk: &desk, actions: 0 };
    painter.key("Left");
    painter.key("Left");
    let earlier = desk.at_rest();
    desk.keep("e1-earlier");
    assert!(changed(&filled, &earlier, PICTURE) > 5_000, "an earlier result");
    painter.key("Return");
    desk.at_rest();
    desk.keep("e2-kept");
    println!("E. two results back and kept: {} actions (target 3)", painter.actions);
    assert!(painter.actions <= 3);

    // Tomorrow: killed, and the same picture is there.
    let kept = desk.at_rest();
    drop(desk.app.take());
    desk.open();
    desk.focus_when_open();
    desk.act("mousemove 700 120");
    desk.at_rest();
    let back = desk.keep("e3-back");
    assert!(changed(&kept, &back, CORNER) < 50, "the picture is there again");
    desk.quit();
}

#[test]
fn a_dropped_photo_is_repainted() {
    let mut desk = Desk::set_up();
    desk.open();
    desk.previews_seen();
    let path = desk.home.path().join("photo.png");
    photo(&path);
    desk.focus(&["--name", "Pentimento"]);

    // C. Drop, words, Enter.
    let mut painter = Painter { desk: &desk, actions: 1 };
    let before = desk.at_rest();
    let window = desk.window(&["--name", "Pentimento"]);
    assert!(super::xdnd::drop_file(&desk.display, window, (500, 300), &path));
    let placed = desk.at_rest();
    desk.keep("c1-placed");
    assert!(changed(&before, &placed, PICTURE) > 20_000, "the photo lies there");
    // A drop selects the old words: what is typed takes their place.
    painter.write("a red apple in the snow");
    painter.key("Return");
    assert!(desk.previews_seen() >= 2);
    let painted = desk.keep("c2-repainted");
    assert!(changed(&placed, &painted, PICTURE) > 20_000, "it melted");
    println!("C. a photo: {} actions (target 3)", painter.actions);
    assert!(painter.actions <= 3);

    // Fifty files at once, a folder and something that is no picture: told, nothing lost.
    let notes = desk.home.path().join("notes.png");
    std::fs::write(&notes, "not a picture").unwrap();
    for bad in [notes.as_path(), desk.home.path()] {
        assert!(super::xdnd::drop_file(&desk.display, window, (500, 300), bad));
        desk.at_rest();
    }
    let told = desk.keep("c3-told");
    assert!(changed(&painted, &told, CORNER) < 50, "the picture is still there");
    let running = Command::new("kill").args(["-0", &desk.pid().to_string()]).status();
    assert!(running.unwrap().success());
    desk.quit();
}
