SELECT regexp_replace(f, '^.*/input/', '') AS f FROM d.t ORDER BY 1
