//! Where an author's commands put packages together and build them, and how they tell what they are doing.

use std::path::{Path, PathBuf};

use crate::assets::File;
use crate::build::Package;
use crate::course::{Party, Stage};
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::report::Spinner;
use crate::workspace::write_files;

/// Where packages are put together and built.
pub(super) enum Scratch {
    Kept(PathBuf),
    Passing(tempfile::TempDir),
}

impl Scratch {
    /// The folder that was asked for, or one that is gone afterwards.
    pub(super) fn open(cache: Option<&Path>) -> Result<Scratch> {
        Ok(match cache {
            Some(folder) => {
                Scratch::Kept(std::path::absolute(folder).map_err(|error| Error::io("use", folder, &error))?)
            }
            None => Scratch::Passing(
                tempfile::tempdir().map_err(|error| Error::new("no temporary folder can be made").because(error))?,
            ),
        })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Scratch::Kept(path) => path,
            Scratch::Passing(dir) => dir.path(),
        }
    }
}

/// A folder with all packages of one version, and its place in the cache.
pub(super) fn package(dir: &Path, stage: &Stage, party: Party, name: &str, files: &[File]) -> Result<Package> {
    let root = dir.join("packages").join(name);
    write_files(&root, files)?;
    Ok(Package {
        party,
        stage: stage.name.clone(),
        roles: stage.programs(party),
        edited: false,
        root,
        out: dir.join("out").join(name).join(&stage.name),
        cache: dir.join("cache"),
        colour: false,
    })
}

/// Tells on one line what is being looked at.
#[derive(Default)]
pub(super) struct Ticker {
    pub(super) spinner: Spinner,
    /// The stage, and what of it.
    pub(super) what: String,
}

impl Reporter for Ticker {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Building { .. } => self.spinner.say(format!("{}: building", self.what)),
            Event::Verifying { runs, .. } => self.spinner.say(format!("{}: {runs} runs", self.what)),
            Event::RunOver { done, total, .. } if done.is_multiple_of(16) => {
                self.spinner.say(format!("{}: {done} of {total} runs", self.what));
            }
            _ => {}
        }
    }
}
