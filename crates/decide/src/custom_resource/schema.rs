//! The properties of `Custom::ECSTask`, as a table.

use super::properties::{LONGEST_SERVICE_TIMEOUT_S, MARGIN_S, MAX_COUNT};
use super::shape::Shape::{self, Flag, Ignored, List, Object, Series, Text, Verbatim, Whole, Word};
use super::shape::{Member, may, must};

const ANY_I32: Shape = Whole(i32::MIN as i64, i32::MAX as i64);
const NATURAL_I32: Shape = Whole(0, i32::MAX as i64);

/// All of them. Timeout has no upper end here: too long a one is refused with the reason.
pub(super) const PROPERTIES: &[Member] = &[
    may(&["ServiceToken"], Ignored),
    // With less there is no time to run anything: the margin is kept back.
    may(&["ServiceTimeout"], Whole(MARGIN_S + 1, LONGEST_SERVICE_TIMEOUT_S)),
    must(&["Cluster"], Text),
    must(&["TaskDefinition"], Text),
    may(&["Count"], Whole(0, MAX_COUNT)),
    may(&["Timeout"], Whole(1, i64::MAX)),
    may(&["RunOnUpdate"], Flag),
    may(&["UpdateCriteria"], List(&Object(CRITERION))),
    may(&["PollInterval"], Whole(1, 300)),
    may(&["Overrides"], Object(TASK_OVERRIDE)),
    may(&["Instances"], Series(&Text)),
    may(&["Triggers"], Ignored),
    may(&["RunOnDelete"], Flag),
    may(&["RunOnRollback"], Flag),
    may(&["OnTimeout"], Word(&["stop", "leave"])),
    may(&["LaunchType"], Word(&["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"])),
    may(&["CapacityProviderStrategy"], List(&Object(STRATEGY_ITEM))),
    may(&["NetworkConfiguration"], Object(NETWORK)),
    may(&["Container"], Text),
    may(&["AcceptExitCodes"], Series(&ANY_I32)),
    may(&["WaitForCapacity"], Whole(0, LONGEST_SERVICE_TIMEOUT_S)),
];

const CRITERION: &[Member] = &[
    must(&["Container"], Text),
    // The system that this one replaces documents both.
    must(&["EnvironmentKeys", "EnvironmentKey"], Series(&Text)),
];

/// Templates write it as in `AWS::ECS::Service`; ECS itself has other capitals.
const STRATEGY_ITEM: &[Member] = &[
    must(&["capacityProvider", "CapacityProvider"], Text),
    may(&["weight", "Weight"], NATURAL_I32),
    may(&["base", "Base"], NATURAL_I32),
];

const NETWORK: &[Member] = &[must(&["awsvpcConfiguration", "AwsvpcConfiguration"], Object(AWSVPC))];

const AWSVPC: &[Member] = &[
    must(&["subnets", "Subnets"], Series(&Text)),
    may(&["securityGroups", "SecurityGroups"], Series(&Text)),
    may(&["assignPublicIp", "AssignPublicIp"], Word(&["ENABLED", "DISABLED"])),
];

/// ECS's TaskOverride, in its own words.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html>
const TASK_OVERRIDE: &[Member] = &[
    may(&["containerOverrides"], List(&Object(CONTAINER_OVERRIDE))),
    may(&["cpu"], Text),
    may(&["memory"], Text),
    may(&["executionRoleArn"], Text),
    may(&["taskRoleArn"], Text),
    may(&["ephemeralStorage"], Object(&[must(&["sizeInGiB"], NATURAL_I32)])),
    may(
        &["inferenceAcceleratorOverrides"],
        List(&Object(&[may(&["deviceName"], Text), may(&["deviceType"], Text)])),
    ),
];

const CONTAINER_OVERRIDE: &[Member] = &[
    must(&["name"], Text),
    may(&["command"], List(&Verbatim)),
    may(&["environment"], List(&Object(&[must(&["name"], Text), may(&["value"], Verbatim)]))),
    may(&["environmentFiles"], List(&Object(&[must(&["value"], Text), must(&["type"], Text)]))),
    may(&["cpu"], NATURAL_I32),
    may(&["memory"], NATURAL_I32),
    may(&["memoryReservation"], NATURAL_I32),
    may(&["resourceRequirements"], List(&Object(&[must(&["value"], Text), must(&["type"], Text)]))),
];
