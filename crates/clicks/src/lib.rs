//! From the bytes of a click file to records, clicks and the forms that targets ask for.
//!
//! ```text
//!  decode     inflate -> frame JSON values -> record | bad record
//!     |
//!  click      one record for all of Rebrandly's spellings, with its id, in four forms
//! ```
//!
//! Nothing here does I/O, reads a clock or knows a target; randomness is an argument.

pub mod calendar;
pub mod click;
pub mod decode;
pub mod json;
mod object;
pub mod sample;
mod uuid8;

pub use object::ObjectRef;
pub use uuid8::Uuid8;
