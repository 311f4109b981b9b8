//! Waiting for rest: where a transcript says so, after its last line, and after a difference.

use std::time::{Duration, Instant as Clock};

use super::look::Look;
use super::patience::{Judgement, Patience};
use super::{LOOK, Player, Seen};
use crate::evidence::Evidence;
use crate::link::Link;
use crate::verdict::Failure;

impl Player<'_> {
    /// Waits until all peers sleep and nothing is on its way. Where the system does not say, for
    /// as long as a link holds bytes back there.
    pub(super) async fn until_still(&mut self) -> Result<(), Failure> {
        let mut watch = Patience::new(self);
        loop {
            self.take_waiting()?;
            if self.rested(&mut watch).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// One more look on the way to rest, after a pause: what it shows when all is still, or when
    /// the system does not say and there is no use in more looks.
    pub(super) async fn rested(&mut self, watch: &mut Patience) -> Result<Option<Look>, Failure> {
        tokio::time::sleep(watch.pause).await;
        let look = self.look();
        match watch.consider(self, &look) {
            Judgement::Release if look == Look::Blind => return Ok(Some(look)),
            Judgement::Release => self.links.iter().for_each(Link::release),
            Judgement::Spins(role) => return Err(Failure::Spinning(role)),
            Judgement::Wait | Judgement::Stuck => {}
        }
        // Lines that were printed before the peers fell asleep have come by now.
        let still = matches!(look, Look::Still { .. }) && watch.is_still(self) && self.events.1.is_empty();
        Ok(still.then_some(look))
    }

    /// Every line has been seen. Roles that are to be running still are, and say nothing more.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        /// A peer that is always busy is not waited for.
        const BUSY_LOOKS: u32 = 12;
        let mut pause = LOOK.0;
        for _ in 0..BUSY_LOOKS {
            if self.peers.iter().all(Option::is_none) {
                break;
            }
            match self.look() {
                Look::Still { .. } => break,
                Look::Holding => self.links.iter().for_each(Link::release),
                Look::Busy | Look::Blind => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
            self.take_waiting()?;
        }
        self.take_waiting()
    }

    /// Gathers what is still to come after a difference, then ends all peers.
    pub(super) async fn finish(mut self, failure: Option<Failure>) -> Seen {
        let (awaited, phase) = (self.matcher.awaited(), self.matcher.phase());
        let captures = (0..self.lanes.len()).map(|role| self.matcher.captures_of(role)).collect();
        if matches!(failure, Some(Failure::Line(..) | Failure::Ended(..) | Failure::NotStarted(..))) {
            self.gather().await;
        }
        let mut evidence = Evidence {
            links: self.links.iter().map(Link::evidence).collect(),
            typed: std::mem::take(&mut self.typed),
            acted: std::mem::take(&mut self.acted),
            took: self.start.elapsed(),
            denied: failure.as_ref().map_or(Duration::ZERO, |_| self.limit.denied()),
            ..Evidence::default()
        };
        let endings: Vec<_> = self.lanes.iter().map(|lane| (lane.ending, lane.endings.len())).collect();
        for (lane, peer) in self.lanes.iter_mut().zip(&mut self.peers) {
            if let Some((peer, _)) = peer {
                lane.unread_input = peer.unread_input();
                peer.stop();
            }
        }
        // What the peers print from here on, they print because they are ended.
        self.aftermath = true;
        let lines: Vec<_> = self.lanes.iter().map(|lane| lane.lines.len()).collect();
        while self.peers.iter().any(Option::is_some) {
            let Some((role, event)) = self.events.1.recv().await else { break };
            let _ = self.take(role, event);
        }
        for ((lane, count), ending) in self.lanes.iter_mut().zip(lines).zip(endings) {
            lane.lines.truncate(count);
            lane.ending = ending.0;
            lane.endings.truncate(ending.1);
        }
        evidence.lanes = self.lanes;
        Seen { failure, awaited, phase, evidence, captures }
    }

    /// After a difference: whatever the peers still do by themselves belongs to the picture.
    pub(super) async fn gather(&mut self) {
        self.aftermath = true;
        let mut pause = LOOK.0;
        let mut last = None;
        while self.peers.iter().any(Option::is_some) && Clock::now() < self.limit.end() {
            tokio::select! {
                biased;
                event = self.events.1.recv() => {
                    let Some((role, event)) = event else { return };
                    if matches!(self.take(role, event), Err(Failure::Flood(_) | Failure::Leaked(_))) {
                        return;
                    }
                    (pause, last) = (LOOK.0, None);
                }
                () = tokio::time::sleep(pause) => {
                    let look = self.look();
                    match look {
                        Look::Holding => self.links.iter().for_each(Link::release),
                        Look::Still { mark, .. } if last == Some(mark) => return,
                        Look::Still { mark, .. } => last = Some(mark),
                        // Whoever is busy all the time, or can't be seen, has had its chance.
                        Look::Busy | Look::Blind if pause >= LOOK.1 * 8 => return,
                        Look::Busy | Look::Blind => {}
                    }
                    pause *= 2;
                }
            }
        }
    }
}
