-- Between the first load and today: six articles came, nine changed.
INSERT INTO articles (art_no, title, maker_id, group_no, net_price, weight_g)
SELECT 'C33-9' || n, 'Steel flask ' || n || '.5 l', 19, 'C33', 18.95 + n, 200 + n * 90
FROM generate_series(1, 6) AS n;

UPDATE articles SET net_price = net_price - 4 WHERE group_no = 'P1' AND art_no <= 'P1-090';
