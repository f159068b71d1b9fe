//! Every line of contract §1, §2 and §3.1, from the shared table; each test has the name of its line.

use masthead_testkit::{contract_cases, for_each_contract_line};

use crate::world::{World, of_the_contract};

macro_rules! as_tests {
    ($($line:ident),* $(,)?) => {$(
        #[test]
        fn $line() {
            World::of(&of_the_contract()).holds(&contract_cases::$line());
        }
    )*};
}

for_each_contract_line!(as_tests);
