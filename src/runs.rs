//! Executes a scenario with real processes over links, and reports what did not fit.
//!
//! A run waits for time to pass only where the transcript says so (`time`). Otherwise it waits for an event of a peer, and an action happens as soon as every line
//! above it has been seen. Between events the runner asks the system what the peers are doing
//! ([`quiescence`](crate::quiescence)):
//!
//! - all peers asleep, and a coalesced link holds bytes: it is released;
//! - all peers asleep, nothing in flight, and no timer that could go off before the time limit: a deadlock, so the
//!   run is over now and not at the limit;
//! - peers wake and sleep again, or ask the kernel for the same thing over and over, to no effect: the run is over
//!   when that has gone on for long enough (`watchdog`).
//!
//! Where the system does not say, links are released after a pause, and a run that hangs ends at the time limit
//! (`limit`).

mod address;
mod follower;
mod limit;
mod livelock;
mod machine_failure;
mod order;
mod poll;
mod prompts;
mod recorded;
mod recorder;
mod recording;
mod scratch;
mod settle;
mod time;
mod unrest;
mod watchdog;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::address::{ClosedPort, PrintedAddress};
use self::follower::Follower;
use self::limit::TimeLimit;
use self::livelock::LivelockMeter;
use self::order::{EventOrder, Turn};
use self::prompts::Unfinished;
use self::scratch::Scratch;
use self::settle::Until;
use self::time::Silence;
use self::unrest::RestMeter;
use self::watchdog::{Assessment, SOON, Watchdog};
use crate::course::{NOBODY, NOBODY_MULTIADDR, Party, SCRATCH, Scenario, Stage};
use crate::evidence::{Direction, Evidence, OffTime, Printed, RoleOutput, Typed};
use crate::link::Link;
use crate::machine::could_not;
use crate::machine::room::Before;
use crate::machine::shortage::Since;
use crate::matcher::{Captures, Clock, Matcher, Refused};
use crate::pattern::{NO_NEWLINE, Pattern};
use crate::process::{Peer, PeerCommand, PeerEvent, orphans};
use crate::quiescence::{KnownSockets, ProcessProbe, SocketTable};
use crate::transcript::{Action, LinkFault, LinkName, RoleId, StepKind};
use crate::verdict::{Failure, MachineFailure, RunId};

pub use self::recorded::{BoundValue, HandedAddress, Observation, RecordError, Recorded, RoleEvent};
pub use self::recording::record;
pub use self::scratch::sweep;

/// The shortest and the longest pause between two polls of what the peers are doing.
const POLL_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(16));

/// Knows how to start a peer.
pub trait Programs {
    /// The command that runs a role of the stage for a party.
    fn command(&self, party: Party, role: &str) -> PeerCommand;
}

/// A planned run.
pub struct Plan<'c> {
    /// Its stage.
    pub stage: &'c Stage,
    /// Its scenario, one of the stage's.
    pub scenario: &'c Scenario,
    /// Which run it is.
    pub id: RunId,
}

/// The raw result of a run, before it is explained.
pub struct ExecutedRun {
    /// What did not fit, unless it passed.
    pub failure: Option<Failure>,
    /// The steps that were awaited when it failed.
    pub awaited: Vec<usize>,
    /// How many actions had happened.
    pub phase: usize,
    /// Everything that was seen.
    pub evidence: Evidence,
    /// What was captured, as each role of the transcript knows it.
    pub captures: Vec<Captures>,
}

/// Executes one run. When the future is dropped, nothing of the run is left. `computing` is called when a peer has
/// computed to no effect for a while.
pub async fn execute(
    plan: &Plan<'_>,
    programs: &dyn Programs,
    sockets: Option<Arc<SocketTable>>,
    computing: &dyn Fn(),
) -> ExecutedRun {
    let (before, since) = (Before::now(), Since::now());
    let resources = Resources::new(plan);
    let given = resources.as_ref().map(|resources| resources.given(plan)).unwrap_or_default();
    let matcher = Matcher::new(&plan.scenario.transcript, given);
    orphans::adopt();
    let mut run = ActiveRun::new(plan, (programs, computing), sockets, matcher);
    let resources = match resources {
        Ok(resources) => resources,
        Err(failure) => return run.finish(Some(Failure::Machine(failure))).await,
    };
    let limit = Rc::clone(&run.limit);
    let result = tokio::select! {
        biased;
        result = run.perform() => result,
        () = limit.over() => Err(Failure::TimeLimit(plan.scenario.limit)),
        failure = since.meets() => Err(Failure::Machine(failure)),
    };
    let failure = result.err().map(|failure| run.late_or(failure));
    let mut executed = run.finish(failure).await;
    // Give back everything that the run took before asking what the machine lacks.
    drop(resources);
    if let Some(failure) = machine_failure::reason(plan, programs, &executed, &before, &since) {
        executed.failure = Some(Failure::Machine(failure));
    }
    executed
}

