//! ELB's shapes as they are on the wire: what many requests and answers share.

use serde::{Deserialize, Serialize};

/// Defines a shape: every member may be absent, and ELB itself says what it misses.
macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[serde_with::skip_serializing_none]
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}
pub(super) use shape;

shape! {
    /// A tag on a resource.
    Tag { key: String, value: Option<String> }
}
shape! {
    /// An attribute of a load balancer or a target group.
    Attribute { key: String, value: Option<String> }
}
shape! {
    /// What is done with a request.
    Action {
        #[serde(rename = "Type")]
        kind: String,
        target_group_arn: Option<String>,
        order: Option<i32>,
        forward_config: Option<ForwardConfig>,
        redirect_config: Option<RedirectConfig>,
        fixed_response_config: Option<FixedResponseConfig>,
    }
}
shape! {
    /// Where a request is forwarded to.
    ForwardConfig {
        target_groups: Vec<TargetGroupTuple>,
        target_group_stickiness_config: Option<GroupStickiness>,
    }
}
shape! {
    /// A target group and its share of the requests.
    TargetGroupTuple { target_group_arn: Option<String>, weight: Option<i32> }
}
shape! {
    /// Whether a client stays with its target group.
    GroupStickiness { enabled: Option<bool>, duration_seconds: Option<i32> }
}
shape! {
    /// Where a client is sent to.
    RedirectConfig {
        protocol: Option<String>,
        port: Option<String>,
        host: Option<String>,
        path: Option<String>,
        query: Option<String>,
        status_code: Option<String>,
    }
}
shape! {
    /// What a client is answered.
    FixedResponseConfig {
        message_body: Option<String>,
        status_code: Option<String>,
        content_type: Option<String>,
    }
}
shape! {
    /// What a request must have.
    RuleCondition {
        field: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        values: Vec<String>,
        host_header_config: Option<Values>,
        path_pattern_config: Option<Values>,
        http_header_config: Option<HttpHeaderConfig>,
        query_string_config: Option<QueryStringConfig>,
        http_request_method_config: Option<Values>,
        source_ip_config: Option<Values>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        regex_values: Vec<String>,
    }
}
shape! {
    /// Values of which one must match.
    Values {
        values: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        regex_values: Vec<String>,
    }
}
shape! {
    /// A header and the values of which one must match.
    HttpHeaderConfig {
        http_header_name: Option<String>,
        values: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        regex_values: Vec<String>,
    }
}
shape! {
    /// Pairs of the query string, of which one must match.
    QueryStringConfig { values: Vec<QueryStringPair> }
}
shape! {
    /// A pair, or a value under any key.
    QueryStringPair { key: Option<String>, value: Option<String> }
}
shape! {
    /// A certificate of a listener.
    Certificate { certificate_arn: Option<String>, is_default: Option<bool> }
}

/// An answer with nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
