//! Rows of transition tables, written straight into another table.
//!
//! Nothing but the table's storage is touched: no trigger, rule, default, check or policy of the table runs, no right is
//! asked for and no function of its owner's is called. So the rows can be written in the session of whoever writes,
//! without a change of user: neither side lends the other its rights.

use std::ptr;

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::varlena;
use crate::error::raise;

/// PostgreSQL's functions as they are, without the guard around each call that the bindings have: a row takes a dozen of
/// them, and stands under one guard as a whole.
mod bare {
    use super::pg_sys::{self, Datum, Relation, TupleDesc, TupleTableSlot, Tuplestorestate};
    use std::ffi::{c_char, c_int, c_void};

    unsafe extern "C-unwind" {
        pub fn tuplestore_alloc_read_pointer(store: *mut Tuplestorestate, flags: c_int) -> c_int;
        pub fn tuplestore_select_read_pointer(store: *mut Tuplestorestate, pointer: c_int);
        pub fn tuplestore_rescan(store: *mut Tuplestorestate);
        pub fn tuplestore_gettupleslot(
            store: *mut Tuplestorestate,
            forward: bool,
            copy: bool,
            slot: *mut TupleTableSlot,
        ) -> bool;
        pub fn slot_getsomeattrs_int(slot: *mut TupleTableSlot, attributes: c_int);
        pub fn datum_image_eq(a: Datum, b: Datum, by_value: bool, length: c_int) -> bool;
        pub fn heap_form_tuple(described: TupleDesc, values: *mut Datum, nulls: *mut bool) -> pg_sys::HeapTuple;
        pub fn heap_insert(
            table: Relation,
            tuple: pg_sys::HeapTuple,
            command: pg_sys::CommandId,
            options: c_int,
            bulk: pg_sys::BulkInsertState,
        );
        pub fn heap_multi_insert(
            table: Relation,
            slots: *mut *mut TupleTableSlot,
            count: c_int,
            command: pg_sys::CommandId,
            options: c_int,
            bulk: pg_sys::BulkInsertState,
        );
        pub fn GetBulkInsertState() -> pg_sys::BulkInsertState;
        pub fn FreeBulkInsertState(bulk: pg_sys::BulkInsertState);
        pub fn MakeSingleTupleTableSlot(
            described: TupleDesc,
            kind: *const pg_sys::TupleTableSlotOps,
        ) -> *mut TupleTableSlot;
        pub fn ExecDropSingleTupleTableSlot(slot: *mut TupleTableSlot);
        pub fn ExecStoreHeapTuple(
            tuple: pg_sys::HeapTuple,
            slot: *mut TupleTableSlot,
            should_free: bool,
        ) -> *mut TupleTableSlot;
        pub fn CreateTupleDescCopy(described: TupleDesc) -> TupleDesc;
        pub fn AllocSetContextCreateInternal(
            parent: pg_sys::MemoryContext,
            name: *const c_char,
            smallest: usize,
            first: usize,
            largest: usize,
        ) -> pg_sys::MemoryContext;
        pub fn palloc(size: usize) -> *mut c_void;
        pub fn repalloc(memory: *mut c_void, size: usize) -> *mut c_void;
        pub fn MemoryContextReset(context: pg_sys::MemoryContext);
        pub fn MemoryContextDelete(context: pg_sys::MemoryContext);
        pub fn ProcessInterrupts();
    }
}

/// A column that is copied.
pub struct CopiedColumn {
    /// Its place in the rows of the transition tables.
    pub from: usize,
    /// Its place in the rows of the table that is written.
    pub to: usize,
}

/// A column by which two rows are told from each other.
pub struct ComparedColumn {
    /// Its place in the rows of the transition tables.
    pub place: usize,
    pub by_value: bool,
    pub length: i16,
}

/// How rows of transition tables become rows of another table.
pub struct Copying {
    pub columns: Vec<CopiedColumn>,
    /// Where a row that went and one that came are equal in all of these, nothing has changed.
    pub compared: Vec<ComparedColumn>,
    /// The place of the smallint that says what happened to the row.
    pub change: usize,
}

