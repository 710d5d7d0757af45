//! The query protocol: members as a form out, XML in.

use longshore_model::Error;
use longshore_model::tag::Tag;
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::Aws;
use crate::signed::{self, Call, Service};

/// Names and values of a form, in their order.
pub(crate) type Members = Vec<(String, String)>;

impl Aws {
    /// A call of a service that speaks awsQuery: the answer is XML.
    pub(crate) async fn query_with(
        &self,
        service: Service,
        endpoint: &str,
        version: &str,
        operation: &'static str,
        what: &str,
        members: &[(String, String)],
    ) -> Result<String, Error> {
        let mut form = format!("Action={operation}&Version={version}");
        for (name, value) in members {
            // Names have dots and letters, and need no encoding.
            form.push_str(&format!("&{name}={}", signed::percent_encoded(value)));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = signed::request(what, "POST", "/", &headers, form.into_bytes())?;
        Ok(self.send(Call::small(service, operation, what, endpoint, request)).await?.body)
    }
}

/// A document's members: lists are `Name.member.1`, structures `Name.Member`.
pub(crate) fn members(document: &Value) -> Members {
    let mut members = Vec::new();
    flatten(String::new(), document, &mut members);
    members
}

fn flatten(name: String, value: &Value, members: &mut Members) {
    match value {
        Value::Object(of) => {
            let dot = if name.is_empty() { "" } else { "." };
            of.iter().for_each(|(member, value)| flatten(format!("{name}{dot}{member}"), value, members));
        }
        Value::Array(items) => {
            let numbered = (1..).zip(items);
            numbered.for_each(|(number, item)| flatten(format!("{name}.member.{number}"), item, members));
        }
        Value::Null => {}
        Value::String(text) => members.push((name, text.clone())),
        other => members.push((name, other.to_string())),
    }
}

/// The answer's document; what is no XML is not AWS's.
pub(crate) fn document<'a>(what: &str, answer: &'a str) -> Result<Document<'a>, Error> {
    Document::parse(answer).map_err(|_| signed::unreadable(what))
}

/// The items of the outermost list with this name. Without the list, which may be empty, the answer is not AWS's.
pub(crate) fn items<'a, 'input>(
    what: &str,
    document: &'a Document<'input>,
    list: &str,
) -> Result<Vec<Node<'a, 'input>>, Error> {
    let list = document.descendants().find(|node| node.tag_name().name() == list);
    let list = list.ok_or_else(|| signed::unreadable(what))?;
    Ok(list.children().filter(Node::is_element).collect())
}

/// The member with this name.
pub(crate) fn child<'a, 'input>(of: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    of.children().find(|node| node.tag_name().name() == name)
}

/// The text of the member with this name; empty when there is none.
pub(crate) fn text(of: Node<'_, '_>, name: &str) -> String {
    child(of, name).and_then(|node| node.text()).unwrap_or_default().to_owned()
}

/// The texts of the items of a list.
pub(crate) fn texts(of: Node<'_, '_>, list: &str) -> Vec<String> {
    let items = child(of, list).into_iter().flat_map(|list| list.children()).filter(Node::is_element);
    items.filter_map(|item| item.text().map(ToOwned::to_owned)).collect()
}

/// The tags in a structure.
pub(crate) fn tags(of: Node<'_, '_>) -> Vec<Tag> {
    let items = child(of, "Tags").into_iter().flat_map(|list| list.children()).filter(Node::is_element);
    items.map(|item| Tag { key: text(item, "Key"), value: Some(text(item, "Value")) }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_become_forms() {
        let document = json!({
            "Name": "a", "Port": 80, "Enabled": true, "Absent": null, "None": [],
            "Matcher": {"HttpCode": "200"}, "Actions": [{"Type": "forward", "Groups": ["x", "y"]}],
        });
        let expected = [
            ("Actions.member.1.Groups.member.1", "x"),
            ("Actions.member.1.Groups.member.2", "y"),
            ("Actions.member.1.Type", "forward"),
            ("Enabled", "true"),
            ("Matcher.HttpCode", "200"),
            ("Name", "a"),
            ("Port", "80"),
        ];
        let mut members = members(&document);
        members.sort();
        assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
