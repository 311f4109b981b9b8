//! The command line as it is typed.
//!
//! One definition feeds the parser, the help and the completions. [`commands`](crate::commands) works out what the
//! flags *mean*.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::course::Condition;
use crate::report::Format;

/// How often every run can be repeated.
const REPEATS: std::ops::RangeInclusive<i64> = 1..=100_000;

/// Learn network programming by building peers, and have them tested.
///
/// Begin with `workshop next`: it shows the next exercise and the files to edit. Then `workshop verify` runs your
/// programs as peers over difficult links, and says what is wrong and why. `workshop` alone does both in one
/// full-screen view, at each save.
#[derive(Debug, Parser)]
#[command(name = "workshop", version, max_term_width = 100, infer_subcommands = false)]
pub struct Cli {
    /// Which course, and in which language
    #[command(flatten)]
    pub chosen: Chosen,
    /// What to do; the watch view when left out
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// Use the course in this folder instead of the built-in one
    #[arg(long, global = true, value_name = "PATH")]
    pub course: Option<PathBuf>,
    /// The language of lessons, hints and explanations; the workspace remembers it
    #[arg(long, global = true, value_name = "TAG")]
    pub lang: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the next exercise; make a workspace if there is none
    Next(NextArgs),
    /// Make a workspace of a course in a folder or a git repository, without running anything of it
    Init(InitArgs),
    /// Build and run your programs, and say whether they are right, and if not, why
    Verify(VerifyArgs),
    /// Verify at each save, in a full-screen view with the lesson; `workshop` alone does the same
    Watch(WatchArgs),
    /// Show the lesson, your files and the verdict in a browser on this machine, updated at each save
    Serve(ServeArgs),
    /// Draw a run of the last verify: who said what to whom, and when
    Trace(TraceArgs),
    /// List the stages, and how far you have come
    List,
    /// Show the lesson of a stage again
    Lesson(StageArgs),
    /// Show one more hint each time
    Hint(HintArgs),
    /// Show the solution of a stage that you have passed
    Solution(SolutionArgs),
    /// Compare your files with the solution of a stage that you have passed
    Diff(DiffArgs),
    /// Put a stage's files back to their first state; yours are kept as a backup
    Reset(StageArgs),
    /// Bring the course's changes into the workspace, and keep what you wrote
    Update(UpdateArgs),
    /// Run one peer by hand, in this terminal
    Run(RunArgs),
    /// Check that this machine has what is needed, and list what a course runs on it
    Doctor(DoctorArgs),
    /// For instructors: grade the submissions of a class
    Grade(Box<GradeArgs>),
    /// For instructors: is a stage fair and strict?
    #[command(subcommand)]
    Author(AuthorCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Build the dependencies of the stages ahead of time
    #[command(hide = true)]
    Prefetch,
}

/// `workshop doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// For instructors: can submissions be graded here, and how well are they kept apart?
    #[arg(long)]
    pub grade: bool,
}

/// `workshop next`
#[derive(Debug, Args)]
pub struct NextArgs {
    /// Go to this stage, instead of the next one
    #[arg(conflicts_with = "skip")]
    pub stage: Option<String>,
    /// Move on although the stage is not verified
    #[arg(long)]
    pub skip: bool,
    /// The programming language to work in, where the course has several
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
    /// Do not build dependencies in the background
    #[arg(long, env = "WORKSHOP_NO_PREFETCH", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_prefetch: bool,
}

/// `workshop init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The course: a folder, or the address of a git repository
    #[arg(value_name = "PATH|GIT-URL")]
    pub source: String,
    /// The workspace's folder; the course's name when left out
    pub dir: Option<PathBuf>,
    /// The programming language to work in, where the course has several
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
}

/// `workshop update`
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of a command that is about one stage.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
}

/// `workshop hint`
#[derive(Debug, Args)]
pub struct HintArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// Show the hints so far again, and no new one
    #[arg(long)]
    pub again: bool,
}

/// `workshop solution`, `workshop diff`
#[derive(Debug, Args)]
pub struct SolutionArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// Even if you have not passed the stage
    #[arg(long)]
    pub spoil: bool,
    /// Another good solution, if the stage has one
    #[arg(long)]
    pub another: bool,
}

