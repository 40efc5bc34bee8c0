//! The rules for the members of one object.

use super::act::{Act, Texts};

/// The path of the destination's parameters.
pub(super) const QUERY: [&str; 4] = ["route", "destination", "params", "query"];

/// The names that may stay beside those with a rule of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Others {
    #[default]
    All,
    These(&'static [&'static str]),
    BeginningWith(&'static str),
}

/// The rules for one object.
#[derive(Debug, Default)]
pub(super) struct Branch {
    members: Vec<Member>,
    pub(super) others: Others,
    /// Whether texts are hashed that no other rule is for.
    pub(super) is_hashed: bool,
    /// Whether names are those of parameters: `Email` and `email[]` are `email`.
    is_query: bool,
    /// Whether the object must stay even when it is empty.
    pub(super) is_needed: bool,
}

#[derive(Debug)]
struct Member {
    name: Box<str>,
    act: Act,
}

impl Branch {
    /// Returns the branch of the object at `path`, without any rule yet.
    pub(super) fn at(path: &[&str]) -> Branch {
        Branch {
            is_query: path == QUERY,
            // No click is without them.
            is_needed: matches!(path, [] | ["route"]),
            ..Branch::default()
        }
    }

    /// Returns what is done to the members that have rules of their own.
    pub(super) fn acts(&self) -> impl Iterator<Item = Act> {
        self.members.iter().map(|member| member.act)
    }

    /// Returns the rule of its own for the member called `name`, made if there is none.
    #[expect(
        clippy::indexing_slicing,
        reason = "the member is there, or was just added"
    )]
    pub(super) fn act_mut(&mut self, name: &str) -> &mut Act {
        let members = &mut self.members;
        let at = members.iter().position(|member| *member.name == *name);
        let at = at.unwrap_or_else(|| {
            members.push(Member {
                name: name.into(),
                act: Act::Keep,
            });
            members.len() - 1
        });
        &mut members[at].act
    }

    /// Returns what is done to the member called `name`.
    pub(super) fn act(&self, name: &[u8]) -> Act {
        let ruled = self
            .members
            .iter()
            .filter(|member| self.names(member, name));
        let act = ruled.map(|member| member.act).max_by_key(|act| act.rank());
        let may_stay = match self.others {
            Others::All => true,
            Others::These(names) => names.iter().any(|known| known.as_bytes() == name),
            Others::BeginningWith(prefix) => name.starts_with(prefix.as_bytes()),
        };
        match act {
            _ if !may_stay => Act::Drop,
            None | Some(Act::Keep) if self.is_hashed => Act::Hash(Texts::Anywhere),
            // An object in the place of a country may hold a city.
            None | Some(Act::Keep) if matches!(self.others, Others::These(_)) => Act::Scalar,
            act => act.unwrap_or(Act::Keep),
        }
    }

    /// Whether members that have no rules of their own go, or are hashed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_hashed || self.others != Others::All
    }

    /// Whether the rule of `member` is for the member called `name`.
    fn names(&self, member: &Member, name: &[u8]) -> bool {
        let ruled = member.name.as_bytes();
        if !self.is_query {
            return name == ruled;
        }
        match name.split_at_checked(ruled.len()) {
            Some((head, rest)) => {
                head.eq_ignore_ascii_case(ruled) && matches!(rest, [] | [b'[', ..])
            }
            None => false,
        }
    }
}
