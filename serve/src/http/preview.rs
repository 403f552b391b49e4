//! Answers with the first rows of a configuration.

use super::body::Body;
use super::message::{Answer, Request};
use super::{Api, failed};
use crate::stored::{document_of, plan_of};
use bucketload_engine::Error;
use bucketload_engine::job::preview::{PreviewOptions, preview};
use serde_json::json;
use std::sync::Arc;

/// Rows at most.
const MAX_ROWS: u32 = 1_000;

pub(super) async fn show(api: &Arc<Api>, request: &Request) -> Result<Answer, Answer> {
    let mut body = Body::of(request)?;
    let config = body.needed_object("config")?;
    let rows = body.number("rows")?;
    body.finish()?;
    if rows.is_some_and(|rows| rows > MAX_ROWS) {
        return Err(Answer::error(422, &format!("`rows` must be at most {MAX_ROWS}"), None));
    }
    let Ok(_permit) = api.previews.try_acquire() else {
        return Err(Answer::error(
            503,
            "too many previews are being made",
            Some("ask again"),
        ));
    };
    let plan = document_of(&config, None, &json!({}), "config")
        .and_then(|document| plan_of(&document, &|name| api.service.variable(name)));
    let (plan, _) = plan.map_err(|error| failed(&error))?;
    let environment = api
        .service
        .environment(&api.warehouse)
        .map_err(|error| failed(&error))?;
    let num_rows = rows.and_then(|rows| usize::try_from(rows).ok());
    let options = PreviewOptions {
        num_rows,
        ..PreviewOptions::default()
    };
    let shown = api
        .compute
        .spawn(async move { preview(&environment, &plan, options).await })
        .await;
    match shown {
        Ok(Ok(shown)) => Ok(Answer::json(200, &shown.document())),
        Ok(Err(error)) => Err(failed(&error)),
        Err(broken) => Err(failed(&Error::internal("the preview broke off").caused_by(broken))),
    }
}
