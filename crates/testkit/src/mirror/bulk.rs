//! Bulk lookups in a mirror in memory.

use async_trait::async_trait;
use masthead_domain::{
    evidence::Evidence,
    join::{AccountPair, join},
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, BulkMirrorEntries, LookupKey},
    mirror::MirrorEntry,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{FakeMirror, NAMES, made_for};

#[async_trait]
impl BulkLookups for FakeMirror {
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError> {
        let answer = self.registrations.find_many(cx, keys, None).await?;
        let served = {
            let pools = self.lock();
            let pool = pools
                .get(&cx.tenant.pool)
                .filter(|pool| pool.made_for == made_for(&cx.tenant));
            pool.and_then(|pool| {
                let as_of = pool
                    .as_of
                    .filter(|_| pool.braked_at.is_none())
                    .filter(|as_of| mirror_since.is_some_and(|since| *as_of > since))?;
                Some((as_of, pool.whole, pool.profiles.clone()))
            })
        };
        let Some((as_of, whole, profiles)) = served else {
            return Ok(answer);
        };
        let store = self.registrations.kept(cx.tenant.pool);
        let provider = profiles.values().map(|kept| kept.profile.account.clone()).collect();
        let pairs = join(Evidence::whole(provider), Evidence::whole(store))
            .into_pairs()
            .collect::<Vec<_>>();
        let of_key = |key: &LookupKey| {
            let named: Vec<&AccountPair> = pairs.iter().filter(|pair| is_named(pair, key, &cx.tenant)).collect();
            let doubt = |pair: &&AccountPair| {
                pair.provider
                    .as_ref()
                    .is_some_and(|provider| profiles[&provider.crid].missing > 0)
            };
            let entry = |pair: &AccountPair| MirrorEntry {
                profile: pair
                    .provider
                    .as_ref()
                    .map(|provider| profiles[&provider.crid].profile.clone()),
                registration: pair.store.clone(),
            };
            (!named.iter().any(doubt)).then(|| named.into_iter().map(entry).collect())
        };
        Ok(BulkAnswer {
            mirror: Some(BulkMirrorEntries {
                as_of,
                whole,
                by_key: keys.iter().map(of_key).collect(),
            }),
            ..answer
        })
    }
}

/// Whether the key names this user.
pub(crate) fn is_named(pair: &AccountPair, key: &LookupKey, tenant: &Tenant) -> bool {
    match key {
        LookupKey::User(UserKey::Id(id)) => [&pair.provider, &pair.store]
            .into_iter()
            .flatten()
            .any(|one| one.crid == *id),
        LookupKey::User(UserKey::Email(email)) => {
            let merged = pair.merged(&tenant.settings.precedence, NAMES);
            merged.is_some_and(|(user, _)| user.email.is_some_and(|own| own.key() == email))
        }
        LookupKey::Registration(number) => pair.store.as_ref().and_then(|store| store.registration_id) == Some(*number),
    }
}
