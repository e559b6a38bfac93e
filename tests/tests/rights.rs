//! The laws of rights: the extension needs no superuser, lends its caller no
//! right that he does not have, and runs nothing that another user has put into
//! the caller's search path.

use postgres::Client;
use strata_tests::{
    assert_same_rows, empty_database, explained, fresh_database, refusal, run, server, superuser, value,
};

/// The database's own role without any right, beside the analyst. Roles belong to the whole cluster: a name per test.
fn outsider(database: &str) -> String {
    let role = format!("{database}_outsider");
    let exists = format!("SELECT count(*) > 0 FROM pg_roles WHERE rolname = '{role}'");
    let mut client = superuser("postgres");
    if !value::<bool>(&mut client, &exists) {
        run(&mut client, &format!("CREATE ROLE {role}"));
    }
    // so that the analyst can act as the outsider
    run(&mut client, &format!("GRANT {role} TO {}", server().analyst));
    role
}

const ORDERS: &str = "
    CREATE TABLE orders (customer_id bigint, ordered_at timestamp, amount numeric);
    INSERT INTO orders
    SELECT n % 97, timestamp '2024-01-01' + n * interval '7 hours', (n * 37 % 1000) - 40
    FROM generate_series(1, 3000) AS n;";

/// Law: the extension is created by a user who is no superuser, who owns it; and no function of it acts for its owner.
#[test]
fn nobody_needs_to_be_superuser() {
    let mut client = fresh_database("rights_trusted");
    assert!(!value::<bool>(&mut client, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"));
    let owner: String =
        value(&mut client, "SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'pg_strata'");
    assert_eq!(owner, server().analyst);

    let functions = "FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                     JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                     WHERE e.extname = 'pg_strata' AND d.deptype = 'e'";
    assert!(value::<i64>(&mut client, &format!("SELECT count(*) {functions}")) > 50);
    let definers: Option<String> =
        value(&mut client, &format!("SELECT string_agg(p.oid::regprocedure::text, ', ') {functions} AND p.prosecdef"));
    assert_eq!(definers, None, "SECURITY DEFINER in a trusted extension acts for the bootstrap superuser");
    // and it goes away for its owner
    run(&mut client, "DROP EXTENSION pg_strata");
}

/// Law: whoever creates the extension, what it is made of belongs to the bootstrap superuser, and no default privilege
/// lets anybody create in its schemas.
#[test]
fn everything_belongs_to_the_bootstrap_superuser() {
    empty_database("rights_owner");
    let outsider = outsider("rights_owner");
    let mut client = superuser("rights_owner");
    run(&mut client, "DROP ROLE IF EXISTS rights_owner_admin; CREATE ROLE rights_owner_admin SUPERUSER");
    run(
        &mut client,
        &format!(
            "SET ROLE rights_owner_admin;
             ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {outsider}, PUBLIC;
             CREATE EXTENSION pg_strata"
        ),
    );
    let of_its_creator: Option<String> = value(
        &mut client,
        "SELECT string_agg(DISTINCT classid::regclass::text, ' ') FROM pg_shdepend
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND refobjid = 'rights_owner_admin'::regrole AND deptype = 'o'",
    );
    assert_eq!(of_its_creator.as_deref(), Some("pg_default_acl pg_extension"));
    for schema in ["strata", "strata_internal"] {
        for (role, right, given) in
            [(&*outsider, "USAGE", true), (&*outsider, "CREATE", false), ("public", "CREATE", false)]
        {
            let question = format!("SELECT has_schema_privilege('{role}', '{schema}', '{right}')");
            assert_eq!(value::<bool>(&mut client, &question), given, "{role} {schema} {right}");
        }
    }
    run(&mut client, "SELECT strata.ledger '{}'; DROP EXTENSION pg_strata");
}

/// Law: the main job reads with its caller's rights.
#[test]
fn a_relation_without_select_is_refused() {
    let mut client = fresh_database("rights_select");
    let outsider = outsider("rights_select");
    run(&mut client, ORDERS);
    run(&mut client, "ALTER TABLE orders RENAME TO secret");
    run(&mut client, &format!("SET ROLE {outsider}"));
    for job in [
        "strata.rfm('SELECT customer_id, ordered_at, amount FROM secret', as_of => DATE '2024-12-31')",
        "strata.rfm('SELECT customer_id, ordered_at, amount FROM secret', as_of => DATE '2024-12-31',
                    user_type => NULL::bigint)",
        "strata.rfm_summary('SELECT customer_id, ordered_at, amount FROM secret', as_of => DATE '2024-12-31')",
        "strata.rfm_summary('SELECT 1, now()::timestamp, (SELECT max(amount) FROM secret)', as_of => DATE '2024-12-31')",
    ] {
        assert_eq!(refusal(&mut client, &format!("SELECT * FROM {job}")), "42501", "{job}");
    }
    // what needs no relation is the outsider's as well
    let segments: i64 = value(
        &mut client,
        "SELECT count(*) FROM strata.rfm('SELECT 1, DATE ''2024-01-01'', 5', as_of => DATE '2024-12-31')",
    );
    assert_eq!(segments, 1);
}

/// Law: the main job sees the rows that its caller sees.
#[test]
fn row_level_security_holds() {
    let mut client = fresh_database("rights_rows");
    let outsider = outsider("rights_rows");
    run(&mut client, ORDERS);
    run(
        &mut client,
        &format!(
            "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
             CREATE POLICY a_tenth ON orders TO {outsider} USING (customer_id % 10 = 0);
             GRANT SELECT ON orders TO {outsider}"
        ),
    );
    let job = |condition: &str| {
        format!(
            "SELECT * FROM strata.rfm('SELECT customer_id, ordered_at, amount FROM orders {condition}',
                                      as_of => DATE '2025-12-31')"
        )
    };
    run(&mut client, &format!("CREATE TEMPORARY TABLE tenth AS {}", job("WHERE customer_id % 10 = 0")));
    run(&mut client, &format!("GRANT SELECT ON tenth TO {outsider}; SET ROLE {outsider}"));
    let rows = assert_same_rows(&mut client, "the visible tenth", &job(""), "TABLE tenth");
    assert_eq!(rows, 10);
}

