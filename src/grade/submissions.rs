//! The submissions of a class: which there are, whose, and which of their files count.
//!
//! A submission is a folder or an archive. It comes from a stranger: no link in it is followed, no path leads out of
//! it, and its files are limited in size and number before they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::assets::{File, is_passed_over};
use crate::course::Track;
use crate::error::{Error, Result};
use crate::hash::stable_hash;
use crate::pattern::escape;

/// The longest file that is taken, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// The most that is taken of a submission, in bytes.
const MAX_TAKEN: usize = 16 << 20;

/// The most files, folders and links that a submission may have: those of builds included.
const MAX_ENTRIES: usize = 200_000;

/// The most bytes that an archive may unpack to, as far as it has to be unpacked to be read.
const MAX_UNPACKED: u64 = 4 << 30;

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submission {
    /// Whose.
    pub(super) who: String,
    /// The name of the folder with the results: theirs, as far as a folder can be called so.
    pub(super) folder: String,
    /// Counted from 1.
    pub(super) attempt: usize,
    /// The folder or archive.
    pub(super) path: PathBuf,
}

/// What a line of a roster says.
#[derive(Debug, Deserialize)]
struct RosterLine {
    /// The name of a folder or an archive, with or without its ending, or how it begins.
    submission: String,
    /// Whose it is.
    who: String,
}

/// The endings of archives.
const ARCHIVES: [&str; 3] = [".zip", ".tar.gz", ".tgz"];

/// The submissions in a folder, in the order of their names; others of its files are named, too.
///
/// # Errors
/// The folder or the roster can't be read, or two submissions would have the same name.
pub(super) fn find(folder: &Path, roster: Option<&Path>) -> Result<(Vec<Submission>, Vec<String>)> {
    const NO_KIND: &str = "is neither a folder nor a .zip, .tar.gz or .tgz";
    const NOT_LISTED: &str = "is not in the roster";
    let fail = |error| Error::io("read the folder", folder, &error);
    let mut entries = Vec::new();
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(fail)?;
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() || kind.is_file() && stem(&name) != name {
            entries.push(name);
        } else {
            others.push(format!("{name} {NO_KIND}"));
        }
    }
    entries.sort();
    others.sort();
    let roster = roster.map(read_roster).transpose()?;
    let mut found: Vec<Submission> = Vec::new();
    for name in entries {
        let who = match &roster {
            None => stem(&name).to_owned(),
            Some(roster) => match whose(roster, &name) {
                Some(who) => who,
                None => {
                    others.push(format!("{name} {NOT_LISTED}"));
                    continue;
                }
            },
        };
        let who = who.trim().to_owned();
        let attempt = 1 + found.iter().filter(|other| other.who == who).count();
        if attempt > 1 && roster.is_none() {
            return Err(Error::new(format!("two submissions are called `{who}`"))
                .help("rename one of them, or say with `--roster` whose they are"));
        }
        let is_taken = |name: &str| found.iter().any(|other| other.folder == name && other.who != who);
        let safe = Some(folder_name(&who)).filter(|name| !is_taken(name));
        let of_results = safe.unwrap_or_else(|| format!("{}-{:08x}", folder_name(&who), stable_hash(&who) >> 32));
        found.push(Submission { who, folder: of_results, attempt, path: folder.join(name) });
    }
    Ok((found, others))
}

/// A file's name without the ending of an archive.
fn stem(name: &str) -> &str {
    let ending = ARCHIVES.iter().find(|ending| name.to_ascii_lowercase().ends_with(*ending));
    ending.map_or(name, |ending| &name[..name.len() - ending.len()])
}

/// A name as one of a folder, on any system.
fn folder_name(who: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') { c } else { '-' };
    let name: String = who.trim().chars().map(safe).take(100).collect();
    let name = name.trim_matches('.').to_owned();
    if name.is_empty() { "nameless".to_owned() } else { name }
}

