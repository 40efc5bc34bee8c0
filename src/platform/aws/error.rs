//! Classifies errors of AWS by code, status and type, and describes them with a hint.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::http::SentCredentials;
use crate::config::vars::Secret;
use crate::platform::log::{causes, chain};
use crate::platform::proxy::ProxyRefusal;
use crate::platform::{tls, words};

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

/// How codes begin whose messages repeat the request, with its token, after their first sentence.
const SIGNATURE: &[&str] = &[
    "IncompleteSignature",
    "InvalidSignature",
    "SignatureDoesNotMatch",
];

/// The code of an object that is archived.
const ARCHIVED: &str = "InvalidObjectState";

/// Codes of requests that seem too old or too new.
const CLOCK_SKEWED: &[&str] = &[
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
];

/// Fewest characters of letters and digits in a row that are taken for a token: no name has so
/// many.
const TOKEN: usize = 100;

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
}

/// Puts `error` into words, with what `hint` says can be done about an error of its kind, or what
/// can be done anywhere. Repeats nothing of credentials.
pub fn describe_sdk_error<E>(
    error: &SdkError<E, HttpResponse>,
    hint: impl FnOnce(ErrorKind) -> Option<String>,
) -> String
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let kind = ErrorKind::of(error);
    let words = match error.raw_response() {
        None if kind == ErrorKind::NoCredentials => "no AWS credentials were found".to_owned(),
        None => describe_unanswered(error),
        Some(answer) => {
            let words = match error.code() {
                Some(code) if !code.is_empty() => {
                    describe_code(code, error.message().unwrap_or_default())
                }
                _ => describe_uncoded(answer),
            };
            let secrets: Option<&SentCredentials> = answer.extension();
            let secrets = secrets.iter().flat_map(|sent| &sent.0);
            words::hide_secrets(&words, secrets.map(Secret::expose))
        }
    };
    let tls = tls::problem_of(error).map(|problem| problem.hint.to_owned());
    let hint = hint(kind)
        .or(tls)
        .or_else(|| way_out(kind).map(str::to_owned));
    match hint {
        Some(hint) => format!("{words}; {hint}"),
        None => words,
    }
}

/// Describes a request that nobody answered. The service that lends roles may have answered.
fn describe_unanswered(error: &(dyn Error + 'static)) -> String {
    let lent = chain(error).find_map(|cause| {
        let metadata: &ErrorMetadata = cause.downcast_ref()?;
        let message = metadata.message().unwrap_or_default();
        Some(describe_code(metadata.code()?, message))
    });
    match lent {
        Some(text) => format!("credentials cannot be had: {text}"),
        None => words::fit(&hide_tokens(&causes(error))),
    }
}

/// Describes an answer without a code, which may be a proxy's and not the service's.
fn describe_uncoded(answer: &HttpResponse) -> String {
    let status = answer.status().as_u16();
    let body = answer.body().bytes().unwrap_or_default();
    let is_refusal = !answer.status().is_success();
    match words::readable(body, false).filter(|_| is_refusal) {
        Some(text) => {
            let text = words::fit(&hide_tokens(&text));
            format!("HTTP {status}; the answer says: {text}")
        }
        None => format!("HTTP {status}"),
    }
}

/// Returns what can be done about an error of a kind, whatever the request was.
fn way_out(kind: ErrorKind) -> Option<&'static str> {
    match kind {
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
/// be a click, and one about a signature the request with its token: these parts are left out.
pub fn describe_code(code: &str, message: &str) -> String {
    let message = match message.rfind("failed to satisfy constraint") {
        Some(at) => message.get(at..).unwrap_or_default(),
        None if SIGNATURE.iter().any(|start| code.starts_with(start)) => {
            let end = message
                .find(['\n', '\r'])
                .into_iter()
                .chain(message.find(". "))
                .min();
            message
                .get(..end.unwrap_or(message.len()))
                .unwrap_or_default()
        }
        None => message,
    };
    match words::fit(&hide_tokens(message)) {
        message if message.is_empty() => words::fit(code),
        message => format!("{}: {message}", words::fit(code)),
    }
}

/// Hides what can only be a token, wherever it came from.
fn hide_tokens(text: &str) -> String {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "+/=_-%".contains(c);
    let mut rest = text;
    let mut tokens = Vec::new();
    while let Some(at) = rest.find(is_of_token) {
        let from = rest.get(at..).unwrap_or_default();
        let end = from.find(|c| !is_of_token(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        tokens.extend((run.len() >= TOKEN).then_some(run));
        rest = after;
    }
    words::hide_secrets(text, tokens)
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

    const TOKEN_SENT: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQD";

    fn answered(code: &str, message: &str, body: &str) -> Failed {
        let mut answer = HttpResponse::new(403.try_into().unwrap(), body.to_owned().into());
        answer.add_extension(SentCredentials(vec![Secret::new(TOKEN_SENT)]));
        let metadata = ErrorMetadata::builder().code(code).message(message);
        Failed::service_error(metadata.build(), answer)
    }

    #[test]
    fn nothing_of_credentials_is_repeated_whatever_the_error_says() {
        let echo = format!(
            "The Canonical String should have been 'POST x-amz-security-token:{TOKEN_SENT}'"
        );
        for code in [
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "AccessDenied",
            "Odd",
            "",
        ] {
            let text = describe_sdk_error(&answered(code, &echo, &echo), |_| None);
            for at in 0..TOKEN_SENT.len() - 8 {
                assert!(!text.contains(&TOKEN_SENT[at..at + 8]), "{text}");
            }
        }
        // The service that lends roles has its own answers, of which the request is not known.
        let token = "FwoGZXIvYXdzE".repeat(20);
        let message = format!("the token {token} is no good");
        let refused = ErrorMetadata::builder()
            .code("Odd")
            .message(&message)
            .build();
        let text = describe_sdk_error(
            &unanswered(CredentialsError::provider_error(refused)),
            |_| None,
        );
        assert_eq!(
            text,
            "credentials cannot be had: Odd: the token … is no good"
        );
        let other = unanswered(CredentialsError::provider_error(message));
        let text = describe_sdk_error(&other, |_| None);
        assert!(!text.contains("FwoGZX"), "{text}");
    }

    #[test]
    fn names_of_resources_are_shown() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/clickstream-forwarder-FunctionRole-1A2B3C4D5E6F/clickstream-forwarder is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:eu-west-1:123456789012:clicks";
        let text = describe_code("AccessDenied", message);
        assert_eq!(text, format!("AccessDenied: {message}"));
    }

    #[test]
    fn each_refusal_of_s3_names_its_own_way_out() {
        for (code, message, hint) in [
            (
                "InvalidObjectState",
                "The operation is not valid for the object's storage class",
                "restore the object",
            ),
            (
                "RequestTimeTooSkewed",
                "The difference is too large.",
                "set this machine's clock",
            ),
            (
                "AccessDenied",
                "User: x is not authorized to perform: kms:Decrypt on resource: y",
                "kms:Decrypt and",
            ),
            (
                "InvalidAccessKeyId",
                "The key does not exist",
                "check the credentials",
            ),
        ] {
            let text = describe_sdk_error(&answered(code, message, ""), |_| None);
            assert!(text.starts_with(code) && text.contains(hint), "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_code_is_quoted() {
        let page = "<html><title>Blocked</title><body>by the company's proxy</body></html>";
        assert_eq!(
            describe_sdk_error(&answered("", "", page), |_| None),
            "HTTP 403; the answer says: Blocked by the company's proxy"
        );
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
