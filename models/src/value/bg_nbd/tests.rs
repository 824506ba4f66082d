use super::super::search::tests::assert_derivatives;
use super::super::special::LnGamma;
use super::*;
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution, Exp, Gamma};

/// The parameters of the CDNOW customers, in weeks.
const CDNOW: BgNbdNumbers =
    BgNbdNumbers { r: 0.2425929, alpha: 4.4135323, a: 0.7928860, b: 2.4257524, unit: Unit::Weeks };

fn weeks(frequency: u32, recency: f64, age: f64) -> Summary {
    Summary { frequency, recency, age, unit: Unit::Weeks, mean_value: None }
}

fn span(length: f64) -> Span {
    Span::new(length, Unit::Weeks)
}

struct Published {
    summary: (u32, f64, f64),
    /// As published, with parameters of seven decimals, and exact at these parameters (mpmath, 60 digits).
    alive: [f64; 2],
    /// The same of the orders expected in 39 weeks.
    orders: [f64; 2],
}

fn published(x: u32, recency: f64, age: f64, alive: [f64; 2], orders: [f64; 2]) -> Published {
    Published { summary: (x, recency, age), alive, orders }
}

/// The published orders were computed before the parameters were rounded. Rounding moves each parameter by up to 5e-8,
/// which times the slopes of the exact value moves the orders by up to 2e-7, and for 26 orders by up to 4.7e-7; there
/// the published value is off by 3.0e-7.
#[test]
fn published_customers_have_their_published_chances_and_orders() {
    let model = BgNbd::new(CDNOW).unwrap();
    for customer in [
        published(2, 30.43, 38.86, [0.7266091, 0.72660913070235], [1.2259104, 1.225910392125143]),
        published(4, 35.71, 38.86, [0.8323794, 0.83237935715636], [2.5859425, 2.585942427068472]),
        published(0, 0.0, 38.86, [1.0, 1.0], [0.1947809, 0.1947808349762006]),
        published(7, 29.43, 38.86, [0.6418006, 0.64180063206594], [3.3372396, 3.337239567762596]),
        published(10, 38.0, 38.86, [0.9214591, 0.92145908814516], [6.7059672, 6.705967111475318]),
        published(26, 30.86, 31.0, [0.9689197, 0.96891971472013], [20.7505705, 20.75057019555979]),
    ] {
        let Published { summary: (x, recency, age), alive: [alive, exact_alive], orders: [orders, exact] } =
            customer;
        let summary = weeks(x, recency, age);
        let found = model.p_alive(&summary).unwrap();
        assert!((found - alive).abs() < 5.1e-8, "{x}: {found} {alive}");
        assert!((found - exact_alive).abs() < 1e-13, "{x}: {found} {exact_alive}");
        let found = model.expected_orders(&summary, span(39.0)).unwrap();
        let rounding = if x == 26 { 1e-6 } else { 1e-7 };
        assert!((found - orders).abs() < rounding, "{x}: {found} {orders}");
        assert!((found / exact - 1.0).abs() < 1e-12, "{x}: {found} {exact}");
    }
}

#[test]
fn expected_orders_are_exact_for_thousands_of_orders_long_ages_and_odd_parameters() {
    let odd = |r, alpha, a, b| BgNbdNumbers { r, alpha, a, b, unit: Unit::Weeks };
    let at_one = odd(CDNOW.r, CDNOW.alpha, 1.0, CDNOW.b);
    for (numbers, summary, horizon, wanted) in [
        (at_one, weeks(3, 10.0, 20.0), 52.0, 1.939137819859625),
        (CDNOW, weeks(5000, 99_990.0, 100_000.0), 365.0, 18.21897870308275),
        (CDNOW, weeks(5000, 99_990.0, 100_000.0), 100_000.0, 3726.263319667832),
        (CDNOW, weeks(0, 0.0, 0.0), 5_200.0, 12.1368772102991),
        (CDNOW, weeks(1, 2.0, 3.0), 100_000.0, 51.7634762907018),
        (odd(CDNOW.r, CDNOW.alpha, 0.1, 0.2), weeks(0, 0.0, 5.0), 52.0, 0.9393101676600548),
        (odd(2.0, 50.0, 1.0, 1e5), weeks(12, 300.0, 365.0), 365.0, 12.3111044610249),
        (odd(300.0, 2000.0, 0.05, 20.0), weeks(7, 30.0, 40.0), 90.0, 13.28201472497541),
        (odd(0.5, 3.0, 200.0, 900.0), weeks(4, 30.0, 31.0), 90.0, 3.65504821324449),
        (odd(0.5, 3.0, 200.0, 900.0), weeks(4, 30.0, 31.0), 1e-6, 1.056011275840389e-7),
        (odd(2.0, 0.001, 3.0, 0.01), weeks(2, 1.0, 1.5), 1e4, 0.1251786401923429),
        (odd(0.8, 9.0, 0.001, 0.5), weeks(40, 90.0, 91.0), 30.0, 12.2378082723866),
        (odd(1000.0, 1000.0, 1.3, 2.7), weeks(0, 0.0, 0.0), 52.0, 6.080547285180964),
    ] {
        let found = BgNbd::new(numbers).unwrap().expected_orders(&summary, span(horizon)).unwrap();
        assert!((found / wanted - 1.0).abs() < 1e-9, "{numbers:?} {summary:?}: {found} {wanted}");
    }
}

