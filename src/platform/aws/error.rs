//! Classifies errors of AWS by code, status and type, and describes them with a hint.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::platform::log::causes;

/// The meaning of an error of AWS. Never derived from the wording of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Too many requests for now.
    Throttled,
    /// It passes by itself, or nobody answered.
    Transient,
    /// The caller is not allowed to.
    Denied,
    /// The caller is not allowed to use the key of KMS that the resource is encrypted with.
    KeyDenied,
    /// The service does not accept the credentials.
    BadCredentials,
    /// There is no such resource.
    NotFound,
    /// There are no credentials.
    NoCredentials,
    /// The caller may not assume the role whose credentials the request needs.
    RoleDenied,
    /// The request could not be built.
    Unbuildable,
    /// Anything else that stays.
    Other,
}

/// Codes at which AWS's own clients wait (botocore's retries/standard.py).
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

/// Codes that pass by themselves, whatever the status is.
const TRANSIENT: &[&str] = &[
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

/// How codes begin that forbid the use of a key of KMS.
const KEY_DENIED: &[&str] = &["KMS", "Kms"];

/// How codes begin that forbid a request.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AuthorizationError",
    "InvalidAccountId",
    "InvalidSecurity",
    "NotAuthorized",
    "UnauthorizedOperation",
];

/// How codes begin that refuse credentials.
const BAD_CREDENTIALS: &[&str] = &[
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthentication",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];

/// Parts of codes that miss a resource.
const NOT_FOUND: &[&str] = &["DoesNotExist", "NoSuch", "NonExistent", "NotFound"];

/// Most characters of a message that are kept.
const LONGEST: usize = 400;

impl ErrorKind {
    /// Returns what `error` means.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> ErrorKind
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Some(response) = error.raw_response() else {
            return ErrorKind::of_unanswered(error);
        };
        let kind = ErrorKind::of_code(error.code().unwrap_or_default());
        match (kind, response.status().as_u16()) {
            (ErrorKind::Throttled, _) | (_, 429) => ErrorKind::Throttled,
            (ErrorKind::Denied | ErrorKind::KeyDenied, _) => kind,
            // A proxy's answer has no code; an answer that was cut off has a status of success.
            (_, 200..=299 | 408 | 500..) => ErrorKind::Transient,
            _ => kind,
        }
    }

    /// Returns what `code`, of a request or of one of its entries, means.
    pub fn of_code(code: &str) -> ErrorKind {
        let starts = |starts: &[&str]| starts.iter().any(|start| code.starts_with(start));
        if THROTTLED.contains(&code) {
            ErrorKind::Throttled
        } else if TRANSIENT.contains(&code) {
            ErrorKind::Transient
        } else if starts(KEY_DENIED) {
            ErrorKind::KeyDenied
        } else if starts(DENIED) {
            ErrorKind::Denied
        } else if NOT_FOUND.iter().any(|part| code.contains(part)) {
            ErrorKind::NotFound
        } else if starts(BAD_CREDENTIALS) {
            ErrorKind::BadCredentials
        } else {
            ErrorKind::Other
        }
    }

    /// Returns what the error of a request means that was never sent, or that nobody answered.
    fn of_unanswered<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> ErrorKind {
        let mut source: Option<&(dyn Error + 'static)> = Some(error);
        let mut of_provider = false;
        while let Some(cause) = source {
            match cause.downcast_ref() {
                Some(CredentialsError::CredentialsNotLoaded(_)) => return ErrorKind::NoCredentials,
                Some(_) => of_provider = true,
                None => {}
            }
            // The answer of the service that lends roles.
            let code = cause.downcast_ref().and_then(ErrorMetadata::code);
            if of_provider && code.map(ErrorKind::of_code) == Some(ErrorKind::Denied) {
                return ErrorKind::RoleDenied;
            }
            source = cause.source();
        }
        match error {
            SdkError::ConstructionFailure(_) => ErrorKind::Unbuildable,
            _ => ErrorKind::Transient,
        }
    }
}

/// Puts `error` into words, with what `hint` says can be done about an error of its kind.
pub fn describe_sdk_error<E>(
    error: &SdkError<E, HttpResponse>,
    hint: impl FnOnce(ErrorKind) -> Option<String>,
) -> String
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status());
    let kind = ErrorKind::of(error);
    let words = match (status, error.code()) {
        (None, _) if kind == ErrorKind::NoCredentials => "no AWS credentials were found".to_owned(),
        (None, _) => causes(error),
        (Some(status), None | Some("")) => format!("HTTP {}", status.as_u16()),
        (Some(_), Some(code)) => describe_code(code, error.message().unwrap_or_default()),
    };
    match hint(kind) {
        Some(hint) => format!("{words}; {hint}"),
        None => words,
    }
}

/// Returns the action that the caller lacks, by the one form that the messages of IAM have: `… is
/// not authorized to perform: ACTION on resource: …`. No member of the answer has it.
pub fn denied_action<E>(error: &SdkError<E, HttpResponse>) -> Option<&str>
where
    E: ProvideErrorMetadata,
{
    let (_, rest) = error.message()?.split_once(" perform: ")?;
    rest.split_whitespace().next()
}

/// Puts a code and its message into words. A validation error repeats the value it found, which may
/// be a click: that part is left out.
pub fn describe_code(code: &str, message: &str) -> String {
    let message = match message.rfind("failed to satisfy constraint") {
        Some(at) => message.get(at..).unwrap_or_default(),
        None => message,
    };
    let end = message
        .char_indices()
        .nth(LONGEST)
        .map_or(message.len(), |(at, _)| at);
    match message.get(..end).unwrap_or_default() {
        "" => code.to_owned(),
        message => format!("{code}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    type Failed = SdkError<ErrorMetadata, HttpResponse>;

    fn unanswered(cause: CredentialsError) -> Failed {
        SdkError::dispatch_failure(ConnectorError::other(Box::new(cause), None))
    }

    fn coded(code: &str) -> ErrorMetadata {
        ErrorMetadata::builder().code(code).build()
    }

    #[test]
    fn credentials_are_missing_or_the_role_is_denied_by_type_and_code() {
        let missing = unanswered(CredentialsError::not_loaded("none"));
        assert_eq!(ErrorKind::of(&missing), ErrorKind::NoCredentials);
        let denied = unanswered(CredentialsError::provider_error(coded("AccessDenied")));
        assert_eq!(ErrorKind::of(&denied), ErrorKind::RoleDenied);
        let busy = unanswered(CredentialsError::provider_error(coded("Throttling")));
        assert_eq!(ErrorKind::of(&busy), ErrorKind::Transient);
        let unbuilt = Failed::construction_failure("AccessDenied");
        assert_eq!(ErrorKind::of(&unbuilt), ErrorKind::Unbuildable);
        let lost = Failed::timeout_error("AccessDenied");
        assert_eq!(ErrorKind::of(&lost), ErrorKind::Transient);
    }

    #[test]
    fn a_message_repeats_no_value() {
        let text = "1 validation error detected: Value 'secret' at 'records.1.member.data' failed to satisfy constraint: Member must …";
        let said = describe_code("ValidationException", text);
        assert!(
            said.starts_with("ValidationException: failed to satisfy") && !said.contains("secret"),
            "{said}"
        );
    }
}
