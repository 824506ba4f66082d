use super::*;
use crate::policy::facts::{Facts, OfferFacts};
use crate::policy::selector::Class;
use models::payload::PayloadValue;
use proptest::prelude::*;

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.customer.id = "c-1".into();
    facts.customer.profiled = true;
    facts.segment.stage = Some("inactive".into());
    facts.churn.probability = Some(0.25);
    facts.history.orders = 3;
    facts.history.spend = 120.5;
    facts.history.items = vec!["bread".into(), "wine".into(), "crème".into()];
    facts.context.hour = 14;
    facts.profile.insert("age".into(), PayloadValue::Number(42.0));
    facts.profile.insert("city".into(), PayloadValue::Text("Orléans".into()));
    facts.profile.insert("tags".into(), PayloadValue::Texts(vec!["vip".into(), "bio".into()]));
    facts.profile.insert("owner".into(), PayloadValue::Flag(true));
    facts.context.extra.insert("campaign".into(), PayloadValue::Text("spring".into()));
    facts
}

fn offer() -> OfferFacts {
    let mut offer =
        OfferFacts { id: "o-1".into(), group: "credit".into(), value: 80.0, ..OfferFacts::default() };
    offer.class = Class::Mandatory;
    offer.attributes.insert("rate".into(), PayloadValue::Number(3.5));
    offer
}

fn judged(source: &str) -> Result<bool, String> {
    let (facts, offer) = (facts(), offer());
    let expression = Expression::compile(source).map_err(|fault| fault.to_string())?;
    Evaluation::new(&facts).holds(&expression, Some(&offer)).map_err(|fault| fault.message)
}

