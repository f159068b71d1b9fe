//! Every door of the reads over random worlds of two sides: each answers the users that a naive model of contract §2.2
//! makes, and what is written afterwards never changes whose registration it is.

#[cfg(test)]
mod doors;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod world;
