//! The certificates of a listener: named by their ARNs, added, removed, described.

use std::collections::BTreeSet;

use longshore_model::Timestamp;
use serde::Serialize;

use super::check;
use super::fault::{Fault, FaultKind};
use super::listener::{Listener, ListenerProtocol};
use super::page::page;
use super::shape::{Certificate, Done, shape};
use crate::cloud::Cloud;

shape! {
    /// AddListenerCertificates and RemoveListenerCertificates.
    OfCertificates { listener_arn: Option<String>, certificates: Vec<Certificate> }
}
shape! {
    /// DescribeListenerCertificates.
    DescribeListenerCertificates {
        listener_arn: Option<String>,
        marker: Option<String>,
        page_size: Option<i32>,
    }
}
/// The answer of the calls that show certificates.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Certificates {
    /// All, or a page of them.
    pub certificates: Vec<Certificate>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

impl Cloud {
    pub(super) fn add_listener_certificates(
        &mut self,
        request: &OfCertificates,
        now: Timestamp,
    ) -> Result<Certificates, Fault> {
        let mut listener = self.https_listener(request)?.clone();
        let new = request.certificates.iter().map(read_certificate).collect::<Result<BTreeSet<_>, _>>()?;
        listener.certificates.extend(new.iter().cloned());
        self.check_listener(&listener)?;
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        let added = |arn: String| Certificate { certificate_arn: Some(arn), is_default: Some(false) };
        Ok(Certificates { certificates: new.into_iter().map(added).collect(), next_marker: None })
    }

    pub(super) fn remove_listener_certificates(
        &mut self,
        request: &OfCertificates,
        now: Timestamp,
    ) -> Result<Done, Fault> {
        let mut listener = self.https_listener(request)?.clone();
        for certificate in &request.certificates {
            let arn = read_certificate(certificate)?;
            let was_further = listener.certificates.remove(&arn);
            if !was_further && listener.certificate.as_ref() == Some(&arn) {
                let message = format!("Default certificate '{arn}' cannot be removed");
                return Err(Fault::new(FaultKind::OperationNotPermitted, message));
            }
        }
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        Ok(Done {})
    }

    pub(super) fn describe_listener_certificates(
        &self,
        request: &DescribeListenerCertificates,
    ) -> Result<Certificates, Fault> {
        let listener = self.listener(request.listener_arn.as_ref())?;
        let shape = |arn: &String, is_default| {
            let certificate =
                Certificate { certificate_arn: Some(arn.clone()), is_default: Some(is_default) };
            // The default one comes first.
            (format!("{} {arn}", if is_default { 0 } else { 1 }), certificate)
        };
        let default = listener.certificate.iter().map(|arn| shape(arn, true));
        let all = default.chain(listener.certificates.iter().map(|arn| shape(arn, false)));
        let (certificates, next_marker) = page(all, request.marker.as_deref(), request.page_size)?;
        Ok(Certificates { certificates, next_marker })
    }

    /// The listener of a call about certificates, which must be one with certificates.
    fn https_listener(&self, request: &OfCertificates) -> Result<&Listener, Fault> {
        let listener = self.listener(request.listener_arn.as_ref())?;
        if listener.protocol == ListenerProtocol::Http {
            return Err(Fault::invalid("A certificate cannot be specified for HTTP listeners"));
        }
        match request.certificates.is_empty() {
            true => Err(Fault::invalid("A certificate must be specified")),
            false => Ok(listener),
        }
    }
}

/// The one certificate that a listener is made with.
pub(super) fn read_default(certificates: &[Certificate]) -> Result<Option<String>, Fault> {
    match certificates {
        [] => Ok(None),
        [certificate] => read_certificate(certificate).map(Some),
        _ => Err(Fault::new(
            FaultKind::TooManyCertificates,
            "Only one certificate can be specified: add further ones with AddListenerCertificates",
        )),
    }
}

fn read_certificate(certificate: &Certificate) -> Result<String, Fault> {
    let arn = check::required("certificates.1.member.certificateArn", certificate.certificate_arn.as_ref())?;
    if arn.starts_with("arn:")
        && arn.splitn(6, ':').filter(|part| !part.contains(char::is_whitespace)).count() == 6
    {
        return Ok(arn.to_owned());
    }
    let message = format!("Certificate ARN '{arn}' is not valid");
    Err(Fault::new(FaultKind::CertificateNotFound, message))
}