/// What belongs to a run, and is removed with it. The peers must be dropped first.
struct Resources {
    nobody: ClosedPort,
    /// Only if the scenario uses it.
    scratch: Option<Scratch>,
}

impl Resources {
    fn new(plan: &Plan<'_>) -> Result<Resources, MachineFailure> {
        let nobody = ClosedPort::new().map_err(|error| could_not("have a port on loopback", &error))?;
        let wanted = plan.scenario.uses(SCRATCH, &plan.stage.roles);
        let scratch = wanted.then(Scratch::new).transpose().map_err(|error| {
            could_not(&format!("make a folder for the run in {}", std::env::temp_dir().display()), &error)
        })?;
        Ok(Resources { nobody, scratch })
    }

    /// The values that a run is given from the start.
    fn given(&self, plan: &Plan<'_>) -> Captures {
        let nobody = self.nobody.address;
        let mut given = plan.scenario.given.clone();
        given.insert(NOBODY.to_owned(), nobody.to_string());
        given.insert(NOBODY_MULTIADDR.to_owned(), format!("/ip4/{}/tcp/{}", nobody.ip(), nobody.port()));
        if let Some(scratch) = &self.scratch {
            given.insert(SCRATCH.to_owned(), scratch.path());
        }
        given
    }
}

/// An event, and the role that it comes from.
type RoleAndEvent = (RoleId, PeerEvent);

/// The events of all peers of a run.
struct EventChannel {
    /// Each peer has a copy of it.
    sender: mpsc::UnboundedSender<RoleAndEvent>,
    receiver: mpsc::UnboundedReceiver<RoleAndEvent>,
}

impl EventChannel {
    fn new() -> EventChannel {
        let (sender, receiver) = mpsc::unbounded_channel();
        EventChannel { sender, receiver }
    }
}

/// The state of a run while it is executed.
struct ActiveRun<'c, F> {
    plan: &'c Plan<'c>,
    programs: &'c dyn Programs,
    /// Called when a peer has computed to no effect for a while.
    computing: &'c dyn Fn(),
    sockets: Option<Arc<SocketTable>>,
    /// What is known about the peers' open sockets.
    known: KnownSockets,
    follower: F,
    peers: Vec<Option<(Peer, ProcessProbe)>>,
    links: Vec<Link>,
    /// The faults of links so far.
    faults: Vec<(LinkFault, Option<LinkName>)>,
    outputs: Vec<RoleOutput>,
    /// What each role has printed after its last newline.
    unfinished: Vec<Unfinished>,
    typed: Vec<Typed>,
    acted: Vec<Duration>,
    events: EventChannel,
    start: Instant,
    limit: Rc<TimeLimit>,
    /// What the peers have done since the last effect.
    watchdog: Watchdog,
    livelock_meter: LivelockMeter,
    /// The order of events, where links are interleaved.
    order: Option<EventOrder>,
    /// Waiting for rest ignores a peer that wakes by itself later than this.
    horizon: Duration,
    /// Who was not at rest, while a line of the transcript waits for that.
    rest_meter: Option<RestMeter>,
    /// Who may not print anything now, and for how long.
    silences: Vec<Silence>,
    /// An event that comes after a silence.
    held: Option<RoleAndEvent>,
    /// What came too early or too late.
    off_time: Option<OffTime>,
    /// How many events have been taken.
    taken: u64,
    /// Links increment it whenever something happens on them.
    ticks: Arc<AtomicU64>,
    /// A difference has been found: later events are only evidence, and no more actions happen.
    aftermath: bool,
}

