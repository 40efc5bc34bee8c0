//! The parts that targets inside AWS share: variables, a client, and the mapping of errors.

use std::error::Error;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use reqwest::Url;

use super::verdicts::{Failed, Fault};
use crate::config::vars::Scope;
use crate::config::{aws_names, shown_address};
use crate::platform::aws::{
    ErrorKind, LazyClient, Overrides, Role, describe_code, describe_sdk_error,
};
use crate::platform::words::ShownUrl;
use crate::targets::{Context, Permission, Proof, SendError, Var};

/// The variables of every kind inside AWS.
pub const VARS: &[Var] = &[
    Var {
        name: "REGION",
        default: "that of its ARN or URL, else the function's",
        doc: "the target's region",
    },
    Var {
        name: "ROLE_ARN",
        default: "",
        doc: "a role to take on for this target, perhaps of another account",
    },
    Var {
        name: "ROLE_EXTERNAL_ID",
        default: "",
        doc: "the external id that the role asks for",
    },
    Var {
        name: "ENDPOINT_URL",
        default: "",
        doc: "the service's address, for example of a VPC endpoint or an emulator",
    },
];

/// A client of one service, for one target.
pub struct Client<C> {
    client: LazyClient<C>,
    overrides: Overrides,
}

impl<C> Client<C> {
    /// Reads the variables of every kind inside AWS. `region` is the one that the target's ARN or
    /// URL names.
    pub fn new(
        scope: &Scope<'_>,
        context: Context,
        region: Option<&str>,
        build: fn(&SdkConfig) -> C,
    ) -> Client<C> {
        let overrides = overrides(scope, region);
        Client {
            client: LazyClient::for_target(context.aws, overrides.clone(), build),
            overrides,
        }
    }

    /// Returns the client. The first call looks for credentials and a region.
    pub async fn get(&self) -> &C {
        self.client.get().await
    }

    /// Says what `error` means for its request. `rejected` are the codes by which the service says
    /// that something in the body is wrong.
    pub fn send_error<E>(&self, error: &SdkError<E, HttpResponse>, rejected: &[&str]) -> SendError
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let kind = ErrorKind::of(error);
        let is_rejected = error.code().is_some_and(|code| rejected.contains(&code));
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let text = describe_sdk_error(error, |kind| match kind {
            _ if is_rejected => None,
            ErrorKind::Unbuildable if self.client.lacks_region() => {
                Some("set the target's _REGION, or AWS_REGION".into())
            }
            kind => hint(kind).map(str::to_owned),
        });
        match kind {
            ErrorKind::Throttled => SendError::Throttled(None, text),
            _ if is_rejected => SendError::PayloadRejected(text),
            ErrorKind::Transient | ErrorKind::Unresolved => SendError::Unavailable(text),
            ErrorKind::Other if status == Some(413) => SendError::PayloadRejected(text),
            _ => SendError::Misconfigured(text),
        }
    }

    /// Says what the answer to a probe means: a request that cannot be taken was allowed if it is
    /// rejected for what is in it.
    pub fn probed<T, E>(
        &self,
        answer: Result<T, SdkError<E, HttpResponse>>,
        rejected: &[&str],
    ) -> Result<Proof, SendError>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match answer.map_err(|error| self.send_error(&error, rejected)) {
            Ok(_) | Err(SendError::PayloadRejected(_)) => Ok(Proof::Whole),
            Err(error) => Err(error),
        }
    }

    /// Returns the permission for `actions` on `resource`, or the one to take on the target's role,
    /// which must have it. A resource that is not an ARN is named within `service`, after `kind`.
    pub fn permission(
        &self,
        actions: &'static [&'static str],
        resource: &str,
        service: &str,
        kind: &str,
    ) -> Vec<Permission> {
        if let Some(role) = &self.overrides.role {
            return vec![Permission {
                actions: &["sts:AssumeRole"],
                resource: role.arn.clone(),
            }];
        }
        let region = self.overrides.region.as_deref().unwrap_or("${Region}");
        let named = || format!("arn:aws:{service}:{region}:${{Account}}:{kind}{resource}");
        let resource = if resource.starts_with("arn:") {
            resource.to_owned()
        } else {
            named()
        };
        vec![Permission { actions, resource }]
    }

    /// Describes its settings, for people.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let Overrides {
            region,
            role,
            endpoint,
        } = &self.overrides;
        let mut rows = vec![(
            "region",
            region.clone().unwrap_or_else(|| "the function's".into()),
        )];
        rows.extend(role.as_ref().map(|role| ("role", role.arn.clone())));
        let shown = |endpoint: &String| ("endpoint", ShownUrl(endpoint).to_string());
        rows.extend(endpoint.as_ref().map(shown));
        rows
    }
}

/// The parts of an ARN that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The service, for example `sqs`.
    pub service: &'a str,
    /// The region; `None` if it names none.
    pub region: Option<&'a str>,
    /// The part after the account.
    pub resource: &'a str,
}

