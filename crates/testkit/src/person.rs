//! What a store holds about persons, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_ports::{
    erasure::{Person, StoredTexts},
    keyed_hash::KeyedHash,
    person::{PersonRecords, Record, SourceAnswer, SourceReport, sources},
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

/// Reports the registrations of a [`FakeStore`].
pub struct FakePersonRecords(pub Arc<FakeStore>);

#[async_trait]
impl PersonRecords for FakePersonRecords {
    async fn read(
        &self,
        cx: &CallContext,
        person: &Person,
        _: &[KeyedHash],
        _: &dyn StoredTexts,
        at: OffsetDateTime,
    ) -> Result<Vec<SourceReport>, SourceError> {
        let kept = self.0.kept(cx.tenant.pool).into_iter();
        let own = kept.filter(|account| person.ids.contains(&account.crid));
        Ok(vec![SourceReport {
            name: sources::REGISTRATIONS,
            meaning: "the registrations",
            as_of: at,
            answer: SourceAnswer::all(own.map(|account| Record::of_account(&account)).collect()),
        }])
    }
}
