//! Parameter Store as its clients see it.

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_500);

fn parameters(store: &Arc<Store>) -> Parameters {
    let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
    Parameters::new(scope, Arc::clone(store))
}

async fn call(parameters: &Parameters, operation: &str, body: Value) -> Result<Value, Refusal> {
    parameters.call(operation, body, NOW).await
}

async fn put(parameters: &Parameters, name: &str, kind: &str, value: &str) {
    call(parameters, "PutParameter", json!({"Name": name, "Type": kind, "Value": value})).await.unwrap();
}

#[tokio::test]
async fn a_parameter_is_put_overwritten_read_and_deleted() {
    let parameters = parameters(&Arc::new(Store::ephemeral().unwrap()));
    let body = json!({"Name": "/app/url", "Type": "String", "Value": "one", "Tier": "Standard"});
    let put = call(&parameters, "PutParameter", body.clone()).await;
    assert_eq!(put, Ok(json!({"Version": 1, "Tier": "Standard"})));
    let again = call(&parameters, "PutParameter", body).await.unwrap_err();
    assert_eq!(again.code, "ParameterAlreadyExists");
    let body = json!({"Name": "/app/url", "Value": "two", "Overwrite": true});
    assert_eq!(call(&parameters, "PutParameter", body).await.unwrap()["Version"], 2);

    let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/app/url";
    let shown = |value: &str, version: i64| {
        json!({"Parameter": {"Name": "/app/url", "Type": "String", "Value": value, "Version": version,
            "LastModifiedDate": 1_700_000_000.5, "ARN": arn, "DataType": "text"}})
    };
    for name in ["/app/url", arn] {
        assert_eq!(
            call(&parameters, "GetParameter", json!({"Name": name})).await,
            Ok(shown("two", 2)),
            "{name}"
        );
    }
    let mut first = shown("one", 1);
    first["Parameter"]["Selector"] = json!(":1");
    assert_eq!(call(&parameters, "GetParameter", json!({"Name": "/app/url:1"})).await, Ok(first));
    let absent = call(&parameters, "GetParameter", json!({"Name": "/app/url:9"})).await.unwrap_err();
    assert_eq!(absent.code, "ParameterVersionNotFound");

    assert_eq!(call(&parameters, "DeleteParameter", json!({"Name": "/app/url"})).await, Ok(json!({})));
    let gone = call(&parameters, "GetParameter", json!({"Name": "/app/url"})).await.unwrap_err();
    assert_eq!(gone.body(), json!({"__type": "ParameterNotFound"}));
    let gone = call(&parameters, "DeleteParameter", json!({"Name": "/app/url"})).await.unwrap_err();
    assert_eq!(gone.code, "ParameterNotFound");
}

#[tokio::test]
async fn a_secure_string_is_shown_only_when_asked_for() {
    let parameters = parameters(&Arc::new(Store::ephemeral().unwrap()));
    put(&parameters, "key", "SecureString", "swordfish").await;
    for (decrypt, value) in [(false, ENCRYPTED), (true, "swordfish")] {
        let body = json!({"Name": "key", "WithDecryption": decrypt});
        assert_eq!(call(&parameters, "GetParameter", body).await.unwrap()["Parameter"]["Value"], value);
    }
    assert!(!format!("{:?}", lock(&parameters.all)).contains("swordfish"));
}

#[tokio::test]
async fn many_are_read_by_name_and_by_path() {
    let parameters = parameters(&Arc::new(Store::ephemeral().unwrap()));
    for number in 0..12 {
        put(&parameters, &format!("/app/p{number:02}"), "String", "x").await;
    }
    put(&parameters, "/app/deep/one", "String", "x").await;
    let body = json!({"Names": ["/app/p01", "no", "/app/p00"]});
    let found = call(&parameters, "GetParameters", body).await.unwrap();
    assert_eq!(names(&found), ["/app/p01", "/app/p00"]);
    assert_eq!(found["InvalidParameters"], json!(["no"]));

    for (recursive, count) in [(false, 12), (true, 13)] {
        let mut all = Vec::new();
        let mut body = json!({"Path": "/app/", "Recursive": recursive, "MaxResults": 5});
        loop {
            let page = call(&parameters, "GetParametersByPath", body.clone()).await.unwrap();
            all.extend(names(&page));
            match page.get("NextToken") {
                Some(token) => body["NextToken"] = token.clone(),
                None => break,
            }
        }
        let mut sorted = all.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((all.len(), sorted), (count, all));
    }
    let filter =
        json!({"ParameterFilters": [{"Key": "Name", "Option": "BeginsWith", "Values": ["/app/p1"]}]});
    assert_eq!(
        names(&call(&parameters, "DescribeParameters", filter).await.unwrap()),
        ["/app/p10", "/app/p11"]
    );
    let body = json!({"Names": ["/app/p01", "no"]});
    let deleted = call(&parameters, "DeleteParameters", body).await;
    assert_eq!(deleted, Ok(json!({"DeletedParameters": ["/app/p01"], "InvalidParameters": ["no"]})));
}

