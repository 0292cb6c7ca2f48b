//! The program: a window when it is called alone or with a file, else the command line.

use std::process::ExitCode;

use clap::Parser;
use pentimento::{cli, shell};

fn main() -> ExitCode {
    // Wrong arguments end the program here, with exit code 2.
    let arguments = cli::Arguments::parse();
    let outcome = match arguments.window() {
        Some(file) => shell::run(file),
        None => cli::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pentimento: {error:#}");
            ExitCode::FAILURE
        }
    }
}
