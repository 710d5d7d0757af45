//! Pages: nothing is lost and nothing comes twice, whatever the page size and whatever arrives in between.

use proptest::prelude::*;

use super::*;

/// Batches of events: how many milliseconds after its predecessor's each one's time is.
fn batches() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(0..3_i64, 0..8), 1..12)
}

/// Appends a batch, whose messages are numbered, and tells them.
async fn append(logs: &Logs, stream: &str, batch: &[i64], clock: &mut i64, sent: &mut Vec<String>) {
    let mut events = Vec::new();
    for step in batch {
        *clock += step;
        let message = format!("{}", sent.len());
        events.push((*clock, message.clone()));
        sent.push(message);
    }
    logs.append("/ecs/app", stream, events, None, NOW).unwrap().durable().await.unwrap();
}

/// Goes forward from the head, with a batch appended before every page, until the token stays the same.
async fn read_forward(logs: &Logs, batches: &[Vec<i64>], limits: &[i64]) -> (Vec<String>, Vec<String>) {
    let (mut clock, mut sent, mut read) = (NOW.0, Vec::new(), Vec::new());
    let mut body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1", "startFromHead": true});
    let mut waiting = batches.iter();
    for limit in limits.iter().cycle() {
        let batch = waiting.next();
        append(logs, "web/1", batch.map_or(&[], Vec::as_slice), &mut clock, &mut sent).await;
        body["limit"] = json!(limit);
        let page = call(logs, "GetLogEvents", body.clone()).await.unwrap();
        read.extend(messages(&page));
        let same = body.get("nextToken") == page.get("nextForwardToken");
        body["nextToken"] = page["nextForwardToken"].clone();
        if same && batch.is_none() {
            break;
        }
    }
    (sent, read)
}

/// Goes backward from the end, then forward again to it.
async fn read_back_and_forth(logs: &Logs, limit: i64) -> (Vec<String>, Vec<String>) {
    let mut body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1", "limit": limit});
    let mut backward = Vec::new();
    loop {
        let page = call(logs, "GetLogEvents", body.clone()).await.unwrap();
        backward.splice(0..0, messages(&page));
        let same = body.get("nextToken") == page.get("nextBackwardToken");
        body["nextToken"] = page["nextBackwardToken"].clone();
        if same {
            body["nextToken"] = page["nextForwardToken"].clone();
            break;
        }
    }
    let mut forward = Vec::new();
    loop {
        let page = call(logs, "GetLogEvents", body.clone()).await.unwrap();
        forward.extend(messages(&page));
        let same = body.get("nextToken") == page.get("nextForwardToken");
        body["nextToken"] = page["nextForwardToken"].clone();
        if same {
            break;
        }
    }
    (backward, forward)
}

/// Follows the group as `aws logs tail --follow` does: by token, then from the newest timestamp on, dropping event ids
/// that it has seen.
async fn follow(logs: &Logs, batches: &[Vec<i64>], limit: i64) -> (Vec<String>, Vec<String>) {
    let (mut clock, mut sent, mut read) = (NOW.0, Vec::new(), Vec::new());
    let mut body =
        json!({"logGroupName": "/ecs/app", "interleaved": true, "startTime": NOW.0 - 1, "limit": limit});
    let mut seen = std::collections::BTreeSet::new();
    let mut waiting = batches.iter().enumerate();
    loop {
        let batch = waiting.next();
        if let Some((index, batch)) = batch {
            append(logs, ["web/1", "web/2", "job/1"][index % 3], batch, &mut clock, &mut sent).await;
        }
        let page = call(logs, "FilterLogEvents", body.clone()).await.unwrap();
        for event in page["events"].as_array().unwrap() {
            if seen.insert(event["eventId"].as_str().unwrap().to_owned()) {
                read.push(event["message"].as_str().unwrap().to_owned());
            }
            body["startTime"] = event["timestamp"].clone();
        }
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None if batch.is_none() => break,
            None => drop(body.as_object_mut().unwrap().remove("nextToken")),
        }
    }
    (sent, read)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn forward_pages_hold_every_event_once_in_order(batches in batches(), limits in prop::collection::vec(1..6_i64, 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let logs = with_stream().await;
            let (sent, read) = read_forward(&logs, &batches, &limits).await;
            assert_eq!(sent, read);
            let (backward, forward) = read_back_and_forth(&logs, limits[0]).await;
            assert_eq!(sent, backward);
            assert_eq!(sent, forward);
        });
    }

    #[test]
    fn following_a_group_shows_every_event_once_in_order(batches in batches(), limit in 1..6_i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let logs = with_stream().await;
            for stream in ["web/2", "job/1"] {
                logs.ensure_stream("/ecs/app", stream, false, NOW).await.unwrap();
            }
            let (sent, read) = follow(&logs, &batches, limit).await;
            assert_eq!(sent, read);
        });
    }
}

#[tokio::test]
async fn a_page_ends_before_a_megabyte_but_has_one_event() {
    let logs = with_stream().await;
    let sizes = [600_000, 500_000, 1_048_550, 10];
    for (index, size) in sizes.into_iter().enumerate() {
        let line = index.to_string().repeat(size);
        logs.append("/ecs/app", "web/1", vec![(NOW.0, line)], None, NOW).unwrap().durable().await.unwrap();
    }
    for operation in ["GetLogEvents", "FilterLogEvents"] {
        let mut body = json!({"logGroupName": "/ecs/app", "startFromHead": true});
        if operation == "GetLogEvents" {
            body["logStreamName"] = json!("web/1");
        }
        let mut pages = Vec::new();
        while pages.len() < sizes.len() {
            let page = call(&logs, operation, body.clone()).await.unwrap();
            let lengths: Vec<usize> = messages(&page).iter().map(String::len).collect();
            pages.push(lengths);
            let Some(token) = page.get("nextForwardToken").or(page.get("nextToken")) else { break };
            body["nextToken"] = token.clone();
        }
        assert_eq!(pages, [vec![600_000], vec![500_000], vec![1_048_550], vec![10]], "{operation}");
    }
}

#[tokio::test]
async fn a_tail_of_an_empty_stream_finds_what_comes() {
    let logs = with_stream().await;
    let body = json!({"logGroupName": "/ecs/app", "logStreamName": "web/1"});
    let empty = call(&logs, "GetLogEvents", body.clone()).await.unwrap();
    assert_eq!(messages(&empty), Vec::<String>::new());
    put(&logs, "web/1", &[(NOW.0, "one"), (NOW.0 + 5, "two")]).await;
    let mut next = body.clone();
    next["nextToken"] = empty["nextForwardToken"].clone();
    assert_eq!(messages(&call(&logs, "GetLogEvents", next).await.unwrap()), ["one", "two"]);
    for (start, end, expected) in [(0, 5, vec!["one"]), (1, 6, vec!["two"]), (5, 5, vec![])] {
        let mut ranged = body.clone();
        ranged["startTime"] = json!(NOW.0 + start);
        ranged["endTime"] = json!(NOW.0 + end);
        assert_eq!(messages(&call(&logs, "GetLogEvents", ranged).await.unwrap()), expected);
    }
}
