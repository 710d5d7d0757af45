//! Task definitions from public repositories: the valid ones lose nothing; the others are refused for the right reason,
//! and once their faults are mended one after the other they lose nothing either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use longshore_ecs::register::Registered;
use serde_json::Value;

use super::support::{must_register, try_register};

/// A fault: the sentence that names it, and text to put for text so that it is gone.
type Fault = (&'static str, &'static [(&'static str, &'static str)]);

/// What DescribeTaskDefinition adds, and tags, which are not part of the definition.
const NOT_IN_THE_REQUEST: &[&str] = &[
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "tags",
];

const NO_ROLE: &str = "Role is not valid";
const NO_LOG_ROLE: &str =
    "Fargate requires task definition to have execution role ARN to support log driver awslogs.";
const BAD_FAMILY: &str = "Family contains invalid characters.";
const BAD_IMAGE: &str = "Container.image contains invalid characters.";
const EMPTY_PID_MODE: &str = " is not a valid value for pidMode. The value must be one of [task,host]";

const WITHOUT_LOG_ROLE: Fault = (
    NO_LOG_ROLE,
    &[("\"requiresCompatibilities\"", "\"executionRoleArn\": \"r\", \"requiresCompatibilities\"")],
);
const EMPTY_MODES: Fault = (EMPTY_PID_MODE, &[("\"ipcMode\": \"\",", ""), ("\"pidMode\": \"\",", "")]);
const SECRET_PARTS: (&str, &str) = (
    "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}",
    "arn:aws:secretsmanager:us-west-2:123456789012:secret:token",
);

