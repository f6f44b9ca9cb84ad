//! pytest-monitor's `.pymon`, a SQLite database: time and memory of every test.
//!
//! Rows of the kind `function` are tests; those of modules and packages are their sums and are left out.
//! `TOTAL_TIME` is in seconds; `MEM_USAGE`, in mebibytes, is the most that the process held while the test
//! ran. Only with the feature `pymon`.

use crate::report::head::Head;
use crate::report::{ReportError, Sink};

/// Whether this is a SQLite database.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.text.starts_with("SQLite format 3\0")
}

/// Says how to get a build that reads it.
///
/// # Errors
/// Always.
#[cfg(not(feature = "pymon"))]
pub(in crate::report) fn read(_: impl std::io::BufRead, _: &mut dyn Sink) -> Result<(), ReportError> {
    Err(ReportError::new(
        None,
        "this build of shard reads no SQLite: install it with `--features pymon` for pytest-monitor's files",
    ))
}

#[cfg(feature = "pymon")]
pub(in crate::report) use sqlite::read;

#[cfg(feature = "pymon")]
mod sqlite {
    use std::io::{BufRead, Read};

    use rusqlite::types::ValueRef;
    use rusqlite::{Connection, MAIN_DB};

    use super::{ReportError, Sink};
    use crate::report::{Case, Place, Time};

    /// Largest database that is read: it is held in memory.
    const SIZE_MAX: u64 = 1 << 30;
    /// Steps of SQLite's machine before a query is given up: a database may define endless ones.
    const STEPS_MAX: i32 = 1_000_000_000;

    const MEBIBYTE: f64 = (1 << 20) as f64;

    /// Reads a database, which is held in memory as a whole.
    ///
    /// # Errors
    /// No sound database, or none of pytest-monitor's.
    pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
        let mut bytes = Vec::new();
        let cannot = |err: std::io::Error| ReportError::new(None, err.to_string());
        input.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > SIZE_MAX {
            return Err(ReportError::new(None, format!("a database of more than {} MiB", SIZE_MAX >> 20)));
        }
        query(&bytes, sink)
            .map_err(|err| ReportError::new(None, format!("no database of pytest-monitor: {err}")))
    }

    fn query(bytes: &[u8], sink: &mut dyn Sink) -> rusqlite::Result<()> {
        let mut database = Connection::open_in_memory()?;
        database.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), true)?;
        database.progress_handler(STEPS_MAX, Some(|| true))?;
        // A view of that name could compute anything.
        let tables = "select count(*) from sqlite_schema where type = 'table' and name = 'TEST_METRICS'";
        if database.query_row(tables, [], |row| row.get::<_, i64>(0))? != 1 {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        let mut tests = database.prepare(
            "select ITEM_FS_LOC, ITEM_VARIANT, TOTAL_TIME, MEM_USAGE from TEST_METRICS where KIND = 'function'",
        )?;
        let mut rows = tests.query([])?;
        while let Some(row) = rows.next()? {
            let file = String::from_utf8_lossy(text(row.get_ref(0)?)).into_owned();
            let name = String::from_utf8_lossy(text(row.get_ref(1)?)).into_owned();
            let time = match (figure(row.get_ref(2)?), row.get_ref(2)?) {
                (Some(seconds), _) => Time::Seconds(seconds),
                (None, ValueRef::Text(text)) => {
                    std::str::from_utf8(text).map_or(Time::Absent, Time::Unreadable)
                }
                _ => Time::Absent,
            };
            let bytes = figure(row.get_ref(3)?).filter(|mebibytes| *mebibytes >= 0.0);
            sink.case(&Case {
                place: Place::file(&file),
                name: &name,
                time,
                bytes: bytes.map(|mebibytes| (mebibytes * MEBIBYTE) as u64),
                ..Case::default()
            });
        }
        Ok(())
    }

    fn text(value: ValueRef<'_>) -> &[u8] {
        match value {
            ValueRef::Text(text) | ValueRef::Blob(text) => text,
            _ => b"",
        }
    }

    fn figure(value: ValueRef<'_>) -> Option<f64> {
        match value {
            ValueRef::Integer(number) => Some(number as f64),
            ValueRef::Real(number) => Some(number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::report::Format;
        use crate::report::testing::Lines;

        fn shown(setup: &str) -> Result<Vec<String>, String> {
            let database = Connection::open_in_memory().unwrap();
            database.execute_batch(setup).unwrap();
            let bytes = database.serialize(MAIN_DB).unwrap().to_vec();
            assert_eq!(Format::recognise(&bytes[..bytes.len().min(4096)]), Some(Format::Pymon));
            let mut lines = Lines::default();
            read(bytes.as_slice(), &mut lines).map_err(|err| err.to_string())?;
            Ok(lines.0)
        }

        const TABLE: &str =
            "create table TEST_METRICS (KIND, ITEM_FS_LOC, ITEM_VARIANT, TOTAL_TIME, MEM_USAGE);";

        #[test]
        fn tests_are_read_with_their_memory() {
            let rows = "insert into TEST_METRICS values ('function', 't\\a.py', 'test_x[1]', 1.5, 2.5),
                ('module', 't\\a.py', 'a', 9, 9), ('function', 'b.py', 'test_y', null, null),
                ('function', 'b.py', 'test_z', 'slow', -1);";
            assert_eq!(
                shown(&format!("{TABLE}{rows}")).unwrap(),
                [
                    "t\\a.py - - | test_x[1] = 1.5 2621440 B",
                    "b.py - - | test_y",
                    "b.py - - | test_z = `slow`"
                ]
            );
        }

        #[test]
        fn other_databases_are_refused() {
            assert!(shown("create table X (y);").is_err());
            let endless =
                "create view TEST_METRICS as with recursive n(x) as (select 1 union all select x from n)
                select 'function' KIND, x ITEM_FS_LOC, x ITEM_VARIANT, x TOTAL_TIME, x MEM_USAGE from n;";
            assert!(shown(endless).is_err());
            assert!(read(b"SQLite format 3\0xxxx".as_slice(), &mut Lines::default()).is_err());
        }
    }
}
