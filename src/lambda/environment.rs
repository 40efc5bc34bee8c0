//! Reads Lambda's own variables, which describe the function.

use crate::config::vars::Vars;

/// Lambda's variable for the function's memory, in MB.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// Lambda's variable for the function's name.
const NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// The memory in MB with which Lambda gives a function one whole processor:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>.
const MEMORY_PER_PROCESSOR: f64 = 1769.0;
/// The share of the memory that objects read side by side may take: a sixteenth.
const OBJECTS_SHARE: u64 = 16;

/// The function as Lambda describes it; nothing is known of it outside Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    memory_mb: Option<u64>,
    function_name: Option<String>,
}

impl Environment {
    /// Reads Lambda's variables.
    pub fn from_vars(vars: &Vars) -> Environment {
        let text = |name: &str| vars.get(name).map(|text| text.trim());
        let memory_mb = text(MEMORY).and_then(|text| text.parse().ok());
        let function_name = text(NAME).filter(|name| !name.is_empty());
        Environment {
            memory_mb: memory_mb.filter(|megabytes| *megabytes > 0),
            function_name: function_name.map(str::to_owned),
        }
    }

    /// Returns the function's name.
    pub(super) fn function_name(&self) -> Option<&str> {
        self.function_name.as_deref()
    }

    /// Returns the processors that the function has by its memory; infinitely many outside Lambda,
    /// where the machine's count.
    pub(super) fn processors(&self) -> f64 {
        let of_memory = |megabytes| megabytes as f64 / MEMORY_PER_PROCESSOR;
        self.memory_mb.map_or(f64::INFINITY, of_memory)
    }

    /// Returns the bytes of memory for objects that are read side by side; `None` outside Lambda.
    pub(super) fn object_memory(&self) -> Option<u64> {
        self.memory_mb
            .map(|megabytes| (megabytes << 20) / OBJECTS_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(memory: &str) -> Environment {
        Environment::from_vars(&Vars::from([
            (MEMORY.into(), memory.into()),
            (NAME.into(), "clicks".into()),
        ]))
    }

    #[test]
    fn processors_and_memory_for_objects_follow_the_functions_memory() {
        let small = environment("128");
        assert!(small.processors() < 0.1);
        assert_eq!(small.object_memory(), Some(8 << 20));
        assert_eq!(small.function_name(), Some("clicks"));
        assert_eq!(environment("1769").processors(), 1.0);
    }

    #[test]
    fn outside_lambda_nothing_is_known() {
        for unknown in [
            Environment::from_vars(&Vars::new()),
            environment("much"),
            environment("0"),
        ] {
            assert_eq!(
                (unknown.processors(), unknown.object_memory()),
                (f64::INFINITY, None)
            );
        }
    }
}
