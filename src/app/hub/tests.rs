//! Downloads from the window's side: one at a time, never without a click, and what becomes of them.

use super::*;
use crate::app::words::Lang;
use crate::files::hub::RemoteFile;

fn offer(repo: &str) -> Box<Offer> {
    let (path, blob) = ("model_index.json".to_owned(), "a".repeat(40));
    Box::new(Offer {
        repo: repo.to_owned(),
        revision: "main".to_owned(),
        commit: "c".repeat(40),
        licence: Some("mit".to_owned()),
        gated: false,
        files: vec![RemoteFile { path, size: 100, blob, checked: false }],
        present: 25,
    })
}

fn state() -> AppState {
    AppState::new(Settings::default(), Lang::En)
}

/// Looks at a repository and accepts its licence.
fn begin(state: &mut AppState, repo: &str) -> Vec<Effect> {
    let effects = state.hub(HubCommand::Look(Pending::of(repo)));
    assert!(matches!(&effects[..], [Effect::HubLook(wanted)] if wanted.repo == repo));
    state.hub_looked(HubEvent::Offered(offer(repo)));
    assert!(matches!(state.hub.look, Look::Offered(..)));
    state.hub(HubCommand::Accept)
}

#[test]
fn a_download_is_paused_resumed_and_done() {
    let mut state = state();
    let wanted = Pending::of("a/b");
    assert!(state.hub(HubCommand::Accept).is_empty(), "nothing was looked at");
    let effects = begin(&mut state, "a/b");
    assert!(matches!(&effects[0], Effect::Hub(HubRequest::Fetch(_))));
    assert_eq!(
        (&state.settings.pending, state.settings.licences.len()),
        (&vec![wanted.clone()], 1)
    );
    let (file, speed) = ("x".to_owned(), Some(10.0));
    state.hub_event(HubEvent::Progress { file, here: 50, of: 100, speed });
    let download = &state.hub.downloads[0];
    assert_eq!((download.share(), download.secs_left()), (0.5, Some(5.0)));
    let effects = state.hub(HubCommand::Pause(wanted.clone()));
    assert!(matches!(effects[..], [Effect::HubPause]));
    state.hub_event(HubEvent::Paused);
    assert_eq!(state.hub.downloads[0].stage, Stage::Paused);
    let effects = state.hub(HubCommand::Resume(wanted));
    assert!(matches!(&effects[0], Effect::Hub(HubRequest::Fetch(_))));
    let path = PathBuf::from("snapshots/c");
    let effects = state.hub_event(HubEvent::Fetched { path: path.clone() });
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Scan(_))));
    assert_eq!(state.hub.downloads[0].stage, Stage::Done(path));
    assert!(state.settings.pending.is_empty());
    assert_eq!(state.notices.list.len(), 1);
}

#[test]
fn one_comes_after_the_other_and_a_cancelled_one_leaves_nothing() {
    let mut state = state();
    begin(&mut state, "a/one");
    let effects = begin(&mut state, "a/two");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Hub(_))));
    let effects = state.hub(HubCommand::Cancel(Pending::of("a/one")));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::HubPause)));
    let effects = state.hub_event(HubEvent::Paused);
    assert!(matches!(&effects[..], [Effect::Hub(HubRequest::Discard(_))]));
    let effects = state.hub_event(HubEvent::Discarded);
    let [Effect::Hub(HubRequest::Fetch(next))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((next.repo.as_str(), state.hub.downloads.len()), ("a/two", 1));
    assert_eq!(state.settings.pending, [Pending::of("a/two")]);
}

#[test]
fn what_is_downloaded_is_painted_with_unless_it_estimates_depth() {
    let mut state = state();
    for (repo, paints) in [("a/b", true), ("depth-anything/Depth-Anything-V2-Small-hf", false)] {
        begin(&mut state, repo);
        state.hub_event(HubEvent::Fetched { path: PathBuf::from("snapshots/c") });
        let notice = state.notices.list.last().unwrap();
        assert_eq!(
            (Pending::of(repo).paints(), !notice.offers.is_empty()),
            (paints, paints),
            "{repo}"
        );
    }
}

