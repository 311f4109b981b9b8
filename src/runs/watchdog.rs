//! Decides from poll to poll whether waiting still makes sense, by what each peer has done since the last effect.
//!
//! An **effect** is anything that others can notice: a line, an end, a byte on a connection, input that was read. A
//! peer that wakes and sleeps again without one has taken a *nap*: a clock that ticks, a loop that polls. So *at
//! rest* does not mean that no peer wakes, but that waking has no effect.
//!
//! | a peer that | is waited for |
//! | --- | --- |
//! | sleeps, and never wakes by itself before the time limit | no more |
//! | sleeps, and has napped [`NAPS`] times | no more, for rest; for [`QUIET`] before a run fails |
//! | sleeps, and wakes soon | until it has |
//! | computes | until it has used [`COMPUTING`] of processor time |
//! | talks | until it has used a part of the time limit; see [`livelock`](super::livelock) |
//! | reads an end, over and over | until it has used [`ASKING`] |

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::follower::Follower;
use super::livelock::{COMPUTING, LivelockMeter};
use super::poll::{PeerState, Snapshot};
use super::{ActiveRun, POLL_PAUSE};
use crate::course::Condition;
use crate::evidence::MAX_NOISE;
use crate::quiescence::{BypassTraffic, Usage, usage};
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A peer must be seen asleep this many times in a row, in the same sleep, before it counts as asleep for
/// good: a run is called stuck for it.
const SURE: u32 = 4;

/// After this many naps, a peer counts as one that naps regularly.
const NAPS: u32 = 3;

/// A run fails as restless after this much time without an effect; only time that the peers could use counts.
const QUIET: Duration = Duration::from_secs(3);

/// Waiting for rest ignores a peer that wakes by itself later than this, unless the transcript says otherwise.
pub(super) const SOON: Duration = Duration::from_millis(700);

/// The processor time of a peer that was told of an end of stream and then spends its time in the kernel, moves no
/// byte and touches no new memory: it reads the end over and over.
const ASKING: Duration = Duration::from_millis(300);

/// Once a peer has used this much processor time to no effect, the executor is told.
const COMPUTES: Duration = Duration::from_millis(150);

/// A peer that asks over and over spends at least one part in this many of its time in the kernel.
const IN_THE_KERNEL: u32 = 10;

/// A peer that asks over and over has fewer page faults than this.
const FEW_FAULTS: u64 = 64;

/// The longest pause between two polls while all peers sleep.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the system does not say what peers do, links are released after this many polls.
const BLIND_POLLS: u32 = 5;

/// What to do after a poll.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assessment {
    Wait,
    /// Release what is held back.
    Release,
    /// Every peer sleeps for good: a deadlock.
    Stuck,
    /// Peers wake, to no effect.
    Restless,
    /// The run fails in this way, because a peer goes on and on to no effect.
    Fails(Failure),
}

/// What has been seen since the last effect.
#[derive(Default)]
pub(super) struct Watchdog {
    pub(super) pause: Duration,
    effects: u64,
    histories: Vec<PeerHistory>,
    /// The time of the first poll at which nothing had happened for a while.
    quiet_since: Option<Instant>,
    /// The traffic past the links when all peers were last asleep, with a mark of that sleep.
    bypass_traffic: Option<(u64, BypassTraffic)>,
    blind: u32,
}

/// What one peer has done since the last effect.
#[derive(Clone, Default)]
pub(super) struct PeerHistory {
    /// How many polls in a row saw it in the same sleep.
    asleep: u32,
    mark: Option<u64>,
    /// When it wakes by itself, at the earliest; known while it is asleep.
    wakes: Option<Instant>,
    /// It may have timers that can't be seen from outside; known once it has slept for a while.
    hidden: bool,
    /// How often it has woken and slept again.
    pub(super) naps: u32,
    /// Its usage, and the bytes that it had written to standard error, at the first poll at which nothing had
    /// happened for a while.
    before: Option<(Usage, u64)>,
    /// What it has used since then.
    pub(super) used: Usage,
}

