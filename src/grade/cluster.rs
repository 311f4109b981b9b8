//! `workshop grade slurm`, `kubernetes`, `github` and `gradescope`: files with which others start the grading. All of
//! them come down to `workshop grade --shard I/N`.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::settings::Settings;
use crate::assets::{Catalog, Origin};
use crate::cli::ClusterArgs;
use crate::error::{Error, Result};
use crate::files::{make_folder, replace};
use crate::report::print;

/// The files for Slurm: an array of jobs, and the report after it.
///
/// # Errors
/// A file can't be written.
pub fn slurm(catalog: &Catalog, args: &ClusterArgs) -> Result<bool> {
    let here = Here::of(catalog, args, Paths::Whole)?;
    let into = whole(&args.write)?;
    let logs = into.join("logs");
    make_folder(&logs)?;
    let fill = |template: &str| here.fill(template, &[("LOGS", &logs.display().to_string()), ("NAME", "grade.slurm")]);
    write(&into.join("grade.slurm"), &fill(include_str!("cluster/grade.slurm")), false)?;
    write(&into.join("report.slurm"), &fill(include_str!("cluster/report.slurm")), false)?;
    write(&into.join("submit.sh"), include_str!("cluster/submit.sh"), true)?;
    print(&format!("Look at them, then submit them with {}\n", into.join("submit.sh").display()));
    Ok(true)
}

/// An indexed job for Kubernetes, and what its image is made of.
///
/// # Errors
/// A file can't be written.
pub fn kubernetes(catalog: &Catalog, args: &ClusterArgs) -> Result<bool> {
    let here = Here { program: "workshop".to_owned(), ..Here::of(catalog, args, Paths::Whole)? };
    let command = format!("exec {} --shard \"$((JOB_COMPLETION_INDEX + 1))/{}\"", here.grade(), args.shards);
    let command = serde_json::Value::from(command).to_string();
    let out = whole(&args.out)?;
    let mount = out.parent().unwrap_or(Path::new("/"));
    let paths = [Some(&here.args.submissions), here.args.settings.as_ref()].into_iter().flatten().map(PathBuf::as_path);
    if let Some(other) = paths.chain(here.course.as_deref().map(Path::new)).find(|path| !path.starts_with(mount)) {
        return Err(Error::new(format!("{} is not below {}", other.display(), mount.display())).help(
            "a pod sees one folder, the one that the results are in: put the submissions, the settings and the course there",
        ));
    }
    let mount = mount.display().to_string();
    let job = here.fill(include_str!("cluster/kubernetes.yaml"), &[("COMMAND", &command), ("MOUNT", &mount)]);
    write(&args.write.join("grade-job.yaml"), &job, false)?;
    write(&args.write.join("Containerfile"), include_str!("cluster/Containerfile"), false)?;
    copy_program(&args.write.join("workshop"))?;
    print(&format!("Make the image in {}, then `kubectl apply -f grade-job.yaml`\n", args.write.display()));
    Ok(true)
}

/// A workflow for GitHub's runners.
///
/// # Errors
/// A file can't be written.
pub fn github(catalog: &Catalog, args: &ClusterArgs) -> Result<bool> {
    let here = Here { program: "workshop".to_owned(), ..Here::of(catalog, args, Paths::AsGiven)? };
    let parts: Vec<String> = (1..=args.shards).map(|part| part.to_string()).collect();
    let words = [("PARTS", parts.join(", ")), ("VERSION", env!("CARGO_PKG_VERSION").to_owned())];
    let words = words.each_ref().map(|(word, value)| (*word, value.as_str()));
    let workflow = here.fill(include_str!("cluster/github.yml"), &words);
    write(&args.write.join(".github/workflows/grade.yml"), &workflow, false)?;
    print("Commit it with the submissions, and start it under Actions, Grade\n");
    Ok(true)
}

