//! A desk to drive the real program on: Xvfb, Mesa's software Vulkan, a real pointer and real keys.
//! Screenshots lie in `target/window-shots` afterwards, for people to look at.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(90);
pub const SIZE: (usize, usize) = (1280, 800);
/// Where the picture lies in the window, with and without the row of examples.
pub const PICTURE: [usize; 4] = [330, 100, 710, 440];

pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub struct Desk {
    pub display: String,
    pub home: tempfile::TempDir,
    shots: PathBuf,
    pub app: Option<Running>,
    _server: Running,
}

/// What is on the screen: RGB.
#[derive(Clone, PartialEq)]
pub struct Shot(pub Vec<u8>);

impl Shot {
    pub fn part(&self, [x0, y0, x1, y1]: [usize; 4]) -> Vec<u8> {
        let row = |y: usize| self.0[(y * SIZE.0 + x0) * 3..(y * SIZE.0 + x1) * 3].iter().copied();
        (y0..y1).flat_map(row).collect()
    }
}

pub fn started(command: &mut Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| {
        panic!("{name}: {error}; install xvfb, xdotool, x11-apps, zenity, mesa-vulkan-drivers")
    })
}

pub fn software_vulkan() -> PathBuf {
    let drivers = fs::read_dir("/usr/share/vulkan/icd.d").expect("install mesa-vulkan-drivers");
    let mut drivers = drivers.filter_map(|entry| Some(entry.ok()?.path()));
    drivers
        .find(|path| path.to_string_lossy().contains("lvp_icd"))
        .expect("install mesa-vulkan-drivers")
}

impl Desk {
    pub fn set_up() -> Self {
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

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display);
        command
    }

    pub fn open(&mut self) {
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

    /// The program's number.
    pub fn pid(&self) -> u32 {
        self.app.as_ref().expect("it runs").0.id()
    }

    /// Waits for the window and gives it the keyboard.
    pub fn focus_when_open(&self) {
        let flat = |shot: &Shot| shot.0.chunks_exact(3).all(|pixel| pixel == &shot.0[..3]);
        self.until("the window appears", |shot| !flat(shot));
        self.focus(&["--name", "Pentimento"]);
    }

    pub fn shot(&self) -> Shot {
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

    pub fn keep(&self, name: &str) -> Shot {
        let shot = self.shot();
        self.keep_shot(name, &shot);
        shot
    }

    pub fn keep_shot(&self, name: &str, shot: &Shot) {
        let (width, height) = (SIZE.0 as u32, SIZE.1 as u32);
        let image = image::RgbImage::from_raw(width, height, shot.0.clone()).expect("its size");
        image.save(self.shots.join(format!("{name}.png"))).expect("a screenshot is saved");
    }

    pub fn act(&self, words: &str) {
        let done = self.command("xdotool").args(words.split(' ')).status().expect("xdotool runs");
        assert!(done.success(), "xdotool {words}");
    }

    /// There is no window manager that would do it.
    pub fn focus(&self, which: &[&str]) {
        self.act(&format!("windowfocus {}", self.window(which)));
        // A window that has only just got the keyboard may lose the first keys.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// The number of a window.
    pub fn window(&self, which: &[&str]) -> u32 {
        let found = self.command("xdotool").arg("search").args(which).output();
        let found = String::from_utf8(found.expect("xdotool runs").stdout).expect("numbers");
        let window = found.lines().next().unwrap_or_else(|| panic!("no window {which:?}"));
        window.parse().expect("a number")
    }

    /// Presses, moves through some points and lets go.
    pub fn stroke(&self, from: (usize, usize), to: (usize, usize)) {
        self.act(&format!("mousemove {} {} mousedown 1", from.0, from.1));
        for step in 1..=12 {
            let at = |a: usize, b: usize| (a * (12 - step) + b * step) / 12;
            self.act(&format!("mousemove {} {}", at(from.0, to.0), at(from.1, to.1)));
        }
        self.act("mouseup 1");
    }

    /// Asks the window to close and waits for the program's end.
    pub fn quit(&mut self) {
        self.focus(&["--name", "Pentimento"]);
        self.act("key ctrl+q");
        let mut app = self.app.take().expect("it runs");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = app.0.try_wait().expect("its status") {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status}");
    }

    pub fn type_text(&self, text: &str) {
        let done = self.command("xdotool").args(["type", "--delay", "20", text]).status();
        assert!(done.expect("xdotool runs").success());
    }

    /// The first screenshot that fulfils a condition.
    pub fn until(&self, what: &str, fulfils: impl Fn(&Shot) -> bool) -> Shot {
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

    /// Whether the program has nothing to do: each of its threads sleeps. One that waits for a core
    /// does not, so this holds on a machine of any speed.
    fn idle(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        let mut stats =
            tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        // The state follows the name, which stands in brackets and may hold any character.
        stats.all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
    }

    /// Takes screenshots until the program has been idle and the screen unchanged for a while; `see`
    /// gets each that differs from the one before. The last one is the screen at rest.
    pub fn watch_until_rest(&self, mut see: impl FnMut(&Shot)) -> Shot {
        let start = Instant::now();
        let mut last = self.shot();
        see(&last);
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_millis(1500) {
            assert!(start.elapsed() < PATIENCE, "the screen never comes to rest");
            std::thread::sleep(Duration::from_millis(10));
            let shot = self.shot();
            if shot != last {
                see(&shot);
                last = shot;
                since = Instant::now();
            } else if !self.idle() {
                since = Instant::now();
            }
        }
        last
    }

    /// The screen after nothing moved on it for a while.
    pub fn at_rest(&self) -> Shot {
        self.watch_until_rest(|_| {})
    }

    /// How often the picture changed before the program came to rest; waits for the first change.
    pub fn previews_seen(&self) -> usize {
        let before = self.shot().part(PICTURE);
        let first = self.until("the picture changes", |shot| shot.part(PICTURE) != before);
        let (mut last, mut seen) = (first.part(PICTURE), 1);
        self.watch_until_rest(|shot| {
            let part = shot.part(PICTURE);
            seen += usize::from(part != last);
            last = part;
        });
        seen
    }
}

pub fn differing(a: &[u8], b: &[u8]) -> usize {
    a.chunks_exact(3).zip(b.chunks_exact(3)).filter(|(a, b)| a != b).count()
}
