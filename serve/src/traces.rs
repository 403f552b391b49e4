//! Sends what a job did as an OpenTelemetry trace, where the usual environment variables name a collector.
//!
//! One trace a job, sent when it has ended: the job is its root, listing, loading and committing are below it, with the seconds of each stage
//! as attributes. The id of the trace is that of the job, so that one leads to the other. It is OTLP over HTTP in its JSON form, which
//! is a single request; the SDK would bring a pipeline of threads and buffers for spans that nobody makes here.
//!
//! Understood are `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`, `..._HEADERS`, `..._PROTOCOL`, `..._TIMEOUT`, `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_EXPORTER` and `OTEL_SDK_DISABLED`.
//!
//! **Source**: OpenTelemetry specification, "OTLP Exporter configuration", "Resource SDK", "OTLP/HTTP" with "JSON Protobuf Encoding".

use crate::percent::decode;
use bucketload_state::jobs::{JobRecord, JobStatus};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The attribute that names a process.
const SERVICE_NAME: &str = "service.name";

/// How long a collector may take, as the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A collector.
pub struct Traces {
    client: reqwest::Client,
    endpoint: String,
    headers: Vec<(String, String)>,
    /// What is said of this process, its name among it.
    resource: Vec<(String, String)>,
}

impl fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers carry secrets.
        formatter
            .debug_struct("Traces")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Traces {
    /// The collector that the variables name; `None`: there is none, or none that understands us, which is logged.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Traces> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let of_traces = |name: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter != "otlp");
        if is_off {
            return None;
        }
        // Only the general endpoint is a base.
        let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
            variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}/v1/traces", base.trim_end_matches('/')))
        })?;
        if let Some(protocol) = of_traces("PROTOCOL").filter(|protocol| protocol == "grpc") {
            tracing::warn!(
                protocol,
                "no traces are sent: only OTLP over HTTP is spoken here; set OTEL_EXPORTER_OTLP_PROTOCOL=http/json"
            );
            return None;
        }
        let timeout = of_traces("TIMEOUT")
            .and_then(|millis| millis.parse().ok())
            .map(Duration::from_millis);
        let client = reqwest::Client::builder().timeout(timeout.unwrap_or(TIMEOUT)).build();
        let client = client
            .inspect_err(|error| tracing::warn!(%error, "no traces are sent"))
            .ok()?;
        let mut resource = pairs("OTEL_RESOURCE_ATTRIBUTES", variable("OTEL_RESOURCE_ATTRIBUTES"));
        let written_name = variable("OTEL_SERVICE_NAME");
        if written_name.is_some() {
            resource.retain(|(name, _)| name != SERVICE_NAME);
        }
        if !resource.iter().any(|(name, _)| name == SERVICE_NAME) {
            let name = written_name.unwrap_or_else(|| "bucketload".to_owned());
            resource.insert(0, (SERVICE_NAME.to_owned(), name));
        }
        Some(Traces {
            client,
            endpoint,
            headers: pairs("OTEL_EXPORTER_OTLP_HEADERS", of_traces("HEADERS")),
            resource,
        })
    }

    /// Sends the trace of a job that has ended. A collector that does not take it is no reason for a job to fail.
    pub async fn send(&self, job: &JobRecord) {
        let Some(document) = trace(job, &self.resource) else {
            return;
        };
        let mut request = self
            .client
            .post(&self.endpoint)
            .header("Content-Type", "application/json")
            .body(document.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        if let Err(error) = answer {
            tracing::warn!(job_id = job.job.id, error = %error.without_url(), "the trace of a job was not taken");
        }
    }
}

/// Pairs of a variable such as `a=1,b=x%20y`. What is no pair is told by its place, since it may be a secret.
fn pairs(variable: &str, list: Option<String>) -> Vec<(String, String)> {
    let list = list.unwrap_or_default();
    let mut pairs = Vec::new();
    for (number, pair) in (1..).zip(list.split(',').filter(|pair| !pair.trim().is_empty())) {
        let read = pair.split_once('=').and_then(|(name, value)| {
            let (name, value) = (decode(name.trim())?, decode(value.trim())?);
            (!name.is_empty()).then_some((name, value))
        });
        match read {
            Some(pair) => pairs.push(pair),
            None => tracing::warn!(
                variable,
                number,
                "this entry is left out: it is no `name=value`, percent-encoded"
            ),
        }
    }
    pairs
}

