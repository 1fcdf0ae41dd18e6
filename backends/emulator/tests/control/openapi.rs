//! `openapi.json` against the server: paths, methods, and every field of requests and responses.

use std::collections::BTreeSet;

use super::*;

const DOCUMENT: &str = include_str!("../../src/drivers/control/openapi.json");

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// The schema that a reference leads to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        None => schema,
        Some(path) => document.pointer(&path[1..]).unwrap(),
    }
}

/// Where a value does not have this schema.
fn problem(document: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |it: &&Value| problem(document, it, value, place).is_none();
        let count = choices.iter().filter(fits).count();
        return (count != 1).then(|| format!("{place}: {count} schemas fit {value}"));
    }
    let is_other = |wanted: &Value| !wanted.is_null() && wanted != value;
    let listed = schema["enum"].as_array();
    if is_other(&schema["const"]) || listed.is_some_and(|it| !it.contains(value)) {
        return Some(format!("{place}: {value} is not {schema}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |wanted: &Value| wanted == kind || wanted == "number" && kind == "integer";
    let kinds = schema["type"].as_array().map(Vec::as_slice);
    let kinds = kinds.unwrap_or(std::slice::from_ref(&schema["type"]));
    if !schema["type"].is_null() && !kinds.iter().any(is_kind) {
        return Some(format!("{place}: {value} is no {}", schema["type"]));
    }
    let items = value.as_array().into_iter().flatten();
    let mut problems =
        items.filter_map(|item| problem(document, &schema["items"], item, &format!("{place}[]")));
    if let Some(problem) = problems.next() {
        return Some(problem);
    }
    let object = value.as_object()?;
    for name in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            return Some(format!("{place}: {name} is missing"));
        }
    }
    object.iter().find_map(|(name, member)| {
        let place = format!("{place}.{name}");
        match (
            schema["properties"].get(name),
            &schema["additionalProperties"],
        ) {
            (Some(schema), _) => problem(document, schema, member, &place),
            (None, Value::Bool(false)) => Some(format!("{place} is not described")),
            (None, Value::Null) => None,
            (None, schema) => problem(document, schema, member, &place),
        }
    })
}

/// Requires a response to have the schema that is described for its path.
#[track_caller]
fn check(response: &Response, method: &str, path: &str) {
    let document = document();
    let operation = &document["paths"][path][method.to_lowercase()];
    let content = &operation["responses"][response.status.to_string()]["content"];
    assert!(content.is_object(), "{method} {path}: {}", response.status);
    let kind = response.header("content-type").split(';').next().unwrap();
    let schema = &content[kind]["schema"];
    assert!(schema.is_object(), "{method} {path}: {kind}");
    if kind == "application/json" {
        let found = problem(&document, schema, &response.json(), "");
        assert_eq!(found, None, "{method} {path}");
    }
}

#[test]
fn every_response_has_the_fields_that_are_described_and_no_others() {
    let emulator = Emulator::builder().clock(OffsetClock::default()).build();
    let client = RawClient::with(emulator, b2kit_emulator::ManualClock::default());
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPublic");
    let file = client.upload(&bucket, "f", b"0123456789");
    let rules = json!({"bucketId": bucket, "eventNotificationRules": [{
        "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true, "name": "a-rule",
        "objectNamePrefix": "", "targetConfiguration": {"targetType": "webhook",
        "url": "https://example.com/"}}]});
    client.post("b2_set_bucket_notification_rules", &rules).ok();
    client.upload(&bucket, "g", b"0123456789");
    list(&server, &client);
    let account = json!({"accountId": client.emulator.account_id()});
    let wait = json!({"fault": {"kind": "wait", "latch": "a"}, "on": {"call": "b2_list_keys"},
        "when": {"nth": 9}, "afterCommit": true});
    let content = format!("/files/{}/content", file["fileId"].as_str().unwrap());
    let nothing = Value::Null;
    let asked = [
        ("GET", "/", "", &nothing),
        ("GET", "/openapi.json", "/openapi.json", &nothing),
        ("GET", "/buckets", "/buckets", &nothing),
        ("GET", "/files/{fileId}/content", &content, &nothing),
        ("POST", "/admin/{call}", "/admin/b2_list_keys", &account),
        ("POST", "/client/{call}", "/client/b2_list_keys", &account),
        ("GET", "/calls", "/calls", &nothing),
        ("GET", "/calls/{id}", "/calls/1", &nothing),
        ("GET", "/cassette", "/cassette", &nothing),
        ("GET", "/usage", "/usage", &nothing),
        ("DELETE", "/calls", "/calls", &nothing),
        ("POST", "/faults", "/faults", &wait),
        ("GET", "/faults", "/faults", &nothing),
        ("POST", "/latches/{name}/open", "/latches/a/open", &nothing),
        ("POST", "/gates/{name}/open", "/gates/a/open", &nothing),
        ("DELETE", "/faults/{id}", "/faults/0", &nothing),
        ("DELETE", "/faults", "/faults", &nothing),
        ("GET", "/clock", "/clock", &nothing),
        ("POST", "/clock", "/clock", &json!({"advanceSeconds": 1.5})),
        ("DELETE", "/clock", "/clock", &nothing),
        ("POST", "/lifecycle", "/lifecycle", &nothing),
        (
            "POST",
            "/tokens/expire",
            "/tokens/expire",
            &json!({"upload": true}),
        ),
        ("GET", "/webhooks", "/webhooks", &nothing),
        ("DELETE", "/webhooks", "/webhooks", &nothing),
        ("PUT", "/states/{name}", "/states/a", &nothing),
        ("GET", "/states", "/states", &nothing),
        (
            "POST",
            "/states/{name}/restore",
            "/states/a/restore",
            &nothing,
        ),
        ("DELETE", "/states/{name}", "/states/a", &nothing),
        ("POST", "/reset", "/reset", &nothing),
    ];
    let mut described = BTreeSet::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys();
        described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    for (method, path, target, body) in asked {
        let response = send_json(&server, method, target, body);
        assert_eq!(
            response.status, 200,
            "{method} {target}: {:?}",
            response.body
        );
        check(&response, method, path);
        assert!(
            described.remove(&(method.to_owned(), path.to_owned())),
            "{path}"
        );
    }
    assert_eq!(described, BTreeSet::new(), "described, but not asked for");
    let error = send_json(&server, "GET", "/calls/99", &nothing);
    assert_eq!(
        problem(
            &document(),
            &json!({"$ref": "#/components/schemas/Error"}),
            &error.json(),
            ""
        ),
        None
    );
}

