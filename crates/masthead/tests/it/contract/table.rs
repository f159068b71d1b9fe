//! The contract §1, §2 and §3.1 from the shared table; each test is one line of it.

use masthead_testkit::{contract_cases, for_each_contract_line};

use crate::contract::server::{ContractServer, contract_tenants};

macro_rules! as_tests {
    ($($line:ident),* $(,)?) => {$(
        #[test]
        fn $line() {
            ContractServer::start(&contract_tenants()).check_all(&contract_cases::$line());
        }
    )*};
}

for_each_contract_line!(as_tests);