/// What the interpreter of cel says of the same facts.
fn twin(source: &str) -> Result<bool, String> {
    let (facts, offer) = (facts(), offer());
    let mut context = cel::Context::default();
    let json = serde_json::to_value(&facts).unwrap();
    for (name, value) in json.as_object().unwrap() {
        context.add_variable(name.as_str(), value).unwrap();
    }
    context.add_variable("offer", serde_json::to_value(&offer).unwrap()).unwrap();
    let program = cel::Program::compile(source).map_err(|errors| errors.to_string())?;
    match program.execute(&context).map_err(|error| error.to_string())? {
        cel::Value::Bool(flag) => Ok(flag),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn expressions_mean_what_people_mean() {
    let cases = [
        ("history.orders >= 2.5", true),
        ("churn.probability > 1", false),
        ("history.orders / 2 == 1.5", true),
        ("history.orders + 0.5 > profile.age - 39", true),
        ("-history.orders < 0 && 7 % 4 == 3", true),
        ("has(churn.probability) && churn.probability <= 0.25", true),
        ("has(churn.risk)", false),
        ("has(churn.risk) && churn.risk == 'high'", false),
        ("churn.risk == 'high' || history.orders == 3", true),
        ("customer.profiled ? offer.value > 79 : false", true),
        ("segment.stage in ['inactive', \"lost\"]", true),
        ("'wine' in history.items && !('beer' in history.items)", true),
        ("history.items.exists(item, item.startsWith('br'))", true),
        ("history.items.all(item, size(item) > 4)", false),
        ("history.items.exists_one(item, item.endsWith('ne'))", true),
        ("history.items[2] == 'crème' && size('crème') == 5", true),
        ("profile.city.matches('^Orl.ans$') && profile.city.contains('léa')", true),
        ("'vip' in profile.tags && profile['age'] > 18", true),
        ("'age' in profile && !('income' in profile)", true),
        ("profile.owner && context.campaign == 'spring' && context['hour'] == 14", true),
        ("offer.class == 'mandatory' && offer.attributes.rate < 4", true),
        ("string(profile.age) == '42' && double('3.5') == offer.attributes.rate && int(3.9) == 3", true),
        ("'a' + 'b' == 'ab' && profile.city + '!' == 'Orléans!'", true),
    ];
    for (source, expected) in cases {
        assert_eq!(judged(source), Ok(expected), "{source}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_with_its_place() {
    let cases = [
        ("histroy.orders > 1", "column 1", "there is no variable histroy"),
        ("history.orderz > 1", "column 8", "history has no field orderz; it has orders"),
        ("history.orders > 'two'", "column 18", "is a text, but is compared with a number"),
        ("history.orders", "column 8", "is a number, but true or false is needed here"),
        ("history.orders && true", "column 8", "is a number, but true or false"),
        ("profile.city == 'é' && segment.stage == 3", "column 41", "is a number"),
        ("true &&\n  segment.stage == 3", "line 2, column 20", "is a number, but is compared with a text"),
        ("'x' in segment.stage", "column 15", "contains(part)"),
        ("3 in history.items", "column 1", "is sought in a list of which another is a text"),
        ("length(history.items) > 1", "column 7", "there is no function length"),
        ("size(history.items, 2) > 1", "column 5", "size takes 1"),
        ("has(history)", "column", "invalid argument to has()"),
        ("history.items.map(item, item) == ['a']", "column", "only exists, exists_one and all"),
        ("history.items.filter(item, true).size() > 1", "column", "only exists, exists_one and all"),
        ("profile.city.matches('(')", "column", "is not a regular expression"),
        ("profile == 3", "column 1", "profile is not a value by itself"),
        ("customer.profiled > false", "column 9", "true or false is neither less nor more"),
        ("history.orders >", "column", "Syntax error"),
        ("", "column 1", "is empty"),
        ("timestamp('2026-01-01') > 3", "column", "there is no function timestamp"),
        ("null == profile.age", "column", "nothing here is null"),
        ("{'a': 1}.a == 1", "column", "maps cannot be written here"),
        (
            "history.items.exists(a, history.items.exists(b, history.items.exists(c, a == c)))",
            "column",
            "inside each other",
        ),
    ];
    for (source, place, message) in cases {
        let fault = judged(source).expect_err(source);
        assert!(fault.contains(place) && fault.contains(message), "{source}: {fault}");
    }
    assert!(Expression::compile("history.orders * 2").is_err(), "a number is no condition");
}

#[test]
fn what_only_the_facts_can_tell_is_a_fault_and_no_panic() {
    let cases = [
        ("churn.risk == 'high'", "churn.risk is absent: ask has(churn.risk) first"),
        ("profile.income > 3", "profile.income is absent"),
        ("profile.city > 3", "a text is compared with a number"),
        ("profile.city", "true or false is needed, but this is a text"),
        ("history.items[7] == 'x'", "the list has 3 elements, so none at 7"),
        ("history.items[0.5] == 'x'", "none at 0.5"),
        ("1 / (history.orders - 3) > 0", "not finite"),
        ("1e308 * 10.0 * profile.age > 0", "not finite"),
        ("double(profile.city) > 0", "\"Orléans\" is no number"),
        ("profile.age in ['a']", "is compared with"),
    ];
    for (source, message) in cases {
        let fault = judged(source).expect_err(source);
        assert!(fault.contains(message), "{source}: {fault}");
    }
}

#[test]
fn hostile_expressions_are_refused_soon() {
    let many = |part: &str, times: usize| part.repeat(times);
    let sources = [
        many("(", 1_000) + "true" + &many(")", 1_000),
        many("(", 24) + "true" + &many(")", 24),
        many("!", 199) + "true",
        many("!", 1_900) + "true",
        format!("0{} > 1", many("+1", 199)),
        many("true?", 60) + "true" + &many(":false", 60),
        format!("profile{} == 1", many(".a", 190)),
        many("[", 20) + "1" + &many("]", 20) + " == 2",
        many("true || ", 90) + "true",
        many("a(", 23) + &many(")", 23),
        many("{", 23),
        many("'", 1_999),
        many("a b ", 400),
        many("\u{0}", 400),
        many("é", 900),
        "profile.a.matches('".to_owned() + &many("(a{1,99})*", 40) + "')",
    ];
    // On the stack that a thread of the service has.
    let judge = move || {
        for source in sources {
            let _ = judged(&source);
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(judge).unwrap().join().unwrap();
}

#[test]
fn long_lists_end() {
    let mut facts = facts();
    facts.history.items = (0..20_000).map(|item| format!("item {item}")).collect();
    let within = Expression::compile("'item 19999' in history.items").unwrap();
    assert_eq!(Evaluation::new(&facts).holds(&within, None), Ok(true));
    let source = "history.items.exists(a, history.items.exists(b, a + b == 'x'))";
    let beyond = Expression::compile(source).unwrap();
    let fault = Evaluation::new(&facts).holds(&beyond, None).unwrap_err();
    assert!(fault.message.contains("too long"), "{fault}");
}

/// Conditions over all kinds of facts.
fn condition() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("history.orders".to_owned()),
        Just("churn.probability".to_owned()),
        Just("history.spend".to_owned()),
        Just("profile.age".to_owned()),
        Just("value.clv".to_owned()),
        Just("double(size(history.items))".to_owned()),
        (0..50_u32).prop_map(|number| format!("{number}.0")),
    ];
    let text = prop_oneof![
        Just("segment.stage".to_owned()),
        Just("profile.city".to_owned()),
        Just("offer.group".to_owned()),
        Just("churn.risk".to_owned()),
        "[a-c]{0,2}".prop_map(|text| format!("'{text}'")),
    ];
    let comparison = prop_oneof!["==", "!=", "<", "<=", ">", ">="].prop_map(|text| text.to_owned());
    let leaf = prop_oneof![
        (number.clone(), comparison.clone(), number).prop_map(|(a, c, b)| format!("{a} {c} {b}")),
        (text.clone(), comparison, text.clone()).prop_map(|(a, c, b)| format!("{a} {c} {b}")),
        text.clone().prop_map(|text| format!("{text} in history.items")),
        text.clone().prop_map(|text| format!("history.items.exists(i, i.contains({text}))")),
        text.clone().prop_map(|text| format!("history.items.all(i, i != {text})")),
        text.prop_map(|text| format!("{text}.startsWith('i')")),
        Just("has(churn.risk)".to_owned()),
        Just("has(profile.income)".to_owned()),
        Just("customer.profiled".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_interpreter_of_cel_says_the_same(source in condition()) {
        prop_assert_eq!(judged(&source).ok(), twin(&source).ok(), "{}", source);
    }

    #[test]
    fn no_text_panics(source in "[a-c0-9 .'\"()\\[\\]!&|?:<>=+*/%,-]{0,60}|(history|profile|offer|has|size|in|exists|[.()'x, >1]){0,25}") {
        let _ = judged(&source);
    }
}