fn names(answer: &Value) -> Vec<String> {
    let parameters = answer["Parameters"].as_array().unwrap();
    parameters.iter().map(|parameter| parameter["Name"].as_str().unwrap().to_owned()).collect()
}

/// Each call is refused with this exception and a sentence that begins so.
async fn refused(cases: Vec<(&str, Value, &str, &str)>) {
    let parameters = parameters(&Arc::new(Store::ephemeral().unwrap()));
    for (operation, body, code, sentence) in cases {
        let refusal = call(&parameters, operation, body).await.unwrap_err();
        assert_eq!(refusal.code, code);
        assert!(refusal.message.as_deref().unwrap_or("").starts_with(sentence), "{refusal:?}");
    }
}

#[tokio::test]
async fn parameters_that_cannot_be_are_refused() {
    const CODE: &str = "ValidationException";
    let put = |name: &str, kind: &str, value: &str| json!({"Name": name, "Type": kind, "Value": value});
    let long = "x".repeat(4097);
    refused(vec![
        ("PutParameter", json!({"Value": "x"}), CODE, "1 validation error detected: Value null at 'name'"),
        ("PutParameter", put("a", "String", ""), CODE, "1 validation error detected: Value at 'value'"),
        ("PutParameter", json!({"Name": "a", "Value": "x"}), CODE, "A parameter type is required"),
        ("PutParameter", put("a", "Text", "x"), CODE, "1 validation error detected: Value 'Text' at 'type'"),
        ("PutParameter", put("a/b", "String", "x"), CODE, "Parameter name must be a fully"),
        ("PutParameter", put("a", "String", &long), CODE, "Standard tier"),
        ("PutParameter", json!({"Name": "a", "Value": 7}), "SerializationException", "NUMBER_VALUE can not"),
    ])
    .await;
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_refused() {
    const CODE: &str = "ValidationException";
    let below = |path: &str, most: i64| json!({"Path": path, "MaxResults": most});
    let filtered = json!({"Path": "/", "ParameterFilters": []});
    refused(vec![
        ("GetParameter", json!({}), CODE, "1 validation error detected: Value null at 'name'"),
        ("GetParameters", json!({"Names": []}), CODE, "1 validation error detected: Value at 'names'"),
        ("GetParametersByPath", below("app", 10), CODE, "The parameter doesn't meet"),
        (
            "GetParametersByPath",
            below("/", 11),
            CODE,
            "1 validation error detected: Value '11' at 'maxResults'",
        ),
        ("GetParametersByPath", filtered, CODE, "Longshore's engine does not offer"),
        ("LabelParameterVersion", json!({}), "UnknownOperationException", ""),
    ])
    .await;
}

#[tokio::test]
async fn stored_parameters_come_back() {
    let store = Arc::new(Store::ephemeral().unwrap());
    let before = parameters(&store);
    put(&before, "a", "String", "one").await;
    put(&before, "b", "SecureString", "two").await;
    call(&before, "PutParameter", json!({"Name": "a", "Value": "three", "Overwrite": true})).await.unwrap();
    call(&before, "DeleteParameter", json!({"Name": "b"})).await.unwrap();
    let after = parameters(&store);
    for record in store.records().await.unwrap() {
        after.restore(&record).unwrap();
    }
    let body = json!({"Names": ["a", "a:1", "b"], "WithDecryption": true});
    let answer = call(&after, "GetParameters", body.clone()).await.unwrap();
    assert_eq!(answer, call(&before, "GetParameters", body).await.unwrap());
    assert_eq!(answer["InvalidParameters"], json!(["b"]));
}
