//! What an interrupted run says about going on.

/// What remembers which clicks were delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// The file of `--progress`.
    File,
    /// `PROGRESS_TABLE`.
    Table,
    /// Nothing that outlives the run.
    None,
}

impl Memory {
    /// Says how the run of this process goes on, with the line to enter.
    pub(super) fn advice(self) -> String {
        let arguments = std::env::args_os().skip(1);
        self.advice_for(
            arguments
                .map(|it| it.to_string_lossy().into_owned())
                .collect(),
        )
    }

    fn advice_for(self, mut arguments: Vec<String>) -> String {
        let line = |arguments: &[String]| {
            let words = arguments.iter().map(String::as_str);
            // A word with a zero byte cannot be an argument.
            shlex::try_join(words).unwrap_or_default()
        };
        if self != Memory::None {
            return format!("to go on: clickstream {}\n", line(&arguments));
        }
        let command = arguments.iter().position(|word| word == "forward");
        let at = command.map_or(0, |at| at + 1);
        arguments.splice(at..at, ["--progress".to_owned(), "done.jsonl".to_owned()]);
        format!(
            "nothing remembers what was delivered: another run sends it again, under the same ids. \
             With --progress a run can go on where it stopped: clickstream {}\n",
            line(&arguments)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_go_on_with_can_be_pasted() {
        let words = |text: &[&str]| text.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            Memory::File.advice_for(words(&["forward", "--progress", "p.jsonl", "it's *.json"])),
            "to go on: clickstream forward --progress p.jsonl \"it's *.json\"\n"
        );
        let advice = Memory::None.advice_for(words(&["-q", "forward", "a b"]));
        assert!(
            advice.ends_with(": clickstream -q forward --progress done.jsonl 'a b'\n"),
            "{advice}"
        );
    }
}
