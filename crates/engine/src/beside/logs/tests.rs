//! CloudWatch Logs as its clients see it.

mod paging;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn logs(store: &Arc<Store>) -> Logs {
    let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
    Logs::new(scope, Arc::clone(store))
}

async fn with_stream() -> Logs {
    let logs = logs(&Arc::new(Store::ephemeral().unwrap()));
    logs.ensure_stream("/ecs/app", "web/1", true, NOW).await.unwrap();
    logs
}

async fn call(logs: &Logs, operation: &str, body: Value) -> Result<Value, Refusal> {
    logs.call(operation, body, NOW).await
}

async fn put(logs: &Logs, stream: &str, events: &[(i64, &str)]) -> Value {
    let events: Vec<Value> =
        events.iter().map(|(at, message)| json!({"timestamp": at, "message": message})).collect();
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": stream, "logEvents": events});
    call(logs, "PutLogEvents", body).await.unwrap()
}

fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn groups_are_made_described_and_deleted() {
    let logs = logs(&Arc::new(Store::ephemeral().unwrap()));
    for name in ["/ecs/b", "/ecs/a", "/other"] {
        let body = json!({"logGroupName": name, "tags": {"team": "x"}});
        assert_eq!(call(&logs, "CreateLogGroup", body).await, Ok(json!({})));
    }
    let again = call(&logs, "CreateLogGroup", json!({"logGroupName": "/ecs/a"})).await.unwrap_err();
    assert_eq!(
        again.body(),
        json!({"__type": "ResourceAlreadyExistsException", "message": "The specified log group already exists"})
    );
    let body = json!({"logGroupName": "/ecs/a", "retentionInDays": 7});
    call(&logs, "PutRetentionPolicy", body).await.unwrap();
    let page =
        call(&logs, "DescribeLogGroups", json!({"logGroupNamePrefix": "/ecs", "limit": 1})).await.unwrap();
    let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/a";
    let expected = json!({"logGroupName": "/ecs/a", "creationTime": NOW.0, "retentionInDays": 7, "metricFilterCount": 0,
        "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0, "logGroupClass": "STANDARD"});
    assert_eq!(page["logGroups"], json!([expected]));
    let body = json!({"logGroupNamePrefix": "/ecs", "limit": 1, "nextToken": page["nextToken"]});
    let page = call(&logs, "DescribeLogGroups", body).await.unwrap();
    assert_eq!((&page["logGroups"][0]["logGroupName"], page.get("nextToken")), (&json!("/ecs/b"), None));
    for (body, count) in [
        (json!({"logGroupNamePattern": "the"}), 1),
        (json!({"logGroupIdentifiers": [arn]}), 1),
        (json!({"logGroupClass": "DELIVERY"}), 0),
    ] {
        let page = call(&logs, "DescribeLogGroups", body).await.unwrap();
        assert_eq!(page["logGroups"].as_array().unwrap().len(), count);
    }
    call(&logs, "TagResource", json!({"resourceArn": arn, "tags": {"b": "2"}})).await.unwrap();
    call(&logs, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await.unwrap();
    let tags = call(&logs, "ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags, Ok(json!({"tags": {"b": "2"}})));
    call(&logs, "DeleteRetentionPolicy", json!({"logGroupName": "/ecs/a"})).await.unwrap();
    call(&logs, "DeleteLogGroup", json!({"logGroupName": "/ecs/a"})).await.unwrap();
    let gone = call(&logs, "DeleteLogGroup", json!({"logGroupName": "/ecs/a"})).await.unwrap_err();
    assert_eq!(
        gone.body(),
        json!({"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."})
    );
}

#[tokio::test]
async fn streams_are_listed_by_name_and_by_time() {
    let logs = with_stream().await;
    for name in ["web/2", "web/3", "job/1"] {
        call(&logs, "CreateLogStream", json!({"logGroupName": "/ecs/app", "logStreamName": name}))
            .await
            .unwrap();
    }
    put(&logs, "web/1", &[(NOW.0, "late")]).await;
    put(&logs, "web/3", &[(NOW.0 - 5000, "early"), (NOW.0 - 3000, "x")]).await;
    let cases = [
        (json!({}), vec!["job/1", "web/1", "web/2", "web/3"]),
        (json!({"descending": true}), vec!["web/3", "web/2", "web/1", "job/1"]),
        (json!({"logStreamNamePrefix": "web/"}), vec!["web/1", "web/2", "web/3"]),
        (json!({"orderBy": "LastEventTime"}), vec!["job/1", "web/2", "web/3", "web/1"]),
        (json!({"orderBy": "LastEventTime", "descending": true}), vec!["web/1", "web/3", "web/2", "job/1"]),
    ];
    for (mut body, expected) in cases {
        body["logGroupIdentifier"] = json!("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/app:*");
        body["limit"] = json!(1);
        let mut found = Vec::new();
        loop {
            let page = call(&logs, "DescribeLogStreams", body.clone()).await.unwrap();
            found.push(page["logStreams"][0]["logStreamName"].clone());
            let Some(token) = page.get("nextToken") else { break };
            body["nextToken"] = token.clone();
        }
        assert_eq!(found, expected, "{body}");
    }
    let body = json!({"logGroupName": "/ecs/app", "logStreamNamePrefix": "web/3"});
    let stream = &call(&logs, "DescribeLogStreams", body).await.unwrap()["logStreams"][0];
    assert_eq!(stream["firstEventTimestamp"], NOW.0 - 5000);
    assert_eq!(stream["lastEventTimestamp"], NOW.0 - 3000);
    assert_eq!(stream["lastIngestionTime"], NOW.0);
    assert_eq!(stream["arn"], "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/app:log-stream:web/3");
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/3"});
    call(&logs, "DeleteLogStream", body.clone()).await.unwrap();
    let gone = call(&logs, "GetLogEvents", body).await.unwrap_err();
    assert_eq!(
        gone.body(),
        json!({"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."})
    );
}

#[tokio::test]
async fn a_batch_is_taken_in_but_for_what_is_too_old_or_too_new() {
    let logs = with_stream().await;
    let old = NOW.0 - 14 * DAY_MS;
    let answer = put(&logs, "web/1", &[(old - 1, "too old"), (old, "just not")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
    assert_eq!(answer["nextSequenceToken"].as_str().unwrap().len(), 56);
    let ahead = NOW.0 + 2 * 60 * 60 * 1000;
    let answer = put(&logs, "web/1", &[(NOW.0, "now"), (ahead, "just in"), (ahead + 1, "too new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 2}));
    let body = json!({"logGroupName": "/ecs/app", "retentionInDays": 1});
    call(&logs, "PutRetentionPolicy", body).await.unwrap();
    let kept = NOW.0 - DAY_MS;
    let answer = put(&logs, "web/1", &[(kept - 1, "expired"), (kept, "not expired")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 1}));
    let answer = put(&logs, "web/1", &[(NOW.0, "again")]).await;
    assert_eq!(answer.get("rejectedLogEventsInfo"), None);
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1"});
    let taken = messages(&call(&logs, "GetLogEvents", body).await.unwrap());
    assert_eq!(taken, ["just not", "not expired", "now", "again", "just in"]);
}

/// Each call is refused with an InvalidParameterException and a sentence that begins so.
async fn refused(operation: &str, cases: Vec<(Value, &str)>) {
    let logs = with_stream().await;
    for (mut body, sentence) in cases {
        if body.get("logGroupName").is_none() {
            body["logGroupName"] = json!("/ecs/app");
        }
        let refusal = call(&logs, operation, body).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterException");
        assert!(refusal.message.as_deref().unwrap().starts_with(sentence), "{:?}", refusal.message);
    }
}

#[tokio::test]
async fn wrong_batches_are_refused() {
    let batch = |events: Value| json!({"logStreamName": "web/1", "logEvents": events});
    let two = |first: i64, second: i64| {
        batch(json!([{"timestamp": first, "message": "x"}, {"timestamp": second, "message": "x"}]))
    };
    let large = "x".repeat(1_048_576 - 25);
    let many: Vec<Value> = (0..10_001).map(|_| json!({"timestamp": NOW.0, "message": "x"})).collect();
    let cases = vec![
        (batch(json!([])), "1 validation error detected: Value at 'logEvents' failed"),
        (batch(json!(many)), "1 validation error detected: Value at 'logEvents' failed"),
        (
            batch(json!([{"timestamp": 1}])),
            "1 validation error detected: Value null at 'logEvents.1.member.message'",
        ),
        (
            batch(json!([{"timestamp": -1, "message": ""}])),
            "2 validation errors detected: Value '-1' at 'logEvents.1.member.timestamp'",
        ),
        (two(2, 1), "Log events in a single PutLogEvents request must be in chronological order."),
        (
            two(0, DAY_MS + 1),
            "The batch of log events in a single PutLogEvents request cannot span more than 24",
        ),
        (
            batch(json!([{"timestamp": 1, "message": large}])),
            "Upload too large: 1048577 bytes exceeds limit of 1048576",
        ),
    ];
    refused("PutLogEvents", cases).await;
}

#[tokio::test]
async fn wrong_names_and_settings_are_refused() {
    let name = r"1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+";
    refused("CreateLogGroup", vec![(json!({"logGroupName": "a b"}), name)]).await;
    let stream = "1 validation error detected: Value 'a:b' at 'logStreamName'";
    refused("CreateLogStream", vec![(json!({"logStreamName": "a:b"}), stream)]).await;
    let days = "1 validation error detected: Value '2' at 'retentionInDays'";
    refused("PutRetentionPolicy", vec![(json!({"retentionInDays": 2}), days)]).await;
    let order = json!({"orderBy": "LastEventTime", "logStreamNamePrefix": "w"});
    let sentence = "Cannot order by LastEventTime with a logStreamNamePrefix.";
    refused("DescribeLogStreams", vec![(order, sentence)]).await;
}

#[tokio::test]
async fn wrong_queries_are_refused() {
    let query = |member: &str, value: Value| json!({"logStreamName": "web/1", member: value});
    let cases = vec![
        (query("limit", json!(10_001)), "1 validation error detected: Value '10001' at 'limit'"),
        (query("nextToken", json!("f/1/s")), "The specified nextToken is invalid."),
        (query("logGroupName", json!("")), "1 validation error detected: Value null at 'logGroupName'"),
        (query("logGroupIdentifier", json!("/ecs/app")), "LogGroup name and LogGroup ARN are mutually"),
    ];
    refused("GetLogEvents", cases).await;
    let cases = vec![
        (json!({"filterPattern": "{ $.level = 1 }"}), "Longshore's engine does not offer JSON"),
        (
            json!({"logStreamNames": ["a"], "logStreamNamePrefix": "a"}),
            "logStreamNamePrefix and logStreamNames are mutually",
        ),
    ];
    refused("FilterLogEvents", cases).await;
    let logs = with_stream().await;
    let refusal = call(&logs, "StartQuery", json!({})).await.unwrap_err();
    assert_eq!(refusal.body(), json!({"__type": "UnknownOperationException"}));
    let refusal = call(&logs, "GetLogEvents", query("limit", json!("5"))).await.unwrap_err();
    assert_eq!(refusal.code, "SerializationException");
}

#[tokio::test]
async fn lines_of_a_container_keep_their_order_when_the_clock_steps_back() {
    let logs = with_stream().await;
    let lines = |lines: &[(i64, &str)]| lines.iter().map(|(at, line)| (*at, (*line).to_owned())).collect();
    let first = logs
        .append("/ecs/app", "web/1", lines(&[(NOW.0, "a"), (NOW.0 - 10, "b"), (NOW.0, "")]), None, NOW)
        .unwrap();
    let second =
        logs.append("/ecs/app", "web/1", lines(&[(NOW.0 - 20, "c"), (NOW.0 + 1, "d")]), None, NOW).unwrap();
    second.durable().await.unwrap();
    first.durable().await.unwrap();
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1", "startFromHead": true});
    assert_eq!(messages(&call(&logs, "GetLogEvents", body).await.unwrap()), ["a", "b", "c", "d"]);
    let missing = logs.append("/ecs/app", "no", lines(&[(1, "x")]), None, NOW).unwrap_err();
    assert_eq!(missing.message.as_deref(), Some("The specified log stream does not exist."));
}

#[tokio::test]
async fn the_driver_makes_a_stream_but_a_group_only_when_told() {
    let logs = logs(&Arc::new(Store::ephemeral().unwrap()));
    let refused = logs.ensure_stream("g", "s", false, NOW).await.unwrap_err();
    assert_eq!(refused.message.as_deref(), Some("The specified log group does not exist."));
    for _ in 0..2 {
        logs.ensure_stream("g", "s", true, NOW).await.unwrap();
    }
    let page = call(&logs, "DescribeLogStreams", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(page["logStreams"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_merges_streams_and_matches_patterns() {
    let logs = with_stream().await;
    logs.ensure_stream("/ecs/app", "job/1", true, NOW).await.unwrap();
    put(&logs, "web/1", &[(NOW.0, "w1 error"), (NOW.0 + 1, "w2"), (NOW.0 + 1, "w3")]).await;
    put(&logs, "job/1", &[(NOW.0, "j1"), (NOW.0 + 1, "j2 error"), (NOW.0 + 2, "j3 error minor")]).await;
    put(&logs, "web/1", &[(NOW.0 + 1, "w4")]).await;
    let all = ["w1 error", "j1", "w2", "w3", "j2 error", "w4", "j3 error minor"];
    let cases = [
        (json!({}), all.to_vec()),
        (json!({"startTime": NOW.0 + 1}), all[2..].to_vec()),
        (json!({"endTime": NOW.0}), all[..2].to_vec()),
        (json!({"logStreamNames": ["job/1", "job/1"]}), vec!["j1", "j2 error", "j3 error minor"]),
        (json!({"logStreamNamePrefix": "web"}), vec!["w1 error", "w2", "w3", "w4"]),
        (json!({"filterPattern": "error -minor"}), vec!["w1 error", "j2 error"]),
    ];
    for (mut body, expected) in cases {
        body["logGroupName"] = json!("/ecs/app");
        let answer = call(&logs, "FilterLogEvents", body.clone()).await.unwrap();
        assert_eq!(messages(&answer), expected, "{body}");
        assert_eq!(answer.get("nextToken"), None);
    }
    let body = json!({"logGroupName": "/ecs/app", "logStreamNames": ["no"]});
    assert_eq!(call(&logs, "FilterLogEvents", body).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn retention_forgets_old_events() {
    let logs = with_stream().await;
    put(&logs, "web/1", &[(NOW.0 - 1000, "first"), (NOW.0, "second")]).await;
    let body = json!({"logGroupName": "/ecs/app", "retentionInDays": 1});
    call(&logs, "PutRetentionPolicy", body).await.unwrap();
    let size = async || {
        call(&logs, "DescribeLogGroups", json!({})).await.unwrap()["logGroups"][0]["storedBytes"].clone()
    };
    assert_eq!(size().await, 5 + 6 + 2 * 26);
    logs.sweep(NOW.plus_ms(DAY_MS)).await.unwrap();
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1"});
    assert_eq!(messages(&call(&logs, "GetLogEvents", body.clone()).await.unwrap()), ["second"]);
    assert_eq!(size().await, 6 + 26);
    logs.sweep(NOW.plus_ms(DAY_MS + 1)).await.unwrap();
    assert_eq!(messages(&call(&logs, "GetLogEvents", body).await.unwrap()), Vec::<String>::new());
    let stream = &call(&logs, "DescribeLogStreams", json!({"logGroupName": "/ecs/app"})).await.unwrap()["logStreams"]
        [0];
    assert_eq!((stream.get("firstEventTimestamp"), stream.get("lastEventTimestamp")), (None, None));
    assert_eq!(size().await, 0);
}

#[tokio::test]
async fn stored_logs_come_back() {
    let store = Arc::new(Store::ephemeral().unwrap());
    let before = logs(&store);
    for stream in ["a", "b", "empty"] {
        before.ensure_stream("/ecs/app", stream, true, NOW).await.unwrap();
    }
    put(&before, "a", &[(NOW.0, "a1"), (NOW.0, "a2")]).await;
    put(&before, "b", &[(NOW.0 - 7, "b1")]).await;
    let after = logs(&store);
    for record in store.records().await.unwrap() {
        after.restore(&record).unwrap();
    }
    after.resume().await.unwrap();
    let group = json!({"logGroupName": "/ecs/app"});
    for (operation, body) in [
        ("DescribeLogGroups", json!({})),
        ("DescribeLogStreams", group.clone()),
        ("FilterLogEvents", group.clone()),
    ] {
        let answer = call(&after, operation, body.clone()).await;
        assert!(answer.is_ok());
        assert_eq!(answer, call(&before, operation, body).await, "{operation}");
    }
    put(&after, "a", &[(NOW.0, "a3")]).await;
    let answer = call(&after, "FilterLogEvents", group).await.unwrap();
    assert_eq!(messages(&answer), ["b1", "a1", "a2", "a3"]);
    let described = call(&after, "DescribeLogGroups", json!({})).await.unwrap();
    assert_eq!(described["logGroups"][0]["storedBytes"], 4 * (2 + 26));
}
