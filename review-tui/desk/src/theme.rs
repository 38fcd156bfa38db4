//! What colours mean, and how each theme shows it. Colour is never the only carrier of a meaning.

use ratatui::style::{Color, Modifier, Style};

/// A set of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// For a dark background, 256 colours.
    #[default]
    Dark,
    /// For a light background, 256 colours.
    Light,
    /// The terminal's own sixteen.
    Sixteen,
    /// Bold, underlined and reversed alone.
    None,
}

/// A meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Running text.
    Plain,
    /// What the eye should find first.
    Strong,
    /// There for reference.
    Dim,
    /// An added line.
    Added,
    /// What is new within an added line.
    AddedWord,
    /// A removed line.
    Removed,
    /// What is gone within a removed line.
    RemovedWord,
    /// A hunk's header.
    Hunk,
    /// A file's header.
    File,
    /// Quoted text, by depth from 0.
    Quoted(u8),
    /// A trailer's name.
    Trailer,
    /// Something to go to.
    Link,
    /// Needs attention.
    Warning,
    /// Went well.
    Good,
    /// A kind, a version, an event.
    Mark,
    /// A remark or note of the reader's own.
    Own,
    /// A lane of a drawing, by its number.
    Lane(u8),
    /// A frame, and the frame of the pane that has the keys.
    Border(bool),
    /// The line of titles and the line of keys.
    Bar,
    /// A word of the source: keyword.
    Keyword,
    /// A word of the source: type.
    Type,
    /// A string or number.
    Literal,
    /// A comment.
    Comment,
    /// A preprocessor line.
    Preprocessor,
}

impl Theme {
    /// As the environment says.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Theme {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        let term = set("TERM").unwrap_or_default();
        if set("NO_COLOR").is_some() || term == "dumb" {
            return Theme::None;
        }
        if !term.contains("256") && set("COLORTERM").is_none() {
            return Theme::Sixteen;
        }
        // rxvt, konsole and others: `foreground;background`.
        let background = set("COLORFGBG").and_then(|v| v.rsplit(';').next()?.parse::<u8>().ok());
        if background.is_some_and(|b| b == 7 || b == 15) { Theme::Light } else { Theme::Dark }
    }

    /// The style of a meaning.
    pub fn style(self, ink: Ink) -> Style {
        match self {
            Theme::None => plain(ink),
            Theme::Sixteen => sixteen(ink),
            Theme::Dark => dark(ink),
            Theme::Light => light(ink),
        }
    }

    /// The style of the line that the keys act on, laid over what stands there.
    pub fn selected(self, focused: bool) -> Style {
        match (self, focused) {
            (Theme::Dark, true) => Style::new().bg(Color::Indexed(238)),
            (Theme::Dark, false) => Style::new().bg(Color::Indexed(235)),
            (Theme::Light, true) => Style::new().bg(Color::Indexed(153)),
            (Theme::Light, false) => Style::new().bg(Color::Indexed(255)),
            // One bar, whatever colours stand on it: reversed they would be a patchwork.
            (Theme::Sixteen, true) => Style::new().fg(Color::Black).bg(Color::Cyan),
            (Theme::None, true) => Style::new().add_modifier(Modifier::REVERSED),
            (_, false) => Style::new().add_modifier(Modifier::UNDERLINED),
        }
    }

    /// What running text and what is dim become on the line that the keys act on.
    pub fn brightest(self) -> Style {
        match self {
            Theme::Dark => Style::new().fg(Color::Indexed(231)),
            Theme::Light => Style::new().fg(Color::Indexed(16)),
            Theme::Sixteen | Theme::None => Style::new().add_modifier(Modifier::BOLD),
        }
    }

    /// The style of a place where the search matches, laid over what stands there.
    pub fn found(self) -> Style {
        match self {
            Theme::Dark => Style::new().bg(Color::Indexed(58)),
            Theme::Light => Style::new().bg(Color::Indexed(228)),
            Theme::Sixteen | Theme::None => Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
        }
    }

    /// The background of a whole line of a diff. Of the 256 colours none is dark enough for it on a dark ground.
    pub fn line(self, ink: Ink) -> Style {
        let colour = match (self, ink) {
            (Theme::Light, Ink::Added) => 194,
            (Theme::Light, Ink::Removed) => 224,
            _ => return Style::new(),
        };
        Style::new().bg(Color::Indexed(colour))
    }
}

fn plain(ink: Ink) -> Style {
    let style = Style::new();
    match ink {
        Ink::Strong | Ink::File | Ink::Warning | Ink::Keyword => style.add_modifier(Modifier::BOLD),
        Ink::AddedWord | Ink::RemovedWord | Ink::Link => style.add_modifier(Modifier::UNDERLINED),
        Ink::Border(true) => style.add_modifier(Modifier::BOLD),
        Ink::Bar => style.add_modifier(Modifier::REVERSED),
        Ink::Dim | Ink::Comment => style.add_modifier(Modifier::DIM),
        _ => style,
    }
}

