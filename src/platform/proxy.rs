//! Proxies: which one a connection goes through, and why one refuses it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::words::ShownUrl;

/// The variables that name proxies, most special first; in lower case too.
pub const VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// How long a proxy may take to say why it refuses a connection.
const ANSWER: Duration = Duration::from_secs(2);
/// Most bytes of its status line.
const STATUS_LINE: u64 = 512;

/// The proxies that connections use: the same rules for all.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For addresses that begin with `http://`.
    http: Option<String>,
    /// For addresses that begin with `https://`.
    https: Option<String>,
    /// The hosts that are connected to directly, as `NO_PROXY` lists them.
    direct: String,
    matcher: Option<Arc<Matcher>>,
}

/// A proxy refuses to connect to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRefusal {
    proxy: String,
    status: u16,
}

/// Reads the address of a proxy. The error says what is expected.
pub fn parse(text: &str) -> Result<String, &'static str> {
    let expected = "a proxy's address such as http://proxy.example.com:3128";
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&whole).map_err(|_| expected)?;
    let is_usable = url.host_str().is_some() && url.as_str().parse::<Uri>().is_ok();
    match url.scheme() {
        "http" | "https" if is_usable => Ok(url.into()),
        scheme if scheme.starts_with("socks") => {
            Err("a proxy that begins with http:// or https://; SOCKS is not supported")
        }
        _ => Err(expected),
    }
}

impl Proxies {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case too. One that
    /// cannot be read is left out: the configuration reports it.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Proxies {
        let text = |names: [&str; 2]| {
            let set = names.into_iter().filter_map(|name| vars.get(name));
            set.map(|text| text.trim()).find(|text| !text.is_empty())
        };
        let proxy = |names| text(names).and_then(|text| parse(text).ok());
        let all = proxy(["ALL_PROXY", "all_proxy"]);
        let http = proxy(["HTTP_PROXY", "http_proxy"]).or_else(|| all.clone());
        let https = proxy(["HTTPS_PROXY", "https_proxy"]).or(all);
        let direct = text(["NO_PROXY", "no_proxy"])
            .unwrap_or_default()
            .to_owned();
        let matcher = Matcher::builder()
            .http(http.clone().unwrap_or_default())
            .https(https.clone().unwrap_or_default())
            .no(direct.clone());
        let is_any = http.is_some() || https.is_some();
        Proxies {
            matcher: is_any.then(|| Arc::new(matcher.build())),
            http,
            https,
            direct,
        }
    }

    /// Lets a client of targets use these proxies, and no others.
    pub fn apply(&self, client: ClientBuilder) -> ClientBuilder {
        let http = self.http.as_deref().map(reqwest::Proxy::http);
        let https = self.https.as_deref().map(reqwest::Proxy::https);
        let proxies = http.into_iter().chain(https).filter_map(Result::ok);
        proxies.fold(client.no_proxy(), |client, proxy| {
            client.proxy(proxy.no_proxy(NoProxy::from_string(&self.direct)))
        })
    }

    /// The proxy for addresses that begin with `http://`.
    #[cfg(feature = "aws")]
    pub fn http(&self) -> Option<&str> {
        self.http.as_deref()
    }

    /// The proxy for addresses that begin with `https://`.
    #[cfg(feature = "aws")]
    pub fn https(&self) -> Option<&str> {
        self.https.as_deref()
    }

    /// The hosts that are connected to directly.
    #[cfg(feature = "aws")]
    pub fn direct(&self) -> &str {
        &self.direct
    }

    /// Names the proxy that a connection to `url` goes through, without its password.
    pub fn shown(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let proxy = self.matcher.as_ref()?.intercept(&uri)?;
        Some(ShownUrl(&proxy.uri().to_string()).to_string())
    }

    /// Asks the proxy of a connection to `url` that failed whether it refuses to connect. HTTP's
    /// libraries only say that it did.
    pub async fn refusal(&self, url: &str) -> Option<ProxyRefusal> {
        let uri: Uri = url.parse().ok()?;
        let proxy = self.matcher.as_ref()?.intercept(&uri)?;
        let is_tunnelled =
            uri.scheme_str() == Some("https") && proxy.uri().scheme_str() == Some("http");
        if !is_tunnelled {
            return None;
        }
        let host = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(443));
        let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        if let Some(auth) = proxy.basic_auth() {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(auth.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let port = proxy.uri().port_u16().unwrap_or(80);
        let status = timeout(ANSWER, ask(proxy.uri().host()?, port, &request))
            .await
            .ok()??;
        let proxy = ShownUrl(&proxy.uri().to_string()).to_string();
        let is_refused = !(200..300).contains(&status);
        is_refused.then_some(ProxyRefusal { proxy, status })
    }
}

/// Sends `request` and returns the status of its answer.
async fn ask(host: &str, port: u16, request: &[u8]) -> Option<u16> {
    let host = host.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let mut head = stream.take(STATUS_LINE);
    while !answer.contains(&b'\n') && head.read_buf(&mut answer).await.ok()? > 0 {}
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1)?.trim().parse().ok()
}

impl ProxyRefusal {
    /// Whether the proxy may connect later.
    pub fn passes(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }
}

impl fmt::Display for ProxyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProxyRefusal { proxy, status } = self;
        write!(f, "the proxy {proxy} answered CONNECT with HTTP {status}")?;
        match status {
            407 => f.write_str("; give user:password@ in its address"),
            400..500 => f.write_str("; let it connect to this host, or name the host in NO_PROXY"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ProxyRefusal {}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<String>| url.as_deref().map(|url| ShownUrl(url).to_string());
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("direct", &self.direct)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(pairs: &[(&str, &str)]) -> Proxies {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Proxies::from_vars(&pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_proxy_is_chosen_by_the_address_and_by_the_most_special_variable() {
        let both = proxies(&[
            ("ALL_PROXY", "http://all:1"),
            ("https_proxy", "user:s3cret@secure:2"),
            ("NO_PROXY", "direct.example, 10.0.0.0/8"),
        ]);
        assert_eq!(both.shown("http://a.example/").unwrap(), "http://all:1/");
        assert_eq!(
            both.shown("https://a.example/").unwrap(),
            "http://secure:2/"
        );
        for direct in ["https://x.direct.example/", "http://10.1.2.3/"] {
            assert_eq!(both.shown(direct), None, "{direct}");
        }
        assert!(!format!("{both:?}").contains("s3cret"));
        let none = proxies(&[("HTTP_PROXY", " "), ("HTTPS_PROXY", "socks5://s:1")]);
        assert_eq!(none.shown("https://a.example/"), None);
    }

    #[test]
    fn an_address_that_is_no_proxy_is_a_mistake() {
        for good in [
            "http://proxy:3128",
            "https://u:p@proxy",
            "127.0.0.1:3128",
            "proxy",
            "http://[::1]:1/",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://",
            "proxy:port",
            "ftp://proxy",
            "socks5://proxy",
            "http://a b",
            "://",
            "htp://x",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
