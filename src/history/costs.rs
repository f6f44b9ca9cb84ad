//! `--costs FILE.csv`: inventory and exact costs in one, taken as they are.

use std::collections::BTreeMap;

use super::ReportError;
use crate::model::{Bytes, Cost, Millis, SuiteId};

/// Largest figure of a cell: sums of millions of them stay far from an overflow.
const FIGURE_MAX: u64 = 1 << 53;

/// The columns in any order; `id` and `ms` must be there.
const COLUMNS: [&str; 7] = ["id", "tier", "ms", "import_bytes", "retained_bytes", "transient_bytes", "cpus"];

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The suite.
    pub id: SuiteId,
    /// Its tier; `None`: the patterns decide.
    pub tier: Option<String>,
    /// Its exact cost.
    pub cost: Cost,
    /// The line, from 1.
    pub line: u64,
}

/// Reads the file: one row a suite, sorted by id.
///
/// # Errors
/// A missing or unknown column, a cell that is no whole number, a suite listed twice; each with its
/// line.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, ReportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let headers = reader.headers().map_err(|err| from_csv(&err))?.clone();
    if let Some(unknown) = headers.iter().find(|name| !COLUMNS.contains(name)) {
        let known = || format!("known are {}", COLUMNS.join(", "));
        let meant = crate::text::did_you_mean(unknown, COLUMNS).unwrap_or_else(known);
        let message = format!("unknown column `{}`: {meant}", crate::text::printable(unknown));
        return Err(ReportError::new(1, message));
    }
    let column = |name: &str| headers.iter().position(|header| header == name);
    let (Some(id), Some(ms)) = (column("id"), column("ms")) else {
        return Err(ReportError::new(1, "the header needs at least the columns `id` and `ms`"));
    };
    let (tier, cpus) = (column("tier"), column("cpus"));
    let memory = ["import_bytes", "retained_bytes", "transient_bytes"].map(column);
    let mut rows: BTreeMap<SuiteId, Row> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|err| from_csv(&err))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |column: Option<usize>, absent: u64| match column.and_then(|column| record.get(column)) {
            None | Some("") => Ok(absent),
            Some(text) => whole(text.trim()).ok_or_else(|| {
                let name = column.and_then(|column| headers.get(column)).unwrap_or_default();
                ReportError::new(
                    line,
                    format!("`{}` in column `{name}` is not a whole number", crate::text::printable(text)),
                )
            }),
        };
        let suite = SuiteId::new(record.get(id).unwrap_or_default());
        if suite.as_str().is_empty() {
            return Err(ReportError::new(line, "the `id` is empty"));
        }
        if record.get(ms).is_none_or(str::is_empty) {
            return Err(ReportError::new(line, format!("suite `{suite}` has no `ms`")));
        }
        let cost = Cost {
            time: Millis(number(Some(ms), 0)?),
            import: Bytes(number(memory[0], 0)?),
            retained: Bytes(number(memory[1], 0)?),
            transient: Bytes(number(memory[2], 0)?),
            cpus: u32::try_from(number(cpus, 1)?).unwrap_or(u32::MAX).max(1),
        };
        let tier = tier.and_then(|tier| record.get(tier)).filter(|tier| !tier.is_empty()).map(str::to_owned);
        let row = Row { id: suite.clone(), tier, cost, line };
        if let Some(first) = rows.insert(suite.clone(), row) {
            return Err(ReportError::new(
                line,
                format!("suite `{suite}` is listed twice, first in line {}", first.line),
            ));
        }
    }
    Ok(rows.into_values().collect())
}

fn whole(text: &str) -> Option<u64> {
    // `+5` parses as a number, but nobody means it in a column of bytes.
    text.parse().ok().filter(|value| *value <= FIGURE_MAX && !text.starts_with('+'))
}

fn from_csv(err: &csv::Error) -> ReportError {
    let line = err.position().map(csv::Position::line);
    let message = match err.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "this is not UTF-8".to_owned(),
        _ => err.to_string(),
    };
    ReportError::new(line, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_any_order() {
        let rows = read(b"ms,id,retained_bytes\r\n5,\"b,1\",7\r\n3,a,\r\n").unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.id.as_str(), row.cost.time.0, row.cost.retained.0, row.cost.cpus))
            .collect();
        assert_eq!(shown, [("a", 3, 0, 1), ("b,1", 5, 7, 1)]);
        assert_eq!(
            read(b"id,tier,ms\na,unit,1\nb,,1\n")
                .unwrap()
                .iter()
                .map(|row| row.tier.as_deref())
                .collect::<Vec<_>>(),
            [Some("unit"), None]
        );
    }

    #[test]
    fn bad_cells_are_placed() {
        let check =
            |text: &str, expect: &str| assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expect);
        check("id,ms\na,1\nb,NaN\n", "3: `NaN` in column `ms` is not a whole number");
        check("id,ms\na,-1\n", "2: `-1` in column `ms` is not a whole number");
        check("id,ms\na,1.5\n", "2: `1.5` in column `ms` is not a whole number");
        check("id,ms\na,inf\n", "2: `inf` in column `ms` is not a whole number");
        check(
            "id,ms\na,99999999999999999999\n",
            "2: `99999999999999999999` in column `ms` is not a whole number",
        );
        check("id,ms\na,\n", "2: suite `a` has no `ms`");
        check("id,ms\n,1\n", "2: the `id` is empty");
        check("id,ms\na,1\na,2\n", "3: suite `a` is listed twice, first in line 2");
        check("id,ms\na\n", "2: 1 cells where the header has 2");
        check("id,tmie\n", "1: unknown column `tmie`: did you mean `tier`?");
        check("", "1: the header needs at least the columns `id` and `ms`");
    }
}
