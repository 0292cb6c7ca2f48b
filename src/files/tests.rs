//! Pictures in and out through the two threads.

use std::time::{Duration, Instant};

use super::*;
use crate::document::document::Document;

fn picture() -> Plane<4> {
    Plane::from_flat((2, 1), &[1, 2, 3, 255, 250, 128, 7, 255])
}

fn project(recipe: &str) -> Box<Project> {
    let mut document = Document::empty((2, 1));
    document.replace_picture(picture());
    document.mask.fill_whole();
    let desk = serde_json::json!({ "prompt": "a fox" });
    Box::new(Project { document, recipe: recipe.to_owned(), desk })
}

fn next(worker: &mut FileWorker) -> FileEvent {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if let Some(event) = worker.drain().into_iter().next() {
            return event;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("no event came");
}

#[test]
fn what_is_saved_opens_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.png");
    let mut worker = FileWorker::spawn(|| {}).expect("threads");
    let version = Version::default();
    worker.submit(FileRequest::Save { path: path.clone(), project: project(""), version });
    assert!(matches!(next(&mut worker), FileEvent::Saved { path: saved, .. } if saved == path));
    worker.submit(FileRequest::Open(path));
    match next(&mut worker) {
        FileEvent::Opened { name, picture: opened, .. } => {
            assert_eq!((name.as_str(), opened), ("a.png", picture()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn trouble_is_told_with_the_name_last() {
    let mut worker = FileWorker::spawn(|| {}).expect("threads");
    worker.submit(FileRequest::Open(PathBuf::from("/nowhere/x.png")));
    assert!(
        matches!(next(&mut worker), FileEvent::Failed { message, .. } if message.ends_with(": /nowhere/x.png"))
    );
    let bytes = b"no picture".to_vec();
    worker.submit(FileRequest::DecodeBytes { name: "notes.png".to_owned(), bytes });
    assert!(
        matches!(next(&mut worker), FileEvent::Failed { message, .. } if message.ends_with("notes.png"))
    );
}

#[test]
fn a_model_is_told_from_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut worker = FileWorker::spawn(|| {}).expect("threads");
    let file = folder.path().join("m.safetensors");
    std::fs::write(&file, "").expect("room");
    std::fs::write(folder.path().join("model_index.json"), "{}").expect("room");
    for path in [file, folder.path().to_owned()] {
        worker.submit(FileRequest::Open(path.clone()));
        let event = next(&mut worker);
        assert!(matches!(event, FileEvent::Chosen { path: told, .. } if told == path));
    }
}

#[test]
fn an_open_dialog_delays_no_file_work_and_no_end() {
    let (hold, held) = bounded::<()>(0);
    let mut worker = FileWorker::spawn_with(
        || {},
        move |_| {
            held.recv().unwrap_or(());
            Reply::Closed
        },
    )
    .expect("threads");
    worker.submit(FileRequest::OpenDialog);
    worker.submit(FileRequest::OpenDialog);
    worker.submit(FileRequest::Open(PathBuf::from("/nowhere/x.png")));
    assert!(matches!(next(&mut worker), FileEvent::Failed { .. }));
    hold.send(()).expect("the dialog waits");
    assert!(matches!(next(&mut worker), FileEvent::DialogClosed));
    worker.submit(FileRequest::OpenDialog);
    drop(worker);
    drop(hold);
}

#[test]
fn a_dialogs_choice_is_followed_and_gets_its_extension() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("fox");
    let reply = move |_: &Question| Reply::Path(place.clone());
    let mut worker = FileWorker::spawn_with(|| {}, reply).expect("threads");
    // The dialog asked about "fox" alone: a file that is there already is not written over.
    for expected in ["fox.png", "fox 2.png"] {
        worker.submit(FileRequest::SaveDialog {
            project: project(""),
            suggested_name: "fox.png".to_owned(),
            version: Version { sheet: 7, ..Version::default() },
        });
        let expected = folder.path().join(expected);
        assert!(matches!(
            next(&mut worker),
            FileEvent::Saved { path, version } if path == expected && version.sheet == 7
        ));
    }
}

#[test]
fn a_dialog_that_the_system_does_not_have_is_told() {
    let mut worker = FileWorker::spawn_with(|| {}, |_| Reply::NotShown).expect("threads");
    worker.submit(FileRequest::OpenDialog);
    assert!(matches!(next(&mut worker), FileEvent::Failed { work: Work::Open, .. }));
}

#[test]
fn the_name_says_the_format_and_content_decides_when_it_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, begins) in
        [("a.JPG", &b"\xFF\xD8"[..]), ("b.webp", b"RIFF"), ("c.png", b"\x89PNG"), ("d", b"\x89PNG")]
    {
        let path = with_extension(folder.path().join(name));
        let project = project("a fox\nSteps: 1, Seed: 2, Size: 2x1");
        write(&path, &project).expect("saved");
        assert!(std::fs::read(&path).expect("there").starts_with(begins), "{name}");
        // A file that lies about its format opens as what it is.
        let lies = folder.path().join("lies.tif");
        std::fs::rename(&path, &lies).expect("renamed");
        match open(&lies).expect("a picture") {
            FileEvent::Opened { texts, .. } => {
                assert_eq!(texts[0].text, "a fox\nSteps: 1, Seed: 2, Size: 2x1", "{name}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_project_is_saved_and_opens_whatever_it_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = with_extension(folder.path().join("fox.ORA"));
    write(&path, &project("a fox")).expect("saved");
    let renamed = folder.path().join("fox.png");
    std::fs::rename(path, &renamed).expect("renamed");
    match open(&renamed).expect("a project") {
        FileEvent::OpenedProject { path, project, .. } => {
            assert_eq!((path, project.recipe.as_str()), (Some(renamed), "a fox"));
            assert_eq!(project.document.picture().map(|p| p.to_flat()), Some(picture().to_flat()));
            assert_eq!(project.document.mask.plane().to_flat(), [255, 255]);
        }
        other => panic!("{other:?}"),
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn a_panicking_dialog_counts_as_closed() {
    let mut worker = FileWorker::spawn_with(|| {}, |_| panic!("no portal")).expect("threads");
    worker.submit(FileRequest::OpenDialog);
    assert!(matches!(next(&mut worker), FileEvent::DialogClosed));
}
