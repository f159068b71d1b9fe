//! The result of an import.

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// New registrations.
    pub inserted: u64,
    /// Registrations whose id existed before; they are not changed.
    pub skipped: u64,
}
