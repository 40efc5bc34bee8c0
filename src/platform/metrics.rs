//! CloudWatch's embedded metric format: lines of a log that CloudWatch turns into metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// The most values of one metric that a document may hold.
const MOST_VALUES: usize = 100;

/// The values of one metric.
#[derive(Clone, Debug)]
pub struct Measurement<'m> {
    /// The metric's name.
    pub name: &'m str,
    /// CloudWatch's unit, for example `Count`.
    pub unit: &'m str,
    /// The values; of many, the first 100 are written.
    pub values: &'m [f64],
}

/// One dimension of all metrics of a document.
#[derive(Clone, Copy, Debug)]
pub struct Dimension<'d> {
    /// The dimension's name.
    pub name: &'d str,
    /// The value by which CloudWatch tells the metrics from others of their names.
    pub value: &'d str,
}

/// Renders one document on one line. Metrics without values are left out.
pub fn document(
    namespace: &str,
    dimensions: &[Dimension<'_>],
    measurements: &[Measurement<'_>],
    time: SystemTime,
) -> String {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let measured = || measurements.iter().filter(|it| !it.values.is_empty());
    let definitions: Vec<_> = measured()
        .map(|it| json!({ "Name": it.name, "Unit": it.unit }))
        .collect();
    let names: Vec<_> = dimensions.iter().map(|dimension| dimension.name).collect();
    let directive =
        json!({ "Namespace": namespace, "Dimensions": [names], "Metrics": definitions });
    let metadata =
        json!({ "Timestamp": since_1970.as_millis() as u64, "CloudWatchMetrics": [directive] });
    let mut document = Map::new();
    document.insert("_aws".into(), metadata);
    for dimension in dimensions {
        document.insert(dimension.name.into(), json!(dimension.value));
    }
    for it in measured() {
        document.insert(it.name.into(), rendered(it.values));
    }
    Value::Object(document).to_string()
}

/// Renders one value as a number, several as a list.
fn rendered(values: &[f64]) -> Value {
    match values {
        [one] => json!(one),
        many => json!(many.get(..MOST_VALUES).unwrap_or(many)),
    }
}
