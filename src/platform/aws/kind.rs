//! Classifies errors of AWS by code, status and type.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::platform::log::chain;
use crate::platform::proxy::ProxyRefusal;
use crate::platform::tls;

/// The meaning of an error of AWS. Never derived from the wording of a message, but for the action
/// that IAM names.
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
    /// The settings that credentials are looked for with are wrong.
    WrongProfile,
    /// The object is archived, and cannot be read until it is restored.
    Archived,
    /// The clocks of this machine and of the service differ.
    ClockSkewed,
    /// The service's certificate is not accepted.
    Untrusted,
    /// No host has the service's name, for now.
    Unresolved,
    /// A proxy does not connect to the service.
    ProxyRefused,
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
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthentication",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];

/// Parts of codes that miss a resource.
const NOT_FOUND: &[&str] = &["DoesNotExist", "NoSuch", "NonExistent", "NotFound"];

/// The code of an object that is archived.
const ARCHIVED: &str = "InvalidObjectState";

/// Codes of requests that seem too old or too new.
const CLOCK_SKEWED: &[&str] = &[
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
];

impl ErrorKind {
    /// Returns what `error` means.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> ErrorKind
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Some(response) = error.raw_response() else {
            return ErrorKind::of_unanswered(error);
        };
        let kind = match ErrorKind::of_code(error.code().unwrap_or_default()) {
            // S3 has no code for it.
            ErrorKind::Denied if denied_action(error).is_some_and(|it| it.starts_with("kms:")) => {
                ErrorKind::KeyDenied
            }
            kind => kind,
        };
        match (kind, response.status().as_u16()) {
            (ErrorKind::Throttled, _) | (_, 429) => ErrorKind::Throttled,
            (ErrorKind::Denied | ErrorKind::KeyDenied | ErrorKind::ClockSkewed, _) => kind,
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
        } else if code == ARCHIVED {
            ErrorKind::Archived
        } else if CLOCK_SKEWED.contains(&code) {
            ErrorKind::ClockSkewed
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
        let mut of_provider = false;
        for cause in chain(error) {
            match cause.downcast_ref() {
                Some(CredentialsError::CredentialsNotLoaded(_)) => return ErrorKind::NoCredentials,
                Some(CredentialsError::InvalidConfiguration(_)) => return ErrorKind::WrongProfile,
                Some(_) => of_provider = true,
                None => {}
            }
            // The answer of the service that lends roles.
            let code = cause.downcast_ref().and_then(ErrorMetadata::code);
            if of_provider && code.map(ErrorKind::of_code) == Some(ErrorKind::Denied) {
                return ErrorKind::RoleDenied;
            }
            // For example without a region.
            if cause.is::<ResolveEndpointError>() {
                return ErrorKind::Unbuildable;
            }
            if cause.is::<ResolveDnsError>() {
                return ErrorKind::Unresolved;
            }
            match cause.downcast_ref().map(ProxyRefusal::passes) {
                Some(true) => return ErrorKind::Transient,
                Some(false) => return ErrorKind::ProxyRefused,
                None => {}
            }
        }
        if tls::problem_of(error).is_some_and(|problem| problem.stays) {
            return ErrorKind::Untrusted;
        }
        match error {
            SdkError::ConstructionFailure(_) => ErrorKind::Unbuildable,
            _ => ErrorKind::Transient,
        }
    }

    /// Returns what can be done about an error of this kind, whatever the request was.
    pub(super) fn way_out(self) -> Option<&'static str> {
        match self {
            ErrorKind::NoCredentials => Some(
                "set AWS_PROFILE to a profile that has them, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY; a function needs a role",
            ),
            ErrorKind::WrongProfile => Some(
                "check AWS_PROFILE, and the files in ~/.aws; if you sign in with SSO, first run \
                 eval \"$(aws configure export-credentials --format env)\"",
            ),
            ErrorKind::BadCredentials => Some(
                "check the credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
            ),
            ErrorKind::KeyDenied => {
                Some("allow the caller kms:Decrypt and kms:GenerateDataKey on the key")
            }
            ErrorKind::Archived => {
                Some("restore the object, for example with aws s3api restore-object")
            }
            ErrorKind::ClockSkewed => Some("set this machine's clock"),
            ErrorKind::Unresolved => {
                Some("check the region, the service's address, and this machine's DNS")
            }
            ErrorKind::Unbuildable => {
                Some("set AWS_REGION, and check the names and addresses that are set")
            }
            ErrorKind::Throttled
            | ErrorKind::Transient
            | ErrorKind::Denied
            | ErrorKind::NotFound
            | ErrorKind::RoleDenied
            | ErrorKind::Untrusted
            | ErrorKind::ProxyRefused
            | ErrorKind::Other => None,
        }
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
