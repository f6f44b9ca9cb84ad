//! One shard in several sessions, where memory is too little for one: each gives its memory back
//! before the next starts.

use std::cmp::Reverse;

use super::law::{Item, Kind, Law, Need};

/// What is known of a session while it is filled.
struct Open {
    members: Vec<usize>,
    import: u64,
    retained: u64,
    /// The largest transients, descending: as many as count at the peak.
    transients: Vec<u64>,
}

impl Law {
    /// Whether a shard may have more than one session, and memory may ask for it. Isolated suites give
    /// theirs back anyway.
    pub(super) fn splits(&self) -> bool {
        self.sessions > 1 && self.budget.is_some() && !matches!(self.kind, Kind::Isolated | Kind::Each)
    }

    /// The sessions of a shard that holds `members`, each in its order. First fit by falling transient,
    /// since a session needs room for its largest ones only; what fits nowhere joins the session with
    /// the least.
    #[must_use]
    pub fn sessions(&self, items: &[Item], members: &[usize]) -> Vec<Vec<usize>> {
        let one = self.order(items, members);
        let Some(budget) = self.budget.filter(|_| self.splits()) else { return vec![one] };
        if self.session_need(items, members).bytes <= budget {
            return vec![one];
        }
        let room = budget.saturating_sub(self.floor);
        let mut order = members.to_vec();
        order.sort_unstable_by_key(|i| (Reverse(items[*i].transient), Reverse(items[*i].own()), *i));
        let mut open: Vec<Open> = Vec::new();
        for i in order {
            let fits = |session: &Open| self.bytes_with(session, &items[i]) <= room;
            let found = match open.iter().position(fits) {
                Some(found) => found,
                None if open.len() < self.sessions => {
                    open.push(Open { members: Vec::new(), import: 0, retained: 0, transients: Vec::new() });
                    open.len() - 1
                }
                None => {
                    let least = |at: &usize| (self.bytes_with(&open[*at], &items[i]), *at);
                    (0..open.len()).min_by_key(least).unwrap_or(0)
                }
            };
            self.join(&mut open[found], i, &items[i]);
        }
        open.iter().map(|session| self.order(items, &session.members)).collect()
    }

    /// What a shard of `members` takes: all its sessions' time with every start but the first, and the
    /// bytes of the largest.
    #[must_use]
    pub fn need(&self, items: &[Item], members: &[usize]) -> Need {
        if !self.splits() {
            return self.session_need(items, members);
        }
        self.total(self.sessions(items, members).iter().map(|session| self.session_need(items, session)))
    }

    /// Several sessions together.
    pub(super) fn total(&self, sessions: impl Iterator<Item = Need>) -> Need {
        let mut total = Need::default();
        for (number, session) in sessions.enumerate() {
            let start = if number > 0 { self.session_start } else { 0 };
            total.ms = total.ms.saturating_add(session.ms).saturating_add(start);
            total.bytes = total.bytes.max(session.bytes);
        }
        total
    }

    /// Bytes above the floor with one suite more, in any order: never too low.
    fn bytes_with(&self, session: &Open, item: &Item) -> u64 {
        let workers = self.workers as u64;
        let imports = self.imports(session.import.saturating_add(item.import));
        let retained = session.retained.saturating_add(item.retained);
        let largest = session.transients.first().copied().unwrap_or(0).max(item.transient);
        if self.kind == Kind::Spread {
            return imports.saturating_add(retained.saturating_add(largest).saturating_mul(workers));
        }
        let least = session.transients.get(self.workers - 1).copied().unwrap_or(0);
        let transients = session.transients.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        let transients = transients.saturating_sub(least).saturating_add(item.transient.max(least));
        imports.saturating_add(retained).saturating_add(transients)
    }

    fn join(&self, session: &mut Open, i: usize, item: &Item) {
        session.members.push(i);
        session.import = session.import.saturating_add(item.import);
        session.retained = session.retained.saturating_add(item.retained);
        session.transients.push(item.transient);
        session.transients.sort_unstable_by_key(|bytes| Reverse(*bytes));
        session.transients.truncate(self.workers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_decides_how_many_sessions_there_are() {
        let law = Law {
            kind: Kind::InOrder,
            workers: 1,
            floor: 100,
            import_cap: None,
            budget: Some(1_000),
            admission: None,
            cpus: 1,
            setup: 0,
            session_start: 7,
            sessions: 3,
        };
        let item =
            |ms: u64, retained: u64, transient: u64| Item { ms, retained, transient, ..Item::default() };
        let check = |law: Law, items: &[Item], sessions: &[&[usize]], ms: u64, bytes: u64| {
            let members: Vec<usize> = (0..items.len()).collect();
            assert_eq!(law.sessions(items, &members), sessions);
            assert_eq!(law.need(items, &members), Need { ms, bytes });
        };
        check(law, &[item(1, 300, 0); 3], &[&[0, 1, 2]], 3, 1_000);
        check(law, &[item(1, 300, 0); 4], &[&[0, 1, 2], &[3]], 4 + 7, 1_000);
        // The large transients share a session.
        let mixed = [item(5, 100, 0), item(5, 100, 600), item(5, 300, 0), item(5, 100, 600), item(5, 400, 0)];
        check(law, &mixed, &[&[1, 3, 0], &[2, 4]], 25 + 7, 900);
        // More than may be: the peak tells.
        check(law, &[item(1, 600, 0); 4], &[&[0, 3], &[1], &[2]], 4 + 14, 1_300);
        check(Law { sessions: 1, ..law }, &[item(1, 300, 0); 4], &[&[0, 1, 2, 3]], 4, 1_300);
    }
}