/// Law: the query given to the main job can do no more than be read.
#[test]
fn the_query_is_no_way_in() {
    let mut client = fresh_database("rights_query");
    run(&mut client, ORDERS);
    let orders = "SELECT count(*) FROM orders";
    let before: i64 = value(&mut client, orders);
    for query in [
        "SELECT 1, now()::timestamp, 1; DELETE FROM orders",
        "SELECT 1, now()::timestamp, 1) AS events; DELETE FROM orders; --",
        "DELETE FROM orders RETURNING customer_id, ordered_at, amount",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT customer_id, ordered_at, amount FROM gone",
        "SELECT customer_id, ordered_at, amount INTO taken FROM orders",
        "CREATE TABLE taken AS SELECT customer_id, ordered_at, amount FROM orders",
        "COPY orders TO STDOUT",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "SELECT 1, now()::timestamp, 1 /*",
        "SELECT 1, now()::timestamp, 1 FROM orders FOR UPDATE; COMMIT",
        "DO 'BEGIN DELETE FROM orders; END'",
        "",
        ";",
    ] {
        for job in ["rfm", "rfm_summary"] {
            let quoted = query.replace('\'', "''");
            let state =
                refusal(&mut client, &format!("SELECT * FROM strata.{job}('{quoted}', as_of => DATE '2024-12-31')"));
            // syntax error, or a feature that a read-only query does not have
            assert!(["42601", "0A000"].contains(&state.as_str()), "{state} for {query}");
        }
    }
    assert_eq!(value::<i64>(&mut client, orders), before);
    // a comment at its end hides nothing of ours
    let commented: i64 = value(
        &mut client,
        "SELECT count(*) FROM strata.rfm('SELECT customer_id, ordered_at, amount FROM orders -- all of them',
                                         as_of => DATE '2025-12-31')",
    );
    assert_eq!(commented, 97);
}

