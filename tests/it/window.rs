//! The real program in a real window: Xvfb, Mesa's software Vulkan, a real pointer and real keys.
//! Screenshots lie in `target/window-shots` afterwards, for people to look at.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pentimento::document::codec::decode_picture;

/// How long anything may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(90);
const SIZE: (usize, usize) = (1280, 800);
/// Where the picture lies in the window, with and without the row of examples.
const PICTURE: [usize; 4] = [330, 100, 710, 440];

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Desk {
    display: String,
    home: tempfile::TempDir,
    shots: PathBuf,
    app: Option<Running>,
    _server: Running,
}

/// What is on the screen: RGB.
#[derive(Clone, PartialEq)]
struct Shot(Vec<u8>);

impl Shot {
    fn part(&self, [x0, y0, x1, y1]: [usize; 4]) -> Vec<u8> {
        let row = |y: usize| self.0[(y * SIZE.0 + x0) * 3..(y * SIZE.0 + x1) * 3].iter().copied();
        (y0..y1).flat_map(row).collect()
    }
}

fn started(command: &mut Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| {
        panic!("{name}: {error}; install xvfb, xdotool, x11-apps, zenity, mesa-vulkan-drivers")
    })
}

fn software_vulkan() -> PathBuf {
    let drivers = fs::read_dir("/usr/share/vulkan/icd.d").expect("install mesa-vulkan-drivers");
    let mut drivers = drivers.filter_map(|entry| Some(entry.ok()?.path()));
    drivers
        .find(|path| path.to_string_lossy().contains("lvp_icd"))
        .expect("install mesa-vulkan-drivers")
}

impl Desk {
    fn set_up() -> Self {
        let mut server = started(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut number = String::new();
        let output = server.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut number).expect("Xvfb says its display");
        let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../window-shots");
        fs::create_dir_all(&shots).expect("a folder for screenshots");
        Self {
            display: format!(":{}", number.trim()),
            home: tempfile::tempdir().expect("a home"),
            shots,
            app: None,
            _server: Running(server),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display);
        command
    }

    fn open(&mut self) {
        let home = self.home.path();
        let driver = software_vulkan();
        let child = started(
            self.command(env!("CARGO_BIN_EXE_pentimento"))
                .env_remove("WAYLAND_DISPLAY")
                .env_remove("DBUS_SESSION_BUS_ADDRESS")
                .env("LANG", "en_US.UTF-8")
                .env("HOME", home)
                .env("XDG_CONFIG_HOME", home.join("config"))
                .env("XDG_DATA_HOME", home.join("data"))
                .env("XDG_RUNTIME_DIR", home)
                .env("VK_ICD_FILENAMES", &driver)
                .env("VK_DRIVER_FILES", &driver)
                .env("PENTIMENTO_TIMINGS", home.join("timings.json")),
        );
        self.app = Some(Running(child));
    }

    fn shot(&self) -> Shot {
        let output = self.command("xwd").args(["-root", "-silent"]).output().expect("xwd runs");
        let bytes = output.stdout;
        let number = |at: usize| {
            u32::from_be_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("a header")) as usize
        };
        let (header, colours, stride) = (number(0), number(19), number(12));
        // With several windows on the screen it packs three bytes to a pixel, else four.
        let bytes_per_pixel = number(11) / 8;
        let pixels = &bytes[header + colours * 12..];
        let row = |y: usize| {
            pixels[y * stride..][..SIZE.0 * bytes_per_pixel].chunks_exact(bytes_per_pixel)
        };
        Shot((0..SIZE.1).flat_map(row).flat_map(|bgr| [bgr[2], bgr[1], bgr[0]]).collect())
    }

    fn keep(&self, name: &str) -> Shot {
        let shot = self.shot();
        let (width, height) = (SIZE.0 as u32, SIZE.1 as u32);
        let image = image::RgbImage::from_raw(width, height, shot.0.clone()).expect("its size");
        image.save(self.shots.join(format!("{name}.png"))).expect("a screenshot is saved");
        shot
    }

    fn act(&self, words: &str) {
        let done = self.command("xdotool").args(words.split(' ')).status().expect("xdotool runs");
        assert!(done.success(), "xdotool {words}");
    }

    /// There is no window manager that would do it.
    fn focus(&self, which: &[&str]) {
        let found = self.command("xdotool").arg("search").args(which).output();
        let found = String::from_utf8(found.expect("xdotool runs").stdout).expect("numbers");
        let window = found.lines().next().unwrap_or_else(|| panic!("no window {which:?}"));
        self.act(&format!("windowfocus {window}"));
    }

    fn type_text(&self, text: &str) {
        let done = self.command("xdotool").args(["type", "--delay", "20", text]).status();
        assert!(done.expect("xdotool runs").success());
    }

    /// The first screenshot that fulfils a condition.
    fn until(&self, what: &str, fulfils: impl Fn(&Shot) -> bool) -> Shot {
        let start = Instant::now();
        loop {
            let shot = self.shot();
            if fulfils(&shot) {
                return shot;
            }
            if start.elapsed() > PATIENCE {
                self.keep("gave-up");
                panic!("waited in vain: {what}");
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The screen after nothing moved on it for a while.
    fn at_rest(&self) -> Shot {
        let start = Instant::now();
        let (mut last, mut since) = (self.shot(), Instant::now());
        while since.elapsed() < Duration::from_millis(1500) {
            assert!(start.elapsed() < PATIENCE, "the screen never comes to rest");
            std::thread::sleep(Duration::from_millis(100));
            let shot = self.shot();
            if shot != last {
                (last, since) = (shot, Instant::now());
            }
        }
        last
    }

    /// How often the picture changed before the screen came to rest; waits for the first change.
    fn previews_seen(&self) -> usize {
        let start = Instant::now();
        let (mut seen, mut since) = (vec![self.shot().part(PICTURE)], Instant::now());
        let waits = |seen: usize, since: Instant| seen == 1 || since.elapsed().as_secs() < 4;
        while waits(seen.len(), since) && start.elapsed() < PATIENCE {
            let part = self.shot().part(PICTURE);
            if seen.last() != Some(&part) {
                seen.push(part);
                since = Instant::now();
            }
        }
        seen.len() - 1
    }
}

fn differing(a: &[u8], b: &[u8]) -> usize {
    a.chunks_exact(3).zip(b.chunks_exact(3)).filter(|(a, b)| a != b).count()
}

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
    desk.act("mousemove 460 300 mousedown 1");
    for step in 1..=12 {
        desk.act(&format!("mousemove {} 300", 460 + step * 10));
    }
    desk.act("mouseup 1");
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
    desk.focus(&["--name", "Pentimento"]);
    desk.act("key ctrl+q");
    let mut app = desk.app.take().expect("it runs");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = app.0.try_wait().expect("its status") {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success());
    let timings = fs::read_to_string(desk.home.path().join("timings.json")).expect("timings");
    println!("{timings}");
}
