//! A guarded source that can be gone through: its walk passes the guard, which has nothing to remember of it.

use async_trait::async_trait;
use masthead_ports::{
    source::{CallContext, SourceError, SourceName, UserSource},
    walk::{Place, Scope, Step, Walk},
};

use crate::guarded::CachedSource;

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
