//! Every line of contract §1, §2 and §3.1, from the shared table.

use masthead_testkit::{contract_cases, for_each_contract_line};

use crate::fixture::ApiFixture;

macro_rules! as_tests {
    ($($line:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $line() {
            ApiFixture::new().check(contract_cases::$line()).await;
        }
    )*};
}

for_each_contract_line!(as_tests);
