//! The SQL of living layers, as pure functions of what the registry holds: rows in, query text out. What a refresh of few
//! users runs can be read here, and in the golden tests (`core/tests/statements.rs`), without a server.
//!
//! Every text is for the pinned settings of a door (`pg_catalog, pg_temp` as search path, `standard_conforming_strings`
//! on), and names everything else by its schema.
//!
//! * [`registry`]: the tables of the registry, and their rows;
//! * [`source`]: how the ledgers of a source follow its relation;
//! * [`alias`]: ledgers by alias, moved to the users whom a map names;
//! * [`model`]: what a model asks of its users;
//! * [`refresh`]: looking at the users whom something happened to, and writing down where they are;
//! * [`reader`]: who moved, how it was, how it would have been;
//! * [`view`]: what readers see: the views of a schema.
//! * [`status`]: how fresh sources and models are.

pub mod alias;
pub mod model;
pub mod reader;
pub mod refresh;
pub mod registry;
pub mod source;
pub mod status;
pub mod view;

/// The words that PostgreSQL does not take for a name everywhere, in their order (those of 18, which has all of the others').
const KEYWORDS: [&str; 164] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// A name as SQL has it, in double quotes where it has to be.
pub fn ident(name: &str) -> String {
    let mut characters = name.chars();
    let plain = characters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && characters.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
        && KEYWORDS.binary_search(&name).is_err();
    match plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A name in a schema.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// A text as SQL has it, where `standard_conforming_strings` is on.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text or NULL.
pub fn literal_or_null(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), literal)
}

/// An array of texts.
pub fn text_array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(literal).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// The last day of the calendar, by which everything has happened.
pub const LAST_DAY: &str = "DATE '5874897-12-31'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(ident("user_id"), "user_id");
        assert_eq!(ident("user"), "\"user\"");
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(ident("Käse_1"), "\"Käse_1\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\"), "'a\\'");
        assert_eq!(qualified("analytics", "orders_queue"), "analytics.orders_queue");
        assert!(KEYWORDS.is_sorted());
        assert_eq!(text_array(["a", "b'"]), "ARRAY['a', 'b''']::text[]");
    }
}
