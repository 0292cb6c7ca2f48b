//! `pentimento bench --model …`: the networks of a model part by part and whole pictures, beside
//! peers if wanted.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::super::args::{Bench, BenchModel};
use super::median;
use super::networks::{Networks, Part};
use super::peer::{Peer, PeerName, Question, Setup};
use super::report::{Report, Row, Theirs};
use super::whole::{self, Cost, Pictures};
use crate::engine::memory;
use crate::engine::painter::{Options, Precision};
use crate::kernels::gemm::Gemm;
use crate::kernels::peak::peak;
use crate::models::{ModelFolder, pocket};
use crate::ops::cpu::profile::{Operator, Share};
use crate::ops::cpu::{Cpu, DType, Isa};
use crate::types::ModelSource;

/// Steps of a whole picture, unless said otherwise.
const STEPS: u32 = 20;

/// Measures and prints.
pub(super) fn run(args: &Bench, model: &BenchModel) -> Result<()> {
    let threads = match args.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("bench {index}"))
        .build()
        .context("The system gives no threads; close other programs")?;
    pool.install(|| measure(args, model, threads))
}

fn measure(args: &Bench, model: &BenchModel, threads: usize) -> Result<()> {
    let written = tempfile::tempdir().context("There is no room for temporary files")?;
    let (folder, random) = open(model, written.path())?;
    let isa = args.isa.0.unwrap_or_else(Isa::best);
    let dtype = args.dtype.dtype(isa);
    let peak = peak(&Gemm::new(isa, dtype));
    let networks = Networks::load(
        Cpu::new(isa, dtype).with_weights(args.weights),
        &folder,
        random,
        &args.parts,
    )?;
    let place = match model {
        BenchModel::Source(ModelSource::Path(path)) => path.as_path(),
        BenchModel::Source(ModelSource::BuiltIn) | BenchModel::Shape(_) => written.path(),
    };
    let python = args.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let peer_dtype = match args.peer_dtype {
        Some(precision) => precision.dtype(isa),
        None => dtype,
    };
    let setup = Setup {
        python,
        folder: place,
        dtype: name(dtype),
        peer_dtype: name(peer_dtype),
        threads,
        isa,
        weights: args.weights,
    };
    let whole = args.parts.iter().any(|part| part.is_whole());
    if whole {
        whole::warm_files(place)?;
    }
    let only_runs = args.parts.iter().all(|part| *part == Part::Run);
    let mut peers = Vec::new();
    if !only_runs {
        for peer in &args.against {
            peers.push(Peer::start(*peer, &setup)?);
        }
    }
    // Decided above: "auto" would take the built-in model in its folder here for any other.
    let precision = match dtype {
        DType::F32 => Precision::F32,
        DType::Bf16 => Precision::Bf16,
    };
    let options =
        Options { isa: Some(isa), precision, threads: Some(threads), ..Options::default() };
    let pictures =
        args.parts.contains(&Part::Picture).then(|| Pictures::new(place, options, args.weights));
    let mut sides = Sides {
        networks,
        pictures: pictures.transpose()?,
        peers,
        names: &args.against,
        setup,
        steps: args.steps.unwrap_or(STEPS),
        runs: args.runs,
    };
    let own = sides.networks.own_size();
    let sizes: Vec<(usize, usize)> = match (args.sizes.as_slice(), args.size) {
        ([], None) => vec![own],
        ([], Some((width, height))) => vec![(height as usize, width as usize)],
        (sizes, _) => sizes.iter().map(|(w, h)| (*h as usize, *w as usize)).collect(),
    };
    let mut rows = Vec::new();
    for size in sizes {
        for part in args.parts.iter().copied() {
            rows.push(sides.row(part, size)?);
        }
    }
    let mut accounts = Vec::new();
    for peer in &mut sides.peers {
        let (bytes, notes) = peer.account()?;
        accounts.push(format!(
            "{} {} {notes}, peak memory {:.2} GiB",
            peer.name,
            peer.versions,
            bytes / f64::from(1 << 30)
        ));
    }
    let report = Report {
        isa: isa.name(),
        dtype: name(dtype),
        threads,
        peak,
        peers: args.against.iter().map(|peer| peer.name()).collect(),
        rows,
        peak_bytes: if only_runs { None } else { memory::peak().map(|bytes| bytes as f64) },
        accounts,
    };
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{}", report.json())
    } else {
        report.table(&mut out, args.profile)
    };
    written.context("Nobody reads the standard output any more")
}

