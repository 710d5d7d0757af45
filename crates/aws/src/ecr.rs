//! Amazon ECR, as whoever looks for an image sees it.

use longshore_model::image::{EcrImage, Reference};
use longshore_model::seen::SeenImage;
use longshore_model::{Error, Kind};
use serde_json::json;

use crate::Aws;
use crate::signed::{Endpoint, Service};

const ECR: Service = Service { name: "ecr", id: "ECR", is_s3: false };
const API: &str = "AmazonEC2ContainerRegistry_V20150921";

/// What names a manifest for each platform, in Docker's words and in those of the OCI.
pub(crate) const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

impl Aws {
    /// Describes an image of the region that we are in.
    pub(crate) async fn describe_image(&self, image: &EcrImage) -> Result<SeenImage, Error> {
        let what = format!("look for image `{}` ({})", image.repository, image.reference.as_str());
        let Endpoint { url, is_custom } = self.endpoint(ECR);
        let url = if is_custom { url } else { url.replacen("https://ecr", "https://api.ecr", 1) };
        let id = match &image.reference {
            Reference::Tag(tag) => json!({"imageTag": tag}),
            Reference::Digest(digest) => json!({"imageDigest": digest}),
        };
        let mut input =
            json!({"registryId": image.account, "repositoryName": image.repository, "imageIds": [id]});
        let answer = self.json_at(ECR, &url, API, "DescribeImages", &what, &input).await?;
        let Some(found) = answer["imageDetails"].as_array().and_then(|found| found.first()) else {
            return Err(Error::new(Kind::NotFound, format!("cannot {what}: there is none")));
        };
        if !found["imageManifestMediaType"].as_str().is_some_and(|media| INDEXES.contains(&media)) {
            return Ok(SeenImage { index: None });
        }
        input["acceptedMediaTypes"] = json!(INDEXES);
        // Whoever may see the image, but not this, knows that it is there all the same.
        let answer = self.json_at(ECR, &url, API, "BatchGetImage", &what, &input).await.unwrap_or_default();
        Ok(SeenImage { index: answer["images"][0]["imageManifest"].as_str().map(ToOwned::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use longshore_world::Surroundings;

    use super::*;
    use crate::replay::Replay;

    fn image(reference: Reference) -> EcrImage {
        let (account, region) = ("123456789012".into(), "cn-north-1".into());
        EcrImage { account, region, repository: "a/web".into(), reference }
    }

    #[tokio::test]
    async fn an_image_is_looked_for_where_it_is_kept() {
        let single = r#"{"imageDetails":[{"imageManifestMediaType":"application/vnd.docker.distribution.manifest.v2+json"}]}"#;
        let several =
            r#"{"imageDetails":[{"imageManifestMediaType":"application/vnd.oci.image.index.v1+json"}]}"#;
        let index = r#"{"images":[{"imageManifest":"{\"manifests\":[]}"}]}"#;
        let (aws, replay) = Replay::on_aws("cn-northwest-1", [(200, single), (200, several), (200, index)]);
        let tag = image(Reference::Tag("v1".into()));
        assert_eq!(aws.ecr_image(&tag).await.unwrap(), Some(SeenImage { index: None }));
        let digest = image(Reference::Digest("sha256:0af3".into()));
        let seen = aws.ecr_image(&digest).await.unwrap();
        assert_eq!(seen, Some(SeenImage { index: Some(r#"{"manifests":[]}"#.into()) }));
        let sent = replay.sent();
        assert_eq!(sent[0].uri, "https://api.ecr.cn-north-1.amazonaws.com.cn/");
        assert!(sent[0].authorization.contains("/cn-north-1/ecr/"), "{}", sent[0].authorization);
        assert_eq!(sent[0].target, "AmazonEC2ContainerRegistry_V20150921.DescribeImages");
        let input =
            r#"{"imageIds":[{"imageTag":"v1"}],"registryId":"123456789012","repositoryName":"a/web"}"#;
        assert_eq!(sent[0].body, input);
        assert!(sent[1].body.contains(r#"[{"imageDigest":"sha256:0af3"}]"#), "{}", sent[1].body);
        assert!(sent[2].target.ends_with("BatchGetImage") && sent[2].body.contains("oci.image.index"));
    }

    #[tokio::test]
    async fn what_is_missing_is_no_error_and_an_index_that_is_denied_is_unknown() {
        let refusal = |code: &str| format!(r#"{{"__type":"{code}","message":"no"}}"#);
        let (no_image, no_repository) =
            (refusal("ImageNotFoundException"), refusal("RepositoryNotFoundException"));
        let several =
            r#"{"imageDetails":[{"imageManifestMediaType":"application/vnd.oci.image.index.v1+json"}]}"#;
        let denied = refusal("AccessDeniedException");
        let answers = [
            (400, no_image.as_str()),
            (400, no_repository.as_str()),
            (200, several),
            (400, denied.as_str()),
            (400, denied.as_str()),
        ];
        let (aws, _) = Replay::of(answers).await;
        let image = image(Reference::Tag("v1".into()));
        assert_eq!(aws.ecr_image(&image).await.unwrap(), None);
        assert_eq!(aws.ecr_image(&image).await.unwrap(), None);
        assert_eq!(aws.ecr_image(&image).await.unwrap(), Some(SeenImage { index: None }));
        assert_eq!(aws.ecr_image(&image).await.unwrap_err().kind(), Kind::Denied);
    }
}
