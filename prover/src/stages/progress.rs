//! What a stage tells the daemon while it runs.

use std::io::Write;

use serde::Serialize;

use super::Stage;

/// Writes a line of JSON for every step, `{"stage":"segments","done":1,"total":3}`.
pub struct Progress<'a> {
    stage: Stage,
    out: Box<dyn Write + 'a>,
}

#[derive(Serialize)]
struct Line {
    stage: Stage,
    done: usize,
    total: usize,
}

impl<'a> Progress<'a> {
    /// Reports about `stage` to `out`.
    pub fn new(stage: Stage, out: impl Write + 'a) -> Self {
        Self {
            stage,
            out: Box::new(out),
        }
    }

    /// Tells that `done` of `total` steps are done. A reader that went away does not stop the proof.
    pub fn report(&mut self, done: usize, total: usize) {
        let line = Line {
            stage: self.stage,
            done,
            total,
        };
        if let Ok(line) = serde_json::to_string(&line) {
            let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_one_line_of_json() {
        let mut lines = Vec::new();
        let mut progress = Progress::new(Stage::Segments, &mut lines);
        progress.report(0, 2);
        progress.report(2, 2);
        drop(progress);
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "{\"stage\":\"segments\",\"done\":0,\"total\":2}\n{\"stage\":\"segments\",\"done\":2,\"total\":2}\n"
        );
    }
}
