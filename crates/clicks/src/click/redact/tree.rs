//! The rules of a redaction, by the names of a record as delivered.

use super::act::{Act, BranchId, ROOT, Texts};
use super::branch::{Branch, Others, QUERY};
use super::{Action, Rule};
use crate::click::Path;

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It goes.
    Dropped,
    /// It is hashed.
    Hashed,
    /// It is there, but not as delivered.
    Coarsened,
}

/// What becomes of the fields of a click.
#[derive(Debug)]
pub struct Redaction {
    branches: Vec<Branch>,
    /// What becomes of the destination's parameters as a whole.
    query: Act,
}

/// The fields that are texts with such parameters in them.
const URLS: [[&str; 3]; 2] = [
    ["route", "destination", "raw"],
    ["route", "destination", "path"],
];

/// Fields that tell what another one does: they go with it.
const TWINS: &[(&[&str], &[&str])] = &[
    (
        &["route", "destination", "protocol"],
        &["route", "destination", "raw"],
    ),
    (
        &["route", "destination", "hostname"],
        &["route", "destination", "raw"],
    ),
    (
        &["route", "destination", "path"],
        &["route", "destination", "raw"],
    ),
    (&["referral", "protocol"], &["referral", "raw"]),
    (&["referral", "hostname"], &["referral", "raw"]),
    (&["referral", "path"], &["referral", "raw"]),
    (&["route", "domain", "raw"], &["route", "domain", "zone"]),
];

impl Redaction {
    /// Works out `rules`. Where two hold for a field, the stricter one does.
    pub fn new(rules: &[Rule]) -> Redaction {
        let mut redaction = Redaction {
            branches: vec![Branch::at(&[])],
            query: Act::Keep,
        };
        for rule in rules {
            let names: Vec<&str> = rule.path.names().collect();
            for names in spellings(&names) {
                redaction.add(&names, rule);
            }
        }
        redaction.hash_inside();
        for (field, twin) in TWINS {
            let [field, twin_act] = [field, twin].map(|names| redaction.act(names.iter().copied()));
            let tells = matches!(field, Act::Drop | Act::Hash(_));
            if tells && !matches!(twin_act, Act::Hash(_)) {
                redaction.strengthen(twin, Act::Drop);
            }
        }
        redaction.query = redaction.act(QUERY.into_iter());
        if redaction.query != Act::Keep {
            for url in URLS {
                redaction.strengthen(&url, Act::Url);
            }
        }
        redaction
    }

    /// Returns the number of branches.
    pub(super) fn len(&self) -> usize {
        self.branches.len()
    }

    fn add(&mut self, names: &[&str], rule: &Rule) {
        match rule.action {
            Action::Drop => self.strengthen(names, Act::Drop),
            Action::Hash => match Texts::of(rule.path.kind()) {
                Texts::Anywhere => self.configure(names, |branch| branch.is_hashed = true),
                texts => self.strengthen(names, Act::Hash(texts)),
            },
            Action::Round(decimals) => self.strengthen(names, Act::Round(decimals)),
            Action::KeepOnly(members) => {
                self.configure(names, |branch| branch.others = Others::These(members));
            }
            Action::KeepPrefix(prefix) => {
                self.configure(names, |branch| {
                    branch.others = Others::BeginningWith(prefix)
                });
            }
        }
    }

    /// Lets `act` hold for the field, unless a stricter one does.
    fn strengthen(&mut self, names: &[&str], act: Act) {
        let Some((last, before)) = names.split_last() else {
            return;
        };
        if let Some(branch) = self.branch(before) {
            let member = self.member_mut(branch, last);
            if act.rank() > member.rank() {
                *member = act;
            }
        }
    }

    fn configure(&mut self, names: &[&str], set: impl FnOnce(&mut Branch)) {
        if let Some(branch) = self.branch(names)
            && let Some(branch) = self.branches.get_mut(usize::from(branch))
        {
            set(branch);
        }
    }

