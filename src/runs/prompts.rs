//! Texts that a role prints without a newline, such as a prompt, where the transcript expects them.
//!
//! It makes no difference in how many pieces they come: a prompt is taken from the beginning of what a role has printed
//! since its last newline, as soon as it is there, and what follows is the next line, or the next prompt.

use super::ActiveRun;
use super::follower::Follower;
use super::recorder::Recorder;
use crate::evidence::Printed;
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A prompt is not longer than this.
const MAX_PROMPT: usize = 1024;

/// What a role has printed after its last newline.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// The bytes of the prompts at its beginning.
    taken: usize,
    /// What came after them; of a long text, enough to see that it is no prompt.
    rest: Vec<u8>,
}

impl Unfinished {
    pub(super) fn came(&mut self, bytes: &[u8]) {
        let room = (2 * MAX_PROMPT).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// What is left of a text without the prompts.
    pub(super) fn left_of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.drain(..self.taken.min(bytes.len()));
        bytes
    }
}

/// The text at the beginning that may be a prompt.
fn beginning(bytes: &[u8]) -> &str {
    let bytes = &bytes[..bytes.len().min(MAX_PROMPT)];
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Takes the prompts that are expected here from what a role has printed after its last newline.
    pub(super) fn take_prompts(&mut self, role: RoleId) -> Result<(), Failure> {
        while let Some(length) = self.prompt_in(role, &self.unfinished[role].rest) {
            self.take_prompt(role, length)?;
        }
        Ok(())
    }

    /// What is left of a line without the prompts at its beginning; `None` if there is nothing else.
    pub(super) fn after_prompts(
        &mut self,
        role: RoleId,
        line: Vec<u8>,
        whole: bool,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let before = std::mem::take(&mut self.unfinished[role]);
        let mut left = before.left_of(line);
        let mut taken = before.taken;
        while let Some(length) = self.prompt_in(role, &left) {
            self.unfinished[role].rest = left.drain(..length).collect();
            self.take_prompt(role, length)?;
            taken += length;
        }
        self.unfinished[role] = Unfinished::default();
        let is_over = left.is_empty() && !whole && taken > 0;
        Ok((!is_over).then_some(left))
    }

    fn prompt_in(&self, role: RoleId, bytes: &[u8]) -> Option<usize> {
        if self.aftermath || bytes.is_empty() { None } else { self.follower.prompt(role, beginning(bytes)) }
    }

    fn take_prompt(&mut self, role: RoleId, length: usize) -> Result<(), Failure> {
        let unfinished = &mut self.unfinished[role];
        unfinished.taken += length;
        let bytes = unfinished.rest.drain(..length).collect();
        self.take_line(role, Printed { bytes, at: self.start.elapsed(), whole: true, prompt: true })
    }
}

impl ActiveRun<'_, Recorder<'_>> {
    /// At rest, what a role has printed without a newline is a prompt.
    pub(super) fn record_prompts(&mut self) -> Result<(), Failure> {
        for role in 0..self.peers.len() {
            let rest = &self.unfinished[role].rest;
            if !rest.is_empty() && beginning(rest).len() == rest.len() {
                self.take_prompt(role, rest.len())?;
            }
        }
        Ok(())
    }
}
