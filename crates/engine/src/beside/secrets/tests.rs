//! Secrets Manager as its clients see it.

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const TOKEN: &str = "00000000-0000-4000-8000-000000000001";

fn secrets(store: &Arc<Store>) -> Secrets {
    let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
    Secrets::new(scope, Arc::clone(store))
}

async fn call(secrets: &Secrets, operation: &str, body: Value) -> Result<Value, Refusal> {
    secrets.call(operation, body, NOW).await
}

async fn refused(secrets: &Secrets, operation: &str, body: Value) -> (String, String) {
    let refusal = call(secrets, operation, body).await.unwrap_err();
    (refusal.code, refusal.message.unwrap_or_default())
}

#[tokio::test]
async fn a_secret_is_read_by_name_arn_and_partial_arn() {
    let secrets = secrets(&Arc::new(Store::ephemeral().unwrap()));
    let body = json!({"Name": "app/db-secret", "SecretString": "swordfish", "ClientRequestToken": TOKEN});
    let made = call(&secrets, "CreateSecret", body).await.unwrap();
    let arn = made["ARN"].as_str().unwrap();
    let end =
        arn.strip_prefix("arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-secret-").unwrap();
    assert!(end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{arn}");
    for id in ["app/db-secret", arn, &arn[..arn.len() - 7]] {
        let answer = call(&secrets, "GetSecretValue", json!({"SecretId": id})).await;
        let expected = json!({"ARN": arn, "Name": "app/db-secret", "VersionId": TOKEN, "SecretString": "swordfish",
            "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_700_000_000.0});
        assert_eq!(answer, Ok(expected), "{id}");
    }
    let missing =
        ("ResourceNotFoundException".into(), "Secrets Manager can't find the specified secret.".into());
    for id in [
        "app/db",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-secret-ABCDE_",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-secret",
    ] {
        assert_eq!(refused(&secrets, "GetSecretValue", json!({"SecretId": id})).await, missing, "{id}");
    }
    assert!(!format!("{:?}", secrets.state().all).contains("swordfish"));
}

#[tokio::test]
async fn the_same_token_is_the_same_request() {
    let secrets = secrets(&Arc::new(Store::ephemeral().unwrap()));
    let body = json!({"Name": "a", "SecretString": "one", "ClientRequestToken": TOKEN});
    let first = call(&secrets, "CreateSecret", body.clone()).await;
    assert!(first.is_ok());
    assert_eq!(call(&secrets, "CreateSecret", body).await, first);
    let other_value = json!({"Name": "a", "SecretString": "two", "ClientRequestToken": TOKEN});
    let (code, message) = refused(&secrets, "CreateSecret", other_value).await;
    assert_eq!(code, "ResourceExistsException");
    assert!(message.starts_with(&format!("You can't use ClientRequestToken {TOKEN} because")), "{message}");
    let without = json!({"Name": "a", "SecretString": "one"});
    let exists = "The operation failed because the secret a already exists.";
    assert_eq!(
        refused(&secrets, "CreateSecret", without).await,
        ("ResourceExistsException".into(), exists.into())
    );
}

#[tokio::test]
async fn stages_move_with_new_versions() {
    let secrets = secrets(&Arc::new(Store::ephemeral().unwrap()));
    call(&secrets, "CreateSecret", json!({"Name": "a", "SecretString": "one"})).await.unwrap();
    for value in ["two", "three"] {
        call(&secrets, "PutSecretValue", json!({"SecretId": "a", "SecretString": value})).await.unwrap();
    }
    let body = json!({"SecretId": "a", "SecretBinary": "AAEC", "VersionStages": ["NEXT"]});
    let next = call(&secrets, "PutSecretValue", body).await.unwrap();
    assert_eq!(next["VersionStages"], json!(["NEXT"]));
    for (stage, value) in [("AWSCURRENT", "three"), ("AWSPREVIOUS", "two")] {
        let body = json!({"SecretId": "a", "VersionStage": stage});
        assert_eq!(call(&secrets, "GetSecretValue", body).await.unwrap()["SecretString"], value);
    }
    let body = json!({"SecretId": "a", "VersionId": next["VersionId"]});
    assert_eq!(call(&secrets, "GetSecretValue", body).await.unwrap()["SecretBinary"], "AAEC");
    let body = json!({"SecretId": "a", "VersionId": next["VersionId"], "VersionStage": "AWSCURRENT"});
    assert_eq!(refused(&secrets, "GetSecretValue", body).await.0, "InvalidRequestException");
    let (code, message) =
        refused(&secrets, "GetSecretValue", json!({"SecretId": "a", "VersionStage": "NO"})).await;
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(message, "Secrets Manager can't find the specified secret value for staging label: NO");
    let described = call(&secrets, "DescribeSecret", json!({"SecretId": "a"})).await.unwrap();
    assert_eq!(described["VersionIdsToStages"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn deletion_waits_for_its_window_or_not() {
    let secrets = secrets(&Arc::new(Store::ephemeral().unwrap()));
    call(&secrets, "CreateSecret", json!({"Name": "a", "SecretString": "one"})).await.unwrap();
    let body = json!({"SecretId": "a", "RecoveryWindowInDays": 7});
    let deleted = call(&secrets, "DeleteSecret", body).await.unwrap();
    assert_eq!(deleted["DeletionDate"], 1_700_604_800.0);
    let marked = "You can't perform this operation on the secret because it was marked for deletion.";
    let expected = ("InvalidRequestException".to_owned(), marked.to_owned());
    assert_eq!(refused(&secrets, "GetSecretValue", json!({"SecretId": "a"})).await, expected);
    assert_eq!(
        refused(&secrets, "PutSecretValue", json!({"SecretId": "a", "SecretString": "x"})).await,
        expected
    );
    let again = json!({"Name": "a", "SecretString": "one"});
    assert_eq!(refused(&secrets, "CreateSecret", again.clone()).await.0, "InvalidRequestException");
    let listed = call(&secrets, "ListSecrets", json!({})).await.unwrap();
    assert_eq!(listed, json!({"SecretList": []}));
    let listed = call(&secrets, "ListSecrets", json!({"IncludePlannedDeletion": true})).await.unwrap();
    assert_eq!(listed["SecretList"][0]["DeletedDate"], 1_700_604_800.0);

    let later = NOW.plus_seconds(7 * 24 * 60 * 60);
    secrets.call("CreateSecret", again.clone(), later).await.unwrap();
    let body = json!({"SecretId": "a", "ForceDeleteWithoutRecovery": true});
    secrets.call("DeleteSecret", body, later).await.unwrap();
    secrets.call("CreateSecret", again, later).await.unwrap();
}

/// Each call is refused with this exception and a sentence that begins so; there is a secret without a value.
async fn all_refused(cases: Vec<(&str, Value, &str, &str)>) {
    let secrets = secrets(&Arc::new(Store::ephemeral().unwrap()));
    call(&secrets, "CreateSecret", json!({"Name": "empty"})).await.unwrap();
    for (operation, body, code, sentence) in cases {
        let (found, message) = refused(&secrets, operation, body).await;
        assert_eq!(found, code, "{message}");
        assert!(message.starts_with(sentence), "{message}");
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_are_refused() {
    const VALIDATION: &str = "ValidationException";
    const TYPE: &str = "SerializationException";
    let both = json!({"Name": "a", "SecretString": "x", "SecretBinary": "AA=="});
    let token = json!({"Name": "a", "ClientRequestToken": "short"});
    let at_token = "1 validation error detected: Value 'short' at 'clientRequestToken'";
    all_refused(vec![
        ("CreateSecret", json!({}), VALIDATION, "1 validation error detected: Value null at 'name'"),
        ("CreateSecret", json!({"Name": "a b"}), VALIDATION, "Invalid name."),
        ("CreateSecret", both, "InvalidParameterException", "You can't specify both"),
        ("CreateSecret", json!({"Name": "a", "SecretBinary": "?"}), TYPE, "SecretBinary is not base64"),
        ("CreateSecret", json!({"Name": "a", "SecretString": 12}), TYPE, "NUMBER_VALUE can not be converted"),
        ("CreateSecret", token, VALIDATION, at_token),
        (
            "PutSecretValue",
            json!({"SecretId": "empty"}),
            "InvalidRequestException",
            "You must provide either",
        ),
    ])
    .await;
}

#[tokio::test]
async fn other_wrong_requests_are_refused() {
    const PARAMETER: &str = "InvalidParameterException";
    let no_value = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
    let short = json!({"SecretId": "empty", "RecoveryWindowInDays": 6});
    let forced = json!({"SecretId": "empty", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true});
    let no_id = "1 validation error detected: Value '' at 'secretId'";
    all_refused(vec![
        ("GetSecretValue", json!({"SecretId": "empty"}), "ResourceNotFoundException", no_value),
        ("GetSecretValue", json!({"SecretId": ""}), "ValidationException", no_id),
        ("DeleteSecret", short, PARAMETER, "The RecoveryWindowInDays value"),
        ("DeleteSecret", forced, PARAMETER, "You can't use Force"),
        ("ListSecrets", json!({"Filters": []}), PARAMETER, "Longshore's engine does not offer"),
        ("RotateSecret", json!({}), "UnknownOperationException", ""),
    ])
    .await;
}

#[tokio::test]
async fn stored_secrets_come_back() {
    let store = Arc::new(Store::ephemeral().unwrap());
    let before = secrets(&store);
    let body = json!({"Name": "a", "SecretString": "one", "Tags": [{"Key": "team", "Value": "x"}]});
    call(&before, "CreateSecret", body).await.unwrap();
    call(&before, "PutSecretValue", json!({"SecretId": "a", "SecretString": "two"})).await.unwrap();
    call(&before, "CreateSecret", json!({"Name": "b"})).await.unwrap();
    call(&before, "DeleteSecret", json!({"SecretId": "b"})).await.unwrap();
    let after = secrets(&store);
    for record in store.records().await.unwrap() {
        after.restore(&record).unwrap();
    }
    for stage in ["AWSCURRENT", "AWSPREVIOUS"] {
        let body = json!({"SecretId": "a", "VersionStage": stage});
        let answer = call(&after, "GetSecretValue", body.clone()).await;
        assert!(answer.is_ok());
        assert_eq!(answer, call(&before, "GetSecretValue", body).await);
    }
    let body = json!({"IncludePlannedDeletion": true});
    let listed = call(&after, "ListSecrets", body.clone()).await.unwrap();
    assert_eq!(listed["SecretList"].as_array().unwrap().len(), 2);
    assert_eq!(listed, call(&before, "ListSecrets", body).await.unwrap());
}
