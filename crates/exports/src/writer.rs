//! Writes one file of an export.

use masthead_ports::exports::ExportedRegistration;
use serde_json::Value;

use crate::{
    auth0, csv_table,
    error::WriteError,
    ldif,
    left_out::{HASHES, LeftOut},
    masthead::write_masthead_line,
    options::{ExportFormat, WriterOptions},
    scim,
};

/// Writes registrations one after another in one format.
#[derive(Debug)]
pub struct ExportWriter {
    options: WriterOptions,
    left_out: LeftOut,
    written: u64,
    hashes: u64,
}

impl ExportWriter {
    /// Writes in this way.
    #[must_use]
    pub fn new(options: WriterOptions) -> Self {
        Self {
            options,
            left_out: LeftOut::default(),
            written: 0,
            hashes: 0,
        }
    }

    /// How it writes.
    #[must_use]
    pub const fn options(&self) -> &WriterOptions {
        &self.options
    }

    /// Writes what is before the registrations.
    pub fn begin(&self, out: &mut Vec<u8>) {
        match self.options.format {
            ExportFormat::Masthead => {}
            ExportFormat::Csv => csv_table::write_header(&self.options, out),
            ExportFormat::Auth0 => out.extend_from_slice(b"["),
            ExportFormat::Scim => out.extend_from_slice(scim::BEGIN.as_bytes()),
            ExportFormat::Ldif => out.extend_from_slice(ldif::BEGIN.as_bytes()),
        }
    }

    /// Writes a registration.
    ///
    /// # Errors
    /// It cannot be expressed; nothing of it is written.
    pub fn write(&mut self, registration: &ExportedRegistration, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let lost = self.left_out.of(HASHES);
        match self.options.format {
            ExportFormat::Masthead => write_masthead_line(registration, out)?,
            ExportFormat::Csv => csv_table::write_row(registration, &self.options, out)?,
            ExportFormat::Ldif => ldif::write_entry(registration, &self.options.base_dn, &mut self.left_out, out),
            ExportFormat::Auth0 => match auth0::entry(registration, &mut self.left_out)? {
                Some(entry) => self.write_item(&entry, out),
                None => return Ok(()),
            },
            ExportFormat::Scim => self.write_item(&scim::resource(registration)?, out),
        }
        self.written += 1;
        self.hashes += u64::from(registration.password_hash.is_some() && self.left_out.of(HASHES) == lost);
        Ok(())
    }

    /// Writes what is after the registrations.
    pub fn end(&self, out: &mut Vec<u8>) {
        match self.options.format {
            ExportFormat::Masthead | ExportFormat::Csv | ExportFormat::Ldif => {}
            ExportFormat::Auth0 => out.extend_from_slice(b"\n]\n"),
            ExportFormat::Scim => {
                out.push(b'\n');
                out.extend_from_slice(scim::end(self.written).as_bytes());
                out.push(b'\n');
            }
        }
    }

    /// How many registrations were written.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// How many of them were written with a hash.
    #[must_use]
    pub const fn hashes(&self) -> u64 {
        self.hashes
    }

    /// What was left out because the format has no place for it: the kind, and how many.
    pub fn left_out(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.left_out.iter()
    }

    /// An item of a list of JSON, on a line of its own.
    fn write_item(&self, item: &Value, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.written == 0 { b"\n" } else { b",\n" });
        out.extend_from_slice(item.to_string().as_bytes());
    }
}
