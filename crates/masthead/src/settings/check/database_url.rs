//! Names the part of a database URL that cannot be parsed, without repeating it.

use masthead_domain::suggestion::did_you_mean;

/// What a URL of libpq may have after its `?`.
const PARAMETERS: [&str; 16] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "ssl_root_cert",
    "ssl_ca",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "target_session_attrs",
];

/// The first part that is wrong, and why; `None` where each can be parsed.
pub(super) fn problem(url: &str) -> Option<String> {
    let Some(rest) = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
    else {
        return Some("must begin with postgres:// or postgresql://".to_owned());
    };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("must not have blanks or line breaks; in a password a blank is %20".to_owned());
    }
    if rest.contains('#') {
        return Some("must not have a #; in a password it is %23".to_owned());
    }
    if !is_percent_encoded(rest) {
        return Some("has a % without two hexadecimal digits; in a password it is %25".to_owned());
    }
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        return Some("has an @ after its ?; in a password ? is %3F and @ is %40".to_owned());
    }
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if path.contains('@') {
        return Some("has an @ after its first /; in a user or a password / is %2F and @ is %40".to_owned());
    }
    if path.contains('/') {
        return Some(
            "must have one name of a database after the host, such as postgres://db.example/masthead".to_owned(),
        );
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    hosts
        .split(',')
        .find_map(host_problem)
        .or_else(|| query.split('&').find_map(parameter_problem))
}

fn is_percent_encoded(text: &str) -> bool {
    let mut rest = text.split('%');
    rest.next();
    rest.all(|part| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

fn host_problem(host: &str) -> Option<String> {
    let port = match host.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((address, rest)) if address.parse::<std::net::Ipv6Addr>().is_ok() => rest.strip_prefix(':'),
            _ => return Some("has a host in brackets that is no IPv6 address".to_owned()),
        },
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Some(
                    "has an IPv6 address without brackets, or a : in a user or a password, where it is %3A".to_owned(),
                );
            }
            found => found.map(|(_, port)| port),
        },
    };
    let is_good = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (!is_good).then(|| "has a port that is no number from 1 to 65535".to_owned())
}

fn parameter_problem(pair: &str) -> Option<String> {
    let name = pair.split('=').next().unwrap_or_default();
    // Settings of the session: `options[name]=value`.
    if pair.is_empty() || PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B") {
        return None;
    }
    // Not repeated: it may be a part of a password.
    let suggestion = did_you_mean(name, PARAMETERS);
    Some(format!("has an unknown parameter after its ?{suggestion}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_part_is_named_without_its_text() {
        for (url, part) in [
            ("mysql://u:hidden-word@h/d", "postgres://"),
            ("postgres://u:hidden word@h/d", "blanks"),
            ("postgres://u:hidden#word@h/d", "%23"),
            ("postgres://u:hidden%word@h/d", "%25"),
            ("postgres://u:hidden/word@h/d", "%2F"),
            ("postgres://u:hidden?word@h/d", "%3F"),
            ("postgres://h:99999/d", "port"),
            ("postgres://h:x/d", "port"),
            ("postgres://h1:5432,h2:0/d", "port"),
            ("postgres://[::zz]:5432/d", "IPv6"),
            ("postgres://::1/d", "brackets"),
            ("postgres://h/d/e", "one name"),
            ("postgres://h/d?sslmod=require", "did you mean sslmode?"),
        ] {
            let problem = problem(url).unwrap_or_else(|| panic!("{url}"));
            assert!(
                problem.contains(part) && !problem.contains("hidden"),
                "{url}: {problem}"
            );
        }
    }

    #[test]
    fn usable_urls_have_no_problem() {
        for url in [
            "postgres://u:p%2Fw%40@db.example:5432/masthead?sslmode=require",
            "postgresql://db.example/masthead",
            "postgres://u@%2Frun%2Fpostgresql/masthead",
            "postgres:///masthead?host=/run/postgresql",
            "postgres://u@[2001:db8::1]:5432/d?options[search_path]=x",
            "postgres://u:a@b@h/d",
            "postgres://a:1,b:2/d?target_session_attrs=read-write",
        ] {
            assert_eq!(problem(url), None, "{url}");
        }
    }
}
