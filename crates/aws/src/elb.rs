//! Elastic Load Balancing, as whoever looks at a target group sees it.

use longshore_model::seen::TargetGroup;
use longshore_model::{Error, Kind};

use crate::Aws;
use crate::signed::{self, Service};

pub(crate) const ELB: Service =
    Service { name: "elasticloadbalancing", id: "Elastic Load Balancing v2", is_s3: false };

/// The version of its query protocol.
pub(crate) const VERSION: &str = "2015-12-01";

impl Aws {
    pub(crate) async fn describe_target_group(&self, arn: &str) -> Result<TargetGroup, Error> {
        let what = format!("describe target group `{arn}`");
        let endpoint = self.endpoint(ELB).url;
        let member = ("TargetGroupArns.member.1", arn);
        let answer = self.query(ELB, &endpoint, VERSION, "DescribeTargetGroups", &what, member).await?;
        let document = roxmltree::Document::parse(&answer).map_err(|_| signed::unreadable(&what))?;
        let elements =
            |name: &'static str| document.descendants().filter(move |node| node.tag_name().name() == name);
        let balancers = elements("LoadBalancerArns").flat_map(|list| list.children());
        let texts = balancers.filter(roxmltree::Node::is_element).filter_map(|node| node.text());
        let load_balancers = texts.map(|text| text.trim().to_owned()).collect();
        let target_type = elements("TargetType").find_map(|node| node.text()).map(ToOwned::to_owned);
        if elements("TargetGroupArn").next().is_none() {
            return Err(Error::new(Kind::NotFound, format!("cannot {what}: there is none")));
        }
        // Without a type it is one from before there were several.
        Ok(TargetGroup { target_type: target_type.unwrap_or_else(|| "instance".to_owned()), load_balancers })
    }
}

#[cfg(test)]
mod tests {
    use longshore_world::Surroundings;

    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn a_target_group_with_its_load_balancers() {
        let answer = r#"<DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
            <DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn>
            <TargetType>ip</TargetType><LoadBalancerArns><member>arn:a</member><member>arn:b</member></LoadBalancerArns>
            </member></TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"#;
        let missing = "<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code>\
                       <Message>One or more target groups not found</Message></Error></ErrorResponse>";
        let none = "<DescribeTargetGroupsResponse><TargetGroups/></DescribeTargetGroupsResponse>";
        let (aws, replay) = Replay::of([(200, answer), (400, missing), (200, none)]).await;
        let expected =
            TargetGroup { target_type: "ip".into(), load_balancers: vec!["arn:a".into(), "arn:b".into()] };
        assert_eq!(aws.target_group("arn:tg").await.unwrap(), Some(expected));
        assert_eq!(aws.target_group("arn:tg").await.unwrap(), None);
        assert_eq!(aws.target_group("arn:tg").await.unwrap(), None);
        let sent = &replay.sent()[0];
        assert_eq!(
            sent.body,
            "Action=DescribeTargetGroups&Version=2015-12-01&TargetGroupArns.member.1=arn%3Atg"
        );
        assert!(sent.authorization.contains("/eu-west-1/elasticloadbalancing/"), "{}", sent.authorization);
    }
}
