//! The sizes of a request, and how a kind delivers.

/// The sizes that one request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most entries of a request.
    pub records: usize,
    /// Most bytes of a request's body, before compression.
    pub bytes: usize,
    /// Most bytes of one entry.
    pub record_bytes: usize,
    /// Bytes of a body that holds no entry.
    pub overhead: usize,
    /// Bytes that an entry takes beside its own, for example a separator.
    pub per_record: usize,
}

impl Limits {
    /// One entry of up to 1 MiB a request, without anything around it.
    pub const SINGLE: Limits = Limits {
        records: 1,
        bytes: 1 << 20,
        record_bytes: 1 << 20,
        overhead: 0,
        per_record: 0,
    };

    /// As many entries as there are, of any size: for kinds whose requests are windows.
    pub const NONE: Limits = Limits {
        records: usize::MAX >> 1,
        bytes: usize::MAX >> 1,
        record_bytes: usize::MAX >> 1,
        ..Limits::SINGLE
    };
}

/// How a kind delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryMode {
    /// The scope of an answer.
    pub answers: Answers,
    /// Which entries go together.
    pub batching: Batching,
    /// Requests in flight at a time, unless `_CONCURRENCY` gives another number.
    pub in_flight: usize,
}

impl DeliveryMode {
    /// Requests of as many entries as fit, each answered as a whole.
    pub const WHOLE: DeliveryMode = DeliveryMode {
        answers: Answers::Whole,
        batching: Batching::Stream,
        in_flight: 10,
    };

    /// Requests of as many entries as fit, with an answer for each entry.
    pub const PER_RECORD: DeliveryMode = DeliveryMode {
        answers: Answers::PerRecord,
        ..DeliveryMode::WHOLE
    };
}

/// The scope of the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The request as a whole: it is taken or not.
    Whole,
    /// Each entry.
    PerRecord,
}

/// Which entries go together in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// As they come, as many as fit.
    Stream,
    /// At most one entry of each ordering key; one request of a key in flight.
    OneOfEachGroup,
    /// As many entries of one group as fit, in any order; requests of several groups are in flight
    /// side by side.
    OneGroupOnly,
    /// All entries of a window, which is never split.
    Windows(WindowBounds),
}

impl Batching {
    /// `OneOfEachGroup` if entries have ordering keys, else `Stream`.
    pub fn by_groups(grouped: bool) -> Batching {
        if grouped {
            Batching::OneOfEachGroup
        } else {
            Batching::Stream
        }
    }

    /// The bounds of the windows, if requests are windows.
    pub fn windows(self) -> Option<WindowBounds> {
        match self {
            Batching::Windows(bounds) => Some(bounds),
            Batching::Stream | Batching::OneOfEachGroup | Batching::OneGroupOnly => None,
        }
    }
}

/// Where an object is cut into windows, by its own bytes alone: whatever was sent before, whatever
/// is filtered, and however often it is read, the same clicks go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowBounds {
    /// Fewest plain bytes from the first click of a window to the first of the next.
    pub bytes: u64,
    /// Most clicks of a window.
    pub clicks: usize,
    /// Most hours that the clicks of a window are of.
    pub hours: usize,
}
