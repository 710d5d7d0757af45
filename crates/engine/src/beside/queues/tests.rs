//! SQS as its clients see it.

use std::time::Duration;

use super::*;

const NOW: Timestamp = Timestamp(2_000_000_000_000);
const CLIENT: Client<'_> = Client { host: "127.0.0.1:4510", user_id: "AIDAUSER" };
const URL: &str = "http://127.0.0.1:4510/123456789012/work";

fn queues(store: &Arc<Store>) -> Queues {
    let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
    Queues::new(scope, Arc::clone(store))
}

fn empty() -> Queues {
    queues(&Arc::new(Store::ephemeral().unwrap()))
}

async fn with_queue() -> Queues {
    let queues = empty();
    ask(&queues, "CreateQueue", json!({"QueueName": "work"})).await;
    queues
}

/// A call with the clock's own time: receiving reads it, too.
async fn call(queues: &Queues, operation: &str, body: Value) -> Result<Value, Refusal> {
    queues.call(operation, body, CLIENT, crate::clock::now()).await
}

async fn ask(queues: &Queues, operation: &str, body: Value) -> Value {
    call(queues, operation, body).await.unwrap()
}

async fn refused(queues: &Queues, operation: &str, body: Value) -> String {
    call(queues, operation, body).await.unwrap_err().code
}

async fn send(queues: &Queues, body: &str) -> Value {
    ask(queues, "SendMessage", json!({"QueueUrl": URL, "MessageBody": body})).await
}