/// The model, and whether noise stands in for its weights; what has no folder is written into
/// `place`.
fn open(model: &BenchModel, place: &Path) -> Result<(ModelFolder, bool)> {
    let no_room = "There is no room for temporary files";
    Ok(match model {
        BenchModel::Source(source) => {
            if *source == ModelSource::BuiltIn {
                for (file, bytes) in pocket::FILES {
                    let path = place.join(file);
                    let folder = path.parent().context("A file has a folder")?;
                    std::fs::create_dir_all(folder).context(no_room)?;
                    std::fs::write(path, bytes).context(no_room)?;
                }
            }
            (ModelFolder::open(source)?, false)
        }
        BenchModel::Shape(shape) => {
            shape.write(place).context(no_room)?;
            (ModelFolder::open(&ModelSource::Path(place.to_owned()))?, true)
        }
    })
}

/// All who are measured.
struct Sides<'a> {
    networks: Networks,
    pictures: Option<Pictures>,
    peers: Vec<Peer>,
    names: &'a [PeerName],
    setup: Setup<'a>,
    steps: u32,
    runs: u32,
}

impl Sides<'_> {
    /// A part's medians for pictures of `size` (height, width).
    fn row(&mut self, part: Part, size: (usize, usize)) -> Result<Row> {
        let question = Question::new(part, size, self.steps);
        if part == Part::Run { self.whole_run(&question, size) } else { self.warm(part, size) }
    }

    /// All sides warm, then in turns.
    fn warm(&mut self, part: Part, size: (usize, usize)) -> Result<Row> {
        let question = Question::new(part, size, self.steps);
        self.own(part, &question, size)?;
        let mut known = Vec::new();
        for peer in &mut self.peers {
            known.push(peer.run(&question)?.is_some());
        }
        self.networks.profile();
        let mut ours = Vec::new();
        let mut theirs = vec![Vec::new(); self.peers.len()];
        for _ in 0..self.runs {
            ours.push(self.own(part, &question, size)?);
            for ((peer, theirs), known) in self.peers.iter_mut().zip(&mut theirs).zip(&known) {
                if *known {
                    theirs.extend(peer.run(&question)?);
                }
            }
        }
        let runs = self.runs;
        let shares = self.networks.profile().map(|share| Share {
            calls: share.calls / runs as usize,
            secs: share.secs / f64::from(runs),
            flop: share.flop / f64::from(runs),
        });
        let secs = |theirs: Vec<f64>| (!theirs.is_empty()).then(|| median(theirs));
        let theirs = theirs.into_iter().map(|theirs| Theirs { secs: secs(theirs), bytes: None });
        Ok(Row { part, size, secs: median(ours), bytes: None, shares, theirs: theirs.collect() })
    }

    fn own(&mut self, part: Part, question: &Question, size: (usize, usize)) -> Result<f64> {
        match &mut self.pictures {
            Some(pictures) if part == Part::Picture => pictures.paint(question),
            _ => self.networks.run(part, size),
        }
    }

    /// Fresh processes in turns.
    fn whole_run(&self, question: &Question, size: (usize, usize)) -> Result<Row> {
        let mut ours = Vec::new();
        let mut theirs: Vec<Vec<Cost>> = vec![Vec::new(); self.names.len()];
        for _ in 0..self.runs {
            ours.push(whole::own_run(&self.setup, question)?);
            for (name, theirs) in self.names.iter().zip(&mut theirs) {
                theirs.extend(whole::run(Peer::start(*name, &self.setup)?, question)?);
            }
        }
        let medians = |costs: &[Cost]| {
            let of = |what: fn(&Cost) -> f64| {
                (!costs.is_empty()).then(|| median(costs.iter().map(what).collect()))
            };
            (of(|cost| cost.secs), of(|cost| cost.peak_bytes))
        };
        let (secs, bytes) = medians(&ours);
        let theirs = theirs.iter().map(|costs| {
            let (secs, bytes) = medians(costs);
            Theirs { secs, bytes }
        });
        Ok(Row {
            part: Part::Run,
            size,
            secs: secs.unwrap_or_default(),
            bytes,
            shares: [Share::default(); Operator::ALL.len()],
            theirs: theirs.collect(),
        })
    }
}

/// The name of a number type on the command line and for peers.
fn name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "f32",
        DType::Bf16 => "bf16",
    }
}
