//! Coercion in both directions, and what the errors say.

use serde_json::json;

use super::*;

const THING: &[Member] = &[
    must(&["Name"], Shape::Text),
    may(&["Words"], Shape::List(&Shape::Verbatim)),
    may(&["Keys", "Key"], Shape::Series(&Shape::Text)),
    may(&["Part"], Shape::Object(&[may(&["Size"], Shape::Whole(1, 9))])),
];

#[test]
fn scalars_are_coerced() {
    use Shape::{Flag, Ignored, Text, Verbatim, Whole, Word};
    const COLOURS: Shape = Word(&["red", "BLUE"]);
    let cases: &[(&Shape, Value, Option<Value>)] = &[
        (&Whole(0, 9), json!("1"), Some(json!(1))),
        (&Whole(0, 9), json!(1), Some(json!(1))),
        (&Whole(0, 9), json!(" 7 "), Some(json!(7))),
        (&Whole(-9, 9), json!("-3"), Some(json!(-3))),
        (&Whole(0, 9), json!(""), None),
        (&Flag, json!("true"), Some(json!(true))),
        (&Flag, json!("False"), Some(json!(false))),
        (&Flag, json!(true), Some(json!(true))),
        (&Flag, json!("yes"), Some(json!(true))),
        (&Flag, json!("no"), Some(json!(false))),
        (&Flag, json!(""), None),
        (&Text, json!(256), Some(json!("256"))),
        (&Text, json!(1.5), Some(json!("1.5"))),
        (&Text, json!(true), Some(json!("true"))),
        (&Text, json!(""), None),
        (&Text, json!(null), None),
        (&Verbatim, json!(""), Some(json!(""))),
        (&Verbatim, json!(false), Some(json!("false"))),
        (&Verbatim, json!(null), None),
        (&COLOURS, json!("RED"), Some(json!("red"))),
        (&COLOURS, json!("blue"), Some(json!("BLUE"))),
        (&Ignored, json!({"any": ["thing"]}), None),
    ];
    for (shape, given, expected) in cases {
        assert_eq!(read(shape, given, "P").as_ref(), Ok(expected), "{shape:?} of {given}");
    }
}

#[test]
fn lists_and_objects_are_coerced() {
    let cases = [
        (
            json!({"Name": 7, "Words": ["a", 1, true, ""]}),
            json!({"Name": "7", "Words": ["a", "1", "true", ""]}),
        ),
        (json!({"Name": "n", "Keys": ["a", "", "b"]}), json!({"Name": "n", "Keys": ["a", "b"]})),
        (json!({"Name": "n", "Keys": "a, b,,c"}), json!({"Name": "n", "Keys": ["a", "b", "c"]})),
        (json!({"Name": "n", "Key": "a"}), json!({"Name": "n", "Keys": ["a"]})),
        (json!({"Name": "n", "Keys": "", "Key": ["a"]}), json!({"Name": "n", "Keys": ["a"]})),
        (json!({"Name": "n", "Part": {"Size": "3"}}), json!({"Name": "n", "Part": {"Size": 3}})),
        (json!({"Name": "n", "Part": "", "Words": ""}), json!({"Name": "n"})),
    ];
    for (given, expected) in cases {
        let found = object(THING, given.as_object().unwrap(), "").unwrap();
        assert_eq!(Value::Object(found), expected, "{given}");
    }
}

#[test]
fn errors_say_where_what_and_what_would_be_right() {
    let cases = [
        (json!({}), "property `Name` is missing: it is required"),
        (json!({"Name": ""}), "property `Name` is missing: it is required"),
        (json!({"Name": ["n"]}), "property `Name` is a list: write a string"),
        (
            json!({"Name": "n", "Word": 1}),
            "property `Word` is not known: did you mean `Words`? Known are Name, Words, Keys, Part",
        ),
        (
            json!({"Name": "n", "KEYS": 1}),
            "property `KEYS` is not known: did you mean `Keys`? Known are Name, Words, Keys, Part",
        ),
        (json!({"Name": "n", "Words": "a b"}), "property `Words` is a string: write a list"),
        (json!({"Name": "n", "Words": ["a", {}]}), "property `Words[1]` is an object: write a string"),
        (json!({"Name": "n", "Keys": {}}), "property `Keys` is an object: write a list"),
        (
            json!({"Name": "n", "Keys": "a", "Key": "b"}),
            "property `Key` is the same as `Keys`, which is there too: keep one of them",
        ),
        (json!({"Name": "n", "Part": []}), "property `Part` is a list: write an object with Size"),
        (
            json!({"Name": "n", "Part": {"size": 1}}),
            "property `Part.size` is not known: did you mean `Size`? Known are Size",
        ),
        (
            json!({"Name": "n", "Part": {"Size": "10"}}),
            "property `Part.Size` is `10`: write a whole number from 1 to 9",
        ),
        (
            json!({"Name": "n", "Part": {"Size": "1.5"}}),
            "property `Part.Size` is `1.5`: write a whole number from 1 to 9",
        ),
    ];
    for (given, expected) in cases {
        let error = object(THING, given.as_object().unwrap(), "").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let of = |shape: &Shape, value: Value| read(shape, &value, "P").unwrap_err().to_string();
    assert_eq!(of(&Shape::Flag, json!("maybe")), "property `P` is `maybe`: write true or false");
    assert_eq!(of(&Shape::Flag, json!(1)), "property `P` is `1`: write true or false");
    assert_eq!(
        of(&Shape::Word(&["stop", "leave"]), json!("go")),
        "property `P` is `go`: write stop or leave"
    );
    let long = of(&Shape::Whole(1, i64::MAX), json!("ü".repeat(100)));
    assert_eq!(long, format!("property `P` is `{}…`: write a whole number, at least 1", "ü".repeat(20)));
}
