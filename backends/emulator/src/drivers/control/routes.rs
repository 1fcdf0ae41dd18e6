//! The paths of the control API. `openapi.json` describes them; a test compares the two.

use http::Method;

/// The endpoint that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Status,
    OpenApi,
    Buckets,
    FileContent,
    AdminCall,
    ClientCall,
    Calls,
    ClearCalls,
    Call,
    Cassette,
    Usage,
    AddFault,
    Faults,
    ClearFaults,
    RemoveFault,
    OpenLatch,
    Clock,
    AdvanceClock,
    ResetClock,
    RunLifecycle,
    ExpireTokens,
    Webhooks,
    DrainWebhooks,
    States,
    SaveState,
    RemoveState,
    RestoreState,
    Reset,
}

/// A method and a path below the version. A segment in braces is a parameter; a path has one at
/// most.
type Route = (Method, &'static str, Endpoint);

pub(super) const ROUTES: &[Route] = &[
    (Method::GET, "", Endpoint::Status),
    (Method::GET, "openapi.json", Endpoint::OpenApi),
    (Method::GET, "buckets", Endpoint::Buckets),
    (Method::GET, "files/{fileId}/content", Endpoint::FileContent),
    (Method::POST, "admin/{call}", Endpoint::AdminCall),
    (Method::POST, "client/{call}", Endpoint::ClientCall),
    (Method::GET, "calls", Endpoint::Calls),
    (Method::DELETE, "calls", Endpoint::ClearCalls),
    (Method::GET, "calls/{id}", Endpoint::Call),
    (Method::GET, "cassette", Endpoint::Cassette),
    (Method::GET, "usage", Endpoint::Usage),
    (Method::GET, "faults", Endpoint::Faults),
    (Method::POST, "faults", Endpoint::AddFault),
    (Method::DELETE, "faults", Endpoint::ClearFaults),
    (Method::DELETE, "faults/{id}", Endpoint::RemoveFault),
    (Method::POST, "latches/{name}/open", Endpoint::OpenLatch),
    // the name in earlier releases
    (Method::POST, "gates/{name}/open", Endpoint::OpenLatch),
    (Method::GET, "clock", Endpoint::Clock),
    (Method::POST, "clock", Endpoint::AdvanceClock),
    (Method::DELETE, "clock", Endpoint::ResetClock),
    (Method::POST, "lifecycle", Endpoint::RunLifecycle),
    (Method::POST, "tokens/expire", Endpoint::ExpireTokens),
    (Method::GET, "webhooks", Endpoint::Webhooks),
    (Method::DELETE, "webhooks", Endpoint::DrainWebhooks),
    (Method::GET, "states", Endpoint::States),
    (Method::PUT, "states/{name}", Endpoint::SaveState),
    (Method::DELETE, "states/{name}", Endpoint::RemoveState),
    (
        Method::POST,
        "states/{name}/restore",
        Endpoint::RestoreState,
    ),
    (Method::POST, "reset", Endpoint::Reset),
];

/// The result of a look-up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// With its parameter, or an empty one.
    Endpoint(Endpoint, &'a str),
    /// The path has other methods: these.
    OtherMethods(Vec<&'static str>),
    Nothing,
}

/// Finds what a request to a path below the version asks for.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let mut others = Vec::new();
    for (allowed, pattern, endpoint) in ROUTES {
        let Some(parameter) = parameter(pattern, path) else {
            continue;
        };
        if allowed == method {
            return Found::Endpoint(*endpoint, parameter);
        }
        others.push(allowed.as_str());
    }
    if others.is_empty() {
        Found::Nothing
    } else {
        Found::OtherMethods(others)
    }
}

/// The parameter in a path of this pattern; empty if it has none.
fn parameter<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let mut parameter = "";
    let (mut wanted, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), segments.next()) {
            (None, None) => return Some(parameter),
            (Some(wanted), Some(segment)) if wanted.starts_with('{') && !segment.is_empty() => {
                parameter = segment;
            }
            (Some(wanted), Some(segment)) if wanted == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_routes_are_those_that_openapi_json_describes() {
        let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let routes = ROUTES.iter();
        let routes: BTreeSet<_> = routes
            .map(|(method, path, _)| format!("{method} /{path}"))
            .collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn paths_are_found_with_their_parameter_or_other_methods() {
        let get = |path| find(&Method::GET, path);
        assert_eq!(get(""), Found::Endpoint(Endpoint::Status, ""));
        assert_eq!(get("calls/7"), Found::Endpoint(Endpoint::Call, "7"));
        let content = Found::Endpoint(Endpoint::FileContent, "4_z");
        assert_eq!(get("files/4_z/content"), content);
        assert_eq!(get("reset"), Found::OtherMethods(vec!["POST"]));
        assert_eq!(get("states/a"), Found::OtherMethods(vec!["PUT", "DELETE"]));
        for path in ["calls/", "calls/7/8", "files//content", "nothing", "/"] {
            assert_eq!(get(path), Found::Nothing, "{path}");
        }
    }
}
