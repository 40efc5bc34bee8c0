//! Tells a table of text (CSV) by its first lines.

/// Columns that a table has at least.
const COLUMNS: usize = 3;

/// Whether an object is a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Table {
    Yes,
    No,
    /// More has to be seen.
    Perhaps,
}

/// Says whether `head`, the first bytes of an object, is a table: a line of names, then nothing but
/// lines with as many columns, of which none begins as JSON does. `is_enough` says that no more
/// will be seen.
pub(super) fn is_table(head: &[u8], is_enough: bool) -> Table {
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'"' | b'_');
    if !head.first().is_some_and(is_name) {
        return Table::No;
    }
    let Some(end) = memchr::memchr(b'\n', head) else {
        return if is_enough { Table::No } else { Table::Perhaps };
    };
    let (header, rows) = head.split_at(end);
    let separators = [b',', b';', b'\t'];
    let Some(separator) = separators.into_iter().find(|it| is_header(header, *it)) else {
        return Table::No;
    };
    let columns = cells(header, separator).count();
    let mut rows = rows.split(|byte| *byte == b'\n').skip(1).peekable();
    let mut full = 0;
    while let Some(row) = rows.next() {
        // The last one may go on.
        if rows.peek().is_none() || row.trim_ascii().is_empty() {
            continue;
        }
        if row.trim_ascii_start().starts_with(b"{")
            || row.trim_ascii_start().starts_with(b"[")
            || cells(row, separator).count() != columns
        {
            return Table::No;
        }
        full += 1;
    }
    match (is_enough, full) {
        (false, _) => Table::Perhaps,
        (true, 0) => Table::No,
        (true, _) => Table::Yes,
    }
}

/// Whether a line holds the names of columns and nothing else.
fn is_header(line: &[u8], separator: u8) -> bool {
    let is_name = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let quoted = cell
            .strip_prefix(b"\"")
            .and_then(|cell| cell.strip_suffix(b"\""));
        let name = quoted.unwrap_or(cell);
        name.first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-. /".contains(byte))
    };
    cells(line, separator).count() >= COLUMNS && cells(line, separator).all(is_name)
}

/// Cuts a line at its separators, but for those in quotes.
fn cells(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut in_quotes = false;
    line.split(move |&byte| {
        in_quotes ^= byte == b'"';
        byte == separator && !in_quotes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_names_and_then_nothing_but_rows() {
        let table = b"timestamp,link,country\n2026-11-21,a,IT\n2026-11-22,\"b,c\",DE\n";
        assert_eq!(is_table(table, true), Table::Yes);
        assert_eq!(is_table(table, false), Table::Perhaps);
        let others: [&[u8]; 7] = [
            b"timestamp,link,country\n",
            b"timestamp,link,country\n{\"a\":1,\"b\":2,\"c\":3}\n",
            b"timestamp,link,country\n1,2\n",
            b"timestamp,link,country\n1,2,3\n{\"a\":1}\n",
            b"sorry, this failed, try again!\n1,2,3\n",
            b"{\"a\":1,\"b\":2,\"c\":3}\n",
            b"one,two\n1,2\n",
        ];
        for text in others {
            assert_eq!(is_table(text, true), Table::No, "{text:?}");
        }
        assert_eq!(is_table(b"a\tb\tc\r\n1\t2\t3\r\n", true), Table::Yes);
        assert_eq!(is_table(b"words without an end", false), Table::Perhaps);
    }
}