impl<'c, F: Follower> ActiveRun<'c, F> {
    fn new(
        plan: &'c Plan<'c>,
        (programs, computing): (&'c dyn Programs, &'c dyn Fn()),
        sockets: Option<Arc<SocketTable>>,
        follower: F,
    ) -> Self {
        let transcript = &plan.scenario.transcript;
        let party = |role: usize| plan.id.pairing.0[plan.scenario.cast[role]].unwrap_or(Party::Reference);
        let output = |(id, role): (usize, &String)| RoleOutput::new(role, party(id));
        ActiveRun {
            plan,
            programs,
            computing,
            sockets,
            known: KnownSockets::default(),
            follower,
            peers: transcript.roles.iter().map(|_| None).collect(),
            links: Vec::new(),
            faults: Vec::new(),
            outputs: transcript.roles.iter().enumerate().map(output).collect(),
            unfinished: transcript.roles.iter().map(|_| Unfinished::default()).collect(),
            typed: Vec::new(),
            acted: Vec::new(),
            events: EventChannel::new(),
            start: Instant::now(),
            limit: Rc::new(TimeLimit::new(plan.scenario.limit)),
            watchdog: Watchdog::default(),
            livelock_meter: LivelockMeter::new(transcript.roles.len(), 0),
            order: plan.id.order().map(|number| EventOrder::new(number, plan.id.seed)),
            horizon: SOON,
            rest_meter: None,
            silences: Vec::new(),
            held: None,
            off_time: None,
            taken: 0,
            ticks: Arc::default(),
            aftermath: false,
        }
    }

    /// Carries out the transcript, from the first action to the last line.
    async fn perform(&mut self) -> Result<(), Failure> {
        let plan = self.plan;
        let mut actions = plan.scenario.transcript.actions().peekable();
        // How many actions are due: everything that must precede them has been seen.
        let mut due = 0;
        loop {
            self.take_waiting()?;
            if due == 0 && !self.follower.ready() {
                self.next_event().await?;
                continue;
            }
            let Some((step, action)) = actions.peek() else { return self.settle().await };
            // Lines printed until then belong above this action.
            if let Action::UntilStill(time) = action {
                self.until_still(*time, step.line).await?;
            }
            if let (Action::Nothing(role, time), 0) = (action, due) {
                let silence = self.silence(step.line, *role, *time);
                self.keep_silent(vec![silence]).await?;
            }
            if due == 0 {
                due = self.block(step.phase);
                (0..due).for_each(|_| self.follower.act());
                (0..self.peers.len()).try_for_each(|role| self.take_prompts(role))?;
            }
            if self.order.is_some() && self.lets_something_go_first().await? {
                continue;
            }
            self.acted.push(self.start.elapsed());
            self.act(action).await?;
            self.follower.acted(Instant::now().into_std());
            actions.next();
            due -= 1;
        }
    }

    /// How many actions are due, from this one on. Usually it is this one alone, and it is done at once. But where
    /// the order of events is chosen, other events may come before a due action, and between consecutive actions:
    /// lines below them may be seen as soon as the first one is due.
    fn block(&self, first: usize) -> usize {
        if self.order.is_none() {
            return 1;
        }
        let steps = self.plan.scenario.transcript.steps.iter().skip_while(|step| step.phase < first);
        let acts = steps.skip_while(|step| matches!(step.kind, StepKind::Expect(..)));
        let block = acts
            .take_while(|step| matches!(&step.kind, StepKind::Act(action) if !matches!(action, Action::UntilStill(_) | Action::Nothing(..))));
        block.count().max(1)
    }

    /// Takes the events that have already come, so that a line from before an action never counts as one from after
    /// it.
    fn take_waiting(&mut self) -> Result<(), Failure> {
        while let Some((role, event)) = self.held.take().or_else(|| self.events.receiver.try_recv().ok()) {
            self.take(role, event)?;
        }
        Ok(())
    }

    fn take(&mut self, role: RoleId, event: PeerEvent) -> Result<(), Failure> {
        self.taken += 1;
        match event {
            PeerEvent::Line { bytes, whole } => {
                let Some(bytes) = self.after_prompts(role, bytes, whole)? else { return Ok(()) };
                self.take_line(role, Printed { bytes, at: self.start.elapsed(), whole, prompt: false })
            }
            PeerEvent::Part(bytes) => {
                self.unfinished[role].came(&bytes);
                self.take_prompts(role)
            }
            PeerEvent::Unended(bytes) => {
                self.outputs[role].unended = self.unfinished[role].left_of(bytes);
                Ok(())
            }
            PeerEvent::Flood => Err(Failure::Flood(role)),
            PeerEvent::Ended { ending, stderr, leaked } => {
                self.outputs[role].ending = Some(ending);
                self.outputs[role].endings.push((self.start.elapsed(), ending));
                self.outputs[role].stderr.extend(stderr);
                self.peers[role] = None;
                if leaked {
                    return Err(Failure::Leaked(role));
                }
                if self.aftermath {
                    return Ok(());
                }
                let ended = self.with_clock(|follower, clock| follower.ended(role, ending, clock));
                ended.map_err(|refused| {
                    self.note_lateness(refused);
                    Failure::Ended(role, ending)
                })
            }
        }
    }

