//! Does waiting still make sense? From look to look, what each peer has done since something last came
//! of it.
//!
//! An **effect** is whatever others can notice: a line, an end, a byte on a connection, input taken in. A
//! peer that wakes and sleeps again without one has taken a *nap*: a clock that ticks, a loop that polls. So
//! *still* does not mean that nobody wakes, but that nothing comes of it.
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
use super::limit::ClockReading;
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

/// A peer that has woken this many times to no effect does so out of habit.
const NAPS: u32 = 3;

/// Before a run fails because nothing comes of what its peers wake for, this much time has passed that
/// they could use.
const QUIET: Duration = Duration::from_secs(3);

/// Rest does not wait for a peer that wakes by itself later than this.
const SOON: Duration = Duration::from_millis(700);

/// A peer that was told that nothing more will come, and then spends its time in the kernel, moves no byte and
/// touches no new memory, reads the end over and over. It has this much processor time.
const ASKING: Duration = Duration::from_millis(300);

/// Once a peer has used this much processor time to no effect, whoever plays other runs beside is told.
const COMPUTES: Duration = Duration::from_millis(150);

/// Whoever asks over and over spends at least one part in this many of its time in the kernel.
const IN_THE_KERNEL: u32 = 10;

/// A peer may have touched so many pages for the first time and still be said to ask over and over.
const FEW_FAULTS: u64 = 64;

/// The longest pause between two looks while all peers sleep.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the system does not say what peers do: a link is released after so many idle looks.
const BLIND_POLLS: u32 = 5;

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assessment {
    Wait,
    /// What is held back may be let go.
    Release,
    /// Every peer sleeps for good.
    Stuck,
    /// Peers wake, and nothing comes of it.
    Restless,
    /// A peer goes on with something of which nothing comes, whatever is waited for.
    Fails(Failure),
}

/// What has been seen since the last effect.
#[derive(Default)]
pub(super) struct Watchdog {
    pub(super) pause: Duration,
    effects: u64,
    histories: Vec<PeerHistory>,
    /// The first look at which nothing had happened for a while.
    quiet_since: Option<ClockReading>,
    /// The connections past the links, when all peers were last asleep, and the marks of that sleep.
    bypass_traffic: Option<(u64, BypassTraffic)>,
    blind: u32,
}

/// What one peer has done since the last effect.
#[derive(Clone, Default)]
pub(super) struct PeerHistory {
    /// How often it was seen asleep in a row, in the same sleep.
    asleep: u32,
    mark: Option<u64>,
    /// When it wakes by itself, at the earliest; known while it is asleep.
    wakes: Option<Instant>,
    /// It may have timers that can't be seen from outside; known once it has slept for a while.
    hidden: bool,
    /// How often it has woken and slept again.
    pub(super) naps: u32,
    /// What it had used, and how much it had written to standard error, at the first look at which nothing
    /// had happened for a while.
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

