//! Where container instances are: from ECS to EC2, and from there to an address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use longshore_model::Error;
use longshore_world::Addresses;
use serde_json::json;

use crate::form::Members;
use crate::signed::Service;
use crate::{Aws, form, signed};

const EC2: Service = Service { name: "ec2", id: "EC2", is_s3: false };

/// The version of its query protocol.
const VERSION: &str = "2016-11-15";

/// How many container instances DescribeContainerInstances takes; a filter of EC2 takes 200 values.
const AT_ONCE: usize = 100;

#[async_trait]
impl Addresses for Aws {
    async fn addresses(
        &self,
        cluster: &str,
        container_instances: &[String],
    ) -> Result<BTreeMap<String, IpAddr>, Error> {
        let what = format!("describe container instances of cluster `{cluster}`");
        let mut found = BTreeMap::new();
        for part in container_instances.chunks(AT_ONCE) {
            let input = json!({"cluster": cluster, "containerInstances": part});
            let answer = self.ecs_json("DescribeContainerInstances", &what, &input).await?;
            let instances = answer["containerInstances"].as_array();
            let ids: Vec<(&str, &str)> = instances
                .ok_or_else(|| signed::unreadable(&what))?
                .iter()
                .filter_map(|it| Some((it["containerInstanceArn"].as_str()?, it["ec2InstanceId"].as_str()?)))
                // What is registered from elsewhere (ECS Anywhere) is called `mi-...` and is not known to EC2.
                .filter(|(_, id)| id.starts_with("i-"))
                .collect();
            let addresses = self.instance_addresses(ids.iter().map(|(_, id)| *id)).await?;
            found.extend(ids.iter().filter_map(|(arn, id)| Some(((*arn).to_owned(), *addresses.get(*id)?))));
        }
        Ok(found)
    }
}

impl Aws {
    /// The private addresses of EC2 instances. By a filter: a call that names an instance which is gone is refused whole.
    async fn instance_addresses(
        &self,
        ids: impl Iterator<Item = &str> + Send,
    ) -> Result<BTreeMap<String, IpAddr>, Error> {
        let what = "describe the EC2 instances of the cluster";
        let mut filter: Members =
            (1..).zip(ids).map(|(number, id)| (format!("Filter.1.Value.{number}"), id.to_owned())).collect();
        if filter.is_empty() {
            return Ok(BTreeMap::new());
        }
        filter.insert(0, ("Filter.1.Name".to_owned(), "instance-id".to_owned()));
        let endpoint = self.endpoint(EC2).url;
        let mut found = BTreeMap::new();
        let mut members = filter.clone();
        loop {
            let answer =
                self.query_with(EC2, &endpoint, VERSION, "DescribeInstances", what, &members).await?;
            let document = form::document(what, &answer)?;
            for reservation in form::items(what, &document, "reservationSet")? {
                let instances =
                    form::child(reservation, "instancesSet").into_iter().flat_map(|it| it.children());
                found.extend(instances.filter_map(|instance| {
                    // One that has ended has none.
                    let address = form::text(instance, "privateIpAddress").parse().ok()?;
                    Some((form::text(instance, "instanceId"), address))
                }));
            }
            match signed::xml_text(&answer, "nextToken").filter(|token| !token.is_empty()) {
                Some(token) => {
                    members = filter.clone();
                    members.push(("NextToken".to_owned(), token));
                }
                None => return Ok(found),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Kind;

    use super::*;
    use crate::replay::Replay;

    const INSTANCES: &str = r#"{"containerInstances":[
        {"containerInstanceArn":"arn:ci/a","ec2InstanceId":"i-0a"},
        {"containerInstanceArn":"arn:ci/b","ec2InstanceId":"i-0b"},
        {"containerInstanceArn":"arn:ci/gone","ec2InstanceId":"i-0c"},
        {"containerInstanceArn":"arn:ci/elsewhere","ec2InstanceId":"mi-0d"},
        {"containerInstanceArn":"arn:ci/none"}],"failures":[]}"#;

    fn page(instance: &str, address: &str, token: &str) -> String {
        format!(
            r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
            <instancesSet><item><instanceId>{instance}</instanceId><privateIpAddress>{address}</privateIpAddress>
            <networkInterfaceSet><item><privateIpAddress>10.9.9.9</privateIpAddress></item></networkInterfaceSet>
            </item></instancesSet></item></reservationSet><nextToken>{token}</nextToken></DescribeInstancesResponse>"#
        )
    }

    #[tokio::test]
    async fn instances_are_found_by_their_container_instances() {
        let (first, second) = (page("i-0a", "10.0.0.1", "more"), page("i-0b", "10.0.0.2", ""));
        let (aws, replay) =
            Replay::of([(200, INSTANCES), (200, first.as_str()), (200, second.as_str())]).await;
        let arns = ["arn:ci/a".to_owned(), "arn:ci/b".to_owned()];
        let found = aws.addresses("web", &arns).await.unwrap();
        let expected = [("arn:ci/a", [10, 0, 0, 1]), ("arn:ci/b", [10, 0, 0, 2])];
        assert_eq!(found, expected.map(|(arn, ip)| (arn.to_owned(), IpAddr::from(ip))).into());
        let sent = replay.sent();
        assert_eq!(
            sent[1].body,
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value.1=i-0a\
             &Filter.1.Value.2=i-0b&Filter.1.Value.3=i-0c"
        );
        assert!(sent[2].body.ends_with("&NextToken=more"), "{}", sent[2].body);
        assert!(sent[1].authorization.contains("/eu-west-1/ec2/aws4_request"), "{}", sent[1].authorization);
    }

    #[tokio::test]
    async fn nothing_is_asked_of_ec2_for_nobody_and_a_strange_answer_is_none() {
        let none = r#"{"containerInstances":[{"containerInstanceArn":"arn:ci/none"}]}"#;
        let (aws, replay) = Replay::of([(200, none), (200, INSTANCES), (200, "<html/>")]).await;
        let arns = ["arn:ci/none".to_owned()];
        assert_eq!(aws.addresses("web", &[]).await.unwrap(), BTreeMap::new());
        assert_eq!(aws.addresses("web", &arns).await.unwrap(), BTreeMap::new());
        assert_eq!(replay.sent().len(), 1);
        assert_eq!(aws.addresses("web", &arns).await.unwrap_err().kind(), Kind::Unavailable);
    }
}