/// `workshop diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Which solution
    #[command(flatten)]
    pub solution: SolutionArgs,
    /// Compare comments and empty lines, too
    #[arg(long)]
    pub comments: bool,
}

/// `workshop verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// Every stage of the course
    #[arg(long, conflicts_with = "stage")]
    pub all: bool,
    /// Run the solution in the place of your programs
    #[arg(long)]
    pub solution: bool,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Only this pairing: whose program plays each role, as in you/reference
    #[arg(long, value_name = "WHO/WHO")]
    pub pairing: Option<String>,
    /// Only over links under this condition
    #[arg(long, value_name = "NAME")]
    pub condition: Option<ConditionName>,
    /// Every run N times, with a count of how many repeats passed whole
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(REPEATS))]
    pub repeat: u32,
    /// Make the same random choices as an earlier verify
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The number of runs at a time
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Show every failed run in full
    #[arg(long, short)]
    pub verbose: bool,
    /// How to show the verdict
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Write a page with a picture of every run into this file
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub html: Option<PathBuf>,
}

/// `workshop watch`
#[derive(Debug, Parser)]
pub struct WatchArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// Poll for saves, where the file system does not report them
    #[arg(long)]
    pub poll: bool,
    /// Do not build dependencies in the background
    #[arg(long, env = "WORKSHOP_NO_PREFETCH", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_prefetch: bool,
}

/// `workshop serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// The port to listen on; a free one when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Poll for saves, where the file system does not report them
    #[arg(long)]
    pub poll: bool,
    /// Do not build dependencies in the background
    #[arg(long, env = "WORKSHOP_NO_PREFETCH", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_prefetch: bool,
}

/// `workshop trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The stage; the current one when left out
    pub stage: Option<String>,
    /// The number of the run; when left out, the first failed run, or else the first
    #[arg(long, value_name = "N")]
    pub run: Option<usize>,
    /// List the runs, with their numbers
    #[arg(long, conflicts_with = "run")]
    pub list: bool,
    /// Write the picture of the run into this file, as SVG
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub svg: Option<PathBuf>,
    /// Write a page with all runs into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "run", "svg"])]
    pub html: Option<PathBuf>,
}

/// A condition, by its name.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ConditionName {
    /// Bytes pass as they come
    Clear,
    /// In pieces, each sent when the last one was read
    Fragmented,
    /// Held back, then delivered together
    Coalesced,
    /// Each piece a fixed time later
    Delayed,
    /// One event at a time, in a different order in each run
    Interleaved,
}

impl From<ConditionName> for Condition {
    fn from(name: ConditionName) -> Condition {
        match name {
            ConditionName::Clear => Condition::Clear,
            ConditionName::Fragmented => Condition::Fragmented,
            ConditionName::Coalesced => Condition::Coalesced,
            ConditionName::Delayed => Condition::Delayed,
            ConditionName::Interleaved => Condition::Interleaved,
        }
    }
}

/// `workshop run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The role
    pub role: String,
    /// The stage; the current one when left out
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Whose program to run
    #[arg(long = "as", value_name = "WHO", default_value = "you")]
    pub party: PartyName,
    /// Arguments for the program; those that begin with `-` come after `--`
    #[arg(trailing_var_arg = true)]
    pub args: Vec<String>,
}

/// Who plays a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartyName {
    /// Your program
    You,
    /// The solution
    Reference,
}

/// `workshop grade`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct GradeArgs {
    /// What to do with results that are there
    #[command(subcommand)]
    pub command: Option<GradeCommand>,
    /// The folder with the submissions: a folder, a .zip or a .tar.gz for each learner
    pub submissions: Option<PathBuf>,
    /// A stage to grade; may be repeated
    #[arg(long = "stage", value_name = "NAME")]
    pub stages: Vec<String>,
    /// Where the results go
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// What you have decided about the class: stages, weights, repeats, what learners see
    #[arg(long, value_name = "GRADE.YAML")]
    pub settings: Option<PathBuf>,
    /// A CSV file that says whose each submission is, in the columns `submission` and `who`
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// The track of the submissions; the course's first one when left out
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
    /// How often to repeat every run; once when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(REPEATS))]
    pub repeat: Option<u32>,
    /// Make the same random choices for every submission
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// All points for a submission that keeps every rule, and none for others
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Only part I of N, so that N machines can share the work
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// The number of runs at a time; chosen from the number of cores when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Keep what is built here from one time to the next
    #[arg(long, value_name = "FOLDER", env = "WORKSHOP_AUTHOR_CACHE")]
    pub cache: Option<PathBuf>,
    /// Run the submissions' programs with all your rights
    #[arg(long)]
    pub trust_submissions: bool,
    /// Grade anew what has changed, show whose points would be others, and write only what you agree to
    #[arg(long)]
    pub again: bool,
    /// With `--again`: write without asking
    #[arg(long, requires = "again")]
    pub yes: bool,
}

