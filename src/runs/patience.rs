//! Does waiting still make sense? From look to look, the answer to what a run may wait for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::look::Look;
use super::{LOOK, Player};
use crate::stillness::Watch;
use crate::transcript::RoleId;

/// So many looks in a row must show the same stillness before a run is called stuck.
const SURE: u32 = 4;

/// Processor time that a peer may use, while nothing happens, after its connection is over.
const SPIN: Duration = Duration::from_millis(150);

/// Where the system does not say what peers do: a link is released after so many idle looks.
const BLIND_LOOKS: u32 = 5;

/// What to do after a look.
pub(super) enum Judgement {
    Wait,
    Release,
    Stuck,
    Spins(RoleId),
}

/// Decides, from look to look, whether waiting still makes sense.
pub(super) struct Patience {
    pub(super) pause: Duration,
    ticks: u64,
    still: Option<(u64, u32)>,
    /// The stillness in which nothing was on its way, on any socket: as long as nobody runs, there is
    /// nobody who could send anything.
    rests: Option<u64>,
    blind: u32,
    cpu: Vec<Option<Duration>>,
}

impl Patience {
    pub(super) fn new(player: &Player<'_>) -> Self {
        Patience {
            pause: player.first_pause(),
            ticks: player.ticks.load(Ordering::Relaxed),
            still: None,
            rests: None,
            blind: 0,
            cpu: vec![None; player.peers.len()],
        }
    }

    pub(super) fn consider(&mut self, player: &Player<'_>, look: &Look) -> Judgement {
        let ticks = player.ticks.load(Ordering::Relaxed);
        if ticks != self.ticks {
            *self = Patience::new(player);
        }
        self.pause = (self.pause * 2).min(LOOK.1);
        match look {
            Look::Still { mark, for_good } => {
                let count = self.still.filter(|(before, _)| before == mark).map_or(1, |(_, count)| count + 1);
                self.still = Some((*mark, count));
                if *for_good && self.is_still(player) && !player.watches().any(Watch::may_have_hidden_timers) {
                    return Judgement::Stuck;
                }
            }
            Look::Holding => {
                self.pause = LOOK.0;
                return Judgement::Release;
            }
            Look::Blind => {
                self.blind += 1;
                if self.blind >= BLIND_LOOKS {
                    self.blind = 0;
                    return Judgement::Release;
                }
            }
            Look::Busy => {
                self.still = None;
                return self.spins(player);
            }
        }
        Judgement::Wait
    }

    /// Have all peers slept for some looks, with nothing on its way?
    pub(super) fn is_still(&mut self, player: &Player<'_>) -> bool {
        let Some((mark, SURE..)) = self.still else { return false };
        if self.rests != Some(mark) {
            let known = |own, other| player.links.iter().any(|link| link.knows(own, other));
            let moves = player.watches().any(|watch| watch.moves_elsewhere(&known));
            self.rests = (!moves).then_some(mark);
        }
        self.rests == Some(mark)
    }

    fn spins(&mut self, player: &Player<'_>) -> Judgement {
        if self.pause < LOOK.1 {
            return Judgement::Wait;
        }
        for (role, peer) in player.peers.iter().enumerate() {
            let Some(used) = peer.as_ref().and_then(|(peer, _)| crate::stillness::cpu_time(peer.id)) else { continue };
            match self.cpu[role] {
                None => self.cpu[role] = Some(used),
                Some(before) if used.saturating_sub(before) > SPIN && player.told_of_the_end(role) => {
                    return Judgement::Spins(role);
                }
                Some(_) => {}
            }
        }
        Judgement::Wait
    }
}
