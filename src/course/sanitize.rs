//! Escapes the texts of a course when they are read, so that they are safe to show anywhere.

use super::Course;
use super::file::StageFile;
use crate::pattern::visible;

/// Something that contains texts for people.
pub(super) trait Sanitize {
    /// Escapes what does not belong on a terminal.
    fn sanitize(&mut self);
}

fn escape_all<'t>(texts: impl IntoIterator<Item = &'t mut String>) {
    texts.into_iter().for_each(|text| *text = visible(text));
}

impl Sanitize for Course {
    fn sanitize(&mut self) {
        escape_all([&mut self.title, &mut self.about, &mut self.ending]);
        for track in self.tracks.values_mut() {
            escape_all([&mut track.title]);
            escape_all(track.checks.iter_mut().flat_map(|check| [&mut check.what, &mut check.fix]));
        }
    }
}

impl Sanitize for StageFile {
    fn sanitize(&mut self) {
        escape_all([&mut self.title, &mut self.about]);
        escape_all(self.roles.iter_mut().map(|role| &mut role.about));
        escape_all(self.rules.iter_mut().flat_map(|rule| [Some(&mut rule.say), rule.lesson.as_mut()]).flatten());
        escape_all(self.scenarios.iter_mut().map(|scenario| &mut scenario.about));
        escape_all(self.hints.iter_mut().map(|hint| &mut hint.say));
        escape_all(self.explanations.iter_mut().map(|explanation| &mut explanation.say));
        escape_all(self.mistakes.iter_mut().map(|mistake| &mut mistake.about));
    }
}