fn read_roster(path: &Path) -> Result<Vec<RosterLine>> {
    let help = "a roster is a CSV file with the columns `submission` and `who`";
    let wrong = |error: csv::Error| Error::new(format!("{} is not a roster", path.display())).because(error).help(help);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(wrong)?;
    let lines: Vec<RosterLine> = reader.deserialize().collect::<std::result::Result<_, _>>().map_err(wrong)?;
    let twice = lines.iter().enumerate().find(|(index, line)| {
        lines[..*index].iter().any(|other| stem(&other.submission) == stem(&line.submission) && other.who != line.who)
    });
    match twice {
        Some((_, line)) => {
            Err(Error::new(format!("{} says of `{}` twice whose it is", path.display(), line.submission)))
        }
        None => Ok(lines),
    }
}

/// Everybody whom a roster lists.
///
/// # Errors
/// It can't be read.
pub(super) fn listed(roster: &Path) -> Result<Vec<String>> {
    Ok(read_roster(roster)?.into_iter().map(|line| line.who.trim().to_owned()).collect())
}

/// Whose submission this is: the line with this name, or else the longest one that it begins with.
fn whose(roster: &[RosterLine], name: &str) -> Option<String> {
    let name = stem(name);
    let exact = roster.iter().find(|line| stem(&line.submission) == name);
    // `S1` is not the beginning of `S10`.
    let is_begun = |line: &&RosterLine| {
        let rest = name.strip_prefix(line.submission.as_str()).filter(|_| !line.submission.is_empty());
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let begins = roster.iter().filter(is_begun);
    exact.or(begins.max_by_key(|line| line.submission.len())).map(|line| line.who.clone())
}

/// A file of a submission that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ignored {
    /// Its path in the submission.
    pub(super) path: String,
    /// Why.
    pub(super) why: String,
}

/// What counts of a submission for one stage.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// The files that a learner edits; paths are below the stage's package.
    pub(super) files: Vec<File>,
    /// The others of the package.
    pub(super) ignored: Vec<Ignored>,
}

/// Why a submission can't be graded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The name of the reason.
    pub(super) id: &'static str,
    /// In words.
    pub(super) say: String,
}

/// What was read of a submission, or why it can't be graded.
type Readable<T> = std::result::Result<T, Unreadable>;

/// Takes in an entry of an archive: its path, its kind, and its content.
type EachEntry<'e> = dyn FnMut(String, EntryKind, &mut dyn Read) -> Readable<()> + 'e;

fn unreadable(id: &'static str, say: impl Into<String>) -> Unreadable {
    Unreadable { id, say: say.into() }
}

/// What a path of a submission is.
enum EntryKind {
    /// A file of this size, as far as the archive says.
    File(u64),
    /// A link, a device, a pipe.
    Special,
}

/// A submission that was opened: its paths, and how to read the files.
struct Opened {
    entries: BTreeMap<String, EntryKind>,
    source: Source,
}

enum Source {
    Folder(PathBuf),
    Zip(Box<zip::ZipArchive<fs::File>>, BTreeMap<String, usize>),
    Tar(PathBuf),
}

/// Takes what a learner edits of a stage out of a submission. If it is not the only stage that is graded, its package
/// has to be called by its name: another stage's would have such files, too.
///
/// # Errors
/// It can't be read, is too large, or has no such files.
pub(super) fn take(path: &Path, stage: &str, track: &Track, only: bool) -> Readable<Taken> {
    let mut opened = open(path)?;
    let root = package_of(&opened.entries, stage, track, only).ok_or_else(|| {
        let edited = track.edit.join(", ");
        unreadable("no-package", format!("it has no folder `{stage}` with what a learner edits ({edited}) in it"))
    })?;
    let mut taken = Taken::default();
    let mut wanted = BTreeSet::new();
    for (path, kind) in &opened.entries {
        let Some(below) = path.strip_prefix(&root) else { continue };
        match kind {
            EntryKind::File(size) if track.edits(below) && *size <= MAX_FILE => {
                wanted.insert(path.clone());
            }
            EntryKind::File(_) if track.edits(below) => {
                return Err(unreadable("too-large", format!("{} is longer than {MAX_FILE} bytes", shown(path))));
            }
            EntryKind::Special if track.edits(below) => {
                return Err(unreadable("link", format!("{} is a link, or no plain file", shown(path))));
            }
            EntryKind::Special => taken.ignored.push(ignored(path, "a link, or no plain file")),
            EntryKind::File(_) => taken.ignored.push(ignored(path, "not among the files that a learner edits")),
        }
    }
    let files = read(&mut opened.source, &wanted)?;
    taken.files = files.into_iter().map(|(path, bytes)| (path[root.len()..].to_owned(), bytes)).collect();
    taken.files.sort();
    Ok(taken)
}

