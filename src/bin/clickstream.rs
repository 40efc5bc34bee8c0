//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    clickstream_forwarder::cli::run()
}
