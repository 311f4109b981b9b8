//! Waits until the peers settle: where a transcript says so, after its last line, and after a difference.

use std::time::{Duration, Instant};

use super::follower::Follower;
use super::poll::Snapshot;
use super::unrest::RestMeter;
use super::watchdog::{Assessment, SOON};
use super::{ActiveRun, ExecutedRun, POLL_PAUSE};
use crate::evidence::Evidence;
use crate::link::Link;
use crate::verdict::Failure;

/// A peer that is always busy is not waited for at the end of a run.
const BUSY_POLLS: u32 = 12;

/// How often links are released at the end of a run, as peers may talk for ever.
const RELEASES: u32 = 100;

/// Peers that send each other something now and then, such as heartbeats, are never at rest for long. After this much
/// time in which nothing could be seen of them, or what the transcript asks for, a moment of rest is enough.
const PATIENCE: Duration = Duration::from_secs(2);

/// After a difference, this many more lines of a role are read: they may say why.
const MORE_LINES: usize = 64;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Everything that links hold back has been let go.
    Still,
    /// The next event has to be chosen.
    Choice,
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Waits until all peers are at rest, for this time if one is given, and nothing is in flight. Where the system
    /// does not say, for as long as a link holds bytes back there.
    /// `line` is the line of the transcript that waits.
    pub(super) async fn until_still(&mut self, time: Option<Duration>, line: usize) -> Result<(), Failure> {
        self.horizon = time.unwrap_or(SOON);
        self.rest_meter = Some(RestMeter::new(line, self.peers.len()));
        self.until(Until::Still, Self::is_still).await?;
        self.rest_meter = None;
        Ok(())
    }

    /// Waits until a poll at rest fulfils `wanted`, or until more polls are useless because the system does not say.
    pub(super) async fn until(&mut self, until: Until, wanted: fn(&Self) -> bool) -> Result<(), Failure> {
        self.begin_to_wait();
        let mut since = Instant::now();
        loop {
            let taken = self.taken;
            self.take_waiting()?;
            if self.taken != taken {
                self.begin_to_wait();
                since = Instant::now();
            }
            tokio::time::sleep(self.watchdog.pause).await;
            let (snapshot, judgement) = self.consider();
            self.rest_meter.iter_mut().for_each(|meter| meter.saw(&snapshot));
            match judgement {
                Assessment::Release if matches!(snapshot, Snapshot::Blind) => return Ok(()),
                Assessment::Release if until == Until::Still => self.release(),
                Assessment::Fails(failure) => return Err(failure),
                Assessment::Release | Assessment::Wait | Assessment::Stuck | Assessment::Restless => {}
            }
            let held = snapshot.is_holding() && until == Until::Still;
            let patient = || until == Until::Still && self.limit.usable_since(since) >= self.horizon.max(PATIENCE);
            if snapshot.is_at_rest() && !held && (wanted(self) || patient()) {
                return Ok(());
            }
        }
    }

    /// Every expectation is met. Checks that no role prints a line too many or ends.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        let silences = self.last_silences();
        if !silences.is_empty() {
            self.keep_silent(silences).await?;
        }
        let mut pause = POLL_PAUSE.0;
        let (mut busy, mut released) = (0, 0);
        while busy < BUSY_POLLS && released < RELEASES && self.peers.iter().any(Option::is_some) {
            let snapshot = self.poll();
            match (snapshot.is_at_rest(), snapshot.is_holding()) {
                (true, false) => break,
                (true, true) => {
                    self.release();
                    released += 1;
                }
                (false, _) => busy += 1,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_PAUSE.1);
            self.take_waiting()?;
        }
        self.take_waiting()
    }

    /// Gathers what follows a difference, then ends all peers.
    pub(super) async fn finish(mut self, failure: Option<Failure>) -> ExecutedRun {
        let (awaited, phase) = (self.follower.awaited(), self.follower.phase());
        let captures = (0..self.outputs.len()).map(|role| self.follower.captures_of(role)).collect();
        if matches!(failure, Some(Failure::Line(..) | Failure::Ended(..) | Failure::NotStarted(..))) {
            self.gather().await;
        }
        let mut evidence = Evidence {
            links: self.links.iter().map(Link::evidence).collect(),
            typed: std::mem::take(&mut self.typed),
            acted: std::mem::take(&mut self.acted),
            took: self.start.elapsed(),
            off_time: self.off_time,
            unrest: self.rest_meter.take().map(RestMeter::unrest),
            denied: failure.as_ref().map_or(Duration::ZERO, |_| self.limit.waited()),
            ..Evidence::default()
        };
        let endings: Vec<_> = self.outputs.iter().map(|output| (output.ending, output.endings.len())).collect();
        for (output, history) in self.outputs.iter_mut().zip(self.watchdog.histories()) {
            (output.naps, output.computed) = (history.naps, history.used.total());
        }
        for (output, peer) in self.outputs.iter_mut().zip(&mut self.peers) {
            if let Some((peer, _)) = peer {
                output.unread_input = peer.unread_input();
                peer.stop();
            }
        }
        // From here on, the peers print only because they are ended.
        self.aftermath = true;
        let lines: Vec<_> = self.outputs.iter().map(|output| output.lines.len()).collect();
        while self.peers.iter().any(Option::is_some) {
            let Some((role, event)) = self.events.receiver.recv().await else { break };
            let _ = self.take(role, event);
        }
        for ((output, count), ending) in self.outputs.iter_mut().zip(lines).zip(endings) {
            output.lines.truncate(count);
            output.ending = ending.0;
            output.endings.truncate(ending.1);
        }
        evidence.outputs = self.outputs;
        ExecutedRun { failure, awaited, phase, evidence, captures }
    }

    /// After a difference, what the peers still do by themselves is evidence, until they sleep or have printed
    /// enough.
    async fn gather(&mut self) {
        self.aftermath = true;
        let shown: Vec<usize> = self.outputs.iter().map(|output| output.lines.len()).collect();
        let mut busy = 0;
        let mut pause = POLL_PAUSE.0;
        while busy < BUSY_POLLS && self.peers.iter().any(Option::is_some) {
            tokio::select! {
                biased;
                event = self.events.receiver.recv() => {
                    let Some((role, event)) = event else { return };
                    let over = matches!(self.take(role, event), Err(Failure::Flood(_) | Failure::Leaked(_)));
                    if over || self.outputs[role].lines.len() > shown[role] + MORE_LINES {
                        return;
                    }
                }
                () = tokio::time::sleep(pause) => {
                    let snapshot = self.poll();
                    if snapshot.is_holding() && snapshot.is_at_rest() {
                        self.release();
                    } else if snapshot.is_at_rest() {
                        return;
                    } else {
                        busy += 1;
                    }
                    pause = (pause * 2).min(POLL_PAUSE.1);
                }
            }
        }
    }
}
