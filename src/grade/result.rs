//! The result of a submission in one stage, as a value that is kept in a file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::submissions::{Ignored, Submission};
use crate::course::Stage;
use crate::error::{Error, Result};
use crate::files::{make_folder, replace};
use crate::report::say;
use crate::trace::Trace;
use crate::verdict::{Explanation, RuleState};

/// Points of so many, in words.
pub(super) fn score(points: Option<u32>, of: u32) -> String {
    points.map_or_else(|| "not graded".to_owned(), |points| format!("{points} of {of}"))
}

/// The folder in which new results wait until the instructor agrees, below that of the results.
pub(super) const WAITING: &str = ".again";

/// The folder in which programs are built, below that of the results, unless another one is named.
pub(super) const BUILDS: &str = ".builds";

/// The version of the format.
const FORMAT: u32 = 2;

/// The result of a submission in one stage: `RESULTS/WHO/STAGE.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GradeResult {
    format: u32,
    /// Whose submission.
    pub(super) who: String,
    /// The name of the folder that it is kept in.
    pub(super) folder: String,
    /// Which one, counted from 1.
    pub(super) attempt: usize,
    /// The stage's name.
    pub(super) stage: String,
    /// The track's name.
    pub(super) track: String,
    /// What it was made with: a result that was made with something else is made again.
    pub(super) made_with: MadeWith,
    /// The seed of every random choice.
    pub(super) seed: u64,
    /// What the submission came to.
    pub(super) outcome: Outcome,
    /// The points; null for what could not be graded, which is not the same as none.
    pub(super) points: Option<u32>,
    /// The most points that there are.
    pub(super) of: u32,
    /// The rules of the stage.
    pub(super) rules: Vec<RuleResult>,
    /// All runs, in order.
    pub(super) runs: Vec<RunResult>,
    /// Why the first failed run failed: of those that learners can play, if any of them failed.
    pub(super) reason: Option<Explanation>,
    /// That run is one of a hidden scenario.
    pub(super) reason_is_hidden: bool,
    /// Every repeat came to the same. If not, a human should look.
    pub(super) steady: bool,
    /// What the build printed, if it failed, or what kept the submission from being graded.
    pub(super) output: String,
    /// The files that were taken.
    pub(super) taken: Vec<String>,
    /// The other files of the package.
    pub(super) ignored: Vec<Ignored>,
    /// How long the build and all runs took, in milliseconds.
    pub(super) ms: u64,
    /// The first failed run.
    pub(super) shown: Option<Trace>,
}

/// What a result depends on, beside the runner's random choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeWith {
    /// The version of `workshop`.
    pub(super) runner: String,
    /// The hash of the stage's files.
    pub(super) course: String,
    /// The hash of the files that were taken.
    pub(super) submission: String,
    /// How often every run was repeated.
    pub(super) repeat: u32,
    /// All points or none.
    pub(super) all_or_nothing: bool,
    /// What kept the submission's programs from the rest of the machine.
    pub(super) isolation: String,
}

/// What a submission came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// It was built and run.
    Graded,
    /// It does not build: no points.
    NotBuilt,
    /// It could not be graded.
    NotGraded,
}

/// A rule, and whether it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleResult {
    /// Its id.
    pub(super) id: String,
    /// The rule, in a sentence.
    pub(super) say: String,
    /// Its state.
    pub(super) state: RuleState,
    /// What it is worth.
    pub(super) worth: u32,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunResult {
    /// Its name: scenario, pairing, condition and order.
    pub(super) name: String,
    /// Counted from 0.
    pub(super) repeat: u32,
    /// The seed of its random choices.
    pub(super) seed: u64,
    /// `passed`, `failed` or `unplayed`.
    pub(super) outcome: String,
    /// How long it took, in milliseconds.
    pub(super) ms: u64,
    /// The id of the reason why it failed.
    pub(super) reason: Option<String>,
    /// Its scenario is not in the learners' course.
    pub(super) hidden: bool,
}