fn ignored(path: &str, why: &str) -> Ignored {
    Ignored { path: shown(path), why: why.to_owned() }
}

fn shown(path: &str) -> String {
    escape(path.as_bytes())
}

/// Where the stage's package is: the folder of its name with something in it that a learner edits, or the submission
/// itself, or the one folder in it. Empty, or ends with `/`.
fn package_of(entries: &BTreeMap<String, EntryKind>, stage: &str, track: &Track, only_stage: bool) -> Option<String> {
    let has_edited = |root: &str| entries.keys().any(|path| path.strip_prefix(root).is_some_and(|p| track.edits(p)));
    let mut named: Vec<&str> = Vec::new();
    for path in entries.keys() {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            if folder.rsplit('/').next() == Some(stage) {
                named.push(&path[..=at]);
            }
        }
    }
    named.sort_by_key(|root| (root.matches('/').count(), *root));
    named.dedup();
    if let Some(root) = named.into_iter().find(|root| has_edited(root)) {
        return Some(root.to_owned());
    }
    if !only_stage {
        return None;
    }
    let tops: BTreeSet<&str> = entries.keys().map(|path| path.split_inclusive('/').next().unwrap_or(path)).collect();
    let only = tops.iter().next().filter(|top| tops.len() == 1 && top.ends_with('/'));
    ["", only.copied().unwrap_or_default()].into_iter().find(|root| has_edited(root)).map(str::to_owned)
}

fn open(path: &Path) -> Readable<Opened> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if path.is_dir() {
        let mut entries = BTreeMap::new();
        walk(path, "", &mut entries)?;
        return Ok(Opened { entries, source: Source::Folder(path.to_owned()) });
    }
    if name.ends_with(".zip") { open_zip(path) } else { open_tar(path) }
}

/// The files below a folder; no link is followed.
fn walk(dir: &Path, prefix: &str, entries: &mut BTreeMap<String, EntryKind>) -> Readable<()> {
    let fail = |error: io::Error| unreadable("unreadable", format!("{} can't be read: {error}", shown(prefix)));
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let metadata = entry.path().symlink_metadata().map_err(fail)?;
        if metadata.is_dir() {
            if !is_passed_over(&name) {
                walk(&entry.path(), &format!("{path}/"), entries)?;
            }
        } else {
            add(entries, path, if metadata.is_file() { EntryKind::File(metadata.len()) } else { EntryKind::Special })?;
        }
    }
    Ok(())
}

fn add(entries: &mut BTreeMap<String, EntryKind>, path: String, kind: EntryKind) -> Readable<()> {
    if entries.len() == MAX_ENTRIES {
        return Err(unreadable("too-many-files", format!("it has more than {MAX_ENTRIES} files")));
    }
    entries.insert(path, kind);
    Ok(())
}

