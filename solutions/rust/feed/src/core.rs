//! The data structure: blocks, the Merkle tree over them, and the writer's signature.

use std::ops::Deref;
use std::path::Path;

use hypercore::{Hypercore, HypercoreBuilder, HypercoreError, PartialKeypair, Storage};
use hypercore_schema::Proof;

use crate::{Error, disk};

pub(crate) struct Core {
    hypercore: Hypercore,
    storage: Storage,
    /// How many blocks we have, counted from the first one up to the first gap.
    length: u64,
}

impl Core {
    /// Opens the feed in the folder, or creates one with these keys if there is none.
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

    /// Applies what a proof proves: a block, or a new length.
    ///
    /// Between two writes of its tree, Hypercore logs changes in the oplog. For a copy, this
    /// version does not read back everything that it has logged. But it writes the first
    /// change after opening at once. So we reopen the feed each time, and log nothing.
    pub(crate) async fn apply(&mut self, proof: Proof) -> Result<(), Error> {
        let index = proof.block.as_ref().map(|block| block.index);
        match self.hypercore.verify_and_apply_proof(proof).await {
            Ok(true) => {}
            // The feed was truncated and rewritten, which this crate does not support.
            Ok(false) => return Err(Error::Protocol("another history".to_owned())),
            Err(error @ HypercoreError::IO { .. }) => return Err(error.into()),
            Err(_) => return Err(Error::Forged(index)),
        }
        let builder = HypercoreBuilder::new(self.storage.clone()).open(true);
        self.hypercore = builder.build().await?;
        self.count();
        Ok(())
    }

    /// Counts our blocks. Hypercore's own count is wrong after a kill between two writes.
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
