//! The place in a list: which line the keys act on, and which is the first that is seen.

/// Where a list stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line that the keys act on.
    pub at: usize,
    /// The first line seen.
    pub top: usize,
}

impl Place {
    /// Moves by so many lines within a list of `len`.
    pub fn step(&mut self, by: isize, len: usize) {
        self.at = self.at.saturating_add_signed(by).min(len.saturating_sub(1));
    }

    /// Goes to a line of a list of `len`.
    pub fn go(&mut self, at: usize, len: usize) {
        self.at = at.min(len.saturating_sub(1));
    }

    /// Makes the line seen in a window of `rows`, and the window full where there is enough.
    pub fn show(&mut self, rows: usize, len: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        let rows = rows.max(1);
        if self.at < self.top {
            self.top = self.at;
        } else if self.at >= self.top + rows {
            self.top = self.at + 1 - rows;
        }
        self.top = self.top.min(len.saturating_sub(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_always_seen() {
        let mut place = Place::default();
        place.go(usize::MAX, 100);
        place.show(10, 100);
        assert_eq!(place, Place { at: 99, top: 90 });
        place.step(-95, 100);
        place.show(10, 100);
        assert_eq!(place, Place { at: 4, top: 4 });
        place.show(10, 3);
        assert_eq!(place, Place { at: 2, top: 0 });
        place.step(5, 0);
        place.show(0, 0);
        assert_eq!(place, Place::default());
    }
}
