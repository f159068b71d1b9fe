//! The HTTP server with the outer layer of the program, in this process.

mod connections;
mod rules;
