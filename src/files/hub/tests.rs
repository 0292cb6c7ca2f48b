//! Downloads from a hub of our own on this machine, with every fault that a network has.

mod server;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use super::*;
use server::{Fault, Server};

const REPO: &str = "painter/tiny";
const INDEX: &str = "model_index.json";
const CONFIG: &str = "unet/config.json";
/// The weights that are offered, and the same in full, which are not.
const SHORT: &str = "unet/diffusion_pytorch_model.fp16.safetensors";
const FULL: &str = "unet/diffusion_pytorch_model.safetensors";

/// Bytes that look like nothing in particular, different for each name.
fn bytes(name: &str, length: usize) -> Vec<u8> {
    let mut state = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

fn model() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        (INDEX, 90),
        (CONFIG, 40),
        (SHORT, 700_001),
        (FULL, 1_400_000),
        ("vae/diffusion_pytorch_model.safetensors", 300_000),
        ("a name with spaces & signs.txt", 5),
    ];
    names.map(|(name, length)| (name, bytes(name, length))).to_vec()
}

struct Desk {
    server: Server,
    cache: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { server: Server::start(REPO, model()), cache: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> HubSettings {
        HubSettings {
            endpoint: self.server.endpoint(),
            token: Some("hf_secret".to_owned()),
            cache: self.cache.path().to_owned(),
            patience: Duration::from_millis(400),
            wait: Duration::from_millis(2),
        }
    }

    fn worker(&self) -> HubWorker {
        HubWorker::spawn(self.settings(), || ()).unwrap()
    }

    fn offer(&self) -> Offer {
        let mut worker = self.worker();
        assert!(worker.submit(HubRequest::Look(Wanted::new(REPO))));
        match last(&worker) {
            HubEvent::Offered(offer) => *offer,
            other => panic!("{other:?}"),
        }
    }

    /// The last word about a download.
    fn fetch(&self, offer: &Offer) -> HubEvent {
        let mut worker = self.worker();
        worker.submit(HubRequest::Fetch(Box::new(offer.clone())));
        last(&worker)
    }

    fn discard(&self, offer: &Offer) {
        let mut worker = self.worker();
        worker.submit(HubRequest::Discard(Box::new(offer.clone())));
        assert_eq!(last(&worker), HubEvent::Discarded);
    }

    fn place(&self) -> Place {
        let place = Place::of(self.cache.path(), REPO);
        place.prepare().unwrap();
        place
    }

    /// Puts an offered file where another program would have put it.
    fn put(&self, offer: &Offer, path: &str) {
        let place = self.place();
        fs::write(place.blob(file_of(offer, path)), content(path)).unwrap();
        place.link(&offer.commit, file_of(offer, path)).unwrap();
    }

    /// Puts the full weights there, at that time.
    fn put_full(&self, offer: &Offer, time: SystemTime) {
        let path = self.place().snapshot(&offer.commit).join(FULL);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().set_modified(time).unwrap();
    }

    fn blobs(&self) -> HashMap<String, u64> {
        let folder = self.cache.path().join("models--painter--tiny/blobs");
        let Ok(entries) = fs::read_dir(folder) else { return HashMap::new() };
        // One that got its last name meanwhile is not there any more.
        let entry = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            let length = entry.metadata().ok()?.len();
            Some((entry.file_name().into_string().unwrap(), length))
        };
        entries.filter_map(entry).collect()
    }

    fn incomplete(&self) -> Option<u64> {
        let blobs = self.blobs();
        blobs.into_iter().find(|(name, _)| name.ends_with(".incomplete")).map(|(_, size)| size)
    }
}

fn file_of<'a>(offer: &'a Offer, path: &str) -> &'a RemoteFile {
    offer.files.iter().find(|file| file.path == path).unwrap()
}

fn content(path: &str) -> Vec<u8> {
    model().into_iter().find(|(name, _)| *name == path).unwrap().1
}

fn last(worker: &HubWorker) -> HubEvent {
    loop {
        let event = worker.wait().expect("a last word");
        if event.is_terminal() {
            return event;
        }
    }
}

