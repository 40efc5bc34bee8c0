//! What an error of AWS means: for one entry, and for a whole request.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::super::{SendError, Verdict};
use crate::platform::log::causes;

/// Codes that ask for patience: those at which AWS's own clients wait.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMSThrottling",
    "KMSThrottlingException",
    "KmsThrottled",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes that pass by themselves whatever the status is.
const PASSING: &[&str] = &[
    "ConditionalRequestConflict",
    "EC2AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "OperationAborted",
    "ReplicatedWriteConflictException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceConflictException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SnapStartNotReadyException",
];

/// Beginnings of codes that say: this program may not. No click is at fault.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AuthorizationError",
    "InvalidAccountId",
    "InvalidSecurity",
    "KMS",
    "Kms",
    "NotAuthorized",
    "UnauthorizedOperation",
];

/// Letters of a message that are kept.
const LONGEST: usize = 400;

/// Why one entry of a request was not taken.
pub(in super::super) struct Failed {
    /// The service's code.
    pub code: String,
    /// What it says of it.
    pub message: String,
    /// Whether sending it again is in vain.
    pub permanent: bool,
}

/// The verdicts on a request's entries. A request of which every entry failed for one reason that is not theirs
/// has failed as a whole.
pub(in super::super) fn judge(results: Vec<Option<Failed>>) -> Result<Vec<Verdict>, SendError> {
    let all = |codes: fn(&str) -> bool| {
        results
            .iter()
            .all(|one| one.as_ref().is_some_and(|failed| codes(&failed.code)))
    };
    if let Some(first) = results.iter().flatten().next() {
        let said = said(Some(&first.code), Some(&first.message));
        if all(is_throttled) {
            return Err(SendError::Throttled(None, said));
        } else if all(is_denied) {
            return Err(SendError::Misconfigured(advice(&first.code, said)));
        }
    }
    let verdict = |result: Option<Failed>| match result {
        None => Verdict::Sent,
        Some(Failed {
            code,
            message,
            permanent: true,
        }) if !is_denied(&code) && !is_throttled(&code) => {
            Verdict::Rejected(said(Some(&code), Some(&message)))
        }
        Some(_) => Verdict::Retry,
    };
    Ok(results.into_iter().map(verdict).collect())
}

/// What a request that cannot be taken was answered: refused for what is in it, it was allowed.
pub(in super::super) fn probed<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    refused: &[&str],
) -> Result<(), SendError>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer.map_err(|error| halt(error, refused)) {
        Ok(_) | Err(SendError::PayloadRejected(_)) => Ok(()),
        Err(halt) => Err(halt),
    }
}

/// What the error of a whole request means. `refused` are the codes by which the service says that something in the
/// request is wrong: halving tells what.
pub(in super::super) fn halt<E>(error: SdkError<E, HttpResponse>, refused: &[&str]) -> SendError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let Some(status) = error
        .raw_response()
        .map(|response| response.status().as_u16())
    else {
        return unanswered(&error);
    };
    let code = error.code().unwrap_or_default().to_owned();
    let said = match code.as_str() {
        "" => format!("HTTP {status}"),
        code => said(Some(code), error.message()),
    };
    match status {
        _ if is_throttled(&code) => SendError::Throttled(None, said),
        429 => SendError::Throttled(None, said),
        _ if PASSING.contains(&&*code) => SendError::Unavailable(said),
        _ if is_denied(&code) => SendError::Misconfigured(advice(&code, said)),
        413 => SendError::PayloadRejected(said),
        _ if refused.contains(&&*code) => SendError::PayloadRejected(said),
        // An answer from the middle of the way, a proxy's say, has no code; one that was cut says that all is well.
        200..=299 | 408 | 500.. => SendError::Unavailable(said),
        _ => SendError::Misconfigured(advice(&code, said)),
    }
}

