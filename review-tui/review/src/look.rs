//! How text is laid out and coloured, whoever shows it.

/// What colours mean. Colour is never the only carrier of a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// What the eye should find first.
    Strong,
    /// What is there for reference.
    Dim,
    /// Added lines; what is well.
    Added,
    /// Removed lines; what is wrong.
    Removed,
    /// What needs attention.
    Warning,
    /// Names of things one can go to: ids, commits.
    Name,
    /// Hunk headers, kinds, marks.
    Mark,
    /// Quoted text.
    Quoted,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Strong => "1",
            Style::Dim => "2",
            Style::Added => "32",
            Style::Removed => "31",
            Style::Warning => "33",
            Style::Name => "36",
            Style::Mark => "35",
            Style::Quoted => "34",
        }
    }
}

/// The layout of a text for one reader.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns; `None` on a pipe, where nothing is cut.
    pub width: Option<usize>,
    /// Whether escape sequences are written.
    pub colour: bool,
}

impl Look {
    /// The text in a style, where colour is on.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[m", style.code())
        } else {
            text.to_owned()
        }
    }
}

/// A line in pieces, each in a style or in none, for whoever paints it: escape sequences here, cells of a screen there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Painted(pub Vec<(Option<Style>, String)>);

impl Painted {
    /// One piece in a style.
    pub fn of(style: Style, text: impl Into<String>) -> Painted {
        Painted(vec![(Some(style), text.into())])
    }

    /// One piece in no style.
    pub fn plain(text: impl Into<String>) -> Painted {
        Painted(vec![(None, text.into())])
    }

    /// The line with one more piece at its end.
    pub fn then(mut self, style: Option<Style>, text: impl Into<String>) -> Painted {
        self.0.push((style, text.into()));
        self
    }

    /// The line with escape sequences, where the look has colour.
    pub fn paint(&self, look: &Look) -> String {
        let piece = |(style, text): &(Option<Style>, String)| match style {
            Some(style) => look.paint(*style, text),
            None => text.clone(),
        };
        self.0.iter().map(piece).collect()
    }

    /// The text alone.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}
