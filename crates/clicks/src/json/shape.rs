//! The shapes of objects met so far: which names followed each other. The next object of the same
//! shape is recognised name by name instead of being read, and what is known of a shape is worked
//! out once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most names that are remembered to follow the same one. An object whose names are data, for
/// example tags by their id, has too many to be worth it.
const MOST_STEPS: usize = 8;
/// Most shapes that are remembered.
const MOST_SHAPES: usize = 1024;
/// Most shapes that are added for objects that no parser has met.
const MOST_ADDED: usize = 16 * MOST_SHAPES;
/// Most names of a shape, and most bytes of a name in quotes: clicks need a fifth of either.
const MOST_NAMES: u16 = 64;
const LONGEST: usize = 64;

/// An object's shape: its names in their order. Number 0 is any that is not remembered.
pub type ShapeId = u16;

/// The shape of an object whose names are not remembered.
pub const UNKNOWN: ShapeId = 0;
/// The shape of the outermost object without members, which each begins with.
pub const EMPTY: ShapeId = 1;

/// The shapes that one parser has met. A number is given once and keeps its meaning.
#[derive(Debug)]
pub struct Shapes {
    shapes: Vec<Shape>,
    instance: u64,
}

#[derive(Debug, Default)]
struct Shape {
    /// The shape without the last name.
    before: ShapeId,
    /// The shape without any.
    start: ShapeId,
    /// The last name, in quotes, and how many there are.
    name: Box<[u8]>,
    count: u16,
    /// Whether each name is greater than the one before.
    sorted: bool,
    steps: Vec<Step>,
    /// The shape that an object begins with which is the last member's value: what follows in it is
    /// remembered apart from other objects.
    inside: ShapeId,
}

/// One name that may come next.
#[derive(Debug)]
struct Step {
    /// The first bytes of the name in quotes and its colon, and which of them count.
    head: u128,
    mask: u128,
    /// The bytes after these.
    tail: Box<[u8]>,
    /// How many they are in all.
    length: u32,
    to: ShapeId,
}

