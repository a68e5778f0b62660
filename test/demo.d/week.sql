-- a new maker and a new line of goods: brand, categories, then the products
INSERT INTO makers (maker_id, maker_name, country) VALUES (25, 'Vélo & Fils', 'FR');
INSERT INTO art_groups (group_no, parent_no, title, sort_pos)
VALUES ('B', NULL, 'Bikepacking', 480), ('B1', 'B', 'Frame bags', 490);
INSERT INTO articles (art_no, title, descr_html, maker_id, group_no, net_price, weight_g, ean)
SELECT 'B1-' || n, 'Frame bag No. ' || n, '<p>' || n / 10.0 || ' l</p>', 25, 'B1',
    n / 2 + 0.95, 100 + n, 3760000000000 + n
FROM generate_series(10, 48) AS n;

-- prices go up by three per cent, for clothing and climbing gear
UPDATE articles SET net_price = round(net_price * 1.03, 2) WHERE group_no ~ '^[WK]';

-- a category moves, a maker is renamed, the mugs are sold out
UPDATE art_groups SET parent_no = 'C' WHERE group_no = 'C23';
UPDATE makers SET maker_name = 'Halla Mountain' WHERE maker_id = 23;
DELETE FROM articles WHERE group_no = 'R4' AND art_no > 'R4-100';

-- one article is changed three times
UPDATE articles SET status = 'P' WHERE art_no = 'C12-040';
UPDATE articles SET status = 'A' WHERE art_no = 'C12-040';
UPDATE articles SET net_price = 0.0725 WHERE art_no = 'C12-040';

-- somebody pastes a whole description into a title
UPDATE articles SET title = title || ': ' || repeat('waterproof, windproof, ', 12)
WHERE art_no = 'P3-010';
