//! Scans of a cached source: they are not cached.

use async_trait::async_trait;
use masthead_ports::{
    source::{CallContext, SourceError, SourceName, UserSource},
    walk::{Place, Scope, Step, Walk},
};

use super::source::CachedSource;

#[async_trait]
impl<S: UserSource + Walk + 'static> Walk for CachedSource<S> {
    fn name(&self) -> SourceName {
        Walk::name(self.inner())
    }

    fn tells_changes(&self) -> bool {
        self.inner().tells_changes()
    }

    async fn step(&self, cx: &CallContext, scope: Scope, from: Option<&Place>) -> Result<Step, SourceError> {
        self.inner().step(&cx.new_read(), scope, from).await
    }
}
