//! The page `/metrics`: rendered for all who wait for it at once, and seldom enough to stay cheap.

use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Mutex;

/// A page is shown again for so many times as long as its rendering took: rendering takes at most 5 % of a processor, however
/// many clients read it and however many series there are.
const REUSED_FOR: u32 = 20;

/// The metrics, as text.
pub(super) struct MetricsPage {
    handle: PrometheusHandle,
    // Held while the page is rendered: concurrent scrapes wait for the same one.
    last: Mutex<Option<RenderedPage>>,
}

struct RenderedPage {
    text: Bytes,
    until: Instant,
}

impl MetricsPage {
    pub(super) fn new(handle: PrometheusHandle) -> Self {
        Self {
            handle,
            last: Mutex::new(None),
        }
    }

    /// The page; `measure` sets the metrics that are read when it is rendered.
    pub(super) async fn text(&self, measure: impl FnOnce()) -> Bytes {
        let mut last = self.last.lock().await;
        if let Some(page) = &*last
            && Instant::now() < page.until
        {
            return page.text.clone();
        }
        let began = Instant::now();
        measure();
        let text = Bytes::from(self.render());
        let took: Duration = began.elapsed();
        *last = Some(RenderedPage {
            text: text.clone(),
            until: Instant::now() + took * REUSED_FOR,
        });
        text
    }

    /// The metrics as they are now, rendered anew.
    pub(super) fn render(&self) -> String {
        self.handle.render()
    }

    pub(super) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use futures_util::future::join_all;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    fn page() -> MetricsPage {
        MetricsPage::new(PrometheusBuilder::new().build_recorder().handle())
    }

    #[tokio::test]
    async fn concurrent_scrapes_share_one_rendering() {
        let (page, renderings) = (page(), AtomicUsize::new(0));
        let slow = || {
            thread::sleep(Duration::from_millis(50));
            renderings.fetch_add(1, Ordering::Relaxed);
        };
        join_all((0..100).map(|_| page.text(slow))).await;
        assert_eq!(renderings.into_inner(), 1);
    }

    #[tokio::test]
    async fn page_is_rendered_again_after_its_time() {
        let (page, renderings) = (page(), Cell::new(0));
        for _ in 0..2 {
            page.text(|| renderings.set(renderings.get() + 1)).await;
            let until = page.last.lock().await.as_ref().map(|page| page.until);
            thread::sleep(until.unwrap().saturating_duration_since(Instant::now()));
        }
        assert_eq!(renderings.get(), 2);
    }
}
