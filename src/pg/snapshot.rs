//! Which snapshot a query of ours reads under.
//!
//! A statement of plain SQL takes its snapshot after the locks on its tables. A query inside of a STABLE function runs under
//! the snapshot of the statement that calls it, which is older than the locks that the inner query has to wait for: of a
//! table that was reloaded meanwhile (TRUNCATE and INSERT, a swap of names, another type) it would see no row at all. So
//! where that has happened, the query gets a new snapshot; elsewhere it keeps the statement's, and agrees with all else that
//! the statement reads.

use std::cell::Cell;
use std::ffi::c_int;

use pgrx::pg_sys;

thread_local! {
    static IS_KEPT: Cell<bool> = const { Cell::new(false) };
}

/// While it is alive, queries keep the snapshot of the statement that they run in: what it takes from a queue and what it counts
/// must be of one moment.
pub struct KeptSnapshot(bool);

impl KeptSnapshot {
    pub fn from_here_on() -> KeptSnapshot {
        KeptSnapshot(IS_KEPT.replace(true))
    }
}

impl Drop for KeptSnapshot {
    fn drop(&mut self) {
        IS_KEPT.set(self.0);
    }
}

/// How often this session has waited for a lock: equal to an earlier one where it has not waited since.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LockWaits(pg_sys::TimestampTz);

impl LockWaits {
    pub fn so_far() -> LockWaits {
        /// The place of the deadlock check among PostgreSQL's timers.
        const DEADLOCK_TIMEOUT: c_int = 1;
        unsafe extern "C-unwind" {
            fn get_timeout_start_time(id: c_int) -> pg_sys::TimestampTz;
        }
        // SAFETY: reads an entry of a table that is as old as the session. Every wait for a lock starts this timer, and the
        // time of the last start stays there.
        LockWaits(unsafe { get_timeout_start_time(DEADLOCK_TIMEOUT) })
    }
}

/// A new snapshot for what runs until it is ended; after an error, PostgreSQL takes it away.
pub struct NewSnapshot(());

impl NewSnapshot {
    /// A new one where what runs now may have waited for a lock since `before`, or where a relation has changed since the
    /// present one was taken; not where the transaction promises one snapshot for all of its statements.
    ///
    /// # Safety
    /// The relations are locked.
    pub unsafe fn where_needed(before: LockWaits, relations: &[pg_sys::Oid]) -> Option<NewSnapshot> {
        // SAFETY: the active snapshot is there for as long as the statement runs; the copy is this function's own. Rows that
        // this command itself has written stay unseen, as they are for plain SQL.
        unsafe {
            let one_for_all = pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as c_int;
            if IS_KEPT.get() || !pg_sys::ActiveSnapshotSet() || one_for_all || pg_sys::IsInParallelMode() {
                return None;
            }
            let present = pg_sys::GetActiveSnapshot();
            if before == LockWaits::so_far() && !relations.iter().any(|relation| has_changed(*relation, present)) {
                return None;
            }
            let command = (*present).curcid;
            pg_sys::PushCopiedSnapshot(pg_sys::GetTransactionSnapshot());
            (*pg_sys::GetActiveSnapshot()).curcid = command;
            Some(NewSnapshot(()))
        }
    }

    pub fn end(self) {
        // SAFETY: what ran since has taken its own snapshots away.
        unsafe { pg_sys::PopActiveSnapshot() }
    }
}

/// Whether the catalog's row of a relation is of a transaction that the snapshot does not see: a reload, a swap of names and
/// a rewrite all write it.
///
/// # Safety
/// The snapshot is alive.
unsafe fn has_changed(relation: pg_sys::Oid, snapshot: pg_sys::Snapshot) -> bool {
    // SAFETY: a catalog look-up; the tuple is looked at before it is given back.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as c_int, relation.into());
        let Some(found) = tuple.as_ref() else { return false };
        let header = &*found.t_data;
        let author = header.t_choice.t_heap.t_xmin;
        let frozen = u32::from(header.t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN;
        pg_sys::ReleaseSysCache(tuple);
        !frozen && !pg_sys::TransactionIdIsCurrentTransactionId(author) && pg_sys::XidInMVCCSnapshot(author, snapshot)
    }
}