async fn receive(queues: &Queues, mut members: Value) -> Vec<Value> {
    members["QueueUrl"] = json!(URL);
    let mut answer = ask(queues, "ReceiveMessage", members).await;
    answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_name_with_the_same_attributes_is_the_same_queue() {
    let queues = empty();
    let with = |attributes: Value| json!({"QueueName": "work", "Attributes": attributes});
    let expected = json!({"QueueUrl": URL});
    for attributes in
        [json!({"DelaySeconds": "5"}), json!({"DelaySeconds": "5", "VisibilityTimeout": "30"}), json!({})]
    {
        assert_eq!(call(&queues, "CreateQueue", with(attributes)).await.as_ref(), Ok(&expected));
    }
    assert_eq!(refused(&queues, "CreateQueue", with(json!({"DelaySeconds": "6"}))).await, "QueueNameExists");
    assert_eq!(ask(&queues, "GetQueueUrl", json!({"QueueName": "work"})).await, expected);
    for (operation, body, code) in [
        ("CreateQueue", json!({}), "MissingRequiredParameterException"),
        ("CreateQueue", json!({"QueueName": "a b"}), "InvalidParameterValueException"),
        ("CreateQueue", json!({"QueueName": "a.fifo"}), "UnsupportedOperation"),
        ("CreateQueue", json!({"QueueName": 1}), "SerializationException"),
        ("GetQueueUrl", json!({"QueueName": "other"}), "QueueDoesNotExist"),
        (
            "GetQueueUrl",
            json!({"QueueName": "work", "QueueOwnerAWSAccountId": "210987654321"}),
            "QueueDoesNotExist",
        ),
        ("DeleteQueue", json!({"QueueUrl": "work"}), "InvalidAddress"),
        (
            "DeleteQueue",
            json!({"QueueUrl": URL.replace("123456789012", "210987654321")}),
            "QueueDoesNotExist",
        ),
        ("AddPermission", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(refused(&queues, operation, body.clone()).await, code, "{operation} {body}");
    }
    ask(&queues, "DeleteQueue", json!({"QueueUrl": URL})).await;
    assert_eq!(refused(&queues, "DeleteQueue", json!({"QueueUrl": URL})).await, "QueueDoesNotExist");
}

#[tokio::test]
async fn queues_are_listed_in_pages() {
    let queues = empty();
    assert_eq!(ask(&queues, "ListQueues", json!({})).await, json!({}));
    for name in ["b", "a-2", "a-1", "a-3"] {
        ask(&queues, "CreateQueue", json!({"QueueName": name})).await;
    }
    let url = |name: &str| format!("http://127.0.0.1:4510/123456789012/{name}");
    let first = ask(&queues, "ListQueues", json!({"QueueNamePrefix": "a-", "MaxResults": 2})).await;
    assert_eq!(first["QueueUrls"], json!([url("a-1"), url("a-2")]));
    let next = json!({"QueueNamePrefix": "a-", "MaxResults": 2, "NextToken": first["NextToken"]});
    assert_eq!(ask(&queues, "ListQueues", next).await, json!({"QueueUrls": [url("a-3")]}));
    let all = ask(&queues, "ListQueues", json!({})).await;
    assert_eq!(all["QueueUrls"].as_array().unwrap().len(), 4);
    assert_eq!(
        refused(&queues, "ListQueues", json!({"MaxResults": 0})).await,
        "InvalidParameterValueException"
    );
}

#[tokio::test]
async fn attributes_are_set_and_shown() {
    let queues = with_queue().await;
    send(&queues, "a").await;
    send(&queues, "b").await;
    receive(&queues, json!({})).await;
    ask(&queues, "SendMessage", json!({"QueueUrl": URL, "MessageBody": "c", "DelaySeconds": 900})).await;
    let set = json!({"QueueUrl": URL, "Attributes": {"VisibilityTimeout": "7"}});
    ask(&queues, "SetQueueAttributes", set).await;
    let shown = ask(&queues, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["All"]})).await;
    let shown = &shown["Attributes"];
    for (name, value) in [
        ("ApproximateNumberOfMessages", "1"),
        ("ApproximateNumberOfMessagesNotVisible", "1"),
        ("ApproximateNumberOfMessagesDelayed", "1"),
        ("VisibilityTimeout", "7"),
        ("MessageRetentionPeriod", "345600"),
        ("MaximumMessageSize", "1048576"),
        ("QueueArn", "arn:aws:sqs:eu-west-1:123456789012:work"),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let one = json!({"QueueUrl": URL, "AttributeNames": ["DelaySeconds"]});
    assert_eq!(ask(&queues, "GetQueueAttributes", one).await, json!({"Attributes": {"DelaySeconds": "0"}}));
    assert_eq!(ask(&queues, "GetQueueAttributes", json!({"QueueUrl": URL})).await, json!({}));
    let unknown = json!({"QueueUrl": URL, "AttributeNames": ["Colour"]});
    assert_eq!(refused(&queues, "GetQueueAttributes", unknown).await, "InvalidAttributeName");
    ask(&queues, "PurgeQueue", json!({"QueueUrl": URL})).await;
    let shown = ask(&queues, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["All"]})).await;
    assert_eq!(shown["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "0");
}

#[tokio::test]
async fn a_message_arrives_whole() {
    let queues = with_queue().await;
    let sent = json!({
        "QueueUrl": URL, "MessageBody": "hello",
        "MessageAttributes": {
            "timestamp": {"DataType": "Number", "StringValue": "1493147359900"},
            "name.a": {"DataType": "String.label", "StringValue": "x"},
            "raw": {"DataType": "Binary", "BinaryValue": "AQID"},
        },
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    });
    let answer = ask(&queues, "SendMessage", sent.clone()).await;
    assert_eq!(answer["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let wanted = json!({"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]});
    let [message] = &receive(&queues, wanted).await[..] else { panic!("one message") };
    assert_eq!((&message["Body"], &message["MD5OfBody"]), (&json!("hello"), &answer["MD5OfMessageBody"]));
    assert_eq!(message["MessageId"], answer["MessageId"]);
    assert_eq!(message["MessageAttributes"], sent["MessageAttributes"]);
    assert_eq!(message["MD5OfMessageAttributes"], answer["MD5OfMessageAttributes"]);
    let own = &message["Attributes"];
    assert_eq!((&own["SenderId"], &own["ApproximateReceiveCount"]), (&json!("AIDAUSER"), &json!("1")));
    assert_eq!((&own["AWSTraceHeader"], &own["SentTimestamp"].is_string()), (&json!("Root=1"), &true));
    // Only what is asked for is shown, and the sum is that of what is shown.
    let id = message["ReceiptHandle"].clone();
    ask(
        &queues,
        "ChangeMessageVisibility",
        json!({"QueueUrl": URL, "ReceiptHandle": id, "VisibilityTimeout": 0}),
    )
    .await;
    let wanted = json!({"AttributeNames": ["ApproximateReceiveCount"], "MessageAttributeNames": ["time.*", "timestamp"]});
    let [message] = &receive(&queues, wanted).await[..] else { panic!("one message") };
    assert_eq!(message["Attributes"], json!({"ApproximateReceiveCount": "2"}));
    assert_eq!(message["MD5OfMessageAttributes"], "235c5c510d26fb653d073faed50ae77c");
}