/// A request that never was, or that nobody answered.
fn unanswered<E: Error + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> SendError {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(CredentialsError::CredentialsNotLoaded(_)) =
            cause.downcast_ref::<CredentialsError>()
        {
            return SendError::Misconfigured(
                "no AWS credentials were found: give the function a role, or set AWS_ACCESS_KEY_ID"
                    .into(),
            );
        }
        source = cause.source();
    }
    let said = causes(error);
    match error {
        // Of the service that lends roles.
        _ if said.contains("AccessDenied") => SendError::Misconfigured(format!(
            "{said}: let the function's role take on the target's _ROLE_ARN, and let that trust it, by _ROLE_EXTERNAL_ID if it asks"
        )),
        SdkError::ConstructionFailure(_) if said.to_lowercase().contains("region") => {
            SendError::Misconfigured(format!("{said}: set the target's _REGION, or AWS_REGION"))
        }
        SdkError::ConstructionFailure(_) => SendError::Misconfigured(said),
        _ => SendError::Unavailable(said),
    }
}

fn is_throttled(code: &str) -> bool {
    THROTTLED.contains(&code)
}

fn is_denied(code: &str) -> bool {
    DENIED.iter().any(|denied| code.starts_with(denied)) && !is_throttled(code)
}

/// What can be done about an error that stays.
fn advice(code: &str, said: String) -> String {
    let missing = ["NotFound", "NonExistent", "DoesNotExist", "NoSuch"];
    let credentials = [
        "InvalidClientTokenId",
        "UnrecognizedClient",
        "SignatureDoesNotMatch",
        "InvalidSignature",
        "MissingAuthentication",
    ];
    let cure = if code.starts_with("KMS") || code.starts_with("Kms") {
        "let the function's role, or the target's _ROLE_ARN, use the key of the resource"
    } else if is_denied(code) {
        "allow it to the function's role, or to the target's _ROLE_ARN"
    } else if missing.iter().any(|part| code.contains(part)) {
        "check its name, the target's _REGION and the account"
    } else if credentials.iter().any(|start| code.starts_with(start)) {
        "check the credentials of the function, and the target's _ENDPOINT_URL"
    } else {
        return said;
    };
    format!("{said}; {cure}")
}

/// A code and its message. A validation error repeats the value it found, which may be a click.
fn said(code: Option<&str>, message: Option<&str>) -> String {
    let message = message.unwrap_or_default();
    let message = match message.rfind("failed to satisfy constraint") {
        Some(at) => message.get(at..).unwrap_or_default(),
        None => message,
    };
    let end = message
        .char_indices()
        .nth(LONGEST)
        .map_or(message.len(), |(at, _)| at);
    match (code, message.get(..end).unwrap_or_default()) {
        (Some(code), "") => code.to_owned(),
        (Some(code), message) => format!("{code}: {message}"),
        (None, message) => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str, permanent: bool) -> Option<Failed> {
        Some(Failed {
            code: code.into(),
            message: "it says why".into(),
            permanent,
        })
    }

    #[test]
    fn entries_have_verdicts_of_their_own() {
        let verdicts = judge(vec![
            None,
            failed("InternalFailure", false),
            failed("MalformedDetail", true),
        ])
        .unwrap();
        assert_eq!(
            verdicts,
            [
                Verdict::Sent,
                Verdict::Retry,
                Verdict::Rejected("MalformedDetail: it says why".into())
            ]
        );
        assert_eq!(
            judge(vec![None, failed("AccessDeniedException", true)]).unwrap(),
            [Verdict::Sent, Verdict::Retry]
        );
    }

    #[test]
    fn what_is_wrong_with_all_of_them_is_wrong_with_the_target() {
        let denied = judge(vec![
            failed("AccessDeniedException", true),
            failed("KMS.AccessDenied", true),
        ]);
        assert!(
            matches!(denied, Err(SendError::Misconfigured(said)) if said.contains("it says why; allow it"))
        );
        let throttled = judge(vec![
            failed("ProvisionedThroughputExceededException", false);
            1
        ]);
        assert!(matches!(throttled, Err(SendError::Throttled(None, _))));
        assert!(matches!(
            judge(vec![failed("KmsThrottled", true)]),
            Err(SendError::Throttled(..))
        ));
    }

    impl Clone for Failed {
        fn clone(&self) -> Failed {
            Failed {
                code: self.code.clone(),
                message: self.message.clone(),
                permanent: self.permanent,
            }
        }
    }

    #[test]
    fn a_message_repeats_no_value() {
        let text = "1 validation error detected: Value 'secret' at 'records.1.member.data' failed to satisfy constraint: Member must …";
        let said = said(Some("ValidationException"), Some(text));
        assert!(
            said.starts_with("ValidationException: failed to satisfy") && !said.contains("secret"),
            "{said}"
        );
    }
}
