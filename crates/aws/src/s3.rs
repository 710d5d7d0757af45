//! S3, as whoever uploads a function's code sees it.

use std::time::Duration;

use longshore_model::{Error, Kind};

use crate::Aws;
use crate::signed::{self, Call, Endpoint, Service};

/// The service.
pub(crate) const S3: Service = Service { name: "s3", id: "S3", is_s3: true };

/// How long one attempt to upload may take: some megabytes over a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// An object that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its address with `https://`, or below the configured endpoint.
    pub url: String,
    /// Its version; absent when the bucket keeps none.
    pub version_id: Option<String>,
}

impl Aws {
    /// Uploads an object, in place of the one that had this key.
    pub async fn put_object(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<Uploaded, Error> {
        let what = format!("upload `s3://{bucket}/{key}`");
        let (host, path) = self.object_address(&what, bucket, key)?;
        let headers = [("content-type", "application/zip")];
        let request = signed::request(&what, "PUT", &path, &headers, bytes)?;
        let call = Call {
            service: S3,
            operation: "PutObject",
            what: &what,
            endpoint: &host,
            request,
            attempt_timeout: UPLOAD_TIMEOUT,
        };
        let answer = self.send(call).await?;
        // `null` is the version of what was uploaded while versioning was suspended.
        let version = answer.headers.get("x-amz-version-id").filter(|version| *version != "null");
        Ok(Uploaded { url: format!("{host}{path}"), version_id: version.map(ToOwned::to_owned) })
    }

    /// Where an object will be: the host, and the path on it.
    fn object_address(&self, what: &str, bucket: &str, key: &str) -> Result<(String, String), Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
            return Err(Error::new(
                Kind::Invalid,
                format!("cannot {what}: `{bucket}` is no name of a bucket"),
            )
            .with_hint("it has 3-63 lower-case letters, digits, dots and hyphens, without s3:// before it"));
        }
        let key = key.split('/').map(signed::percent_encoded).collect::<Vec<_>>().join("/");
        let Endpoint { url, is_custom } = self.endpoint(S3);
        // The certificate of S3 is good for one label before `s3`, and a name with dots has several.
        if is_custom || bucket.contains('.') {
            return Ok((url, format!("/{bucket}/{key}")));
        }
        Ok((url.replacen("https://", &format!("https://{bucket}."), 1), format!("/{key}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn on_aws_the_bucket_is_part_of_the_host_unless_its_name_has_dots() {
        let (aws, replay) = Replay::on_aws("cn-north-1", [(200, ""), (200, "")]);
        replay.with_headers([vec![("x-amz-version-id", "v1")], vec![("x-amz-version-id", "null")]]);
        let uploaded = aws.put_object("code", "a b/run+1.zip", b"zip".to_vec()).await.unwrap();
        let url = "https://code.s3.cn-north-1.amazonaws.com.cn/a%20b/run%2B1.zip";
        assert_eq!(uploaded, Uploaded { url: url.into(), version_id: Some("v1".into()) });
        let dotted = aws.put_object("my.code", "run.zip", b"zip".to_vec()).await.unwrap();
        assert_eq!(dotted.url, "https://s3.cn-north-1.amazonaws.com.cn/my.code/run.zip");
        assert_eq!(dotted.version_id, None);
        let [sent, _] = &replay.sent()[..] else { panic!("two requests") };
        assert_eq!((sent.method.as_str(), sent.uri.as_str(), sent.body.as_str()), ("PUT", url, "zip"));
        assert!(sent.authorization.contains("/cn-north-1/s3/aws4_request"), "{}", sent.authorization);
        assert!(sent.authorization.contains("x-amz-content-sha256"), "{}", sent.authorization);
        let sha256 = "4a70fe9aa6436e02c2dea340fbd1e352e4ef2d8ce6ca52ad25d4b95471fc8bf2";
        assert_eq!(sent.header("x-amz-content-sha256"), Some(sha256));
        assert_eq!(sent.header("x-amz-security-token"), Some("session"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_bucket_is_said_with_the_next_step() {
        let xml = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        let (missing, denied) = (xml("NoSuchBucket"), xml("AccessDenied"));
        let elsewhere = xml("PermanentRedirect");
        let (aws, replay) =
            Replay::of([(404, missing.as_str()), (403, denied.as_str()), (301, elsewhere.as_str())]).await;
        let region = |name| vec![("x-amz-bucket-region", name)];
        replay.with_headers([region("eu-west-1"), region("eu-west-1"), region("us-east-2")]);
        let expected = [
            (Kind::NotFound, "NoSuchBucket: no", "aws s3 mb"),
            (Kind::Denied, "AccessDenied: no", "get-caller-identity"),
            (Kind::Invalid, "the bucket is in us-east-2, and not in eu-west-1", "AWS_REGION"),
        ];
        for (kind, message, hint) in expected {
            let error = aws.put_object("code", "run.zip", Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().starts_with("cannot upload `s3://code/run.zip`: "), "{error}");
            assert!(error.to_string().ends_with(message), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
        assert_eq!(replay.sent()[0].uri, "http://localhost:1/code/run.zip");
    }

    #[tokio::test]
    async fn a_name_that_no_bucket_can_have_reaches_no_host() {
        let (aws, replay) = Replay::on_aws("eu-west-1", []);
        for name in ["", "a", "Code", "code/x", "evil.example#"] {
            let error = aws.put_object(name, "run.zip", Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{name}");
        }
        assert!(replay.sent().is_empty());
    }
}
