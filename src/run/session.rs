//! One session: its processes are started, measured, watched, stopped where need be, and their ends
//! written down. Everything happens in one loop that looks at the world every 25 to 100 ms.

mod endings;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::children::{Children, Ended as ChildEnd, Orphan, Start as ChildStart, Tell};
use super::command::{Values, expand};
use super::events::{self, Events};
use super::guard::{self, Memory, Pace};
use super::journal::Journal;
use super::meter::Meter;
use super::output::Output;
use super::plugin::{self, Plugin};
use super::progress::Progress;
use super::relief::Reliever;
use super::schedule::{self, Load, Room};
use super::signals::{Wake, is_key};
use super::stop::Stop;
use super::surroundings::Surroundings;
use super::watch::Watch;
use super::{Order, clock, millis};
use crate::config::Guard;
use crate::model::Bytes;
use crate::outcome::{Begin, Event, Finished, Outcome, Sample, SessionEnd, SessionStart, Start, Stopped};
use crate::plan::file::Suite;
use crate::text;

/// A part of a shard that is run in one go: a session of the plan, or what is left of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    /// From 1; what the plan does not have goes on after its last.
    pub(super) index: u32,
    /// Which start of it, from 1.
    pub(super) attempt: u32,
    pub(super) suites: Vec<Suite>,
    /// Absolute.
    pub(super) selection: PathBuf,
    pub(super) workers: u32,
}

/// How a piece ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    /// Everything that was written down of it.
    pub(super) outcome: Outcome,
    /// Whether its processes told about their suites at all.
    pub(super) reported: bool,
    /// The end of what it printed.
    pub(super) tail: String,
    /// Why we stopped it, with figures.
    pub(super) why: Option<String>,
    /// With one process a suite: those that did not end with 0.
    pub(super) failed: Vec<Failed>,
    /// A daemon was gone: what had not begun waits until it is tried again.
    pub(super) crashed: bool,
}

impl Ended {
    /// Its last line.
    pub(super) fn end(&self) -> SessionEnd {
        self.outcome.sessions.last().and_then(|session| session.end.clone()).unwrap_or_default()
    }
}

/// A suite whose own process did not end with 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Failed {
    pub(super) id: String,
    pub(super) exit: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stopped: Option<Stopped>,
    /// Why we stopped it, with figures.
    pub(super) why: Option<String>,
    pub(super) tail: String,
}

/// What runs pieces, one after another.
pub(super) struct Executor<'a> {
    pub(super) order: &'a Order,
    pub(super) begun: Instant,
    pub(super) journal: Journal,
    pub(super) say: &'a mut dyn FnMut(&str),
    /// A signal that ends everything.
    pub(super) told: Option<i32>,
    /// Longest and heaviest suites: for the report.
    pub(super) measured: Vec<Finished>,
    start: Start,
    wakes: Receiver<Wake>,
    children: Children,
    meter: Meter,
    surroundings: Surroundings,
    /// Where there is one for the command.
    plugin: Option<Plugin>,
    heartbeat: Duration,
    times_told: u32,
    over_budget: bool,
    /// Why something was not measured by a control group of its own.
    ungrouped: Option<String>,
    reliever: Reliever,
    shuffle_told: bool,
    /// When one of several gave way last.
    evicted: Option<Duration>,
    /// What the machine had left before anything ran, and at the worst moment.
    pub(super) left: Option<(Bytes, Bytes)>,
}

