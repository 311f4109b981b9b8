//! The commands for authors: make stages and templates, check them, record their transcripts.

mod changes;
mod check;
mod course_list;
mod export;
mod findings;
mod holes;
mod languages;
mod locate;
mod messages;
mod mutants;
pub mod new;
pub mod new_course;
mod record;
pub mod starter;
mod strictness;
mod tables;
mod template;

pub use check::check;
pub use export::export;
pub use locate::{course, course_or_built_in};
pub use mutants::mutants;
pub use record::record;
pub use template::template;