    /// Does it do the same useless thing over and over?
    fn spins(&self, told_of_the_end: bool) -> bool {
        let Usage { system, faults, bytes, .. } = self.used;
        let asks = system * IN_THE_KERNEL >= self.used.total() && faults < FEW_FAULTS && bytes == 0;
        self.used.total() >= if asks && told_of_the_end { ASKING } else { COMPUTING }
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Something was to be seen, a line or an end, or the runner has done something, or is about to: whatever was
    /// seen so far counts no more.
    pub(super) fn begin_to_wait(&mut self) {
        self.livelock_meter = LivelockMeter::new(self.peers.len(), self.ticks.load(Ordering::Relaxed));
        self.saw_effect();
    }

    /// Something has come of what the peers do, if only bytes.
    fn saw_effect(&mut self) {
        let histories = vec![PeerHistory::default(); self.peers.len()];
        let pause = self.first_pause();
        self.watchdog = Watchdog { pause, effects: self.effects(), histories, ..Watchdog::default() };
    }

    /// Before the first look at a wait: where a link holds bytes back, peers that sleep are what
    /// is waited for; elsewhere most waits are over before anybody needs to look.
    fn first_pause(&self) -> Duration {
        if self.plan.id.condition.holds_back() { POLL_PAUSE.0 } else { POLL_PAUSE.0 * 4 }
    }

    /// Another number once something has come of what peers do, but for lines and ends, which are events.
    fn effects(&self) -> u64 {
        let mut effects = DefaultHasher::new();
        self.ticks.load(Ordering::Relaxed).hash(&mut effects);
        // A peer that reads as fast as the runner types has never anything unread.
        let input = |(peer, _): &(crate::process::Peer, _)| (peer.unread_input(), peer.written_input());
        self.peers.iter().for_each(|peer| peer.as_ref().map(input).hash(&mut effects));
        effects.finish()
    }

    /// Takes a look, and decides whether waiting still makes sense.
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

    /// Has everybody slept for long enough that it matters what happens past the links?
    fn is_worth_a_closer_look(&self) -> bool {
        let quiet = |history: &PeerHistory| history.mark.is_none() || history.asleep >= SURE || history.naps > 0;
        self.order.is_some() || self.watchdog.histories.iter().all(quiet)
    }

    /// At rest, is it time to let go of what is held back? What is joined goes on at once; an order of
    /// events has to be the same every time, so whoever wakes soon comes first.
    fn may_release(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_at_rest() && (self.plan.id.condition == Condition::Coalesced || self.is_calm())
    }

    /// Traffic past the links is an effect; it is looked at whenever somebody has run.
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

    /// Is nothing on its way past the links, as far as is known?
    fn is_quiet_past_the_links(&self) -> bool {
        self.watchdog.bypass_traffic.is_some_and(|(_, bypass_traffic)| !bypass_traffic.moving)
    }

    /// What peers use from the first slow look on.
    fn measure(&mut self) {
        let first = self.watchdog.quiet_since.is_none();
        if first {
            self.watchdog.quiet_since = Some(self.limit.now());
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

    /// Whoever has written too much to standard error, while nothing else happened.
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

    /// Is there still anybody who may do something?
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

    /// A peer that was told, since it was started, that nothing more will come.
    fn told_of_the_end(&self, role: RoleId) -> bool {
        let since = self.outputs[role].started.unwrap_or_default();
        self.links.iter().any(|link| link.told_of_the_end(role, since))
    }

    /// At a look at rest: has everybody been asleep for so many looks, or napped so often, and does nobody else
    /// wake within this time?
    pub(super) fn is_settled(&self, (looks, naps): (u32, u32), horizon: Duration) -> bool {
        let horizon = Instant::now() + horizon;
        let settled = |history: &PeerHistory| {
            let later = history.wakes.is_none_or(|wakes| wakes > horizon || self.limit.is_over_at(wakes));
            history.naps >= naps || (history.asleep >= looks && later)
        };
        let up = self.watchdog.histories.iter().zip(&self.peers).filter(|(_, peer)| peer.is_some());
        up.map(|(history, _)| history).all(settled) && self.is_quiet_past_the_links()
    }

    /// The same where the order of events is chosen: one look tells, and one nap.
    pub(super) fn is_calm(&self) -> bool {
        self.is_settled((1, 1), SOON)
    }

    /// The same for a transcript that waits for rest.
    pub(super) fn is_still(&self) -> bool {
        self.is_settled((SURE, NAPS), SOON)
    }

    /// The same for a recording, which waits for whoever wakes before the time limit.
    pub(super) fn is_done(&self) -> bool {
        const EVER: Duration = Duration::from_secs(1 << 30);
        self.is_settled((SURE, NAPS), EVER)
    }
}

impl Watchdog {
    /// While all peers sleep, nothing can happen before the first of them wakes, unless there are timers that
    /// can't be seen.
    fn nap_with(&mut self, snapshot: &Snapshot) {
        // A peer that is up and sleeps has been seen asleep; of one that is not up nothing was seen.
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