impl Default for Shapes {
    fn default() -> Shapes {
        static INSTANCES: AtomicU64 = AtomicU64::new(0);
        let shapes = vec![
            Shape::default(),
            Shape {
                sorted: true,
                start: EMPTY,
                ..Shape::default()
            },
        ];
        Shapes {
            shapes,
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Shapes {
    /// Returns a number that no other parser's shapes have.
    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// Returns one more than the highest number given.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether no object with members was met yet.
    pub fn is_empty(&self) -> bool {
        self.len() <= usize::from(EMPTY) + 1
    }

    /// Returns the names of `shape` in their order, as delivered between their quotes.
    pub fn names(&self, mut shape: ShapeId) -> Vec<&[u8]> {
        let mut names = Vec::new();
        while let Some(Shape { before, name, .. }) = self
            .shapes
            .get(shape as usize)
            .filter(|shape| !shape.name.is_empty())
        {
            names.push(name.get(1..name.len() - 1).unwrap_or_default());
            shape = *before;
        }
        names.reverse();
        names
    }

    /// Whether the names of `shape` are known to be in order, none twice.
    #[inline]
    pub(super) fn is_sorted(&self, shape: ShapeId) -> bool {
        self.shapes
            .get(shape as usize)
            .is_some_and(|shape| shape.sorted)
    }

    /// Returns the length of the name in quotes and its colon that `text` begins with, and the
    /// shape with it; `None` unless the name is remembered to follow `shape`.
    #[inline]
    pub(super) fn predict(&self, shape: ShapeId, text: &[u8]) -> Option<(usize, ShapeId)> {
        let head = u128::from_le_bytes(*text.first_chunk::<16>()?);
        let steps = &self.shapes.get(shape as usize)?.steps;
        let step = steps.iter().find(|step| step.matches(head, text))?;
        Some((step.length as usize, step.to))
    }

    /// Returns the shape that an object begins with which is the value of the last member of
    /// `shape`.
    #[inline]
    pub(super) fn inside(&mut self, shape: ShapeId) -> ShapeId {
        match self.shapes.get(shape as usize) {
            Some(Shape {
                inside: UNKNOWN, ..
            }) => self.begin_inside(shape),
            Some(Shape { inside, .. }) => *inside,
            None => UNKNOWN,
        }
    }

    #[cold]
    fn begin_inside(&mut self, shape: ShapeId) -> ShapeId {
        let new = self.shapes.len() as ShapeId;
        let Some(outer) = self.shapes.get(shape as usize).filter(|_| shape != UNKNOWN) else {
            return UNKNOWN;
        };
        // Whatever came before it in the same object.
        let same = |other: &&Shape| {
            other.inside != UNKNOWN && other.start == outer.start && other.name == outer.name
        };
        let inside = self
            .shapes
            .iter()
            .find(same)
            .map_or(new, |other| other.inside);
        if usize::from(inside) >= MOST_SHAPES {
            return UNKNOWN;
        }
        if let Some(outer) = self.shapes.get_mut(shape as usize) {
            outer.inside = inside;
        }
        if inside == new {
            self.shapes.push(Shape {
                sorted: true,
                start: new,
                ..Shape::default()
            });
        }
        inside
    }

    /// Returns a shape of these names, which hold no escape, for objects that no parser has met.
    pub(crate) fn add(&mut self, names: &[&[u8]]) -> ShapeId {
        if self.shapes.len() + names.len() > MOST_ADDED {
            return UNKNOWN;
        }
        names.iter().fold(EMPTY, |before, name| {
            let to = self.shapes.len() as ShapeId;
            let quoted = [b"\"", *name, b"\""].concat();
            let from = self.shapes.get(usize::from(before));
            let shape = from.map(|from| from.with(before, &quoted));
            self.shapes.extend(shape);
            to
        })
    }

    /// Returns the shape that `shape` becomes with one more member. `name` is in quotes and holds
    /// no escape.
    pub(super) fn step(&mut self, shape: ShapeId, name: &[u8]) -> ShapeId {
        let to = self.shapes.len() as ShapeId;
        let Some(from) = self
            .shapes
            .get_mut(shape as usize)
            .filter(|_| shape != UNKNOWN)
        else {
            return UNKNOWN;
        };
        let step = Step::new(name, to);
        if let Some(known) = from.steps.iter().find(|known| known.has_name_of(&step)) {
            return known.to;
        }
        if from.steps.len() >= MOST_STEPS
            || to as usize >= MOST_SHAPES
            || name.len() > LONGEST
            || from.count >= MOST_NAMES
        {
            return UNKNOWN;
        }
        from.steps.push(step);
        let next = from.with(shape, name);
        self.shapes.push(next);
        to
    }
}

impl Shape {
    /// Returns this shape, whose number is `before`, with one more member.
    fn with(&self, before: ShapeId, name: &[u8]) -> Shape {
        // With its closing quote, a name that begins another would be the greater.
        let bare = |name: &[u8]| name.len().saturating_sub(1);
        let sorted = self.sorted
            && self.name.get(..bare(&self.name)).unwrap_or_default()
                < name.get(..bare(name)).unwrap_or_default();
        Shape {
            before,
            start: self.start,
            name: name.into(),
            count: self.count + 1,
            sorted,
            ..Shape::default()
        }
    }
}

impl Step {
    /// Returns a step to `to` by a member called `name`, which is in quotes.
    fn new(name: &[u8], to: ShapeId) -> Step {
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(name.iter().chain(b":")) {
            (*head, *mask) = (*byte, 0xFF);
        }
        let tail = match name.get(16..) {
            Some(tail) => [tail, b":"].concat(),
            None => Vec::new(),
        };
        Step {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            tail: tail.into(),
            length: name.len() as u32 + 1,
            to,
        }
    }

    /// Whether it is a step by the same name.
    fn has_name_of(&self, other: &Step) -> bool {
        self.head == other.head && self.length == other.length && self.tail == other.tail
    }

    /// Whether `text`, which begins with `head`, begins with the name in quotes and its colon.
    #[inline]
    fn matches(&self, head: u128, text: &[u8]) -> bool {
        (head ^ self.head) & self.mask == 0
            && (self.length <= 16 || text.get(16..self.length as usize) == Some(&*self.tail))
    }
}
