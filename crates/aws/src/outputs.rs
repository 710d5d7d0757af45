//! What CloudFormation's stacks give to others: their outputs, and what a region's stacks export.

use std::collections::BTreeMap;

use longshore_model::{Error, Kind};
use roxmltree::{Document, Node};

use crate::{Aws, signed};

/// A region has a few thousand exports at most, and a page has a hundred.
const MAX_PAGES: usize = 100;

impl Aws {
    /// The outputs of a stack by their keys. `stack` is a name or an id.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
    ///
    /// # Errors
    /// When there is no such stack, and when the call fails.
    pub async fn stack_outputs(&self, stack: &str) -> Result<BTreeMap<String, String>, Error> {
        let what = format!("describe stack `{stack}`");
        let answer = self.cloudformation("DescribeStacks", &what, &[("StackName", stack)]).await;
        let answer = answer.map_err(|error| match (error.kind(), error.hint()) {
            (Kind::NotFound, None) => {
                error.with_hint("`aws cloudformation list-stacks` shows those that there are")
            }
            _ => error,
        })?;
        let document = Document::parse(&answer).map_err(|_| signed::unreadable(&what))?;
        if named(document.root(), "Stacks").is_none() {
            return Err(signed::unreadable(&what));
        }
        Ok(pairs(&document, "Outputs", "OutputKey", "OutputValue"))
    }

    /// Everything that the stacks of this region export, by the names of the exports.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html>
    ///
    /// # Errors
    /// When a call fails, or there is no end of pages.
    pub async fn exports(&self) -> Result<BTreeMap<String, String>, Error> {
        let what = "list exports";
        let mut exports = BTreeMap::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let form: Vec<_> = token.iter().map(|token: &String| ("NextToken", token.as_str())).collect();
            let answer = self.cloudformation("ListExports", what, &form).await?;
            let document = Document::parse(&answer).map_err(|_| signed::unreadable(what))?;
            if named(document.root(), "ListExportsResult").is_none() {
                return Err(signed::unreadable(what));
            }
            exports.extend(pairs(&document, "Exports", "Name", "Value"));
            token = named(document.root(), "NextToken").and_then(|node| node.text()).map(ToOwned::to_owned);
            if token.is_none() {
                return Ok(exports);
            }
        }
        Err(Error::new(Kind::Unavailable, format!("cannot {what}: there are more than {MAX_PAGES} pages")))
    }
}

/// Names and values in the members of a list.
fn pairs(document: &Document<'_>, list: &str, name: &str, value: &str) -> BTreeMap<String, String> {
    let list = named(document.root(), list);
    let members = list.into_iter().flat_map(|list| list.children().filter(Node::is_element));
    let text = |node: Node<'_, '_>, name| {
        Some(node.children().find(|child| is(child, name))?.text().unwrap_or_default().to_owned())
    };
    members.filter_map(|member| Some((text(member, name)?, text(member, value)?))).collect()
}

fn named<'a, 'input>(root: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    root.descendants().find(|node| is(node, name))
}

/// Whether it has this name, in whatever namespace.
fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    const STACK: &str = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
        <DescribeStacksResult><Stacks><member><StackName>net</StackName><Parameters><member>
        <ParameterKey>Vpc</ParameterKey><ParameterValue>other</ParameterValue></member></Parameters>
        <Outputs><member><OutputKey>Vpc</OutputKey><OutputValue>vpc-1</OutputValue><ExportName>net-vpc</ExportName>
        </member><member><OutputKey>Empty</OutputKey><OutputValue/></member></Outputs>
        </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"#;

    fn page(names: &[&str], next: &str) -> String {
        let members: String = names
            .iter()
            .map(|name| format!("<member><ExportingStackId>s</ExportingStackId><Name>{name}</Name><Value>v-{name}</Value></member>"))
            .collect();
        format!(
            "<ListExportsResponse><ListExportsResult><Exports>{members}</Exports>{next}</ListExportsResult>\
             </ListExportsResponse>"
        )
    }

    #[tokio::test]
    async fn outputs_are_read_by_key() {
        let none = "<R><Stacks><member><StackName>net</StackName></member></Stacks></R>";
        let (aws, replay) = Replay::of([(200, STACK), (200, none)]).await;
        let outputs = aws.stack_outputs("net").await.unwrap();
        let expected = [("Empty", ""), ("Vpc", "vpc-1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(outputs, BTreeMap::from(expected));
        assert_eq!(replay.sent()[0].body, "Action=DescribeStacks&Version=2010-05-15&StackName=net");
        assert!(aws.stack_outputs("net").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_stack_that_is_not_there_has_a_next_step() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                       <Message>Stack with id net does not exist</Message></Error></ErrorResponse>";
        let (aws, _) = Replay::of([(400, refusal), (200, "<html></html>")]).await;
        let error = aws.stack_outputs("net").await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.hint().unwrap().contains("list-stacks"), "{error:?}");
        let error = aws.stack_outputs("net").await.unwrap_err();
        assert!(error.hint().unwrap().contains("AWS_ENDPOINT_URL"), "{error:?}");
    }

    #[tokio::test]
    async fn exports_are_read_to_the_last_page() {
        let (first, last) =
            (page(&["a", "b"], "<NextToken>to ken</NextToken>"), page(&["c"], "<NextToken/>"));
        let (aws, replay) = Replay::of([(200, &*first), (200, &*last), (200, "<html></html>")]).await;
        let exports = aws.exports().await.unwrap();
        let shown: Vec<String> = exports.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a=v-a", "b=v-b", "c=v-c"]);
        let bodies: Vec<String> = replay.sent().into_iter().map(|sent| sent.body).collect();
        assert_eq!(
            bodies,
            [
                "Action=ListExports&Version=2010-05-15",
                "Action=ListExports&Version=2010-05-15&NextToken=to%20ken"
            ]
        );
        assert!(aws.exports().await.unwrap_err().to_string().contains("list exports"));
    }

    #[tokio::test]
    async fn pages_without_end_have_an_end() {
        let page = page(&["a"], "<NextToken>again</NextToken>");
        let (aws, replay) = Replay::of(std::iter::repeat_n((200, &*page), MAX_PAGES + 1)).await;
        assert!(aws.exports().await.unwrap_err().to_string().contains("100 pages"));
        assert_eq!(replay.sent().len(), MAX_PAGES);
    }
}
