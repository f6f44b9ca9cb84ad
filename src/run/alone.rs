//! Every suite in a session of its own (`--each`): how a tool that nothing can be asked of is learned.

use std::collections::VecDeque;
use std::path::Path;

use super::session::{Ended, Piece};
use super::{Order, ending, write_suites};
use crate::config::MemoryKind;
use crate::model::{Bytes, Verdict};
use crate::outcome::{Finished, Status};

/// A piece for every suite, in the order of the pieces, with one worker, and its selection in `folder`.
///
/// # Errors
/// A selection cannot be written.
pub(super) fn apart(pieces: &VecDeque<Piece>, folder: &Path) -> Result<VecDeque<Piece>, String> {
    let suites = pieces.iter().flat_map(|piece| piece.suites.iter().map(move |suite| (piece, suite)));
    let single = |(index, (piece, suite)): (u32, (&Piece, &crate::plan::file::Suite))| {
        let suites = vec![suite.clone()];
        let selection = write_suites(folder.join(format!("{index}.{}", ending(piece))), &suites)?;
        Ok(Piece { index, attempt: 1, suites, selection, workers: 1 })
    };
    (1..).zip(suites).map(single).collect()
}

/// What a session tells of its only suite where its processes told nothing; `None` where it did not come to an end.
///
/// Only the peak of the whole session is known. In a tier of processes that live on nothing says what was there before
/// the suite or would stay, so nothing is said of it.
pub(super) fn learned(order: &Order, piece: &Piece, ended: &Ended, verdict: Verdict) -> Option<Finished> {
    let [suite] = piece.suites.as_slice() else { return None };
    let end = ended.end();
    if !order.alone || ended.reported || end.stopped.is_some() {
        return None;
    }
    let status = match verdict {
        Verdict::Passed => Status::Passed,
        Verdict::TestFailure => Status::Failed,
        _ => return None,
    };
    let nothing = (order.tier.memory == MemoryKind::Isolated).then_some(Bytes(0));
    Some(Finished {
        worker: "main".to_owned(),
        id: suite.id.clone(),
        ms: end.ms,
        before_bytes: nothing,
        peak_bytes: end.peak_bytes,
        after_bytes: nothing,
        status,
        exit: end.exit,
        session: Some(piece.index),
        ..Finished::default()
    })
}