fn sixteen(ink: Ink) -> Style {
    let style = Style::new();
    match ink {
        Ink::Plain => style,
        Ink::Strong => style.add_modifier(Modifier::BOLD),
        Ink::Dim | Ink::Comment => style.fg(Color::DarkGray),
        Ink::Added | Ink::Good => style.fg(Color::Green),
        Ink::AddedWord => style.fg(Color::Green).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Ink::Removed => style.fg(Color::Red),
        Ink::RemovedWord => style.fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Ink::Hunk | Ink::Preprocessor => style.fg(Color::Magenta),
        Ink::File => style.fg(Color::Blue).add_modifier(Modifier::BOLD),
        Ink::Quoted(depth) => style.fg([Color::Blue, Color::Cyan, Color::Magenta][usize::from(depth) % 3]),
        Ink::Trailer | Ink::Type => style.fg(Color::Cyan),
        Ink::Link => style.fg(Color::Cyan).add_modifier(Modifier::UNDERLINED),
        Ink::Warning | Ink::Literal => style.fg(Color::Yellow),
        Ink::Mark => style.fg(Color::Magenta),
        Ink::Own => style.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        Ink::Lane(lane) => {
            const LANES: [Color; 6] =
                [Color::Cyan, Color::Green, Color::Magenta, Color::Blue, Color::Yellow, Color::Red];
            style.fg(LANES[usize::from(lane) % LANES.len()])
        }
        Ink::Border(false) => style.fg(Color::DarkGray),
        Ink::Border(true) => style.fg(Color::Cyan),
        Ink::Bar => style.add_modifier(Modifier::REVERSED),
        Ink::Keyword => style.add_modifier(Modifier::BOLD),
    }
}

const LANES_DARK: [u8; 8] = [80, 114, 176, 111, 179, 174, 150, 146];
const LANES_LIGHT: [u8; 8] = [30, 28, 90, 25, 130, 124, 64, 60];

fn dark(ink: Ink) -> Style {
    let fg = |colour| Style::new().fg(Color::Indexed(colour));
    match ink {
        Ink::Plain => Style::new(),
        Ink::Strong => Style::new().add_modifier(Modifier::BOLD),
        Ink::Dim => fg(245),
        Ink::Added => fg(157),
        Ink::AddedWord => fg(231).bg(Color::Indexed(22)),
        Ink::Removed => fg(217),
        Ink::RemovedWord => fg(231).bg(Color::Indexed(52)),
        Ink::Hunk => fg(110),
        Ink::File => fg(153).bg(Color::Indexed(236)).add_modifier(Modifier::BOLD),
        Ink::Quoted(depth) => fg([109, 139, 144][usize::from(depth) % 3]),
        Ink::Trailer => fg(109),
        Ink::Link => fg(80).add_modifier(Modifier::UNDERLINED),
        Ink::Warning => fg(215),
        Ink::Good => fg(114),
        Ink::Mark => fg(176),
        Ink::Own => fg(222),
        Ink::Lane(lane) => fg(LANES_DARK[usize::from(lane) % 8]),
        Ink::Border(false) => fg(240),
        Ink::Border(true) => fg(80),
        Ink::Bar => fg(252).bg(Color::Indexed(236)),
        Ink::Keyword => fg(216),
        Ink::Type => fg(116),
        Ink::Literal => fg(187),
        Ink::Comment => fg(245).add_modifier(Modifier::ITALIC),
        Ink::Preprocessor => fg(182),
    }
}

fn light(ink: Ink) -> Style {
    let fg = |colour| Style::new().fg(Color::Indexed(colour));
    match ink {
        Ink::Plain => Style::new(),
        Ink::Strong => Style::new().add_modifier(Modifier::BOLD),
        Ink::Dim => fg(243),
        Ink::Added => fg(22),
        Ink::AddedWord => fg(16).bg(Color::Indexed(157)),
        Ink::Removed => fg(52),
        Ink::RemovedWord => fg(16).bg(Color::Indexed(217)),
        Ink::Hunk => fg(25),
        Ink::File => fg(18).bg(Color::Indexed(254)).add_modifier(Modifier::BOLD),
        Ink::Quoted(depth) => fg([24, 90, 58][usize::from(depth) % 3]),
        Ink::Trailer => fg(24),
        Ink::Link => fg(25).add_modifier(Modifier::UNDERLINED),
        Ink::Warning => fg(130),
        Ink::Good => fg(28),
        Ink::Mark => fg(90),
        Ink::Own => fg(94),
        Ink::Lane(lane) => fg(LANES_LIGHT[usize::from(lane) % 8]),
        Ink::Border(false) => fg(250),
        Ink::Border(true) => fg(30),
        Ink::Bar => fg(236).bg(Color::Indexed(254)),
        Ink::Keyword => fg(124),
        Ink::Type => fg(30),
        Ink::Literal => fg(58),
        Ink::Comment => fg(243).add_modifier(Modifier::ITALIC),
        Ink::Preprocessor => fg(90),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Theme {
        Theme::detect(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_chooses() {
        assert_eq!(of(&[("TERM", "xterm-256color")]), Theme::Dark);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Theme::None);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), Theme::Dark);
        assert_eq!(of(&[("TERM", "linux")]), Theme::Sixteen);
        assert_eq!(of(&[("TERM", "rxvt-256color"), ("COLORFGBG", "0;15")]), Theme::Light);
        assert_eq!(of(&[]), Theme::Sixteen);
    }
}
