//! The program: a window when it is called alone, else the command line.

use std::process::ExitCode;

use clap::Parser;
use pentimento::{cli, shell};

fn main() -> ExitCode {
    let outcome = if std::env::args_os().len() <= 1 {
        shell::run()
    } else {
        // Wrong arguments end the program here, with exit code 2.
        cli::run(cli::Arguments::parse())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pentimento: {error:#}");
            ExitCode::FAILURE
        }
    }
}