/// Customers who order and stop as the model says, seen after 20 to 60 weeks, in whole days or exactly.
fn population(numbers: BgNbdNumbers, customers: u32, whole: bool) -> Vec<Summary> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let customer = |_| {
        let rate = Gamma::new(numbers.r, 1.0 / numbers.alpha).unwrap().sample(&mut random);
        let stops = Beta::new(numbers.a, numbers.b).unwrap().sample(&mut random);
        let age = random.random_range(20.0..60.0f64);
        let (mut at, mut summary) = (0.0, weeks(0, 0.0, age));
        loop {
            at += Exp::new(rate.max(1e-12)).unwrap().sample(&mut random);
            if at > age {
                break;
            }
            (summary.frequency, summary.recency) = (summary.frequency + 1, at);
            if random.random::<f64>() < stops {
                break;
            }
        }
        if whole {
            (summary.recency, summary.age) = (summary.recency.round(), summary.age.round());
        }
        summary
    };
    (0..customers).map(customer).collect()
}

fn fit(summaries: &[Summary]) -> Fitted<BgNbd> {
    BgNbdParams::default().check().unwrap().fit(summaries, Unit::Weeks).unwrap()
}

#[test]
fn the_parameters_of_a_generated_population_are_found_and_are_a_maximum() {
    let summaries = population(BgNbdNumbers { r: 0.8, ..CDNOW }, 5_000, false);
    let fitted = fit(&summaries);
    assert!(fitted.converged, "{fitted:?}");
    let found = fitted.model.numbers();
    for (name, found, wanted) in [
        ("r", found.r, 0.8),
        ("alpha", found.alpha, CDNOW.alpha),
        ("a", found.a, CDNOW.a),
        ("b", found.b, CDNOW.b),
    ] {
        assert!((found / wanted).ln().abs() < 0.2, "{name}: {found} {wanted}");
    }
    let observed = Observed::new(&summaries);
    let best = [found.r.ln(), (found.alpha / observed.scale).ln(), found.a.ln(), found.b.ln()];
    let at_best = observed.log_likelihood(&best);
    for i in 0..4 {
        assert!(at_best.slope[i].abs() < 1e-7, "{at_best:?}");
        for by in [-0.01, 0.01] {
            let mut beside = best;
            beside[i] += by;
            assert!(observed.log_likelihood(&beside).value < at_best.value, "{i} {by}");
        }
    }
}

#[test]
fn the_likelihood_is_the_paper_s_customer_by_customer_and_so_are_its_derivatives() {
    let summaries = population(CDNOW, 300, true);
    let observed = Observed::new(&summaries);
    assert_derivatives([-0.7, 0.3, 0.2, 0.9], |at| observed.log_likelihood(at));

    // The twin: no groups, no shared sums, gamma functions as written.
    let fitted = fit(&summaries);
    let &BgNbdNumbers { r, alpha, a, b, .. } = fitted.model.numbers();
    let ln_gamma = |x: f64| LnGamma::at(x).value;
    let of = |summary: &Summary| {
        let x = f64::from(summary.frequency);
        let stopped = if summary.frequency == 0 {
            0.0
        } else {
            a / (b + x - 1.0) * ((alpha + summary.age) / (alpha + summary.recency)).powf(r + x)
        };
        ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln() + ln_gamma(b + x) - ln_gamma(b) + ln_gamma(a + b)
            - ln_gamma(a + b + x)
            - (r + x) * (alpha + summary.age).ln()
            + stopped.ln_1p()
    };
    let wanted: f64 = summaries.iter().map(of).sum();
    assert!((fitted.log_likelihood / wanted - 1.0).abs() < 1e-11, "{} {wanted}", fitted.log_likelihood);
}

#[test]
fn a_fit_is_the_same_to_the_last_bit_whatever_the_threads_and_the_order_of_customers() {
    let mut summaries = population(CDNOW, 6_000, false);
    let on = |threads: usize, summaries: &[Summary]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(summaries))
    };
    let one = on(1, &summaries);
    assert_eq!(on(3, &summaries), one);
    summaries.reverse();
    let turned = on(2, &summaries);
    assert!((turned.model.numbers().r / one.model.numbers().r - 1.0).abs() < 1e-6);
}