    /// Lets what is hashed whole be hashed in the objects inside it too that have rules of their
    /// own.
    fn hash_inside(&mut self) {
        let mut hashed: Vec<BranchId> = (0..self.branches.len() as BranchId)
            .filter(|branch| self.is_hashed(*branch))
            .collect();
        while let Some(outer) = hashed.pop() {
            let outer = self.branches.get(usize::from(outer));
            let inner: Vec<_> = outer.into_iter().flat_map(Branch::acts).collect();
            for act in inner {
                if let Act::Descend(branch) = act
                    && let Some(inside) = self.branches.get_mut(usize::from(branch))
                    && !std::mem::replace(&mut inside.is_hashed, true)
                {
                    hashed.push(branch);
                }
            }
        }
    }

    /// Returns the branch of the object at `names`, made if there is none; `None` if the object, or
    /// one that it is in, goes or is hashed whole.
    fn branch(&mut self, names: &[&str]) -> Option<BranchId> {
        let mut at = ROOT;
        for (depth, name) in names.iter().enumerate() {
            let act = *self.member_mut(at, name);
            at = match act {
                Act::Descend(branch) => branch,
                Act::Keep => {
                    let new = self.branches.len() as BranchId;
                    let path = names.get(..=depth).unwrap_or_default();
                    self.branches.push(Branch::at(path));
                    *self.member_mut(at, name) = Act::Descend(new);
                    new
                }
                _ => return None,
            };
        }
        Some(at)
    }

    #[expect(clippy::indexing_slicing, reason = "branches are never removed")]
    fn member_mut(&mut self, branch: BranchId, name: &str) -> &mut Act {
        self.branches[usize::from(branch)].act_mut(name)
    }

    /// Returns what is done to the member called `name` of an object.
    pub(super) fn member(&self, branch: BranchId, name: &[u8]) -> Act {
        let branch = self.branches.get(usize::from(branch));
        branch.map_or(Act::Keep, |branch| branch.act(name))
    }

    /// Whether texts in the object of a branch are hashed that no other rule is for.
    pub(super) fn is_hashed(&self, branch: BranchId) -> bool {
        let branch = self.branches.get(usize::from(branch));
        branch.is_some_and(|branch| branch.is_hashed)
    }

    /// Whether the object of a branch stays even when it is empty.
    pub(super) fn is_needed(&self, branch: BranchId) -> bool {
        let branch = self.branches.get(usize::from(branch));
        branch.is_some_and(|branch| branch.is_needed)
    }

    /// Returns what is done to the destination's parameter called `name`.
    pub(super) fn parameter(&self, name: &[u8]) -> Act {
        match self.query {
            Act::Descend(branch) => self.member(branch, name),
            act => act,
        }
    }

    /// Whether parameters that nobody named go, or are hashed.
    pub(super) fn has_closed_query(&self) -> bool {
        match self.query {
            Act::Descend(branch) => {
                let branch = self.branches.get(usize::from(branch));
                branch.is_some_and(Branch::is_closed)
            }
            _ => true,
        }
    }

    /// Returns what is done to the value at `names`.
    fn act<'n>(&self, names: impl Iterator<Item = &'n str>) -> Act {
        let mut act = Act::Descend(ROOT);
        for name in names {
            act = match act {
                Act::Descend(branch) => self.member(branch, name.as_bytes()),
                act => return act,
            };
        }
        act
    }

    /// Returns what becomes of the field at `path`; `None` if it stays as it is.
    pub fn change(&self, path: &Path) -> Option<Change> {
        match self.act(path.names()) {
            Act::Keep | Act::Scalar => None,
            Act::Drop => Some(Change::Dropped),
            Act::Hash(_) => Some(Change::Hashed),
            Act::Descend(branch) if self.is_hashed(branch) => Some(Change::Hashed),
            Act::Round(_) | Act::Url | Act::Descend(_) => Some(Change::Coarsened),
        }
    }
}

/// Returns the names under which a record may deliver what a click has at `names`.
fn spellings<'n>(names: &[&'n str]) -> Vec<Vec<&'n str>> {
    let mut all = vec![names.to_vec()];
    match names {
        ["client", "location", rest @ ..] => all.push([&["client", "geo"], rest].concat()),
        // What was delivered under names that the forwarder uses.
        ["delivered"] => all.extend(["id", "source", "key"].map(|name| vec![name])),
        ["delivered", "id" | "source" | "key" | "delivered", ..] => {
            all.push(names.get(1..).unwrap_or_default().to_vec());
        }
        _ => {}
    }
    all
}
