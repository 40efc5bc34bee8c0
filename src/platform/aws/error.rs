//! Describes errors of AWS with a hint, and without anything of credentials.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::http::SentCredentials;
use super::kind::ErrorKind;
use crate::config::vars::Secret;
use crate::platform::log::{causes, chain};
use crate::platform::{tls, words};

/// How codes begin whose messages repeat the request, with its token, after their first sentence.
const SIGNATURE: &[&str] = &[
    "IncompleteSignature",
    "InvalidSignature",
    "SignatureDoesNotMatch",
];

/// Fewest characters of letters and digits in a row that are taken for a token: no name has so
/// many.
const TOKEN: usize = 100;

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
        .or_else(|| kind.way_out().map(str::to_owned));
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

/// Hides what can only be a token, wherever it came from, and who an address is called as.
fn hide_tokens(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || "\"'`<>()".contains(c);
    let addresses = text.split(is_edge).filter(|word| !word.starts_with("arn:"));
    let callers = addresses.filter_map(|word| {
        let (before, _) = word.rsplit_once('@')?;
        let caller = before
            .rsplit_once("//")
            .map_or(before, |(_, caller)| caller);
        caller.contains(':').then_some(caller)
    });
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "+/=_-%".contains(c);
    let mut rest = text;
    let mut tokens: Vec<&str> = callers.collect();
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
    use aws_credential_types::provider::error::CredentialsError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    type Failed = SdkError<ErrorMetadata, HttpResponse>;

    fn unanswered(cause: CredentialsError) -> Failed {
        SdkError::dispatch_failure(ConnectorError::other(Box::new(cause), None))
    }

    fn coded(code: &str) -> ErrorMetadata {
        ErrorMetadata::builder().code(code).build()
    }

    #[test]
    fn an_address_is_shown_without_who_calls_it() {
        for (text, shown) in [
            (
                "endpoint `ftp://usr:Pa55w0rd@host/` was not",
                "ftp://…@host/",
            ),
            ("endpoint `usr:Pa55w0rd@host` was not", "…@host"),
            ("endpoint `//usr:Pa55w0rd@host/` was not", "//…@host/"),
            (
                "arn:aws:sts::1:assumed-role/r/me@acme.com is not",
                "me@acme.com",
            ),
        ] {
            let said = hide_tokens(text);
            assert!(said.contains(shown) && !said.contains("Pa55w0rd"), "{said}");
        }
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