/// A process that runs the whole piece, or one suite of it.
struct Task {
    child: u32,
    /// Its suite's place, where it has just one.
    place: usize,
    /// The lowest number that no other running task has, from 1.
    slot: usize,
    begun: Duration,
    output: Output,
    watch: Watch,
    stop: Option<Stop>,
    /// Since when it rests.
    rests: Option<Duration>,
    /// How long it has rested before.
    rested: Duration,
    end: Option<(ChildEnd, Duration)>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(
        order: &'a Order,
        begun: Instant,
        journal: Journal,
        start: Start,
        wakes: Receiver<Wake>,
        say: &'a mut dyn FnMut(&str),
    ) -> Executor<'a> {
        Executor {
            order,
            begun,
            journal,
            say,
            told: None,
            measured: Vec::new(),
            start,
            wakes,
            children: Children::default(),
            meter: Meter::new(),
            surroundings: Surroundings::new(),
            plugin: None,
            heartbeat: order.heartbeat.unwrap_or_default(),
            times_told: 0,
            over_budget: false,
            ungrouped: None,
            reliever: Reliever::default(),
            shuffle_told: false,
            evicted: None,
            left: None,
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Says something about the shard.
    pub(super) fn tell(&mut self, what: &str) {
        (self.say)(&format!("shard {}: {what}", self.order.shard.id));
    }

    /// Writes down what happened.
    fn note(&mut self, progress: &mut Progress, event: Event) {
        self.journal.write(&event);
        progress.add(event, self.now(), self.order.tier.rests_on_order());
        if let Some((early, late)) = progress.shuffled.as_ref().filter(|_| !self.shuffle_told) {
            self.shuffle_told = true;
            let line = shuffled(early, late, &self.order.tier.name);
            self.tell(&line);
        }
    }

    /// Runs a piece to its end.
    ///
    /// # Errors
    /// Its command cannot be started.
    pub(super) fn run(&mut self, piece: &Piece) -> Result<Ended, String> {
        let each = self.order.tier.each;
        let begun = self.now();
        let mut events = if each { None } else { Some(self.events()?) };
        let kind = plugin::Kind::of(&self.order.command).filter(|_| !each && self.plugin.is_none());
        if let Some(kind) = kind {
            match Plugin::create(kind) {
                Ok(plugin) => self.plugin = Some(plugin),
                Err(err) => self.tell(&format!("suites are not measured one by one: {err}")),
            }
        }
        let mut progress = Progress::new(piece, &self.start);
        let ids = piece.suites.iter().map(|suite| suite.id.clone());
        self.note(
            &mut progress,
            Event::Session(SessionStart {
                index: piece.index,
                attempt: piece.attempt,
                at: clock(),
                clock_ms: Some(millis(begun)),
                suites: ids.collect(),
                alone: self.order.alone,
            }),
        );
        let kills = self.surroundings.kills();
        let mut waiting = if each { longest_first(&piece.suites) } else { vec![0] };
        let mut tasks: Vec<Task> = Vec::new();
        let mut ended = Ended::default();
        let (mut memory, mut at_rest, mut pace) = (Memory::default(), None, Pace::default());
        let binding = self.order.budget.filter(|_| self.order.guard == Guard::Budget);
        loop {
            if tasks.is_empty() {
                memory = self.surroundings.memory(Bytes(0));
                at_rest = memory.left();
                self.left = self.left.or(at_rest.zip(at_rest));
            }
            while !ended.crashed && !self.is_over(&tasks, &progress) {
                let Some(next) = self.next(piece, &waiting, &tasks, &memory, at_rest) else { break };
                let place = waiting.remove(next);
                let task = match self.start(piece, place, &tasks, events.as_ref()) {
                    Ok(task) => task,
                    // Nothing of it ran: the command itself is wrong.
                    Err(err) if tasks.is_empty() && progress.done() == 0 => return Err(err),
                    Err(err) => {
                        self.tell(&err);
                        progress.end.stopped = Some(Stopped::Other);
                        break;
                    }
                };
                if each {
                    self.begin(piece, &task, &mut progress);
                }
                tasks.push(task);
            }
            if tasks.is_empty() {
                break;
            }
            let soon = pace.look(self.now(), memory.taken(binding), memory.room(binding));
            self.nap(&mut tasks, soon);
            self.reap(&mut tasks);
            let mut heard = self.take(events.as_mut(), piece, &mut progress);
            let watched = progress.watched();
            memory = self.surroundings.memory(self.meter.look(Instant::now()));
            // What is left of one that has ended says nothing of what it held.
            if tasks.iter().any(|task| task.end.is_none()) {
                self.sample(&memory, &mut progress);
            }
            // Suites that ran before the look and after it ran meanwhile.
            heard |= self.take(events.as_mut(), piece, &mut progress);
            for suite in watched {
                if let Some(bytes) = self.meter.with_children(suite.pid) {
                    progress.saw(&suite, bytes);
                }
            }
            self.guard(piece, &memory, &mut tasks);
            self.watch(piece, heard, &mut tasks);
            for task in self.advance(&memory, &mut tasks) {
                // What it wrote last comes before its end.
                self.take(events.as_mut(), piece, &mut progress);
                self.finish(piece, task, &mut progress, &mut ended);
            }
            self.beat(piece, &progress, &tasks, &memory);
        }
        if let Some(broken) = events.map(|events| events.broken).filter(|broken| *broken > 0) {
            self.tell(&format!("{} in `{}` were no events", text::count(broken, "line"), events::VARIABLE));
        }
        let after = self.surroundings.kills();
        let more = |after: Option<u64>, before: Option<u64>| Some(after?.saturating_sub(before?));
        let end = SessionEnd {
            at: clock(),
            ms: Some(millis(self.now().saturating_sub(begun))),
            oom_kills: more(after.0, kills.0).max(progress.end.oom_kills),
            machine_oom_kills: more(after.1, kills.1),
            ungrouped: self.ungrouped.take(),
            shuffled: progress.shuffled.is_some(),
            ..progress.end.clone()
        };
        progress.end = end;
        ended.reported = progress.reported;
        // The line itself is written by who knows what the end means.
        progress.outcome.add(Event::SessionEnd(progress.end));
        ended.outcome = progress.outcome;
        Ok(ended)
    }

    /// The file of a session's events, beside the journal.
    fn events(&self) -> Result<Events, String> {
        let path = self.journal.path().with_extension("events");
        Events::create(&path).map_err(|err| format!("cannot write `{}`: {err}", path.display()))
    }

    /// Whether nothing else may start.
    fn is_over(&self, tasks: &[Task], progress: &Progress) -> bool {
        let for_all = |task: &Task| task.stop.as_ref().is_some_and(Stop::is_for_all);
        let stopped =
            matches!(progress.end.stopped, Some(Stopped::Timeout | Stopped::Signal | Stopped::Other));
        self.told.is_some() || stopped || tasks.iter().any(for_all)
    }

    /// The place in `waiting` of what may start now.
    fn next(
        &self,
        piece: &Piece,
        waiting: &[usize],
        tasks: &[Task],
        memory: &Memory,
        at_rest: Option<Bytes>,
    ) -> Option<usize> {
        let load = |place: usize| {
            let suite = &piece.suites[place];
            let bytes = suite.import_bytes + suite.retained_bytes + suite.transient_bytes;
            Load { bytes: bytes.0, cpus: suite.cpus, exclusive: suite.exclusive }
        };
        let crowded = || {
            let pressure = self.surroundings.pressure();
            pressure.is_some_and(|pressure| pressure.some > guard::CROWDED)
        };
        // Who is being stopped for its memory has not given it back yet, and who rests comes first.
        if tasks.iter().any(|task| task.stop.is_some() || task.rests.is_some())
            || (!tasks.is_empty() && !waiting.is_empty() && crowded())
        {
            return None;
        }
        let waiting: Vec<Load> = waiting.iter().map(|place| load(*place)).collect();
        let running: Vec<Load> = tasks.iter().map(|task| load(task.place)).collect();
        let tier = &self.order.tier;
        let room = Room {
            workers: piece.workers.max(1) as usize,
            floor: tier.floor_bytes.0,
            budget: tier.budget_bytes.or(self.order.shard.budget_bytes).map(|budget| budget.0),
            cpus: tier.cpus,
            left: memory.left().map(|left| left.0),
            at_rest: at_rest.map(|left| left.0),
        };
        schedule::next(&waiting, &running, &room)
    }

    fn start(
        &mut self,
        piece: &Piece,
        place: usize,
        tasks: &[Task],
        events: Option<&Events>,
    ) -> Result<Task, String> {
        let order = self.order;
        let each = order.tier.each;
        let suites = if each { &piece.suites[place..=place] } else { &piece.suites[..] };
        let argument =
            |suite: &Suite| crate::emit::selection::argument(&suite.id).map_err(|err| err.to_string());
        let suites = suites.iter().map(argument).collect::<Result<Vec<String>, String>>()?;
        let selection = piece.selection.to_str().ok_or("the path of the selection is not UTF-8")?;
        let values = Values {
            selection: (!each).then_some(selection),
            suites: &suites,
            suite: suites.first().filter(|_| each).map(String::as_str),
            workers: piece.workers,
            shard: &order.shard.id,
            session: piece.index,
            outcomes: order.outcomes.to_str().ok_or("the path of the outcomes is not UTF-8")?,
        };
        let words = expand(&order.command, &values)?;
        let mut variables = vec![
            (events::VARIABLE, events.map(|events| events.path().to_string_lossy().into_owned())),
            ("SHARD_NAME", Some(order.shard.id.clone())),
            ("SHARD_SESSION", Some(piece.index.to_string())),
            ("SHARD_WORKERS", Some(piece.workers.to_string())),
            ("SHARD_SELECTION", (!each).then(|| selection.to_owned())),
            ("SHARD_ROOT", Some(order.root.to_string_lossy().into_owned())),
        ];
        if let Some(plugin) = &self.plugin {
            variables.extend(plugin.variables(|name| std::env::var_os(name)));
        }
        let (output, ends) = Output::new(self.begun, each && piece.workers > 1)
            .map_err(|err| format!("cannot listen to the command: {err}"))?;
        let slot = (1..).find(|slot| tasks.iter().all(|task| task.slot != *slot)).unwrap_or(1);
        let start = ChildStart {
            words: &words,
            folder: &order.root,
            variables: &variables,
            group: !order.interactive,
            orphan: if each { Orphan::Wakes } else { Orphan::Stays },
            // A client holds little, and its death would not stop its daemon.
            victim: !order.daemon,
            stdout: ends.stdout,
            stderr: ends.stderr,
        };
        // A child is in the control group that its parent was in when it began: so we go there for a
        // moment, where we may.
        let home = self.surroundings.own();
        let own = home.ok_or_else(|| "no control group counts our memory".to_owned()).and_then(|home| {
            let own = home.child(&format!("shard-{}-{slot}", std::process::id()))?;
            own.enter().map_err(|err| {
                own.remove();
                format!("a control group of its own cannot be entered: {err}")
            })?;
            Ok(own)
        });
        let (own, why) = own.map_or_else(|why| (None, Some(why)), |own| (Some(own), None));
        let child = self.children.start(start);
        if let (Some(home), Some(own)) = (home, &own) {
            let _ = home.enter();
            if child.is_err() {
                own.remove();
            }
        }
        let child = child.map_err(|err| cannot_start(&words, &err))?;
        self.meter.add(child, own);
        self.ungrouped = self.ungrouped.take().or(why.filter(|_| cfg!(target_os = "linux")));
        let now = self.now();
        // At a terminal nothing is heard, and a person knows better.
        let patience = if output.heard { order.idle } else { Duration::ZERO };
        Ok(Task {
            child,
            place,
            slot,
            begun: now,
            output,
            watch: Watch::new(patience, now),
            stop: None,
            rests: None,
            rested: Duration::ZERO,
            end: None,
        })
    }

    /// Sleeps until it is time to look again, or something happens. Memory is short so `soon`.
    fn nap(&mut self, tasks: &mut [Task], soon: Duration) {
        // What ends is only waited for.
        let ending = tasks.iter().any(|task| task.end.is_some());
        let pause = if ending { Duration::from_millis(5) } else { self.meter.pause(Instant::now(), soon) };
        let mut wake = self.wakes.recv_timeout(pause);
        loop {
            match wake {
                Ok(Wake::Child) => {}
                Ok(Wake::Signal(signal)) => self.told(tasks, signal),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => return std::thread::sleep(pause),
            }
            wake = self.wakes.recv_timeout(Duration::ZERO);
        }
    }

    /// Hands on a signal that we got; the third one is serious.
    fn told(&mut self, tasks: &mut [Task], signal: i32) {
        self.times_told += 1;
        self.told.get_or_insert(signal);
        let now = self.now();
        for task in tasks.iter_mut().filter(|task| task.end.is_none()) {
            // A terminal's keys reach the child without us, and many tools take a second one for impatience.
            if !self.order.interactive || !is_key(signal) {
                self.children.tell(task.child, &[], Tell::Same(signal));
            }
            self.wake(task);
            let stop = task.stop.get_or_insert_with(|| Stop::told(signal));
            if self.times_told > 2 {
                stop.hurry(now);
            }
        }
    }

    fn reap(&mut self, tasks: &mut [Task]) {
        let now = self.now();
        while let Some(end) = self.children.ended() {
            self.meter.ended(end.pid, end.most);
            if let Some(task) = tasks.iter_mut().find(|task| task.child == end.pid) {
                // Something else ended it while it rested; those below it are not to be left so.
                self.wake(task);
                task.end = Some((end, now));
            }
        }
    }

    fn sample(&mut self, memory: &Memory, progress: &mut Progress) {
        if let (Some((_, least)), Some(left)) = (&mut self.left, memory.left()) {
            *least = left.min(*least);
        }
        let sample = Sample {
            at: clock(),
            bytes: Some(memory.session).filter(|_| !self.order.daemon),
            available_bytes: memory.machine.map(|(left, _)| left),
            clock_ms: Some(millis(self.now())),
        };
        self.journal.sample(sample);
        progress.outcome.add(Event::Sample(sample));
    }

    /// Takes what processes reported; returns whether they did.
    fn take(&mut self, events: Option<&mut Events>, piece: &Piece, progress: &mut Progress) -> bool {
        let Some(events) = events else { return false };
        let found = events.poll(clock(), piece.index);
        let heard = !found.is_empty();
        for mut event in found {
            match &mut event {
                Event::Begin(begin) if begin.clock_ms.is_none() => begin.clock_ms = Some(millis(self.now())),
                Event::Floor(floor) => floor.pid.iter().for_each(|pid| self.meter.add_worker(*pid)),
                Event::Suite(suite) => {
                    progress.complete(suite);
                    self.remember(suite);
                }
                _ => {}
            }
            self.note(progress, event);
        }
        heard
    }

    /// Keeps what the report may show.
    pub(super) fn remember(&mut self, suite: &Finished) {
        const KEPT: usize = 100_000;
        if self.measured.len() < KEPT {
            self.measured.push(suite.clone());
        }
    }

    /// Writes down that a suite began in a process of its own.
    fn begin(&mut self, piece: &Piece, task: &Task, progress: &mut Progress) {
        let begin = Begin {
            worker: worker(task),
            id: piece.suites[task.place].id.clone(),
            at: clock(),
            level_bytes: Some(Bytes(0)).filter(|_| !self.order.daemon),
            clock_ms: Some(millis(task.begun)),
            session: Some(piece.index),
        };
        self.note(progress, Event::Begin(begin));
    }

    /// A line now and then, where it is wanted: it survives in a log whose end is lost.
    fn beat(&mut self, piece: &Piece, progress: &Progress, tasks: &[Task], memory: &Memory) {
        let now = self.now();
        let Some(every) = self.order.heartbeat.filter(|_| !tasks.is_empty() && now >= self.heartbeat) else {
            return;
        };
        self.heartbeat = now + every;
        let mut line = millis(Duration::from_secs(now.as_secs())).to_string();
        match (self.order.daemon, memory.left(), self.order.budget) {
            (true, Some(left), _) => line.push_str(&format!(", the machine has {left} left")),
            (true, None, _) => {}
            (false, _, None) => line.push_str(&format!(", {}", memory.session)),
            (false, _, Some(budget)) => line.push_str(&format!(", {} of {budget}", memory.session)),
        }
        if progress.reported {
            line.push_str(&format!(
                ", {} of {} done",
                progress.done(),
                text::count(piece.suites.len(), "suite")
            ));
        }
        if let Some((id, since)) = progress.longest() {
            let since = millis(Duration::from_secs(now.saturating_sub(since).as_secs()));
            line.push_str(&format!(", {} since {since}", text::printable(&text::shorten(id, 120))));
        }
        self.tell(&line);
    }

    /// Waits before another try, unless a signal comes.
    pub(super) fn pause(&mut self, pause: Duration) {
        let until = self.now() + pause;
        while self.told.is_none() && self.now() < until {
            self.nap(&mut [], Duration::MAX);
            self.reap(&mut []);
        }
    }
}

/// The places of suites in the order in which they start where each has its own process.
fn longest_first(suites: &[Suite]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..suites.len()).collect();
    places.sort_by(|a, b| suites[*b].ms.cmp(&suites[*a].ms).then_with(|| suites[*a].id.cmp(&suites[*b].id)));
    places
}

