"""What the preview environments are measured beside: an environment of a branch made and removed in the way of the
system to surpass, its calls in their order and its waits of 5 and 3 seconds, written anew with boto3.

It has one listener on a random free port and one target group for each environment, and looks until what it asked for
is there. What it says in chat on the way is left out: it would be calls of SNS besides."""

import random
import time

LOOK_SECONDS = 5
LOOK_SECONDS_AT_END = 3
DEREGISTRATION_SECONDS = 30
PORTS = (8000, 8100)


class Deity:
    """Its environments on one cluster, behind one load balancer."""

    def __init__(self, ecs, elb, cluster, load_balancer, vpc):
        self.ecs, self.elb, self.cluster, self.load_balancer, self.vpc = ecs, elb, cluster, load_balancer, vpc

    def create(self, name, task_definition, container, container_port, count, health):
        """Everything of the environment: the host and port that are announced."""
        taken = {one["Port"] for one in self.listeners()}
        chosen = random.choice([port for port in range(*PORTS) if port not in taken])
        group = self.make_group(f"{name}-tg", health)
        self.make_listener(group, chosen)
        self.make_service(name, task_definition, group, container, container_port, count)
        while True:
            time.sleep(LOOK_SECONDS)
            deployment = self.service(name)["deployments"][0]
            if 0 < deployment["runningCount"] == deployment["desiredCount"]:
                break
        [balancer] = self.elb.describe_load_balancers(LoadBalancerArns=[self.load_balancer])["LoadBalancers"]
        return balancer["DNSName"], chosen

    def destroy(self, name):
        """Everything of the environment."""
        if self.service(name)["status"] != "INACTIVE":
            self.ecs.update_service(cluster=self.cluster, service=f"{name}-service", desiredCount=0)
        while True:
            time.sleep(LOOK_SECONDS)
            if self.service(name)["runningCount"] == 0:
                break
        if self.service(name)["status"] != "INACTIVE":
            self.ecs.delete_service(cluster=self.cluster, service=f"{name}-service")
        while True:
            time.sleep(LOOK_SECONDS_AT_END)
            if self.service(name)["status"] == "INACTIVE":
                break
        group = self.group_named(f"{name}-tg")
        listener = self.listener_to(group)
        if listener:
            self.elb.delete_listener(ListenerArn=listener)
        self.elb.delete_target_group(TargetGroupArn=group)

    def make_group(self, name, health):
        """The target group, unless it is there."""
        existing = self.group_named(name)
        if existing:
            return existing
        made = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="instance", **health
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DEREGISTRATION_SECONDS)}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def make_listener(self, group, port):
        """The listener, unless it is there."""
        if self.listener_to(group) is None:
            action = {"Type": "forward", "TargetGroupArn": group}
            self.elb.create_listener(
                LoadBalancerArn=self.load_balancer, Protocol="HTTP", Port=port, DefaultActions=[action]
            )

    def make_service(self, name, task_definition, group, container, port, count):
        """The service, unless it is there."""
        if self.service(name, "INACTIVE")["status"] == "INACTIVE":
            balancer = {"targetGroupArn": group, "containerName": container, "containerPort": port}
            self.ecs.create_service(
                cluster=self.cluster,
                serviceName=f"{name}-service",
                taskDefinition=task_definition,
                loadBalancers=[balancer],
                desiredCount=count,
                launchType="EC2",
                deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 200},
            )

    def listeners(self):
        """All of the load balancer."""
        return self.elb.describe_listeners(LoadBalancerArn=self.load_balancer)["Listeners"]

    def listener_to(self, group):
        """The listener that forwards to a target group."""
        to = (one["ListenerArn"] for one in self.listeners() if one["DefaultActions"][0]["TargetGroupArn"] == group)
        return next(to, None)

    def group_named(self, name):
        """The target group of this name, found among all of the account."""
        groups = self.elb.describe_target_groups()["TargetGroups"]
        return next((one["TargetGroupArn"] for one in groups if one["TargetGroupName"] == name), None)

    def service(self, name, absent=None):
        """The service as it is; where there is none, one that has the status `absent`."""
        found = self.ecs.describe_services(cluster=self.cluster, services=[f"{name}-service"])["services"]
        return found[0] if found else {"status": absent}
