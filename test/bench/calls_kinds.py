"""The kinds of rows whose calls are counted, beside the least that the API's documentation allows."""


def requests(rows, size):
    """So many rows in requests of this size."""
    return -(-rows // size)


def _by(size):
    return lambda n: requests(n, size)


# ---- what the rows are -----------------------------------------------------------

PRODUCT = {"type": "'physical'", "weight": "1", "price": "1"}
_ALONE = dict(PRODUCT, name="'Product ' || id", sku="'S' || id")
_PRODUCT_ID = "bcdelta.ref('p', parent)"
_CUSTOMER = ("customer", {"email": "'p' || id || '@example.org'", "first_name": "'F'", "last_name": "'L'"})
_OPTION = "jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', 'S' || id %% %s))"
_VARIANT = {"product_id": _PRODUCT_ID, "sku": "'V' || id || CASE WHEN w > 1 THEN '-' || w ELSE '' END", "price": "v"}
_ADDRESS = {"first_name": "'F'", "last_name": "'L'", "address1": "'Street ' || v", "city": "'Bergen'", "state_or_province": "''",
            "postal_code": "'5003'", "country_code": "'NO'"}


_FIRST_VARIANT = ("", 1, 4, "look-up, options, option, create: alone, to see whether a batch creates it (described in text only)")


def _element(**members):
    return "jsonb_build_array(jsonb_build_object(%s))" % ", ".join("'%s', %s" % item for item in members.items())


# ---- what is done with them ------------------------------------------------------

# After the rows are made: a change (VERIFY: no push, but a verify), the least
# number of calls by the number of rows, and why.
CHANGED, OTHER, GONE, VERIFY, NEW = "UPDATE t SET v = v + 1", "UPDATE t SET w = w + 1", "DELETE FROM t", None, ""


def _checked(size=250, count=1):
    return ("verify", VERIFY, lambda n: requests(n, size) + count, "list by %d%s" % (size, ", count" if count else ""))


# The kind, the resource, most rows, how they are made (see calls.Rows), and what
# is done with them.
KINDS = (
    ("brands", "brand", None, dict(per=0, fields={"name": "'Brand ' || id", "page_title": "v::text"}), (
        ("new", NEW, lambda n: n + 1, "list by 250 (none), create by 1"),
        ("changed", CHANGED, _by(1), "update by 1"),
        _checked(),
        ("deleted", GONE, _by(1), "delete by 1"))),

    # -- variants and stock
    ("variants of new products", "variant", None, dict(
        per=10, together=True, fields=dict(_VARIANT, option_values=_OPTION % "10")), (
            ("both new", NEW, lambda n: n // 10 + requests(n // 10, 250) + requests(n, 250),
             "look-up of products by 250, create by 1 with its variants, these listed by 250"),)),
    ("variants of products that exist", "variant", None, dict(
        per=10, first=_FIRST_VARIANT, product={"inventory_tracking": "'variant'"}, fields=dict(_VARIANT, option_values=_OPTION % "10")), (
            ("new", NEW, lambda n: requests(n, 250) + requests(n // 10, 10) + n // 10 + requests(n, 50),
             "look-up by 250, options of 10 products, option by 1, create by 50 (described in text only)"),
            ("price", CHANGED, _by(50), "update by 50"),
            ("SKU", OTHER, _by(1), "update by 1"),
            _checked(),
            ("deleted", GONE, _by(1), "delete by 1"))),
    ("variants with new values of options", "variant", None, dict(
        per=10, first=_FIRST_VARIANT, fields=dict(_VARIANT, option_values=_OPTION % "10 + 100 * (v - 1)")), (
            ("the first half", "DELETE FROM t WHERE id % 2 = 1",
             lambda n: requests(n // 2, 250) + requests(n // 10, 10) + n // 10 + requests(n // 2, 50), "as above"),
            ("the others, with values that are new", "INSERT INTO t SELECT id + 1, parent, 1 FROM t",
             lambda n: requests(n // 2, 250) + 2 * requests(n // 10, 10) + n // 2 + requests(n // 2, 50),
             "look-up by 250, options of 10 products before and after, value by 1, create by 50"))),
    ("variants that are hidden", "variant", None, dict(
        per=10, on_delete="hide", first=_FIRST_VARIANT, fields=dict(_VARIANT, option_values=_OPTION % "10")), (
            ("new", NEW, lambda n: requests(n, 250) + requests(n // 10, 10) + n // 10 + requests(n, 50), "as above"),
            ("hidden", GONE, _by(50), "purchasing_disabled by 50"))),
    ("stock of two locations", "inventory", None, dict(
        per=2, locations=[{"id": 1}, {"id": 2}], product={"inventory_tracking": "'product'"},
        fields={"location_id": "id % 2 + 1", "product_id": _PRODUCT_ID, "quantity": "v", "safety_stock": "w"}), (
            ("new", NEW, lambda n: requests(n, 2000) + 2 * requests(n // 2, 2000), "absolute by 2,000, settings of a location by 2,000"),
            ("quantity", CHANGED, _by(2000), "absolute by 2,000"),
            ("settings", OTHER, lambda n: 2 * requests(n // 2, 2000), "settings of a location by 2,000"),
            _checked(1000, 0))),
    ("stock, by differences", "inventory", None, dict(
        per=1, options={"adjustment": "relative"}, product={"inventory_tracking": "'product'"},
        fields={"location_id": "1", "product_id": _PRODUCT_ID, "quantity": "v"}), (
            ("new", NEW, _by(2000), "absolute by 2,000"),
            ("changed", CHANGED, _by(2000), "relative by 2,000"))),

    # -- prices
    ("price lists", "price_list", 100, dict(per=0, price_lists=[], fields={"name": "'List ' || id || ' ' || v"}), (
        ("new", NEW, lambda n: n + 1, "list by 250 (none), create by 1"),
        ("changed", CHANGED, _by(1), "update by 1"),
        _checked(),
        ("deleted", GONE, _by(1), "delete by 1"))),
    ("price records", "price_record", None, dict(
        per=1, price_lists=[1], fields={"price_list_id": "1", "currency": "'usd'", "sku": "'P' || parent", "price": "v"}), (
            ("new", NEW, _by(1000), "upsert by 1,000"),
            ("changed", CHANGED, _by(1000), "upsert by 1,000"),
            _checked(count=0),
            ("deleted", GONE, _by(250), "delete by 250"))),
    ("price list assignments", "price_list_assignment", None, dict(
        per=0, price_lists=[1, 2], price_groups=list(range(1, 10001)),
        fields={"price_list_id": "v", "customer_group_id": "id", "channel_id": "1"}), (
            ("new", NEW, _by(25), "post by 25"),
            ("another list", CHANGED, _by(1), "put by 1"),
            _checked(count=0),
            ("deleted", GONE, _by(1), "delete by 1: there is no list of groups"))),

    # -- what belongs to products
    ("channels of products", "channel_assignment", None, dict(
        per=1, fields={"product_id": _PRODUCT_ID, "channel_id": "1"}), (
            ("new", NEW, _by(50), "put by 50"),
            _checked(count=0),
            ("deleted", GONE, _by(250), "delete by 250 of a channel"))),
    ("categories of products", "category_assignment", None, dict(
        per=1, beside=(("category", {"name": "'Category ' || id", "parent_id": "0"}),),
        fields={"product_id": _PRODUCT_ID, "category_id": "bcdelta.ref('b1', 1)"}), (
            ("new", NEW, _by(50), "put by 50"),
            _checked(count=0),
            ("deleted", GONE, _by(250), "delete by 250 of a category"))),
    ("metafields of products", "product_metafield", None, dict(
        per=1, fields={"resource_id": _PRODUCT_ID, "namespace": "'erp'", "key": "'a'", "value": "v::text", "permission_set": "'read'"}), (
            ("new", NEW, lambda n: 1 + requests(n, 250), "list by 250 (none), create by 250 (assumed)"),
            ("changed", CHANGED, _by(250), "update by 250 (assumed)"),
            _checked(),
            ("deleted", GONE, _by(250), "delete by 250 (assumed)"))),
    ("custom field of products", "product", None, dict(
        per=0, first=("UPDATE t SET v = v + 1", 10, 5, "update of ten, and two reads, an update and a removal to see whether it keeps other fields (documented nowhere)"), fields=dict(_ALONE, price="w", custom_fields=_element(name="'A'", value="v::text"))), (
            ("new", NEW, lambda n: n + requests(n, 250), "look-up by 250, in the create"),
            ("changed", CHANGED, _by(10), "update by 10"),
            ("changed, and the price", "UPDATE t SET v = v + 1, w = w + 1", _by(10), "update by 10"),
            _checked())),
    ("images of products", "product", None, dict(
        per=0, fields=dict(_ALONE, images=_element(image_url="'https://example.org/' || id || '.png'", description="'Picture ' || v"))), (
            ("new", NEW, lambda n: n + requests(n, 250), "look-up by 250, in the create"),
            ("changed", CHANGED, _by(1), "update by 1"),
            _checked())),
    ("videos of products", "product", None, dict(
        per=0, fields=dict(_ALONE, videos=_element(type="'youtube'", video_id="'v' || id", title="'Film ' || v"))), (
            ("new", NEW, lambda n: n + requests(n, 250), "look-up by 250, in the create"),
            ("changed", CHANGED, _by(1), "update by 1"),
            _checked())),
    ("bulk prices of products", "product", None, dict(
        per=0, fields=dict(_ALONE, price="1000", bulk_pricing_rules=_element(
            quantity_min="10", quantity_max="19", type="'price'", amount="v"))), (
                ("new", NEW, lambda n: n + requests(n, 250), "look-up by 250, in the create"),
                ("changed", CHANGED, _by(1), "update by 1"),
                _checked())),
    ("channels of products, in their mapping", "product", None, dict(per=0, fields=dict(_ALONE, channels="ARRAY[1]")), (
        ("new", NEW, lambda n: n + 2 * requests(n, 250) + requests(n, 50), "look-up by 250, create by 1, read by 250, put by 50"),
        _checked())),
    ("modifier with two values", "product", None, dict(
        per=0, fields=dict(_ALONE, modifiers="jsonb_build_array(jsonb_build_object('type', 'dropdown', 'display_name', 'M', 'required', true,"
                           " 'option_values', jsonb_build_array(jsonb_build_object('label', 'A', 'sort_order', v),"
                           " jsonb_build_object('label', 'B', 'sort_order', 0))))")), (
            ("new", NEW, lambda n: 2 * n + requests(n, 250), "look-up by 250, create by 1, modifier by 1"),
            ("changed", CHANGED, _by(1), "value by 1"),
            _checked(10))),

    # -- customers
    ("customers", "customer", None, dict(
        per=0, fields={"email": "'c' || id || '@example.org'", "first_name": "'F' || v", "last_name": "'L'"}), (
            ("new", NEW, lambda n: requests(n, 10) + requests(n, 10), "look-up by 10 addresses (assumed), create by 10"),
            ("changed", CHANGED, _by(10), "update by 10"),
            _checked(),
            ("deleted", GONE, _by(100), "delete by 100 (assumed)"))),
    ("customers with an address and a form field", "customer", None, dict(
        per=0, form_fields=["Size"], fields={
            "email": "'c' || id || '@example.org'", "first_name": "'F'", "last_name": "'L'",
            "addresses": _element(**_ADDRESS), "form_fields": _element(name="'Size'", value="v::text")}), (
                ("new", NEW, lambda n: requests(n, 10) + requests(n, 10), "look-up by 10 addresses (assumed), create by 10"),
                ("form field", CHANGED, _by(10), "update by 10"))),
    ("addresses of customers", "customer_address", None, dict(
        per=1, above=_CUSTOMER, fields=dict(_ADDRESS, customer_id=_PRODUCT_ID)), (
            ("new", NEW, lambda n: requests(n, 250) + requests(n, 10), "look-up by 250 customers, create by 10 (assumed)"),
            ("changed", CHANGED, _by(10), "update by 10 (assumed)"),
            _checked(),
            ("deleted", GONE, _by(100), "delete by 100 (assumed)"))),
    ("attribute values of customers", "customer_attribute_value", None, dict(
        per=2, above=_CUSTOMER, beside=(("customer_attribute", {"name": "'A'", "type": "'string'"}),
                                        ("customer_attribute", {"name": "'B'", "type": "'string'"})),
        fields={"customer_id": _PRODUCT_ID, "attribute_id": "CASE id % 2 WHEN 0 THEN bcdelta.ref('b1', 1) ELSE bcdelta.ref('b2', 1) END",
                "value": "v::text"}), (
            ("new", NEW, lambda n: requests(n, 250) + requests(n // 2, 10), "look-up by 250, put for 10 customers"),
            ("changed", CHANGED, lambda n: requests(n // 2, 10), "put for 10 customers"),
            _checked(),
            ("deleted", GONE, _by(100), "delete by 100 (assumed)"))),
    ("metafields of customers", "customer_metafield", None, dict(
        per=1, above=_CUSTOMER, fields={
            "resource_id": _PRODUCT_ID, "namespace": "'erp'", "key": "'a'", "value": "v::text", "permission_set": "'read'"}), (
            ("new", NEW, lambda n: 1 + requests(n, 250), "list by 250 (none), create by 250 (assumed)"),
            ("changed", CHANGED, _by(250), "update by 250 (assumed)"),
            ("deleted", GONE, _by(1), "delete by 1: a list has no documented body"))),
    ("customer groups", "customer_group", 100, dict(per=0, fields={"name": "'Group ' || id || ' ' || v"}), (
        ("new", NEW, lambda n: n + 1, "list by 250 (none), create by 1"),
        ("changed", CHANGED, _by(1), "update by 1"),
        ("deleted", GONE, _by(1), "delete by 1"))),

    # -- others
    ("locations", "location", 90, dict(per=0, max_locations=1000, fields={
        "code": "'L' || id", "label": "'Location ' || id || ' ' || v", "type_id": "'VIRTUAL'", "time_zone": "'Etc/UTC'",
        "managed_by_external_source": "true", "enabled": "true"}), (
            ("new", NEW, lambda n: 2 + requests(n, 100), "list by 250 before and after, as the reply has no ids, create by 100 (assumed)"),
            ("changed", CHANGED, _by(100), "update by 100 (assumed)"),
            ("deleted", GONE, _by(100), "delete by 100 (assumed)"))),
    ("redirects", "redirect", None, dict(
        per=0, fields={"site_id": "1000", "from_path": "'/old/' || id",
                       "to": "jsonb_build_object('type', 'url', 'url', '/new/' || v)"}), (
            ("new", NEW, _by(50), "put by 50 (assumed)"),
            ("changed", CHANGED, _by(50), "put by 50 (assumed)"),
            _checked(),
            ("deleted", GONE, _by(250), "delete by 250 (assumed)"))),
)
