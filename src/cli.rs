//! The command line: flags become the same requests that the window makes.
//!
//! Called by `main` when there are arguments. It has no pipeline of its own: pictures come from
//! [`crate::engine`]. What is wrong with the arguments alone is said by the parser, with exit code
//! 2; everything after that is an error of [`run`], with exit code 1.

mod args;
mod bench;
mod download;
mod generate;
mod inspect;
mod output;
mod recipe;
mod report;
mod source;

pub use args::Arguments;

use args::Command;

/// Does what the arguments say.
///
/// # Errors
/// What failed, for people: one message.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Some(Command::Generate(generate)) => generate::run(&generate),
        Some(Command::Models) => inspect::models(),
        Some(Command::Inspect { path }) => inspect::inspect(&path),
        Some(Command::Bench(bench)) => bench::run(&bench),
        Some(Command::Download(download)) => download::run(&download),
        None => match arguments.generate {
            Some(generate) => generate::run(&generate),
            None => anyhow::bail!("Nothing to do; say what to paint with --prompt, or see --help"),
        },
    }
}
