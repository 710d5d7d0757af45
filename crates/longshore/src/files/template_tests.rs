//! Values, and the words for what is wrong with a template.

use longshore_aws::Parameter;

use super::*;

fn environment_of_tests(name: &str) -> Option<String> {
    match name {
        "IMAGE" => Some("web:7".to_owned()),
        "QUOTED" => Some("say \"hush\"\nplease".to_owned()),
        _ => None,
    }
}

fn answer(question: Question) -> Result<Answer, CallError> {
    let parameter = |value: Option<&str>, name: &str| {
        let arn = format!("arn:aws:ssm:eu-west-1:1:parameter{name}");
        Ok(Answer::Parameter(Parameter { arn, value: value.map(ToOwned::to_owned) }))
    };
    let table = |pairs: &[(&str, &str)]| {
        Ok(Answer::Values(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()))
    };
    match question {
        Question::Parameter(name) if name == "/secret" => parameter(None, &name),
        Question::Parameter(name) if name == "/nothing" => {
            Err(CallError::new(Kind::NotFound, "cannot read parameter `/nothing`").with_hint("look"))
        }
        Question::Parameter(name) => parameter(Some("a,b"), &name),
        Question::Secret(name) => Ok(Answer::Arn(format!("arn:secret:{name}-x1y2z3"))),
        Question::Outputs(stack) if stack == "net" => table(&[("Vpc", "vpc-1"), ("Zone", "z-1")]),
        Question::Outputs(_) => table(&[]),
        Question::Exports => table(&[("net-vpc", "vpc-2")]),
    }
}

fn values(state: Option<PathBuf>) -> Arc<Values> {
    let variables = BTreeMap::from([("tag".to_owned(), "v1".to_owned())]);
    Arc::new(Values::new(environment_of_tests, variables, state, Box::new(answer)))
}

fn rendered(text: &str) -> String {
    render("web.taskdef", text, &values(None)).unwrap()
}

/// The message, its causes, and the hint.
fn refused(text: &str) -> String {
    let failed = render("web.taskdef", text, &values(None)).unwrap_err();
    let (lines, _) = crate::error::render(&failed.into());
    lines.join("\n")
}

#[test]
fn values_come_from_everywhere() {
    let cases = [
        ("{{ env.IMAGE }}", "web:7"),
        ("{{ env[\"IMAGE\"] }}", "web:7"),
        ("{{ env.NOTHING | default(\"web:0\") }}", "web:0"),
        ("{% if env.NOTHING is defined %}a{% else %}b{% endif %}", "b"),
        ("{{ var.tag }}", "v1"),
        ("{{ var.tag | upper }}", "V1"),
        ("{{ ssm(\"/subnets\") }}", "a,b"),
        ("{{ ssm(\"/subnets\") | split(\",\") | json }}", "[\"a\",\"b\"]"),
        ("{{ ssm_arn(\"/secret\") }}", "arn:aws:ssm:eu-west-1:1:parameter/secret"),
        ("{{ secret_arn(\"prod/db\") }}:password::", "arn:secret:prod/db-x1y2z3:password::"),
        ("{{ output(\"net\", \"Vpc\") }}", "vpc-1"),
        ("{{ export(\"net-vpc\") }}", "vpc-2"),
        ("{{ env.QUOTED | json }}", r#""say \"hush\"\nplease""#),
        ("{{ 80 | json }} {{ true | json }} {{ [1, \"a\"] | json }}", "80 true [1,\"a\"]"),
        ("{{ \"x\" if var.tag == \"v2\" }}", ""),
        ("{% for x in [1, 2] %}{{ x }};{% endfor %}", "1;2;"),
        ("{% raw %}{{.Name}}{% endraw %} {{ \"{{\" }}.ID}}", "{{.Name}} {{.ID}}"),
        ("<b>&</b> {{ \"<&>\" }}\n", "<b>&</b> <&>\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn a_state_file_is_read_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("terraform.tfstate");
    let state = r#"{"version": 4, "outputs": {"ids": {"value": ["a", "b"]}}, "resources": [{"mode": "managed",
        "type": "aws_lb", "name": "web", "instances": [{"attributes": {"arn": "arn:lb", "port": 80}}]}]}"#;
    fs_err::write(&path, state).unwrap();
    let of = |path: &PathBuf, text: &str| render("web.taskdef", text, &values(Some(path.clone())));
    let text = "{{ tfstate(\"aws_lb.web.arn\") }} {{ tfstate('aws_lb.web.port') }} {{ tfstate(\"output.ids\") | json }}";
    assert_eq!(of(&path, text).unwrap(), "arn:lb 80 [\"a\",\"b\"]");
    let lost = of(&path, "{{ tfstate(\"aws_lb.api.arn\") }}").unwrap_err();
    assert!(lost.to_string().starts_with("web.taskdef:1:4: there is no such resource"), "{lost}");
    let nowhere = directory.path().join("nowhere");
    assert_eq!(of(&nowhere, "{{ var.tag }}").unwrap(), "v1", "nobody asked for it");
    let missing = of(&nowhere, "{{ tfstate(\"a.b.c\") }}").unwrap_err().to_string();
    assert!(missing.contains("cannot read the Terraform state: failed to open file"), "{missing}");
    fs_err::write(&nowhere, "hush: {").unwrap();
    let wrong = of(&nowhere, "{{ tfstate(\"a.b.c\") }}").unwrap_err().to_string();
    assert!(wrong.contains("is not JSON: expected value at line 1") && !wrong.contains("hush"), "{wrong}");
    assert!(refused("{{ tfstate(\"a.b.c\") }}").contains("--tfstate FILE"));
}

