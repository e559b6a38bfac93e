//! `strata.lifecycle_stage`: where a user stands in the customer lifecycle.

use std::cell::RefCell;

use pgrx::datum::{Date, JsonB};
use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::ledger::Window;
use strata_core::lifecycle::{LifecycleFacts, LifecycleOptions};

use crate::error::{OrRaise, not_null};
use crate::ledger::{LedgerIn, Sealed};
use crate::pg::date;

/// The stage of a user with these orders and visits; every threshold is an option.
#[pg_extern(immutable, parallel_safe)]
fn lifecycle_stage(
    orders: Option<LedgerIn<'_>>,
    visits: Option<LedgerIn<'_>>,
    registered: Option<Date>,
    as_of: Option<Date>,
    options: default!(Option<JsonB>, "'{}'"),
) -> &'static str {
    let as_of = date::as_of(as_of);
    let options = not_null(options, "options", "For example options => '{\"churned_days\": 90}'.");
    let options = options_of(&options.0.to_string());
    let (orders, visits) = (Sealed::new(orders), Sealed::new(visits));
    let everything = Window::new(as_of, None).or_raise();
    let (all_orders, all_visits) = (orders.get().read(everything).or_raise(), visits.get().read(everything).or_raise());
    let number = |day: Option<Day>| day.map(Day::number);
    let first = [all_orders.first_day(), all_visits.first_day()].into_iter().flatten().min();
    let facts = LifecycleFacts {
        registered: registered.map(|registered| date::day(registered, "registered").number()),
        first_active: number(first),
        last_order: number(all_orders.last_day()),
        last_visit: number(all_visits.last_day()),
        orders_in: |days| {
            let window = Window::new(as_of, Some(days)).or_raise();
            orders.get().read(window).or_raise().frequency() as u64
        },
    };
    facts.stage(as_of.number(), &options).label(options.lang())
}

/// Options are the same for all rows of a statement: the last ones read are kept.
fn options_of(text: &str) -> LifecycleOptions {
    thread_local!(static LAST: RefCell<Option<(String, LifecycleOptions)>> = const { RefCell::new(None) });
    LAST.with_borrow_mut(|last| match last {
        Some((known, options)) if known == text => *options,
        _ => {
            let options = LifecycleOptions::from_json(text).or_raise();
            *last = Some((text.to_owned(), options));
            options
        }
    })
}
