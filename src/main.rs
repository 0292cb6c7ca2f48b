//! The program: a window when it is called alone or with a file, else the command line.

use std::process::ExitCode;

use clap::Parser;
use pentimento::{cli, kernels, shell};

fn main() -> ExitCode {
    kernels::memory::give_back_large_pieces();
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let outcome = match cli::Arguments::window(&words) {
        Some(file) => shell::run(file),
        // Wrong arguments end the program here, with exit code 2.
        None => cli::run(cli::Arguments::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pentimento: {error:#}");
            ExitCode::FAILURE
        }
    }
}
