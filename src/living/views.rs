//! The views of a schema, by which readers see the models in it: `strata_members`, `strata_periods`, `strata_moves`,
//! `strata_sizes`.

use pgrx::PgSqlErrorCode;
use strata_core::statements::registry::{comment, mark};
use strata_core::statements::view::{self as texts, Shown, VIEWS};
use strata_core::statements::{ident, literal, qualified};

use super::door::Door;
use super::registry::Registry;
use crate::error::raise;

/// What comments on the views begin with.
const MADE_FOR: &str = "registry";

/// A view that is there.
struct Found {
    oid: String,
    columns: Vec<(String, String)>,
}

/// Drops the views of a schema that we made, as they come back with the next model.
pub fn remove(door: &Door<'_>, schema: &str) {
    for (view, _) in VIEWS {
        if find(door, schema, view).is_some() {
            door.spi.run(&format!("DROP VIEW {}", qualified(schema, view)));
        }
    }
}

/// Makes the views of a schema anew, from the models that its registry has now. They are replaced where they stand, so that
/// rights on them and what is made of them stay; dropped and made only where the type of users changes.
pub fn rebuild(door: &Door<'_>, schema: &str) {
    door.spi.run(&texts::hold(schema));
    let models = Registry { schema: schema.to_owned() }.models(door);
    let shown: Vec<Shown<'_>> = models
        .iter()
        .map(|model| Shown { model, is_overlapping: door.version(model, model.active_version).is_overlapping() })
        .collect();
    // a schema without models keeps the type that its readers know
    let kept = || {
        let found = find(door, schema, "strata_members")?;
        found.columns.into_iter().find(|(name, _)| name == "user_id").map(|(_, key_type)| key_type)
    };
    let user_type = match shown.is_empty() {
        true => kept().unwrap_or_else(|| "text".to_owned()),
        false => {
            let wanted = texts::user_type(&shown);
            // text holds any key: where something is made of the views as they are, they stay so, and no model is kept from going
            let stays = wanted != "text" && kept().as_deref() == Some("text") && are_used(door, schema);
            if stays { "text".to_owned() } else { wanted.to_owned() }
        }
    };
    for (view, about) in VIEWS {
        let name = qualified(schema, view);
        let statement = texts::create(schema, view, &shown, &user_type);
        let wanted = texts::columns(view, &user_type);
        let is_same = |found: &Found| {
            let columns = found.columns.iter().map(|(name, column_type)| (name.as_str(), column_type.as_str()));
            columns.eq(wanted.iter().copied())
        };
        match find(door, schema, view) {
            Some(found) if !is_same(&found) => {
                let grants = grants(door, &found, &name, &wanted);
                drop_view(door, &found, &name, &user_type);
                door.spi.run(&statement);
                door.spi.run_all(grants);
            }
            _ => {
                door.spi.run(&statement);
            }
        }
        door.spi.run(&comment("VIEW", &name, MADE_FOR, about));
    }
}

/// The view of a name that was made here; whatever else is called so is in the way.
fn find(door: &Door<'_>, schema: &str, view: &str) -> Option<Found> {
    let row = door.spi.row(&format!(
        "SELECT c.oid, c.relkind = 'v' AND starts_with(coalesce(obj_description(c.oid, 'pg_class'), ''), {}),
       c.relowner = {}::oid, quote_ident(pg_get_userbyid(c.relowner))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
        literal(&format!("{}:", mark(MADE_FOR))),
        door.caller.to_u32(),
        literal(schema),
        literal(view)
    ))?;
    let [Some(oid), is_ours, is_own, owner] = row.as_slice() else { return None };
    let name = qualified(schema, view);
    let owner = owner.as_deref().unwrap_or_default();
    if is_own.as_deref() != Some("t") {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("{schema}.{view} belongs to {owner}, and the models of its schema have a view of that name"),
            Some("Let its owner rename or drop it, or choose another schema for the models.".to_owned()),
        );
    }
    if is_ours.as_deref() != Some("t") {
        raise(
            PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
            format!("{schema}.{view} is there already, and was not made by pg_strata, which has a view of that name"),
            Some(format!("Rename it: ALTER TABLE {name} RENAME TO \"…\"; or choose another schema for the models.")),
        );
    }
    let columns = door.spi.rows(&format!(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = {oid}::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ));
    let columns = columns.into_iter().filter_map(|row| match row.as_slice() {
        [Some(name), Some(column_type)] => Some((name.clone(), column_type.clone())),
        _ => None,
    });
    Some(Found { oid: oid.clone(), columns: columns.collect() })
}

/// The statements that give rights to read a view back, which go with it.
fn grants(door: &Door<'_>, found: &Found, name: &str, wanted: &[(&str, &str)]) -> Vec<String> {
    let oid = &found.oid;
    let rows = door.spi.rows(&format!(
        "SELECT a.column_name, CASE WHEN (a.acl).grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid((a.acl).grantee)) END,
       (a.acl).is_grantable
FROM (SELECT NULL::name AS column_name, aclexplode(relacl) AS acl FROM pg_class WHERE oid = {oid}::oid
      UNION ALL SELECT attname, aclexplode(attacl) FROM pg_attribute WHERE attrelid = {oid}::oid AND attnum > 0) AS a
WHERE (a.acl).privilege_type = 'SELECT' AND (a.acl).grantee <> {}::oid",
        door.caller.to_u32()
    ));
    let grants = rows.into_iter().filter_map(|row| {
        let [column, Some(grantee), is_grantable] = row.as_slice() else { return None };
        let columns = match column {
            None => String::new(),
            Some(column) if wanted.iter().any(|(name, _)| name == column) => format!(" ({})", ident(column)),
            Some(_) => return None,
        };
        let option = if is_grantable.as_deref() == Some("t") { " WITH GRANT OPTION" } else { "" };
        Some(format!("GRANT SELECT{columns} ON {name} TO {grantee}{option}"))
    });
    grants.collect()
}

/// What is made of a view.
fn dependents(door: &Door<'_>, oid: &str) -> Option<String> {
    door.spi.value(&format!(
        "SELECT string_agg(what, ', ' ORDER BY what)
FROM (SELECT DISTINCT CASE WHEN r.oid IS NULL THEN pg_describe_object(d.classid, d.objid, 0)
                           ELSE pg_describe_object('pg_class'::regclass, r.ev_class, 0) END AS what
      FROM pg_class AS c JOIN pg_type AS t ON t.oid = c.reltype
           JOIN pg_depend AS d ON (d.refclassid, d.refobjid) IN (
               ('pg_class'::regclass, c.oid), ('pg_type'::regclass, t.oid), ('pg_type'::regclass, t.typarray))
           LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
      WHERE c.oid = {oid}::oid AND d.deptype = 'n' AND r.ev_class IS DISTINCT FROM c.oid) AS d"
    ))
}

fn are_used(door: &Door<'_>, schema: &str) -> bool {
    VIEWS.iter().filter_map(|(view, _)| find(door, schema, view)).any(|found| dependents(door, &found.oid).is_some())
}

/// Drops a view whose columns are of other types than they have to be; not what was made of it.
fn drop_view(door: &Door<'_>, found: &Found, name: &str, user_type: &str) {
    if let Some(dependents) = dependents(door, &found.oid) {
        raise(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            format!(
                "{} cannot be made anew with users of type {user_type}: {dependents} depends on it",
                name.replace('"', "")
            ),
            Some("Drop that and make it again afterwards, or create the model in another schema.".to_owned()),
        );
    }
    door.spi.run(&format!("DROP VIEW {name}"));
}
