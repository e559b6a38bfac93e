//! `strata.lifecycle_stage`: where a user stands in the customer lifecycle, by the preset `lifecycle`.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::datum::{Date, JsonB};
use pgrx::prelude::*;
use strata_core::model::Lifecycle;

use crate::error::{OrRaise, not_null};
use crate::ledger::{LedgerIn, Sealed};
use crate::pg::date;

/// The stage of a user with these orders and visits; every threshold is an option.
#[pg_extern(sql = false)]
fn lifecycle_stage(
    orders: Option<LedgerIn<'_>>,
    visits: Option<LedgerIn<'_>>,
    registered: Option<Date>,
    as_of: Option<Date>,
    options: Option<JsonB>,
) -> String {
    let as_of = date::as_of(as_of);
    let options = not_null(options, "options", "For example options => '{\"churned_days\": 90}'.");
    let lifecycle = lifecycle_of(&options.0.to_string());
    let (orders, visits) = (Sealed::new(orders), Sealed::new(visits));
    let registered = registered.map(|registered| date::day(registered, "registered"));
    lifecycle.stage(orders.get(), visits.get(), registered, as_of).or_raise().to_owned()
}

/// Options are the same for all rows of a statement: the last ones read are kept.
fn lifecycle_of(options: &str) -> Rc<Lifecycle> {
    thread_local!(static LAST: RefCell<Option<(String, Rc<Lifecycle>)>> = const { RefCell::new(None) });
    LAST.with_borrow_mut(|last| match last {
        Some((known, lifecycle)) if known == options => Rc::clone(lifecycle),
        _ => {
            let lifecycle = Rc::new(Lifecycle::with_options(options).or_raise());
            *last = Some((options.to_owned(), Rc::clone(&lifecycle)));
            lifecycle
        }
    })
}