/// An autograder for Gradescope: an archive to upload.
///
/// # Errors
/// It can't be written.
pub fn gradescope(catalog: &Catalog, args: &ClusterArgs) -> Result<bool> {
    let inside = ClusterArgs {
        submissions: "\\$class".into(),
        out: "results".into(),
        settings: args.settings.as_ref().map(|_| "grade.yaml".into()),
        ..args.clone()
    };
    let here =
        Here { program: "workshop".to_owned(), course: course_of(catalog).map(|_| "course".to_owned()), args: inside };
    let report = format!("{} --gradescope results/gradescope", here.report_of_results());
    // The folder of the class is the shell's to fill in.
    let grade = here.grade().replace("'\\$class'", "$class");
    let run = here.fill(include_str!("cluster/run_autograder"), &[("GRADE", &grade), ("REPORT", &report)]);
    let mut files = vec![
        ("setup.sh".to_owned(), include_bytes!("cluster/setup.sh").to_vec(), 0o755),
        ("run_autograder".to_owned(), run.into_bytes(), 0o755),
        ("workshop".to_owned(), program_bytes()?, 0o755),
    ];
    if let Some(settings) = &args.settings {
        let text = std::fs::read(settings).map_err(|error| Error::io("read the settings", settings, &error))?;
        files.push(("grade.yaml".to_owned(), text, 0o644));
    }
    if let Some(root) = course_of(catalog) {
        for folder in ["exercises", "templates", "solutions"].iter().filter(|folder| root.join(folder).is_dir()) {
            let tree = catalog.tree(folder)?;
            files.extend(tree.into_iter().map(|(path, bytes)| (format!("course/{folder}/{path}"), bytes, 0o644)));
        }
    }
    let file = args.write.join("autograder.zip");
    make_folder(&args.write)?;
    replace(&file, &archive(files)?)?;
    print(&format!("{} is written: upload it as the autograder of an assignment\n", file.display()));
    Ok(true)
}

fn archive(files: Vec<(String, Vec<u8>, u32)>) -> Result<Vec<u8>> {
    let wrong = |error: &dyn std::fmt::Display| Error::new("the archive can't be made").because(error);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, mode) in files {
        archive.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).map_err(|error| wrong(&error))?;
        archive.write_all(&bytes).map_err(|error| wrong(&error))?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| wrong(&error))
}

/// Are paths written as they were given, or so that they hold wherever a job starts?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paths {
    AsGiven,
    Whole,
}

/// What the files are filled with.
struct Here {
    program: String,
    /// The course's folder, unless it is the built-in one.
    course: Option<String>,
    args: ClusterArgs,
}

impl Here {
    fn of(catalog: &Catalog, args: &ClusterArgs, paths: Paths) -> Result<Here> {
        // A mistake shows now, and not on a cluster.
        let settings = Settings::load(args.settings.as_deref())?;
        let mut stages = args.stages.iter().chain(settings.stages.iter().map(|stage| &stage.name));
        stages.try_for_each(|name| catalog.stage(name).map(drop))?;
        let current = std::env::current_dir().unwrap_or_default();
        let path = |given: &Path| match paths {
            Paths::Whole => whole(given),
            Paths::AsGiven => Ok(given.strip_prefix(&current).unwrap_or(given).to_owned()),
        };
        let program = std::env::current_exe().map_err(|error| Error::new("this program has no path").because(error))?;
        let args = ClusterArgs {
            submissions: path(&args.submissions)?,
            out: path(&args.out)?,
            settings: args.settings.as_deref().map(path).transpose()?,
            ..args.clone()
        };
        let course = course_of(catalog).map(|root| path(root).map(|root| root.display().to_string())).transpose()?;
        Ok(Here { program: program.display().to_string(), course, args })
    }

    /// The command that grades, without its shard.
    fn grade(&self) -> String {
        let mut words = self.begin();
        words.push(self.args.submissions.display().to_string());
        for stage in &self.args.stages {
            words.extend(["--stage".to_owned(), stage.clone()]);
        }
        words.extend(self.settings());
        words.extend(["--out".to_owned(), self.args.out.display().to_string()]);
        words.extend(self.args.more.iter().cloned());
        shell(&words)
    }

