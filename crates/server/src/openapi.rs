//! The API's description (OpenAPI 3.1). Shapes come from the types themselves; a test holds the list to the router's table,
//! and the whole to docs/openapi.json.

use longshore_model::preview::view::{
    AnswerView, Command, DeliveryView, EnvironmentDetail, EnvironmentView, WaitingView,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::DeedView;
use crate::api::environments::LogsView;
use crate::api::tokens::{TokenMade, TokenView, TokenWish};
use crate::routes::{Access, table};

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemView {
    /// What failed on which object, and why.
    error: String,
    /// What to do next.
    hint: Option<String>,
}

/// A change, in the stream of server-sent events: `changed` with it as data, or `refresh` with an empty object when some
/// were lost on the way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangeView {
    /// The environment's id.
    environment: String,
}

/// What is sent, or answered.
#[derive(Clone, Copy)]
enum Body {
    None,
    Text,
    Events,
    Json(fn(&mut SchemaGenerator) -> Value),
}

/// What a parameter is.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Choice,
}

struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, Kind, &'static str)],
    request: Body,
    status: u16,
    answer: Body,
}

fn one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn many<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!({"type": "array", "items": one::<T>(generator)})
}

fn anything(_: &mut SchemaGenerator) -> Value {
    json!({"type": "object"})
}

const LIMIT: (&str, Kind, &str) = ("limit", Kind::Number, "At most so many, 1 to 1000; 100 when absent.");
const LINES: (&str, Kind, &str) = ("lines", Kind::Number, "So many lines, 1 to 1000; 100 when absent.");
const TASKS: (&str, Kind, &str) =
    ("tasks", Kind::Choice, "`false`: without its services and tasks, so that AWS is asked nothing.");

const fn read(path: &'static str, id: &'static str, summary: &'static str, answer: Body) -> Operation {
    Operation { method: "GET", path, id, summary, query: &[], request: Body::None, status: 200, answer }
}

const fn write(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    request: Body,
    answer: Body,
) -> Operation {
    Operation { method: "POST", path, id, summary, query: &[], request, status: 200, answer }
}

const OPERATIONS: [Operation; 17] = [
    read("/healthz", "alive", "Whether the process lives.", Body::Text),
    read("/readyz", "ready", "Whether the store can be read and the lease's state is known.", Body::Text),
    read("/metrics", "metrics", "Counts in Prometheus' text format.", Body::Text),
    Operation {
        status: 202,
        ..write(
            "/webhooks/github",
            "github",
            "A webhook of GitHub, with `X-Hub-Signature-256`. JSON, or a form with `payload`; at most 25 MiB.",
            Body::Json(anything),
            Body::Json(one::<AnswerView>),
        )
    },
    write(
        "/webhooks/slack",
        "slack",
        "A slash command of Slack, with `X-Slack-Signature`, or an outgoing webhook with its token.",
        Body::Json(anything),
        Body::Json(anything),
    ),
    read("/api/v1/openapi.json", "description", "This description.", Body::Json(anything)),
    read(
        "/api/v1/environments",
        "environments",
        "All environments, by their ids.",
        Body::Json(many::<EnvironmentView>),
    ),
    write(
        "/api/v1/environments",
        "ask",
        "Asks something of an environment.",
        Body::Json(one::<Command>),
        Body::Json(one::<AnswerView>),
    ),
    Operation {
        query: &[TASKS],
        ..read(
            "/api/v1/environments/{id}",
            "environment",
            "One environment, by its id, its branch, or `#` and its pull request's number.",
            Body::Json(one::<EnvironmentDetail>),
        )
    },
    Operation {
        query: &[LINES],
        ..read(
            "/api/v1/environments/{id}/logs",
            "logs",
            "The last lines of its tasks.",
            Body::Json(one::<LogsView>),
        )
    },
    read(
        "/api/v1/waiting",
        "waiting",
        "What is waited for beside the environments: by repositories, by the sweep, by who is told.",
        Body::Json(many::<WaitingView>),
    ),
    Operation {
        query: &[LIMIT],
        ..read(
            "/api/v1/deliveries",
            "deliveries",
            "Webhooks that were accepted, the newest first.",
            Body::Json(many::<DeliveryView>),
        )
    },
    read(
        "/api/v1/events",
        "events",
        "Environments as they change, as server-sent events. A stream ends after a while: come again.",
        Body::Events,
    ),
    Operation {
        query: &[LIMIT],
        ..read("/api/v1/audit", "audit", "Who did what, the newest first.", Body::Json(many::<DeedView>))
    },
    read("/api/v1/tokens", "tokens", "All tokens, without their secrets.", Body::Json(many::<TokenView>)),
    Operation {
        status: 201,
        ..write(
            "/api/v1/tokens",
            "make_token",
            "Makes a token. Its secret is in this one answer only.",
            Body::Json(one::<TokenWish>),
            Body::Json(one::<TokenMade>),
        )
    },
    Operation {
        method: "DELETE",
        status: 204,
        ..read(
            "/api/v1/tokens/{name}",
            "revoke_token",
            "Ends a token, and the sessions that came from it.",
            Body::None,
        )
    },
];

/// The description.
#[must_use]
pub fn document() -> Value {
    // OpenAPI 3.1 speaks JSON Schema 2020-12; only the place of shared shapes is its own.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = one::<ProblemView>(&mut generator);
    let _change = one::<ChangeView>(&mut generator);
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let described = describe(&operation, &problem, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = described;
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Longshore",
            "version": "1",
            "description": "Preview environments: what there is, and what people ask of them.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn describe(operation: &Operation, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let Operation { method, path, id, summary, query, request, status, answer } = operation;
    let mut parameters = Vec::new();
    for name in path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name) {
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    for (name, kind, about) in *query {
        let schema = match kind {
            Kind::Number => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
            Kind::Choice => json!({"type": "boolean", "default": true}),
        };
        parameters.push(json!({"name": name, "in": "query", "description": about, "schema": schema}));
    }
    let good = match content(*answer, generator) {
        Some(content) => json!({"description": "It is so.", "content": content}),
        None => json!({"description": "It is done."}),
    };
    let bad =
        json!({"description": "What went wrong.", "content": {"application/json": {"schema": problem}}});
    let mut described = json!({
        "operationId": id,
        "summary": summary,
        "responses": {status.to_string(): good, "default": bad},
    });
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(content) = content(*request, generator) {
        described["requestBody"] = json!({"required": true, "content": content});
    }
    let route = table().into_iter().find(|(theirs, at, _)| theirs == method && at == path);
    if let Some((_, _, Access::Token(role))) = route {
        described["security"] = json!([{"token": []}]);
        described["description"] = json!(format!("For tokens of the role `{}`.", crate::people::word(role)));
    }
    described
}

fn content(body: Body, generator: &mut SchemaGenerator) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Text => Some(json!({"text/plain": {"schema": {"type": "string"}}})),
        Body::Events => Some(json!({"text/event-stream": {"schema": {"type": "string"}}})),
        Body::Json(schema) => Some(json!({"application/json": {"schema": schema(generator)}})),
    }
}