impl PeerHistory {
    fn saw(&mut self, state: PeerState) {
        let PeerState::Asleep { wakes, mark } = state else {
            self.asleep = 0;
            return;
        };
        let same = self.mark == Some(mark);
        self.naps += u32::from(self.mark.is_some() && !same);
        self.asleep = if same { self.asleep + 1 } else { 1 };
        (self.mark, self.wakes) = (Some(mark), wakes);
    }

    /// Has it used so much processor time to no effect that it counts as spinning?
    fn spins(&self, told_of_the_end: bool) -> bool {
        let Usage { system, faults, bytes, .. } = self.used;
        let asks = system * IN_THE_KERNEL >= self.used.total() && faults < FEW_FAULTS && bytes == 0;
        self.used.total() >= if asks && told_of_the_end { ASKING } else { COMPUTING }
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Starts over: a line or an end was seen, or the runner has done something or is about to.
    pub(super) fn begin_to_wait(&mut self) {
        self.livelock_meter = LivelockMeter::new(self.peers.len(), self.ticks.load(Ordering::Relaxed));
        self.saw_effect();
    }

    /// Starts over after an effect, if only a byte.
    fn saw_effect(&mut self) {
        let histories = vec![PeerHistory::default(); self.peers.len()];
        let pause = self.first_pause();
        self.watchdog = Watchdog { pause, effects: self.effects(), histories, ..Watchdog::default() };
    }

    /// The pause before the first poll. It is short where links hold bytes back, as they wait for the peers to sleep;
    /// elsewhere most waits are over before the first poll.
    fn first_pause(&self) -> Duration {
        if self.plan.id.condition.holds_back() { POLL_PAUSE.0 } else { POLL_PAUSE.0 * 4 }
    }

    /// A number that changes with every effect except lines and ends, which are events.
    fn effects(&self) -> u64 {
        let mut effects = DefaultHasher::new();
        self.ticks.load(Ordering::Relaxed).hash(&mut effects);
        // Both numbers, as a peer that reads as fast as the runner types never has unread input.
        let input = |(peer, _): &(crate::process::Peer, _)| (peer.unread_input(), peer.written_input());
        self.peers.iter().for_each(|peer| peer.as_ref().map(input).hash(&mut effects));
        effects.finish()
    }

    /// Polls, and decides whether waiting still makes sense.
    pub(super) fn consider(&mut self) -> (Snapshot, Assessment) {
        let snapshot = self.poll();
        if self.effects() != self.watchdog.effects {
            self.saw_effect();
        }
        let slow = self.watchdog.pause >= POLL_PAUSE.1;
        self.watchdog.pause = (self.watchdog.pause * 2).min(POLL_PAUSE.1);
        let judgement = match &snapshot {
            Snapshot::Moving => Assessment::Wait,
            Snapshot::Blind => self.watchdog.blind(),
            Snapshot::Quiet { peers, .. } => self.judge(peers, slow, &snapshot),
        };
        if matches!(judgement, Assessment::Wait | Assessment::Release) && self.is_livelocked() {
            return (snapshot, Assessment::Fails(Failure::Livelock));
        }
        (snapshot, judgement)
    }

    fn judge(&mut self, peers: &[Option<PeerState>], slow: bool, snapshot: &Snapshot) -> Assessment {
        for (role, state) in peers.iter().enumerate() {
            let history = &mut self.watchdog.histories[role];
            state.iter().for_each(|state| history.saw(*state));
            if history.asleep == SURE && history.wakes.is_none() {
                self.watchdog.histories[role].hidden = self.has_hidden_timers(role);
            }
        }
        if snapshot.is_at_rest() && self.is_worth_a_closer_look() {
            self.see_past_the_links(peers);
        }
        if snapshot.is_holding() && self.may_release(snapshot) {
            self.watchdog.pause = POLL_PAUSE.0;
            return Assessment::Release;
        }
        if slow {
            self.measure();
        }
        if let Some(role) = self.noisy() {
            return Assessment::Fails(Failure::Noisy(role));
        }
        let judgement = self.verdict(peers, snapshot);
        if judgement == Assessment::Wait && self.is_quiet_past_the_links() {
            self.watchdog.nap_with(snapshot);
        }
        judgement
    }

    /// Have all peers slept for long enough that traffic past the links matters?
    fn is_worth_a_closer_look(&self) -> bool {
        let quiet = |history: &PeerHistory| history.mark.is_none() || history.asleep >= SURE || history.naps > 0;
        self.order.is_some() || self.watchdog.histories.iter().all(quiet)
    }

    /// May held bytes be released at this poll? Coalesced bytes may at rest; an order of events must be reproducible,
    /// so a peer that wakes soon is waited for first.
    fn may_release(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_at_rest() && (self.plan.id.condition == Condition::Coalesced || self.is_calm())
    }

    /// Traffic past the links is an effect; it is read whenever a peer has run.
    fn see_past_the_links(&mut self, peers: &[Option<PeerState>]) {
        let mut marks = DefaultHasher::new();
        peers.iter().for_each(|state| {
            let mark = if let Some(PeerState::Asleep { mark, .. }) = state { Some(mark) } else { None };
            mark.hash(&mut marks);
        });
        let marks = marks.finish();
        let before = self.watchdog.bypass_traffic;
        if before.is_some_and(|(seen, bypass_traffic)| seen == marks && !bypass_traffic.moving) {
            return;
        }
        let now = self.bypass_traffic().unwrap_or(BypassTraffic { moving: true, traffic: 0 });
        let pause = self.watchdog.pause;
        if before.is_some_and(|(_, before)| before.traffic != now.traffic) {
            self.saw_effect();
            self.watchdog.pause = pause;
            for (history, state) in self.watchdog.histories.iter_mut().zip(peers) {
                state.iter().for_each(|state| history.saw(*state));
            }
        }
        self.watchdog.bypass_traffic = Some((marks, now));
    }

    /// Is nothing in flight past the links, as far as is known?
    fn is_quiet_past_the_links(&self) -> bool {
        self.watchdog.bypass_traffic.is_some_and(|(_, bypass_traffic)| !bypass_traffic.moving)
    }

    /// Measures what peers use from the first slow poll on.
    fn measure(&mut self) {
        let first = self.watchdog.quiet_since.is_none();
        if first {
            self.watchdog.quiet_since = Some(Instant::now());
        }
        for (history, peer) in self.watchdog.histories.iter_mut().zip(&self.peers) {
            let Some((peer, _)) = peer else { continue };
            let Some(now) = (history.asleep == 0 || first).then(|| usage(peer.id)).flatten() else { continue };
            let (before, _) = *history.before.get_or_insert((now, peer.noise()));
            history.used = now.since(&before);
            if history.used.total() >= COMPUTES {
                (self.computing)();
            }
        }
    }

    /// A role that has written too much to standard error while nothing else happened.
    fn noisy(&self) -> Option<RoleId> {
        let noise = |(history, peer): (&PeerHistory, &Option<(crate::process::Peer, _)>)| {
            Some(peer.as_ref()?.0.noise().saturating_sub(history.before?.1))
        };
        self.watchdog
            .histories
            .iter()
            .zip(&self.peers)
            .position(|pair| noise(pair).is_some_and(|noise| noise >= MAX_NOISE as u64))
    }

    /// May any peer still do something?
    fn verdict(&self, peers: &[Option<PeerState>], snapshot: &Snapshot) -> Assessment {
        if snapshot.is_holding() {
            return Assessment::Wait;
        }
        let up = || peers.iter().enumerate().filter_map(|(role, state)| state.map(|state| (role, state)));
        let for_good = |role: RoleId| {
            let history = &self.watchdog.histories[role];
            let wakes = history.wakes.is_some_and(|wakes| !self.limit.is_over_at(wakes));
            history.asleep >= SURE && !wakes && !history.hidden
        };
        if up().all(|(role, _)| for_good(role)) {
            let stuck = snapshot.is_at_rest() && self.is_quiet_past_the_links();
            return if stuck { Assessment::Stuck } else { Assessment::Wait };
        }
        let quiet = || self.watchdog.quiet_since.is_some_and(|since| self.limit.usable_since(since) >= QUIET);
        let idle = |role: RoleId| self.watchdog.histories[role].naps >= NAPS;
        let mut spins = None;
        for (role, state) in up() {
            if state == PeerState::Awake && self.watchdog.histories[role].spins(self.told_of_the_end(role)) {
                spins = spins.or(Some(role));
                continue;
            }
            let is_over = for_good(role) || (idle(role) && quiet());
            if !is_over {
                return Assessment::Wait;
            }
        }
        match spins {
            Some(role) => Assessment::Fails(Failure::Spinning(role)),
            None if snapshot.is_at_rest() && self.is_quiet_past_the_links() => Assessment::Restless,
            None => Assessment::Wait,
        }
    }

    /// Was the peer told since its start that nothing more will come?
    fn told_of_the_end(&self, role: RoleId) -> bool {
        let since = self.outputs[role].started.unwrap_or_default();
        self.links.iter().any(|link| link.told_of_the_end(role, since))
    }

    /// At a poll at rest: has every peer been asleep for this many polls and will not wake within the horizon, or
    /// napped this often?
    pub(super) fn is_settled(&self, (looks, naps): (u32, u32), horizon: Duration) -> bool {
        let horizon = Instant::now() + horizon;
        let settled = |history: &PeerHistory| {
            let later = history.wakes.is_none_or(|wakes| wakes > horizon || self.limit.is_over_at(wakes));
            history.naps >= naps || (history.asleep >= looks && later)
        };
        let up = self.watchdog.histories.iter().zip(&self.peers).filter(|(_, peer)| peer.is_some());
        up.map(|(history, _)| history).all(settled) && self.is_quiet_past_the_links()
    }

    /// The same where the order of events is chosen: one poll or one nap is enough.
    pub(super) fn is_calm(&self) -> bool {
        self.is_settled((1, 1), SOON)
    }

    /// The same for `! until still`.
    pub(super) fn is_still(&self) -> bool {
        self.is_settled((SURE, NAPS), self.horizon)
    }

    /// The same for a recording, which waits for every peer that wakes before the time limit.
    pub(super) fn is_done(&self) -> bool {
        const EVER: Duration = Duration::from_secs(1 << 30);
        self.is_settled((SURE, NAPS), EVER)
    }
}

impl Watchdog {
    /// While all peers sleep, nothing can happen before the first of them wakes, so the next poll can wait until
    /// then, unless there may be hidden timers.
    fn nap_with(&mut self, snapshot: &Snapshot) {
        // A peer without a mark is not up.
        let for_long = |history: &PeerHistory| history.mark.is_none() || (history.asleep >= SURE && !history.hidden);
        if snapshot.is_at_rest() && self.histories.iter().all(for_long) {
            let wakes = self.histories.iter().filter_map(|history| history.wakes).min();
            let left = wakes.map_or(LONGEST_PAUSE, |wakes| wakes.saturating_duration_since(Instant::now()));
            self.pause = left.clamp(POLL_PAUSE.1, LONGEST_PAUSE);
        }
    }

    fn blind(&mut self) -> Assessment {
        self.blind += 1;
        if self.blind < BLIND_POLLS {
            return Assessment::Wait;
        }
        self.blind = 0;
        Assessment::Release
    }

    /// What each peer has done since the last effect.
    pub(super) fn histories(&self) -> &[PeerHistory] {
        &self.histories
    }
}