fn check_whole(event: &HubEvent, offer: &Offer) {
    let HubEvent::Fetched { path } = event else { panic!("{event:?}") };
    assert!(path.ends_with(Path::new("snapshots").join(&offer.commit)));
    for file in &offer.files {
        assert!(fs::read(path.join(&file.path)).unwrap() == content(&file.path), "{}", file.path);
    }
}

#[test]
fn what_was_given_up_leaves_nothing_and_a_whole_model_stays() {
    let desk = Desk::new();
    let offer = desk.offer();
    // Small files arrive, then a large one is refused half way.
    desk.server.plan([Fault::None, Fault::Cut(10_000), Fault::Status(403)]);
    assert!(matches!(desk.fetch(&offer), HubEvent::Failed(_)));
    assert!(!desk.blobs().is_empty());
    desk.discard(&offer);
    assert!(desk.blobs().is_empty(), "{:?}", desk.blobs());
    check_whole(&desk.fetch(&offer), &offer);
    desk.discard(&offer);
    assert_eq!(desk.blobs().len(), offer.files.len());
}

#[test]
fn giving_up_removes_what_was_brought_and_nothing_else() {
    let desk = Desk::new();
    let offer = desk.offer();
    // Another program's model, with weights in full.
    desk.put_full(&offer, SystemTime::now() - Duration::from_hours(1));
    desk.put(&offer, CONFIG);
    desk.put(&offer, INDEX);
    let before = desk.blobs();
    // Not a byte came yet.
    desk.discard(&offer);
    assert_eq!(desk.blobs(), before);
    // The short weights came, and the beginning of the autoencoder.
    desk.server.plan([Fault::None, Fault::Cut(10_000), Fault::Status(403)]);
    assert!(matches!(desk.fetch(&offer), HubEvent::Failed(_)));
    assert!(desk.incomplete().is_some());
    assert!(desk.place().has(file_of(&offer, SHORT)));
    desk.discard(&offer);
    assert_eq!(desk.blobs(), before);
    let snapshot = desk.place().snapshot(&offer.commit);
    assert!([FULL, CONFIG, INDEX].iter().all(|path| snapshot.join(path).exists()));
    assert!(fs::symlink_metadata(snapshot.join(SHORT)).is_err(), "a link to nothing");
}

#[test]
fn giving_up_leaves_what_another_program_began() {
    let desk = Desk::new();
    let offer = desk.offer();
    let short = file_of(&offer, SHORT);
    fs::write(desk.place().incomplete(short), &content(SHORT)[..1000]).unwrap();
    desk.server.plan([Fault::None, Fault::Cut(10_000), Fault::Status(403)]);
    assert!(matches!(desk.fetch(&offer), HubEvent::Failed(_)));
    desk.discard(&offer);
    assert_eq!(desk.blobs().len(), 1, "{:?}", desk.blobs());
    assert!(desk.incomplete().is_some_and(|here| here > 1000), "{:?}", desk.blobs());
    desk.server.plan([Fault::None, Fault::None, Fault::Status(403)]);
    assert!(matches!(desk.fetch(&offer), HubEvent::Failed(_)));
    desk.discard(&offer);
    assert_eq!(desk.blobs(), HashMap::from([(short.blob.clone(), short.size)]));
}

#[test]
fn giving_up_leaves_what_another_program_may_have_taken_since() {
    let desk = Desk::new();
    let offer = desk.offer();
    desk.server.plan([Fault::None, Fault::None, Fault::Cut(10_000), Fault::Status(403)]);
    assert!(matches!(desk.fetch(&offer), HubEvent::Failed(_)));
    desk.put_full(&offer, SystemTime::now() + Duration::from_hours(1));
    desk.discard(&offer);
    let kept = [CONFIG, SHORT].map(|path| file_of(&offer, path));
    assert_eq!(desk.blobs(), HashMap::from(kept.map(|file| (file.blob.clone(), file.size))));
}

