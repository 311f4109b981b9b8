//! The output of a tool, as a terminal would show it.
//!
//! A line that ends with a carriage return is overwritten by the next one: that is how tools show progress. Such a
//! line is shown while the tool runs, and is not part of its final output.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The output of a tool, line by line.
pub struct ToolLines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// The line was returned as `Passing`, and a newline may still follow.
    returned: bool,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum ToolLine {
    /// It stays.
    Said(Vec<u8>),
    /// The next one overwrites it.
    Passing(Vec<u8>),
}

impl<R: AsyncRead + Unpin> ToolLines<R> {
    /// The lines of a pipe.
    pub fn of(pipe: R) -> ToolLines<R> {
        ToolLines { reader: BufReader::new(pipe), line: Vec::new(), returned: false }
    }

    /// The next line; `None` at the end. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The pipe can't be read.
    pub async fn next(&mut self) -> io::Result<Option<ToolLine>> {
        loop {
            let bytes = self.reader.fill_buf().await?;
            let Some(first) = bytes.first() else {
                let rest = std::mem::take(&mut self.line);
                return Ok((!rest.is_empty() && !self.returned).then_some(ToolLine::Said(rest)));
            };
            if std::mem::take(&mut self.returned) && *first != b'\n' {
                self.line.clear();
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let ending = end.map(|end| bytes[end]);
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.reader.consume(used);
            match ending {
                Some(b'\n') => return Ok(Some(ToolLine::Said(std::mem::take(&mut self.line)))),
                Some(_) => {
                    self.returned = true;
                    return Ok(Some(ToolLine::Passing(self.line.clone())));
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ToolLine, ToolLines};

    async fn read(text: &str) -> Vec<String> {
        let mut lines = ToolLines::of(text.as_bytes());
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("bytes can be read") {
            let (mark, bytes) = match line {
                ToolLine::Said(bytes) => ("", bytes),
                ToolLine::Passing(bytes) => ("~", bytes),
            };
            all.push(format!("{mark}{}", String::from_utf8_lossy(&bytes)));
        }
        all
    }

    #[tokio::test]
    async fn what_is_written_over_passes() {
        assert_eq!(read("one\n 1/2\r 2/2\rtwo\n\nend").await, ["one", "~ 1/2", "~ 2/2", "two", "", "end"]);
        assert_eq!(read("at the end\r").await, ["~at the end"]);
    }

    #[tokio::test]
    async fn a_line_that_ends_as_on_windows_stays() {
        assert_eq!(read("one\r\ntwo\r\n").await, ["~one", "one", "~two", "two"]);
    }
}