/// The trace of a job; `None`: it never began.
fn trace(job: &JobRecord, resource: &[(String, String)]) -> Option<Value> {
    let (started, ended) = (job.started?, job.ended?);
    let trace_id = job.job.id.replace('-', "");
    if trace_id.len() != 32 {
        return None;
    }
    // The last half of the id is random, so spans of several jobs differ too.
    let span_id = |number: u8| format!("{}{number:02x}", &trace_id[18..]);
    let root = span_id(0);
    let report = job.report.clone().unwrap_or_default();
    let number = |path: &str| report.pointer(path).cloned().unwrap_or_default();
    let error = job.error.as_ref().and_then(|error| error["error"].as_str());
    let status = match job.status {
        JobStatus::Success => json!({"code": 1}),
        _ => json!({"code": 2, "message": error}),
    };
    let span = |id: String, parent: &str, name: &str, begin: Timestamp, end: Timestamp, attributes: Vec<Value>| {
        json!({
            "traceId": trace_id, "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
            "startTimeUnixNano": begin.as_nanosecond().to_string(), "endTimeUnixNano": end.as_nanosecond().to_string(),
            "attributes": attributes,
        })
    };
    let mut job_span = span(root.clone(), "", "job", started, ended, job_attributes(job));
    job_span["status"] = status;
    let mut spans = vec![job_span];
    let mut begin = started;
    for (index, name) in (1..).zip(["list", "run", "commit"]) {
        let seconds = number(&format!("/seconds/{name}")).as_f64().unwrap_or_default();
        let Ok(duration) = jiff::SignedDuration::try_from_secs_f64(seconds) else {
            continue;
        };
        let end = begin.saturating_add(duration).unwrap_or(ended).min(ended);
        if seconds > 0.0 {
            let stages = match name {
                "run" => stage_attributes(&report["stages"]),
                _ => Vec::new(),
            };
            spans.push(span(span_id(index), &root, name, begin, end, stages));
        }
        begin = end;
    }
    let resource: Vec<Value> = resource
        .iter()
        .map(|(name, value)| attribute(name, &json!(value)))
        .collect();
    Some(json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "bucketload", "version": env!("CARGO_PKG_VERSION")}, "spans": spans}],
    }]}))
}

/// What is said of a job as a whole.
fn job_attributes(job: &JobRecord) -> Vec<Value> {
    let number = |path: &str| {
        job.report
            .as_ref()
            .and_then(|report| report.pointer(path))
            .cloned()
            .unwrap_or_default()
    };
    let mut attributes = vec![
        attribute("bucketload.job_id", &json!(job.job.id)),
        attribute("bucketload.status", &json!(job.status.name())),
        attribute("bucketload.database", &json!(job.job.database)),
        attribute("bucketload.table", &json!(job.job.table)),
        attribute("bucketload.attempt", &json!(job.attempt)),
        attribute("bucketload.files", &number("/files/read")),
        attribute("bucketload.bytes", &number("/bytes/fetched")),
        attribute("bucketload.rows", &number("/rows/written")),
        attribute("bucketload.rejects", &number("/rows/rejected")),
    ];
    if let Some(run) = &job.run {
        attributes.push(attribute("bucketload.schedule", &json!(run.schedule_name)));
        attributes.push(attribute(
            "bucketload.scheduled_time",
            &json!(run.scheduled.to_string()),
        ));
    }
    attributes
}

/// The seconds that a load spent in each stage.
fn stage_attributes(stages: &Value) -> Vec<Value> {
    let stages = stages.as_object().into_iter().flatten();
    stages
        .filter(|(_, seconds)| seconds.is_number())
        .map(|(stage, seconds)| attribute(&format!("bucketload.seconds.{stage}"), seconds))
        .collect()
}

