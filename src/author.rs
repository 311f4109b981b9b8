//! What authors do with a course: make stages, check them, record their transcripts.

mod changes;
mod check;
mod findings;
mod here;
mod languages;
mod listed;
mod mutants;
pub mod new;
pub mod new_course;
mod patch;
mod record;
mod scratch;
pub mod starter;
mod strictness;
mod tables;
mod told;

pub use check::check;
pub use here::course;
pub use mutants::mutants;
pub use record::record;
