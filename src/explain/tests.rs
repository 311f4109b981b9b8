//! From evidence to a reason, in tables.

mod facts;
mod own;
mod scene;
