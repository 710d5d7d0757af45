//! The task definitions that the random runs use, and what each of them needs, written down by hand.

use serde_json::{Value, json};

/// A task definition and what a task of it takes from its instance.
pub(super) struct Shape {
    pub(super) family: &'static str,
    pub(super) cpu: i32,
    pub(super) memory: i32,
    /// Fixed TCP ports of the host.
    pub(super) ports: &'static [u16],
    pub(super) awsvpc: bool,
    containers: fn() -> Value,
}

pub(super) const SHAPES: &[Shape] = &[
    Shape {
        family: "single",
        cpu: 128,
        memory: 64,
        ports: &[],
        awsvpc: false,
        containers: || json!([container("main", 128, 64, json!({}))]),
    },
    Shape {
        family: "after-start",
        cpu: 30,
        memory: 96,
        ports: &[8080],
        awsvpc: false,
        containers: || {
            let ports = json!([{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]);
            json!([
                container(
                    "main",
                    10,
                    64,
                    json!({"dependsOn": needs("side", "START"), "portMappings": ports})
                ),
                container("side", 20, 32, json!({"essential": false, "startTimeout": 20})),
            ])
        },
    },
    Shape {
        family: "after-success",
        cpu: 0,
        memory: 80,
        ports: &[],
        awsvpc: false,
        containers: || {
            json!([
                container("init", 0, 16, json!({"essential": false, "startTimeout": 40})),
                container("main", 0, 64, json!({"dependsOn": needs("init", "SUCCESS"), "stopTimeout": 2})),
            ])
        },
    },
    Shape {
        family: "after-completion",
        cpu: 256,
        memory: 512,
        ports: &[],
        awsvpc: true,
        containers: || {
            json!([
                container("main", 0, 64, json!({"dependsOn": needs("init", "COMPLETE")})),
                container("init", 0, 64, json!({"essential": false})),
            ])
        },
    },
    Shape {
        family: "after-health",
        cpu: 3,
        memory: 192,
        ports: &[9000, 9001],
        awsvpc: false,
        containers: || {
            let check = json!({"command": ["CMD", "true"], "interval": 5, "retries": 2, "startPeriod": 10});
            let ports =
                json!([{"containerPort": 1, "hostPort": 9000}, {"containerPort": 2, "hostPort": 9001}]);
            let db = json!({"healthCheck": check, "portMappings": ports});
            json!([
                container("db", 1, 64, db),
                container("main", 1, 64, json!({"dependsOn": needs("db", "HEALTHY")})),
                container("side", 1, 64, json!({"essential": false, "startTimeout": 10, "stopTimeout": 5})),
            ])
        },
    },
    Shape {
        family: "restarted",
        cpu: 2,
        memory: 64,
        ports: &[],
        awsvpc: false,
        containers: || {
            let policy = json!({"enabled": true, "restartAttemptPeriod": 60, "ignoredExitCodes": [3]});
            json!([
                container(
                    "main",
                    1,
                    32,
                    json!({"restartPolicy": policy, "dependsOn": needs("side", "START")})
                ),
                container("side", 1, 32, json!({"restartPolicy": policy, "essential": false})),
            ])
        },
    },
    Shape {
        family: "chain",
        cpu: 3,
        memory: 96,
        ports: &[],
        awsvpc: false,
        containers: || {
            json!([
                container("first", 1, 32, json!({"essential": false, "stopTimeout": 3, "startTimeout": 15})),
                container("second", 1, 32, json!({"dependsOn": needs("first", "START"), "links": ["first"]})),
                container("third", 1, 32, json!({"dependsOn": needs("second", "START"), "essential": false})),
            ])
        },
    },
    Shape {
        family: "linked",
        cpu: 0,
        memory: 64,
        ports: &[],
        awsvpc: false,
        containers: || {
            json!([
                container("main", 0, 32, json!({"links": ["cache:c"]})),
                container("cache", 0, 32, json!({"essential": false})),
            ])
        },
    },
];

fn container(name: &str, cpu: i32, memory: i32, more: Value) -> Value {
    let mut container = json!({"name": name, "image": "busybox", "cpu": cpu, "memory": memory});
    let members = more.as_object().expect("members").clone();
    container.as_object_mut().expect("an object").extend(members);
    container
}

fn needs(name: &str, condition: &str) -> Value {
    json!([{"containerName": name, "condition": condition}])
}

impl Shape {
    /// What RegisterTaskDefinition is given. Task sizes are left out except on Fargate, so that containers are summed.
    pub(super) fn request(&self) -> Value {
        let mut body = json!({"family": self.family, "containerDefinitions": self.containers()});
        if self.awsvpc {
            body["networkMode"] = json!("awsvpc");
            body["requiresCompatibilities"] = json!(["EC2", "FARGATE"]);
            body["cpu"] = json!("256");
            body["memory"] = json!("512");
        }
        body
    }

    fn containers(&self) -> Value {
        (self.containers)()
    }

    /// A container's definition as it was written.
    pub(super) fn container(&self, name: &str) -> Value {
        let all = self.containers();
        let found = all.as_array().into_iter().flatten().find(|it| it["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("{} has no container {name}", self.family))
    }

    /// What a container waits for: names and conditions, links among them.
    pub(super) fn waits_for(&self, name: &str) -> Vec<(String, String)> {
        let container = self.container(name);
        let list = |member: &str| container[member].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let named =
            list("dependsOn").into_iter().map(|it| (text(&it["containerName"]), text(&it["condition"])));
        let linked = list("links").into_iter().map(|it| {
            let name = text(&it).split(':').next().unwrap_or_default().to_owned();
            (name, "START".to_owned())
        });
        named.chain(linked).collect()
    }

    pub(super) fn is_essential(&self, name: &str) -> bool {
        self.container(name)["essential"] != json!(false)
    }
}

/// The shape of a family.
pub(super) fn shape(family: &str) -> &'static Shape {
    SHAPES.iter().find(|shape| shape.family == family).unwrap_or_else(|| panic!("no shape {family}"))
}