#[test]
fn what_is_undefined_has_a_place_and_a_next_step() {
    insta::assert_snapshot!(refused("{\n  \"image\": \"{{ env.TAG }}\",\n"), @r#"
    error: web.taskdef:2:16: `env.TAG` is not defined
      2 |   "image": "{{ env.TAG }}",
        |                ^
    hint: set the environment variable TAG, or give it a value of its own: {{ env.TAG | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {{ var.image | upper }}"), @r#"
    error: web.taskdef:1:7: `var.image` is not defined
      1 | a: {{ var.image | upper }}
        |       ^
    hint: pass --var image=VALUE, or give it a value of its own: {{ var.image | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {{ env.TAG | json }}"), @r#"
    error: web.taskdef:1:7: `env.TAG` is not defined
      1 | a: {{ env.TAG | json }}
        |       ^
    hint: set the environment variable TAG, or give it a value of its own: {{ env.TAG | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {{ ssm(env.TAG) }}"), @r#"
    error: web.taskdef:1:11: `env.TAG` is not defined
      1 | a: {{ ssm(env.TAG) }}
        |           ^
    hint: set the environment variable TAG, or give it a value of its own: {{ env.TAG | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {{ \"x\" ~ env.TAG }}"), @r#"
    error: web.taskdef:1:13: `env.TAG` is not defined
      1 | a: {{ "x" ~ env.TAG }}
        |             ^
    hint: set the environment variable TAG, or give it a value of its own: {{ env.TAG | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {% if env.TAG %}1{% endif %}"), @r#"
    error: web.taskdef:1:10: `env.TAG` is not defined
      1 | a: {% if env.TAG %}1{% endif %}
        |          ^
    hint: set the environment variable TAG, or give it a value of its own: {{ env.TAG | default("...") }}
    "#);
    insta::assert_snapshot!(refused("a: {{ IMAGE }}"), @r#"
    error: web.taskdef:1:7: `IMAGE` is not defined
      1 | a: {{ IMAGE }}
        |       ^
    hint: there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); docs/templates.md explains them
    "#);
    insta::assert_snapshot!(refused("a: {{ IMAGE.x }}"), @r#"
    error: web.taskdef:1:7: `IMAGE` is not defined
      1 | a: {{ IMAGE.x }}
        |       ^
    hint: there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); docs/templates.md explains them
    "#);
}

#[test]
fn what_is_no_template_is_shown_with_the_way_out() {
    insta::assert_snapshot!(refused("{\"tag\": \"{{.Name}}\"}"), @r#"
    error: web.taskdef:1:12: this is no template: unexpected `.`
      1 | {"tag": "{{.Name}}"}
        |            ^
    hint: text that is meant for others, such as Docker's {{.Name}}, goes between {% raw %} and {% endraw %}
    "#);
    insta::assert_snapshot!(refused("a: {{ ssm `/name` }}"), @r#"
    error: web.taskdef:1:11: this is no template: unexpected character
      1 | a: {{ ssm `/name` }}
        |           ^
    hint: names are quoted with " or ', and functions have parentheses: {{ ssm("/name") }}, {{ env.NAME }}
    "#);
    insta::assert_snapshot!(refused("a: {{ must_env(\"X\") }}"), @r#"
    error: web.taskdef:1:7: must_env is unknown
      1 | a: {{ must_env("X") }}
        |       ^
    hint: there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); docs/templates.md explains them
    "#);
    insta::assert_snapshot!(refused("a: {{ env.IMAGE | json_escape }}"), @r#"
    error: web.taskdef:1:19: filter json_escape is unknown
      1 | a: {{ env.IMAGE | json_escape }}
        |                   ^
    hint: docs/templates.md names the filters; `json` writes a value as JSON, `default` stands in for a missing one
    "#);
    insta::assert_snapshot!(refused("a: {{ env.IMAGE"), @r#"
    error: web.taskdef:1:11: this is no template: unexpected end of input, expected end of variable block
      1 | a: {{ env.IMAGE
        |           ^
    hint: text that is meant for others, such as Docker's {{.Name}}, goes between {% raw %} and {% endraw %}
    "#);
    insta::assert_snapshot!(refused("{% if env.IMAGE %}"), @r#"
    error: web.taskdef:1:17: this is no template: unexpected end of input, expected end of block
      1 | {% if env.IMAGE %}
        |                 ^
    hint: text that is meant for others, such as Docker's {{.Name}}, goes between {% raw %} and {% endraw %}
    "#);
    insta::assert_snapshot!(refused("{% include \"x\" %}"), @r#"
    error: web.taskdef:1:4: this is no template: unknown statement include
      1 | {% include "x" %}
        |    ^
    hint: text that is meant for others, such as Docker's {{.Name}}, goes between {% raw %} and {% endraw %}
    "#);
    insta::assert_snapshot!(refused("a: {{ ssm() }}"), @r#"
    error: web.taskdef:1:7: `ssm()` lacks an argument
      1 | a: {{ ssm() }}
        |       ^
    hint: there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); docs/templates.md explains them
    "#);
    insta::assert_snapshot!(refused("a: {{ output(\"net\") }}"), @r#"
    error: web.taskdef:1:7: `output("net")` lacks an argument
      1 | a: {{ output("net") }}
        |       ^
    hint: there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); docs/templates.md explains them
    "#);
}

#[test]
fn what_a_source_does_not_have_is_said_in_its_words() {
    insta::assert_snapshot!(refused("a: 1\nb: {{ ssm(\"/nothing\") }}"), @r#"
    error: web.taskdef:2:7: `ssm("/nothing")` has no value
      2 | b: {{ ssm("/nothing") }}
        |       ^
      caused by: cannot read parameter `/nothing`
    hint: look
    "#);
    insta::assert_snapshot!(refused("a: {{ ssm(\"/secret\") }}"), @r#"
    error: web.taskdef:1:7: parameter `/secret` is a SecureString
      1 | a: {{ ssm("/secret") }}
        |       ^
    hint: a task definition is no place for its value: put {"name": ..., "valueFrom": "{{ ssm_arn("/secret") }}"} into the container's `secrets`
    "#);
    insta::assert_snapshot!(refused("a: {{ output(\"net\", \"Subnet\") }}"), @r#"
    error: web.taskdef:1:7: stack `net` has no output `Subnet`
      1 | a: {{ output("net", "Subnet") }}
        |       ^
    hint: there are Vpc, Zone
    "#);
    insta::assert_snapshot!(refused("a: {{ output(\"web\", \"Subnet\") }}"), @r#"
    error: web.taskdef:1:7: stack `web` has no output `Subnet`
      1 | a: {{ output("web", "Subnet") }}
        |       ^
    hint: there are none
    "#);
    insta::assert_snapshot!(refused("a: {{ export(\"Subnet\") }}"), @r#"
    error: web.taskdef:1:7: no stack exports `Subnet`
      1 | a: {{ export("Subnet") }}
        |       ^
    hint: `aws cloudformation list-exports` shows what the stacks of this region export
    "#);
    insta::assert_snapshot!(refused("a: {{ tfstate(\"aws_lb.web.arn\") }}"), @r#"
    error: web.taskdef:1:7: no Terraform state file is named
      1 | a: {{ tfstate("aws_lb.web.arn") }}
        |       ^
    hint: name it with --tfstate FILE, or in longshore.toml: [apply] tfstate = "terraform.tfstate"
    "#);
}

#[test]
fn what_has_no_text_is_not_written() {
    insta::assert_snapshot!(refused("a: {{ var.tag | split(\"v\") }}"), @r#"
    error: web.taskdef:1:17: a value of the kind sequence has no text of its own
      1 | a: {{ var.tag | split("v") }}
        |                 ^
    hint: put `| json` behind it to write it as JSON
    "#);
    for text in ["{{ env }}", "{{ var }}", "{{ none }}", "{{ ssm }}"] {
        assert!(refused(text).contains("has no text of its own"), "{text}");
    }
}

#[test]
fn no_error_shows_a_value() {
    for text in
        ["{{ env.QUOTED + 1 }}", "{{ env.QUOTED | int }}", "{{ -env.QUOTED }}", "{{ env.QUOTED.x.y }}"]
    {
        let said = refused(text);
        assert!(said.contains("env.QUOTED") && !said.contains("hush"), "{said}");
    }
    let endless =
        refused("{% for x in range(100000) %}{% for y in range(100000) %}{{ x }}{% endfor %}{% endfor %}");
    assert!(endless.contains("does not come to an end"), "{endless}");
}

#[test]
fn values_are_marked_for_errors() {
    let text = "{\"image\": \"{{ env.IMAGE }}\"}";
    let marked = render_marked("f", text, &values(None)).unwrap();
    assert_eq!(marked, format!("{{\"image\": \"{OPEN}web:7{CLOSE}\"}}"));
}