/// What to do with results that are there.
#[derive(Debug, Subcommand)]
pub enum GradeCommand {
    /// Make a table or a page of the results
    Report(GradeReportArgs),
    /// Write job scripts for Slurm: a class as an array of jobs, and its report
    Slurm(ClusterArgs),
    /// Write an indexed job for Kubernetes, and what its image is made of
    Kubernetes(ClusterArgs),
    /// Write a workflow for GitHub's runners
    Github(ClusterArgs),
    /// Write an autograder for Gradescope
    Gradescope(ClusterArgs),
}

/// `workshop grade slurm`, `kubernetes`, `github`, `gradescope`
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The folder with the submissions, as the machines that grade see it
    #[arg(default_value = "submissions")]
    pub submissions: PathBuf,
    /// A stage to grade; may be repeated
    #[arg(long = "stage", value_name = "NAME")]
    pub stages: Vec<String>,
    /// Where the results go
    #[arg(long, value_name = "FOLDER", default_value = "results")]
    pub out: PathBuf,
    /// What you have decided about the class
    #[arg(long, value_name = "GRADE.YAML")]
    pub settings: Option<PathBuf>,
    /// Into how many parts the class is divided
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub shards: u16,
    /// The folder for what is written
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub write: PathBuf,
    /// More options of `workshop grade`
    #[arg(last = true)]
    pub more: Vec<String>,
}

/// `workshop grade report`
#[derive(Debug, Args)]
pub struct GradeReportArgs {
    /// The folder with the results
    pub results: PathBuf,
    /// A table for a spreadsheet or a learning platform
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// A page: who stands where, and what the class has not understood
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// For tools that collect test results
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// A page for each learner, with what the settings let them see
    #[arg(long, value_name = "FOLDER")]
    pub learners: Option<PathBuf>,
    /// A `results.json` of Gradescope for each learner, with the same
    #[arg(long, value_name = "FOLDER")]
    pub gradescope: Option<PathBuf>,
    /// A report of check50 for each learner, with the same
    #[arg(long, value_name = "FOLDER")]
    pub check50: Option<PathBuf>,
    /// What you have decided about the class: weights, what learners see
    #[arg(long, value_name = "GRADE.YAML")]
    pub settings: Option<PathBuf>,
}

/// `workshop author`
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Check stages: templates fail, solutions pass, known mistakes are rejected
    Check(CheckArgs),
    /// Run small changes of the solution: wrong programs that must be rejected
    Mutants(MutantsArgs),
    /// Add a stage to a course: complete, and right from the start
    New(NewArgs),
    /// Make a course of your own with a first stage, ready for learners
    NewCourse(NewCourseArgs),
    /// Print the JSON Schema of a course's YAML files, for editors
    Schema(SchemaArgs),
    /// Run the solution, and write what it prints into the transcripts of a stage
    Record(RecordArgs),
    /// Make templates: the solutions with holes in them
    Template(TemplateArgs),
    /// Make the course that learners get: without hidden scenarios, known mistakes and solutions
    Export(ExportArgs),
}

/// `workshop author new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The stage's name, also that of its folders
    pub name: String,
    /// Only for this track; for all tracks of the course when left out
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
    /// The names of its roles; the first one listens, the others dial
    #[arg(long, value_name = "ROLE,ROLE", value_delimiter = ',')]
    pub roles: Vec<String>,
}