    /// The command that reports.
    fn report(&self) -> String {
        let beside = |name: &str| self.args.out.parent().unwrap_or(Path::new("")).join(name).display().to_string();
        let files = ["--csv".to_owned(), beside("grades.csv"), "--html".to_owned(), beside("class.html")];
        format!("{} {}", self.report_of_results(), shell(&files))
    }

    fn report_of_results(&self) -> String {
        let mut words = self.begin();
        words.extend(["report".to_owned(), self.args.out.display().to_string()]);
        words.extend(self.settings());
        shell(&words)
    }

    fn begin(&self) -> Vec<String> {
        let course = self.course.iter().flat_map(|course| ["--course".to_owned(), course.clone()]);
        std::iter::once(self.program.clone()).chain(course).chain(["grade".to_owned()]).collect()
    }

    fn settings(&self) -> Vec<String> {
        let file = self.args.settings.iter();
        file.flat_map(|file| ["--settings".to_owned(), file.display().to_string()]).collect()
    }

    /// A template with its words (`@WORD@`) filled in; those that are given come first.
    fn fill(&self, template: &str, words: &[(&str, &str)]) -> String {
        let usual = [
            ("SHARDS", self.args.shards.to_string()),
            ("GRADE", self.grade()),
            ("REPORT", self.report()),
            ("OUT", self.args.out.display().to_string()),
        ];
        let usual = usual.iter().map(|(word, value)| (*word, value.as_str()));
        words
            .iter()
            .copied()
            .chain(usual)
            .fold(template.to_owned(), |text, (word, value)| text.replace(&format!("@{word}@"), value))
    }
}

/// The folder of the course, unless it is the built-in one.
fn course_of(catalog: &Catalog) -> Option<&Path> {
    match &catalog.origin {
        Origin::BuiltIn => None,
        Origin::Folder(root) => Some(root),
    }
}

/// A path that holds wherever a job starts.
fn whole(path: &Path) -> Result<PathBuf> {
    path.canonicalize().or_else(|_| std::path::absolute(path)).map_err(|error| Error::io("use", path, &error))
}

/// Words as a shell takes them.
fn shell(words: &[String]) -> String {
    let is_plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c));
    let quoted = words.iter().map(|word| match is_plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Writes a file, unless another one is in its place.
fn write(path: &Path, text: &str, may_run: bool) -> Result<()> {
    if std::fs::read(path).is_ok_and(|there| there != text.as_bytes()) {
        return Err(Error::new(format!("{} is there already, and is another file", path.display()))
            .help("remove it, or name another folder with `--write`"));
    }
    make_folder(path.parent().unwrap_or(Path::new(".")))?;
    replace(path, text.as_bytes())?;
    if may_run {
        let_it_run(path)?;
    }
    print(&format!("{} is written\n", path.display()));
    Ok(())
}

#[cfg(unix)]
fn let_it_run(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::io("change", path, &error))
}

#[cfg(not(unix))]
fn let_it_run(_: &Path) -> Result<()> {
    Ok(())
}

fn program_bytes() -> Result<Vec<u8>> {
    let program = std::env::current_exe().map_err(|error| Error::new("this program has no path").because(error))?;
    let mut bytes = Vec::new();
    File::open(&program)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| Error::io("read", &program, &error))?;
    Ok(bytes)
}

fn copy_program(to: &Path) -> Result<()> {
    make_folder(to.parent().unwrap_or(Path::new(".")))?;
    replace(to, &program_bytes()?)?;
    let_it_run(to)
}

#[cfg(test)]
mod tests {
    use super::shell;

    #[test]
    fn a_shell_takes_words_as_they_are() {
        let words = ["workshop", "a b", "it's", "", "$HOME", "--out=x/y"].map(str::to_owned);
        assert_eq!(shell(&words), r"workshop 'a b' 'it'\''s' '' '$HOME' --out=x/y");
    }
}