    fn take_line(&mut self, role: RoleId, line: Printed) -> Result<(), Failure> {
        let index = self.outputs[role].lines.len();
        self.outputs[role].lines.push(line);
        if self.breaks_silence(role) {
            return Err(Failure::Line(role, index));
        }
        let (limit, now) = (Rc::clone(&self.limit), Instant::now().into_std());
        let clock = Clock { now, since: &|then| limit.usable_since(then) };
        let line = &self.outputs[role].lines[index];
        // The mark is no character: a program that prints it has not printed text.
        let is_text = |text: &&str| line.whole && !text.ends_with(NO_NEWLINE);
        let result = match line.text().filter(is_text) {
            Some(_) if self.aftermath => Err(Refused::Unexpected),
            Some(text) if line.prompt => self.follower.line(role, &format!("{text}{NO_NEWLINE}"), &clock),
            Some(text) => self.follower.line(role, text, &clock),
            None => Err(Refused::Unexpected),
        };
        result.map_err(|refused| {
            self.note_lateness(refused);
            match refused {
                Refused::Unexpected | Refused::TooLate { .. } => Failure::Line(role, index),
                Refused::Ambiguous => Failure::Ambiguous(role),
            }
        })
    }

    async fn act(&mut self, action: &'c Action) -> Result<(), Failure> {
        match action {
            Action::Start(role, own) => {
                let patterns = self.plan.scenario.args(*role, own.as_ref(), &self.plan.stage.roles);
                let mut args = Vec::with_capacity(patterns.len());
                for pattern in patterns {
                    args.push(self.write(*role, pattern).await?);
                }
                self.spawn(*role, &args)
            }
            Action::Type(role, pattern) => {
                let text = self.write(*role, pattern).await?;
                let sent_before = self.sent_by(*role);
                if let Some((peer, _)) = &self.peers[*role] {
                    peer.type_line(&text);
                }
                self.typed.push(Typed { role: *role, text, at: self.start.elapsed(), sent_before });
                Ok(())
            }
            Action::EndInput(role) => {
                self.outputs[*role].input_ended = true;
                if let Some((peer, _)) = &mut self.peers[*role] {
                    peer.end_input();
                }
                Ok(())
            }
            Action::Kill(role) => {
                if let Some((peer, _)) = self.peers[*role].take() {
                    peer.kill().await;
                }
                Ok(())
            }
            Action::Pause(role) => match &self.peers[*role] {
                Some((peer, _)) => peer.pause().await.map_err(|error| {
                    Failure::Machine(could_not(&format!("pause {}", self.outputs[*role].role), &error))
                }),
                None => Ok(()),
            },
            Action::Resume(role) => {
                self.peers[*role].iter().for_each(|(peer, _)| peer.resume());
                Ok(())
            }
            Action::Link(fault, name) => {
                self.fault(*fault, *name);
                Ok(())
            }
            Action::UntilStill(_) | Action::Nothing(..) => Ok(()),
        }
    }

    fn spawn(&mut self, role: RoleId, args: &[String]) -> Result<(), Failure> {
        let name = &self.plan.stage.roles[self.plan.scenario.cast[role]].name;
        let mut command = self.programs.command(self.outputs[role].party, name);
        command.env.insert(orphans::MARK.to_owned(), orphans::mark());
        command.memory = self.plan.scenario.memory;
        command.parts = self.follower.takes_prompts(&self.plan.scenario.transcript, role);
        if let (Some(sandbox), Some(scratch)) = (&mut command.sandbox, self.follower.value(role, SCRATCH)) {
            sandbox.writes.push(scratch.into());
        }
        let peer = Peer::spawn(&command, args, role, self.events.sender.clone())
            .map_err(|error| machine_failure::not_started(&command, role, &error))?;
        let probe = ProcessProbe::new(peer.id);
        self.limit.watch(peer.id);
        self.unfinished[role] = Unfinished::default();
        let output = &mut self.outputs[role];
        (output.started, output.ending, output.input_ended) = (Some(self.start.elapsed()), None, false);
        self.peers[role] = Some((peer, probe));
        Ok(())
    }

    /// Applies a fault to the links of a name, also to those that are made later.
    fn fault(&mut self, fault: LinkFault, name: Option<LinkName>) {
        self.faults.push((fault, name));
        for link in self.links.iter().filter(|link| name.is_none_or(|name| name == link.name)) {
            link.fault(fault);
        }
    }

