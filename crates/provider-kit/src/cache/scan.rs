//! Scans of a cached source: they are not cached.

use async_trait::async_trait;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, ScanPage, UserScan},
    source::{CallContext, SourceError, SourceName, UserSource},
};

use super::source::CachedSource;

#[async_trait]
impl<S: UserSource + UserScan + 'static> UserScan for CachedSource<S> {
    fn name(&self) -> SourceName {
        UserScan::name(self.inner())
    }

    fn can_list_changes(&self) -> bool {
        self.inner().can_list_changes()
    }

    async fn fetch_page(
        &self,
        cx: &CallContext,
        scope: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError> {
        self.inner().fetch_page(&cx.new_read(), scope, from).await
    }
}
