//! Another program that does the same work, in turns with us, in a process of its own.
//!
//! A peer is asked on its standard input and answers on its standard output, one JSON object a
//! line. Those in Python are in `tests/bench`; candle and our own whole runs are this program
//! again, see [`super::side`].

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::networks::Part;
use super::side::Side;
use crate::ops::cpu::Isa;
use crate::types::WeightBits;

/// A Python side: what all of them share, then its own file.
macro_rules! script {
    ($file:literal) => {
        concat!(
            include_str!("../../../tests/bench/noise.py"),
            include_str!("../../../tests/bench/common.py"),
            include_str!(concat!("../../../tests/bench/", $file)),
        )
    };
}

/// A program to measure against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum PeerName {
    /// diffusers on torch.
    Torch,
    /// The same, compiled.
    TorchCompile,
    /// diffusers' networks in `OpenVINO`.
    OpenVino,
    /// candle-transformers' stock networks.
    Candle,
    /// stable-diffusion.cpp.
    SdCpp,
}

impl PeerName {
    /// All of them.
    pub(in super::super) const ALL: [Self; 5] =
        [Self::Torch, Self::TorchCompile, Self::OpenVino, Self::Candle, Self::SdCpp];

    /// The name on the command line.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::TorchCompile => "torch-compile",
            Self::OpenVino => "openvino",
            Self::Candle => "candle",
            Self::SdCpp => "sdcpp",
        }
    }

    fn script(self) -> Option<&'static str> {
        match self {
            Self::Torch | Self::TorchCompile => Some(script!("torch_peer.py")),
            Self::OpenVino => Some(script!("openvino_peer.py")),
            Self::SdCpp => Some(script!("sdcpp_peer.py")),
            Self::Candle => None,
        }
    }
}

impl std::str::FromStr for PeerName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let peer = Self::ALL.into_iter().find(|peer| peer.name() == name);
        peer.ok_or_else(|| format!("Known: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What a peer is asked to do once.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Question {
    /// A part's name.
    pub(super) part: String,
    /// Height of the picture in pixels.
    pub(super) height: usize,
    /// Its width.
    pub(super) width: usize,
    /// Steps of a whole picture.
    pub(super) steps: u32,
}

impl Question {
    /// A part of a picture of `size` (height, width).
    pub(super) fn new(part: Part, (height, width): (usize, usize), steps: u32) -> Self {
        Self { part: part.name().to_owned(), height, width, steps }
    }
}

/// With what a peer is to work.
pub(super) struct Setup<'a> {
    /// A Python that has what `tests/bench/README.md` lists.
    pub(super) python: PathBuf,
    /// The model's folder with its configurations, and for whole pictures its weights.
    pub(super) folder: &'a Path,
    /// Our own numbers: `f32` or `bf16`.
    pub(super) dtype: &'static str,
    /// Those of the peers that have the choice.
    pub(super) peer_dtype: &'static str,
    /// Threads.
    pub(super) threads: usize,
    /// The instructions that we use: those with a cap of their own use no more than that.
    pub(super) isa: Isa,
    /// In how many bits our weights are kept.
    pub(super) weights: WeightBits,
}

impl Setup<'_> {
    /// What oneDNN, which computes in torch and `OpenVINO`, is capped to: a value of
    /// `ONEDNN_MAX_CPU_ISA`.
    fn cap(&self) -> Option<&'static str> {
        match self.isa {
            Isa::Amx => None,
            Isa::Avx512Bf16 => Some("AVX512_CORE_BF16"),
            Isa::Avx512 => Some("AVX512_CORE"),
            Isa::Avx2 | Isa::Plain => Some("AVX2"),
        }
    }
}

/// The process.
pub(super) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its name in tables.
    pub(super) name: &'static str,
    /// What runs there, by its own account.
    pub(super) versions: String,
}

impl Peer {
    /// Starts a peer and waits until it can be asked.
    pub(super) fn start(name: PeerName, setup: &Setup<'_>) -> Result<Self> {
        let Some(script) = name.script() else {
            return Self::of_program(Side::Candle, setup);
        };
        let mut command = Command::new(&setup.python);
        command.arg("-c").arg(script).arg(name.name()).arg(setup.folder).arg(setup.peer_dtype);
        command.arg(setup.threads.to_string()).env("HF_HUB_OFFLINE", "1");
        if let Some(cap) = setup.cap() {
            command.env("ONEDNN_MAX_CPU_ISA", cap);
        }
        let program = setup.python.display();
        Self::spawned(command, name.name())
            .with_context(|| format!("{} cannot be started by {program}", name.name()))
    }

    /// Starts this program again as a side of the measurement.
    pub(super) fn of_program(side: Side, setup: &Setup<'_>) -> Result<Self> {
        let program = std::env::current_exe().context("This program cannot be started again")?;
        let mut command = Command::new(program);
        command.arg("bench-side").arg(side.name()).arg(setup.folder);
        command.args(["--isa", setup.isa.name(), "--dtype", setup.dtype]);
        command.args(["--weights", setup.weights.name()]);
        command.args(["--threads", &setup.threads.to_string()]);
        command.env("RAYON_NUM_THREADS", setup.threads.to_string());
        Self::spawned(command, side.name())
    }

    fn spawned(mut command: Command, name: &'static str) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = child.stdin.take().context("It has no standard input")?;
        let answers = child.stdout.take().context("It has no standard output")?;
        let answers = BufReader::new(answers);
        let mut peer = Self { child, questions, answers, name, versions: String::new() };
        let first = peer.answer()?;
        first["versions"].as_str().unwrap_or_default().clone_into(&mut peer.versions);
        Ok(peer)
    }

    /// Seconds that it takes, once; `None` when that cannot be had of this peer.
    pub(super) fn run(&mut self, question: &Question) -> Result<Option<f64>> {
        let answer = self.ask(&json!(question))?;
        if answer["secs"].is_null() {
            return Ok(None);
        }
        Ok(Some(answer["secs"].as_f64().context("The peer's answer has no seconds")?))
    }

    /// Its peak memory in bytes, and what it says about its settings.
    pub(super) fn account(&mut self) -> Result<(f64, String)> {
        let answer = self.ask(&json!({ "part": "memory" }))?;
        let bytes = answer["peak_bytes"].as_f64().context("The peer's answer has no memory")?;
        Ok((bytes, answer["notes"].as_str().unwrap_or_default().to_owned()))
    }

    fn ask(&mut self, question: &Value) -> Result<Value> {
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

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