/// The path of an archive's entry, if it is one below the archive, and nothing that a build or a system adds.
fn inside(path: &str) -> Readable<Option<String>> {
    let path = path.replace('\\', "/");
    let leads_out = path.starts_with('/') || path.contains(':') && path.find(':') == Some(1);
    if leads_out || path.split('/').any(|part| part == "..") {
        return Err(unreadable(
            "path-leads-out",
            format!("the archive has a path that leads out of it: {}", shown(&path)),
        ));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_added = parts.iter().any(|part| is_passed_over(part) || matches!(*part, "__MACOSX" | ".DS_Store"));
    Ok((!is_added && !parts.is_empty()).then(|| parts.join("/")))
}

fn open_zip(path: &Path) -> Readable<Opened> {
    let wrong = |error: &dyn std::fmt::Display| unreadable("no-archive", format!("it is not a zip archive: {error}"));
    let file = fs::File::open(path).map_err(|error| wrong(&error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| wrong(&error))?;
    let mut entries = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    for number in 0..archive.len() {
        let entry = archive.by_index_raw(number).map_err(|error| wrong(&error))?;
        let name = entry.name().map_err(|error| wrong(&error))?;
        let Some(path) = inside(&name)? else { continue };
        if entry.is_dir() {
            continue;
        }
        let kind = if entry.is_symlink() { EntryKind::Special } else { EntryKind::File(entry.size()) };
        if entries.contains_key(&path) {
            return Err(unreadable("twice", format!("the archive has {} twice", shown(&path))));
        }
        numbers.insert(path.clone(), number);
        add(&mut entries, path, kind)?;
    }
    Ok(Opened { entries, source: Source::Zip(Box::new(archive), numbers) })
}

fn open_tar(path: &Path) -> Readable<Opened> {
    let mut entries = BTreeMap::new();
    each_of_tar(path, &mut |path, kind, _| {
        if entries.contains_key(&path) {
            return Err(unreadable("twice", format!("the archive has {} twice", shown(&path))));
        }
        add(&mut entries, path, kind)
    })?;
    Ok(Opened { entries, source: Source::Tar(path.to_owned()) })
}

/// Goes through an archive of `tar`.
fn each_of_tar(path: &Path, each: &mut EachEntry<'_>) -> Readable<()> {
    let wrong = |error: io::Error| {
        unreadable("no-archive", format!("it is not an archive of tar and gzip that can be read: {error}"))
    };
    let file = fs::File::open(path).map_err(wrong)?;
    // One byte more than is allowed, so that the limit is seen.
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(MAX_UNPACKED + 1));
    for entry in archive.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        if entry.raw_file_position() > MAX_UNPACKED {
            return Err(unreadable("too-large", format!("it unpacks to more than {MAX_UNPACKED} bytes")));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(path) = inside(&path)? else { continue };
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory | tar::EntryType::XGlobalHeader | tar::EntryType::XHeader => continue,
            tar::EntryType::Regular | tar::EntryType::Continuous => EntryKind::File(entry.size()),
            _ => EntryKind::Special,
        };
        each(path, kind, &mut entry)?;
    }
    Ok(())
}

/// Reads the wanted files.
fn read(source: &mut Source, wanted: &BTreeSet<String>) -> Readable<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    let mut room = MAX_TAKEN;
    let mut take = |path: &str, reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        let fail = |error: io::Error| unreadable("unreadable", format!("{} can't be read: {error}", shown(path)));
        reader.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > MAX_FILE || bytes.len() > room {
            return Err(unreadable("too-large", format!("{} is too long, or all files together are", shown(path))));
        }
        room -= bytes.len();
        files.push((path.to_owned(), bytes));
        Ok(())
    };
    match source {
        Source::Folder(root) => {
            for path in wanted {
                let fail =
                    |error: io::Error| unreadable("unreadable", format!("{} can't be read: {error}", shown(path)));
                take(path, &mut fs::File::open(root.join(path)).map_err(fail)?)?;
            }
        }
        Source::Zip(archive, numbers) => {
            for path in wanted {
                let entry = archive.by_index(numbers[path]);
                let mut entry = entry
                    .map_err(|error| unreadable("no-archive", format!("{} can't be read: {error}", shown(path))))?;
                take(path, &mut entry)?;
            }
        }
        Source::Tar(archive) => each_of_tar(archive, &mut |path, _, reader| {
            if wanted.contains(&path) { take(&path, reader) } else { Ok(()) }
        })?,
    }
    Ok(files)
}
