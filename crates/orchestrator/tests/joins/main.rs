//! All read paths over random accounts of two sources: each returns the users of a naive model of contract §2.2, and no
//! write-back changes the user of a registration.

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod read_paths;
