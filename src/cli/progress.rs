//! A bar on the terminal while work takes above a second, and nothing of it anywhere else.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;

/// Work that is done within it shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at the clock once the bar is there, so that a long step shows that time goes by.
const TICK: Duration = Duration::from_millis(200);

/// Counts steps of work, and shows them from the first second on until it is dropped. Nothing may be printed
/// meanwhile.
pub(super) struct Progress {
    bar: ProgressBar,
    /// Shows the bar unless the work is done before, which it learns by the end of the channel.
    waiting: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// `what` is done `steps` times: "reading 3 of 40 files".
    pub(super) fn new(what: &'static str, steps: usize, unit: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        if steps == 0 || !is_wanted() {
            return Progress { bar, waiting: None };
        }
        // Without colours, so that nobody has to forbid them.
        let template = format!("{what} {{bar:30}} {{pos}} of {{len}} {unit}, {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars(if output::style().unicode { "█▌░" } else { "##-" }));
        }
        let (sender, done) = mpsc::channel();
        let shown = bar.clone();
        let show = move || {
            if done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(TICK);
            }
        };
        // Without a thread there is no bar, and the work is done all the same.
        let thread = thread::Builder::new().spawn(show).ok();
        Progress { bar, waiting: thread.map(|thread| (sender, thread)) }
    }

    /// One step is done; any thread may say so.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.waiting.take() {
            drop(sender);
            // It cannot panic, and what it showed has to be cleared by the next line.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

/// Whether there is a person in front of a terminal that can draw, to whom messages go.
fn is_wanted() -> bool {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let ci = !matches!(variable("CI").as_str(), "" | "0" | "false");
    std::io::stderr().is_terminal() && !ci && variable("TERM") != "dumb"
}
