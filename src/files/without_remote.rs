//! In place of `remote` where that is left out: there is no such storage.

use std::time::Duration;

use crate::config::address::Address;

/// A file in shared storage, of which there is none.
pub enum Remote {}

/// Why an update came to nothing.
#[derive(Debug)]
pub enum Failed<E> {
    /// The storage, said in full.
    Storage(String),
    /// What was to be changed.
    Change(E),
}

impl Remote {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: &Address, _: Duration) -> Result<Remote, String> {
        Err("this build of shard has no shared storage".to_owned())
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn fetch(&self, _: u64, _: u64) -> Result<Option<Vec<u8>>, String> {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn update<E>(
        &self,
        _: u64,
        _: u64,
        _: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), Failed<E>> {
        match *self {}
    }
}
