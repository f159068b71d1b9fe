//! Mails: rendered by templates, built in or of a folder, and sent over SMTP.

mod message;
mod smtp;
mod templates;

pub use smtp::{SmtpMailer, SmtpOptions, SmtpOptionsError, SmtpTls};
pub use templates::{FileTemplates, TemplateErrors};