impl GradeResult {
    /// A result without anything in it yet.
    pub(super) fn new(
        submission: &Submission,
        stage: &Stage,
        track: &str,
        made_with: MadeWith,
        seed: u64,
    ) -> GradeResult {
        GradeResult {
            format: FORMAT,
            who: submission.who.clone(),
            folder: submission.folder.clone(),
            attempt: submission.attempt,
            stage: stage.name.clone(),
            track: track.to_owned(),
            made_with,
            seed,
            outcome: Outcome::NotGraded,
            points: None,
            // A stage that names no rules is worth one point.
            of: if stage.rules.is_empty() { 1 } else { stage.rules.iter().map(|rule| rule.points).sum() },
            rules: Vec::new(),
            runs: Vec::new(),
            reason: None,
            reason_is_hidden: false,
            steady: true,
            output: String::new(),
            taken: Vec::new(),
            ignored: Vec::new(),
            ms: 0,
            shown: None,
        }
    }

    /// The points for the rules that were kept.
    pub(super) fn count(&mut self, all_or_nothing: bool) {
        let kept = self.rules.iter().filter(|rule| rule.state == RuleState::Kept).map(|rule| rule.worth).sum();
        let passed = !self.runs.is_empty() && self.runs.iter().all(|run| run.outcome == "passed");
        let by_rule = !all_or_nothing && !self.rules.is_empty();
        self.points = Some(if by_rule { kept } else { u32::from(passed) * self.of });
    }

    /// Whose it is, and which attempt, unless it is the first.
    pub(super) fn whose(&self) -> String {
        match self.attempt {
            1 => self.who.clone(),
            attempt => format!("{} (attempt {attempt})", self.who),
        }
    }

    /// The points, in words.
    pub(super) fn score(&self) -> String {
        score(self.points, self.of)
    }

    /// What it came to beside the points, in a few words.
    pub(super) fn in_short(&self) -> &str {
        match (self.outcome, &self.reason) {
            (Outcome::NotBuilt, _) => "does not build",
            (Outcome::NotGraded, _) => self.output.lines().next().unwrap_or_default(),
            (Outcome::Graded, reason) => reason.as_ref().map_or("", |reason| &reason.id),
        }
    }

    /// Where it is kept.
    pub(super) fn file(results: &Path, submission: &Submission, stage: &str) -> PathBuf {
        let name = match submission.attempt {
            1 => format!("{stage}.json"),
            attempt => format!("{stage}.{attempt}.json"),
        };
        results.join(&submission.folder).join(name)
    }

    /// Writes it, in the place of an earlier one.
    pub(super) fn save(&self, file: &Path) -> Result<()> {
        make_folder(file.parent().unwrap_or(Path::new(".")))?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new("a result can't be written as JSON").because(error))?;
        replace(file, &text)
    }

    /// Reads one, if it is there and of this format.
    pub(super) fn load(file: &Path) -> Option<GradeResult> {
        let result: GradeResult = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        (result.format == FORMAT).then_some(result)
    }

    /// All results in a folder, by who and stage.
    pub(super) fn all(results: &Path) -> Result<Vec<GradeResult>> {
        let fail = |error| Error::io("read the results in", results, &error);
        let mut found = Vec::new();
        for who in fs::read_dir(results).map_err(fail)? {
            let who = who.map_err(fail)?.path();
            let is_own = who.file_name().is_some_and(|name| name == WAITING || name == BUILDS);
            if is_own || !who.is_dir() {
                continue;
            }
            for file in fs::read_dir(&who).map_err(fail)? {
                let file = file.map_err(fail)?.path();
                if file.extension().is_some_and(|ending| ending == "json") {
                    let result = GradeResult::load(&file);
                    if result.is_none() {
                        say(&format!("{} is no result that this version can read: it is left out", file.display()));
                    }
                    found.extend(result);
                }
            }
        }
        found.sort_by(|a, b| (&a.who, &a.stage, a.attempt).cmp(&(&b.who, &b.stage, b.attempt)));
        Ok(found)
    }
}