    /// How many bytes have come from a role to each role.
    fn sent_by(&self, role: RoleId) -> Vec<u64> {
        let mut sent = vec![0; self.outputs.len()];
        for link in &self.links {
            if link.name.dialer == role {
                sent[link.name.listener] += link.came(Direction::ToListener);
            } else if link.name.listener == role {
                sent[link.name.dialer] += link.came(Direction::ToDialer);
            }
        }
        sent
    }

    /// A text that the runner hands to a role; every address of another role is replaced by that of a link.
    async fn write(&mut self, role: RoleId, pattern: &Pattern) -> Result<String, Failure> {
        for (name, ..) in pattern.names() {
            let listener = self.follower.listener(self.plan.scenario, name);
            let Some(listener) = listener.filter(|listener| *listener != role) else { continue };
            let Some(value) = self.follower.value(listener, name).map(str::to_owned) else { continue };
            let handed = self.link_to(LinkName { dialer: role, listener }, &value).await?;
            self.follower.alias(role, name, handed);
        }
        Ok(pattern.fill(&|name| self.follower.value(role, name).map(str::to_owned)))
    }

    /// Does the peer at this address listen on every interface? The system says so, or else the printed address.
    fn is_open_to_all(&self, address: &PrintedAddress<'_>) -> bool {
        let bound = self.sockets.as_ref().and_then(|sockets| sockets.listens(address.socket));
        bound.unwrap_or(address.printed).is_unspecified()
    }

    /// The address of a link, in the form of the address that it leads to.
    async fn link_to(&mut self, name: LinkName, value: &str) -> Result<String, Failure> {
        let address = PrintedAddress::read(value)
            .ok_or_else(|| Failure::NotStarted(name.dialer, format!("`{value}` has no TCP port on loopback")))?;
        if let Some(link) = self.links.iter().find(|link| link.name == name && link.target() == address.socket) {
            return Ok(address.with_port(link.address.port()));
        }
        if self.is_open_to_all(&address) {
            return Err(Failure::OpenToAll(name.listener));
        }
        let link = Link::open(
            name,
            address.socket,
            self.plan.id.condition,
            self.sockets.clone(),
            (self.start, Arc::clone(&self.ticks)),
            self.plan.id.seed ^ (self.links.len() as u64).rotate_left(32),
        )
        .await
        .map_err(|error| machine_failure::no_link(name.dialer, &error))?;
        let handed = address.with_port(link.address.port());
        for (fault, _) in self.faults.iter().filter(|(_, named)| named.is_none_or(|named| named == name)) {
            link.fault(*fault);
        }
        self.links.push(link);
        Ok(handed)
    }

    /// Waits until a peer does something, or never will.
    async fn next_event(&mut self) -> Result<(), Failure> {
        self.begin_to_wait();
        loop {
            let pause = self.watchdog.pause.min(self.time_left()?);
            tokio::select! {
                biased;
                event = self.events.receiver.recv() => {
                    let Some((role, event)) = event else { return Ok(()) };
                    return self.take(role, event);
                }
                () = tokio::time::sleep(pause) => match self.consider().1 {
                    // What has a time may still come within it.
                    Assessment::Restless if self.pending().is_some() => {}
                    Assessment::Wait => {}
                    Assessment::Release => self.release(),
                    Assessment::Stuck => return Err(Failure::Stuck),
                    Assessment::Restless => return Err(Failure::Restless),
                    Assessment::Fails(failure) => return Err(failure),
                }
            }
        }
    }

    /// All peers are at rest: releases what the links hold back, or, with a chosen order, the event whose turn it is.
    fn release(&mut self) {
        let turns = self.turns();
        match &mut self.order {
            None => self.links.iter().for_each(Link::release),
            Some(order) => {
                if let Some(Turn::Link(link, held)) = order.choose(&turns) {
                    self.links[link].let_go(held);
                }
            }
        }
    }

    /// What interleaved links hold back.
    fn turns(&self) -> Vec<Turn> {
        let links = self.links.iter().enumerate();
        links.flat_map(|(number, link)| link.held().into_iter().map(move |held| Turn::Link(number, held))).collect()
    }

    /// An action is due. With interleaved links it is one of the events that may happen next, once all peers are at
    /// rest. True when another event was chosen before it.
    async fn lets_something_go_first(&mut self) -> Result<bool, Failure> {
        self.until(Until::Choice, Self::is_calm).await?;
        let mut turns = self.turns();
        turns.push(Turn::Act);
        match self.order.as_mut().and_then(|order| order.choose(&turns)) {
            Some(Turn::Link(link, held)) => self.links[link].let_go(held),
            Some(Turn::Act) | None => return Ok(false),
        }
        Ok(true)
    }
}
