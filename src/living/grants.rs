//! `strata.grant_read`, `revoke_read`: what a reader of a model needs, given and taken as a whole.

use pgrx::prelude::*;
use strata_core::statements::registry::{LivingModel, PartKind};
use strata_core::statements::view::{Right, rights};
use strata_core::statements::{ident, literal};

use super::door::{self, Answer, Door};
use crate::error::{not_null, raise};
use crate::pg::catalog;
use crate::pg::rows::Rows;

/// Who is granted something.
struct Grantee {
    /// Ready for SQL.
    name: String,
    /// 0 stands for everybody.
    oid: u32,
}

impl Grantee {
    /// The role of an argument.
    fn of(door: &Door<'_>, index: usize) -> Grantee {
        let name = not_null(door.name(index), "role", "For example SELECT * FROM strata.grant_read('rfm', 'reader');");
        if name == "public" {
            return Grantee { name: "PUBLIC".to_owned(), oid: 0 };
        }
        let role =
            door.spi.row(&format!("SELECT quote_ident(rolname), oid FROM pg_roles WHERE rolname = {}", literal(&name)));
        match role.as_deref() {
            Some([Some(name), Some(oid)]) => Grantee { name: name.clone(), oid: oid.parse().unwrap_or_default() },
            _ => raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("role \"{name}\" does not exist"),
                Some("Its name stands as pg_roles has it, without quotes; 'public' is everybody.".to_owned()),
            ),
        }
    }

    /// Whether he has been granted SELECT on a table himself.
    fn has(&self, door: &Door<'_>, table: &str) -> bool {
        door.spi.is(&format!(
            "SELECT EXISTS (SELECT FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.oid = to_regclass({}) AND a.grantee = {}::oid AND a.privilege_type = 'SELECT')",
            literal(table),
            self.oid
        ))
    }
}

/// What a model's layers are made of, as far as it is for a reader: ledgers, attributes.
fn grounds(door: &Door<'_>, model: &LivingModel) -> Vec<String> {
    let mut grounds = Vec::new();
    for part in door.parts(model) {
        match part.kind {
            PartKind::Ledger => grounds.extend(part.source.ledger),
            PartKind::Attributes | PartKind::Users => {
                let relation = catalog::relation_name(pg_sys::Oid::from(part.source.relation));
                grounds.extend(relation.map(|(schema, name)| strata_core::statements::qualified(&schema, &name)));
            }
        }
    }
    grounds.sort();
    grounds.dedup();
    grounds
}

/// Whether the caller may grant a right; where not, who can is told what to do.
fn may_grant(door: &Door<'_>, right: &Right, schema: &str) -> bool {
    let (question, owner) = match &right.relation {
        Some(relation) => {
            let relation = literal(relation);
            (
                format!("SELECT has_table_privilege({relation}::regclass, 'SELECT WITH GRANT OPTION')"),
                format!("SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = {relation}::regclass"),
            )
        }
        None => {
            let schema = literal(schema);
            (
                format!("SELECT has_schema_privilege({schema}, 'USAGE WITH GRANT OPTION')"),
                format!("SELECT quote_ident(pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = {schema}"),
            )
        }
    };
    if door.spi.is(&question) {
        return true;
    }
    let owner = door.spi.value(&owner).unwrap_or_default();
    pgrx::notice!("{} is not yours to grant; {owner} can: {};", right.gives, right.grant);
    false
}

fn usage(schema: &str, role: &str) -> Right {
    Right {
        gives: format!("USAGE on schema {schema}"),
        relation: None,
        grant: format!("GRANT USAGE ON SCHEMA {} TO {role}", ident(schema)),
        revoke: String::new(),
        is_shared: true,
    }
}

/// The schemas of relations, but for one.
fn other_schemas(door: &Door<'_>, relations: &[String], but: &str) -> Vec<String> {
    let mut schemas: Vec<String> = relations
        .iter()
        .filter_map(|relation| {
            door.spi.value(&format!(
                "SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({})",
                literal(relation)
            ))
        })
        .filter(|schema| schema != but)
        .collect();
    schemas.sort();
    schemas.dedup();
    schemas
}

fn answer(door: &Door<'_>, privileges: &[String], role: &str) -> Answer {
    let rows = Rows::of(door.call);
    for privilege in privileges {
        door.spi.answer(&format!("SELECT {}::text, {}::text", literal(privilege), literal(role)), &rows);
    }
    Answer::Rows(rows)
}

/// `grant_read(model, role, reasons)`: all that a reader of the model needs.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_grant_read(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let run = |door: &Door<'_>, ()| {
        let model = door.model(door.text(0).as_deref());
        let role = Grantee::of(door, 1);
        let besides = if door.is_true(2) { grounds(door, &model) } else { Vec::new() };
        let schemas = other_schemas(door, &besides, &model.schema);
        let beyond = schemas.iter().map(|schema| (schema.as_str(), usage(schema, &role.name)));
        let rights = rights(&model, &besides, &role.name).into_iter().map(|right| (model.schema.as_str(), right));
        let mut given = Vec::new();
        for (schema, right) in rights.chain(beyond) {
            if may_grant(door, &right, schema) {
                door.spi.run(&right.grant);
                given.push(right.gives);
            }
        }
        answer(door, &given, &role.name)
    };
    door::writing(fcinfo, |_| (), run)
}

/// `revoke_read(model, role)`: takes that again, but for what other models leave to the role.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_revoke_read(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let run = |door: &Door<'_>, ()| {
        let model = door.model(door.text(0).as_deref());
        let role = Grantee::of(door, 1);
        let mut besides = grounds(door, &model);
        // what he may read of other models stays
        let registry = super::registry::Registry { schema: model.schema.clone() };
        let mut reads_others = false;
        for other in registry.models(door) {
            let reads =
                other.name != model.name && other.members.as_deref().is_some_and(|members| role.has(door, members));
            if reads {
                reads_others = true;
                let needed = grounds(door, &other);
                besides.retain(|relation| !needed.contains(relation));
            }
        }
        let mut taken = Vec::new();
        for right in rights(&model, &besides, &role.name) {
            let Some(relation) = right.relation.as_deref() else { continue };
            if (right.is_shared && reads_others) || !role.has(door, relation) {
                continue;
            }
            door.spi.run(&right.revoke);
            taken.push(right.gives);
        }
        let still = model.members.as_deref().filter(|members| {
            role.oid != 0
                && door.spi.is(&format!(
                    "SELECT has_table_privilege({}::oid, {}::regclass, 'SELECT')",
                    role.oid,
                    literal(members)
                ))
        });
        if let Some(members) = still {
            pgrx::notice!(
                "{} may still read {members}: as its owner, through PUBLIC, or through a role that it belongs to",
                role.name
            );
        }
        answer(door, &taken, &role.name)
    };
    door::writing(fcinfo, |_| (), run)
}

crate::pg::declare!(pg_finfo_living_grant_read, pg_finfo_living_revoke_read);
