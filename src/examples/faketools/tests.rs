use serde::de::DeserializeOwned;
use serde_json::{Value, from_value};

use super::*;

fn with<T: DeserializeOwned>(arguments: Value) -> Parameters<Checked<T>> {
    Parameters(from_value(arguments).unwrap())
}

fn result(reply: Reply) -> Value {
    reply.unwrap().structured_content.unwrap()
}

#[test]
fn same_arguments_give_the_same_answer() {
    let flux = |level| {
        result(FakeTools::quantum_flux_analyzer(with(
            json!({"energy_level": level}),
        )))
    };
    assert_eq!(flux(3), flux(3));
    assert_ne!(flux(3)["flux_readings"], flux(4)["flux_readings"]);
    assert_eq!(flux(4)["flux_readings"].as_array().unwrap().len(), 4);
}

#[test]
fn defaults_fill_in_what_is_left_out() {
    let flux = result(FakeTools::quantum_flux_analyzer(with(json!({}))));
    assert_eq!(
        (&flux["energy_level"], &flux["stabilization_factor"]),
        (&json!(5), &json!(0.75))
    );
    assert_eq!(flux["temporal_shift_seconds"], Value::Null);
    let profile = json!({"profile": {"username": "ada", "interests": ["looms"]}});
    let analysis = result(FakeTools::user_profile_analyzer(with(profile)));
    assert!(analysis["metrics"].is_object());
    assert_eq!(analysis["interests"][0]["interest"], "looms");
}

#[test]
fn values_outside_their_range_are_refused_by_name() {
    let replies = [
        (
            "energy_level",
            FakeTools::quantum_flux_analyzer(with(json!({"energy_level": 11}))),
        ),
        (
            "input_patterns",
            FakeTools::neural_pattern_synthesizer(with(json!({"input_patterns": []}))),
        ),
        (
            "coordinates.latitude",
            FakeTools::hyper_dimensional_mapper(with(
                json!({"coordinates": {"latitude": 91, "longitude": 0}}),
            )),
        ),
        (
            "timeframe.end",
            FakeTools::temporal_anomaly_detector(with(
                json!({"timeframe": {"start": "2026-02-01", "end": "2026-01-01T00:00:00Z"}}),
            )),
        ),
        (
            "timeframe.start",
            FakeTools::temporal_anomaly_detector(with(
                json!({"timeframe": {"start": "soon", "end": "2026-01-01"}}),
            )),
        ),
        (
            "profile.username",
            FakeTools::user_profile_analyzer(with(json!({"profile": {"username": ""}}))),
        ),
        (
            "record_count",
            FakeTools::synthetic_data_generator(with(
                json!({"schema": {"a": "name"}, "record_count": 0}),
            )),
        ),
    ];
    for (name, reply) in replies {
        let refused = reply.unwrap_err();
        assert!(
            refused.starts_with(&format!("wrong argument `{name}`: ")),
            "{refused}"
        );
    }
}

#[test]
fn unknown_kinds_and_fields_are_refused() {
    let kind =
        FakeTools::synthetic_data_generator(with(json!({"schema": {"a": "colour"}}))).unwrap_err();
    assert!(
        kind.contains("`schema`") && kind.contains("colour"),
        "{kind}"
    );
    let field = FakeTools::quantum_flux_analyzer(with(json!({"energy": 1}))).unwrap_err();
    assert!(field.contains("unknown field `energy`"), "{field}");
}

#[test]
fn anomalies_lie_in_the_timeframe_and_are_of_the_types_asked_for() {
    let arguments = json!({
        "timeframe": {"start": "2026-01-01", "end": "2026-01-02"}, "sensitivity": 10, "anomaly_types": ["loop"],
    });
    let found = result(FakeTools::temporal_anomaly_detector(with(arguments)));
    let anomalies = found["anomalies"].as_array().unwrap();
    assert_eq!(found["anomaly_count"], anomalies.len());
    for anomaly in anomalies {
        assert_eq!(anomaly["type"], "loop");
        assert!(
            anomaly["at"].as_str().unwrap().starts_with("2026-01-01T"),
            "{anomaly}"
        );
    }
}

#[test]
fn records_have_the_shape_asked_for_and_follow_the_seed() {
    let schema = json!({"id": "uuid", "who": "name", "mail": "email", "born": "date", "n": "integer", "x": "number", "ok": "boolean", "s": "string"});
    let make = |count, seed| {
        let request = json!({"schema": schema, "record_count": count, "seed": seed});
        result(FakeTools::synthetic_data_generator(with(request)))["records"].clone()
    };
    let records = make(20, 7);
    assert_eq!(records.as_array().unwrap().len(), 20);
    assert_eq!(
        records[0],
        make(1, 7)[0],
        "more records start with the same ones"
    );
    assert_ne!(records[0], make(1, 8)[0]);
    for record in records.as_array().unwrap() {
        assert_eq!(record["id"].as_str().unwrap().len(), 36, "{record}");
        assert!(
            record["n"].is_u64() && record["x"].is_f64() && record["ok"].is_boolean(),
            "{record}"
        );
        assert!(
            record["mail"].as_str().unwrap().ends_with("@example.com"),
            "{record}"
        );
    }
}