#[test]
fn too_few_customers_are_refused_with_what_would_suffice_and_customers_who_never_stop_are_not_converged() {
    let once = vec![weeks(0, 0.0, 10.0); 500];
    let refused = BgNbdParams::default().check().unwrap().fit(&once, Unit::Weeks).unwrap_err().to_string();
    assert!(refused.contains("at least 2") && refused.contains("there are 0"), "{refused}");
    // Everybody orders every other week up to the last.
    let regular: Vec<Summary> =
        (10..200).map(|n| weeks(n, 2.0 * f64::from(n), 2.0 * f64::from(n) + 0.5)).collect();
    let fitted = fit(&regular);
    assert!(!fitted.converged && fitted.reason.is_some(), "{fitted:?}");
    let helped = BgNbdParams { search: Search { penalty: 1e-3, ..Default::default() } };
    let fitted = helped.check().unwrap().fit(&regular, Unit::Weeks).unwrap();
    assert!(fitted.converged && fitted.reason.is_none(), "{fitted:?}");
}

#[test]
fn times_in_another_unit_are_refused_wherever_they_come_in() {
    let model = BgNbd::new(CDNOW).unwrap();
    let (summary, days) = (weeks(2, 10.0, 20.0), weeks(2, 10.0, 20.0).to(Unit::Days));
    let in_days = Span::new(90.0, Unit::Days);
    let params = BgNbdParams::default().check().unwrap();
    for refused in [
        model.p_alive(&days).map(|_| ()),
        model.p_buy(&days, span(13.0)).map(|_| ()),
        model.p_buy(&summary, in_days).map(|_| ()),
        model.expected_orders(&summary, in_days).map(|_| ()),
        model.expected_orders_of_new(in_days).map(|_| ()),
        params.fit(&[summary, summary, days], Unit::Weeks).map(|_| ()),
    ] {
        assert!(matches!(refused, Err(Error::Unit { expected: Unit::Weeks, found: Unit::Days, .. })));
    }
    assert!(model.expected_orders(&days.to(Unit::Weeks), in_days.to(Unit::Weeks)).is_ok());
}

#[test]
fn stored_numbers_come_back_and_nonsense_is_refused_by_name() {
    let model = BgNbd::new(CDNOW).unwrap();
    let stored = serde_json::to_string(&model).unwrap();
    assert!(stored.contains("\"unit\":\"weeks\""), "{stored}");
    assert_eq!(serde_json::from_str::<BgNbd>(&stored).unwrap(), model);
    let broken = stored.replace("4.4135323", "-1");
    assert!(serde_json::from_str::<BgNbd>(&broken).unwrap_err().to_string().contains("alpha"));
    assert!(serde_json::from_str::<BgNbd>(&stored.replace("\"unit\":\"weeks\"", "\"beta\":1")).is_err());
    assert!(BgNbd::new(BgNbdNumbers { a: f64::NAN, ..CDNOW }).is_err());
}

fn any_model() -> impl Strategy<Value = BgNbd> {
    prop::array::uniform4(-5.0f64..5.0).prop_map(|ln| {
        let [r, alpha, a, b] = ln.map(f64::exp);
        BgNbd::new(BgNbdNumbers { r, alpha, a, b, unit: Unit::Weeks }).unwrap()
    })
}

fn any_summary() -> impl Strategy<Value = Summary> {
    (0u32..3_000, 0.0f64..=1.0, 0.0f64..1e5).prop_map(|(frequency, share, age)| {
        weeks(frequency, if frequency == 0 { 0.0 } else { share * age }, age)
    })
}

proptest! {
    #[test]
    fn chances_are_chances_grow_with_the_horizon_and_never_exceed_the_orders(
        model in any_model(),
        summary in any_summary(),
        short in 0.0f64..1e4,
        more in 0.0f64..1e4,
    ) {
        let alive = model.p_alive(&summary).unwrap();
        prop_assert!((0.0..=1.0).contains(&alive));
        let buy = |length| model.p_buy(&summary, span(length)).unwrap();
        let orders = |length| model.expected_orders(&summary, span(length)).unwrap();
        let long = short + more;
        prop_assert!(0.0 <= buy(short) && buy(short) <= buy(long) && buy(long) <= alive);
        prop_assert!(orders(short) <= orders(long) * (1.0 + 1e-10) && orders(long).is_finite());
        prop_assert!(buy(long) <= orders(long) * (1.0 + 1e-10), "{} {}", buy(long), orders(long));
    }

    #[test]
    fn a_longer_silence_never_speaks_for_a_customer(
        model in any_model(),
        summary in any_summary(),
        silence in 0.0f64..1e4,
    ) {
        let later = Summary { age: summary.age + silence, ..summary };
        let horizon = span(13.0);
        prop_assert!(model.p_alive(&later).unwrap() <= model.p_alive(&summary).unwrap());
        prop_assert!(model.p_buy(&later, horizon).unwrap() <= model.p_buy(&summary, horizon).unwrap());
    }
}
