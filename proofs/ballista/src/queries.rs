//! Tables and queries like those of TPC-H, at about a hundredth of its size. The values are computed from the row
//! number, and are integers, so that the order in which they are added up doesn't matter.

/// The tables, and the query that makes each.
pub const TABLES: [(&str, &str); 6] = [
    (
        "region",
        "SELECT value AS r_regionkey, concat('region ', value) AS r_name
         FROM generate_series(0, 4)",
    ),
    (
        "nation",
        "SELECT value AS n_nationkey, concat('nation ', value) AS n_name, value % 5 AS n_regionkey
         FROM generate_series(0, 24)",
    ),
    (
        "supplier",
        "SELECT value AS s_suppkey, value * 7 % 25 AS s_nationkey FROM generate_series(1, 100)",
    ),
    (
        "customer",
        "SELECT value AS c_custkey, concat('customer ', value) AS c_name,
                value * 11 % 25 AS c_nationkey, concat('segment ', value % 5) AS c_mktsegment
         FROM generate_series(1, 1500)",
    ),
    (
        "orders",
        "SELECT value AS o_orderkey, value * 7919 % 1500 + 1 AS o_custkey,
                arrow_cast(arrow_cast(8035 + value * 31 % 2406, 'Int32'), 'Date32') AS o_orderdate,
                concat('priority ', value % 5) AS o_orderpriority, value % 3 AS o_shippriority
         FROM generate_series(1, 15000)",
    ),
    (
        "lineitem",
        "SELECT (value - 1) / 4 + 1 AS l_orderkey, (value - 1) % 4 + 1 AS l_linenumber,
                value * 7907 % 100 + 1 AS l_suppkey, value * 31 % 50 + 1 AS l_quantity,
                (value * 7901 % 9000 + 1000) * (value * 31 % 50 + 1) AS l_extendedprice,
                value * 13 % 11 AS l_discount, value * 17 % 9 AS l_tax,
                concat('flag ', value * 5 % 3) AS l_returnflag,
                concat('status ', value % 2) AS l_linestatus,
                arrow_cast(arrow_cast(8036 + value * 37 % 2500, 'Int32'), 'Date32') AS l_shipdate,
                concat('mode ', value * 3 % 7) AS l_shipmode
         FROM generate_series(1, 60000)",
    ),
];

/// The queries, by what they are called in TPC-H.
pub const QUERIES: [(&str, &str); 7] = [
    (
        "1, pricing summary",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS quantity,
                sum(l_extendedprice) AS base_price,
                sum(l_extendedprice * (100 - l_discount)) AS discounted,
                sum(l_extendedprice * (100 - l_discount) * (100 + l_tax)) AS charge,
                avg(l_quantity) AS average, count(*) AS n
         FROM lineitem WHERE l_shipdate <= DATE '1998-09-02'
         GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus",
    ),
    (
        "3, shipping priority",
        "SELECT l_orderkey, sum(l_extendedprice * (100 - l_discount)) AS revenue, o_orderdate,
                o_shippriority
         FROM customer, orders, lineitem
         WHERE c_mktsegment = 'segment 1' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
           AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
         GROUP BY l_orderkey, o_orderdate, o_shippriority
         ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10",
    ),
    (
        "4, order priority",
        "SELECT o_orderpriority, count(*) AS n FROM orders
         WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-10-01'
           AND EXISTS (SELECT 1 FROM lineitem
                       WHERE l_orderkey = o_orderkey AND l_shipdate < DATE '1996-01-01')
         GROUP BY o_orderpriority ORDER BY o_orderpriority",
    ),
    (
        "5, local supplier volume",
        "SELECT n_name, sum(l_extendedprice * (100 - l_discount)) AS revenue
         FROM customer, orders, lineitem, supplier, nation, region
         WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey
           AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey
           AND n_regionkey = r_regionkey AND r_name = 'region 2'
         GROUP BY n_name ORDER BY revenue DESC, n_name",
    ),
    (
        "6, forecast revenue",
        "SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
         WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
           AND l_discount BETWEEN 5 AND 7 AND l_quantity < 24",
    ),
    (
        "10, returned items",
        "SELECT c_custkey, c_name, sum(l_extendedprice * (100 - l_discount)) AS revenue, n_name
         FROM customer, orders, lineitem, nation
         WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_returnflag = 'flag 1'
           AND o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1994-01-01'
           AND c_nationkey = n_nationkey
         GROUP BY c_custkey, c_name, n_name ORDER BY revenue DESC, c_custkey LIMIT 20",
    ),
    (
        "12, shipping modes",
        "SELECT l_shipmode,
                sum(CASE WHEN o_orderpriority = 'priority 1' THEN 1 ELSE 0 END) AS high,
                sum(CASE WHEN o_orderpriority <> 'priority 1' THEN 1 ELSE 0 END) AS low
         FROM orders, lineitem
         WHERE o_orderkey = l_orderkey AND l_shipmode IN ('mode 1', 'mode 2')
           AND o_orderdate < l_shipdate
         GROUP BY l_shipmode ORDER BY l_shipmode",
    ),
];
