//! The use cases: each asks the sources that the tenant's flow names, joins their findings, and tells the truth of it.

mod caller;
mod error;
mod lookup;
mod search;
mod users;

pub use caller::Caller;
pub use error::ReadError;
pub use lookup::LookupRequest;
pub use search::SearchRequest;
pub use users::Users;
