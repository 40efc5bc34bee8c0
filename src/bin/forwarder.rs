//! The Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    clickstream_forwarder::lambda::run()
}