/// What to do where the runner does not keep the order that was planned.
fn shuffled(early: &str, late: &str, tier: &str) -> String {
    let [early, late] = [early, late].map(|id| text::examples([id], 1));
    format!(
        "{late} began before {early}, but memory is planned for the order of the selection: set order = \"any\" in [tier.{tier}], or have the runner keep it (pytest: `-p no:randomly`)"
    )
}

/// What a line about a task begins with, where there may be several.
fn called(piece: &Piece, task: &Task, each: bool) -> String {
    match piece.suites.get(task.place).filter(|_| each) {
        Some(suite) => format!("{} ", text::examples([suite.id.as_str()], 1)),
        None => String::new(),
    }
}

/// The name of a process among those side by side.
fn worker(task: &Task) -> String {
    format!("each-{}", task.slot)
}

pub(super) fn cannot_start(words: &[String], err: &std::io::Error) -> String {
    let help = match err.kind() {
        std::io::ErrorKind::ArgumentListTooLong => {
            "so many names do not fit: use {selection} in place of {suites}"
        }
        _ => "is it installed, and on the PATH?",
    };
    let program = text::printable(words.first().map_or("", String::as_str));
    format!("cannot start `{program}`: {err}\n  help: {help}")
}

/// A suite for tests.
#[cfg(test)]
pub(super) fn suite() -> Suite {
    Suite {
        id: String::new(),
        ms: crate::model::Millis(1),
        import_bytes: Bytes(0),
        retained_bytes: Bytes(0),
        transient_bytes: Bytes(0),
        cpus: 1,
        exclusive: false,
        basis: crate::model::Basis::Measured,
        memory_basis: crate::model::Basis::Measured,
        samples: 1,
    }
}
