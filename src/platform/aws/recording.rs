//! Requests to AWS that are kept and not made. None is answered as its service would: whoever looks
//! at the answer finds an empty one.

use aws_config::BehaviorVersion;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use super::http::CREDENTIALS;
use crate::platform::recorder::{RecordedHeader, RecordedRequest, Recorder};

/// The region where neither the environment nor a profile names one.
const REGION: &str = "us-east-1";
/// What signs requests that nobody sees.
const NOBODY: &str = "recorded";

/// Returns settings whose clients need no credentials, and whose requests go to `recorder`.
pub(super) async fn config(recorder: &Recorder) -> SdkConfig {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(Region::new(REGION));
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(Recording(recorder.clone())))
        .credentials_provider(Credentials::new(NOBODY, NOBODY, None, None, NOBODY))
        .region(region)
        .load()
        .await
}

#[derive(Clone, Debug)]
struct Recording(Recorder);

impl HttpConnector for Recording {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |(name, value): (&str, &str)| {
            RecordedHeader::new(name, value, CREDENTIALS.contains(&name))
        };
        self.0.record(RecordedRequest {
            method: Some(request.method().to_owned()),
            address: request.uri().to_owned(),
            headers: request.headers().iter().map(header).collect(),
            body: Bytes::copy_from_slice(request.body().bytes().unwrap_or_default()),
        });
        let status = StatusCode::try_from(200);
        let mut answer = HttpResponse::new(
            status.unwrap_or_else(|_| unreachable!("200 is a status")),
            SdkBody::from("{}"),
        );
        answer.headers_mut().insert("x-amz-request-id", NOBODY);
        HttpConnectorFuture::ready(Ok(answer))
    }
}

impl HttpClient for Recording {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
