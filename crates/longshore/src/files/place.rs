//! Places in files, as errors show them: `file:line:column`, and the line with a mark under it. What templates have put
//! into a text is never shown: the line is the file's own.

use crate::error::Failed;

/// As many characters of a long line are shown before and after the place.
const AROUND: usize = 60;

/// Begins a value in a marked text; nobody may send these two characters to others, so no value has them.
pub(super) const OPEN: char = '\u{fdd0}';
/// Ends it.
pub(super) const CLOSE: char = '\u{fdd1}';
/// Shown for a value.
const BLANK: char = '…';

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// Characters, from 1.
    pub(super) column: usize,
}

impl Place {
    /// Of a byte; behind the end it is the end.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }

    /// The error about this place of this file's text.
    pub(super) fn failed(self, path: &str, text: &str, message: &str) -> Failed {
        let Self { line, column } = self;
        let shown = text.lines().nth(line - 1).map(|text| self.shown(text)).unwrap_or_default();
        Failed::new(format!("{path}:{line}:{column}: {message}{shown}"))
    }

    /// The line, and below it a mark.
    fn shown(self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let place = (self.column - 1).min(characters.len());
        let (start, end) = (place.saturating_sub(AROUND), (place + AROUND).min(characters.len()));
        let mut line: String = characters[start..end].iter().collect();
        // Tabs stay tabs, so that the mark is where it belongs.
        let mut under: String =
            characters[start..place].iter().map(|c| if *c == '\t' { '\t' } else { ' ' }).collect();
        if start > 0 {
            (line, under) = (format!("{BLANK}{line}"), format!(" {under}"));
        }
        if end < characters.len() {
            line.push(BLANK);
        }
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        format!("\n  {number} | {}\n  {margin} | {under}^", line.trim_end())
    }
}

/// Where something in a rendered text comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) place: Place,
    /// The text that the place is in: the file's own, or else what it comes to without the values.
    pub(super) text: String,
    pub(super) is_source: bool,
    /// Whether a value was put into the same line at or before the place.
    pub(super) behind_value: bool,
}

/// Where a place of the rendered text comes from. `marked` is the rendered text with its values between [`OPEN`] and
/// [`CLOSE`].
pub(super) fn origin(source: &str, marked: &str, at: Place) -> Origin {
    let (mut rendered, mut blanked) = (Place { line: 1, column: 1 }, Place { line: 1, column: 1 });
    let (mut text, mut depth, mut behind_value, mut found) = (String::new(), 0_usize, false, None);
    for character in marked.chars() {
        if found.is_none()
            && (rendered.line, rendered.column) >= (at.line, at.column)
            && !matches!(character, OPEN | CLOSE)
        {
            found = Some(blanked);
        }
        match character {
            OPEN => {
                if depth == 0 {
                    text.push(BLANK);
                }
                depth += 1;
                behind_value |= found.is_none();
                continue;
            }
            CLOSE => {
                depth = depth.saturating_sub(1);
                blanked.column += usize::from(depth == 0);
                continue;
            }
            '\n' => {
                rendered = Place { line: rendered.line + 1, column: 1 };
                if depth == 0 {
                    blanked = Place { line: blanked.line + 1, column: 1 };
                    behind_value &= found.is_some();
                }
            }
            _ => {
                rendered.column += 1;
                blanked.column += usize::from(depth == 0);
            }
        }
        if depth == 0 {
            text.push(character);
        }
    }
    let place = found.unwrap_or(blanked);
    // Only tags that repeat or leave out lines make the two differ.
    if text.lines().count() != source.lines().count() {
        return Origin { place, text, is_source: false, behind_value };
    }
    let line = |text: &str| text.lines().nth(place.line - 1).unwrap_or_default().to_owned();
    let column = column_in(&line(source), &line(&text), place.column);
    Origin { place: Place { column, ..place }, text: source.to_owned(), is_source: true, behind_value }
}

/// The column in a line of the file for one of the same line with values in it: what is before the first tag and behind
/// the last one is the same in both, and in between the first tag has to do.
fn column_in(source: &str, blanked: &str, column: usize) -> usize {
    let common = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).count()
    };
    let before = common(&mut source.chars(), &mut blanked.chars());
    let behind = common(&mut source.chars().rev(), &mut blanked.chars().rev());
    let (all, rest) = (source.chars().count(), (blanked.chars().count() + 1).saturating_sub(column));
    match column {
        _ if column <= before + 1 => column,
        _ if rest <= behind => all + 1 - rest,
        _ => before + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Place {
        Place { line, column }
    }

    #[test]
    fn a_byte_has_a_place() {
        let text = "eins\nzwölf\n";
        for (offset, place) in
            [(0, at(1, 1)), (4, at(1, 5)), (5, at(2, 1)), (9, at(2, 4)), (11, at(2, 6)), (99, at(3, 1))]
        {
            assert_eq!(Place::of(text, offset), place, "{offset}");
        }
    }

    #[test]
    fn the_line_is_shown_with_a_mark() {
        let failed = at(2, 4).failed("web.taskdef", "{\n\t\"a\" 1\n}", "expected `:`");
        assert_eq!(failed.to_string(), "web.taskdef:2:4: expected `:`\n  2 | \t\"a\" 1\n    | \t  ^");
        let failed = at(9, 1).failed("web.taskdef", "{\n", "it ends");
        assert_eq!(failed.to_string(), "web.taskdef:9:1: it ends");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let line = "ä".repeat(200);
        let said = at(1, 101).failed("f", &line, "no").to_string();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[1], format!("  1 | …{}…", "ä".repeat(120)));
        assert_eq!(lines[2], format!("    | {}^", " ".repeat(61)));
    }

    fn marked(text: &str) -> String {
        text.replace('<', &OPEN.to_string()).replace('>', &CLOSE.to_string())
    }

    #[test]
    fn what_templates_put_in_is_found_in_the_file() {
        let source = "a: {{ x }} ,\nb: {{ y }}!\nc: 1\n";
        // `y` has two lines.
        let marks = marked("a: <one> ,\nb: <two\nlines>!\nc: 1\n");
        let place = |line, column| {
            let origin = origin(source, &marks, at(line, column));
            assert!(origin.is_source && origin.text == source);
            (origin.place.line, origin.place.column, origin.behind_value)
        };
        assert_eq!(place(1, 2), (1, 2, false));
        assert_eq!(place(1, 5), (1, 4, true));
        assert_eq!(place(1, 8), (1, 12, true), "behind the tag");
        assert_eq!(place(2, 2), (2, 2, false));
        assert_eq!(place(3, 2), (2, 4, true), "in the value's second line");
        assert_eq!(place(3, 6), (2, 11, true));
        assert_eq!(place(4, 4), (3, 4, false));
    }

    #[test]
    fn where_lines_are_repeated_the_values_are_left_out() {
        let source = "{% for x in var.all %}\n- {{ x }}\n{% endfor %}\n";
        let marks = marked("\n- <hush>\n\n- <hush2> ]\n\n");
        let origin = origin(source, &marks, at(4, 9));
        assert_eq!((origin.place, origin.is_source, origin.behind_value), (at(4, 5), false, true));
        assert_eq!(origin.text, "\n- …\n\n- … ]\n\n");
    }
}
