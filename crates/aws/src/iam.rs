//! IAM, as whoever looks at a role sees it.

use longshore_model::Error;
use longshore_model::seen::Role;
use percent_encoding::percent_decode_str;

use crate::Aws;
use crate::signed::{self, Endpoint, Service};

const IAM: Service = Service { name: "iam", id: "IAM", is_s3: false };

/// The version of IAM's query protocol.
const VERSION: &str = "2010-05-08";

/// IAM has one endpoint for each partition, which wants signatures for one region: by the beginning of the regions' names.
/// <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn"),
    ("us-gov-", "us-gov-west-1", "https://iam.us-gov.amazonaws.com"),
    ("eusc-", "eusc-de-east-1", "https://iam.eusc-de-east-1.amazonaws.eu"),
    ("us-iso-", "us-iso-east-1", "https://iam.us-iso-east-1.c2s.ic.gov"),
    ("us-isob-", "us-isob-east-1", "https://iam.us-isob-east-1.sc2s.sgov.gov"),
    ("us-isof-", "us-isof-south-1", "https://iam.us-isof-south-1.csp.hci.ic.gov"),
    ("eu-isoe-", "eu-isoe-west-1", "https://iam.eu-isoe-west-1.cloud.adc-e.uk"),
];

impl Aws {
    /// Describes a role, by its name without a path.
    pub(crate) async fn get_role(&self, name: &str) -> Result<Role, Error> {
        let what = format!("look at role `{name}`");
        let Endpoint { url, is_custom } = self.endpoint(IAM);
        let known = PARTITIONS.iter().find(|(beginning, ..)| self.region().starts_with(beginning));
        let of_partition =
            known.map_or(("us-east-1", "https://iam.amazonaws.com"), |(_, region, url)| (*region, *url));
        let (region, url) = if is_custom { (self.region(), url.as_str()) } else { of_partition };
        let there = self.in_region(Some(region))?;
        let answer = there.query(IAM, url, VERSION, "GetRole", &what, ("RoleName", name)).await?;
        let member = |name| signed::xml_text(&answer, name).ok_or_else(|| signed::unreadable(&what));
        // The policy is written as it would be in a URL.
        let trust = member("AssumeRolePolicyDocument")?;
        Ok(Role { arn: member("Arn")?, trust: percent_decode_str(&trust).decode_utf8_lossy().into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Kind;
    use longshore_world::Surroundings;

    use crate::replay::Replay;

    const ANSWER: &str = r#"<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>
        <Path>/a/</Path><RoleName>exec</RoleName><Arn>arn:aws:iam::1:role/a/exec</Arn>
        <AssumeRolePolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</AssumeRolePolicyDocument>
        </Role></GetRoleResult></GetRoleResponse>"#;

    #[tokio::test]
    async fn each_partition_has_one_place_for_roles() {
        let places = [
            ("eu-west-1", "https://iam.amazonaws.com/", "us-east-1"),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"),
            ("us-isob-east-1", "https://iam.us-isob-east-1.sc2s.sgov.gov/", "us-isob-east-1"),
        ];
        for (region, url, signed_for) in places {
            let (aws, replay) = Replay::on_aws(region, [(200, ANSWER)]);
            let role = aws.role("exec").await.unwrap().unwrap();
            assert_eq!(
                (role.arn.as_str(), role.trust.as_str()),
                ("arn:aws:iam::1:role/a/exec", r#"{"Statement":[]}"#)
            );
            let sent = &replay.sent()[0];
            assert_eq!(sent.uri, url);
            assert!(sent.authorization.contains(&format!("/{signed_for}/iam/")), "{}", sent.authorization);
            assert_eq!(sent.body, "Action=GetRole&Version=2010-05-08&RoleName=exec");
        }
    }

    #[tokio::test]
    async fn a_role_that_is_not_there_is_no_error_and_a_refusal_is_one() {
        let refusal = |code: &str| {
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
        };
        let (missing, denied) = (refusal("NoSuchEntity"), refusal("AccessDenied"));
        let (aws, replay) =
            Replay::of([(404, missing.as_str()), (403, denied.as_str()), (200, "<html/>")]).await;
        assert_eq!(aws.role("exec").await.unwrap(), None);
        let error = aws.role("exec").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Denied, Some("AccessDenied")));
        assert!(aws.role("exec").await.unwrap_err().to_string().contains("the answer is not AWS's"));
        assert_eq!(replay.sent()[0].uri, "http://localhost:1/");
    }
}
