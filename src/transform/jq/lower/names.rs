//! The names that an expression has given, and where they are bound.

/// A name that an expression has given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'s> {
    Variable(&'s str),
    /// A parameter `$x`, which is `x` too.
    Parameter(&'s str),
    Argument(&'s str),
    Label(&'s str),
    Definition(Defined<'s>),
}

/// A function that an expression has defined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defined<'s> {
    pub name: &'s str,
    pub arity: usize,
    pub index: usize,
    /// Slots that were bound where it stands.
    pub slots: usize,
}

impl Name<'_> {
    fn has_slot(self) -> bool {
        !matches!(self, Name::Definition(_))
    }
}

/// Returns the name of a parameter of a definition.
pub(super) fn parameter(name: &str) -> Name<'_> {
    match name.starts_with('$') {
        true => Name::Parameter(name),
        false => Name::Argument(name),
    }
}

/// What a call of a name of the expression's own leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// The closure in this slot.
    Argument(usize),
    /// The value in this slot.
    Variable(usize),
    /// A function, and the bindings at the call that it does not see.
    Definition { index: usize, hidden: usize },
}

/// The names that can be used at a place, from the outermost inwards. Slots count bindings from the
/// innermost outwards.
#[derive(Debug, Default)]
pub(super) struct Names<'s>(Vec<Name<'s>>);

/// The names at a place, to which [`Names::leave`] returns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

impl<'s> Names<'s> {
    pub fn mark(&self) -> Mark {
        Mark(self.0.len())
    }

    /// Forgets the names given since `mark`.
    pub fn leave(&mut self, mark: Mark) {
        self.0.truncate(mark.0);
    }

    pub fn give(&mut self, name: Name<'s>) {
        self.0.push(name);
    }

    /// Names a function that is defined here.
    pub fn define(&mut self, name: &'s str, arity: usize, index: usize) {
        let slots = self.slots();
        self.give(Name::Definition(Defined {
            name,
            arity,
            index,
            slots,
        }));
    }

    fn slots(&self) -> usize {
        self.0.iter().filter(|name| name.has_slot()).count()
    }

    /// Returns the slot of a variable.
    pub fn variable(&self, name: &str) -> Option<usize> {
        self.slot(|known| match known {
            Name::Variable(known) | Name::Parameter(known) => known == name,
            _ => false,
        })
    }

    /// Returns the slot of a label.
    pub fn label(&self, name: &str) -> Option<usize> {
        self.slot(|known| matches!(known, Name::Label(known) if known == name))
    }

    fn slot(&self, is: impl Fn(Name<'s>) -> bool) -> Option<usize> {
        let slots = self.0.iter().rev().filter(|name| name.has_slot());
        slots.copied().position(is)
    }

    /// Finds what a call leads to; `None` if the expression gave nothing this name.
    pub fn callee(&self, name: &str, arity: usize) -> Option<Callee> {
        let mut slot = 0;
        for known in self.0.iter().rev() {
            match known {
                Name::Argument(known) if *known == name && arity == 0 => {
                    return Some(Callee::Argument(slot));
                }
                Name::Parameter(known) if arity == 0 && known.strip_prefix('$') == Some(name) => {
                    return Some(Callee::Variable(slot));
                }
                Name::Definition(known) if known.name == name && known.arity == arity => {
                    return Some(Callee::Definition {
                        index: known.index,
                        hidden: self.slots() - known.slots,
                    });
                }
                _ => {}
            }
            slot += usize::from(known.has_slot());
        }
        None
    }
}
