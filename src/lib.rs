//! `workshop`: an interactive tutorial runner for network programming.
//!
//! A learner edits a template. `workshop verify` builds it, runs it against itself and against a reference, over
//! links that fragment, coalesce, delay and cut, and says what is wrong and why. The modules are the nouns of that
//! pipeline, in its order:
//!
//! ```text
//! course YAML → stage → workspace (learner's files) → build → runs → verdict → report
//!                                                       │
//!              spawn roles · type · read lines · links · match · evidence
//! ```
//!
//! **Vocabulary** (values, no input or output): [`error`], [`hash`], [`yaml`], [`course`], [`pattern`],
//! [`transcript`], [`matcher`], [`evidence`], [`fault`], [`verdict`], [`explain`], [`trace`],
//! [`event`].
//! A [`course::Stage`] is read from YAML; its scenarios are [`transcript::Transcript`]s of
//! [`pattern::Pattern`]s; [`matcher::Matcher`] follows a run through one; [`explain`] turns
//! [`evidence`] into the reason of a [`verdict`].
//!
//! **Machinery** (touches the system): [`files`] (replaced whole, and locked), [`runtime`] (what runs asynchronous
//! work, and ends it), [`assets`] (where a course's files come from),
//! [`progress`], [`last`] and [`workspace`] (what a learner has), [`build`], [`machine`] (what it lacks), [`sandbox`] (what a stranger's program
//! may see and do), [`process`]
//! (a peer and all that it starts), [`quiescence`] (what the kernel knows), [`link`] (the proxy between two
//! peers), [`runs`] (one run from start to end), [`file_watch`] (tells of saves).
//!
//! **Presentation**: [`report`] (terminal, JSON, JUnit), [`watch`] (the full-screen view), [`serve`] (the
//! page for a browser).
//!
//! **Assembly**: [`verify`] (a stage end to end), [`author`] (is a stage fair and strict?),
//! [`grade`] (the submissions of a class),
//! [`cli`] and [`commands`].
//!
//! Dependencies point up this list only: assembly → machinery and presentation → vocabulary.
//! Machinery and presentation do not know each other. `tests/structure.rs` holds that.

pub mod assets;
pub mod author;
pub mod build;
pub mod cli;
pub mod commands;
pub mod course;
pub mod error;
pub mod event;
pub mod evidence;
pub mod explain;
pub mod fault;
pub mod file_watch;
pub mod files;
pub mod grade;
pub mod hash;
pub mod last;
pub mod link;
pub mod machine;
pub mod matcher;
pub mod pattern;
pub mod process;
pub mod progress;
pub mod quiescence;
pub mod report;
pub mod runs;
pub mod runtime;
pub mod sandbox;

pub mod serve;
pub mod trace;
pub mod transcript;
pub mod verdict;
pub mod verify;
pub mod watch;
pub mod workspace;
pub mod yaml;
