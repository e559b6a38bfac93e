//! A call of a trigger function: AFTER a statement, with what the statement did as transition tables.

use std::ffi::CStr;

use pgrx::{PgSqlErrorCode, PgTupleDesc, pg_sys};

use crate::error::raise;

/// What a statement does to a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Insert,
    Update,
    Delete,
    Truncate,
}

/// A running call.
#[derive(Clone, Copy)]
pub struct TriggerCall<'a> {
    data: &'a pg_sys::TriggerData,
    trigger: &'a pg_sys::Trigger,
    pub change: Change,
    /// The function that is running.
    pub function: pg_sys::Oid,
}

/// One column of a table, as it is stored.
pub struct StoredColumn {
    pub name: String,
    pub type_id: pg_sys::Oid,
    /// Its place among the values of a row.
    pub place: usize,
    pub by_value: bool,
    pub length: i16,
    /// Whether its values stand in the rows: those of a virtual column do not.
    pub is_stored: bool,
}

fn protocol(message: String) -> ! {
    raise(PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, message, None)
}

impl<'a> TriggerCall<'a> {
    /// The call of a trigger AFTER a statement with `arguments` arguments, or one more; any other raises 39P01, as PostgreSQL's own
    /// trigger functions do.
    ///
    /// # Safety
    /// `fcinfo` is the one that PostgreSQL passed to the function that is running.
    pub unsafe fn of(fcinfo: pg_sys::FunctionCallInfo, name: &str, arguments: usize) -> TriggerCall<'a> {
        // SAFETY: the context of a call is NULL or a node; that of a trigger tells everything about the call, and lives
        // as long as it.
        let (data, trigger) = unsafe {
            let context = (*fcinfo).context;
            if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
                protocol(format!("function \"{name}\" was not called by trigger manager"));
            }
            let data = &*context.cast::<pg_sys::TriggerData>();
            (data, &*data.tg_trigger)
        };
        if data.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK != pg_sys::TRIGGER_EVENT_AFTER {
            protocol(format!("function \"{name}\" must be fired AFTER a statement"));
        }
        if data.tg_event & pg_sys::TRIGGER_EVENT_ROW != 0 {
            protocol(format!("function \"{name}\" must be fired for each STATEMENT"));
        }
        if !(arguments..=arguments + 1).contains(&(trigger.tgnargs as usize)) {
            protocol(format!("function \"{name}\" must be called with {arguments} arguments"));
        }
        let change = match data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Change::Insert,
            pg_sys::TRIGGER_EVENT_UPDATE => Change::Update,
            pg_sys::TRIGGER_EVENT_DELETE => Change::Delete,
            _ => Change::Truncate,
        };
        let has_old = !data.tg_oldtable.is_null() || !matches!(change, Change::Update | Change::Delete);
        let has_new = !data.tg_newtable.is_null() || !matches!(change, Change::Insert | Change::Update);
        if !has_old || !has_new {
            protocol(format!("function \"{name}\" must be fired by a trigger with transition tables (REFERENCING …)"));
        }
        // SAFETY: flinfo belongs to the call.
        let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
        TriggerCall { data, trigger, change, function }
    }

    /// The trigger's own number.
    pub fn trigger(&self) -> pg_sys::Oid {
        self.trigger.tgoid
    }

    /// An argument of the trigger, as CREATE TRIGGER has it.
    pub fn argument(&self, index: usize) -> &'a CStr {
        assert!(index < self.trigger.tgnargs as usize);
        // SAFETY: there are tgnargs NUL-terminated strings.
        unsafe { CStr::from_ptr(*self.trigger.tgargs.add(index)) }
    }

    /// How many arguments it has.
    pub fn arguments(&self) -> usize {
        self.trigger.tgnargs as usize
    }

    /// The table whose trigger this is; the statement has it open and locked.
    pub fn relation(&self) -> pg_sys::Relation {
        self.data.tg_relation
    }

    /// The rows that went, and those that came; NULL where the statement has none such.
    pub fn transition_tables(&self) -> [*mut pg_sys::Tuplestorestate; 2] {
        [self.data.tg_oldtable, self.data.tg_newtable]
    }
}

/// What has to be set in a row to move it to another partition.
pub enum Moving {
    /// A column of the relation, by its number.
    Columns(Vec<pg_sys::AttrNumber>),
    /// Any column may decide it.
    Anything,
}

