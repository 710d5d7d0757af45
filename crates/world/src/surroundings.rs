//! What tasks and services need around them, as far as it can be looked at without any effect.

use async_trait::async_trait;
use longshore_model::Error;
use longshore_model::image::{EcrImage, OtherImage};
use longshore_model::seen::{Cluster, Role, Secret, SeenImage, TargetGroup};

/// What tasks and services need around them. Nothing of it reads a secret's value. Where a region can be given, its
/// absence means the region of the cluster.
#[async_trait]
pub trait Surroundings: Send + Sync + std::fmt::Debug {
    /// DescribeClusters.
    async fn cluster(&self, name: &str) -> Result<Option<Cluster>, Error>;

    /// GetRole, by the name without a path.
    async fn role(&self, name: &str) -> Result<Option<Role>, Error>;

    /// DescribeImages of ECR, and the index of an image that has one.
    async fn ecr_image(&self, image: &EcrImage) -> Result<Option<SeenImage>, Error>;

    /// Asks a registry for a manifest's head, as nobody in particular. [`longshore_model::Kind::Denied`] when it wants to
    /// know who asks.
    async fn other_image(&self, image: &OtherImage) -> Result<Option<SeenImage>, Error>;

    /// DescribeParameters: whether there is one with one of these names.
    async fn has_parameter(&self, region: Option<&str>, names: &[String]) -> Result<bool, Error>;

    /// DescribeSecret, by name or ARN.
    async fn secret(&self, region: Option<&str>, id: &str) -> Result<Option<Secret>, Error>;

    /// DescribeTargetGroups.
    async fn target_group(&self, arn: &str) -> Result<Option<TargetGroup>, Error>;

    /// DescribeLogGroups: whether there is one with this very name.
    async fn has_log_group(&self, region: Option<&str>, name: &str) -> Result<bool, Error>;
}