/// As COPY does it.
const ROWS_AT_ONCE: usize = 1000;
const BYTES_AT_ONCE: usize = 65_536;
/// Up to here, rows are written one by one: that needs nothing made.
const FEW: usize = 2;

/// Writes the rows that went with -1 and those that came with 1, but for rows of which both tables have one: nothing
/// that is looked at has changed in them. (Pairs are looked for where the tables have them side by side, as the executor writes
/// them; a pair cancels wherever it stands, so the order decides only what is saved.) Returns how many rows it wrote.
///
/// # Safety
/// The table is open for writing and is a heap without indexes; the transition tables hold rows of `relation`, which is
/// open. `copying` was made for both as they are now.
pub unsafe fn copy(
    relation: pg_sys::Relation,
    [old, new]: [*mut pg_sys::Tuplestorestate; 2],
    table: pg_sys::Relation,
    copying: &Copying,
) -> u64 {
    // SAFETY: by the caller's word. Errors leave through the guard over frames that have nothing to drop; the
    // transaction, which ends with them, frees memory, pins and slots.
    unsafe {
        let mut writer = Writer::of(table, copying);
        pg_guard_ffi_boundary(|| {
            let mut old = Rows::of(old, relation, copying);
            let mut new = Rows::of(new, relation, copying);
            loop {
                let (went, came) = (old.next(), new.next());
                match (went, came) {
                    (false, false) => break,
                    (true, true) if are_equal(old.slot, new.slot, copying) => {}
                    _ => {
                        if went {
                            writer.put(-1, old.slot);
                        }
                        if came {
                            writer.put(1, new.slot);
                        }
                    }
                }
            }
            writer.finish();
            old.close();
            new.close();
        });
        writer.written
    }
}

/// Writes one row that has the mark and nothing else.
///
/// # Safety
/// As for [`copy`].
pub unsafe fn mark(table: pg_sys::Relation, copying: &Copying, mark: i16) {
    // SAFETY: as above.
    unsafe {
        let mut writer = Writer::of(table, copying);
        pg_guard_ffi_boundary(|| {
            writer.put(mark, ptr::null_mut());
            writer.finish();
        });
    }
}

/// One transition table being read.
struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    slot: *mut pg_sys::TupleTableSlot,
    attributes: i32,
}

impl Rows {
    /// From its first row on, with a place of our own: other triggers of the statement read it, too.
    unsafe fn of(store: *mut pg_sys::Tuplestorestate, relation: pg_sys::Relation, copying: &Copying) -> Rows {
        if store.is_null() {
            return Rows { store, slot: ptr::null_mut(), attributes: 0 };
        }
        unsafe {
            let pointer = bare::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
            bare::tuplestore_select_read_pointer(store, pointer);
            bare::tuplestore_rescan(store);
            let slot = bare::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            let copied = copying.columns.iter().map(|column| column.from);
            let compared = copying.compared.iter().map(|column| column.place);
            let attributes = copied.chain(compared).map(|place| place + 1).max().unwrap_or(0) as i32;
            Rows { store, slot, attributes }
        }
    }

    unsafe fn next(&mut self) -> bool {
        if self.store.is_null() {
            return false;
        }
        unsafe {
            if !bare::tuplestore_gettupleslot(self.store, true, false, self.slot) {
                return false;
            }
            if i32::from((*self.slot).tts_nvalid) < self.attributes {
                bare::slot_getsomeattrs_int(self.slot, self.attributes);
            }
            true
        }
    }

    unsafe fn close(&mut self) {
        const FIRST: i32 = 0;
        if !self.store.is_null() {
            unsafe {
                bare::ExecDropSingleTupleTableSlot(self.slot);
                bare::tuplestore_select_read_pointer(self.store, FIRST);
            }
        }
    }
}