/// What moves the rows of a relation; `members` are the tables that inherit from it.
///
/// # Safety
/// The relation is open.
pub unsafe fn moving(relation: pg_sys::Relation, members: &[pg_sys::Oid]) -> Moving {
    /// The head of a row of pg_partitioned_table, the same in all versions.
    #[repr(C)]
    struct PartitionKey {
        relation: pg_sys::Oid,
        strategy: std::ffi::c_char,
        count: i16,
        default_partition: pg_sys::Oid,
        columns: pg_sys::int2vector,
    }
    // SAFETY: by the caller's word; look-ups in the catalog. A key has as many columns as it says, 0 being an
    // expression.
    unsafe {
        if (*relation).trigdesc.as_ref().is_some_and(|triggers| triggers.trig_update_before_row) {
            return Moving::Anything;
        }
        let mut columns = Vec::new();
        let this = (*relation).rd_id;
        for table in std::iter::once(this).chain(members.iter().copied()) {
            let cache = pg_sys::SysCacheIdentifier::PARTRELID as i32;
            let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(table));
            if tuple.is_null() {
                continue;
            }
            let key = &*pg_sys::GETSTRUCT(tuple).cast::<PartitionKey>();
            let numbers = key.columns.values.as_slice(key.count as usize).to_vec();
            pg_sys::ReleaseSysCache(tuple);
            for number in numbers {
                // partitions have the columns of the relation, at places of their own
                let name = match number {
                    0 => return Moving::Anything,
                    number => pg_sys::get_attname(table, number, true),
                };
                if name.is_null() {
                    return Moving::Anything;
                }
                columns.push(pg_sys::get_attnum(this, name));
            }
        }
        Moving::Columns(columns)
    }
}

/// Whether PostgreSQL may have moved rows between partitions without showing them to the trigger.
///
/// MERGE does so: a row that its UPDATE moves to another partition stands in no transition table of the UPDATE
/// (ExecDeleteEpilogue looks for CMD_UPDATE). A trigger is not told which command it serves; it is no MERGE where the
/// client's own statement is an UPDATE, or an INSERT … ON CONFLICT, of the same table.
pub fn may_hide_moves(call: &TriggerCall<'_>, moving: &Moving) -> bool {
    // there was no MERGE before 15
    cfg!(not(feature = "pg14")) && call.change == Change::Update && may_move(call, moving) && !is_clients_own(call)
}

/// Whether the statement sets something that moves rows.
fn may_move(call: &TriggerCall<'_>, moving: &Moving) -> bool {
    // SAFETY: the relation is open; the set of columns is the statement's own, NULL being the empty one.
    unsafe {
        let is_partitioned = (*(*call.relation()).rd_rel).relkind as u8 == pg_sys::RELKIND_PARTITIONED_TABLE;
        let is_set = |&number: &pg_sys::AttrNumber| {
            let member = i32::from(number) - pg_sys::FirstLowInvalidHeapAttributeNumber;
            pg_sys::bms_is_member(member, call.data.tg_updatedcols)
        };
        is_partitioned
            && match moving {
                Moving::Columns(columns) => columns.iter().any(is_set),
                Moving::Anything => true,
            }
    }
}

/// Whether the client's statement is an UPDATE or INSERT of the table that the trigger was fired for, and nothing else.
/// (In a function that it calls, or in a trigger, something else may run.)
fn is_clients_own(call: &TriggerCall<'_>) -> bool {
    const OUTERMOST: i32 = 1;
    // SAFETY: a portal that is active has a list of planned statements; the range table has the table that it names. The
    // function without arguments looks at nothing of its call.
    unsafe {
        let Some(portal) = pg_sys::ActivePortal.as_ref() else { return false };
        let Some(statement) = super::query::only_member::<pg_sys::PlannedStmt>(portal.stmts) else { return false };
        let is_meant = matches!(statement.commandType, pg_sys::CmdType::CMD_UPDATE | pg_sys::CmdType::CMD_INSERT);
        if !is_meant || statement.hasModifyingCTE {
            return false;
        }
        let relation = (*call.relation()).rd_id;
        let mut entries = (0..(*statement.rtable).length as usize)
            .map(|entry| (*(*statement.rtable).elements.add(entry)).ptr_value.cast::<pg_sys::RangeTblEntry>());
        entries.any(|entry| (*entry).relid == relation)
            && pg_sys::pg_trigger_depth(std::ptr::null_mut()).value() as i32 == OUTERMOST
    }
}

/// The columns of an open table that are not dropped.
///
/// # Safety
/// The table is open.
pub unsafe fn columns_of(relation: pg_sys::Relation) -> Vec<StoredColumn> {
    const VIRTUAL: u8 = b'v';
    // SAFETY: by the caller's word; the description is not freed by this view of it.
    let description = unsafe { PgTupleDesc::from_pg_unchecked((*relation).rd_att) };
    let attributes = (0..description.len()).filter_map(|place| Some((place, description.get(place)?)));
    let present = attributes.filter(|(_, attribute)| !attribute.attisdropped);
    present
        .map(|(place, attribute)| StoredColumn {
            name: attribute.name().to_owned(),
            type_id: attribute.atttypid,
            place,
            by_value: attribute.attbyval,
            length: attribute.attlen,
            is_stored: attribute.attgenerated as u8 != VIRTUAL,
        })
        .collect()
}
