//! The resource: which service sends the spans and metrics.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
};

use crate::options::TelemetryOptions;

/// The attributes `service.…` of the semantic conventions.
pub(crate) fn resource(options: &TelemetryOptions) -> Resource {
    let attributes = [
        ("service.name", options.service_name),
        ("service.version", options.service_version),
        ("service.instance.id", &*options.service_instance),
    ];
    Resource {
        attributes: attributes.map(|(key, value)| attribute(key, value)).to_vec(),
        ..Resource::default()
    }
}

pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}
