//! The arguments of `masthead health`.

use clap::Args;
use http::Uri;

#[derive(Debug, Args)]
#[command(after_help = "\
For probes of containers and balancers. Prints one line: `ready`, `alive`, or on standard error what is not ready and why.
Without --url it uses the operations port (metrics.listen) of the server that these settings describe, and the address of the
API (http.listen) where that port does not answer for this server.
Exit codes: 0 ready or alive · 1 not, or no answer within three seconds · 2 invalid command line")]
pub(crate) struct HealthArguments {
    /// Whether the server can answer requests now; the default.
    #[arg(long, conflicts_with = "live")]
    pub(crate) ready: bool,
    /// Whether the process answers at all.
    #[arg(long)]
    pub(crate) live: bool,
    /// Where the server is, such as http://127.0.0.1:9090; with a path, that page must answer with 2xx.
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    pub(crate) url: Option<Uri>,
}

fn parse_url(text: &str) -> Result<Uri, &'static str> {
    let url: Option<Uri> = text.parse().ok();
    url.filter(|url| url.scheme_str() == Some("http") && url.host().is_some_and(|host| !host.is_empty()))
        .ok_or("must be an http:// address")
}
