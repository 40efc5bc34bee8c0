//! Where requests over HTTP go, and with which headers: fields of the clicks may complete both, and
//! then a request holds clicks with the same values alone.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, RequestBuilder, Url};

use super::address::{Address, EXAMPLE};
use super::headers::{self, Headers};
use super::http::HttpClient;
use super::request;
use super::template::Placeholder;
use crate::config::vars::Scope;
use crate::targets::{Batching, EncodeError, Group, Need, SendError, View};

/// The address and the headers of requests.
#[derive(Debug)]
pub struct Destination {
    address: Address,
    headers: Headers,
    /// Each placeholder of the two, once.
    needed: Vec<NeededField>,
    /// How the names of the target's variables begin.
    prefix: String,
}

/// A field of the click that completes requests.
#[derive(Debug)]
struct NeededField {
    placeholder: Placeholder,
    /// The variable that asks for it, without the target's prefix.
    variable: String,
}

/// The address and the headers of one request.
struct Completed {
    url: Url,
    headers: HeaderMap,
}

impl Destination {
    /// Reads the variables `URL`, `HEADER_*`, `BEARER` and `BASIC`.
    pub fn read(scope: &Scope<'_>) -> Option<Destination> {
        let address = request::url(scope);
        let headers = headers::headers(scope);
        let address = address?;
        let of_url = address.placeholders().map(|one| ("URL", one));
        let of_headers = headers.completed.iter().flat_map(|header| {
            let variable = header.variable.as_str();
            header.placeholders().map(move |one| (variable, one))
        });
        let mut needed: Vec<NeededField> = Vec::new();
        for (variable, placeholder) in of_url.chain(of_headers) {
            if needed.iter().all(|known| known.placeholder != *placeholder) {
                needed.push(NeededField {
                    placeholder: placeholder.clone(),
                    variable: variable.into(),
                });
            }
        }
        Some(Destination {
            address,
            headers,
            needed,
            prefix: scope.name(""),
        })
    }

    /// Returns its address, with an example in the place of each placeholder.
    pub fn example(&self) -> &Url {
        self.address.example()
    }

    /// Returns its placeholders as they are written, with commas between them; `None` if it has
    /// none.
    pub fn placeholders(&self) -> Option<String> {
        let written = self.needed.iter().map(|one| one.placeholder.to_string());
        let written: Vec<_> = written.collect();
        (!written.is_empty()).then(|| written.join(", "))
    }

    /// Whether it has a header for credentials.
    pub fn has_authorization(&self) -> bool {
        self.headers.fixed.contains_key(AUTHORIZATION)
    }

    /// Returns how many headers variables name.
    pub fn headers(&self) -> usize {
        self.headers.count()
    }

    /// Returns which clicks may go into one request.
    pub fn batching(&self) -> Batching {
        if self.needed.is_empty() {
            Batching::Stream
        } else {
            Batching::OneGroupOnly
        }
    }

    /// Returns the fields of a click that it cannot do without.
    pub fn needs(&self) -> Vec<Need> {
        let need = |one: &NeededField| {
            Some(Need {
                path: one.placeholder.path()?.clone(),
                variable: one.variable.clone(),
            })
        };
        self.needed.iter().filter_map(need).collect()
    }

    /// Returns the values of a click that complete it; `None` if none do. `Err` if one is missing,
    /// or cannot be sent.
    pub fn group(&self, view: &View<'_>) -> Result<Option<Arc<Group>>, EncodeError> {
        if self.needed.is_empty() {
            return Ok(None);
        }
        let of_one = |NeededField {
                          placeholder,
                          variable,
                      }: &NeededField| {
            let value = placeholder.value(view).ok_or_else(|| {
                EncodeError::Rule(format!(
                    "{}{variable}: {placeholder} is missing or empty in this click",
                    self.prefix
                ))
            })?;
            Ok((placeholder.name().clone(), value.into_owned().into()))
        };
        let values: Result<_, EncodeError> = self.needed.iter().map(of_one).collect();
        let group = Group::new(values?);
        self.complete(&group).map_err(EncodeError::Rule)?;
        Ok(Some(Arc::new(group)))
    }

    /// Begins a request that `group` completes. `Err` if it cannot be made of it.
    pub fn request(
        &self,
        client: &HttpClient,
        method: Method,
        group: Option<&Group>,
    ) -> Result<RequestBuilder, SendError> {
        let none = Group::default();
        let group = group.unwrap_or(&none);
        let has_all = |one: &NeededField| group.value(one.placeholder.name()).is_some();
        if !self.needed.iter().all(has_all) {
            // They were encoded before it was read anew.
            let cause = "the target's variables have changed since the clicks were read";
            return Err(SendError::Unavailable(cause.into()));
        }
        let completed = self.complete(group);
        let Completed { url, headers } = completed.map_err(SendError::PayloadRejected)?;
        Ok(client.request(method, &url)?.headers(headers))
    }

    /// Begins a request in which an example stands for every value of a click.
    pub fn example_request(
        &self,
        client: &HttpClient,
        method: Method,
    ) -> Result<RequestBuilder, SendError> {
        let of_one = |one: &NeededField| (one.placeholder.name().clone(), EXAMPLE.into());
        let group = Group::new(self.needed.iter().map(of_one).collect());
        self.request(client, method, Some(&group))
    }

    /// Completes the address and the headers. `Err` names the variable, and why what it would be
    /// cannot be sent.
    fn complete(&self, group: &Group) -> Result<Completed, String> {
        let value = |placeholder: &Placeholder| group.value(placeholder.name()).unwrap_or_default();
        let wrong = |variable: &str, problem| format!("{}{variable}: {problem}", self.prefix);
        let url = self.address.fill(value);
        let url = url.map_err(|problem| wrong("URL", problem))?;
        let mut headers = self.headers.fixed.clone();
        for header in &self.headers.completed {
            let value = header.fill(value);
            let value = value.map_err(|problem| wrong(&header.variable, problem))?;
            headers.insert(header.name.clone(), value);
        }
        Ok(Completed { url, headers })
    }

    /// Returns its address for people, without what may be a secret.
    pub fn masked_address(&self) -> String {
        self.address.masked()
    }

    /// Returns its headers for people, without their values.
    pub fn masked_headers(&self) -> String {
        let headers = self.headers.masked();
        if headers.is_empty() {
            "none".into()
        } else {
            headers.join(", ")
        }
    }
}