/// The files that ECS refuses, each with its faults in the order in which ECS finds them.
const REFUSED: &[(&str, &[Fault])] = &[
    (
        "1CloudHub__Jenkins-ecs__1.json",
        &[
            (
                "expected value at line 1 column 1",
                &[
                    ("# sed -e \"s;%BUILD_NUMBER%;0;g\" 1cloudhub.json > 1cloudhub-v_0.json", ""),
                    ("# aws ecs register-task-definition --cli-input-json file://1cloudhub-v_0.json", ""),
                ],
            ),
            (BAD_FAMILY, &[("\"1cloudhub-website \"", "\"1cloudhub-website\"")]),
        ],
    ),
    (
        "1CloudHub__Jenkins-ecs__2.json",
        &[(BAD_IMAGE, &[("<your-repository/1cloudhub:v_%BUILD_NUMBER%>", "your-repository/1cloudhub:v_0")])],
    ),
    (
        "5sfayas__php-nginx-ecs-docker__1.json",
        &[
            (BAD_IMAGE, &[("<region>", "us-east-1")]),
            (
                "Invalid 'links' setting. Unknown container: 'app-container'.",
                &[("\"app-container:app-container\"", "\"php-app-container:app-container\"")],
            ),
            (NO_ROLE, &[("<taskRoleArn>", "task"), ("<executionRoleArn>", "execution")]),
        ],
    ),
    (
        "CS3219-AY2223S1-T33__cs3219-project-ay2223s1-g33__3.json",
        &[
            (
                "Container.image should not be null or empty.",
                &[("\"image\": \"\"", "\"image\": \"judge0/judge0\"")],
            ),
            (
                "Container links should not have a cycle",
                &[("[\"redis\",\"execute-service\"]", "[\"redis\"]")],
            ),
        ],
    ),
    (
        "LVD-devops__cicd-demo__1.json",
        &[
            (BAD_FAMILY, &[("${ECS_TASK_DEFINITION}", "web")]),
            ("Container.name contains invalid characters.", &[("${ECS_CONTAINER_NAME}", "web")]),
            (BAD_IMAGE, &[("${ECS_IMAGE}", "web:1")]),
            (NO_ROLE, &[("${AWS_ACCOUNT_ID}", "123456789012"), ("${ECS_TASK_EXECUTE_ROLE}", "role")]),
        ],
    ),
    (
        "LVD-devops__cicd-demo__2.json",
        &[
            (BAD_FAMILY, &[("${ECS_TASK_DEFINITION}", "web")]),
            ("Container.name contains invalid characters.", &[("${ECS_CONTAINER_NAME}", "web")]),
            (BAD_IMAGE, &[("${ECS_IMAGE}", "web:1")]),
            (NO_ROLE, &[("${AWS_ACCOUNT_ID}", "123456789012"), ("${ECS_TASK_EXECUTE_ROLE}", "role")]),
        ],
    ),
    (
        "MtkN1__cloud-bot-deploy-template__1.json",
        &[
            (BAD_FAMILY, &[("{{ must_env `BOT_NAME` }}", "bot")]),
            EMPTY_MODES,
            (BAD_IMAGE, &[("{{ must_env `IMAGE` }}", "bot:1")]),
        ],
    ),
    (
        "aws-samples__amazon-ecs-firelens-examples__18.json",
        &[(
            "The Systems Manager parameter name specified for secret Cloud_Auth is invalid.",
            &[SECRET_PARTS],
        )],
    ),
    (
        "aws-samples__amazon-ecs-firelens-examples__23.json",
        &[(
            "The Systems Manager parameter name specified for secret http_passwd is invalid.",
            &[SECRET_PARTS],
        )],
    ),
    (
        "aws-samples__amazon-ecs-firelens-examples__41.json",
        &[
            (
                "invalid type: map, expected a sequence",
                &[
                    ("\"secretOptions\": {", "\"secretOptions\": [{"),
                    ("${SecretId}\"\n                }", "${SecretId}\"}]"),
                ],
            ),
            ("The Systems Manager parameter name specified for secret Token is invalid.", &[SECRET_PARTS]),
        ],
    ),
    ("aws-samples__aws-containers-task-definitions__12.json", &[WITHOUT_LOG_ROLE]),
    ("aws-samples__aws-containers-task-definitions__4.json", &[WITHOUT_LOG_ROLE]),
    ("aws-samples__aws-containers-task-definitions__6.json", &[WITHOUT_LOG_ROLE]),
    (
        "dai-fuji__ecspresso-demo__1.json",
        &[
            EMPTY_MODES,
            (
                " is not a valid value for appProtocol. The value must be one of [http,http2,grpc]",
                &[("\"appProtocol\": \"\",", "")],
            ),
        ],
    ),
    ("ijin__ecs-parallel__1.json", &[EMPTY_MODES]),
    ("ijin__ecs-parallel__2.json", &[EMPTY_MODES]),
    ("ijin__ecs-parallel__3.json", &[EMPTY_MODES]),
    (
        "mobinpo__ai-blockchain-analytics__1.json",
        &[
            (BAD_IMAGE, &[("${DOCKER_REGISTRY}", "registry.example"), ("${IMAGE_TAG}", "1")]),
            (
                "The Systems Manager parameter name specified for secret APP_KEY is invalid.",
                &[(
                    "secretsmanager:${AWS_REGION}:${AWS_ACCOUNT_ID}",
                    "secretsmanager:us-east-1:123456789012",
                )],
            ),
            (NO_ROLE, &[("${AWS_ACCOUNT_ID}", "123456789012")]),
            (
                "Fargate compatible task definitions do not support sourcePath",
                &[("\"sourcePath\": \"/etc/nginx/nginx.conf\"", "")],
            ),
        ],
    ),
    (
        "mobinpo__ai-blockchain-analytics__10.json",
        &[(
            "When using an EFS access point, the root directory must either be set to \"/\" or be omitted.",
            &[("\"rootDirectory\": \"/ai-blockchain-analytics\",", "")],
        )],
    ),
    (
        "neilkuan__cdk-agent-broker__1.json",
        &[
            EMPTY_MODES,
            (
                " is not a valid value for versionConsistency. The value must be one of [enabled,disabled]",
                &[("\"versionConsistency\": \"\"", "\"versionConsistency\": \"enabled\"")],
            ),
        ],
    ),
    (
        "ridibooks__cms__1.json",
        &[
            (
                "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
                &[("\"$CPU\"", "\".25 vCPU\""), ("\"$MEMORY\"", "\"0.5 GB\"")],
            ),
            (NO_ROLE, &[("$EXECUTION_ROLE_ARN", "role")]),
        ],
    ),
    ("supernova-ge__open-webui__1.json", &[(BAD_FAMILY, &[("$APP_ENV", "dev"), ("$IMAGE_TAG", "1")])]),
    (
        "zaru__nextjs-ecs-cdk-escpresso__1.json",
        &[
            (BAD_IMAGE, &[("{{ ssm `/ecs/next-js-cdk/ecr-repository-name` }}", "next")]),
            (
                "The Systems Manager parameter name specified for secret FROM_SECRETSMANAGER is invalid.",
                &[(
                    "{{ secretsmanager_arn `secret-key-name` }}",
                    "arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
                )],
            ),
            (
                NO_ROLE,
                &[
                    ("{{ ssm `/ecs/next-js-cdk/task-exec-role` }}", "r"),
                    ("{{ ssm `/ecs/next-js-cdk/task-role` }}", "r"),
                ],
            ),
        ],
    ),
];

