//! Progress of long work, on a terminal only.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often the line is drawn anew.
const PAUSE: Duration = Duration::from_millis(200);

/// A line that says how far the work is and how long it will take.
pub struct Progress {
    what: &'static str,
    terminal: bool,
    begun: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    /// A line for `what`, drawn when standard error is a terminal.
    pub fn new(what: &'static str) -> Self {
        Self { what, terminal: std::io::stderr().is_terminal(), begun: Instant::now(), drawn: None }
    }

    /// `done` of `total` are done.
    pub fn at(&mut self, done: u64, total: u64) {
        if !self.terminal || self.drawn.is_some_and(|drawn| drawn.elapsed() < PAUSE) {
            return;
        }
        self.drawn = Some(Instant::now());
        let share = done as f64 / total.max(1) as f64;
        let left = match done {
            0 => String::new(),
            _ => format!(", {:.0} s left", self.begun.elapsed().as_secs_f64() * (1.0 - share) / share.max(1e-6)),
        };
        self.line(&format!("{}: {done} of {total} ({:.0} %{left})", self.what, share * 100.0));
    }

    /// Wipes the line.
    pub fn end(&mut self) {
        if self.drawn.is_some() {
            self.line("");
        }
    }

    fn line(&self, text: &str) {
        let mut error = std::io::stderr();
        // A terminal that went away is nobody's loss.
        let _ = write!(error, "\r\x1b[K{text}");
        let _ = error.flush();
    }
}
