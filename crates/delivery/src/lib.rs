//! Mails: rendered by templates, built in or of a folder, and sent over SMTP.
