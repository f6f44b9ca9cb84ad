//! Rows and columns that fit a width: what matters least is left out first, and bars take what is left.

use super::phrase::gauge;
use super::style::{Paint, Style};
use crate::text::{shorten, width};

/// Columns of a bar at least, where there is room for anything else.
const BAR_MIN: usize = 8;
/// Columns that a bar should have before a column is shown that need not be.
const BAR_GOOD: usize = 16;
const BAR_MAX: usize = 60;

/// A table that is being made, column by column. All columns have as many cells as the first.
pub(super) struct Grid {
    style: Style,
    columns: Vec<Column>,
}

struct Column {
    head: String,
    /// 0: always shown; others only where there is room, low numbers first.
    rank: u8,
    side: Side,
    cells: Cells,
    width: usize,
}

/// Where text stands in its column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

enum Cells {
    Text(Vec<(String, Option<Paint>)>),
    /// As far as the first is of the second.
    Bars(Vec<(u64, u64, Paint)>),
}

impl Grid {
    pub(super) fn new(style: Style) -> Grid {
        Grid { style, columns: Vec::new() }
    }

    /// A column of text. `rank` 0: always shown.
    pub(super) fn text(
        &mut self,
        head: &str,
        rank: u8,
        side: Side,
        cells: impl IntoIterator<Item = String>,
    ) -> &mut Grid {
        self.painted(head, rank, side, cells.into_iter().map(|cell| (cell, None)))
    }

    /// The same, with colours.
    pub(super) fn painted(
        &mut self,
        head: &str,
        rank: u8,
        side: Side,
        cells: impl IntoIterator<Item = (String, Option<Paint>)>,
    ) -> &mut Grid {
        let cells: Vec<_> = cells.into_iter().collect();
        let most = cells.iter().map(|(cell, _)| width(cell)).max().unwrap_or(0).max(width(head));
        self.columns.push(Column {
            head: head.to_owned(),
            rank,
            side,
            cells: Cells::Text(cells),
            width: most,
        });
        self
    }

    /// A column of bars.
    pub(super) fn bars(&mut self, cells: impl IntoIterator<Item = (u64, u64, Paint)>) -> &mut Grid {
        let cells = Cells::Bars(cells.into_iter().collect());
        let column = Column { head: String::new(), rank: 0, side: Side::Left, cells, width: BAR_MIN };
        self.columns.push(column);
        self
    }

    /// The head and the rows. A row with a colour of its own has that all over.
    pub(super) fn lines(mut self, row: impl Fn(usize) -> Option<Paint>) -> (String, Vec<String>) {
        let room = self.fit(self.style.width);
        let bars = self.columns.iter().filter(|column| column.is_bar()).count();
        for column in self.columns.iter_mut().filter(|column| column.is_bar()) {
            column.width = (BAR_MIN + room / bars.max(1)).min(BAR_MAX);
        }
        let rows = self.columns.first().map_or(0, Column::rows);
        let head: Vec<String> = self.columns.iter().map(Column::head).collect();
        let line = |number: usize| {
            let whole = row(number);
            let cells = self.columns.iter().map(|column| column.cell(number, self.style, whole.is_some()));
            let cells: Vec<String> = cells.collect();
            let line = cells.join("  ");
            let line = line.trim_end();
            whole.map_or_else(|| line.to_owned(), |paint| self.style.paint(paint, line))
        };
        (head.join("  ").trim_end().to_owned(), (0..rows).map(line).collect())
    }

    /// Leaves out what there is no room for; returns the columns that are left for bars.
    fn fit(&mut self, most: usize) -> usize {
        let wide = |columns: &[Column]| {
            columns.iter().map(|column| column.width + 2).sum::<usize>().saturating_sub(2)
        };
        let bars = self.columns.iter().filter(|column| column.is_bar()).count();
        let mut ranks: Vec<u8> =
            self.columns.iter().map(|column| column.rank).filter(|rank| *rank > 0).collect();
        ranks.sort_unstable();
        ranks.dedup();
        while let Some(last) = ranks.pop() {
            if wide(&self.columns) + bars * (BAR_GOOD - BAR_MIN) <= most {
                break;
            }
            self.columns.retain(|column| column.rank < last);
        }
        // Names give way last.
        let over = wide(&self.columns).saturating_sub(most);
        if let Some(first) = self.columns.first_mut().filter(|_| over > 0) {
            first.width = first.width.saturating_sub(over).max(6);
        }
        most.saturating_sub(wide(&self.columns))
    }
}

impl Column {
    fn is_bar(&self) -> bool {
        matches!(self.cells, Cells::Bars(_))
    }

    fn rows(&self) -> usize {
        match &self.cells {
            Cells::Text(cells) => cells.len(),
            Cells::Bars(cells) => cells.len(),
        }
    }

    fn head(&self) -> String {
        self.placed(&self.head)
    }

    fn placed(&self, text: &str) -> String {
        let text = shorten(text, self.width);
        let blank = " ".repeat(self.width - width(&text));
        match self.side {
            Side::Left => text + &blank,
            Side::Right => blank + &text,
        }
    }

    fn cell(&self, row: usize, style: Style, plain: bool) -> String {
        let paint = |paint: Option<Paint>, text: String| match paint {
            Some(paint) if !plain => style.paint(paint, &text),
            _ => text,
        };
        match &self.cells {
            Cells::Text(cells) => {
                cells.get(row).map_or_else(String::new, |(text, colour)| paint(*colour, self.placed(text)))
            }
            Cells::Bars(cells) => cells.get(row).map_or_else(String::new, |(part, whole, colour)| {
                paint(Some(*colour), gauge(*part, *whole, self.width))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(columns: usize) -> Vec<String> {
        let mut grid = Grid::new(Style { width: columns, ..Style::default() });
        grid.text("name", 0, Side::Left, ["a".to_owned(), "bb".to_owned()])
            .text("n", 0, Side::Right, ["7".to_owned(), "12".to_owned()])
            .bars([(1, 2, Paint::Note), (2, 2, Paint::Note)])
            .text("first extra", 1, Side::Left, ["x".to_owned(), "y".to_owned()])
            .text("second extra", 2, Side::Left, ["x".to_owned(), "y".to_owned()]);
        let (head, rows) = grid.lines(|_| None);
        std::iter::once(head).chain(rows).collect()
    }

    #[test]
    fn what_matters_least_goes_first() {
        assert_eq!(lines(20), ["name   n", "a      7  █████░░░░░", "bb    12  ██████████"]);
        assert!(lines(40)[0].ends_with("first extra"));
        assert!(lines(60)[0].ends_with("second extra"));
        for columns in [20, 40, 60, 100, 200] {
            assert!(lines(columns).iter().all(|line| width(line) <= columns), "{columns}");
        }
    }

    #[test]
    fn names_give_way_where_nothing_else_can() {
        let mut grid = Grid::new(Style { width: 20, ..Style::default() });
        grid.text("name", 0, Side::Left, ["a-very-long-name-indeed".to_owned()]);
        grid.text("n", 0, Side::Right, ["12345".to_owned()]);
        assert_eq!(grid.lines(|_| None).1, ["a-very…indeed  12345"]);
    }
}
