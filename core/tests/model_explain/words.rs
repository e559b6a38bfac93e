//! What people are told, word by word.

use super::*;

/// A user of one of the models, today.
fn told(model: &str, user: &[(i64, i64)], lang: Lang) -> String {
    let model: Model = model.parse().unwrap();
    let ledgers = [ledger(user)];
    explain_text(&model, &Ways::of(&model), &facts(&model, &ledgers), day(TODAY), lang).unwrap()
}

#[test]
fn people_are_told_in_their_language() {
    let user = [(45, 91_800)];
    assert_eq!(
        told(MODELS[0], &user, Lang::En),
        "Layer: bronze\n\
         Because: spent is 918 (more than 100)\n\
         Not Gold (gold): spent is 918, needed at least 1000; idle is 45, needed at most 30\n\
         Not silver: orders_90 is 1, needed at least 2\n\
         To reach Gold (gold): 1 more order, worth 82.00 in total\n\
         To reach silver: 1 more order"
    );
    assert_eq!(
        told(MODELS[0], &user, Lang::Zh),
        "层级：bronze\n\
         依据：spent为918（多于100）\n\
         未进入「金（gold）」：spent为918，需要至少1000；idle为45，需要不超过30\n\
         未进入「silver」：orders_90为1，需要至少2\n\
         要进入「金（gold）」：再来1笔订单，合计82.00\n\
         要进入「silver」：再来1笔订单"
    );
}

#[test]
fn a_text_shows_the_nearest_and_says_it_once() {
    let model = r#"{"name": "words", "sources": {"orders": {"zh": "订单"}}, "ranking": "none",
        "metrics": {"count": "frequency(orders)", "spent": "monetary(orders)"},
        "scores": {"f": {"of": "count", "cuts": [2, 3, 4, 5]}, "m": {"of": "spent", "cuts": [5000, 6000]}},
        "dimensions": {"stage": {"label": {"zh": "阶段"}, "default": {"name": "old", "label": {"en": "Old", "zh": "老"}},
            "layers": [{"name": "new", "label": {"en": "New", "zh": "新"}, "when": "count between 1 and 2"}]}},
        "layers": [{"name": "cells", "when": "code(f, m) in ('53', '52', '43', '42', '33', '23')"},
                   {"name": "old", "when": "stage = 'old'"},
                   {"name": "late", "when": "recency(orders) > 60"},
                   {"name": "rare", "when": "nullif(frequency(orders, 30), 0) is not null"},
                   {"name": "fresh", "when": "count >= 1 and count <= 2 and stage = 'new' and recency(orders) < 50"}],
        "default": {"name": "other"}}"#;
    assert_eq!(
        told(model, &[(45, 91_800)], Lang::En),
        "Layer: fresh\n\
         Because: count is 1 (from 1 to 2); stage is New; days since the last order is 45 (less than 50)\n\
         Not cells: code (f, m) is 11, needed one of 23, 33, 42, …\n\
         Not old: stage is New, needed Old\n\
         Not late: days since the last order is 45, needed more than 60\n\
         To reach cells: 1 more order, worth 5082.00 in total\n\
         To reach old: 2 more orders\n\
         To reach late: not before 2026-02-16\n\
         To reach rare: 1 more order"
    );
    assert_eq!(
        told(model, &[(45, 91_800)], Lang::Zh),
        "层级：fresh\n\
         依据：count为1（1到2）；阶段为新；距最近一次订单的天数为45（少于50）\n\
         未进入「cells」：代码（f、m）为11，需要23、33、42、…之一\n\
         未进入「old」：阶段为新，需要老\n\
         未进入「late」：距最近一次订单的天数为45，需要多于60\n\
         要进入「cells」：再来1笔订单，合计5082.00\n\
         要进入「old」：再来2笔订单\n\
         要进入「late」：最早2026-02-16\n\
         要进入「rare」：再来1笔订单"
    );
}

#[test]
fn attributes_are_put_into_words_but_are_no_way() {
    let model: Model = r#"{"name": "tags", "mode": "overlapping", "attributes": {"city": "text"}, "sources": [],
        "layers": [{"name": "s", "when": "city like 'S%'"}, {"name": "b", "when": "city = 'Bonn'"}]}"#
        .parse()
        .unwrap();
    let (mut facts, ways) = (Facts::nothing(&model), Ways::of(&model));
    facts.attributes = vec![Value::Text("Bern")];
    let text = |facts: &Facts<'_>, lang| explain_text(&model, &ways, facts, day(TODAY), lang).unwrap();
    assert_eq!(
        text(&facts, Lang::En),
        "Tags: none\n\
         Not s: city is Bern, needed one that matches 'S%'\n\
         Not b: city is Bern, needed Bonn"
    );
    assert_eq!(
        text(&facts, Lang::Zh),
        "标签：无\n\
         未进入「s」：city为Bern，需要匹配'S%'\n\
         未进入「b」：city为Bern，需要Bonn"
    );
    facts.attributes = vec![Value::Text("Sion")];
    assert_eq!(
        text(&facts, Lang::En),
        "Tags: s\n\
         Because: city is Sion (matches 'S%')\n\
         Not b: city is Sion, needed Bonn"
    );
}