/// Whether two rows are the same in what is looked at.
unsafe fn are_equal(a: *mut pg_sys::TupleTableSlot, b: *mut pg_sys::TupleTableSlot, copying: &Copying) -> bool {
    const VARIABLE: i16 = -1;
    copying.compared.iter().all(|column| unsafe {
        let is_null = |slot: *mut pg_sys::TupleTableSlot| *(*slot).tts_isnull.add(column.place);
        let value = |slot: *mut pg_sys::TupleTableSlot| *(*slot).tts_values.add(column.place);
        match (is_null(a), is_null(b)) {
            (true, true) => return true,
            (false, false) => {}
            _ => return false,
        }
        let (a, b) = (value(a), value(b));
        if column.length == VARIABLE {
            // a stored value that did not change is still stored in the same place: it need not be fetched
            let stands = (varlena::as_it_stands(a), varlena::as_it_stands(b));
            if let (Some(a), Some(b)) = stands
                && a == b
            {
                return true;
            }
        }
        bare::datum_image_eq(a, b, column.by_value, column.length.into())
    })
}

/// Rows on their way into a table. Holds nothing that has to be dropped.
struct Writer<'a> {
    table: pg_sys::Relation,
    copying: &'a Copying,
    command: pg_sys::CommandId,
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
    waiting: *mut pg_sys::HeapTuple,
    room: usize,
    count: usize,
    bytes: usize,
    slots: *mut *mut pg_sys::TupleTableSlot,
    slots_made: usize,
    /// Made with the first batch that is not few.
    bulk: pg_sys::BulkInsertState,
    described: pg_sys::TupleDesc,
    /// Where rows are formed, from the second batch on.
    scratch: pg_sys::MemoryContext,
    written: u64,
}

impl<'a> Writer<'a> {
    unsafe fn of(table: pg_sys::Relation, copying: &'a Copying) -> Writer<'a> {
        // SAFETY: the table is open. Columns that nothing is copied to (dropped ones) are NULL.
        unsafe {
            let count = (*(*table).rd_att).natts as usize;
            let values: *mut pg_sys::Datum = pg_sys::palloc0(count * size_of::<pg_sys::Datum>()).cast();
            let nulls: *mut bool = pg_sys::palloc(count).cast();
            nulls.write_bytes(1, count);
            Writer {
                table,
                copying,
                command: pg_sys::GetCurrentCommandId(true),
                values,
                nulls,
                waiting: pg_sys::palloc(FEW * size_of::<pg_sys::HeapTuple>()).cast(),
                room: FEW,
                count: 0,
                bytes: 0,
                slots: ptr::null_mut(),
                slots_made: 0,
                bulk: ptr::null_mut(),
                described: ptr::null_mut(),
                scratch: ptr::null_mut(),
                written: 0,
            }
        }
    }

    /// A row with the columns of `slot`, or with none where that is NULL.
    unsafe fn put(&mut self, change: i16, slot: *mut pg_sys::TupleTableSlot) {
        unsafe {
            *self.values.add(self.copying.change) = pg_sys::Datum::from(change);
            *self.nulls.add(self.copying.change) = false;
            if !slot.is_null() {
                for column in &self.copying.columns {
                    *self.values.add(column.to) = *(*slot).tts_values.add(column.from);
                    *self.nulls.add(column.to) = *(*slot).tts_isnull.add(column.from);
                }
            }
            let before = self.enter_scratch();
            let tuple = bare::heap_form_tuple((*self.table).rd_att, self.values, self.nulls);
            leave(before);
            if self.count == self.room {
                self.room = ROWS_AT_ONCE;
                let size = ROWS_AT_ONCE * size_of::<pg_sys::HeapTuple>();
                self.waiting = bare::repalloc(self.waiting.cast(), size).cast();
            }
            *self.waiting.add(self.count) = tuple;
            self.count += 1;
            self.bytes += (*tuple).t_len as usize;
            if self.count == ROWS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
                self.flush();
                self.empty_scratch();
                if pg_sys::InterruptPending != 0 {
                    bare::ProcessInterrupts();
                }
            }
        }
    }

