//! Writing statements: texts and bound values in the order of the SQL.

/// Appends to a `QueryBuilder`: literals are formatted, `?value` is bound, `@call` appends by itself, and other expressions
/// are displayed.
macro_rules! push_sql {
    ($sql:expr;) => {{}};
    ($sql:expr; ?$value:expr $(, $($rest:tt)*)?) => {{
        $sql.push_bind($value);
        $(push_sql!($sql; $($rest)*);)?
    }};
    ($sql:expr; @$call:expr $(, $($rest:tt)*)?) => {{
        $call;
        $(push_sql!($sql; $($rest)*);)?
    }};
    ($sql:expr; $text:literal $(, $($rest:tt)*)?) => {{
        $sql.push(format_args!($text));
        $(push_sql!($sql; $($rest)*);)?
    }};
    ($sql:expr; $text:expr $(, $($rest:tt)*)?) => {{
        $sql.push($text);
        $(push_sql!($sql; $($rest)*);)?
    }};
}
pub(super) use push_sql;