#[test]
fn valid_files_lose_nothing_and_the_others_are_refused_with_the_reason() {
    let Some(folder) = folder() else { return };
    let files = names(&folder);
    let known: BTreeSet<_> = REFUSED.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(known.difference(&files).count(), 0, "a file of the table is missing in {}", folder.display());
    assert!(files.len() > known.len(), "no valid file in {}", folder.display());
    for file in &files {
        let faults = REFUSED.iter().find(|(name, _)| name == file).map_or(&[][..], |(_, faults)| faults);
        let mut text = read(&folder.join(file));
        for (sentence, repairs) in faults {
            let outcome = definition(&text).and_then(|definition| try_register(&definition).map(|_| ()));
            assert_eq!(outcome, Err((*sentence).to_owned()), "{file}");
            for (wrong, right) in *repairs {
                assert!(text.contains(wrong), "{file} has no {wrong}");
                text = text.replace(wrong, right);
            }
        }
        let definition = definition(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        check_whole(&definition, file);
    }
}

/// Everything given comes out again, and what the file says of ECS's own conclusions is what we conclude.
fn check_whole(definition: &Value, file: &str) {
    let registered = must_register(definition);
    let described = serde_json::to_value(&registered.spec).expect("a definition can be written");
    let mut given = definition.clone();
    for member in NOT_IN_THE_REQUEST {
        given.as_object_mut().expect("a definition is an object").remove(*member);
    }
    for (member, unit) in [("cpu", " vCPU"), ("memory", " GB")] {
        let in_large_unit = given[member].as_str().is_some_and(|size| size.ends_with(unit));
        if in_large_unit {
            given[member] = described[member].clone();
        }
    }
    assert_contains(&described, &given, file);
    check_conclusions(definition, &registered, file);
}

fn check_conclusions(definition: &Value, registered: &Registered, file: &str) {
    let texts = |list: &Value, member: Option<&str>| -> BTreeSet<String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .filter_map(|item| member.map_or(item, |member| &item[member]).as_str().map(str::to_owned))
            .collect()
    };
    let given = texts(&definition["requiresAttributes"], Some("name"));
    let ours = registered.requires_attributes.iter().map(|attribute| attribute.name.clone()).collect();
    assert!(given.is_empty() || given == ours, "{file}: ECS requires {given:?}, we {ours:?}");
    let given = texts(&definition["compatibilities"], None);
    let ours: BTreeSet<_> = registered.compatibilities.iter().cloned().collect();
    assert!(given.is_subset(&ours), "{file}: ECS lists {given:?}, we {ours:?}");
}

/// Every member and element of `given`, nulls apart, is in `described`.
fn assert_contains(described: &Value, given: &Value, place: &str) {
    match (described, given) {
        (Value::Object(described), Value::Object(given)) => {
            for (member, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let place = format!("{place}.{member}");
                assert_contains(described.get(member).unwrap_or(&Value::Null), value, &place);
            }
        }
        (Value::Array(described), Value::Array(given)) => {
            assert_eq!(described.len(), given.len(), "{place}");
            for (index, (described, given)) in described.iter().zip(given).enumerate() {
                assert_contains(described, given, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(described, given, "{place}"),
    }
}

/// The definition in the text; a saved DescribeTaskDefinition answer has it inside.
fn definition(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(value.get("taskDefinition").cloned().unwrap_or(value))
}

#[expect(clippy::disallowed_methods, reason = "a test may be told where its data is")]
fn folder() -> Option<PathBuf> {
    let beside_the_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var("LONGSHORE_DATA").map_or(beside_the_repository, PathBuf::from);
    let folder = data.join("taskdefs");
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "SKIPPED taskdefs: no task definitions of public repositories in {} (LONGSHORE_DATA)",
        folder.display()
    );
    None
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".json")).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
