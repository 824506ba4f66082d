//! Bodies: limited in size, checked in type, parsed with the JSON path of what is wrong.

use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// A body that arrived within the limit and is announced as JSON, NDJSON or TOML.
#[derive(Clone, Debug)]
pub struct Body {
    bytes: Bytes,
    media: Media,
}

/// How a body is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/x-ndjson`: one JSON value a line.
    NdJson,
    /// `application/toml`: a policy as people write it.
    Toml,
}

impl Body {
    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as they came, for who keeps them.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// How it is announced.
    pub fn media(&self) -> Media {
        self.media
    }

    /// The body as one JSON value.
    ///
    /// # Errors
    /// [`Code::UnsupportedMediaType`] for anything else, else as [`parse`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match self.media {
            Media::Json => parse(&self.bytes, "$"),
            Media::NdJson => Err(unsupported("application/x-ndjson", "application/json")),
            Media::Toml => Err(unsupported("application/toml", "application/json")),
        }
    }
}

/// Reads one JSON value that stands at a JSON path of the body.
///
/// # Errors
/// [`Code::MalformedJson`] with line and column, or [`Code::InvalidField`] with the JSON path.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], place: &str) -> Result<T, Problem> {
    // Following the path costs more than reading; only what is wrong has to say where.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let code = match error.inner().classify() {
            Category::Data => Code::InvalidField,
            Category::Syntax | Category::Eof | Category::Io => Code::MalformedJson,
        };
        Problem::new(code, error.inner().to_string()).at(json_path(place, &error.path().to_string()))
    })?;
    reader.end().map_err(|error| Problem::new(Code::MalformedJson, error.to_string()).at(place))?;
    Ok(value)
}

/// Joins a place such as `$[3]` and a path such as `attributes.price` or `[0].id`.
fn json_path(place: &str, path: &str) -> String {
    match path {
        "." => place.to_owned(),
        path if path.starts_with('[') => format!("{place}{path}"),
        path => format!("{place}.{path}"),
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            let limit = request
                .app_data::<web::Data<AppState>>()
                .map(|state| state.config.server.max_body_bytes)
                .ok_or_else(|| Problem::internal(&"the application state is missing from the application"))?;
            let media = media_of(&request)?;
            let payload = payload.await.map_err(|error| Problem::internal(&error))?;
            let too_large = || {
                Problem::new(
                    Code::BodyTooLarge,
                    format!("At most {limit} bytes (server.max_body_bytes); send smaller batches."),
                )
            };
            let arrived = payload.to_bytes_limited(limit).await.map_err(|_| too_large())?;
            let bytes = arrived.map_err(|error| Problem::new(Code::BodyIncomplete, error.to_string()))?;
            Ok(Self { bytes, media })
        })
    }
}

fn media_of(request: &HttpRequest) -> Result<Media, Problem> {
    let announced =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Media::Json),
        "application/x-ndjson" | "application/ndjson" => Ok(Media::NdJson),
        "application/toml" => Ok(Media::Toml),
        _ => Err(unsupported(
            announced,
            "application/json (events also application/x-ndjson, policies also application/toml)",
        )),
    }
}

fn unsupported(announced: &str, expected: &str) -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        format!("The content type is {announced:?}, but this route reads {expected}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_names_its_place_in_the_body() {
        let cases = [
            (r#"{"a": [{"b": "x"}]}"#, "invalid_field", "$[2].a[0].b"),
            (r#"{"a": [{"b": NaN}]}"#, "malformed_json", "$[2].a[0].b"),
            (r#"{"a": []} x"#, "malformed_json", "$[2]"),
            ("[1]", "invalid_field", "$[2][0]"),
        ];
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[allow(dead_code, reason = "only parsed")]
            a: Vec<std::collections::BTreeMap<String, f64>>,
        }
        for (json, code, place) in cases {
            let problem = parse::<Outer>(json.as_bytes(), "$[2]").unwrap_err();
            assert_eq!((problem.code().word(), problem.path()), (code, Some(place)), "{json}: {problem}");
        }
    }
}
