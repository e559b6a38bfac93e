INSERT INTO analytics.strata_layers (model, version, layer, layer_order, rank, label_en, label_zh)
VALUES ('care', 2, 'hot', 1, 1, 'Hot', '活跃'),
       ('care', 2, 'cold', 2, 2, 'cold', 'cold')