#[test]
fn a_model_comes_into_the_usual_cache() {
    let desk = Desk::new();
    let offer = desk.offer();
    assert_eq!((offer.licence.as_deref(), offer.gated), (Some("openrail"), false));
    assert_eq!((offer.size(), offer.present), (90 + 40 + 700_001 + 300_000, 0));
    let mut worker = desk.worker();
    worker.submit(HubRequest::Fetch(Box::new(offer.clone())));
    let mut told = 0;
    let end = loop {
        match worker.wait().unwrap() {
            HubEvent::Progress { here, of, .. } => {
                assert!(here >= told && here <= of && of == offer.size());
                told = here;
            }
            event => break event,
        }
    };
    check_whole(&end, &offer);
    assert!(told > 0);
    let folder = desk.cache.path().join("models--painter--tiny");
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), offer.commit);
    #[cfg(unix)]
    {
        let snapshot = folder.join("snapshots").join(&offer.commit);
        let link = fs::read_link(snapshot.join("unet/config.json")).unwrap();
        assert!(link.starts_with("../../../blobs"), "{}", link.display());
    }
    // All of it is here: nothing more is asked for.
    let asked = desk.server.asked().len();
    check_whole(&desk.fetch(&offer), &offer);
    assert_eq!(desk.server.asked().len(), asked);
    assert_eq!(desk.offer().present, offer.size());
}

#[test]
fn faults_on_the_way_are_overcome() {
    let desk = Desk::new();
    let offer = desk.offer();
    desk.server.plan([
        Fault::Status(500),
        Fault::Status(429),
        Fault::Cut(300),
        Fault::Cut(100_000),
        Fault::Stall(200_000),
        Fault::Status(503),
        Fault::Whole,
        Fault::Reset,
    ]);
    check_whole(&desk.fetch(&offer), &offer);
    assert!(desk.server.asked().iter().any(|asked| asked.from > 0), "nothing was taken up again");
}

#[test]
fn a_paused_download_goes_on_in_the_next_program() {
    let desk = Desk::new();
    let offer = desk.offer();
    let large = offer.files.iter().position(|file| file.size > 700_000).unwrap();
    let small = vec![Fault::None; large];
    desk.server.plan(small.into_iter().chain([Fault::Stall(400_000)]));
    let mut worker = desk.worker();
    worker.submit(HubRequest::Fetch(Box::new(offer.clone())));
    while desk.incomplete().is_none_or(|here| here < 400_000) {
        std::thread::sleep(Duration::from_millis(2));
    }
    worker.pause();
    assert_eq!(last(&worker), HubEvent::Paused);
    drop(worker);
    assert_eq!(desk.incomplete(), Some(400_000));
    assert!(desk.offer().present >= 400_000);
    check_whole(&desk.fetch(&offer), &offer);
    assert!(desk.server.asked().iter().any(|asked| asked.from == 400_000));
    assert_eq!(desk.incomplete(), None);
}

#[test]
fn damage_is_noticed() {
    let desk = Desk::new();
    let offer = desk.offer();
    let weights = offer.files.iter().position(|file| file.checked).unwrap();
    let before = vec![Fault::None; weights];
    desk.server.plan(before.iter().copied().chain([Fault::Damage]));
    check_whole(&desk.fetch(&offer), &offer);
    let desk = Desk::new();
    desk.server.plan(before.into_iter().chain([Fault::Damage; 2]));
    let event = desk.fetch(&offer);
    assert!(matches!(&event, HubEvent::Failed(HubError::Damaged(_))), "{event:?}");
    assert_eq!(desk.incomplete(), None);
    // What was left by someone else and is not the file does not survive either.
    let file = &offer.files[weights];
    let blobs = desk.cache.path().join("models--painter--tiny/blobs");
    let part = blobs.join(format!("{}.incomplete", file.blob));
    fs::write(&part, vec![1; 1000]).unwrap();
    check_whole(&desk.fetch(&offer), &offer);
    fs::remove_file(blobs.join(&file.blob)).unwrap();
    fs::write(&part, vec![1; file.size as usize + 9]).unwrap();
    check_whole(&desk.fetch(&offer), &offer);
}

