//! The operations of Elastic Load Balancing (version 2015-12-01): from an operation's name to its request, handler and answer.

use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::shape::Done;
use super::{balancer, certificate, group, limit, listener, rule, subnet, tags, target};
use crate::api::operations;
use crate::cloud::Cloud;

/// What of the context a handler needs.
pub(crate) struct Call {
    pub(crate) now: Timestamp,
}

operations! {
    handle_balancing;
    CreateLoadBalancer(balancer::CreateLoadBalancer) -> balancer::LoadBalancers =
        |cloud, input, call| cloud.create_load_balancer(&input, call.now);
    DescribeLoadBalancers(balancer::DescribeLoadBalancers) -> balancer::LoadBalancers =
        |cloud, input, call| cloud.describe_load_balancers(&input);
    DeleteLoadBalancer(balancer::OfLoadBalancer) -> Done =
        |cloud, input, call| cloud.delete_load_balancer(&input, call.now);
    ModifyLoadBalancerAttributes(balancer::ModifyLoadBalancerAttributes) -> group::Attributes =
        |cloud, input, call| cloud.modify_balancer_attributes(&input);
    DescribeLoadBalancerAttributes(balancer::OfLoadBalancer) -> group::Attributes =
        |cloud, input, call| cloud.describe_balancer_attributes(&input);
    SetSecurityGroups(subnet::SetSecurityGroups) -> subnet::SecurityGroups =
        |cloud, input, call| cloud.set_security_groups(&input);
    SetSubnets(subnet::SetSubnets) -> subnet::Subnets = |cloud, input, call| cloud.set_subnets(&input);

    CreateTargetGroup(group::CreateTargetGroup) -> group::TargetGroups =
        |cloud, input, call| cloud.create_target_group(&input);
    ModifyTargetGroup(group::ModifyTargetGroup) -> group::TargetGroups =
        |cloud, input, call| cloud.modify_target_group(&input);
    DescribeTargetGroups(group::DescribeTargetGroups) -> group::TargetGroups =
        |cloud, input, call| cloud.describe_target_groups(&input);
    DeleteTargetGroup(group::OfTargetGroup) -> Done =
        |cloud, input, call| cloud.delete_target_group(&input, call.now);
    ModifyTargetGroupAttributes(group::ModifyTargetGroupAttributes) -> group::Attributes =
        |cloud, input, call| cloud.modify_group_attributes(&input);
    DescribeTargetGroupAttributes(group::OfTargetGroup) -> group::Attributes =
        |cloud, input, call| cloud.describe_group_attributes(&input);

    CreateListener(listener::CreateListener) -> listener::Listeners =
        |cloud, input, call| cloud.create_listener(&input, call.now);
    ModifyListener(listener::ModifyListener) -> listener::Listeners =
        |cloud, input, call| cloud.modify_listener(&input, call.now);
    DescribeListeners(listener::DescribeListeners) -> listener::Listeners =
        |cloud, input, call| cloud.describe_listeners(&input);
    DeleteListener(listener::OfListener) -> Done = |cloud, input, call| cloud.delete_listener(&input, call.now);
    AddListenerCertificates(certificate::OfCertificates) -> certificate::Certificates =
        |cloud, input, call| cloud.add_listener_certificates(&input, call.now);
    RemoveListenerCertificates(certificate::OfCertificates) -> Done =
        |cloud, input, call| cloud.remove_listener_certificates(&input, call.now);
    DescribeListenerCertificates(certificate::DescribeListenerCertificates) -> certificate::Certificates =
        |cloud, input, call| cloud.describe_listener_certificates(&input);

    CreateRule(rule::CreateRule) -> rule::Rules = |cloud, input, call| cloud.create_rule(&input, call.now);
    ModifyRule(rule::ModifyRule) -> rule::Rules = |cloud, input, call| cloud.modify_rule(&input, call.now);
    DescribeRules(rule::DescribeRules) -> rule::Rules = |cloud, input, call| cloud.describe_rules(&input);
    DeleteRule(rule::OfRule) -> Done = |cloud, input, call| cloud.delete_rule(&input, call.now);
    SetRulePriorities(rule::SetRulePriorities) -> rule::Rules =
        |cloud, input, call| cloud.set_rule_priorities(&input, call.now);

    RegisterTargets(target::OfTargets) -> Done = |cloud, input, call| cloud.register_targets(&input, call.now);
    DeregisterTargets(target::OfTargets) -> Done = |cloud, input, call| cloud.deregister_targets(&input, call.now);
    DescribeTargetHealth(target::OfTargets) -> target::TargetHealths =
        |cloud, input, call| cloud.describe_target_health(&input);

    AddTags(tags::AddTags) -> Done = |cloud, input, call| cloud.add_tags(&input);
    RemoveTags(tags::RemoveTags) -> Done = |cloud, input, call| cloud.remove_tags(&input);
    DescribeTags(tags::DescribeTags) -> tags::TagDescriptions = |cloud, input, call| cloud.describe_tags(&input);
    DescribeAccountLimits(limit::DescribeAccountLimits) -> limit::Limits =
        |cloud, input, call| cloud.describe_account_limits(&input);
}
