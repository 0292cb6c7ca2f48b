//! Another program that runs the same networks, in turns with us.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::networks::Part;

/// The Python side, see `tests/bench/README.md`.
const SCRIPT: &str = include_str!("../../../tests/bench/torch_peer.py");

/// diffusers on torch, in a process of its own.
pub(super) struct Torch {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What runs there.
    pub(super) versions: String,
}

/// What torch is to run.
pub(super) struct Setup<'a> {
    /// A Python that has torch and diffusers.
    pub(super) python: &'a Path,
    /// The model's folder with its configurations.
    pub(super) folder: &'a Path,
    /// `f32` or `bf16`.
    pub(super) dtype: &'a str,
    /// Threads.
    pub(super) threads: usize,
    /// Height and width of the pictures.
    pub(super) size: (usize, usize),
    /// The most that its kernels may use, if not all: a value of `ONEDNN_MAX_CPU_ISA`.
    pub(super) cap: Option<&'static str>,
}

impl Torch {
    /// Starts it and waits until its networks are there.
    pub(super) fn start(setup: &Setup<'_>) -> Result<Self> {
        let mut command = Command::new(setup.python);
        command.arg("-c").arg(SCRIPT).arg(setup.folder).arg(setup.dtype);
        command.args([setup.threads, setup.size.0, setup.size.1].map(|n| n.to_string()));
        if let Some(cap) = setup.cap {
            command.env("ONEDNN_MAX_CPU_ISA", cap);
        }
        command.env("HF_HUB_OFFLINE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("Python cannot be started: {}", setup.python.display()))?;
        let questions = child.stdin.take().context("Python has no standard input")?;
        let answers = child.stdout.take().context("Python has no standard output")?;
        let answers = BufReader::new(answers);
        let mut torch = Self { child, questions, answers, versions: String::new() };
        torch.versions = torch.answer()?.to_string();
        Ok(torch)
    }

    /// Seconds that a part takes there, once.
    pub(super) fn run(&mut self, part: Part) -> Result<f64> {
        self.ask(part.name())?["secs"].as_f64().context("The peer's answer has no seconds")
    }

    /// Its peak memory in bytes.
    pub(super) fn peak_bytes(&mut self) -> Result<f64> {
        self.ask("memory")?["peak_bytes"].as_f64().context("The peer's answer has no memory")
    }

    fn ask(&mut self, question: &str) -> Result<Value> {
        writeln!(self.questions, "{question}").context("The peer has stopped")?;
        self.questions.flush().context("The peer has stopped")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line).context("The peer has stopped")? == 0 {
            bail!("The peer has stopped; see its message above and tests/bench/README.md");
        }
        serde_json::from_str(&line).with_context(|| format!("The peer's answer is odd: {line}"))
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It may have ended by itself.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