    unsafe fn enter_scratch(&self) -> pg_sys::MemoryContext {
        unsafe {
            let before = pg_sys::CurrentMemoryContext;
            if !self.scratch.is_null() {
                pg_sys::CurrentMemoryContext = self.scratch;
            }
            before
        }
    }

    unsafe fn flush(&mut self) {
        const NO_OPTIONS: i32 = 0;
        unsafe {
            self.written += self.count as u64;
            if self.count <= FEW && self.bulk.is_null() {
                for row in 0..self.count {
                    bare::heap_insert(self.table, *self.waiting.add(row), self.command, NO_OPTIONS, ptr::null_mut());
                }
            } else {
                self.make_slots();
                for row in 0..self.count {
                    // the slot owns the row, or it would be copied once more
                    bare::ExecStoreHeapTuple(*self.waiting.add(row), *self.slots.add(row), true);
                }
                let (slots, count) = (self.slots, self.count as i32);
                let before = self.enter_scratch();
                bare::heap_multi_insert(self.table, slots, count, self.command, NO_OPTIONS, self.bulk);
                leave(before);
                for row in 0..self.count {
                    clear(*self.slots.add(row));
                }
            }
            (self.count, self.bytes) = (0, 0);
        }
    }

    /// What a batch needs that is not few: as many slots as it has rows, and a place in the table that is kept.
    unsafe fn make_slots(&mut self) {
        unsafe {
            if self.bulk.is_null() {
                self.bulk = bare::GetBulkInsertState();
                // a copy is not counted among the references to the table's own
                self.described = bare::CreateTupleDescCopy((*self.table).rd_att);
                self.slots = bare::palloc(ROWS_AT_ONCE * size_of::<*mut pg_sys::TupleTableSlot>()).cast();
            }
            while self.slots_made < self.count {
                let slot = bare::MakeSingleTupleTableSlot(self.described, &raw const pg_sys::TTSOpsHeapTuple);
                *self.slots.add(self.slots_made) = slot;
                self.slots_made += 1;
            }
        }
    }

    /// After a batch: its rows are stored.
    unsafe fn empty_scratch(&mut self) {
        unsafe {
            if !self.scratch.is_null() {
                bare::MemoryContextReset(self.scratch);
                return;
            }
            self.scratch = bare::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"strata rows".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
        }
    }

    unsafe fn finish(&mut self) {
        unsafe {
            if self.count > 0 {
                self.flush();
            }
            for slot in 0..self.slots_made {
                bare::ExecDropSingleTupleTableSlot(*self.slots.add(slot));
            }
            if !self.bulk.is_null() {
                bare::FreeBulkInsertState(self.bulk);
            }
            if !self.scratch.is_null() {
                bare::MemoryContextDelete(self.scratch);
            }
        }
    }
}

unsafe fn leave(before: pg_sys::MemoryContext) {
    // SAFETY: the context that was current.
    unsafe { pg_sys::CurrentMemoryContext = before }
}

unsafe fn clear(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: every kind of slot can be cleared.
    unsafe {
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
    }
}

/// A table that can be written to by [`copy`] and [`mark`]; raises 55000 where it has an index or is no heap.
///
/// # Safety
/// The table is open.
pub unsafe fn check_writable(table: pg_sys::Relation, name: &str) {
    // SAFETY: by the caller's word.
    let (is_heap, has_index) = unsafe {
        let class = &*(*table).rd_rel;
        // the flag stays when the last index goes
        let has_index = class.relhasindex && !pg_sys::RelationGetIndexList(table).is_null();
        (class.relam == pg_sys::HEAP_TABLE_AM_OID, has_index)
    };
    if has_index {
        raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table \"{name}\" has an index, and cannot be written to"),
            Some("It is emptied at each sync and needs none: DROP INDEX …, or DROP CONSTRAINT.".to_owned()),
        );
    }
    if !is_heap {
        raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table \"{name}\" is no heap, and cannot be written to"),
            Some(format!("ALTER TABLE {name} SET ACCESS METHOD heap;")),
        );
    }
}
