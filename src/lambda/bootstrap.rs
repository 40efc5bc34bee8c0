//! Starts the function's process and serves events until Lambda ends it.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, service_fn};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

use super::environment::Environment;
use super::handler::Handler;
use crate::config::ConfigErrors;
use crate::config::settings::Settings;
use crate::config::vars::{self, Vars};
use crate::platform::aws::Aws;
use crate::platform::network::Network;
use crate::platform::tls::Authorities;
use crate::platform::{clock, log};
use crate::targets::Context;

/// Serves events until Lambda ends the process.
pub fn run() -> ExitCode {
    let vars = vars::environment();
    log::json(vars.get("LOG_LEVEL").map(String::as_str));
    let environment = Environment::from_vars(&vars);
    match runtime(environment.processors()) {
        Ok(runtime) => runtime.block_on(serve(vars, environment)),
        Err(error) => {
            tracing::error!(error = %error, "no threads to run on");
            ExitCode::FAILURE
        }
    }
}

/// Starts one thread on little more than one processor, where others would only wake each other,
/// and one thread for each processor on more.
fn runtime(processors: f64) -> std::io::Result<Runtime> {
    let mut builder = if processors < 1.5 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder.enable_all().build()
}

async fn serve(vars: Vars, environment: Environment) -> ExitCode {
    let process = match Process::start(vars, environment).await {
        Ok(process) => Arc::new(process),
        Err(errors) => {
            log_mistakes(&errors);
            return ExitCode::FAILURE;
        }
    };
    let serve_event = service_fn(move |event| {
        let process = process.clone();
        async move { process.handler().await?.handle(event).await }
    });
    match lambda_runtime::run(serve_event).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = %error,
                "the Lambda runtime ended; outside Lambda use the clickstream command"
            );
            ExitCode::FAILURE
        }
    }
}

/// A process whose variables are valid as far as can be seen without following what they refer to.
struct Process {
    settings: Arc<Settings>,
    environment: Environment,
    handler: OnceCell<Handler>,
}

impl Process {
    /// Reads the variables. Makes a request only if `SETTINGS_PATH` is set.
    async fn start(vars: Vars, environment: Environment) -> Result<Process, ConfigErrors> {
        let network = Network::from_vars(&vars, Authorities::Bundled);
        let context = Context {
            clock: clock::now,
            aws: Aws::new(network.clone()),
            network,
        };
        let process = Process {
            settings: Arc::new(Settings::read(vars, context).await?),
            environment,
            handler: OnceCell::new(),
        };
        if process.settings.references().is_empty() {
            process.handler.get_or_try_init(|| process.build()).await?;
        }
        Ok(process)
    }

    /// Returns the handler. What variables refer to is asked for at the first event, and again at
    /// the next if that fails.
    async fn handler(&self) -> Result<&Handler, Diagnostic> {
        let built = self.handler.get_or_try_init(|| self.build()).await;
        built.map_err(|errors| {
            log_mistakes(&errors);
            Diagnostic {
                error_type: "ConfigurationMistakes".into(),
                error_message: errors.to_string(),
            }
        })
    }

    async fn build(&self) -> Result<Handler, ConfigErrors> {
        let config = self.settings.config().await?;
        Ok(Handler::new(config, &self.environment))
    }
}

/// Logs every mistake of a configuration.
fn log_mistakes(errors: &ConfigErrors) {
    for mistake in &errors.0 {
        tracing::error!(
            variable = mistake.variable,
            problem = %mistake.problem,
            "configuration mistake"
        );
    }
}