/// Takes an ARN apart; `None` if `text` is not one.
pub fn arn(text: &str) -> Option<Arn<'_>> {
    let mut parts = text.splitn(6, ':');
    let ("arn", Some(_), service, region, Some(_), resource) = (
        parts.next()?,
        parts.next(),
        parts.next()?,
        parts.next()?,
        parts.next(),
        parts.next()?,
    ) else {
        return None;
    };
    (!resource.is_empty()).then_some(Arn {
        service,
        region: Some(region).filter(|region| !region.is_empty()),
        resource,
    })
}

/// Returns the region of an ARN, if it names one.
pub fn region(text: &str) -> Option<&str> {
    arn(text)?.region
}

/// Reads the variables of every kind inside AWS.
fn overrides(scope: &Scope<'_>, region: Option<&str>) -> Overrides {
    let external_id = scope.text("ROLE_EXTERNAL_ID").map(str::to_owned);
    let role_arn = scope.checked("ROLE_ARN", aws_names::role_arn);
    if role_arn.is_none() && external_id.is_some() {
        scope.conflict(
            "ROLE_EXTERNAL_ID",
            "is set, but there is no role to give it for: set _ROLE_ARN too",
        );
    }
    let endpoint = scope.text("ENDPOINT_URL").map(str::to_owned);
    let is_address = |text: &String| {
        let address = Url::parse(text).ok();
        address.is_some_and(|url| matches!(url.scheme(), "http" | "https"))
    };
    if let Some(text) = endpoint.as_ref().filter(|text| !is_address(text)) {
        let expected = "an address that begins with https:// or http://";
        scope.wrong_value("ENDPOINT_URL", shown_address(text), expected);
    }
    let own = scope.checked("REGION", aws_names::region);
    Overrides {
        region: own.or_else(|| region.map(str::to_owned)),
        role: role_arn.map(|arn| Role { arn, external_id }),
        endpoint,
    }
}

/// Returns what can be done about an error that stays.
fn hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Denied => Some("allow it to the function's role, or to the target's _ROLE_ARN"),
        ErrorKind::KeyDenied => {
            Some("let the function's role, or the target's _ROLE_ARN, use the key of the resource")
        }
        ErrorKind::NotFound => Some("check its name, the target's _REGION and the account"),
        ErrorKind::BadCredentials => {
            Some("check the credentials of the function, and the target's _ENDPOINT_URL")
        }
        ErrorKind::NoCredentials => Some("give the function a role, or set AWS_ACCESS_KEY_ID"),
        ErrorKind::RoleDenied => Some(
            "let the function's role take on the target's _ROLE_ARN, and let that trust it, by _ROLE_EXTERNAL_ID if it asks",
        ),
        // What can be done about the others is the same anywhere.
        _ => None,
    }
}

/// Says why one entry of a request was not taken, by the service's code and message. `permanent` is
/// whether sending it again is in vain.
pub fn failed(code: &str, message: &str, permanent: bool) -> Failed {
    let kind = ErrorKind::of_code(code);
    let fault = match kind {
        ErrorKind::Throttled => Fault::Throttled,
        ErrorKind::Denied | ErrorKind::KeyDenied => Fault::Denied,
        _ if permanent => Fault::Entry,
        _ => Fault::Passing,
    };
    let text = describe_code(code, message);
    let reason = match hint(kind).filter(|_| fault == Fault::Denied) {
        Some(hint) => format!("{text}; {hint}"),
        None => text,
    };
    Failed { fault, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_where_it_is() {
        assert_eq!(
            arn("arn:aws:sns:eu-west-1:123456789012:clicks"),
            Some(Arn {
                service: "sns",
                region: Some("eu-west-1"),
                resource: "clicks"
            })
        );
        assert_eq!(
            arn("arn:aws-cn:lambda:cn-north-1:1:function:f:live"),
            Some(Arn {
                service: "lambda",
                region: Some("cn-north-1"),
                resource: "function:f:live"
            })
        );
        assert_eq!(
            arn("arn:aws:iam::123456789012:role/clicks"),
            Some(Arn {
                service: "iam",
                region: None,
                resource: "role/clicks"
            })
        );
        assert_eq!(region("arn:aws:iam::123456789012:role/clicks"), None);
        for text in [
            "",
            "clicks",
            "arn:aws:sns",
            "arn:aws:sns:eu-west-1:1:",
            "urn:aws:sns:eu-west-1:1:c",
        ] {
            assert_eq!(arn(text), None, "{text}");
        }
    }

    #[test]
    fn codes_of_entries_say_where_the_fault_lies() {
        let fault = |code: &str, permanent| failed(code, "", permanent).fault;
        assert_eq!(fault("InternalFailure", false), Fault::Passing);
        assert_eq!(fault("MalformedDetail", true), Fault::Entry);
        assert_eq!(fault("AccessDeniedException", true), Fault::Denied);
        assert_eq!(fault("KMS.AccessDenied", true), Fault::Denied);
        assert_eq!(fault("KmsThrottled", true), Fault::Throttled);
        assert_eq!(
            fault("ProvisionedThroughputExceededException", false),
            Fault::Throttled
        );
        let denied = failed("AccessDeniedException", "it says why", true);
        assert!(denied.reason.contains("it says why; allow it"));
    }
}
