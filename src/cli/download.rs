//! `pentimento download owner/name`: a model from the Hugging Face hub into the hub's usual cache.
//!
//! What would come is shown first: files, sizes, licence. It comes when the words are said again
//! with `--yes`. Ended or killed on the way, the same words go on where it stopped.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::args::Download;
use crate::files::hub::{HubEvent, HubRequest, HubSettings, HubWorker, Offer, Wanted};

/// Shows what there is and, with `--yes`, brings it.
pub(super) fn run(args: &Download) -> Result<()> {
    let mut teller = Teller { json: args.json, terminal: stderr().is_terminal(), line: false };
    bring(args, &mut teller).inspect_err(|error| teller.failed(error))
}

fn bring(args: &Download, teller: &mut Teller) -> Result<()> {
    let mut settings = HubSettings::from_environment();
    if let Some(endpoint) = &args.endpoint {
        settings.endpoint.clone_from(endpoint);
    }
    if let Some(cache) = &args.cache {
        settings.cache.clone_from(cache);
    }
    let mut worker = HubWorker::spawn(settings, || ())
        .context("The system gives no thread to download with; close other programs")?;
    let wanted = Wanted {
        revision: args.revision.clone(),
        half: !args.full,
        file: args.file.clone(),
        ..Wanted::new(&args.repo)
    };
    worker.submit(HubRequest::Look(wanted));
    let offer = loop {
        match worker.wait().context("The download has stopped; start it again")? {
            HubEvent::Offered(offer) => break offer,
            HubEvent::Failed(error) => bail!(error),
            event => teller.tell(&event)?,
        }
    };
    teller.offer(&offer)?;
    if !args.yes {
        eprintln!("Add --yes to download it, which accepts its licence");
        return Ok(());
    }
    worker.submit(HubRequest::Fetch(offer));
    loop {
        match worker.wait().context("The download has stopped; start it again")? {
            HubEvent::Fetched { path } => {
                teller.clear();
                if args.json {
                    return teller.say(&json!({"event": "fetched", "path": path}));
                }
                writeln!(stdout(), "{}", path.display())?;
                return Ok(());
            }
            HubEvent::Paused => bail!("The download was paused; say the same again to go on"),
            HubEvent::Failed(error) => bail!(error),
            event => teller.tell(&event)?,
        }
    }
}

/// Says what happens.
struct Teller {
    json: bool,
    terminal: bool,
    /// Whether a line stands on the terminal that the next one replaces.
    line: bool,
}

impl Teller {
    fn say(&self, event: &Value) -> Result<()> {
        if self.json {
            writeln!(stdout(), "{event}")?;
        }
        Ok(())
    }

    /// The call failed; `main` says the message on standard error.
    fn failed(&mut self, error: &anyhow::Error) {
        self.clear();
        // Standard output may be what failed.
        drop(self.say(&json!({"event": "error", "message": format!("{error:#}")})));
    }

    fn offer(&mut self, offer: &Offer) -> Result<()> {
        self.clear();
        let files: Vec<Value> = offer
            .files
            .iter()
            .map(|file| json!({"path": file.path, "size": file.size, "sum": file.blob}))
            .collect();
        if self.json {
            return self.say(&json!({
                "event": "offer", "repo": offer.repo, "commit": offer.commit,
                "licence": offer.licence, "gated": offer.gated, "size": offer.size(),
                "present": offer.present, "files": files,
            }));
        }
        let mut out = stdout().lock();
        for file in &offer.files {
            writeln!(out, "{:>12}  {}", megabytes(file.size), file.path)?;
        }
        let (size, present) = (megabytes(offer.size()), megabytes(offer.present));
        writeln!(out, "{size:>12}  in all, {present} of it here")?;
        let licence = offer.licence.as_deref().unwrap_or("not named; see the model's page");
        writeln!(out, "licence: {licence}")?;
        if offer.gated {
            writeln!(out, "Its makers ask you to accept their terms on its page first")?;
        }
        Ok(())
    }

    fn tell(&mut self, event: &HubEvent) -> Result<()> {
        let words = match event {
            HubEvent::Progress { file, here, of, speed } => {
                self.say(&json!({
                    "event": "progress", "file": file, "here": here, "of": of, "speed": speed,
                }))?;
                let speed = speed.map(|speed| format!(", {} a second", megabytes(speed as u64)));
                let speed = speed.unwrap_or_default();
                format!("{} of {}{speed}  {file}", megabytes(*here), megabytes(*of))
            }
            HubEvent::Waiting { secs } => {
                self.say(&json!({"event": "waiting", "secs": secs}))?;
                format!("No answer; trying again in {secs:.0} s")
            }
            HubEvent::Shared => {
                self.say(&json!({"event": "shared"}))?;
                "Another program is downloading the same file; waiting for it".to_owned()
            }
            _ => return Ok(()),
        };
        if self.terminal && !self.json {
            eprint!("\r\x1b[K{words}");
            self.line = true;
        }
        Ok(())
    }

    fn clear(&mut self) {
        if self.line {
            eprint!("\r\x1b[K");
            self.line = false;
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
