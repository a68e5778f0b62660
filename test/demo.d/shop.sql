-- An old shop system's tables, as they were on the day of the first load.
--
-- The content is made up, the same way each time: 24 makers, 47 groups down to
-- four levels, 528 articles.

CREATE TABLE makers (
    maker_id    integer PRIMARY KEY,
    maker_name  text NOT NULL,
    country     char(2),
    changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE art_groups (
    group_no    text PRIMARY KEY,
    parent_no   text REFERENCES art_groups,
    title       text NOT NULL,
    text_html   text,
    sort_pos    integer,
    active      char(1) NOT NULL DEFAULT 'Y',
    changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE articles (
    art_no      text PRIMARY KEY,
    title       text NOT NULL,
    descr_html  text,
    maker_id    integer REFERENCES makers,
    group_no    text NOT NULL REFERENCES art_groups,
    net_price   numeric(12,4) NOT NULL,
    list_price  numeric(12,4),
    weight_g    integer,
    ean         text,
    status      char(1) NOT NULL DEFAULT 'A',       -- A on sale, P paused
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- What the shop's own code does.
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN new.changed_at := now(); RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON articles FOR EACH ROW EXECUTE FUNCTION touch();

INSERT INTO makers (maker_id, maker_name, country) VALUES
    (1, 'Fjällström', 'SE'), (2, 'O''Grady & Sons', 'IE'), (3, 'Müller "Profi"', 'DE'),
    (4, 'L''Étoile du Nord', 'FR'), (5, 'Pine\Harbor', 'US'), (6, '漢字堂', 'JP'),
    (7, 'Łódź Outdoor', 'PL'), (8, '100% Wool', 'NZ'), (9, 'Señor Río', 'ES'),
    (10, 'A.T.L.A.S.', NULL), (11, 'Čapek', 'CZ'), (12, 'Þórsmörk', 'IS'),
    (13, 'Big Sky', 'US'), (14, 'C+C Ropes', 'GB'), (15, 'Ørsted', 'DK'),
    (16, 'Alpen-Glück', 'AT'), (17, 'Kestrel', 'GB'), (18, 'Nomad #1', NULL),
    (19, 'Tundra', 'FI'), (20, 'Weiß & Grün', 'DE'), (21, 'Grizzly', 'CA'),
    (22, 'Öxi', 'CH'), (23, 'Halla', 'KR'), (24, 'Mistral', 'FR');

INSERT INTO art_groups (group_no, parent_no, title, sort_pos, text_html)
SELECT group_no, parent_no, title, (row_number() OVER ())::integer * 10,
    CASE WHEN length(title) % 4 > 0 THEN
        format('<h2>%1$s</h2><p>Everything for <em>%1$s</em>, all year.</p>',
            replace(replace(title, '&', '&amp;'), '<', '&lt;')) END
FROM (VALUES
    ('C', NULL, 'Camping'),
    ('C1', 'C', 'Tents'), ('C11', 'C1', 'Small tents'), ('C111', 'C11', '1 person'),
    ('C112', 'C11', '2 persons'), ('C12', 'C1', 'Family tents'), ('C13', 'C1', 'Tarps & shelters'),
    ('C2', 'C', 'Sleeping'), ('C21', 'C2', 'Sleeping bags'), ('C211', 'C21', 'Down'),
    ('C212', 'C21', 'Synthetic'), ('C22', 'C2', 'Mats < 1 kg'), ('C23', 'C2', 'Hammocks'),
    ('C3', 'C', 'Cooking'), ('C31', 'C3', 'Stoves'), ('C32', 'C3', 'Pots & pans'),
    ('C33', 'C3', 'Water: bottles, filters'),
    ('K', NULL, 'Climbing'),
    ('K1', 'K', 'Ropes'), ('K11', 'K1', 'Single'), ('K12', 'K1', 'Half / twin'),
    ('K2', 'K', 'Harnesses'), ('K3', 'K', 'Hardware'), ('K31', 'K3', 'Carabiners'),
    ('K32', 'K3', 'Quickdraws'), ('K33', 'K3', 'Nuts & cams'), ('K4', 'K', 'Helmets'),
    ('W', NULL, 'Clothing'),
    ('W1', 'W', 'Men'), ('W11', 'W1', 'Jackets'), ('W12', 'W1', 'Trousers'),
    ('W13', 'W1', 'Base layers'),
    ('W2', 'W', 'Women'), ('W21', 'W2', 'Jackets'), ('W22', 'W2', 'Trousers'),
    ('W23', 'W2', 'Base layers'), ('W3', 'W', 'Kids'' wear'), ('W4', 'W', 'Hats, gloves, "buffs"'),
    ('P', NULL, 'Packs & bags'), ('P1', 'P', 'Day packs'), ('P2', 'P', 'Trekking packs'),
    ('P3', 'P', 'Dry bags'),
    ('R', NULL, 'Repair & spares'), ('R1', 'R', 'Screws, bolts, rivets'),
    ('R2', 'R', 'Cord by the metre'), ('R3', 'R', 'Buckles & clips'),
    ('R4', 'R', 'Café «Été» – mugs')) AS g (group_no, parent_no, title);

INSERT INTO articles (art_no, title, descr_html, maker_id, group_no, net_price, list_price,
    weight_g, ean, status)
SELECT group_no || '-' || lpad((k * 10)::text, 3, '0'),
    title || CASE WHEN n % 75 = 0 THEN
        ' – ' || rpad('with ' || repeat('reinforced corners, taped seams, ', 8), 180) ELSE '' END,
    CASE WHEN n % 9 > 0 THEN
        format('<p>The <strong>%s</strong> &ndash; %s g.</p><ul><li>size 12" &times; %s&#8242;</li>'
               '<li>made for &quot;%s&quot;</li></ul>', title, weight, k, noun) END,
    CASE WHEN n % 13 > 0 THEN (k * 7 + leaf * 11) % 24 + 1 END,
    group_no, price,
    CASE WHEN n % 5 = 0 THEN price * 1.25 END,
    CASE WHEN n % 37 > 0 THEN weight END,
    CASE WHEN n % 3 = 0 THEN (4006381000000 + n * 1117)::text END,
    CASE WHEN n % 40 = 0 THEN 'P' ELSE 'A' END
FROM (
    SELECT *, (leaf - 1) * 16 + k AS n,
        (ARRAY['Alta', 'Bivvy', 'Cirrus', 'Dovre', 'Ember', 'Fjord', 'Glacier', 'Hekla', 'Inari',
               'Jura', 'Kebne', 'Lofoten', 'Mistral', 'Nordkap', 'Ötzi', 'Påske'])
            [(k * 5 + leaf * 3) % 16 + 1] || ' ' || nouns[k % cardinality(nouns) + 1] AS title,
        nouns[k % cardinality(nouns) + 1] AS noun,
        -- 19.95, 0.0725, ...: prices that binary fractions cannot hold
        CASE WHEN base < 1 THEN base + (k - 1) * 0.0125
             ELSE floor(base * (60 + k * 6) / 100) + 0.95 END AS price,
        grams * (12 + k) / 20 AS weight
    FROM (VALUES
        (1, 'C111', 'tent 1P, ultralight tent 1P, bivi tent', 249, 1400),
        (2, 'C112', 'tent 2P, tunnel tent 2P, dome tent 2P', 329, 2300),
        (3, 'C12', 'family tent 4P, family tent 6P', 599, 8900),
        (4, 'C13', 'tarp 3 × 3 m, wing, beach shelter', 89, 900),
        (5, 'C211', 'down bag -5 °C, down bag -18 °C', 379, 1100),
        (6, 'C212', 'synthetic bag +3 °C, summer bag', 119, 1300),
        (7, 'C22', 'air mat, foam mat, insulated mat', 79, 620),
        (8, 'C23', 'hammock, hammock "double", bug net', 59, 480),
        (9, 'C31', 'gas stove, multi-fuel stove, wood stove', 69, 350),
        (10, 'C32', 'titanium pot 0.9 l, pan Ø 20 cm, kettle', 39, 260),
        (11, 'C33', 'bottle 1 l, water filter, water bag 4 l', 24, 190),
        (12, 'K11', 'single rope 9.8 mm × 60 m, gym rope 10 mm × 40 m', 149, 3700),
        (13, 'K12', 'half rope 8.5 mm, twin rope 7.7 mm', 139, 2900),
        (14, 'K2', 'harness, alpine harness, kids'' harness', 64, 410),
        (15, 'K31', 'HMS carabiner, wiregate, snapgate', 12, 62),
        (16, 'K32', 'quickdraw 12 cm, quickdraw 17 cm, set of 6', 17, 105),
        (17, 'K33', 'nut set, cam #2, hex', 44, 130),
        (18, 'K4', 'helmet, helmet "light & safe"', 74, 290),
        (19, 'W11', 'rain jacket, softshell, down jacket', 189, 540),
        (20, 'W12', 'zip-off trousers, rain trousers', 99, 430),
        (21, 'W13', 'merino shirt, merino tights', 69, 210),
        (22, 'W21', 'women''s rain jacket, women''s softshell', 189, 480),
        (23, 'W22', 'women''s trousers, women''s shorts', 89, 360),
        (24, 'W23', 'women''s merino shirt, women''s merino tights', 69, 180),
        (25, 'W3', 'kids'' fleece, kids'' rain suit', 49, 300),
        (26, 'W4', 'beanie, liner gloves, tube scarf', 19, 70),
        (27, 'P1', 'day pack 18 l, day pack 24 l', 79, 720),
        (28, 'P2', 'trekking pack 55+10 l, trekking pack 70 l', 199, 2100),
        (29, 'P3', 'dry bag 8 l, dry bag 20 l', 17, 90),
        (30, 'R1', 'M4 × 16 bolt, tent-pole rivet', 0.0725, 4),
        (31, 'R2', 'accessory cord 3 mm / m, shock cord / m', 0.45, 12),
        (32, 'R3', 'side-release buckle, ladder lock', 2, 14),
        (33, 'R4', 'enamel mug, tin cup «soleil»', 9, 160))
        AS l (leaf, group_no, noun_list, base, grams),
        string_to_array(noun_list, ', ') AS nouns,
        generate_series(1, 16) AS k) AS a;
