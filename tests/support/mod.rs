//! What the tests of the built binary share: a learner with a workspace, and a look at the system.

pub mod learner;
pub mod python;
pub mod system;
