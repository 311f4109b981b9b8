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
use super::limit::Moment;
use super::livelock::{COMPUTING, Unseen};
use super::look::{Doing, Look};
use super::{ActiveRun, LOOK};
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
const LONG_LOOK: Duration = Duration::from_secs(1);

/// Where the system does not say what peers do: a link is released after so many idle looks.
const BLIND_LOOKS: u32 = 5;

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
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
pub(super) struct Patience {
    pub(super) pause: Duration,
    effects: u64,
    habits: Vec<Habit>,
    /// The first look at which nothing had happened for a while.
    quiet_since: Option<Moment>,
    /// The connections past the links, when all peers were last asleep, and the marks of that sleep.
    bypass_traffic: Option<(u64, BypassTraffic)>,
    blind: u32,
}

/// What one peer has done since the last effect.
#[derive(Clone, Default)]
pub(super) struct Habit {
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

impl Habit {
    fn saw(&mut self, doing: Doing) {
        let Doing::Asleep { wakes, mark } = doing else {
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
        self.unseen = Unseen::new(self.peers.len(), self.ticks.load(Ordering::Relaxed));
        self.saw_effect();
    }

    /// Something has come of what the peers do, if only bytes.
    fn saw_effect(&mut self) {
        let habits = vec![Habit::default(); self.peers.len()];
        let pause = self.first_pause();
        self.patience = Patience { pause, effects: self.effects(), habits, ..Patience::default() };
    }

    /// Before the first look at a wait: where a link holds bytes back, peers that sleep are what
    /// is waited for; elsewhere most waits are over before anybody needs to look.
    fn first_pause(&self) -> Duration {
        if self.plan.id.condition.holds_back() { LOOK.0 } else { LOOK.0 * 4 }
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
    pub(super) fn consider(&mut self) -> (Look, Judgement) {
        let look = self.look();
        if self.effects() != self.patience.effects {
            self.saw_effect();
        }
        let slow = self.patience.pause >= LOOK.1;
        self.patience.pause = (self.patience.pause * 2).min(LOOK.1);
        let judgement = match &look {
            Look::Moving => Judgement::Wait,
            Look::Blind => self.patience.blind(),
            Look::Quiet { peers, .. } => self.judge(peers, slow, &look),
        };
        if matches!(judgement, Judgement::Wait | Judgement::Release) && self.is_livelocked() {
            return (look, Judgement::Fails(Failure::Livelock));
        }
        (look, judgement)
    }

    fn judge(&mut self, peers: &[Option<Doing>], slow: bool, look: &Look) -> Judgement {
        for (role, doing) in peers.iter().enumerate() {
            let habit = &mut self.patience.habits[role];
            doing.iter().for_each(|doing| habit.saw(*doing));
            if habit.asleep == SURE && habit.wakes.is_none() {
                self.patience.habits[role].hidden = self.has_hidden_timers(role);
            }
        }
        if look.is_at_rest() && self.is_worth_a_closer_look() {
            self.see_past_the_links(peers);
        }
        if look.is_holding() && self.may_release(look) {
            self.patience.pause = LOOK.0;
            return Judgement::Release;
        }
        if slow {
            self.measure();
        }
        if let Some(role) = self.noisy() {
            return Judgement::Fails(Failure::Noisy(role));
        }
        let judgement = self.verdict(peers, look);
        if judgement == Judgement::Wait && self.is_quiet_past_the_links() {
            self.patience.nap_with(look);
        }
        judgement
    }

    /// Has everybody slept for long enough that it matters what happens past the links?
    fn is_worth_a_closer_look(&self) -> bool {
        let quiet = |habit: &Habit| habit.mark.is_none() || habit.asleep >= SURE || habit.naps > 0;
        self.order.is_some() || self.patience.habits.iter().all(quiet)
    }

    /// At rest, is it time to let go of what is held back? What is joined goes on at once; an order of
    /// events has to be the same every time, so whoever wakes soon comes first.
    fn may_release(&self, look: &Look) -> bool {
        look.is_at_rest() && (self.plan.id.condition == Condition::Coalesced || self.is_calm())
    }

    /// Traffic past the links is an effect; it is looked at whenever somebody has run.
    fn see_past_the_links(&mut self, peers: &[Option<Doing>]) {
        let mut marks = DefaultHasher::new();
        peers.iter().for_each(|doing| {
            let mark = if let Some(Doing::Asleep { mark, .. }) = doing { Some(mark) } else { None };
            mark.hash(&mut marks);
        });
        let marks = marks.finish();
        let before = self.patience.bypass_traffic;
        if before.is_some_and(|(seen, bypass_traffic)| seen == marks && !bypass_traffic.moving) {
            return;
        }
        let now = self.bypass_traffic().unwrap_or(BypassTraffic { moving: true, traffic: 0 });
        let pause = self.patience.pause;
        if before.is_some_and(|(_, before)| before.traffic != now.traffic) {
            self.saw_effect();
            self.patience.pause = pause;
            for (habit, doing) in self.patience.habits.iter_mut().zip(peers) {
                doing.iter().for_each(|doing| habit.saw(*doing));
            }
        }
        self.patience.bypass_traffic = Some((marks, now));
    }

    /// Is nothing on its way past the links, as far as is known?
    fn is_quiet_past_the_links(&self) -> bool {
        self.patience.bypass_traffic.is_some_and(|(_, bypass_traffic)| !bypass_traffic.moving)
    }

    /// What peers use from the first slow look on.
    fn measure(&mut self) {
        let first = self.patience.quiet_since.is_none();
        if first {
            self.patience.quiet_since = Some(self.limit.now());
        }
        for (habit, peer) in self.patience.habits.iter_mut().zip(&self.peers) {
            let Some((peer, _)) = peer else { continue };
            let Some(now) = (habit.asleep == 0 || first).then(|| usage(peer.id)).flatten() else { continue };
            let (before, _) = *habit.before.get_or_insert((now, peer.noise()));
            habit.used = now.since(&before);
            if habit.used.total() >= COMPUTES {
                (self.computing)();
            }
        }
    }

    /// Whoever has written too much to standard error, while nothing else happened.
    fn noisy(&self) -> Option<RoleId> {
        let noise = |(habit, peer): (&Habit, &Option<(crate::process::Peer, _)>)| {
            Some(peer.as_ref()?.0.noise().saturating_sub(habit.before?.1))
        };
        self.patience
            .habits
            .iter()
            .zip(&self.peers)
            .position(|pair| noise(pair).is_some_and(|noise| noise >= MAX_NOISE as u64))
    }

    /// Is there still anybody who may do something?
    fn verdict(&self, peers: &[Option<Doing>], look: &Look) -> Judgement {
        if look.is_holding() {
            return Judgement::Wait;
        }
        let up = || peers.iter().enumerate().filter_map(|(role, doing)| doing.map(|doing| (role, doing)));
        let for_good = |role: RoleId| {
            let habit = &self.patience.habits[role];
            let wakes = habit.wakes.is_some_and(|wakes| !self.limit.is_over_at(wakes));
            habit.asleep >= SURE && !wakes && !habit.hidden
        };
        if up().all(|(role, _)| for_good(role)) {
            let stuck = look.is_at_rest() && self.is_quiet_past_the_links();
            return if stuck { Judgement::Stuck } else { Judgement::Wait };
        }
        let quiet = || self.patience.quiet_since.is_some_and(|since| self.limit.usable_since(since) >= QUIET);
        let idle = |role: RoleId| self.patience.habits[role].naps >= NAPS;
        let mut spins = None;
        for (role, doing) in up() {
            if doing == Doing::Awake && self.patience.habits[role].spins(self.told_of_the_end(role)) {
                spins = spins.or(Some(role));
                continue;
            }
            let is_over = for_good(role) || (idle(role) && quiet());
            if !is_over {
                return Judgement::Wait;
            }
        }
        match spins {
            Some(role) => Judgement::Fails(Failure::Spinning(role)),
            None if look.is_at_rest() && self.is_quiet_past_the_links() => Judgement::Restless,
            None => Judgement::Wait,
        }
    }

    /// A peer that was told, since it was started, that nothing more will come.
    fn told_of_the_end(&self, role: RoleId) -> bool {
        let since = self.lanes[role].started.unwrap_or_default();
        self.links.iter().any(|link| link.told_of_the_end(role, since))
    }

    /// At a look at rest: has everybody been asleep for so many looks, or napped so often, and does nobody else
    /// wake within this time?
    pub(super) fn is_settled(&self, (looks, naps): (u32, u32), horizon: Duration) -> bool {
        let horizon = Instant::now() + horizon;
        let settled = |habit: &Habit| {
            let later = habit.wakes.is_none_or(|wakes| wakes > horizon || self.limit.is_over_at(wakes));
            habit.naps >= naps || (habit.asleep >= looks && later)
        };
        let up = self.patience.habits.iter().zip(&self.peers).filter(|(_, peer)| peer.is_some());
        up.map(|(habit, _)| habit).all(settled) && self.is_quiet_past_the_links()
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

impl Patience {
    /// While all peers sleep, nothing can happen before the first of them wakes, unless there are timers that
    /// can't be seen.
    fn nap_with(&mut self, look: &Look) {
        // A peer that is up and sleeps has been seen asleep; of one that is not up nothing was seen.
        let for_long = |habit: &Habit| habit.mark.is_none() || (habit.asleep >= SURE && !habit.hidden);
        if look.is_at_rest() && self.habits.iter().all(for_long) {
            let wakes = self.habits.iter().filter_map(|habit| habit.wakes).min();
            let left = wakes.map_or(LONG_LOOK, |wakes| wakes.saturating_duration_since(Instant::now()));
            self.pause = left.clamp(LOOK.1, LONG_LOOK);
        }
    }

    fn blind(&mut self) -> Judgement {
        self.blind += 1;
        if self.blind < BLIND_LOOKS {
            return Judgement::Wait;
        }
        self.blind = 0;
        Judgement::Release
    }

    /// What each peer has done since the last effect.
    pub(super) fn habits(&self) -> &[Habit] {
        &self.habits
    }
}
