//! A hash for values that outlive the program: printed seeds, and marks kept in files.
//!
//! The standard library does not promise that its hasher stays the same between versions. This is SipHash-1-3 with a
//! key of zeros.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// The hash of a value.
pub fn stable_hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = SipHasher13::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::stable_hash;

    /// Another value here means that seeds in bug reports and marks in learners' workspaces have become void.
    #[test]
    fn values_stay_what_they_were() {
        assert_eq!(stable_hash("greeting"), 11_988_426_126_591_248_664);
        assert_eq!(stable_hash(&(191_167_u64, "greeting", Some(1_u8), 3_u32)), 17_380_992_540_439_371_692);
    }
}