/// A value as the protocol spells it: whole numbers are texts.
fn attribute(key: &str, value: &Value) -> Value {
    let value = match value {
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Bool(is_true) => json!({"boolValue": is_true}),
        Value::String(text) => json!({"stringValue": text}),
        _ => json!({}),
    };
    json!({"key": key, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketload_state::State;
    use bucketload_state::jobs::{Ending, NewJob, Origin};

    fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_usual_variables_name_the_collector() {
        let endpoint = |set: &[(&str, &str)]| Traces::from_environment(variables(set)).map(|traces| traces.endpoint);
        assert_eq!(endpoint(&[]), None);
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        assert_eq!(endpoint(&[general]).as_deref(), Some("http://collector:4318/v1/traces"));
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/x");
        assert_eq!(endpoint(&[general, of_traces]).as_deref(), Some("http://other/x"));
        for off in [
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ] {
            assert_eq!(endpoint(&[general, off]), None, "{off:?}");
        }
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, tenant = a=b");
        let traces = Traces::from_environment(variables(&[general, headers])).unwrap();
        let expected =
            [("authorization", "Bearer x"), ("tenant", "a=b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(traces.headers, expected);
        assert!(!format!("{traces:?}").contains("Bearer"));
    }

    #[test]
    fn a_process_is_called_what_the_variables_say() {
        let resource = |set: &[(&str, &str)]| {
            let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")];
            let set = [&endpoint, set].concat();
            let traces = Traces::from_environment(variables(&set)).unwrap();
            let told: Vec<String> = traces
                .resource
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            told.join(" ")
        };
        assert_eq!(resource(&[]), "service.name=bucketload");
        let attributes = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=nightly, deployment.environment.name=a%2Cb,odd,=x,broken=%z",
        );
        assert_eq!(
            resource(&[attributes]),
            "service.name=nightly deployment.environment.name=a,b"
        );
        assert_eq!(
            resource(&[attributes, ("OTEL_SERVICE_NAME", "loads")]),
            "service.name=loads deployment.environment.name=a,b"
        );
    }

    #[test]
    fn a_trace_has_the_job_and_what_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let id = "01a22121-bce6-77c8-a1ce-1be6946c894c";
        let job = NewJob {
            id: id.to_owned(),
            origin: Origin::Issue,
            warehouse: "/w".to_owned(),
            database: "d".to_owned(),
            table: "t".to_owned(),
            config: json!({}),
        };
        let begin = Timestamp::from_second(1_800_000_000).unwrap();
        state.begin_job(&job, begin).unwrap();
        let resource = [("service.name".to_owned(), "s".to_owned())];
        assert_eq!(trace(&state.job(id).unwrap(), &resource), None, "it has not ended");
        let ending = Ending {
            status: JobStatus::Error,
            report: Some(
                json!({"seconds": {"list": 1.0, "run": 2.5, "commit": 0.0}, "stages": {"parse": 1.5, "partitions": []}, "rows": {"written": 7}}),
            ),
            error: Some(json!({"error": "no"})),
            is_settled: true,
            retry: None,
        };
        state
            .finish_job(id, &ending, &[], begin + jiff::SignedDuration::from_secs(4))
            .unwrap();
        let document = trace(&state.job(id).unwrap(), &resource).unwrap();
        let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array()
            .unwrap();
        let names: Vec<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
        assert_eq!(names, ["job", "list", "run"]);
        for span in spans {
            assert_eq!(span["traceId"], "01a22121bce677c8a1ce1be6946c894c");
            assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
        }
        assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(spans[0]["status"], json!({"code": 2, "message": "no"}));
        assert_eq!(spans[2]["startTimeUnixNano"], "1800000001000000000");
        assert_eq!(spans[2]["endTimeUnixNano"], "1800000003500000000");
        assert_eq!(
            spans[2]["attributes"],
            json!([{"key": "bucketload.seconds.parse", "value": {"doubleValue": 1.5}}])
        );
        let rows = json!({"key": "bucketload.rows", "value": {"intValue": "7"}});
        assert!(spans[0]["attributes"].as_array().unwrap().contains(&rows));
    }
}