/// What another user, who may create in schema public, lays out: objects with names that the main job might use, each a
/// better match for its arguments than PostgreSQL's own, each raising when it is touched. Operators, functions and
/// aggregates; types with the names of PostgreSQL's.
fn lay_traps(client: &mut Client) {
    run(
        client,
        "CREATE FUNCTION public.trap(what text) RETURNS boolean LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'trapped by %', what USING ERRCODE = 'P0666'; END $$",
    );
    let function = |name: &str, arguments: &str, result: &str| {
        format!(
            "CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS
             $$ BEGIN PERFORM public.trap('{name}({arguments})'); RETURN NULL; END $$;"
        )
    };
    let mut traps = String::new();
    for (name, arguments, result) in [
        ("round", "numeric, integer", "numeric"),
        ("round", "numeric", "numeric"),
        ("array_position", "text[], text", "integer"),
        ("array_position", "text[], text, integer", "integer"),
        ("coalesce_", "numeric", "numeric"),
        ("ledger_agg_transition", "strata.ledger, timestamp, numeric", "strata.ledger"),
        ("clip", "strata.ledger, date, date", "strata.ledger"),
        ("recency", "strata.ledger, date", "integer"),
        ("frequency", "strata.ledger, date, integer", "bigint"),
        ("monetary", "strata.ledger, date, integer", "numeric"),
        ("rfm_query", "text, date, text, integer, text, text, text, integer, regtype, boolean", "text"),
        ("rfm_score", "integer, bigint, numeric, strata.rfm_cuts", "strata.rfm_scores"),
        ("rfm_code", "strata.rfm_scores", "text"),
        ("rfm_segment", "strata.rfm_scores, text, text", "text"),
        ("pg_typeof", "bigint", "regtype"),
        ("format", "text, text", "text"),
        ("quote_literal", "text", "text"),
    ] {
        traps += &function(name, arguments, result);
    }
    for (name, argument, state) in [
        ("count", "*", "bigint"),
        ("sum", "numeric", "numeric"),
        ("sum", "bigint", "bigint"),
        ("avg", "numeric", "numeric"),
        ("avg", "bigint", "bigint"),
        ("avg", "integer", "integer"),
        ("max", "date", "date"),
    ] {
        let argument_type = if argument == "*" { String::new() } else { format!(", {argument}") };
        let transition = format!("{name}_{}_step", if argument == "*" { "all" } else { argument });
        traps += &function(&transition, &format!("{state}{argument_type}"), state);
        traps += &format!("CREATE AGGREGATE public.{name}({argument}) (SFUNC = public.{transition}, STYPE = {state});");
    }
    let types = ["smallint", "integer", "bigint", "numeric", "text", "date"];
    for (symbol, name, result) in [
        ("/", "over", "numeric"),
        ("*", "times", "numeric"),
        ("+", "plus", "numeric"),
        ("-", "minus", "numeric"),
        ("=", "equals", "boolean"),
        ("<>", "differs", "boolean"),
        ("<", "less", "boolean"),
        (">", "greater", "boolean"),
        ("<=", "at_most", "boolean"),
        (">=", "at_least", "boolean"),
    ] {
        for left in types {
            for right in types {
                let procedure = format!("{name}_{left}_{right}");
                traps += &function(&procedure, &format!("{left}, {right}"), result);
                traps += &format!(
                    "CREATE OPERATOR public.{symbol} (FUNCTION = public.{procedure}, LEFTARG = {left}, RIGHTARG = {right});"
                );
            }
        }
    }
    for own in ["strata.ledger"] {
        for (symbol, name) in [("+", "plus"), ("-", "minus"), ("<>", "differs"), ("=", "equals")] {
            let result = if "+-".contains(symbol) { own } else { "boolean" };
            traps += &function(&format!("{name}_own"), &format!("{own}, {own}"), result);
            traps += &format!(
                "CREATE OPERATOR public.{symbol} (FUNCTION = public.{name}_own, LEFTARG = {own}, RIGHTARG = {own});"
            );
        }
    }
    for of in ["date", "text", "numeric", "int4", "int8", "float8", "regtype"] {
        traps += &format!("CREATE DOMAIN public.{of} AS pg_catalog.{of} CHECK (public.trap('type {of}'));");
    }
    run(client, &traps);
}

