//! Names of container images, as Docker reads them.

/// Docker Hub, under the name that its images have.
const DOCKER_HUB: &str = "docker.io";

/// An image and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    /// In a private registry of Amazon ECR.
    Ecr(EcrImage),
    /// In any other registry.
    Other(OtherImage),
}

/// An image in a private registry of Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcrImage {
    /// The account that the registry belongs to.
    pub account: String,
    /// The registry's region.
    pub region: String,
    /// The repository, without the registry.
    pub repository: String,
    /// Which image of it.
    pub reference: Reference,
}

/// An image in a registry that speaks the Docker Registry protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherImage {
    /// The registry's host, with its port where it has one.
    pub host: String,
    /// The repository, without the registry.
    pub repository: String,
    /// Which image of it.
    pub reference: Reference,
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// By its tag.
    Tag(String),
    /// By its digest, such as `sha256:...`.
    Digest(String),
}

impl Reference {
    /// The tag or the digest.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }
}

impl Image {
    /// Reads a name such as `nginx`, `quay.io/a/b:1` or `HOST/REPOSITORY:TAG@sha256:...` (the digest is what counts).
    /// `None` when it is none.
    /// <https://github.com/distribution/reference/blob/main/reference.go>
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) if digest.contains(':') => (name, Some(digest)),
            Some(_) => return None,
            None => (name, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let reference = match (digest, tag) {
            (Some(digest), _) => Reference::Digest(digest.to_owned()),
            (None, tag) => Reference::Tag(tag.unwrap_or("latest").to_owned()),
        };
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (host, repository) = match name.split_once('/') {
            Some((host, repository)) if is_host(host) => (host, repository.to_owned()),
            Some(_) => (DOCKER_HUB, name.to_owned()),
            None => (DOCKER_HUB, format!("library/{name}")),
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
        let is_text = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        let host_allowed = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
        if !repository.chars().all(allowed)
            || repository.ends_with('/')
            || !is_text(reference.as_str())
            || !host.chars().all(host_allowed)
        {
            return None;
        }
        Some(match ecr(host) {
            Some((account, region)) => Self::Ecr(EcrImage { account, region, repository, reference }),
            None => Self::Other(OtherImage { host: host.to_owned(), repository, reference }),
        })
    }
}

/// Account and region of a registry: `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, that of China with `.cn` behind it and those
/// of other partitions with their domains, the ones with `ecr-fips`, and the dual-stack `ACCOUNT.dkr-ecr.REGION.on.aws`.
fn ecr(host: &str) -> Option<(String, String)> {
    let mut parts = host.split('.');
    let account = parts.next().filter(|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()))?;
    match parts.next()? {
        "dkr" => drop(parts.next().filter(|part| matches!(*part, "ecr" | "ecr-fips"))?),
        "dkr-ecr" | "dkr-ecr-fips" => {}
        _ => return None,
    }
    let region = parts.next()?;
    parts.next().map(|_| (account.to_owned(), region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(host: &str, repository: &str, reference: Reference) -> Option<Image> {
        Some(Image::Other(OtherImage { host: host.into(), repository: repository.into(), reference }))
    }

    fn tag(tag: &str) -> Reference {
        Reference::Tag(tag.into())
    }

    #[test]
    fn names_as_docker_reads_them() {
        let digest = || Reference::Digest("sha256:0af3".into());
        let cases = [
            ("nginx", other("docker.io", "library/nginx", tag("latest"))),
            ("nginx:1.27", other("docker.io", "library/nginx", tag("1.27"))),
            ("team/web:v1", other("docker.io", "team/web", tag("v1"))),
            ("ghcr.io/team/web:v1@sha256:0af3", other("ghcr.io", "team/web", digest())),
            ("localhost/web", other("localhost", "web", tag("latest"))),
            ("127.0.0.1:5000/a/web:v1", other("127.0.0.1:5000", "a/web", tag("v1"))),
            ("host:5000/web", other("host:5000", "web", tag("latest"))),
            ("public.ecr.aws/nginx/nginx:1", other("public.ecr.aws", "nginx/nginx", tag("1"))),
            ("", None),
            ("nginx:", None),
            ("a b", None),
            ("web@latest", None),
            ("Team/web", None),
            ("evil.example#x/web", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Image::read(name), expected, "{name}");
        }
    }

    #[test]
    fn ecr_in_every_partition() {
        let hosts = [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
        ];
        for (host, region) in hosts {
            let Some(Image::Ecr(image)) = Image::read(&format!("{host}/a/web:v1@sha256:0af3")) else {
                panic!("{host}")
            };
            assert_eq!((image.account.as_str(), image.region.as_str()), ("123456789012", region));
            assert_eq!((image.repository.as_str(), image.reference.as_str()), ("a/web", "sha256:0af3"));
        }
        for host in ["12.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr", "123456789012.x.ecr.a.b"] {
            assert!(matches!(Image::read(&format!("{host}/web")), Some(Image::Other(_))), "{host}");
        }
    }
}
