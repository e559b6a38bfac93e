//! The queue that a capture trigger writes to: how it is found, that it is the right one, and how the relation's rows
//! become its rows. What was found is kept until PostgreSQL tells that any relation has changed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::transition::{self, ComparedColumn, CopiedColumn, Copying};
use super::trigger::{Moving, TriggerCall, columns_of, may_hide_moves, moving};
use crate::error::raise;

/// The arguments of a capture trigger. One more says that the source is of users: whatever changes in a row, also where the
/// queue does not have it, changes what is known of its user.
pub const ARGUMENTS: usize = 5;
const SCHEMA: usize = 0;
const TABLE: usize = 2;
const NUMBER: usize = 3;
const UUID: usize = 4;

/// What the comment of a table of ours begins with; then comes the source's uuid.
const MARK: &[u8] = b"pg_strata ";
/// The column that says what happened to a row.
const CHANGE: &str = "strata_change";

/// The queue, open and locked until the transaction ends.
pub struct Queue<'a> {
    call: TriggerCall<'a>,
    table: pg_sys::Relation,
    known: Rc<Known>,
}

/// What is known of a trigger's queue.
struct Known {
    generation: u64,
    queue: pg_sys::Oid,
    copying: Copying,
    /// Whether the relation has all columns of the queue, in their types.
    fits: bool,
    moving: Moving,
    /// Whether everything that inherits from the relation has the triggers, too.
    is_complete: bool,
    /// The transaction in which it was marked that this is not so.
    marked: Cell<pg_sys::TransactionId>,
}

/// Counts what PostgreSQL tells about changed relations: new columns, triggers, partitions and owners among them.
static GENERATION: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static KNOWN: RefCell<HashMap<u32, Rc<Known>>> = RefCell::default();
}

