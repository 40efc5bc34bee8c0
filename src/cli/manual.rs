//! `clickstream completions` and `clickstream man`: the command line described for others.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, Reply};

#[derive(clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete commands and options
    shell: Shell,
}

#[derive(clap::Args)]
pub(super) struct ManArgs {
    /// The command whose page is wanted, for example forward [default: clickstream itself]
    command: Option<String>,
}

/// Prints what a shell reads to complete commands and options.
pub(super) fn completions(args: &CompletionsArgs) -> Reply {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "clickstream", &mut text);
    Reply::ok(String::from_utf8_lossy(&text))
}

/// Prints a page of the manual.
pub(super) fn man(args: &ManArgs) -> Reply {
    let mut page = Cli::command();
    page.build();
    if let Some(name) = &args.command {
        let Some(command) = page.find_subcommand(name) else {
            let names: Vec<_> = page
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect();
            let names = names.join(", ");
            return Reply::wrong_usage(format!("found {name:?}; expected one of {names}"));
        };
        page = command.clone();
    }
    let mut text = Vec::new();
    match Man::new(page).render(&mut text) {
        Ok(()) => Reply::ok(String::from_utf8_lossy(&text)),
        Err(error) => Reply::wrong_usage(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_is_completed() {
        let mut cli = Cli::command();
        cli.build();
        let completions = completions(&CompletionsArgs { shell: Shell::Bash }).stdout;
        for command in cli.get_subcommands().map(clap::Command::get_name) {
            let name = Some(command.to_owned());
            let page = man(&ManArgs { command: name }).stdout;
            let title = format!(".TH clickstream-{command} ");
            assert!(
                page.to_lowercase().contains(&title.to_lowercase()),
                "{page}"
            );
            assert!(completions.contains(command), "{command}");
        }
        let page = man(&ManArgs { command: None }).stdout;
        assert!(page.contains("Exit codes"), "{page}");
    }
}