#[tokio::test]
async fn what_cannot_be_a_message_is_refused() {
    let queues = with_queue().await;
    let attribute = |value: Value| json!({"MessageBody": "a", "MessageAttributes": {"n": value}});
    for (mut body, code) in [
        (json!({}), "MissingRequiredParameterException"),
        (json!({"MessageBody": ""}), "MissingRequiredParameterException"),
        (json!({"MessageBody": "a\u{1}"}), "InvalidMessageContents"),
        (json!({"MessageBody": "a".repeat(1_048_577)}), "InvalidParameterValueException"),
        (json!({"MessageBody": "a", "DelaySeconds": 901}), "InvalidParameterValueException"),
        (json!({"MessageBody": "a", "MessageDeduplicationId": "x"}), "InvalidParameterValueException"),
        (attribute(json!({"DataType": "Number", "StringValue": "many"})), "InvalidParameterValueException"),
        (attribute(json!({"DataType": "Text", "StringValue": "a"})), "InvalidParameterValueException"),
        (attribute(json!({"DataType": "String"})), "InvalidParameterValueException"),
        (attribute(json!({"DataType": "Binary", "BinaryValue": "?"})), "InvalidParameterValueException"),
    ] {
        body["QueueUrl"] = json!(URL);
        assert_eq!(refused(&queues, "SendMessage", body).await, code);
    }
    let largest = json!({"QueueUrl": URL, "MessageBody": "a".repeat(1_048_576)});
    assert!(call(&queues, "SendMessage", largest).await.is_ok());
    let set = json!({"QueueUrl": URL, "Attributes": {"MaximumMessageSize": "1024"}});
    ask(&queues, "SetQueueAttributes", set).await;
    let small = json!({"QueueUrl": URL, "MessageBody": "a".repeat(1025)});
    assert_eq!(refused(&queues, "SendMessage", small).await, "InvalidParameterValueException");
}

#[tokio::test]
async fn a_long_poll_answers_when_a_message_comes() {
    let queues = Arc::new(with_queue().await);
    let waiting = tokio::spawn({
        let queues = Arc::clone(&queues);
        async move { receive(&queues, json!({"WaitTimeSeconds": 20})).await }
    });
    // The receiver waits once it has subscribed.
    while queues.state().all["work"].listeners() == 0 {
        tokio::task::yield_now().await;
    }
    send(&queues, "now").await;
    let messages = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(bodies(&messages), ["now"]);
    // One that becomes visible again ends a wait, too, and a wait without messages ends by itself.
    let handle = messages[0]["ReceiptHandle"].clone();
    let soon = json!({"QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": 1});
    ask(&queues, "ChangeMessageVisibility", soon).await;
    assert_eq!(bodies(&receive(&queues, json!({"WaitTimeSeconds": 20})).await), ["now"]);
    assert_eq!(receive(&queues, json!({"WaitTimeSeconds": 1})).await, Vec::<Value>::new());
    let code = refused(&queues, "ReceiveMessage", json!({"QueueUrl": URL, "WaitTimeSeconds": 21})).await;
    assert_eq!(code, "InvalidParameterValueException");
}

#[tokio::test]
async fn a_queue_that_goes_ends_the_wait_for_it() {
    let queues = Arc::new(with_queue().await);
    let waiting = tokio::spawn({
        let queues = Arc::clone(&queues);
        async move { refused(&queues, "ReceiveMessage", json!({"QueueUrl": URL, "WaitTimeSeconds": 20})).await }
    });
    while queues.state().all["work"].listeners() == 0 {
        tokio::task::yield_now().await;
    }
    ask(&queues, "DeleteQueue", json!({"QueueUrl": URL})).await;
    let code = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(code, "QueueDoesNotExist");
}

#[tokio::test]
async fn only_the_latest_receipt_deletes_a_message() {
    let queues = with_queue().await;
    send(&queues, "a").await;
    let first = receive(&queues, json!({"VisibilityTimeout": 0})).await[0]["ReceiptHandle"].clone();
    let second = receive(&queues, json!({})).await[0]["ReceiptHandle"].clone();
    let with = |handle: &Value| json!({"QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": 0});
    assert_eq!(refused(&queues, "ChangeMessageVisibility", with(&first)).await, "MessageNotInflight");
    ask(&queues, "DeleteMessage", with(&first)).await;
    ask(&queues, "ChangeMessageVisibility", with(&second)).await;
    assert_eq!(refused(&queues, "ChangeMessageVisibility", with(&second)).await, "MessageNotInflight");
    ask(&queues, "DeleteMessage", with(&second)).await;
    assert_eq!(receive(&queues, json!({})).await, Vec::<Value>::new());
    ask(&queues, "DeleteMessage", with(&second)).await;
    let gone = refused(&queues, "ChangeMessageVisibility", with(&second)).await;
    assert_eq!(gone, "InvalidParameterValueException");
    for handle in ["", "nonsense", "d29yayAw"] {
        assert_eq!(refused(&queues, "DeleteMessage", with(&json!(handle))).await, "ReceiptHandleIsInvalid");
    }
}