/// `workshop author new-course`
#[derive(Debug, Args)]
pub struct NewCourseArgs {
    /// The course's name, also that of its folder
    pub name: String,
    /// The name of its first stage
    #[arg(long, value_name = "NAME", default_value = "hello")]
    pub stage: String,
    /// The programming language: a track of the built-in course, or of the one that `--course` names
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
    /// The names of the first stage's roles
    #[arg(long, value_name = "ROLE,ROLE", value_delimiter = ',')]
    pub roles: Vec<String>,
    /// Without a stage: `workshop author new` makes the first one
    #[arg(long, conflicts_with_all = ["stage", "roles"])]
    pub empty: bool,
}

/// `workshop author schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The file that the schema describes
    #[arg(required_unless_present = "markdown")]
    pub file: Option<SchemaOf>,
    /// Print the reference page of all keys instead
    #[arg(long, conflicts_with = "file")]
    pub markdown: bool,
}

/// A file that has a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// exercises/course.yaml
    Course,
    /// exercises/STAGE/stage.yaml
    Stage,
    /// exercises/course.LANGUAGE.yaml
    CourseLanguage,
    /// exercises/STAGE/stage.LANGUAGE.yaml
    StageLanguage,
    /// grade.yaml
    Grade,
}

/// `workshop author record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The stage
    pub stage: String,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Write without asking
    #[arg(long)]
    pub yes: bool,
    /// Write nothing; exit with code 1 if something would change
    #[arg(long, conflicts_with = "yes")]
    pub check: bool,
    /// How often to run each scenario; at least once under each of its conditions
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Keep build results here from one time to the next
    #[arg(long, value_name = "FOLDER", env = "WORKSHOP_AUTHOR_CACHE")]
    pub cache: Option<PathBuf>,
    /// The track whose solution is run; the course's first one when left out
    #[arg(long, value_name = "NAME")]
    pub track: Option<String>,
}

/// `workshop author template`
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The stages; all of the course when left out
    pub stages: Vec<String>,
    /// Take the templates as they are, and save how they differ from the solutions as their holes
    #[arg(long)]
    pub save_holes: bool,
    /// Write without asking
    #[arg(long)]
    pub yes: bool,
    /// Write nothing; exit with code 1 if something would change
    #[arg(long, conflicts_with = "yes")]
    pub check: bool,
}

/// `workshop author export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The new folder
    pub folder: PathBuf,
    /// Leave the solutions in: learners can look at them, and their programs are played with the reference, too
    #[arg(long)]
    pub keep_solutions: bool,
    /// Keep what is built here from one time to the next
    #[arg(long, value_name = "FOLDER", env = "WORKSHOP_AUTHOR_CACHE")]
    pub cache: Option<PathBuf>,
}

/// `workshop author check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The stages; all of the course when left out
    pub stages: Vec<String>,
    /// All stages of the course
    #[arg(long, conflicts_with = "stages")]
    pub all: bool,
    /// How often to repeat every run of the solution and of each mistake
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(REPEATS))]
    pub repeat: u32,
    /// The number of runs at a time; chosen from the number of cores when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Keep every core busy meanwhile
    #[arg(long)]
    pub busy: bool,
    /// Only this mistake
    #[arg(long, value_name = "NAME")]
    pub mistake: Option<String>,
    /// Make the same random choices as an earlier check
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Keep build results here from one check to the next
    #[arg(long, value_name = "FOLDER", env = "WORKSHOP_AUTHOR_CACHE")]
    pub cache: Option<PathBuf>,
    /// How to show the findings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `workshop author mutants`
#[derive(Debug, Args)]
pub struct MutantsArgs {
    /// The stages; all of the course when left out
    pub stages: Vec<String>,
    /// Only N mutants of each stage, chosen by the seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// Choose the same sample as before
    #[arg(long, value_name = "N", requires = "sample")]
    pub seed: Option<u64>,
    /// Only part I of N, so that N machines can share the work
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// The number of runs at a time; chosen from the number of cores when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Keep build results and findings here: an interrupted check goes on where it stopped
    #[arg(long, value_name = "FOLDER", env = "WORKSHOP_AUTHOR_CACHE")]
    pub cache: Option<PathBuf>,
    /// How to show the findings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// Part `part` of `of`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part.
    pub part: usize,
    /// Of how many.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if part >= 1 && part <= of => Ok(Shard { part, of }),
            _ => Err("write part I of N as I/N, as in 1/4".to_owned()),
        }
    }
}
