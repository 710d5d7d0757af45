//! Images: one that is present is not pulled; one that is absent is, once.

use std::pin::pin;
use std::time::Duration;

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::Daemon;
use super::words::{cannot_pull, docker_says, is_absent};
use crate::runtime::StartError;

/// A pull that shows no progress for so long has failed: the ECS agent's own limit.
const PULL_INACTIVITY_LIMIT: Duration = Duration::from_mins(1);

/// No pull takes longer: the ECS agent's own limit.
const PULL_LIMIT: Duration = Duration::from_hours(2);

/// An image that is on this machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    /// `sha256:...`, where a registry gave it one.
    pub(super) digest: Option<String>,
    /// Whether it had to be pulled.
    pub(super) pulled: bool,
}

impl Daemon {
    /// Makes sure that an image is there.
    pub(super) async fn image(&self, name: &str) -> Result<Image, StartError> {
        if let Some(digest) = self.present(name).await? {
            return Ok(Image { digest, pulled: false });
        }
        tracing::info!(image = name, "pulling");
        timeout(PULL_LIMIT, self.pull(name))
            .await
            .map_err(|_| cannot_pull("the pull was not done after two hours"))??;
        Ok(Image { digest: self.present(name).await?.flatten(), pulled: true })
    }

    /// The image's digest, if it has one, if the image is there.
    async fn present(&self, name: &str) -> Result<Option<Option<String>>, StartError> {
        match self.docker.inspect_image(name).await {
            Ok(image) => Ok(Some(digest(&image.repo_digests.unwrap_or_default()))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(cannot_pull(&docker_says(&error))),
        }
    }

    async fn pull(&self, name: &str) -> Result<(), StartError> {
        let options = CreateImageOptionsBuilder::new().from_image(&with_tag(name)).build();
        let patient = self.docker.clone().with_timeout(PULL_LIMIT);
        let mut progress = pin!(patient.create_image(Some(options), None, None));
        loop {
            match timeout(PULL_INACTIVITY_LIMIT, progress.next()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(cannot_pull(&docker_says(&error))),
                Ok(None) => return Ok(()),
                Err(_) => return Err(cannot_pull("inactivity time exceeded timeout while pulling image")),
            }
        }
    }
}

/// Docker's API pulls every tag of a repository that is named without one.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

/// The digest in the first of `repository@sha256:...`.
fn digest(references: &[String]) -> Option<String> {
    references.first()?.split_once('@').map(|(_, digest)| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_latest() {
        assert_eq!(with_tag("busybox"), "busybox:latest");
        assert_eq!(with_tag("registry:5000/team/web"), "registry:5000/team/web:latest");
        assert_eq!(with_tag("registry:5000/team/web:3"), "registry:5000/team/web:3");
        assert_eq!(with_tag("web@sha256:00"), "web@sha256:00");
    }

    #[test]
    fn a_digest_is_what_follows_the_repository() {
        assert_eq!(digest(&["web@sha256:00".into()]).as_deref(), Some("sha256:00"));
        assert_eq!(digest(&[]), None);
    }
}