unsafe extern "C-unwind" fn relation_changed(_: pg_sys::Datum, _: pg_sys::Oid) {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes PostgreSQL tell, from the first call on.
fn listen() {
    thread_local! {
        static LISTENS: Cell<bool> = const { Cell::new(false) };
    }
    if !LISTENS.get() {
        // SAFETY: the function lives as long as the backend, which loads a library for good.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) };
        LISTENS.set(true);
    }
}

impl<'a> Queue<'a> {
    /// `None` where there is no queue that serves this relation: it is gone, or the two have different owners. Waiting
    /// for its lock may fail, as `lock_timeout` has it.
    pub fn open(call: TriggerCall<'a>) -> Option<Queue<'a>> {
        listen();
        loop {
            let kept = KNOWN.with_borrow(|known| known.get(&call.trigger().to_u32()).cloned());
            let kept = kept.filter(|known| known.generation == generation());
            let queue = match &kept {
                Some(known) => known.queue,
                None => find(&call)?,
            };
            // SAFETY: NULL where it has been dropped in the meantime.
            let table = unsafe { pg_sys::try_relation_open(queue, pg_sys::RowExclusiveLock as i32) };
            if table.is_null() {
                continue;
            }
            // only now nobody can change it
            let known = match kept {
                Some(known) if known.generation == generation() => known,
                _ => {
                    let generation = generation();
                    if !is_queue_of(&call, queue) {
                        // SAFETY: opened above.
                        unsafe { pg_sys::relation_close(table, pg_sys::RowExclusiveLock as i32) };
                        continue;
                    }
                    keep(&call, look(&call, table, generation))
                }
            };
            let queue = Queue { call, table, known };
            // SAFETY: the table is open.
            unsafe { transition::check_writable(table, &queue.name()) };
            return Some(queue);
        }
    }

    fn name(&self) -> String {
        // SAFETY: the table is open; its name is NUL-terminated.
        unsafe { CStr::from_ptr((*(*self.table).rd_rel).relname.data.as_ptr()) }.to_string_lossy().into_owned()
    }

    /// Whether the relation's rows can be written as the queue has them, and the trigger is shown them all.
    pub fn can_tell(&self) -> bool {
        self.known.fits && !may_hide_moves(&self.call, &self.known.moving)
    }

    /// Writes what the statement did; returns how many rows that is.
    pub fn write_rows(&self) -> u64 {
        let (relation, tables) = (self.call.relation(), self.call.transition_tables());
        // SAFETY: both are open; what is known of them is of their present form.
        unsafe { transition::copy(relation, tables, self.table, &self.known.copying) }
    }

    /// Writes a row that has nothing but a mark.
    pub fn write_mark(&self, mark: i16) {
        // SAFETY: as above.
        unsafe { transition::mark(self.table, &self.known.copying, mark) }
    }

    /// Whether a table without triggers inherits from the relation, and this transaction has not yet been told so.
    pub fn misses_members(&self) -> bool {
        // SAFETY: a look at the state of the transaction, which has written and so has a number.
        !self.known.is_complete && self.known.marked.get() != unsafe { pg_sys::GetTopTransactionIdIfAny() }
    }

    /// The transaction has a mark for the members without triggers.
    pub fn members_are_marked(&self) {
        const OUTERMOST: c_int = 1;
        // SAFETY: as above.
        unsafe {
            // in a subtransaction the mark may be rolled back
            if pg_sys::GetCurrentTransactionNestLevel() == OUTERMOST {
                self.known.marked.set(pg_sys::GetTopTransactionIdIfAny());
            }
        }
    }

    /// Lets go of the table; its lock stays.
    pub fn close(self) {
        // SAFETY: it is open.
        unsafe { pg_sys::relation_close(self.table, pg_sys::NoLock as i32) }
    }
}

fn keep(call: &TriggerCall<'_>, known: Known) -> Rc<Known> {
    let known = Rc::new(known);
    KNOWN.with_borrow_mut(|all| {
        all.retain(|_, other| other.generation == known.generation);
        all.insert(call.trigger().to_u32(), Rc::clone(&known));
    });
    known
}

/// By its number, or by its name where that is another's: numbers change when a dump is restored, names whenever somebody
/// likes.
fn find(call: &TriggerCall<'_>) -> Option<pg_sys::Oid> {
    let number = call.argument(NUMBER).to_str().ok().and_then(|number| number.parse::<u32>().ok());
    let by_number = number.map(pg_sys::Oid::from).filter(|&queue| is_queue_of(call, queue));
    by_number.or_else(|| {
        // SAFETY: look-ups in the catalog by NUL-terminated names.
        let queue = unsafe {
            let schema = pg_sys::get_namespace_oid(call.argument(SCHEMA).as_ptr(), true);
            match schema {
                pg_sys::InvalidOid => pg_sys::InvalidOid,
                schema => pg_sys::get_relname_relid(call.argument(TABLE).as_ptr(), schema),
            }
        };
        Some(queue).filter(|&queue| is_queue_of(call, queue))
    })
}

/// Whether a relation is a table of the same owner that bears the mark of the source. So nobody can make a trigger of his
/// own write into another's queue, and a table that was given away tells its old owner nothing.
fn is_queue_of(call: &TriggerCall<'_>, queue: pg_sys::Oid) -> bool {
    if queue == pg_sys::InvalidOid {
        return false;
    }
    // SAFETY: look-ups in the catalog; the relation of the call is open.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as c_int, pg_sys::Datum::from(queue));
        if tuple.is_null() {
            return false;
        }
        let class = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let is_table = class.relkind as u8 == pg_sys::RELKIND_RELATION;
        let has_one_owner = class.relowner == (*(*call.relation()).rd_rel).relowner;
        pg_sys::ReleaseSysCache(tuple);
        is_table && has_one_owner && has_mark(queue, call.argument(UUID).to_bytes())
    }
}

fn has_mark(queue: pg_sys::Oid, uuid: &[u8]) -> bool {
    // SAFETY: a look-up in the catalog; the comment is NULL or NUL-terminated.
    let comment = unsafe {
        let comment = pg_sys::GetComment(queue, pg_sys::RelationRelationId, 0);
        if comment.is_null() {
            return false;
        }
        CStr::from_ptr(comment).to_bytes()
    };
    let rest = comment.strip_prefix(MARK).and_then(|rest| rest.strip_prefix(uuid));
    // a uuid that begins another is not meant
    rest.is_some_and(|rest| rest.first().is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'-'))
}

