//! What a run would change, without changing it.

use std::{collections::HashSet, sync::Arc};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::{
    mirror::ProfileChange,
    scan::{ScanExtent, UserScan},
};
use tokio_util::sync::CancellationToken;

use super::{Halt, MirrorSync, On, SyncOutcome, SyncPreview, SyncProgress, TO_KEEP, context, patience::Patience};

impl MirrorSync {
    /// Goes through all of the provider's users and tells what a run about everything would change. Nothing is written, no
    /// run is begun; the calls are made all the same. It remembers the ids of all users until it ends.
    ///
    /// # Errors
    /// The outcome that stands in the way of a preview: as [`Self::run`] has them.
    pub async fn preview(
        &self,
        tenant: &Arc<Tenant>,
        end: &CancellationToken,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<SyncPreview, SyncOutcome> {
        let Some(walk) = self.walks.for_tenant(tenant) else {
            return Err(SyncOutcome::NoScan);
        };
        Ok(self.previewed(tenant, &*walk, end, told).await?)
    }

    async fn previewed(
        &self,
        tenant: &Arc<Tenant>,
        walk: &dyn UserScan,
        end: &CancellationToken,
        told: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<SyncPreview, Halt> {
        let (mut progress, mut preview) = (SyncProgress::default(), SyncPreview::default());
        let (mut known, mut place, mut gaps) = (HashSet::<CustomerRegistrationId>::new(), None, false);
        loop {
            let on = On {
                scope: ScanExtent::Everything,
                from: place.as_ref(),
            };
            let mut step = self.stepped(tenant, walk, on, end, &mut progress, told).await?;
            gaps |= step.gaps;
            progress.shown(&step);
            step.accounts.retain(|account| known.insert(account.crid.clone()));
            for change in self.changes(tenant, &step.accounts, end).await? {
                preview.seen += 1;
                *match change {
                    ProfileChange::Added => &mut preview.would.added,
                    ProfileChange::Changed => &mut preview.would.changed,
                    ProfileChange::Unchanged => &mut preview.would.unchanged,
                    ProfileChange::Refused => &mut preview.would.refused,
                } += 1;
            }
            told(&progress);
            place = step.next;
            if place.is_none() {
                break;
            }
        }
        let standing = self.directory.status(&context(tenant, TO_KEEP)).await;
        preview.profiles = standing.map_err(Halt::Failed)?.map_or(0, |standing| standing.profiles);
        let shown = preview.would.changed + preview.would.unchanged;
        // What a run that is not whole would prove absent: nobody.
        let shown_all = progress.expected.is_none_or(|expected| known.len() as u64 >= expected);
        let whole = !progress.truncated && !gaps && preview.would.refused == 0 && shown_all;
        preview.missing = whole.then(|| preview.profiles.saturating_sub(shown));
        Ok(preview)
    }

    async fn changes(
        &self,
        tenant: &Arc<Tenant>,
        accounts: &[Account],
        end: &CancellationToken,
    ) -> Result<Vec<ProfileChange>, Halt> {
        let mut patience = Patience::new(self.options.patience);
        loop {
            match self
                .directory
                .preview_changes(&context(tenant, TO_KEEP), accounts)
                .await
            {
                Ok(changes) => return Ok(changes),
                Err(error) => patience.after(error, end).await?,
            }
        }
    }
}
