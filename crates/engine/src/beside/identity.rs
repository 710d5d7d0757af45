//! STS GetCallerIdentity, in the XML of the query protocol: whoever may talk to the engine is one IAM user.

use longshore_model::arn::Scope;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The answer to GetCallerIdentity: the account, and a user called `longshore`.
#[must_use]
pub fn get_caller_identity(scope: &Scope, access_key: &str, request_id: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    \
         <Arn>arn:{}:iam::{account}:user/longshore</Arn>\n    <UserId>{}</UserId>\n    \
         <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    \
         <RequestId>{}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n",
        scope.partition(),
        escape(&user_id(access_key)),
        escape(request_id),
        account = escape(&scope.account),
    )
}

/// The body of a refused call (HTTP 400) in the query protocol.
#[must_use]
pub fn error(code: &str, message: &str, request_id: &str) -> String {
    error_of(NAMESPACE, code, message, request_id)
}

/// The same for the service of this namespace.
pub(crate) fn error_of(namespace: &str, code: &str, message: &str, request_id: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"{namespace}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>{}</Code>\n    \
         <Message>{}</Message>\n  </Error>\n  <RequestId>{}</RequestId>\n</ErrorResponse>\n",
        escape(code),
        escape(message),
        escape(request_id),
    )
}

/// The body for an action that the engine does not have.
#[must_use]
pub fn unknown_action(action: &str, version: &str, request_id: &str) -> String {
    error("InvalidAction", &format!("Could not find operation {action} for version {version}"), request_id)
}

/// A user's id has the form of an access key's, with another prefix.
pub(crate) fn user_id(access_key: &str) -> String {
    format!("AIDA{}", access_key.strip_prefix("AKIA").unwrap_or(access_key))
}

/// A text that stands between the tags of XML, or in an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no way to write the other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_a_user_of_the_account() {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        assert_eq!(
            get_caller_identity(&scope, "AKIA0123456789ABCDEF", "a-b"),
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <GetCallerIdentityResult>\n    <Arn>arn:aws:iam::123456789012:user/longshore</Arn>\n    \
             <UserId>AIDA0123456789ABCDEF</UserId>\n    <Account>123456789012</Account>\n  \
             </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>a-b</RequestId>\n  \
             </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
        );
    }

    #[test]
    fn what_was_sent_cannot_write_xml() {
        let body = unknown_action("<b>\u{1}&", "2011-06-15", "id");
        assert!(body.contains("<Code>InvalidAction</Code>"));
        assert!(
            body.contains("Could not find operation &lt;b&gt;\u{fffd}&amp; for version 2011-06-15"),
            "{body}"
        );
    }
}
