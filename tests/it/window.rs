//! The real program in a real window: the first picture, a mask, a fill, a saved file.

use std::fs;
use std::time::{Duration, Instant};

use pentimento::document::codec::decode_picture;

use super::desk::{Desk, PATIENCE, PICTURE, Shot, differing};

#[test]
fn first_picture_mask_fill_and_save() {
    let mut desk = Desk::set_up();
    let start = Instant::now();
    desk.open();
    let flat = |shot: &Shot| shot.0.chunks_exact(3).all(|pixel| pixel == &shot.0[..3]);
    desk.until("the window appears", |shot| !flat(shot));
    println!("window on screen after {:.0?}", start.elapsed());

    // The welcome picture paints itself.
    let previews = desk.previews_seen();
    println!("welcome: {previews} changes of the picture");
    let welcome = desk.keep("1-welcome");
    assert!(previews >= 3, "previews of the welcome picture");

    // The example is selected: typing replaces it.
    desk.focus(&["--name", "Pentimento"]);
    desk.at_rest();
    desk.type_text("a red apple on a white background");
    desk.keep("2-typed");
    desk.act("key Return");
    let previews = desk.previews_seen();
    println!("own prompt: {previews} changes of the picture");
    assert!(previews >= 3, "previews of the typed prompt");
    let apple = desk.keep("3-apple");
    assert!(apple.part(PICTURE) != welcome.part(PICTURE));
    let strip = |shot: &Shot| shot.part([132, 598, 200, 662]);
    assert!(strip(&apple) != strip(&welcome), "a second thumbnail");

    // With the second picture of one's own the examples leave, and the picture eases to its new
    // room; from here on it stays where it is.
    desk.act("key Return");
    desk.previews_seen();

    // A stroke of the mask brush, on the picture.
    desk.act("mousemove 520 250");
    desk.act("key Escape");
    desk.at_rest();
    desk.act("key q");
    let before = desk.at_rest();
    desk.stroke((460, 300), (580, 300));
    desk.act("mousemove 1100 600");
    let masked = desk.at_rest();
    desk.keep("4-masked");
    let stroke = [470, 290, 570, 310];
    assert!(differing(&masked.part(stroke), &before.part(stroke)) > 500, "the overlay shows");
    let button = [845, 745, 930, 780];
    assert!(differing(&masked.part(button), &before.part(button)) > 20, "the button's word");

    // Fill: inside it changes, outside not one pixel. The mask is hidden to compare.
    desk.act("key shift+q");
    let original = desk.at_rest();
    desk.act("key ctrl+Return");
    desk.previews_seen();
    let filled = desk.at_rest();
    desk.keep("5-filled");
    let (outside, inside) = ([400, 120, 640, 220], stroke);
    assert_eq!(differing(&filled.part(outside), &original.part(outside)), 0, "outside the mask");
    assert!(differing(&filled.part(inside), &original.part(inside)) > 200, "inside the mask");

    // Saved through the file dialog.
    let path = desk.home.path().join("fox.png");
    desk.act("key ctrl+s");
    let dialog = desk.until("the file dialog opens", |shot| {
        differing(&shot.part([200, 100, 1000, 700]), &filled.part([200, 100, 1000, 700])) > 50_000
    });
    drop(dialog);
    desk.at_rest();
    desk.keep("6-dialog");
    desk.focus(&["--onlyvisible", "--class", "zenity"]);
    desk.act("key ctrl+a");
    desk.type_text(&path.to_string_lossy());
    desk.act("key Return");
    let start = Instant::now();
    while !path.exists() {
        if start.elapsed() > PATIENCE {
            desk.keep("gave-up");
            panic!("the picture was never saved");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let saved = decode_picture(&fs::read(&path).expect("the saved file")).expect("a picture");
    let parameters = saved.parameters().expect("its parameters");
    assert!(parameters.contains("a red apple") && parameters.contains("Steps: 20"));
    assert_eq!((saved.picture.width, saved.picture.height), (256, 256));

    // Closed by its own key, with what it measured.
    desk.at_rest();
    desk.quit();
    let timings = fs::read_to_string(desk.home.path().join("timings.json")).expect("timings");
    println!("{timings}");
}
