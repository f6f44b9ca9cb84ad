//! How the processes of a session are stopped, and how their ends are taken down.

use std::time::Duration;

use super::{Ended, Executor, Failed, Piece, Task, called, worker};
use crate::config::Guard;
use crate::model::{Bytes, Verdict};
use crate::outcome::{Event, Finished, Status, Stopped};
use crate::run::children::Tell;
use crate::run::guard::{self, Memory};
use crate::run::millis;
use crate::run::progress::Progress;
use crate::run::relief::{Relief, Runner};
use crate::run::stop::Stop;
use crate::text;
use crate::triage::{Evidence, Log, judge};

/// So long the output of what a child left running is listened to after its end.
const LINGER: Duration = Duration::from_secs(2);

/// So long a daemon may take to give back what it holds for a client that is gone.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// So long a process is waited for that does not even end when it must.
const STUCK: Duration = Duration::from_secs(10);

impl Executor<'_> {
    /// Stops the session when memory is about to run out. Of several processes the youngest gives way, and
    /// rests first while there is time for that.
    pub(super) fn guard(&mut self, piece: &Piece, memory: &Memory, tasks: &mut [Task]) {
        let above = self.order.budget.filter(|budget| memory.session > *budget);
        if let Some(budget) = above.filter(|_| !self.over_budget) {
            self.over_budget = true;
            self.tell(&format!("{} are in use, the budget is {budget}", memory.session));
        }
        // One is being stopped, or has ended just now: that may be enough.
        if tasks.iter().any(|task| task.stop.is_some() || task.end.is_some()) {
            return;
        }
        let (alone, now) = (tasks.len() == 1, self.now());
        if let Some(alarm) = guard::alarm(self.order.guard, self.order.budget, memory) {
            let slow = self.evicted.filter(|_| self.order.daemon);
            if slow.is_some_and(|evicted| now.saturating_sub(evicted) < GIVING_BACK) {
                return;
            }
            let Some(task) = tasks.iter_mut().max_by_key(|task| task.begun) else { return };
            let why = match (alone, above.is_some() && self.order.guard == Guard::Budget) {
                (false, _) => Stopped::Evicted,
                (true, true) => Stopped::Budget,
                (true, false) => Stopped::Guard,
            };
            let who = called(piece, task, self.order.tier.each);
            self.evicted = (!alone).then_some(now);
            self.tell(&format!("{who}stopped before the kernel does it: {alarm}"));
            task.stop = Some(Stop::memory(why, alarm, now));
        } else if self.order.tier.each && self.order.guard != Guard::Off && !self.order.daemon {
            // A client that rests does not make its daemon rest.
            self.relieve(piece, memory, tasks);
        }
    }

    /// Puts the youngest of several processes to rest, wakes it, or ends it.
    fn relieve(&mut self, piece: &Piece, memory: &Memory, tasks: &mut [Task]) {
        let (now, pressure) = (self.now(), self.surroundings.pressure());
        let runner = |task: &Task| Runner { begun: task.begun, rests: task.rests.is_some() };
        let runners: Vec<Runner> = tasks.iter().map(runner).collect();
        let Some(relief) = self.reliever.decide(now, memory, pressure, &runners) else { return };
        let (Relief::Rest(place, _) | Relief::Wake(place) | Relief::Evict(place, _)) = &relief;
        let Some(task) = tasks.get_mut(*place) else { return };
        let name = text::examples([piece.suites[task.place].id.as_str()], 1);
        match relief {
            Relief::Rest(_, why) => {
                self.tell(&format!("{name} rests, so that those before it can end: {why}"));
                let others = self.meter.pids(Some(task.child));
                self.children.tell(task.child, &others, Tell::Rest);
                task.rests = Some(now);
            }
            Relief::Wake(_) => {
                self.tell(&format!("{name} goes on"));
                self.wake(task);
            }
            Relief::Evict(_, why) => {
                self.tell(&format!("{name} is ended, to run again alone: {why}"));
                task.stop = Some(Stop::memory(Stopped::Evicted, why, now));
            }
        }
    }

    /// Lets a process go on, if it rests. What it was told meanwhile reaches it first.
    pub(super) fn wake(&mut self, task: &mut Task) {
        if let Some(since) = task.rests.take() {
            task.rested += self.now().saturating_sub(since);
            self.children.tell(task.child, &self.meter.pids(Some(task.child)), Tell::Wake);
        }
    }

    /// Stops what hangs, and everything when the time is over.
    pub(super) fn watch(&mut self, piece: &Piece, heard: bool, tasks: &mut [Task]) {
        let (now, daemon) = (self.now(), self.order.daemon);
        for task in tasks.iter_mut().filter(|task| task.stop.is_none() && task.end.is_none()) {
            if let Some(timeout) = self.order.timeout.filter(|timeout| now >= *timeout) {
                let why = format!("the shard took longer than {}", millis(timeout));
                self.tell(&format!("stopped: {why}"));
                task.stop = Some(Stop::timeout(why, now));
                continue;
            }
            // Who rests does nothing because we want it so.
            let last = if heard || task.rests.is_some() { now } else { task.output.last() };
            if let Some(idle) = task.watch.look(now, last, self.meter.cpu(Some(task.child))) {
                let mut why = format!("no output and no CPU time for {}", millis(idle));
                if daemon {
                    why.push_str("; its daemon may still be at it");
                }
                let who = called(piece, task, self.order.tier.each);
                self.tell(&format!("{who}stopped: {why}"));
                // The stacks of a client say nothing of what its daemon does.
                task.stop = Some(Stop::idle(why, now, !daemon));
            }
        }
    }

    /// Goes on with stopping; takes out what is over.
    pub(super) fn advance(&mut self, memory: &Memory, tasks: &mut Vec<Task>) -> Vec<Task> {
        let now = self.now();
        for task in tasks.iter_mut() {
            let others = self.meter.pids(Some(task.child));
            if let Some(stop) = &mut task.stop {
                if stop.is_for_memory() && memory.taken(None) >= guard::AT_ONCE {
                    stop.hurry(now);
                }
                while let Some(tell) = stop.due(now) {
                    self.children.tell(task.child, &others, tell);
                }
                self.wake(task);
            }
            // Its leader was killed: what is left works for nobody, and holds memory.
            let killed = task.end.filter(|(end, _)| end.signal.is_some() || task.stop.is_some());
            if killed.is_some_and(|(_, since)| now.saturating_sub(since) > Duration::from_millis(200)) {
                self.children.tell(task.child, &others, Tell::Now);
            }
        }
        let meter = &self.meter;
        let over = |task: &mut Task| {
            let Some((end, since)) = task.end else {
                // Some cannot be ended: they wait for a disk that does not answer.
                let forced = task.stop.as_ref().and_then(Stop::forced);
                return forced.is_some_and(|at| now.saturating_sub(at) > STUCK);
            };
            let killed = end.signal.is_some() || task.stop.is_some();
            let left = killed && !meter.pids(Some(task.child)).is_empty();
            let waited = now.saturating_sub(since);
            (task.output.is_complete() && !left) || waited > if left { STUCK } else { LINGER }
        };
        tasks.extract_if(.., over).collect()
    }

    /// Takes down how a process ended, and what it took.
    pub(super) fn finish(&mut self, piece: &Piece, task: Task, progress: &mut Progress, ended: &mut Ended) {
        // Who did not even end when it must counts as killed.
        let (exit, signal) = task.end.map_or((None, Some(9)), |(end, _)| (end.exit, end.signal));
        let stopped = task.stop.as_ref().map(|stop| stop.why);
        let left = self.meter.pids(Some(task.child)).len();
        if left > 0 {
            self.tell(&format!("{} still running that it started", text::count(left, "process")));
        }
        let end = &mut progress.end;
        let oom_kills = self.meter.kills(task.child);
        end.oom_kills = end.oom_kills.max(oom_kills);
        if let Some(told) = progress.highest.filter(|_| !self.order.tier.each) {
            self.meter.told(task.child, told);
        }
        let measured = self.meter.finish(task.child);
        // What a daemon's client holds is not what its suite needs.
        let measured = measured.filter(|_| !self.order.daemon);
        let peak = measured.as_ref().map(|(peak, _, _)| *peak).filter(|peak| peak.0 > 0);
        let why = task.stop.as_ref().map(|stop| stop.note.clone());
        ended.why = ended.why.take().or_else(|| why.clone());
        let good = exit == Some(0) && stopped.is_none();
        if end.exit.is_none() && end.signal.is_none() || end.exit == Some(0) && !good {
            (end.exit, end.signal, end.stopped) = (exit, signal, stopped.or(end.stopped));
        }
        if !good {
            ended.tail = task.output.tail();
        }
        if !self.order.tier.each {
            end.peak_bytes = peak;
            (end.method, end.meters) = match measured {
                Some((_, method, meters)) => (Some(method.to_owned()), meters),
                None => (None, Vec::new()),
            };
            ended.tail = task.output.tail();
            return;
        }
        // Side by side: what they all held together at most, at least what one did.
        let together = progress.outcome.highest.and_then(|sample| sample.bytes);
        end.peak_bytes = end.peak_bytes.max(peak).max(together);
        end.method = measured.map(|(_, method, _)| method.to_owned()).or(end.method.take());
        let id = piece.suites[task.place].id.clone();
        let tail = task.output.tail();
        let verdict = match good {
            true => Verdict::Passed,
            false => {
                let log = Log::of(&tail);
                judge(&Evidence { exit, signal, stopped, log, oom_kills, ..Evidence::default() }).verdict
            }
        };
        let retry = &self.order.retry;
        ended.crashed |=
            verdict == Verdict::DaemonCrash && retry.on.contains(&verdict) && piece.attempt <= retry.times;
        let cut_off = matches!(verdict, Verdict::DaemonCrash | Verdict::OutOfMemory | Verdict::Killed);
        let whole = stopped.is_none() && signal.is_none() && !cut_off;
        let at_rest = Some(Bytes(0)).filter(|_| !self.order.daemon);
        let suite = Finished {
            worker: worker(&task),
            id: id.clone(),
            ms: Some(millis(self.now().saturating_sub(task.begun).saturating_sub(task.rested))),
            rested_ms: Some(millis(task.rested)).filter(|rested| rested.0 > 0),
            before_bytes: at_rest,
            peak_bytes: peak,
            after_bytes: at_rest,
            shared_bytes: None,
            status: match (whole, good) {
                (true, true) => Status::Passed,
                (true, false) => Status::Failed,
                (false, _) => Status::Unfinished,
            },
            last: false,
            exit,
            signal,
            session: Some(piece.index),
        };
        self.remember(&suite);
        self.note(progress, Event::Suite(suite));
        if !good {
            ended.failed.push(Failed { id, exit, signal, stopped, why, tail });
        }
    }
}