#[test]
fn one_that_waits_is_removed_while_another_comes() {
    let mut state = state();
    for repo in ["a/one", "a/two", "a/three"] {
        begin(&mut state, repo);
    }
    let two = Pending::of("a/two");
    state.hub(HubCommand::Cancel(two.clone()));
    let effects = state.hub(HubCommand::Cancel(Pending::of("a/three")));
    let asks = |effect: &Effect| matches!(effect, Effect::Hub(_) | Effect::HubPause);
    assert!(!effects.iter().any(asks), "the one that comes is left alone: {effects:?}");
    // One is removed after the other, and none of them is taken up again.
    assert!(state.hub(HubCommand::Resume(two.clone())).is_empty());
    let effects = state.hub_removed(HubEvent::Discarded);
    let [Effect::HubRemove(HubRequest::Discard(next))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((next.repo.as_str(), state.hub.downloads.len()), ("a/three", 2));
    // It is wanted again before it is gone: the new one stays.
    begin(&mut state, "a/three");
    assert!(state.hub_removed(HubEvent::Discarded).is_empty());
    let stages: Vec<&Stage> = state.hub.downloads.iter().map(|one| &one.stage).collect();
    assert_eq!(stages, [&Stage::Running, &Stage::Queued]);
    assert_eq!(state.hub.under_way().map(|one| one.wanted.repo.as_str()), Some("a/one"));
}

#[test]
fn what_the_last_session_left_is_looked_up_to_be_removed() {
    let wanted = Pending::of("a/b");
    let settings = Settings { pending: vec![wanted.clone()], ..Settings::default() };
    let mut state = AppState::new(settings, Lang::En);
    drop(state.start());
    let effects = state.hub(HubCommand::Cancel(wanted));
    let looks = |effect: &Effect| matches!(effect, Effect::HubRemove(HubRequest::Look(_)));
    assert!(effects.iter().any(looks), "{effects:?}");
    let effects = state.hub_removed(HubEvent::Offered(offer("a/b")));
    assert!(matches!(&effects[..], [Effect::HubRemove(HubRequest::Discard(_))]));
    state.hub_removed(HubEvent::Failed(HubError::Busy("u".to_owned())));
    assert!(state.hub.downloads.is_empty() && state.settings.pending.is_empty());
    assert!(state.notices.list[0].text.contains("could not be removed"));
}

#[test]
fn what_a_killed_session_left_goes_on_by_a_click_only() {
    let wanted = Pending::of("a/b");
    let settings = Settings { pending: vec![wanted.clone()], ..Settings::default() };
    let mut state = AppState::new(settings, Lang::En);
    let effects = state.start();
    let asks = |effect: &Effect| matches!(effect, Effect::Hub(_) | Effect::HubLook(_));
    assert!(!effects.iter().any(asks), "nothing is asked of the network by itself");
    assert_eq!(state.hub.downloads[0].stage, Stage::Paused);
    let effects = state.hub(HubCommand::Resume(wanted));
    assert!(matches!(&effects[..], [Effect::Hub(HubRequest::Look(_))]));
    let effects = state.hub_event(HubEvent::Offered(offer("a/b")));
    assert!(matches!(&effects[..], [Effect::Hub(HubRequest::Fetch(_))]));
    assert_eq!(state.hub.downloads[0].bytes, (25, 100));
}

#[test]
fn several_files_are_offered_and_trouble_is_kept_with_a_way_out() {
    let mut state = state();
    state.hub(HubCommand::Look(Pending::of("a/b")));
    let names = "x.safetensors, y.safetensors".to_owned();
    state.hub_looked(HubEvent::Failed(HubError::ManyFiles(names)));
    assert!(matches!(&state.hub.look, Look::Files(_, files) if files.len() == 2));
    begin(&mut state, "a/c");
    state.hub_event(HubEvent::Failed(HubError::Busy("u".to_owned())));
    assert!(matches!(state.hub.downloads[0].stage, Stage::Failed(_)));
    assert!(!state.notices.list[0].offers.is_empty());
    assert_eq!(state.settings.pending.len(), 1, "it can go on after the next start");
}

#[test]
fn the_token_is_never_shown() {
    let mut state = state();
    let effects = state.hub(HubCommand::Token(Secret("hf_abcdefghijklmnop".to_owned())));
    assert!(matches!(&effects[..], [Effect::HubToken(Some(_))]));
    assert!(!format!("{effects:?}").contains("abcdef"));
    assert_eq!(state.hub.token.as_deref(), Some("••••••••mnop"));
    state.hub(HubCommand::Endpoint("https://mirror.example/".to_owned()));
    assert_eq!(state.settings.hub.endpoint.as_deref(), Some("https://mirror.example"));
    state.hub(HubCommand::Endpoint(String::new()));
    assert_eq!(state.settings.hub.endpoint, None);
}
