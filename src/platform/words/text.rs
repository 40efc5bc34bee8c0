//! Makes one readable line of the bytes of an answer.

use std::borrow::Cow;

use super::{LEFT_OUT, LONGEST};

/// Of so many characters, one that is no text makes all of them no text.
const MOSTLY: usize = 10;

/// Returns a body as one line of text: what a page says without its markup, and of what is no text
/// how long it is. `None` if it says nothing. `is_cut` says whether more would have followed.
pub fn readable(body: &[u8], is_cut: bool) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    // A character at the end may be cut in two.
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let is_odd =
        |c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
    let odd = text.chars().filter(|c| is_odd(*c)).count();
    if text.is_empty() && !body.is_empty() || odd * MOSTLY > text.chars().count() {
        let least = if is_cut { "at least " } else { "" };
        return Some(format!("({least}{} bytes that are no text)", body.len()));
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = match text.starts_with('<') {
        true => Cow::Owned(without_markup(text)),
        false => Cow::Borrowed(text),
    };
    let line = one_line(&text);
    (!line.is_empty()).then_some(line)
}

/// Returns `text` on one line, cut to 300 characters.
pub fn fit(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(LONGEST) {
        None => line,
        Some(_) => line.chars().take(LONGEST - 1).chain([LEFT_OUT]).collect(),
    }
}

/// Removes control characters, and writes white space as one blank.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let printed = word
            .chars()
            .filter(|c| !c.is_control() && !is_invisible(*c));
        printed.collect::<String>()
    });
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Characters that change how others are shown, or that are not seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The elements of a page whose contents nobody reads.
const UNREAD: [&str; 3] = ["script", "style", "head"];
/// The characters that pages spell by name.
const NAMED: [(&str, &str); 6] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&nbsp;", " "),
    ("&amp;", "&"),
];

/// Returns what a page says. A head is left out but for its title.
fn without_markup(page: &str) -> String {
    let (mut out, mut rest) = (String::new(), page);
    while let Some((before, tag)) = rest.split_once('<') {
        out += before;
        out.push(' ');
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let name = name.to_ascii_lowercase();
        rest = tag.split_once('>').map_or("", |(_, after)| after);
        if UNREAD.contains(&&*name) {
            let end = find_ignoring_case(rest, &format!("</{name}"));
            let (inside, after) = rest.split_at(end.unwrap_or(rest.len()));
            if name == "head" {
                out += title(inside);
            }
            rest = after;
        }
    }
    out += rest;
    for (name, character) in NAMED {
        out = out.replace(name, character);
    }
    out
}

/// Returns the title in the head of a page.
fn title(head: &str) -> &str {
    let inside = find_ignoring_case(head, "<title").and_then(|at| head.get(at..)?.split_once('>'));
    let title = inside.and_then(|(_, title)| title.split_once('<'));
    title.map_or("", |(title, _)| title)
}

/// Finds `needle`, which is ASCII in lower case.
fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: impl AsRef<[u8]>) -> String {
        readable(body.as_ref(), false).unwrap_or_default()
    }

    #[test]
    fn an_answer_is_one_line_whatever_it_is() {
        assert_eq!(
            read("{\n  \"error\": \"no\"\r\n}\n"),
            "{ \"error\": \"no\" }"
        );
        assert_eq!(
            read("\u{feff}an answer \u{1b}[31min\u{202e} colours\0"),
            "an answer [31min colours"
        );
        assert_eq!(read("caf\u{e9}".as_bytes()), "café");
        assert_eq!(read(&"café".as_bytes()[..4]), "caf", "cut in mid-character");
        assert_eq!(
            read([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]),
            "(10 bytes that are no text)"
        );
        assert_eq!(read([0xff; 3]), "(3 bytes that are no text)");
        assert_eq!(
            readable(&[0; 4096], true).unwrap(),
            "(at least 4096 bytes that are no text)"
        );
        for nothing in ["", " \r\n", "<html></html>", "\u{feff}"] {
            assert_eq!(readable(nothing.as_bytes(), false), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_page_is_what_it_says() {
        let page = "<!DOCTYPE html><HTML><head><meta a=b><title>502 Bad Gateway</title>\
                    <style>p > b { x: y }</style></head><!-- <p>no</p> --><body>\
                    <script>if (a < b) alert('no')</script><h1>Bad&nbsp;Gateway</h1>\
                    <p>a &lt; b &amp;amp; c</p></body></HTML>";
        assert_eq!(read(page), "502 Bad Gateway Bad Gateway a < b &amp; c");
        assert_eq!(
            read(
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No</Message></Error>"
            ),
            "AccessDenied No"
        );
        assert_eq!(read("<p>cut in mid-tag <a href="), "cut in mid-tag");
        assert_eq!(read("<p>cut <script>in mid-script"), "cut");
    }

    #[test]
    fn words_are_cut_to_300_characters() {
        assert_eq!(fit("a \n b"), "a b");
        assert_eq!(fit(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(fit(&"é".repeat(301)), format!("{}…", "é".repeat(299)));
    }
}