#[tokio::test]
async fn entries_of_a_batch_succeed_or_fail_by_themselves() {
    let queues = with_queue().await;
    let entry = |id: &str, body: &str| json!({"Id": id, "MessageBody": body});
    let with = |entries: Vec<Value>| json!({"QueueUrl": URL, "Entries": entries});
    let answer =
        ask(&queues, "SendMessageBatch", with(vec![entry("1", "a"), entry("2", "\u{1}"), entry("3", "c")]))
            .await;
    let ids = |of: &str| answer[of].as_array().unwrap().iter().map(|it| it["Id"].clone()).collect::<Vec<_>>();
    assert_eq!((ids("Successful"), ids("Failed")), (vec![json!("1"), json!("3")], vec![json!("2")]));
    assert_eq!(answer["Failed"][0]["Code"], "InvalidMessageContents");
    assert_eq!(answer["Failed"][0]["SenderFault"], true);
    let received = receive(&queues, json!({"MaxNumberOfMessages": 10})).await;
    assert_eq!(bodies(&received), ["a", "c"]);
    let held = |id: usize| json!({"Id": id.to_string(), "ReceiptHandle": received[id]["ReceiptHandle"], "VisibilityTimeout": 0});
    let changed = ask(&queues, "ChangeMessageVisibilityBatch", with(vec![held(0)])).await;
    assert_eq!(changed, json!({"Successful": [{"Id": "0"}], "Failed": []}));
    let wrong = json!({"Id": "x", "ReceiptHandle": "?"});
    let deleted = ask(&queues, "DeleteMessageBatch", with(vec![held(0), held(1), wrong])).await;
    assert_eq!(deleted["Successful"], json!([{"Id": "0"}, {"Id": "1"}]));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(receive(&queues, json!({})).await, Vec::<Value>::new());
    let many = |count: usize| (0..count).map(|number| entry(&number.to_string(), "a")).collect::<Vec<_>>();
    for (entries, code) in [
        (vec![], "EmptyBatchRequest"),
        (many(11), "TooManyEntriesInBatchRequest"),
        (vec![entry("1", "a"), entry("1", "b")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a b", "a")], "InvalidBatchEntryId"),
        (vec![entry("1", &"a".repeat(600_000)), entry("2", &"a".repeat(600_000))], "BatchRequestTooLong"),
    ] {
        assert_eq!(refused(&queues, "SendMessageBatch", with(entries)).await, code);
    }
}

#[tokio::test]
async fn a_restart_forgets_neither_messages_nor_deliveries() {
    let store = Arc::new(Store::ephemeral().unwrap());
    let first = queues(&store);
    ask(&first, "CreateQueue", json!({"QueueName": "work", "tags": {"team": "a"}})).await;
    for body in ["held", "gone", "new"] {
        send(&first, body).await;
    }
    let held = receive(&first, json!({"VisibilityTimeout": 600})).await[0].clone();
    let gone = receive(&first, json!({})).await[0]["ReceiptHandle"].clone();
    ask(&first, "DeleteMessage", json!({"QueueUrl": URL, "ReceiptHandle": gone})).await;
    let second = queues(&store);
    for record in store.records().await.unwrap() {
        assert!(KINDS.contains(&record.kind.as_str()), "{}", record.kind);
        second.restore(&record).unwrap();
    }
    assert_eq!(ask(&second, "ListQueueTags", json!({"QueueUrl": URL})).await, json!({"Tags": {"team": "a"}}));
    assert_eq!(bodies(&receive(&second, json!({"MaxNumberOfMessages": 10})).await), ["new"]);
    ask(&second, "DeleteMessage", json!({"QueueUrl": URL, "ReceiptHandle": held["ReceiptHandle"]})).await;
    ask(&second, "DeleteQueue", json!({"QueueUrl": URL})).await;
    assert_eq!(store.records().await.unwrap().len(), 0);
}

#[tokio::test]
async fn events_go_where_there_is_a_queue_for_them_and_only_the_newest_stay() {
    let store = Arc::new(Store::ephemeral().unwrap());
    let queues = queues(&store);
    queues.publish(&json!({"number": -1}), NOW);
    assert!(!queues.hears_events());
    ask(&queues, "CreateQueue", json!({"QueueName": EVENTS_QUEUE})).await;
    assert!(queues.hears_events());
    for number in 0..EVENTS_LIMIT + 3 {
        queues.publish(&json!({"number": number}), crate::clock::now());
    }
    let url = URL.replace("work", EVENTS_QUEUE);
    let answer = ask(&queues, "ReceiveMessage", json!({"QueueUrl": url})).await;
    assert_eq!(bodies(answer["Messages"].as_array().unwrap()), [r#"{"number":3}"#]);
    let letters = store.records().await.unwrap().iter().filter(|record| record.kind == LETTER).count();
    assert_eq!(letters, EVENTS_LIMIT);
    ask(&queues, "DeleteQueue", json!({"QueueUrl": url})).await;
    assert!(!queues.hears_events());
}
