//! What is done to a value.

use crate::click::fields::Type;

/// The number of a branch.
pub(super) type BranchId = u16;

/// The branch that every record begins at.
pub(super) const ROOT: BranchId = 0;

/// What is done to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Keep,
    /// Nothing, if it is a text, a number, `true` or `false`; whatever else stands there goes.
    Scalar,
    /// It goes.
    Drop,
    /// Its texts are hashed.
    Hash(Texts),
    /// It keeps so many decimals.
    Round(usize),
    /// Its parameters are treated as those of the destination.
    Url,
    /// The rules of a branch hold for what is in it.
    Descend(BranchId),
}

/// Where texts are expected, that are to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// The value is one.
    One,
    /// The value is one, or an array of them.
    Several,
    /// Anywhere in the value.
    Anywhere,
}

impl Act {
    /// Orders what may be done to one value, the strictest last.
    pub(super) fn rank(self) -> u8 {
        match self {
            Act::Keep => 0,
            Act::Scalar => 1,
            Act::Descend(_) => 2,
            Act::Url => 3,
            Act::Round(_) => 4,
            Act::Hash(_) => 5,
            Act::Drop => 6,
        }
    }
}

impl Texts {
    /// Returns where texts are expected in a field of type `kind`, if that is known.
    pub(super) fn of(kind: Option<Type>) -> Texts {
        match kind {
            Some(Type::Json | Type::Object(_)) => Texts::Anywhere,
            Some(Type::Strings) | None => Texts::Several,
            Some(_) => Texts::One,
        }
    }
}
