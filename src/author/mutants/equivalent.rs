//! `mutants/equivalent.yaml` of a stage: the mutants that break no rule.

use serde::Deserialize;

use super::list::Mutant;
use crate::assets::Catalog;
use crate::error::{Error, Result};
use crate::yaml::Source;

/// A mutant that is a correct program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Equivalent {
    /// The change, without its line: `src/lib.rs: replace < with <= in next_line`.
    pub(super) mutant: String,
    /// The changed line, if several mutants have this name.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// Why it keeps all rules.
    pub(super) why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EquivalentFile {
    equivalent: Vec<Equivalent>,
}

impl Equivalent {
    /// Is it this mutant?
    pub(super) fn is(&self, mutant: &Mutant) -> bool {
        self.mutant == mutant.change && self.code.as_ref().is_none_or(|code| code.trim() == mutant.code)
    }
}

/// The mutants that a stage lists; none if it has no such file.
///
/// # Errors
/// The file is wrong.
pub(super) fn of(catalog: &Catalog, stage: &str) -> Result<Vec<Equivalent>> {
    let Some((file, text)) = catalog.stage_file_if_there(stage, "mutants/equivalent.yaml")? else {
        return Ok(Vec::new());
    };
    let (read, source): (EquivalentFile, Source<'_>) = Source::parse(&file, &text)?;
    for (index, one) in read.equivalent.iter().enumerate() {
        if one.why.trim().is_empty() {
            return Err(Error::new("this mutant is listed without a reason")
                .at(source.place(&format!("equivalent[{index}].why")))
                .help("say why the changed program keeps all rules"));
        }
    }
    Ok(read.equivalent)
}