/// Compares the relation with its queue. Both are open and locked.
fn look(call: &TriggerCall<'_>, table: pg_sys::Relation, generation: u64) -> Known {
    // SAFETY: both are open.
    let (ours, theirs, queue) = unsafe { (columns_of(table), columns_of(call.relation()), (*table).rd_id) };
    let change = ours.iter().find(|column| column.name == CHANGE && column.type_id == pg_sys::INT2OID);
    let Some(change) = change.map(|column| column.place) else {
        raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("the queue {} has no column {CHANGE} of type smallint", call.argument(TABLE).to_string_lossy()),
            Some("It was altered: make it anew with strata.rebuild.".to_owned()),
        );
    };
    let copied = ours.iter().filter(|column| column.place != change).map(|column| {
        let from = theirs.iter().find(|from| from.name == column.name && from.is_stored)?;
        // SAFETY: a catalog look-up by the type of a column.
        let base = unsafe { pg_sys::getBaseType(from.type_id) };
        (base == column.type_id).then_some(CopiedColumn { from: from.place, to: column.place })
    });
    let columns: Option<Vec<CopiedColumn>> = copied.collect();
    let is_of_users = call.arguments() > ARGUMENTS;
    let compared = theirs.iter().filter(|column| {
        let is_copied = |copied: &CopiedColumn| copied.from == column.place;
        column.is_stored && (is_of_users || columns.as_ref().is_some_and(|columns| columns.iter().any(is_copied)))
    });
    let compared =
        compared.map(|column| ComparedColumn { place: column.place, by_value: column.by_value, length: column.length });
    let compared = compared.collect();
    let members = members_of(call);
    Known {
        generation,
        queue,
        fits: columns.is_some(),
        copying: Copying { columns: columns.unwrap_or_default(), compared, change },
        // SAFETY: the relation is open.
        moving: unsafe { moving(call.relation(), &members) },
        is_complete: members.iter().all(|&member| has_triggers(call, member)),
        marked: Cell::new(pg_sys::InvalidTransactionId),
    }
}

/// Every table that inherits from the relation of the call, however far.
///
/// Nothing is locked, or writers would wait for whoever attaches a partition: who comes later is told by then.
fn members_of(call: &TriggerCall<'_>) -> Vec<pg_sys::Oid> {
    unsafe extern "C-unwind" {
        fn find_all_inheritors(
            parent: pg_sys::Oid,
            lock: pg_sys::LOCKMODE,
            parents: *mut *mut pg_sys::List,
        ) -> *mut pg_sys::List;
    }
    // SAFETY: the relation is open; the list is one of numbers, the relation's own among them.
    unsafe {
        let relation = (*call.relation()).rd_id;
        if !(*(*call.relation()).rd_rel).relhassubclass {
            return Vec::new();
        }
        let lock = pg_sys::NoLock as i32;
        let family = pg_guard_ffi_boundary(|| find_all_inheritors(relation, lock, std::ptr::null_mut()));
        let members = (0..(*family).length as usize).map(|member| (*(*family).elements.add(member)).oid_value);
        members.filter(|&member| member != relation).collect()
    }
}

/// Whether a table has the triggers for all that a statement can do, none of them disabled in any session.
fn has_triggers(call: &TriggerCall<'_>, member: pg_sys::Oid) -> bool {
    const NOT_AFTER_STATEMENT: i16 =
        (pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSTEAD) as i16;
    const EVERYTHING: i16 = (pg_sys::TRIGGER_TYPE_INSERT
        | pg_sys::TRIGGER_TYPE_UPDATE
        | pg_sys::TRIGGER_TYPE_DELETE
        | pg_sys::TRIGGER_TYPE_TRUNCATE) as i16;
    const COLUMNS: usize = pg_sys::Natts_pg_trigger as usize;
    const ALWAYS: u8 = b'A';
    let mut seen = 0;
    // SAFETY: a scan of the catalog by its index, with room for the columns of a row.
    unsafe {
        let lock = pg_sys::AccessShareLock as i32;
        let catalog = pg_sys::table_open(pg_sys::TriggerRelationId, lock);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::Anum_pg_trigger_tgrelid as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::Oid::from(pg_sys::F_OIDEQ),
            pg_sys::Datum::from(member),
        );
        let index = pg_sys::Oid::from(pg_sys::TriggerRelidNameIndexId);
        let scan = pg_sys::systable_beginscan(catalog, index, true, std::ptr::null_mut(), 1, &mut key);
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let trigger = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_trigger>();
            let is_ours = trigger.tgfoid == call.function
                && trigger.tgenabled as u8 == ALWAYS
                && trigger.tgtype & NOT_AFTER_STATEMENT == 0
                && trigger.tgnargs as usize == call.arguments();
            if is_ours {
                let (mut values, mut nulls) = ([pg_sys::Datum::from(0); COLUMNS], [true; COLUMNS]);
                pg_sys::heap_deform_tuple(tuple, (*catalog).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
                let arguments = super::varlena::bytes_of(values[pg_sys::Anum_pg_trigger_tgargs as usize - 1]);
                let uuid = arguments.split(|&byte| byte == 0).nth(UUID);
                if uuid == Some(call.argument(UUID).to_bytes()) {
                    seen |= trigger.tgtype & EVERYTHING;
                }
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, lock);
    }
    seen == EVERYTHING
}
