//! The reader's choices, as the page's address holds them: a run, a file, the failed runs only.

/// The choices. Invalid values are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageAddress {
    /// The number of a run, from 1.
    pub run: Option<usize>,
    /// Only the failed runs are listed.
    pub failed: bool,
    /// The file of this number, from 1.
    pub file: Option<usize>,
}

impl PageAddress {
    /// Reads the query of an address.
    pub fn parse(query: &str) -> PageAddress {
        let mut address = PageAddress::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "run" => address.run = value.parse().ok(),
                "file" => address.file = value.parse().ok(),
                "failed" => address.failed = value == "1",
                _ => {}
            }
        }
        address
    }

    /// The choices as a link.
    pub fn link(&self) -> String {
        let number = |key: &str, number: Option<usize>| number.map(|number| format!("{key}={number}"));
        let failed = self.failed.then(|| "failed=1".to_owned());
        let choices: Vec<String> =
            [number("run", self.run), failed, number("file", self.file)].into_iter().flatten().collect();
        if choices.is_empty() { "./".to_owned() } else { format!("./?{}", choices.join("&")) }
    }

    /// With another run.
    pub fn with_run(&self, run: usize) -> PageAddress {
        PageAddress { run: Some(run), ..self.clone() }
    }

    /// With another file.
    pub fn with_file(&self, file: usize) -> PageAddress {
        PageAddress { file: Some(file), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::PageAddress;

    #[test]
    fn what_is_chosen_is_what_the_link_says() {
        for link in ["./", "./?run=3", "./?run=3&failed=1&file=2", "./?failed=1"] {
            let address = PageAddress::parse(link.trim_start_matches("./").trim_start_matches('?'));
            assert_eq!(address.link(), link);
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_choice() {
        for query in ["run=-1", "file=../../etc/passwd", "run=99999999999999999999999", "&&=", "run", "file=%31"] {
            assert_eq!(PageAddress::parse(query), PageAddress::default(), "{query}");
        }
    }
}
