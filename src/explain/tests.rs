//! From evidence to a reason, in tables.

mod own;
mod scene;
