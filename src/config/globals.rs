//! The variables that belong to no target.

/// A variable that belongs to no target.
#[derive(Debug)]
pub struct Global {
    /// Its name.
    pub name: &'static str,
    /// Its default; empty if it has none.
    pub default: &'static str,
    /// Its effect, in a sentence for the documents.
    pub doc: &'static str,
}

/// All of them, in the order of the documents.
pub const GLOBALS: &[Global] = &[
    Global {
        name: "TARGETS",
        default: "",
        doc: "names of the targets, separated by commas: `hook,lake`; required in Lambda",
    },
    Global {
        name: "SOURCES",
        default: "any",
        doc: "buckets that may be read, each `bucket` or `bucket/prefix`, separated by commas",
    },
    Global {
        name: "QUARANTINE",
        default: "the log",
        doc: "where bad and rejected records go: `s3://bucket/prefix/` or a directory",
    },
    Global {
        name: "STORE",
        default: "s3",
        doc: "where objects are read: `s3`, or a directory whose sub-directories are buckets",
    },
    Global {
        name: "PROGRESS_TABLE",
        default: "this process",
        doc: "DynamoDB table, by name or ARN, that remembers how far each target got with each \
              file",
    },
    Global {
        name: "CONTINUE_QUEUE_URL",
        default: "the message's queue",
        doc: "SQS queue for the rest of a file that one invocation could not finish",
    },
    Global {
        name: "DEADLINE_MARGIN",
        default: "a fifth, at most 30s",
        doc: "how long before the end of the invocation reading stops",
    },
    Global {
        name: "MAX_CONCURRENCY",
        default: "1",
        doc: "copies of the function that run at a time; they share each `_RATE`",
    },
    Global {
        name: "SETTINGS_PATH",
        default: "",
        doc: "a path of Parameter Store, read at the start: the parameter `HOOK_URL` right below \
              it is the variable `HOOK_URL`",
    },
    Global {
        name: "QR_WHEN",
        default: "",
        doc: "which clicks came from QR codes, for the column `is_qr`: a parameter of the \
              destination's query (`utm_medium=qr`) or a tag of the link (`tag:qr`); several with \
              commas between them",
    },
    Global {
        name: "METRICS",
        default: "on",
        doc: "`off` keeps the function's metrics out of the log, and so out of CloudWatch",
    },
    Global {
        name: "LOG_LEVEL",
        default: "info",
        doc: "`error`, `warn`, `info`, `debug` or `trace`",
    },
    Global {
        name: "MAX_RECORD_BYTES",
        default: "8MiB",
        doc: "a longer record is quarantined; 1 GiB at most",
    },
    Global {
        name: "MAX_DEPTH",
        default: "128",
        doc: "a deeper record is quarantined; 1000 at most",
    },
    Global {
        name: "MAX_OBJECT_BYTES",
        default: "32GiB",
        doc: "plain bytes of an object; beyond them its tail is quarantined",
    },
    Global {
        name: "MAX_INFLATE_RATIO",
        default: "250",
        doc: "plain bytes per compressed byte; beyond it the object's tail is quarantined",
    },
];