/// A value of this schema, with all its properties.
fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    match schema["type"].as_str().unwrap() {
        "integer" => json!(200),
        "number" => json!(0.5),
        "string" => json!("an-example"),
        "boolean" => json!(true),
        "object" => {
            let properties = schema["properties"].as_object().unwrap().iter();
            properties
                .map(|(name, schema)| (name.clone(), example(document, schema)))
                .collect()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn faults_have_the_kinds_and_fields_that_are_described_and_no_others() {
    let document = document();
    let client = RawClient::new();
    let server = serve(&client);
    let status = |rule: Value| send_json(&server, "POST", "/faults", &rule).status;
    let kinds = document["components"]["schemas"]["Kind"]["oneOf"].as_array();
    let mut described = BTreeSet::new();
    for schema in kinds.unwrap() {
        let whole = example(&document, schema);
        assert_eq!(status(json!({"fault": whole})), 200, "{whole}");
        let listed = ok(&send_json(&server, "GET", "/faults", &Value::Null));
        assert_eq!(listed["faults"][0]["rule"]["fault"], whole);
        check(
            &send_json(&server, "GET", "/faults", &Value::Null),
            "GET",
            "/faults",
        );
        let required = schema["required"].as_array().unwrap();
        for name in whole.as_object().unwrap().keys() {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(name);
            let expected = if required.contains(&json!(name)) {
                400
            } else {
                200
            };
            assert_eq!(status(json!({"fault": less})), expected, "{less}");
        }
        ok(&send_json(&server, "DELETE", "/faults", &Value::Null));
        let mut more = whole.clone();
        more["other"] = json!(1);
        assert_eq!(status(json!({"fault": more})), 400, "{more}");
        described.insert(whole["kind"].as_str().unwrap().to_owned());
    }
    // serde's message lists all kinds, older names too
    let wrong = json!({"fault": {"kind": "none"}});
    let message = send_json(&server, "POST", "/faults", &wrong).json()["error"].to_string();
    let (_, known) = message.split_once("expected one of ").unwrap();
    let known: BTreeSet<_> = known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let aliases = ["answer", "garbage", "lose_reply"].map(str::to_owned);
    let known: BTreeSet<_> = known
        .difference(&BTreeSet::from(aliases))
        .cloned()
        .collect();
    assert_eq!(known, described);
}

#[test]
fn conditions_of_faults_are_those_that_are_described() {
    let document = document();
    let client = RawClient::new();
    let server = serve(&client);
    client.create_bucket("an-example", "allPrivate");
    let rule = &document["components"]["schemas"]["Rule"]["properties"];
    for part in ["on", "when"] {
        let properties = rule[part]["properties"].as_object().unwrap();
        for (name, schema) in properties {
            let mut value = example(&document, schema);
            match name.as_str() {
                "call" => value = json!("b2_upload_file"),
                "probability" => value = json!(0.5),
                _ => {}
            }
            let mut said = json!({"fault": {"kind": "internal_error"}});
            said[part] = json!({name: value});
            if name == "seed" {
                said[part]["probability"] = json!(0.5);
            }
            let response = send_json(&server, "POST", "/faults", &said);
            assert_eq!(response.status, 200, "{said}: {}", response.json());
        }
        let mut said = json!({"fault": {"kind": "internal_error"}});
        said[part] = json!({"other": 1});
        let error = send_json(&server, "POST", "/faults", &said).json()["error"].to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let known: BTreeSet<_> = known.split('`').skip(1).step_by(2).collect();
        assert_eq!(known, properties.keys().map(String::as_str).collect());
    }
}