/// The jobs as an analyst calls them, with nothing in the call itself to be trapped: its types are qualified.
fn jobs() -> Vec<String> {
    let mut jobs = Vec::new();
    for scheme in ["eleven", "ten", "eight"] {
        for (job, user_type) in [("rfm", ""), ("rfm", "NULL::pg_catalog.int8, "), ("rfm_summary", "")] {
            for source in [
                "SELECT customer_id, ordered_at, amount FROM orders",
                "SELECT customer_id, ordered_at FROM orders",
                "SELECT customer_id, instant, small FROM orders",
                "SELECT customer_id, instant, single FROM orders",
            ] {
                jobs.push(format!(
                    "SELECT * FROM strata.{job}('{source}', '2025-12-31'::pg_catalog.date, {user_type}
                         time_zone => 'Asia/Shanghai', scheme => '{scheme}', window_days => 400)"
                ));
            }
        }
    }
    jobs
}

/// Runs every job under `search_path`, before and after somebody else has laid traps in schema public.
fn assert_untrapped(database: &str, search_path: &str) {
    let mut client = fresh_database(database);
    let outsider = outsider(database);
    run(&mut client, ORDERS);
    run(
        &mut client,
        &format!(
            "ALTER TABLE orders ADD instant timestamptz, ADD small smallint, ADD single real;
             UPDATE orders SET instant = ordered_at AT TIME ZONE 'UTC', small = amount, single = amount / 8;
             -- as it was everywhere before PostgreSQL 15
             GRANT CREATE ON SCHEMA public TO {outsider}"
        ),
    );
    let answers = |client: &mut Client| -> Vec<Result<Vec<String>, String>> {
        jobs()
            .iter()
            .map(|job| {
                let rows = client.simple_query(job).map_err(|error| format!("{job}: {}", explained(&error)))?;
                let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
                rows.sort();
                Ok(rows)
            })
            .collect()
    };
    let before = answers(&mut client);
    if let Some(Err(error)) = before.iter().find(|answer| answer.is_err()) {
        panic!("without any trap: {error}");
    }
    run(&mut client, &format!("SET ROLE {outsider}"));
    lay_traps(&mut client);
    run(&mut client, "RESET ROLE");

    run(&mut client, &format!("SET search_path = {search_path}"));
    let mut trapped = Vec::new();
    for (before, after) in before.iter().zip(answers(&mut client)) {
        match after {
            Err(error) => trapped.push(error),
            Ok(after) => assert_eq!(Ok(&after), before.as_ref(), "another answer"),
        }
    }
    trapped.sort();
    assert!(trapped.is_empty(), "{} of {} jobs trapped, for example:\n{}", trapped.len(), before.len(), trapped[0]);
}

/// Law: nothing in schema public is called, although it matches better than what PostgreSQL has.
#[test]
fn the_default_search_path_is_no_trap() {
    assert_untrapped("rights_default_path", "\"$user\", public");
}

/// Law: nor where the caller has put schema public before PostgreSQL's own.
#[test]
fn public_before_the_catalog_is_no_trap() {
    assert_untrapped("rights_public_first", "public, pg_catalog");
}
