//! The HTTP server with the outer layer of the program, in this process; TLS in a process of its own.

mod connections;
mod rules;
mod tls;
