//! The data structure: blocks, the Merkle tree over them, and the writer's signature.

use std::ops::Deref;
use std::path::Path;

use hypercore::{Hypercore, HypercoreBuilder, HypercoreError, PartialKeypair, Storage};
use hypercore_schema::Proof;

use crate::{Error, disk};

pub(crate) struct Core {
    hypercore: Hypercore,
    storage: Storage,
    /// How many blocks we have, from the first on without a gap.
    length: u64,
}

impl Core {
    /// Opens what is in the folder; where nothing is, begins a feed with these keys.
    pub(crate) async fn open(folder: &Path, keys: PartialKeypair) -> Result<Core, HypercoreError> {
        let is_new = disk::is_new(folder);
        let storage = disk::storage(folder, keys.secret.is_some()).await?;
        let builder = HypercoreBuilder::new(storage.clone());
        let builder = if is_new {
            builder.key_pair(keys)
        } else {
            builder.open(true)
        };
        let mut core = Core {
            hypercore: builder.build().await?,
            storage,
            length: 0,
        };
        core.count();
        Ok(core)
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Signs blocks and appends them; returns the new length.
    pub(crate) async fn append(&mut self, blocks: &[&[u8]]) -> Result<u64, HypercoreError> {
        self.hypercore.append_batch(blocks).await?;
        self.count();
        Ok(self.length)
    }

    /// Takes over what a proof proves: a block, or a new length.
    ///
    /// This version of Hypercore does not read back all that it notes of a copy between two
    /// writes of its tree. The first thing that happens to a feed after it was opened is
    /// written at once; so we open it again each time, and have it keep no notes.
    pub(crate) async fn apply(&mut self, proof: Proof) -> Result<(), Error> {
        let index = proof.block.as_ref().map(|block| block.index);
        match self.hypercore.verify_and_apply_proof(proof).await {
            Ok(true) => {}
            // The feed was cut and written anew, which this crate does not follow.
            Ok(false) => return Err(Error::Protocol("another history".to_owned())),
            Err(error @ HypercoreError::IO { .. }) => return Err(error.into()),
            Err(_) => return Err(Error::Forged(index)),
        }
        let builder = HypercoreBuilder::new(self.storage.clone()).open(true);
        self.hypercore = builder.build().await?;
        self.count();
        Ok(())
    }

    /// Hypercore counts, too, and loses count when a program is ended between two writes.
    fn count(&mut self) {
        let length = self.info().length;
        while self.length < length && self.has(self.length) {
            self.length += 1;
        }
    }
}

impl Deref for Core {
    type Target = Hypercore;

    fn deref(&self) -> &Hypercore {
        &self.hypercore
    }
}