#[test]
fn caps_and_constants_are_described_shortly() {
    let model = two_sources(
        &[("points", "least(frequency(orders), 10) * 5 + greatest(0, monetary(orders))")],
        "points < 2 * 30 - 1",
    );
    let model: Model = model.parse().unwrap();
    assert_eq!(
        describe(&model, Lang::En),
        "sum\n\
         Metrics:\n\
         - points: ((number of orders, at most 10 counted) × 5) + (net amount of orders, at least 0 counted)\n\
         Layers, the first that fits:\n\
         - gold: points less than 59\n\
         - other: everybody else"
    );
    assert_eq!(
        describe(&model, Lang::Zh),
        "sum\n\
         指标：\n\
         - points：((orders次数（最多计10）) × 5) + (orders净额（至少计0）)\n\
         层级，取第一个符合的：\n\
         - gold：points少于59\n\
         - other：其余所有人"
    );
}

#[test]
fn an_explanation_has_everything() {
    let model: Model = MODELS[1].parse().unwrap();
    let ledgers = [ledger(&[(45, 91_800)])];
    let found = explain(&model, &Ways::of(&model), &facts(&model, &ledgers), day(TODAY)).unwrap();
    let found: Json = serde_json::from_str(&found).unwrap();
    let keys =
        ["model", "as_of", "in_population", "layer", "layers", "metrics", "scores", "dimensions", "tried", "ways"];
    assert!(keys.iter().all(|key| found.get(key).is_some()), "{found}");
    assert_eq!(found["metrics"], serde_json::json!({"idle": 45, "count": 1, "spent": 918}));
    assert_eq!(
        found["scores"]["r"],
        serde_json::json!({"score": 3, "of": "idle", "value": 45, "bins": 4, "best": "low", "cuts": [200, 60, 20], "next_cut": 20})
    );
    assert_eq!(
        found["tried"][1],
        serde_json::json!({
            "layer": "loyal", "when": "r >= 3 and high = 2", "matched": false,
            "failed": [{"comparison": "high = 2", "value": 1, "needed": "= 2",
                        "because": [{"comparison": "f >= 3", "value": 1, "needed": ">= 3"}]}]
        })
    );
    assert_eq!(
        found["ways"][0],
        serde_json::json!({
            "layer": "best",
            "steps": [
                {"metric": "idle", "now": 45, "needed": "<= 20", "more": -25,
                 "text": {"en": "an order within the last 20 days", "zh": "最近20天内有1笔orders"}},
                {"metric": "count", "now": 1, "needed": ">= 3", "more": 2,
                 "text": {"en": "2 more orders", "zh": "再来2笔orders"}}
            ],
            "do": {"as_of": TODAY, "events": [{"source": "orders", "events": 2, "amount": 0, "days": 1}],
                   "text": {"en": "2 more orders", "zh": "再来2笔orders"}}
        })
    );
}

#[test]
fn a_model_is_described_in_words() {
    let model: Model = r#"{"name": "small", "label": {"en": "Small", "zh": "小模型"}, "about": {"en": "Who stays.", "zh": "谁会留下。"},
        "parameters": {"risk_days": 30}, "sources": {"orders": {"zh": "订单"}},
        "attributes": {"is_test": "boolean", "city": {"type": "text", "label": {"zh": "城市"}}},
        "population": "not is_test",
        "metrics": {"idle": "recency(orders)", "spent": {"value": "monetary(orders, 365)", "label": {"en": "Spend", "zh": "消费"}}},
        "scores": {"r": {"of": "idle", "best": "low", "cuts": [90, "risk_days"]}, "m": {"of": "spent", "quantile": 5}},
        "dimensions": {"value": {"layers": [{"name": "high", "label": {"zh": "高"}, "when": "spent >= 500"}]}},
        "layers": [{"name": "best", "label": {"en": "Best"}, "when": "value = 'high' and (idle <= risk_days or city in ('a', 'b'))"},
                   {"name": "cell", "when": "code(r, m) in ('35', '34')"}],
        "default": {"name": "other"}}"#
        .parse()
        .unwrap();
    assert_eq!(
        describe(&model, Lang::En),
        "Small (small)\n\
         Who stays.\n\
         Parameters:\n\
         - risk_days: 30\n\
         Counted: not is_test\n\
         Metrics:\n\
         - idle: days since the last order\n\
         - Spend (spent): net amount of orders in the last 365 days\n\
         Scores:\n\
         - r: idle, scored 1 to 3, low is best, fixed cuts; 2 at most 90, 3 at most 30\n\
         - m: Spend, scored 1 to 5, high is best, equal shares; not calibrated yet\n\
         Dimension value, the first that fits:\n\
         - high: Spend at least 500\n\
         - no value for everybody else\n\
         Layers, the first that fits:\n\
         - Best (best): value is high and (idle at most 30 (risk_days) or city is one of a, b)\n\
         - cell: code (r, m) is one of 34, 35\n\
         - other: everybody else"
    );
    assert_eq!(
        describe(&model, Lang::Zh),
        "小模型（small）\n\
         谁会留下。\n\
         参数：\n\
         - risk_days：30\n\
         统计范围：非is_test\n\
         指标：\n\
         - idle：距最近一次订单的天数\n\
         - 消费（spent）：近365天订单净额\n\
         评分：\n\
         - r：idle，分为1到3分，越低越好，固定分界；2分：不超过90，3分：不超过30\n\
         - m：消费，分为1到5分，越高越好，等份；尚未校准\n\
         维度value，取第一个符合的：\n\
         - 高（high）：消费至少500\n\
         - 其余所有人无值\n\
         层级，取第一个符合的：\n\
         - best：value为高，且（idle不超过30（risk_days），或城市为a、b之一）\n\
         - cell：代码（r、m）为34、35之一\n\
         - other：其余所有人"
    );
}
