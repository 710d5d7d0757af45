"""A load balancer that somebody else set up, for the routes of environments."""

from support.balancer import short
from support.wait import until

REDIRECT = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
NOT_HERE = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "not here"}}


class Shared:
    """A load balancer that somebody else set up, and the routes of environments behind it."""

    def __init__(self, aws, name):
        self.elb = aws.client("elbv2")
        ec2 = aws.client("ec2")
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
        [made] = self.elb.create_load_balancer(Name=short(name), Subnets=subnets)["LoadBalancers"]
        self.arn, self.vpc = made["LoadBalancerArn"], made["VpcId"]

    def listen(self, port, action):
        """A listener of somebody else, with this default action."""
        made = self.elb.create_listener(LoadBalancerArn=self.arn, Protocol="HTTP", Port=port, DefaultActions=[action])
        return made["Listeners"][0]["ListenerArn"]

    def group(self, name, **settings):
        """A target group of somebody else."""
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, **settings)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def url(self, listener):
        """Where the engine really listens."""
        return until(lambda: self.tags(listener).get("longshore:url"), "the listener to listen")

    def tags(self, arn):
        """The tags of anything."""
        found = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def ports(self):
        """The ports of all listeners."""
        found = self.elb.describe_listeners(LoadBalancerArn=self.arn)["Listeners"]
        return {listener["Port"]: listener["ListenerArn"] for listener in found}

    def rules(self, listener):
        """The rules of a listener but for the default one: priority, and hosts."""
        found = self.elb.describe_rules(ListenerArn=listener)["Rules"]
        found = [rule for rule in found if not rule["IsDefault"]]
        return {int(rule["Priority"]): rule for rule in found}

    def groups(self):
        """Names of the target groups that carry our tags."""
        found = self.elb.describe_target_groups()["TargetGroups"]
        return {it["TargetGroupName"] for it in found if "longshore:environment" in self.tags(it["TargetGroupArn"])}

    def port_route(self, first, last):
        """`port` in longshore.toml."""
        return f'route = {{ load_balancer = "{self.arn}", ports = [{first}, {last}] }}\n'

    def host_route(self, listener, domain="preview.test"):
        """`host` in longshore.toml."""
        return f'route = {{ listener = "{listener}", domain = "{domain}" }}\n'


def ours(groups, serve):
    """The target groups of this test's environments: the tests of a worker share an engine."""
    return {name for name in groups if serve.app in name}
