//! Previews the changes of a sync run without writing.

use std::{collections::HashSet, sync::Arc};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::{
    mirror::ProfileChange,
    scan::{ScanExtent, UserScan},
};
use tokio_util::sync::CancellationToken;

use super::{
    context::{RECORD_LIMIT, context},
    outcome::{Halt, SyncOutcome, SyncPreview, SyncProgress},
    retry::Retry,
    run::{MirrorSync, OnProgress, PageRequest},
};

impl MirrorSync {
    /// Scans all users of the provider and reports what a full run would change. Nothing is written and no run is started. It
    /// keeps the ids of all users in memory.
    ///
    /// # Errors
    /// The outcome that prevents the preview, as of [`Self::run`].
    pub async fn preview(
        &self,
        tenant: &Arc<Tenant>,
        end: &CancellationToken,
        on_progress: &mut (dyn FnMut(&SyncProgress) + Send),
    ) -> Result<SyncPreview, SyncOutcome> {
        let Some(scan) = self.scans.for_tenant(tenant) else {
            return Err(SyncOutcome::NoScan);
        };
        Ok(self.preview_scan(tenant, &*scan, end, on_progress).await?)
    }

    async fn preview_scan(
        &self,
        tenant: &Arc<Tenant>,
        scan: &dyn UserScan,
        end: &CancellationToken,
        on_progress: OnProgress<'_>,
    ) -> Result<SyncPreview, Halt> {
        let (mut progress, mut preview) = (SyncProgress::default(), SyncPreview::default());
        let (mut known, mut cursor, mut gaps) = (HashSet::<CustomerRegistrationId>::new(), None, false);
        loop {
            let request = PageRequest {
                extent: ScanExtent::Everything,
                from: cursor.as_ref(),
            };
            let mut page = self
                .fetch_page(tenant, scan, request, end, &mut progress, on_progress)
                .await?;
            gaps |= page.gaps;
            progress.add_page(&page);
            page.accounts.retain(|account| known.insert(account.crid.clone()));
            for change in self.preview_changes(tenant, &page.accounts, end).await? {
                preview.seen += 1;
                *match change {
                    ProfileChange::Added => &mut preview.changes.added,
                    ProfileChange::Changed => &mut preview.changes.changed,
                    ProfileChange::Unchanged => &mut preview.changes.unchanged,
                    ProfileChange::Refused => &mut preview.changes.refused,
                } += 1;
            }
            on_progress(&progress);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let status = self.mirror.status(&context(tenant, RECORD_LIMIT)).await;
        preview.profiles = status.map_err(Halt::Failed)?.map_or(0, |status| status.profiles);
        let found = preview.changes.changed + preview.changes.unchanged;
        // An incomplete scan proves no user absent.
        let found_all = progress.expected.is_none_or(|expected| known.len() as u64 >= expected);
        let is_complete = !progress.truncated && !gaps && preview.changes.refused == 0 && found_all;
        preview.missing = is_complete.then(|| preview.profiles.saturating_sub(found));
        Ok(preview)
    }

    async fn preview_changes(
        &self,
        tenant: &Arc<Tenant>,
        accounts: &[Account],
        end: &CancellationToken,
    ) -> Result<Vec<ProfileChange>, Halt> {
        let mut retry = Retry::new(self.options.retry);
        loop {
            let cx = context(tenant, RECORD_LIMIT);
            match self.mirror.preview_changes(&cx, accounts).await {
                Ok(changes) => return Ok(changes),
                Err(error) => retry.pause_after(error, end).await?,
            }
        }
    }
}
