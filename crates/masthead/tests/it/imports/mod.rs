//! `masthead import` with each of its flags: every row is accounted for, and a killed import goes on where it was.

mod fixture;
mod flags;
mod resumed;
mod rows;
