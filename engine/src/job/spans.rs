//! Keeps the log lines of a job together: what DataFusion starts on other threads belongs to the span that started it.

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::any::Any;
use tracing::{Instrument, Span};

/// Hands spans on for the rest of the process.
pub(super) fn hand_on() {
    // Whoever embeds us may have set one of theirs, and a second environment finds ours.
    let _ = set_join_set_tracer(&SpanTracer);
}

struct SpanTracer;

impl JoinSetTracer for SpanTracer {
    fn trace_future(&self, future: BoxFuture<'static, Box<dyn Any + Send>>) -> BoxFuture<'static, Box<dyn Any + Send>> {
        future.in_current_span().boxed()
    }

    fn trace_block(
        &self,
        block: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>,
    ) -> Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> {
        let span = Span::current();
        Box::new(move || span.in_scope(block))
    }
}