#[test]
fn what_lasts_is_told_at_once() {
    let desk = Desk::new();
    let offer = desk.offer();
    for (status, word) in [(401, "HF_TOKEN"), (403, "terms"), (404, "no such"), (418, "418")] {
        desk.server.plan([Fault::Status(status)]);
        let before = desk.server.asked().len();
        let HubEvent::Failed(error) = desk.fetch(&offer) else { panic!("{status}") };
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(desk.server.asked().len(), before + 1, "{status}");
    }
    desk.server.plan([Fault::Status(500); 20]);
    let event = desk.fetch(&offer);
    assert!(matches!(event, HubEvent::Failed(HubError::Status { status: 500, .. })), "{event:?}");
    desk.server.plan([Fault::Longer]);
    let event = desk.fetch(&offer);
    assert!(matches!(event, HubEvent::Failed(HubError::Changed(_))), "{event:?}");
    let mut worker = desk.worker();
    for (repo, word) in [("painter/none", "no such"), ("../etc/x", "owner/name")] {
        worker.submit(HubRequest::Look(Wanted::new(repo)));
        let HubEvent::Failed(error) = last(&worker) else { panic!("{repo}") };
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn the_token_stays_with_the_hub() {
    let desk = Desk::new();
    let offer = desk.offer();
    desk.server.plan(vec![Fault::Elsewhere; offer.files.len()]);
    check_whole(&desk.fetch(&offer), &offer);
    let asked = desk.server.asked();
    let (there, here): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.elsewhere);
    assert_eq!(there.len(), offer.files.len());
    assert!(there.iter().all(|asked| asked.token.is_none()), "{there:?}");
    assert!(here.iter().all(|asked| asked.token.as_deref() == Some("Bearer hf_secret")));
}

#[test]
fn two_programs_fetch_a_file_once() {
    let desk = Desk::new();
    let offer = desk.offer();
    let place = Place::of(desk.cache.path(), REPO);
    place.prepare().unwrap();
    let lock = place.lock(&offer.files[0]).unwrap().unwrap();
    assert!(place.lock(&offer.files[0]).unwrap().is_none());
    let mut workers = [desk.worker(), desk.worker()];
    for worker in &mut workers {
        worker.submit(HubRequest::Fetch(Box::new(offer.clone())));
        while worker.wait() != Some(HubEvent::Shared) {}
    }
    drop(lock);
    for worker in &workers {
        check_whole(&last(worker), &offer);
    }
    let asked = desk.server.asked().iter().filter(|asked| asked.file).count();
    assert_eq!(asked, offer.files.len());
    // One that waits for another can be paused.
    let desk = Desk::new();
    let place = Place::of(desk.cache.path(), REPO);
    place.prepare().unwrap();
    let _lock = place.lock(&offer.files[0]).unwrap();
    let mut worker = desk.worker();
    worker.submit(HubRequest::Fetch(Box::new(offer)));
    while worker.wait() != Some(HubEvent::Shared) {}
    worker.pause();
    assert_eq!(last(&worker), HubEvent::Paused);
}

#[test]
fn a_disk_without_room_is_told_before() {
    let desk = Desk::new();
    let mut offer = desk.offer();
    offer.files[0].size = 1 << 60;
    let before = desk.server.asked().len();
    let event = desk.fetch(&offer);
    assert!(matches!(event, HubEvent::Failed(HubError::NoRoom { .. })), "{event:?}");
    assert_eq!(desk.server.asked().len(), before);
}

#[test]
fn the_environment_says_where() {
    let of = |pairs: &[(&str, &str)]| {
        let pairs: HashMap<&str, &str> = pairs.iter().copied().collect();
        HubSettings::from_variables(|name| pairs.get(name).map(|value| (*value).to_owned()))
    };
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let plain = of(&[("XDG_CACHE_HOME", home)]);
    assert_eq!(plain.cache, folder.path().join("huggingface/hub"));
    assert_eq!((plain.endpoint.as_str(), plain.token), ("https://huggingface.co", None));
    fs::write(folder.path().join("token"), "hf_stored\n").unwrap();
    let own = of(&[("HF_HOME", home), ("HF_ENDPOINT", "http://mirror")]);
    assert_eq!((own.endpoint.as_str(), own.token.as_deref()), ("http://mirror", Some("hf_stored")));
    let said = of(&[("HF_HOME", home), ("HF_TOKEN", "hf_said"), ("HF_HUB_CACHE", "/c")]);
    assert_eq!((said.cache, said.token.as_deref()), (PathBuf::from("/c"), Some("hf_said")));
    assert_eq!(of(&[("HF_HOME", home), ("HF_TOKEN", "a\nb")]).token, None);
}
