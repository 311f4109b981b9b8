//! Decides what an update does with one file, from three versions: the base, the learner's, and the course's. Pure.

/// The learner's version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LearnerFile {
    /// Nothing.
    Nothing,
    /// A file with these bytes.
    File(Vec<u8>),
    /// A folder, a link, or something that can't be read.
    Other,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the learner has the course's version, or only the learner has changed it.
    Left,
    /// It is new in the course, and added.
    Added,
    /// The learner has not changed it: it is replaced.
    Replaced,
    /// Both have changed it, in different places: it becomes this text.
    Merged(Vec<u8>),
    /// Both have changed the same place: it is left, and the course's version is put beside it.
    Conflict,
    /// The learner has deleted it: it is not brought back.
    Deleted,
    /// The course no longer has it, and the learner has not changed it: it is removed.
    Removed,
    /// The course no longer has it, but the learner has changed it: it is left.
    Kept,
}

/// Decides. `base` is what the learner was given, `new` what the course has now.
pub fn decide(base: Option<&[u8]>, mine: &LearnerFile, new: Option<&[u8]>) -> Action {
    match (mine, base, new) {
        (LearnerFile::File(mine), _, Some(new)) if mine == new => Action::Left,
        (LearnerFile::File(mine), Some(base), Some(_)) if mine == base => Action::Replaced,
        (LearnerFile::File(mine), Some(base), None) if mine == base => Action::Removed,
        (LearnerFile::Nothing, Some(_), Some(_)) => Action::Deleted,
        (LearnerFile::Nothing, None, Some(_)) => Action::Added,
        (LearnerFile::Nothing, _, None) => Action::Left,
        (_, Some(base), Some(new)) if base == new => Action::Left,
        (LearnerFile::File(mine), Some(base), Some(new)) => match merge(base, mine, new) {
            Some(merged) if merged == *mine => Action::Left,
            Some(merged) => Action::Merged(merged),
            None => Action::Conflict,
        },
        (_, _, Some(_)) => Action::Conflict,
        (_, _, None) => Action::Kept,
    }
}

/// Both changes in one text; `None` if they conflict, or if the file is not text.
fn merge(base: &[u8], mine: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (base, mine, new) = (text(base)?, text(mine)?, text(new)?);
    diffy::merge(base, mine, new).ok().map(String::into_bytes)
}
